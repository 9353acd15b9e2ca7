#include "admin/rule_console.h"

#include "admin/cells.h"

namespace larder::admin {

namespace {

using config::RuleError;

std::string_view sqlstate_of(RuleError::Kind kind) {
    switch (kind) {
        case RuleError::Kind::invalid: return "22023";
        case RuleError::Kind::not_found: return "42704";
        case RuleError::Kind::duplicate: return "42710";
        case RuleError::Kind::fixed: return "55000";
        case RuleError::Kind::changed_on_disk: return "55000";
        case RuleError::Kind::changed_meanwhile: return "40001";
        case RuleError::Kind::not_durable: return "58030";
        case RuleError::Kind::not_kept: return "58030";
    }
    return "XX000";
}

std::string_view tag_of(config::RuleCommand::Kind kind) {
    switch (kind) {
        case config::RuleCommand::Kind::create: return "CREATE RULE";
        case config::RuleCommand::Kind::alter: return "ALTER RULE";
        case config::RuleCommand::Kind::drop: return "DROP RULE";
    }
    return "";
}

std::optional<std::string> option_of(const config::RuleRow& rule, const std::string& key) {
    const auto found = rule.options.find(key);
    return found == rule.options.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

ConsoleReply show_rules(const config::RuleBook& rules) {
    ConsoleReply reply;
    reply.columns = {"position", "name", "made_in"};
    reply.columns.insert(reply.columns.end(), config::rule_option_keys().begin(), config::rule_option_keys().end());
    std::uint64_t position = 0;
    for (const auto& rule : rules.rules()) {
        auto& row = reply.rows.emplace_back();
        row = {number(++position), rule.name, rule.is_fixed ? "configuration" : "console"};
        for (const auto& key : config::rule_option_keys()) row.push_back(option_of(rule, key));
    }
    return reply;
}

ConsoleReply explain_rule(const config::RuleBook& rules, std::string_view text) {
    std::string name;
    try {
        name = config::parse_explain_rule(text);
    } catch (const config::ConfigError& e) {
        return failure("42601", e.what());
    }
    const auto found = rules.find(name);
    if (!found) return failure("42704", "rule \"" + name + "\" does not exist", "SHOW RULES lists them; a name that is not in lower case stands in double quotes.");
    const auto matched = rules.matches(found->options);
    ConsoleReply reply;
    reply.columns = {"name", "matching_shapes", "calls", "hits", "calls_last_hour", "hits_last_hour", "examples"};
    std::string examples;
    for (const auto& example : matched.examples) examples += (examples.empty() ? "" : "\n") + example;
    reply.rows.push_back({found->name, number(matched.shapes), number(matched.calls), number(matched.hits), number(matched.calls_last_hour), number(matched.hits_last_hour), examples});
    return reply;
}

ConsoleReply run_rule_command(config::RuleBook& rules, std::string_view text) {
    config::RuleCommand command;
    try {
        command = config::parse_rule_command(text);
    } catch (const config::ConfigError& e) {
        return failure("42601", e.what(), "As in: CREATE RULE r WITH (table = 'public.orders', max_stale = '5s'); ALTER RULE r SET (ttl = '1min'); DROP RULE r.");
    }
    try {
        rules.run(command);
    } catch (const RuleError& e) {
        return failure(sqlstate_of(e.kind()), e.what());
    }
    ConsoleReply reply;
    reply.tag = tag_of(command.kind);
    return reply;
}

}  // namespace larder::admin
