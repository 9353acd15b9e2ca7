// The console's commands about rules: what is in force, what a rule matches, and CREATE, ALTER and DROP RULE.
//
// Threads: any. A change waits for the disk.
#pragma once

#include <string_view>

#include "base/console.h"
#include "config/rule_book.h"

namespace larder::admin {

ConsoleReply show_rules(const config::RuleBook& rules);
// EXPLAIN RULE name: what it matches of the statements that were counted so far.
ConsoleReply explain_rule(const config::RuleBook& rules, std::string_view text);
// `text`: one of config::is_rule_command().
ConsoleReply run_rule_command(config::RuleBook& rules, std::string_view text);

}  // namespace larder::admin
