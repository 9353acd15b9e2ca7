// May the statement be looked up and stored, and what does its answer depend on?
#include <algorithm>

#include "rules/plan_parts.h"
#include "rules/statement_code.h"

namespace larder::rules {

namespace {

// What the text says by itself.
Reason judge_text(const PlanInput& input) {
    const auto& facts = input.facts;
    if (facts.statements.empty()) return Reason::not_a_select;
    if (facts.statements.size() > 1) return Reason::multi_statement;
    const auto& statement = facts.statements.front();
    if (statement.kind == sql::Kind::unknown) return Reason::not_understood;
    if (statement.kind != sql::Kind::select) return Reason::not_a_select;
    if (!statement.understood) return Reason::not_understood;
    if (facts.hints.off) return Reason::hint_off;
    // A hint that cannot be read may have said "off".
    if (!facts.hints.error.empty()) return Reason::hint_off;
    return Reason::none;
}

bool asks_for_debug_messages(const SessionEnv& env) {
    const auto level = env.setting("client_min_messages");
    return level.starts_with("debug") || level == "log" || level == "info";
}

Reason judge_environment(const PlanInput& input) {
    if (input.catalogue == nullptr) return Reason::no_catalogue;
    if (input.env == nullptr) return Reason::settings_unknown;
    if (!input.env->is_lexing_safe()) return Reason::unsafe_lexing;
    if (asks_for_debug_messages(*input.env)) return Reason::debug_messages;
    if (input.env->owns_temp_objects) return Reason::temp_table;
    return Reason::none;
}

// Resolves what is read into the plan and `tables`.
Reason judge_relations(Plan& plan, const sql::Facts& facts, const Scope& scope, std::vector<std::string>& tables) {
    auto& reads = plan.reads;
    for (const auto& use : facts.reads) {
        if (is_temp_schema(use.name.schema)) return Reason::temp_table;
        const auto candidates = scope.candidates(use.name);
        if (candidates.empty()) return Reason::unknown_relation;
        // The answer comes from one of them; depending on all is right whichever it is.
        for (const auto* relation : candidates) {
            if (relation->read_reason != Reason::none) return relation->read_reason;
            if (auto rows = row_read(*relation, use, facts, scope)) plan.row_reads.push_back(std::move(*rows));
            else reads.insert(reads.end(), relation->reads.begin(), relation->reads.end());
            tables.push_back(relation->schema + '.' + relation->name);
            for (const Oid root : relation->reads) {
                tables.push_back(scope.catalogue->qualified_name(root));
                plan.reads_unlogged |= scope.catalogue->is_unlogged(root);
            }
        }
    }
    std::sort(reads.begin(), reads.end());
    reads.erase(std::unique(reads.begin(), reads.end()), reads.end());
    return Reason::none;
}

// The operator's rules and the statement's comment; the comment goes first.
Reason apply_rules(Plan& plan, const PlanInput& input, const std::vector<std::string>& tables) {
    const auto& hints = input.facts.hints;
    // Before anything that could turn it on again.
    if (input.rules.is_quarantined(input.env->database, input.fingerprint)) return Reason::quarantined;
    plan.ttl = input.rules.default_ttl();
    plan.freshness = input.rules.default_freshness();
    plan.comment_freshness = hints.freshness;
    const auto* rule = input.rules.match({input.text, input.fingerprint, input.env->database, input.env->current_user, tables});
    if (rule != nullptr) {
        plan.rule = rule->name;
        plan.tags = rule->tags;
        if (rule->ttl) plan.ttl = *rule->ttl;
        if (rule->max_stale) plan.max_stale = *rule->max_stale;
        if (rule->freshness) plan.freshness = *rule->freshness;
        if (rule->cache == false && !hints.ttl) return Reason::rule_off;
    }
    if (hints.ttl) plan.ttl = *hints.ttl;
    if (hints.max_stale) plan.max_stale = *hints.max_stale;
    plan.tags.insert(plan.tags.end(), hints.tags.begin(), hints.tags.end());
    return plan.ttl.count() > 0 ? Reason::none : rule != nullptr && !hints.ttl ? Reason::rule_off : Reason::hint_off;
}

}  // namespace

void plan_read(Plan& plan, const PlanInput& input) {
    plan.reason = judge_text(input);
    if (plan.reason == Reason::none) plan.reason = judge_environment(input);
    if (plan.reason != Reason::none) return;

    const auto& statement = input.facts.statements.front();
    const Scope scope{input.catalogue, input.env};
    plan.reason = judge_code(statement, *input.catalogue, input.env->search_path, NameScope::session).reason;
    std::vector<std::string> tables;
    if (plan.reason == Reason::none) plan.reason = judge_relations(plan, statement, scope, tables);
    // Whatever was overlooked above: what writes or changes the session is not a read.
    if (plan.reason == Reason::none && (!plan.writes.empty() || plan.changes_environment)) plan.reason = Reason::writes;
    if (plan.reason == Reason::none) plan.reason = apply_rules(plan, input, tables);
    if (plan.reason == Reason::none) return;
    plan.reads.clear();
    plan.row_reads.clear();
}

}  // namespace larder::rules
