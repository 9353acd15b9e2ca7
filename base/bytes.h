// Bytes: what every module passes around between the sockets.
//
// A run of bytes is a std::string_view throughout Larder. Most of the protocol is text, memcmp and hashing work on
// it directly, and the tests can write it as literals; std::byte would need a cast at each of these places.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace larder {

using Bytes = std::string_view;  // borrowed: valid only as long as the buffer it points into

// PostgreSQL's object identifier. Zero names no object (InvalidOid).
using Oid = std::uint32_t;

// Reads big-endian integers from unchecked memory. The caller has checked that enough bytes are there.
inline std::uint32_t load_be32(const char* at) {
    std::uint32_t v;
    std::memcpy(&v, at, sizeof v);
    return __builtin_bswap32(v);
}
inline std::uint16_t load_be16(const char* at) {
    std::uint16_t v;
    std::memcpy(&v, at, sizeof v);
    return __builtin_bswap16(v);
}
inline void store_be32(char* at, std::uint32_t v) {
    v = __builtin_bswap32(v);
    std::memcpy(at, &v, sizeof v);
}
inline void store_be16(char* at, std::uint16_t v) {
    v = __builtin_bswap16(v);
    std::memcpy(at, &v, sizeof v);
}

}  // namespace larder
