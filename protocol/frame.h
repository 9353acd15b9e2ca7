// Frame: one message of the wire, found in a buffer.
//
// A frame is a type byte, a big-endian int32 length that counts itself but not the type, and the body. The functions
// here look at a buffer and say what is at its start; they consume nothing, copy nothing and allocate nothing, whatever
// length the other side claims. Lengths are widened to 64 bits before any arithmetic.
//
// Two ways to read. next_frame() waits for a message to be whole, up to a limit. peek_header() gives type and total
// size as soon as the first five bytes are there, so that a session can pass on the pieces of a DataRow of a gigabyte
// without ever holding it.
//
// The limits are PostgreSQL's own (since 14), so nothing that PostgreSQL would accept is refused here.
// Threads: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace larder::protocol {

inline constexpr std::size_t kHeaderBytes = 5;                           // type and length
inline constexpr std::uint32_t kStartupBytesMax = 10'000;                // start-up packet without its length field
inline constexpr std::uint32_t kFrontendFrameBytesMax = 0x3fff'ffff;     // 1 GB - 1: what one palloc can hold
inline constexpr std::uint32_t kBackendFrameBytesMax = 0x3fff'ffff;      // the server builds messages in the same memory
inline constexpr std::uint32_t kSmallBodyBytesMax = 10'000 - 4;          // Describe, Execute, Sync …: PostgreSQL counts the length field
inline constexpr std::uint32_t kAuthenticationBodyBytesMax = 65'535 - 4;  // passwords, SASL and GSS tokens
inline constexpr std::uint32_t kBackendSmallBodyBytesMax = 30'000;       // short by nature; libpq draws the line here too
inline constexpr std::uint32_t kParameterStatusBytesMax = 1 << 20;       // a long search_path is reported by newer servers

enum class FrameError {
    bad_length,  // below 4, or negative
    too_long,    // more than the caller allows
};

struct Frame {
    char type = '\0';
    Bytes body;   // after the length
    Bytes whole;  // with type and length: what is forwarded
};

struct FrameResult {
    enum class Kind { need_more, frame, error };
    Kind kind = Kind::need_more;
    Frame frame;                                 // if kind is frame
    FrameError error = FrameError::bad_length;   // if kind is error
};

struct FrameHeader {
    char type = '\0';
    std::uint64_t total_bytes = 0;  // type, length and body. Unchecked: below kHeaderBytes, or up to 4 GB if the sender lies

    // No value if the length is impossible or the body larger than allowed.
    std::optional<FrameError> check(std::uint32_t body_bytes_max) const {
        if (total_bytes < kHeaderBytes || total_bytes > std::uint64_t{INT32_MAX} + 1) return FrameError::bad_length;
        if (total_bytes - kHeaderBytes > body_bytes_max) return FrameError::too_long;
        return std::nullopt;
    }
};

inline std::optional<FrameHeader> peek_header(Bytes buffer) {
    if (buffer.size() < kHeaderBytes) return std::nullopt;
    return FrameHeader{buffer[0], std::uint64_t{load_be32(buffer.data() + 1)} + 1};
}

// What is at the start of `buffer`. An error is reported as soon as the header is there.
inline FrameResult next_frame(Bytes buffer, std::uint32_t body_bytes_max) {
    FrameResult result;
    const auto header = peek_header(buffer);
    if (!header) return result;
    if (const auto error = header->check(body_bytes_max)) {
        result.kind = FrameResult::Kind::error;
        result.error = *error;
        return result;
    }
    if (buffer.size() < header->total_bytes) return result;
    const auto total = static_cast<std::size_t>(header->total_bytes);
    result.kind = FrameResult::Kind::frame;
    result.frame = Frame{header->type, Bytes{buffer.data() + kHeaderBytes, total - kHeaderBytes}, Bytes{buffer.data(), total}};
    return result;
}

// The same for the packets that open a connection, which have no type (Frame::type stays NUL) and a body of at least
// four bytes.
FrameResult next_startup_frame(Bytes buffer);

namespace detail {

inline constexpr std::uint32_t kNotAllowed = UINT32_MAX;
extern const std::array<std::uint32_t, 256> kFrontendBodyBytesMax;
extern const std::array<std::uint32_t, 256> kBackendBodyBytesMax;

inline std::optional<std::uint32_t> limit_of(const std::array<std::uint32_t, 256>& table, char type) {
    const std::uint32_t limit = table[static_cast<unsigned char>(type)];
    if (limit == kNotAllowed) return std::nullopt;
    return limit;
}

}  // namespace detail

// Body limit of a message that a logged-in client may send; nothing for a type that it may not.
inline std::optional<std::uint32_t> frontend_body_bytes_max(char type) {
    return detail::limit_of(detail::kFrontendBodyBytesMax, type);
}
// Before login is complete a client sends 'p' and nothing else.
inline std::optional<std::uint32_t> authentication_body_bytes_max(char type) {
    if (type != 'p') return std::nullopt;
    return kAuthenticationBodyBytesMax;
}
// Body limit of a message that a server may send; nothing for a type that it may not.
inline std::optional<std::uint32_t> backend_body_bytes_max(char type) { return detail::limit_of(detail::kBackendBodyBytesMax, type); }

}  // namespace larder::protocol
