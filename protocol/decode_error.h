// DecodeError: why a message body was refused.
//
// Decoders return Decoded<T>. A refusal never says how far the decoder came: the message is unusable as a whole, and
// the session answers with 08P01 (decode_error_message() in error.h has PostgreSQL's wording).
#pragma once

#include <stdexcept>

#include <boost/system/result.hpp>

namespace larder::protocol {

enum class DecodeError {
    truncated,              // the body ends before the message does, or a length in it points past the end
    trailing_bytes,         // the body goes on after the message
    unterminated_string,    // a string without its NUL
    bad_value,              // a byte or number that the protocol does not know at this place
    format_count_mismatch,  // format codes: neither none, nor one, nor one per value
    bad_startup_layout,     // start-up parameters that are not pairs, or lack the final NUL
    bad_key_length,         // a cancel key shorter than 4 or longer than 256 bytes
};

template <class T>
using Decoded = boost::system::result<T, DecodeError>;

// result::value() on a refusal is a bug of the caller: found by argument-dependent lookup, never meant to happen.
[[noreturn]] inline void throw_exception_from_error(DecodeError, const boost::source_location&) {
    throw std::logic_error("value() of a message that was refused");
}

}  // namespace larder::protocol
