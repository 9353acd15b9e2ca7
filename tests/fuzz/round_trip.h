// For the decoders' fuzz targets: what was accepted is written again and must be the same bytes.
#pragma once

#include <cstdlib>
#include <string>

#include "base/bytes.h"

namespace larder::fuzz {

inline void require(bool condition) {
    if (!condition) std::abort();
}

// `append` writes the decoded message; `head_bytes` are type and length, or length alone.
template <class Message, class Append>
void round_trip(Bytes body, std::size_t head_bytes, Append append) {
    const auto message = Message::decode(body);
    if (!message) return;
    std::string again;
    append(*message, again);
    require(again.size() == head_bytes + body.size());
    require(Bytes{again}.substr(head_bytes) == body);
}

template <class Message>
void round_trip(Bytes body) {
    round_trip<Message>(body, 5, [](const Message& message, std::string& out) { message.append_to(out); });
}

}  // namespace larder::fuzz
