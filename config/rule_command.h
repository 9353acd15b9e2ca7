// CREATE RULE, ALTER RULE and DROP RULE: rules made while Larder runs.
//
//   CREATE RULE name [BEFORE other] WITH (table = 'public.orders', ttl = '30s', max_stale = '5s')
//   ALTER RULE name {SET (ttl = '1min') | RESET (max_stale)} …
//   DROP RULE [IF EXISTS] name
//
// Names and keys are as PostgreSQL reads identifiers: folded to lower case, or in double quotes. Values are literals in single
// quotes, or single words. The keys are those of a [[rule]] and of its match; several tags stand in one value, with commas.
//
// Threads: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace larder::config {

using RuleOptions = std::map<std::string, std::string>;  // by key: "table", "ttl", …
// All keys there are: those of a match, then those of the rule itself.
const std::vector<std::string>& rule_option_keys();

struct RuleCommand {
    enum class Kind : std::uint8_t { create, alter, drop } kind = Kind::create;
    std::string name;
    std::string before;             // create: goes before this one; empty: after all that were made at run time
    bool if_exists = false;         // drop: fine if there is none
    RuleOptions set;
    std::vector<std::string> reset;
    std::optional<RuleOptions> expected = {};  // alter, drop: only if the rule is still this
};

// The name in "EXPLAIN RULE name". Throws ConfigError if the text is not that.
std::string parse_explain_rule(std::string_view text);

// The text begins as one of these commands does.
bool is_rule_command(std::string_view text);

// Throws ConfigError with a sentence if the text is not one of the three. Keys and values are not looked at.
RuleCommand parse_rule_command(std::string_view text);

// The CREATE RULE that makes this rule, and the DROP RULE that takes it away.
std::string print_create_rule(const std::string& name, const RuleOptions& options);
std::string print_drop_rule(const std::string& name);

}  // namespace larder::config
