// Helpers of the protocol tests: bodies of messages, and the body cut at every byte.
#pragma once

#include <string>

#include "base/bytes.h"
#include "protocol/decode_error.h"
#include "protocol/frame.h"

namespace larder::protocol {

// The body of the one message that `message` holds.
inline Bytes body_of(const std::string& message) {
    const FrameResult result = next_frame(message, kBackendFrameBytesMax);
    if (result.kind != FrameResult::Kind::frame || result.frame.whole.size() != message.size()) return "not one whole message";
    return result.frame.body;
}

// How many proper prefixes of `body` the decoder refuses. Each prefix is copied into memory of its own size, so that a
// sanitizer sees a read past its end.
template <class Decode>
std::size_t refused_prefixes(Bytes body, Decode decode) {
    std::size_t refused = 0;
    for (std::size_t size = 0; size < body.size(); ++size) {
        const std::string prefix{body.substr(0, size)};
        if (decode(Bytes{prefix}).has_error()) ++refused;
    }
    return refused;
}

// Decodes `message`, writes it again and compares; then checks that every cut and one byte more are refused.
template <class Message>
bool survives_round_trip(const std::string& message) {
    const auto decoded = Message::decode(body_of(message));
    if (!decoded) return false;
    std::string again;
    decoded->append_to(again);
    return again == message;
}

template <class Message>
bool refuses_every_cut(const std::string& message) {
    const Bytes body = body_of(message);
    return refused_prefixes(body, Message::decode) == body.size();
}

template <class Message>
bool refuses_trailing_byte(const std::string& message) {
    const std::string longer = std::string{body_of(message)} + 'x';
    const auto decoded = Message::decode(longer);
    return decoded.has_error() && decoded.error() == DecodeError::trailing_bytes;
}

}  // namespace larder::protocol
