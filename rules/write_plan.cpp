// Which counters a statement moves.
#include "base/planted_fault.h"
#include "rules/plan_parts.h"
#include "rules/statement_code.h"

namespace larder::rules {

namespace {

void write_anything(WritePlan& writes) { writes.any = writes.catalogue = true; }

// Rows of these relations change, and which ones is not known.
void add_roots(WritePlan& writes, const std::vector<Oid>& roots, const Catalogue& catalogue) {
    writes.scans.insert(writes.scans.end(), roots.begin(), roots.end());
    for (const Oid root : roots) {
        if (const auto* relation = catalogue.find_relation(root)) write_all_keys(writes, *relation);
    }
}

void add_lock(WritePlan& writes, const Relation& relation, const Catalogue& catalogue) {
    writes.exclusive = true;
    if (relation.kind == RelationKind::view) add_roots(writes, relation.reads, catalogue);  // LOCK TABLE on a view locks what it reads
    else add_roots(writes, {relation.root}, catalogue);
}

// One event on one relation: its closure, and everything if code that is not understood runs in it, or a temporary object of the session may be
// what the body of a trigger means. Of the relation itself write_rows() says which rows, if it has keys.
void add_event(WritePlan& writes, const Relation& relation, const std::vector<Oid>& roots, bool is_opaque, bool runs_bodies, const Scope& scope) {
    const Catalogue& catalogue = *scope.catalogue;
    for (const Oid root : roots) {
        if (root == relation.oid && !relation.keys.empty() && is_planted(PlantedFault::scan_spared)) continue;
        if (root == relation.oid && !relation.keys.empty()) writes.scans.push_back(root);
        else add_roots(writes, {root}, catalogue);
    }
    if (is_opaque || (runs_bodies && (scope.env == nullptr || scope.env->owns_temp_objects))) write_anything(writes);
}

void add_action(WritePlan& writes, const Relation& relation, const sql::WriteUse& use, const Scope& scope) {
    using sql::WriteAction;
    const auto insert = [&] { add_event(writes, relation, relation.on_insert, relation.insert_is_opaque, relation.insert_runs_bodies, scope); };
    const auto update = [&] { add_event(writes, relation, relation.on_update, relation.update_is_opaque, relation.update_runs_bodies, scope); };
    const auto del = [&] { add_event(writes, relation, relation.on_delete, relation.delete_is_opaque, relation.delete_runs_bodies, scope); };
    switch (use.action) {
        case WriteAction::insert:
        case WriteAction::copy_from:
            insert();
            if (use.on_conflict_update) update();
            return;
        case WriteAction::update: return update();
        case WriteAction::delete_: return del();
        case WriteAction::merge: return insert(), update(), del();
        case WriteAction::truncate:
            writes.exclusive = true;
            return add_event(writes, relation, relation.truncate_runs_bodies ? relation.on_truncate_cascade : std::vector<Oid>{relation.root},
                             relation.truncate_is_opaque, relation.truncate_runs_bodies, scope);
        case WriteAction::truncate_cascade:
            writes.exclusive = true;
            return add_event(writes, relation, relation.on_truncate_cascade, relation.truncate_is_opaque, relation.truncate_runs_bodies, scope);
        case WriteAction::lock: return add_lock(writes, relation, *scope.catalogue);
        case WriteAction::refresh:
            // It runs the materialised view's query. Also CONCURRENTLY, which lets readers pass, is held: it costs only hits.
            writes.exclusive = true;
            return add_event(writes, relation, {relation.root}, relation.reading_is_opaque, false, scope);
    }
    write_anything(writes);
}

bool locks_readers_out(sql::WriteAction action) {
    using sql::WriteAction;
    return action == WriteAction::truncate || action == WriteAction::truncate_cascade || action == WriteAction::lock || action == WriteAction::refresh;
}

void add_target(WritePlan& writes, const sql::WriteUse& use, const sql::Facts& facts, const Scope& scope) {
    const auto& name = use.target.name;
    // A temporary table may inherit from a permanent one: then its triggers and checks run under that one's name, whatever
    // schema is written before it.
    if (scope.temporary_may_run_code() && (scope.may_be_temporary(name) || scope.env != nullptr)) write_anything(writes);
    if (is_temp_schema(name.schema)) return;
    const auto candidates = scope.candidates(name);
    // Not known: made by another session just now, or temporary, or an error.
    if (candidates.empty() && !(scope.env != nullptr && scope.env->owns_temp_objects)) writes.any = true;
    if (!scope.is_known()) write_anything(writes);
    if (candidates.empty() && locks_readers_out(use.action)) writes.exclusive = true;
    for (const auto* relation : candidates) {
        if (relation->is_system) {
            write_anything(writes);  // a superuser changes the catalogue by hand
            continue;
        }
        add_action(writes, *relation, use, scope);
        write_rows(writes, *relation, use, facts, scope);
    }
}

// Functions, operators and views in the statement can write whatever its kind.
void add_code(WritePlan& writes, const sql::Facts& facts, const Scope& scope) {
    if (scope.catalogue == nullptr) {
        if (!facts.functions.empty() || !facts.value_fields.empty() || !facts.reads.empty()) write_anything(writes);
        return;
    }
    static const std::vector<std::string> kNoPath;
    const auto& path = scope.env != nullptr ? scope.env->search_path : kNoPath;
    if (judge_code(facts, *scope.catalogue, path, NameScope::session).may_write) write_anything(writes);
    for (const auto& use : facts.reads) {
        if (scope.may_be_temporary(use.name) && scope.temporary_may_run_code()) write_anything(writes);
        for (const auto* relation : scope.candidates(use.name)) {
            if (relation->reading_is_opaque && relation->kind != RelationKind::materialized_view) write_anything(writes);
        }
    }
}

// Building indexes and statistics evaluates their expressions, of all tables where none is named.
void add_maintenance(WritePlan& writes, const sql::Facts& facts, const Scope& scope) {
    if (scope.catalogue == nullptr) return write_anything(writes);
    if (scope.catalogue->has_event_code()) write_anything(writes);  // CREATE INDEX is DDL for them
    if (!scope.catalogue->has_maintenance_code()) return;
    for (const auto& use : facts.reads) {
        const auto candidates = scope.candidates(use.name);
        if (candidates.empty()) write_anything(writes);
        for (const auto* relation : candidates) {
            if (relation->maintenance_is_opaque) write_anything(writes);
        }
    }
    if (facts.reads.empty()) write_anything(writes);
}

bool has_event_code(const Scope& scope) { return scope.catalogue == nullptr || scope.catalogue->has_event_code(); }

void add_ddl(WritePlan& writes, const sql::Facts& facts, const Scope& scope) {
    // Every answer depends on `catalogue`, so that this covers rewritten tables and new rows as well.
    writes.catalogue = writes.exclusive = true;
    if (facts.selects_into) add_code(writes, facts, scope);
}

}  // namespace

void plan_write(Plan& plan, const sql::Facts& facts, const Scope& scope) {
    auto& writes = plan.writes;
    using sql::Kind;
    if (!facts.understood) return write_anything(writes);
    switch (facts.kind) {
        case Kind::begin: case Kind::commit: case Kind::rollback: case Kind::savepoint: case Kind::release: case Kind::rollback_to:
        case Kind::rollback_prepared: case Kind::prepare_transaction: case Kind::set: case Kind::reset: case Kind::show: case Kind::discard:
        case Kind::prepare: case Kind::deallocate: case Kind::fetch: case Kind::close_cursor: case Kind::listen: case Kind::unlisten:
        case Kind::notify: case Kind::set_transaction: case Kind::set_constraints: case Kind::empty:
            // PREPARE TRANSACTION: its writes become visible by COMMIT PREPARED, from whoever. FETCH: what a cursor's query may
            // write was noted by DECLARE and stays noted until the block ends. PREPARE runs nothing yet.
            return;
        case Kind::select: case Kind::insert: case Kind::update: case Kind::delete_: case Kind::merge: case Kind::copy_from:
        case Kind::copy_to: case Kind::truncate: case Kind::lock_table: case Kind::declare_cursor:
            break;
        case Kind::maintenance:
            add_maintenance(writes, facts, scope);
            break;
        case Kind::explain:  // also without ANALYZE: planning runs IMMUTABLE functions, and those of EXECUTE are not known
            if (facts.inner != nullptr && facts.inner->kind == Kind::execute) return write_anything(writes);
            break;
        case Kind::ddl:
            // REFRESH MATERIALIZED VIEW alone says which rows change, and changes nothing else.
            if (facts.writes.size() == 1 && facts.writes.front().action == sql::WriteAction::refresh) return add_target(writes, facts.writes.front(), facts, scope);
            return add_ddl(writes, facts, scope);
        case Kind::create_temp:
            if (facts.selects_into) add_code(writes, facts, scope);
            if (has_event_code(scope)) write_anything(writes);
            return;
        case Kind::server_ddl:
            writes.server = writes.catalogue = writes.exclusive = true;
            return;
        case Kind::commit_prepared: case Kind::do_block: case Kind::call: case Kind::execute: case Kind::load: case Kind::unknown:
            return write_anything(writes);
    }
    for (const auto& use : facts.writes) add_target(writes, use, facts, scope);
    add_code(writes, facts, scope);
}

}  // namespace larder::rules
