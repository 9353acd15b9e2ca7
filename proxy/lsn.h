// Places in the write-ahead log as PostgreSQL writes them: 16/B374D848.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/wal_reader.h"

namespace larder::proxy {

inline std::string lsn_text(protocol::Lsn lsn) {
    char text[32];
    const int length = std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(lsn >> 32), static_cast<unsigned>(lsn));
    return {text, static_cast<std::size_t>(length)};
}

inline std::optional<protocol::Lsn> parse_lsn(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    std::uint32_t high = 0, low = 0;
    const char* const middle = text.data() + slash;
    const char* const end = text.data() + text.size();
    if (const auto [at, error] = std::from_chars(text.data(), middle, high, 16); error != std::errc{} || at != middle) return std::nullopt;
    if (const auto [at, error] = std::from_chars(middle + 1, end, low, 16); error != std::errc{} || at != end) return std::nullopt;
    return (protocol::Lsn{high} << 32) | low;
}

}  // namespace larder::proxy
