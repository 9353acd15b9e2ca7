#include "protocol/ip_address.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace larder::protocol {

namespace {

template <class Number>
std::optional<Number> whole_number(Bytes text, int base, Number max) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
    return value;
}

std::vector<Bytes> split(Bytes text, char separator) {
    std::vector<Bytes> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == Bytes::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

bool parse_v4(Bytes text, std::uint8_t* out) {
    const auto parts = split(text, '.');
    if (parts.size() != 4) return false;
    for (const auto part : parts) {
        // A leading zero is octal to some and decimal to others: neither is guessed.
        if (part.size() > 3 || (part.size() > 1 && part[0] == '0')) return false;
        const auto value = whole_number<unsigned>(part, 10, 255);
        if (!value) return false;
        *out++ = static_cast<std::uint8_t>(*value);
    }
    return true;
}

// Groups of 16 bits with colons between, the last two perhaps as an IPv4 address. Nothing: it is not that.
std::optional<std::vector<std::uint8_t>> parse_groups(Bytes text) {
    std::vector<std::uint8_t> out;
    if (text.empty()) return out;
    const auto parts = split(text, ':');
    if (parts.size() > 8) return std::nullopt;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i + 1 == parts.size() && parts[i].find('.') != Bytes::npos) {
            std::uint8_t v4[4];
            if (!parse_v4(parts[i], v4)) return std::nullopt;
            out.insert(out.end(), v4, v4 + 4);
            continue;
        }
        if (parts[i].size() > 4) return std::nullopt;
        const auto value = whole_number<unsigned>(parts[i], 16, 0xFFFF);
        if (!value) return std::nullopt;
        out.push_back(static_cast<std::uint8_t>(*value >> 8));
        out.push_back(static_cast<std::uint8_t>(*value & 0xFF));
    }
    return out;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(Bytes text) {
    IpAddress address;
    if (text.find(':') == Bytes::npos) return parse_v4(text, address.bytes.data()) ? std::optional(address) : std::nullopt;
    address.is_v6 = true;
    const auto gap = text.find("::");
    if (gap == Bytes::npos) {
        const auto groups = parse_groups(text);
        if (!groups || groups->size() != 16) return std::nullopt;
        std::copy(groups->begin(), groups->end(), address.bytes.begin());
        return address;
    }
    const auto head = parse_groups(text.substr(0, gap));
    const auto tail = parse_groups(text.substr(gap + 2));
    // The gap stands for one group of zeros at least; an IPv4 address stands at the end only.
    if (!head || !tail || head->size() + tail->size() > 14 || text.substr(0, gap).find('.') != Bytes::npos) return std::nullopt;
    std::copy(head->begin(), head->end(), address.bytes.begin());
    std::copy(tail->begin(), tail->end(), address.bytes.end() - static_cast<std::ptrdiff_t>(tail->size()));
    return address;
}

bool IpNetwork::holds(const IpAddress& address) const {
    if (address.is_v6 != base.is_v6) return false;
    for (std::size_t i = 0; i < address.bits() / 8; ++i) {
        if (((address.bytes[i] ^ base.bytes[i]) & mask.bytes[i]) != 0) return false;
    }
    return true;
}

IpNetwork IpNetwork::with_bits(const IpAddress& address, unsigned bits) {
    IpNetwork network{address, {}};
    network.mask.is_v6 = address.is_v6;
    for (unsigned i = 0; i < std::min(bits, address.bits()); ++i) network.mask.bytes[i / 8] |= static_cast<std::uint8_t>(0x80 >> (i % 8));
    return network;
}

}  // namespace larder::protocol
