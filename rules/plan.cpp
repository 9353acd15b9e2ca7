#include "rules/plan.h"

#include <algorithm>

#include "rules/plan_parts.h"

namespace larder::rules {

bool is_temp_schema(std::string_view schema) { return schema == "pg_temp" || schema.starts_with("pg_temp_"); }

std::vector<const Relation*> Scope::candidates(const sql::Name& name) const {
    if (!is_known() || is_temp_schema(name.schema)) return {};
    return catalogue->find_candidates(name, env->schemas);
}

bool Scope::may_be_temporary(const sql::Name& name) const {
    if (is_temp_schema(name.schema)) return true;
    return name.schema.empty() && (env == nullptr || env->owns_temp_objects);
}

bool is_lexed_alike_everywhere(Bytes text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c != '\\' && static_cast<unsigned char>(c) < 0x80; });
}

void plan_anything(Plan& plan) {
    plan.writes.any = plan.writes.catalogue = true;
    plan.changes_environment = plan.changes_environment_locally = true;
    plan.may_release_locks = plan.may_commit_inside = plan.ends_block = plan.touches_transaction_modes = true;
}

void normalise(WritePlan& writes) {
    std::sort(writes.scans.begin(), writes.scans.end());
    writes.scans.erase(std::unique(writes.scans.begin(), writes.scans.end()), writes.scans.end());
    std::sort(writes.keys.begin(), writes.keys.end());
    writes.keys.erase(std::unique(writes.keys.begin(), writes.keys.end()), writes.keys.end());
    // Who depends on a row depends on `all` as well.
    std::erase_if(writes.rows, [&](const RowMove& move) { return std::binary_search(writes.keys.begin(), writes.keys.end(), KeyMove{move.row.key, KeyCounter::all}); });
}

namespace {

bool controls_transactions(sql::Kind kind) {
    switch (kind) {
        case sql::Kind::begin:
        case sql::Kind::commit:
        case sql::Kind::rollback:
        case sql::Kind::prepare_transaction: return true;
        default: return false;
    }
}

// The server reads the text as libpg_query did, and names in it are the bytes that the catalogue has.
bool reads_as_parsed(const PlanInput& input) {
    if (input.env == nullptr || !input.env->is_lexing_safe()) return false;
    return input.catalogue == nullptr || input.catalogue->has_names_in(input.env->setting("client_encoding"));
}

}  // namespace

Plan make_plan(const PlanInput& input) {
    Plan plan;
    if (!input.facts.parsed || (!reads_as_parsed(input) && !is_lexed_alike_everywhere(input.text))) {
        plan_anything(plan);
        plan.reason = !input.facts.parsed ? Reason::not_parsed : input.env == nullptr ? Reason::settings_unknown : Reason::unsafe_lexing;
        return plan;
    }
    const Scope scope{input.catalogue, input.env};
    for (const auto& statement : input.facts.statements) {
        plan_write(plan, statement, scope);
        plan_effects(plan, statement, scope);
    }
    if (input.facts.statements.size() > 1 && std::any_of(input.facts.statements.begin(), input.facts.statements.end(),
                                                         [](const auto& statement) { return controls_transactions(statement.kind); })) {
        plan.may_commit_inside = plan.ends_block = true;
    }
    normalise(plan.writes);
    plan_read(plan, input);
    return plan;
}

}  // namespace larder::rules
