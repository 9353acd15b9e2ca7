#include "proxy/rule_store.h"

#include <algorithm>

#include "base/durable_file.h"
#include "base/log.h"
#include "config/rule_table.h"

namespace larder::proxy {

namespace {

using config::Rule;
using config::RuleCommand;
using config::RuleError;
using enum config::RuleError::Kind;

constexpr const char* kHeader =
    "# Rules made at run time. Larder writes this file anew with each CREATE RULE, ALTER RULE and DROP RULE; a change made here by hand\n"
    "# counts after a reload (SIGHUP).\n";

std::string print(const std::vector<Rule>& rules) {
    std::string text = kHeader;
    for (const auto& rule : rules) text += '\n' + config::print_rule(rule);
    return text;
}

auto named(const std::vector<Rule>& rules, const std::string& name) {
    return std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.name == name; });
}

Rule make_rule(const std::string& name, const config::RuleOptions& options) {
    try {
        return config::make_rule(name, options);
    } catch (const config::ConfigError& e) {
        throw RuleError(invalid, e.what());
    }
}

// What may be written but not read again would stop the next start.
void check_readable(const std::vector<Rule>& rules, const std::string& text) {
    try {
        if (print(config::read_rules_text(text, "the file of rules")) == text) return;
    } catch (const config::ConfigError& e) {
        throw RuleError(invalid, std::string("it could not be kept: ") + e.what());
    }
    throw RuleError(invalid, "the rule '" + rules.back().name + "' could not be kept as it is");
}

}  // namespace

RuleStore::RuleStore(const config::Config& config, std::string file, Wiring wiring) : file_(std::move(file)), wiring_(std::move(wiring)) {
    take_over(read_again(config), config);
}

RuleStore::Reloaded RuleStore::read_again(const config::Config& config) const {
    Reloaded reloaded;
    reloaded.fixed = config.rules;
    if (!file_.empty()) {
        reloaded.made = config::read_rules_file(file_);
    } else {
        const Lock lock(mutex_);
        reloaded.made = made_;
    }
    config::Config merged = config;
    merged.rules.insert(merged.rules.begin(), reloaded.made.begin(), reloaded.made.end());
    reloaded.compiled = std::make_shared<rules::UserRules>(merged);
    return reloaded;
}

void RuleStore::take_over(Reloaded reloaded, const config::Config& config) {
    const Lock lock(mutex_);
    fixed_ = std::move(reloaded.fixed);
    made_ = std::move(reloaded.made);
    config_ = config;
    config_.rules.clear();
    wiring_.publish(std::move(reloaded.compiled));
}

std::vector<config::RuleRow> RuleStore::rules() const {
    const Lock lock(mutex_);
    std::vector<config::RuleRow> rows;
    for (const auto& rule : made_) rows.push_back({rule.name, config::options_of(rule), false});
    for (const auto& rule : fixed_) rows.push_back({rule.name, config::options_of(rule), true});
    return rows;
}

std::shared_ptr<const rules::UserRules> RuleStore::compile(const std::vector<Rule>& made, const std::vector<Rule>& fixed) const {
    config::Config merged = config_;
    merged.rules = made;
    merged.rules.insert(merged.rules.end(), fixed.begin(), fixed.end());
    if (merged.rules.size() > config::kRulesMax) throw RuleError(invalid, "there are more than " + std::to_string(config::kRulesMax) + " rules");
    try {
        return std::make_shared<rules::UserRules>(merged);
    } catch (const config::ConfigError& e) {
        throw RuleError(invalid, e.what());
    }
}

// The rules made at run time as they are after the command.
std::vector<Rule> RuleStore::changed(const RuleCommand& command) const {
    auto made = made_;
    const auto found = made.begin() + (named(made, command.name) - made.cbegin());
    if (command.kind == RuleCommand::Kind::create) {
        if (found != made.end() || named(fixed_, command.name) != fixed_.end()) throw RuleError(duplicate, "rule \"" + command.name + "\" already exists");
        const auto before = command.before.empty() ? made.cend() : named(made, command.before);
        if (!command.before.empty() && before == made.cend()) throw RuleError(not_found, "rule \"" + command.before + "\" does not exist among those made at run time");
        made.insert(before, make_rule(command.name, command.set));
        return made;
    }
    if (found == made.end()) {
        if (named(fixed_, command.name) != fixed_.end()) throw RuleError(fixed, "rule \"" + command.name + "\" stands in the configuration file: change it there and reload");
        if (command.if_exists) return made;
        throw RuleError(not_found, "rule \"" + command.name + "\" does not exist");
    }
    if (command.kind == RuleCommand::Kind::drop) {
        made.erase(found);
        return made;
    }
    auto options = config::options_of(*found);
    for (const auto& key : command.reset) {
        if (options.erase(key) == 0) throw RuleError(invalid, "rule \"" + command.name + "\" has no " + key);
    }
    for (const auto& [key, value] : command.set) options.insert_or_assign(key, value);
    *found = make_rule(command.name, options);
    return made;
}

void RuleStore::keep(const std::vector<Rule>& made) const {
    const auto text = print(made);
    if (!made.empty()) check_readable(made, text);
    if (file_.empty()) {
        log_warn("rules made at run time are forgotten at the end, since there is no place for them", {{"hint", "set cache.rules_file"}});
        return;
    }
    try {
        make_folders_of(file_);
        replace_file(file_, text);
    } catch (const std::exception& e) {
        throw RuleError(not_kept, std::string("nothing was changed: ") + e.what());
    }
}

void RuleStore::run(const RuleCommand& command) {
    const Lock lock(mutex_);
    auto made = changed(command);
    auto compiled = compile(made, fixed_);
    keep(made);
    const bool is_gone_already = command.kind == RuleCommand::Kind::drop && made.size() == made_.size();
    made_ = std::move(made);
    wiring_.publish(std::move(compiled));
    if (is_gone_already) return;
    log_info(command.kind == RuleCommand::Kind::create ? "rule made" : command.kind == RuleCommand::Kind::alter ? "rule changed" : "rule dropped", {{"rule", command.name}});
}

config::RuleMatches RuleStore::matches(const config::RuleOptions& options) const {
    constexpr std::size_t kExamplesMax = 3;
    config::Config one;
    one.rules.push_back(make_rule("this", options));
    std::unique_ptr<const rules::UserRules> rule;
    try {
        rule = std::make_unique<rules::UserRules>(one);
    } catch (const config::ConfigError& e) {
        throw RuleError(invalid, e.what());
    }
    config::RuleMatches matched;
    std::vector<StatementRow> rows;
    for (auto& row : wiring_.statements()) {
        const auto tables = wiring_.table_names(row.database, {row.reads.begin(), row.reads.end()});
        const auto fingerprint = std::stoull(row.fingerprint, nullptr, 16);
        if (!row.is_read || rule->match({row.text, fingerprint, row.database, row.role, tables}) == nullptr) continue;
        ++matched.shapes;
        matched.calls += row.calls;
        matched.hits += row.hits;
        rows.push_back(std::move(row));
    }
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.calls > b.calls; });
    for (std::size_t i = 0; i < std::min(rows.size(), kExamplesMax); ++i) matched.examples.push_back(std::move(rows[i].text));
    return matched;
}

}  // namespace larder::proxy
