// From file, environment and command line to a Config, and back to a self-documented file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/upstream_uri.h"

namespace larder::config {

// What is later goes before what is earlier: defaults, libpq's environment, the file, variables such as LARDER_CACHE_BYTES_MAX for each
// key, then `sets` ("section.key=value") in their order. `file` empty: none is read. Throws ConfigError; no message holds a password.
Config load(const std::string& file, const std::vector<std::string>& sets, const Environment& environment);
// With the process's environment, in which a variable that begins as one of a section's does and names no key is an error.
Config load(const std::string& file, const std::vector<std::string>& sets);

// "LARDER_CACHE_BYTES_MAX" of cache.bytes_max.
std::string variable_of(std::string_view section, std::string_view key);

// A larder.toml with every key, its value now and its documentation. Passwords are shown as ***.
std::string print_config(const Config& config);

// Keys whose values differ and that a reload cannot change, for a warning.
std::vector<std::string> changes_that_need_restart(const Config& before, const Config& after);
// What differs and counts after a reload: keys, and "[[rule]]" and "[[webhook]]" for any of those.
std::vector<std::string> changes_at_once(const Config& before, const Config& after);

// The first line of a file that holds a secret; empty for no file. Throws ConfigError if it cannot be read or is empty.
std::string read_secret(const std::string& file);

}  // namespace larder::config
