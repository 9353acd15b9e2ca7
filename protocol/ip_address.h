// IP addresses and networks as text, without the system's library: what a file of rules holds and what a socket says.
// Threads: values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace larder::protocol {

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};   // IPv4: the first four
    bool is_v6 = false;

    unsigned bits() const { return is_v6 ? 128 : 32; }
    bool operator==(const IpAddress&) const = default;

    // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1". Nothing: it is neither. A zone ("%eth0") is none.
    static std::optional<IpAddress> parse(Bytes text);
};

// Addresses that begin with the same bits. IPv4 and IPv6 never meet.
struct IpNetwork {
    IpAddress base;
    IpAddress mask;

    bool holds(const IpAddress& address) const;
    bool operator==(const IpNetwork&) const = default;

    // `bits` of the mask, at most address.bits().
    static IpNetwork with_bits(const IpAddress& address, unsigned bits);
};

}  // namespace larder::protocol
