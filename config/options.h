// Every key of larder.toml, once: how it is read, printed, documented, and whether a reload can change it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/config.h"

namespace larder::config {

enum class OptionType : std::uint8_t { boolean, integer, size, duration, string, endpoint, choice };

struct Option {
    std::string_view section, key;
    OptionType type;
    bool needs_restart;
    std::string_view doc;       // one line
    std::string_view bounds;    // for people: "from 1 to 1000", or the words of a choice
    // Sets the value from its text. Returns what is wrong with it, or an empty string.
    std::string (*set)(Config& config, std::string_view text);
    // As it would stand in larder.toml after the equals sign.
    std::string (*print)(const Config& config);

    std::string name() const { return std::string(section) + "." + std::string(key); }
};

std::span<const Option> options();
// By "section.key"; null if there is none.
const Option* find_option(std::string_view name);

// A string as a TOML basic string, with its quotes.
std::string toml_string(std::string_view text);

}  // namespace larder::config
