// The file of the rules that were made at run time: [[rule]] tables and nothing else.
//
// Its last line says how many there are, so that a file that was cut (a full disk, a half copied backup) is not taken for one with
// fewer rules: a missing rule may be what keeps a statement out of the cache. A file that was written by hand needs no such line; one
// that Larder wrote may be changed by hand, and rules that are added behind the line do not count for it.
//
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace larder::config {

// All of it, as Larder writes it.
std::string print_rules_file(const std::vector<Rule>& rules);

// What the file holds; nothing if there is no such file. Throws ConfigError.
std::optional<std::string> read_rules_file(const std::string& file);
// Throws ConfigError with `origin` and the line.
std::vector<Rule> read_rules_text(const std::string& text, const std::string& origin);

}  // namespace larder::config
