// CRC-32C (Castagnoli, reflected), by which PostgreSQL guards the records of its write-ahead log (src/include/port/pg_crc32c.h).
//
// One table, one byte at a time. A value, for one thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace larder::protocol {

class Crc32c {
public:
    void add(Bytes bytes) {
        for (const char c : bytes) state_ = kTable[(state_ ^ static_cast<unsigned char>(c)) & 0xFF] ^ (state_ >> 8);
    }
    std::uint32_t value() const { return ~state_; }

private:
    static constexpr std::array<std::uint32_t, 256> kTable = [] {
        std::array<std::uint32_t, 256> table{};
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            std::uint32_t rest = byte;
            for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0x82F63B78U : 0);
            table[byte] = rest;
        }
        return table;
    }();
    std::uint32_t state_ = 0xFFFFFFFF;
};

}  // namespace larder::protocol
