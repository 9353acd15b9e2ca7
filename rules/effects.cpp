// What a statement does to its session and its transaction, besides writing.
#include "rules/plan_parts.h"
#include "rules/statement_code.h"

namespace larder::rules {

namespace {

bool is_transaction_mode(std::string_view name) {
    return name == "transaction_isolation" || name == "transaction_read_only" || name == "transaction_deferrable";
}

// Rolling back also undoes a SET that was not LOCAL, so each change may revert at the end of the transaction.
void change_environment(Plan& plan) { plan.changes_environment = plan.changes_environment_locally = true; }

void add_settings(Plan& plan, const sql::Facts& facts) {
    for (const auto& change : facts.settings) {
        if (is_transaction_mode(change.name)) plan.touches_transaction_modes = true;
        if (is_environment_setting(change.name)) change_environment(plan);
    }
    if (facts.reset_all || facts.sets_unknown_setting) {
        change_environment(plan);
        plan.touches_transaction_modes = true;
    }
}

// Functions that are called may do what the text does not say: change settings, release locks. None can commit.
void add_called_code(Plan& plan, const sql::Facts& facts, const Scope& scope) {
    bool is_opaque = false, is_unknown = plan.writes.any && plan.writes.catalogue;
    if (scope.catalogue == nullptr) {
        is_opaque = is_unknown = is_unknown || !facts.functions.empty() || !facts.value_fields.empty() || !facts.reads.empty() || !facts.writes.empty();
    } else {
        static const std::vector<std::string> kNoPath;
        const auto verdict = judge_code(facts, *scope.catalogue, scope.env != nullptr ? scope.env->search_path : kNoPath, NameScope::session);
        is_opaque = verdict.may_change_session;
        // PostgreSQL's own functions that change the session and write nothing are known: locks and settings.
        is_unknown = is_unknown || (verdict.may_change_session && verdict.may_write);
    }
    plan.runs_unknown_code |= is_unknown;
    // What plan_write() found may run code that is not understood: triggers, views, policies.
    if (!is_opaque && !(plan.writes.any && plan.writes.catalogue)) return;
    change_environment(plan);
    plan.may_release_locks = plan.touches_transaction_modes = true;
}

// set_config() alone is a change of the settings that it names, no more.
bool only_sets_config(const sql::Facts& facts) {
    for (const auto& function : facts.functions) {
        if (function.name != "set_config") return false;
    }
    return !facts.functions.empty() && facts.value_fields.empty() && facts.operators.empty() && facts.reads.empty() && facts.writes.empty() && !facts.sets_unknown_setting;
}

void do_anything(Plan& plan) {
    change_environment(plan);
    plan.may_release_locks = plan.may_commit_inside = plan.touches_transaction_modes = plan.runs_unknown_code = true;
}

}  // namespace

void plan_effects(Plan& plan, const sql::Facts& facts, const Scope& scope) {
    using sql::Kind;
    if (!facts.understood) return plan_anything(plan);
    if (facts.kind != sql::Kind::show) add_settings(plan, facts);
    switch (facts.kind) {
        case Kind::select: case Kind::insert: case Kind::update: case Kind::delete_: case Kind::merge: case Kind::copy_from:
        case Kind::copy_to: case Kind::truncate: case Kind::declare_cursor: case Kind::explain: case Kind::maintenance:
            if (!only_sets_config(facts)) add_called_code(plan, facts, scope);
            return;
        case Kind::ddl:
            // Roles are renamed, views become temporary because of what they read, search_path may begin with pg_temp; and
            // event triggers run with any of it, as do functions in the defaults, checks and conversions that it puts in force.
            change_environment(plan);
            plan.may_release_locks = plan.touches_transaction_modes = plan.runs_unknown_code = true;
            return;
        case Kind::create_temp: case Kind::server_ddl:
            change_environment(plan);
            if (plan.writes.any) plan.may_release_locks = plan.touches_transaction_modes = plan.runs_unknown_code = true;
            return;
        case Kind::commit: case Kind::rollback: case Kind::prepare_transaction:
            plan.ends_block = true;
            return;
        case Kind::rollback_to:
            // A SET since the savepoint is undone.
            change_environment(plan);
            return;
        case Kind::set_transaction:
            if (facts.is_session_default) change_environment(plan);
            else plan.touches_transaction_modes = true;
            return;
        case Kind::discard:
            if (facts.discard == sql::Discard::all) plan.may_release_locks = true;
            if (facts.discard == sql::Discard::all || facts.discard == sql::Discard::temp) change_environment(plan);
            return;
        case Kind::do_block: case Kind::call: case Kind::execute: case Kind::load: case Kind::unknown:
            return do_anything(plan);
        case Kind::begin: case Kind::savepoint: case Kind::release: case Kind::commit_prepared: case Kind::rollback_prepared:
        case Kind::set: case Kind::reset: case Kind::show: case Kind::prepare: case Kind::deallocate: case Kind::fetch:
        case Kind::close_cursor: case Kind::listen: case Kind::unlisten: case Kind::notify: case Kind::lock_table:
        case Kind::set_constraints: case Kind::empty:
            return;
    }
}

}  // namespace larder::rules
