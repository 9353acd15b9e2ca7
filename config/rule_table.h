// The [[rule]] tables of larder.toml.
#pragma once

#include <string>
#include <vector>

#include <toml++/toml.h>

#include "config/config.h"

namespace larder::config {

// `node` is the value of the key "rule". Throws ConfigError with the line.
std::vector<Rule> read_rules(const toml::node& node, const std::string& origin);

// As it would stand in larder.toml.
std::string print_rule(const Rule& rule);

}  // namespace larder::config
