// The [[rule]] tables of larder.toml, and of the file with those that were made at run time (rules_file.h).
#pragma once

#include <string>
#include <vector>

#include <toml++/toml.h>

#include "config/config.h"
#include "config/rule_command.h"

namespace larder::config {

// `node` is the value of the key "rule". Throws ConfigError with the line.
std::vector<Rule> read_rules(const toml::node& node, const std::string& origin);

// As it would stand in larder.toml.
std::string print_rule(const Rule& rule);

// A rule from texts by key, checked as those of a file are. Throws ConfigError.
Rule make_rule(const std::string& name, const RuleOptions& options);
RuleOptions options_of(const Rule& rule);

}  // namespace larder::config
