#include "proxy/rule_store.h"

#include <algorithm>

#include "base/durable_file.h"
#include "base/log.h"
#include "config/rule_table.h"
#include "config/rules_file.h"

namespace larder::proxy {

namespace {

using config::Rule;
using config::RuleCommand;
using config::RuleError;
using enum config::RuleError::Kind;

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
        if (config::print_rules_file(config::read_rules_text(text, "the file of rules")) == text) return;
    } catch (const config::ConfigError& e) {
        throw RuleError(invalid, std::string("it could not be kept: ") + e.what());
    }
    throw RuleError(invalid, "the rule '" + rules.back().name + "' could not be kept as it is");
}

std::shared_ptr<const rules::UserRules> compile(const config::Config& config, const std::vector<Rule>& made, const std::vector<Rule>& fixed,
                                                std::vector<rules::QuarantinedShape> quarantined) {
    config::Config merged = config;
    merged.rules = made;
    merged.rules.insert(merged.rules.end(), fixed.begin(), fixed.end());
    if (merged.rules.size() > config::kRulesMax) throw RuleError(invalid, "there are more than " + std::to_string(config::kRulesMax) + " rules");
    try {
        return std::make_shared<rules::UserRules>(merged, std::move(quarantined));
    } catch (const config::ConfigError& e) {
        throw RuleError(invalid, e.what());
    }
}

std::string in_lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

void warn_of_upper_case(const Rule& rule) {
    const auto folded = in_lower_case(rule.match.table);
    if (folded == rule.match.table) return;
    log_warn("a rule matches only a table whose name was given in upper case and in quotes when it was made",
             {{"rule", rule.name}, {"table", rule.match.table}, {"hint", "else write " + folded}});
}

}  // namespace

RuleStore::RuleStore(const config::Config& config, std::string file, Wiring wiring) : file_(std::move(file)), wiring_(std::move(wiring)) { reload(config); }

void RuleStore::reload(const config::Config& config, const std::function<void()>& rest) {
    const Lock lock(mutex_);
    auto text = file_.empty() ? std::nullopt : config::read_rules_file(file_);
    auto made = text ? config::read_rules_text(*text, file_) : file_.empty() ? made_ : std::vector<Rule>();
    auto compiled = compile(config, made, config.rules, quarantined_);
    rest();
    std::for_each(made.begin(), made.end(), warn_of_upper_case);
    std::for_each(config.rules.begin(), config.rules.end(), warn_of_upper_case);
    text_ = std::move(text);
    made_ = std::move(made);
    fixed_ = config.rules;
    config_ = config;
    config_.rules.clear();
    wiring_.publish(std::move(compiled));
}

void RuleStore::set_quarantined(std::vector<rules::QuarantinedShape> shapes) {
    const Lock lock(mutex_);
    auto compiled = compile(config_, made_, fixed_, shapes);
    quarantined_ = std::move(shapes);
    wiring_.publish(std::move(compiled));
}

std::vector<config::RuleRow> RuleStore::rules() const {
    const Lock lock(mutex_);
    std::vector<config::RuleRow> rows;
    for (const auto& rule : made_) rows.push_back({rule.name, config::options_of(rule), false});
    for (const auto& rule : fixed_) rows.push_back({rule.name, config::options_of(rule), true});
    return rows;
}

// A name in upper case can be right, but seldom is: PostgreSQL folds it where it is not in quotes.
void RuleStore::check_tables(const Rule& rule) const {
    const auto& table = rule.match.table;
    const auto folded = in_lower_case(table);
    if (folded == table || !wiring_.is_table) return;
    const auto is_known = [&](const std::string& name) {
        const auto dot = name.find('.');
        return dot == std::string::npos ? wiring_.is_table("public", name) : wiring_.is_table(name.substr(0, dot), name.substr(dot + 1));
    };
    if (is_known(table)) return;
    if (is_known(folded)) throw RuleError(invalid, "rule '" + rule.name + "': there is no table " + table + "; did you mean '" + folded + "'?");
    warn_of_upper_case(rule);
}

// The rules made at run time as they are after the command.
std::vector<Rule> RuleStore::changed(const RuleCommand& command) const {
    auto made = made_;
    const auto found = made.begin() + (named(made, command.name) - made.cbegin());
    if (command.kind == RuleCommand::Kind::create) {
        if (found != made.end() || named(fixed_, command.name) != fixed_.end()) throw RuleError(duplicate, "rule \"" + command.name + "\" already exists");
        const auto before = command.before.empty() ? made.cend() : named(made, command.before);
        if (!command.before.empty() && before == made.cend()) throw RuleError(not_found, "rule \"" + command.before + "\" does not exist among those made at run time");
        check_tables(*made.insert(before, make_rule(command.name, command.set)));
        return made;
    }
    if (found == made.end()) {
        if (named(fixed_, command.name) != fixed_.end()) throw RuleError(fixed, "rule \"" + command.name + "\" stands in the configuration file: change it there and reload");
        if (command.if_exists) return made;
        throw RuleError(not_found, "rule \"" + command.name + "\" does not exist");
    }
    if (command.expected && config::options_of(*found) != *command.expected) throw RuleError(changed_meanwhile, "rule \"" + command.name + "\" was changed meanwhile: read it again");
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
    if (command.set.contains("table")) check_tables(*found);
    return made;
}

// Returns why the change may not survive a loss of power; empty: it does.
std::string RuleStore::keep(const std::vector<Rule>& made) {
    auto text = config::print_rules_file(made);
    if (!made.empty()) check_readable(made, text);
    if (file_.empty()) {
        log_warn("rules made at run time are forgotten at the end, since there is no place for them", {{"hint", "set cache.rules_file"}});
        return {};
    }
    std::string problem;
    try {
        // Between here and the rename somebody else can still write; a person who does so in that moment is not foreseen.
        if (config::read_rules_file(file_) != text_) throw RuleError(changed_on_disk, "nothing was changed: " + file_ + " was changed on disk: reload first (RELOAD, or SIGHUP)");
        make_folders_of(file_);
        replace_file(file_, text);
    } catch (const RuleError&) {
        throw;
    } catch (const NotDurable& e) {
        problem = e.what();
    } catch (const std::exception& e) {
        throw RuleError(not_kept, std::string("nothing was changed: ") + e.what());
    }
    text_ = std::move(text);
    return problem;
}

void RuleStore::run(const RuleCommand& command) {
    const Lock lock(mutex_);
    auto made = changed(command);
    const bool is_gone_already = command.kind == RuleCommand::Kind::drop && made.size() == made_.size();
    if (is_gone_already) return;
    auto compiled = compile(config_, made, fixed_, quarantined_);
    const auto problem = keep(made);
    const auto& with_it = command.kind == RuleCommand::Kind::drop ? made_ : made;
    const auto options = config::options_of(*named(with_it, command.name));
    made_ = std::move(made);
    wiring_.publish(std::move(compiled));
    if (wiring_.changed) wiring_.changed(command, options);
    log_info(command.kind == RuleCommand::Kind::create  ? "rule made"
             : command.kind == RuleCommand::Kind::alter ? "rule changed"
                                                        : "rule dropped",
             {{"rule", command.name}});
    if (!problem.empty())
        throw RuleError(not_durable, "the change is in force and in the file, but may not survive a loss of power: " + problem);
}

void RuleStore::remember_calls(Instant at) {
    if (history_.is_due(at)) history_.keep(wiring_.statements(), at);
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
        const auto lately = history_.in_last_hour(row, now());
        matched.calls_last_hour += lately.calls;
        matched.hits_last_hour += lately.hits;
        rows.push_back(std::move(row));
    }
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.calls > b.calls; });
    for (std::size_t i = 0; i < std::min(rows.size(), kExamplesMax); ++i) matched.examples.push_back(std::move(rows[i].text));
    return matched;
}

}  // namespace larder::proxy
