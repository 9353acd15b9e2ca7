// Values of a DataRow in text format, as numbers and truth.
//
// For the few answers that Larder itself asks a server for. Nothing is returned unless the whole text is the value.
// Threads: pure functions.
#pragma once

#include <charconv>
#include <optional>

#include "base/bytes.h"

namespace larder::protocol {

template <class Integer>
std::optional<Integer> to_integer(Bytes text) {
    Integer value{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

inline std::optional<bool> to_bool(Bytes text) {
    if (text == "t") return true;
    if (text == "f") return false;
    return std::nullopt;
}

}  // namespace larder::protocol
