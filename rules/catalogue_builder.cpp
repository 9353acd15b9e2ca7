#include "rules/catalogue_builder.h"

#include <algorithm>

#include "rules/statement_code.h"
#include "sql/analyse.h"

namespace larder::rules {

namespace {

// PostgreSQL limits the depth of views only by its stack; a deeper tower than this is not followed.
constexpr int kViewDepthMax = 100;

bool is_system_schema(std::string_view schema) { return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast"; }

bool holds_rows(RelationKind kind) {
    return kind == RelationKind::table || kind == RelationKind::partitioned_table || kind == RelationKind::foreign_table;
}

Reason own_read_reason(const RelationRow& row) {
    if (is_system_schema(row.schema)) return Reason::system_catalog;
    if (row.is_temp) return Reason::temp_table;
    if (row.has_row_security) return Reason::row_security;
    if (row.has_timetz) return Reason::time_dependent;
    switch (row.kind) {
        case RelationKind::table:
        case RelationKind::partitioned_table:
        case RelationKind::materialized_view: return Reason::none;
        case RelationKind::view: return Reason::not_understood;  // until it is resolved
        case RelationKind::foreign_table: return Reason::foreign_table;
        case RelationKind::sequence: return Reason::sequence;
        default: return Reason::unknown_relation;                // an index or a composite type cannot be read
    }
}

void add_to(std::vector<Oid>& set, const std::vector<Oid>& more) {
    std::vector<Oid> merged;
    std::set_union(set.begin(), set.end(), more.begin(), more.end(), std::back_inserter(merged));
    set = std::move(merged);
}

}  // namespace

std::shared_ptr<const Catalogue> Catalogue::build(CatalogueRows rows) { return CatalogueBuilder(std::move(rows)).build(); }

CatalogueBuilder::CatalogueBuilder(CatalogueRows rows)
    : rows_(std::move(rows)), catalogue_(std::shared_ptr<Catalogue>(new Catalogue)), impl_(*catalogue_->impl_) {}

std::shared_ptr<const Catalogue> CatalogueBuilder::build() {
    const auto by_oid = [](const auto& a, const auto& b) { return a.oid < b.oid; };
    std::sort(rows_.relations.begin(), rows_.relations.end(), by_oid);
    std::sort(rows_.functions.begin(), rows_.functions.end(), by_oid);
    impl_.digest = digest_of(rows_);
    impl_.encoding = rows_.encoding;
    judge_functions();
    judge_operators_and_types();
    if (judge_sql_bodies()) {
        name_functions();
        judge_operators_and_types();
    }
    add_relations();
    join_trees();
    spread_read_reasons();
    note_planning_code();
    understand_triggers();
    close_writes();
    find_keys();
    for (std::size_t i = 0; i < impl_.relations.size(); ++i) resolve_view(i, 0);
    impl_.bytes = bytes();
    return catalogue_;
}

void CatalogueBuilder::judge_functions() {
    FunctionContext context;
    context.extensions_with_relations.insert(rows_.extensions_with_relations.begin(), rows_.extensions_with_relations.end());
    context.has_timetz_columns = rows_.has_timetz_columns;
    // Whether any type runs code must be known before the functions that build rows of any type are judged; the
    // functions of types are never among those, so that one pass for each is enough.
    for (const auto& function : rows_.functions) impl_.functions_by_oid[function.oid] = judge_function(function, context);
    context.has_code_types = std::any_of(rows_.user_types.begin(), rows_.user_types.end(),
                                         [this](const TypeRow& type) { return type.function == 0 || catalogue_->function_verdict(type.function).reason != Reason::none; });
    has_code_types_ = context.has_code_types;
    for (const auto& function : rows_.functions) {
        impl_.functions_by_oid[function.oid] = judge_function(function, context);
    }
    name_functions();
}

void CatalogueBuilder::name_functions() {
    impl_.functions.clear();
    impl_.row_functions.clear();
    for (const auto& function : rows_.functions) {
        const auto& verdict = impl_.functions_by_oid.at(function.oid);
        impl_.functions[function.name].add(function.schema, verdict);
        // The builtin ones that take any row (to_json, quote_literal) do not matter: a column of that name is far more likely.
        if (function.takes_row && !function.is_builtin) impl_.row_functions[function.name].add(function.schema, verdict);
    }
}

// A function in SQL that is one SELECT without relations does what its expressions do, whatever its label. Judged under the
// verdicts so far, which take all such functions for code that may do anything: at worst too strict where one calls another.
// Returns whether any verdict is kinder now.
bool CatalogueBuilder::judge_sql_bodies() {
    static const std::vector<std::string> kNoPath;
    std::vector<std::pair<Oid, Catalogue::FunctionVerdict>> known;
    for (const auto& function : rows_.functions) {
        // Where a backslash stands before a quote, the settings of the session that calls decide where the string ends.
        if (function.body.empty() || function.body.find("\\'") != std::string::npos) continue;
        const auto facts = sql::analyse(function.body);
        if (!facts.is_single()) continue;
        const auto& select = facts.statements.front();
        if (select.kind != sql::Kind::select || !select.reads.empty() || !select.settings.empty()) continue;
        const auto code = judge_code(select, *catalogue_, kNoPath, NameScope::session);
        if (!code.may_write && !code.may_change_session) known.push_back({function.oid, {code.reason, false, false, true}});
    }
    for (const auto& [oid, verdict] : known) impl_.functions_by_oid[oid] = verdict;
    return !known.empty();
}

void CatalogueBuilder::judge_operators_and_types() {
    impl_.operators.clear();
    impl_.types.clear();
    impl_.has_event_code = impl_.has_own_implicit_code = false;
    const auto add = [this](VerdictsByName& table, const auto& row, Reason reason) {
        auto verdict = row.function == 0 ? Catalogue::FunctionVerdict{reason, true, true, true} : catalogue_->function_verdict(row.function);
        const bool is_harmless = verdict.reason == Reason::none && !is_code(verdict);
        if (is_harmless && !verdict.is_own_code) return;
        if (!is_harmless) verdict.reason = reason;
        table[row.name].add(row.schema, verdict);
    };
    for (const auto& row : rows_.user_operators) add(impl_.operators, row, Reason::user_operator);
    for (const auto& row : rows_.user_types) add(impl_.types, row, Reason::user_type);
    impl_.has_user_casts = rows_.has_user_casts;
    for (const Oid function : rows_.implicit_functions) {
        const auto verdict = catalogue_->function_verdict(function);
        // Native code of an extension that keeps tables is refused by name; as a cast from one of its types to another
        // (PostGIS has many) it only converts.
        if (is_code(verdict) || verdict.reason == Reason::stable_function) impl_.has_user_casts = true;
        impl_.has_own_implicit_code |= verdict.is_own_code;
    }
    for (const Oid function : rows_.event_functions) impl_.has_event_code |= is_code(catalogue_->function_verdict(function));
}

void CatalogueBuilder::add_relations() {
    for (const auto& use : rows_.code_uses) {
        if (use.on_read && is_code(catalogue_->function_verdict(use.function))) reads_code_.insert(use.relation);
    }
    impl_.relations.reserve(rows_.relations.size());
    for (auto& row : rows_.relations) {
        Relation relation;
        relation.oid = relation.root = row.oid;
        relation.schema = row.schema;
        relation.name = row.name;
        relation.kind = row.kind;
        relation.is_system = is_system_schema(row.schema);
        relation.read_reason = own_read_reason(row);
        relation.reading_is_opaque = reads_code_.contains(row.oid);
        impl_.by_oid[row.oid] = impl_.relations.size();
        impl_.by_name[row.name].push_back(impl_.relations.size());
        impl_.relations.push_back(std::move(relation));
    }
}

void CatalogueBuilder::join_trees() {
    for (const auto& row : rows_.inheritance) {
        const auto child = impl_.by_oid.find(row.child), parent = impl_.by_oid.find(row.parent);
        if (child == impl_.by_oid.end() || parent == impl_.by_oid.end()) continue;  // a temporary child; indexes
        if (holds_rows(impl_.relations[child->second].kind) && holds_rows(impl_.relations[parent->second].kind)) roots_.join(row.child, row.parent);
    }
    for (auto& relation : impl_.relations) {
        if (holds_rows(relation.kind)) relation.root = roots_.root(relation.oid);
    }
}

void CatalogueBuilder::spread_read_reasons() {
    // A foreign table anywhere in the tree may be read through its parent.
    std::unordered_set<Oid> foreign_roots;
    for (const auto& relation : impl_.relations) {
        if (relation.kind == RelationKind::foreign_table) foreign_roots.insert(relation.root);
    }
    for (const auto& row : rows_.relations) {
        if (row.is_unlogged && holds_rows(row.kind)) impl_.unlogged_roots.insert(roots_.root(row.oid));
    }
    for (auto& relation : impl_.relations) {
        if (relation.kind == RelationKind::view) continue;
        if (relation.read_reason == Reason::none && foreign_roots.contains(relation.root)) relation.read_reason = Reason::foreign_table;
        if (relation.read_reason == Reason::none) relation.reads = {relation.root};
    }
}

// Views are left to resolve_view(), but for what stands on them directly.
void CatalogueBuilder::note_planning_code() {
    std::unordered_set<Oid> triggers, opaque;  // opaque: roots
    for (const auto& function : rows_.functions) {
        if (function.returns_trigger || !function.trigger_body.empty()) triggers.insert(function.oid);
    }
    for (const auto& use : rows_.code_uses) {
        const auto verdict = catalogue_->function_verdict(use.function);
        if ((!is_code(verdict) && !verdict.is_own_code) || triggers.contains(use.function)) continue;
        if (use.relation == 0) impl_.has_own_implicit_code = true;
        else opaque.insert(roots_.root(use.relation));
    }
    for (const auto& row : rows_.relations) {
        // Rules are planned with the statement; a foreign table's server is asked.
        const bool has_rules = row.runs_code_on_insert || row.runs_code_on_update || row.runs_code_on_delete || row.runs_code_on_truncate;
        if (has_rules || row.kind == RelationKind::foreign_table) opaque.insert(roots_.root(row.oid));
    }
    for (bool is_more = true; is_more;) {
        is_more = false;
        for (const auto& row : rows_.policy_reads) {
            if (opaque.contains(roots_.root(row.read))) is_more |= opaque.insert(roots_.root(row.relation)).second;
        }
    }
    for (auto& relation : impl_.relations) relation.planning_is_opaque = opaque.contains(roots_.root(relation.oid));
}

void CatalogueBuilder::close_writes() {
    WriteClosures closures(roots_, rows_.foreign_keys);
    std::unordered_set<Oid> maintained_code;  // roots
    for (const auto& row : rows_.relations) {
        if (row.runs_code_on_insert) closures.add_code(row.oid, WriteEvent::insert);
        if (row.runs_code_on_update) closures.add_code(row.oid, WriteEvent::update);
        if (row.runs_code_on_delete) closures.add_code(row.oid, WriteEvent::delete_);
        if (row.runs_code_on_truncate) closures.add_code(row.oid, WriteEvent::truncate);
    }
    for (const auto& use : rows_.code_uses) {
        if (!is_code(catalogue_->function_verdict(use.function))) continue;
        if (const auto trigger = triggers_.find(use.function); trigger != triggers_.end()) {
            const auto& writes = trigger->second.writes;
            if (use.on_insert) closures.add_body(use.relation, WriteEvent::insert, writes);
            if (use.on_update) closures.add_body(use.relation, WriteEvent::update, writes);
            if (use.on_delete) closures.add_body(use.relation, WriteEvent::delete_, writes);
            if (use.on_truncate) closures.add_body(use.relation, WriteEvent::truncate, writes);
            continue;
        }
        if (use.on_insert) closures.add_code(use.relation, WriteEvent::insert);
        if (use.on_update) closures.add_code(use.relation, WriteEvent::update);
        if (use.on_delete) closures.add_code(use.relation, WriteEvent::delete_);
        if (use.on_truncate) closures.add_code(use.relation, WriteEvent::truncate);
        if (use.on_maintenance) maintained_code.insert(roots_.root(use.relation));
    }
    impl_.has_maintenance_code = !maintained_code.empty();
    for (auto& relation : impl_.relations) {
        const auto take = [&](WriteEvent event, std::vector<Oid>& roots, bool& is_opaque, bool& runs_bodies) {
            auto reach = closures.reach(relation.oid, event);
            roots = std::move(reach.roots);
            is_opaque = reach.is_opaque;
            runs_bodies = reach.runs_bodies;
            return reach.returns;
        };
        relation.maintenance_is_opaque = maintained_code.contains(relation.root);
        if (relation.is_system) continue;
        relation.insert_returns = take(WriteEvent::insert, relation.on_insert, relation.insert_is_opaque, relation.insert_runs_bodies);
        relation.update_returns = take(WriteEvent::update, relation.on_update, relation.update_is_opaque, relation.update_runs_bodies);
        relation.delete_returns = take(WriteEvent::delete_, relation.on_delete, relation.delete_is_opaque, relation.delete_runs_bodies);
        take(WriteEvent::truncate, relation.on_truncate_cascade, relation.truncate_is_opaque, relation.truncate_runs_bodies);
        // A view has no rows of its own; what its triggers and rules run, and write, stays.
        if (relation.kind == RelationKind::view) {
            for (auto* roots : {&relation.on_insert, &relation.on_update, &relation.on_delete, &relation.on_truncate_cascade}) std::erase(*roots, relation.root);
        }
    }
}

void CatalogueBuilder::resolve_view(std::size_t index, int depth) {
    auto& relation = impl_.relations[index];
    const bool is_view = relation.kind == RelationKind::view;
    if (!is_view && relation.kind != RelationKind::materialized_view) return;
    // Views that initdb made come without definition. Others in their schemas are no more readable, but may run code.
    if (relation.is_system && rows_.relations[index].view_definition.empty()) return;
    if (!visited_.insert(index).second) return;  // done; or a view within itself, which stays not understood
    relation.reading_is_opaque = true;
    const bool is_opaque_itself = relation.planning_is_opaque;
    if (is_view) relation.planning_is_opaque = true;
    if (depth > kViewDepthMax) return;
    const auto facts = sql::analyse(rows_.relations[index].view_definition);
    if (!facts.is_single() || facts.statements.front().kind != sql::Kind::select) return;
    const auto reason = relation.read_reason;
    read_through(relation, facts.statements.front(), depth);
    relation.planning_is_opaque = is_opaque_itself || (is_view && relation.planning_is_opaque);
    // A materialised view holds its own rows: it is read as a table is, and its body matters to REFRESH alone.
    if (relation.is_system) {
        relation.read_reason = reason;
        relation.reads.clear();
    } else if (!is_view) {
        relation.read_reason = reason;
        relation.reads = {relation.oid};
    }
}

void CatalogueBuilder::read_through(Relation& view, const sql::Facts& facts, int depth) {
    static const std::vector<std::string> kPath{"pg_catalog"};
    const auto code = judge_code(facts, *catalogue_, kPath, NameScope::view);
    // Until all below is known the view itself stays not understood: whoever meets it on the way is a view within itself.
    bool is_opaque = code.may_write || code.may_change_session;
    bool plans_code = is_opaque || code.is_own_code;
    Reason reason = code.reason;
    std::vector<Oid> reads;
    std::vector<const Relation*> bases;
    for (const auto& use : facts.reads) {
        const auto* found = catalogue_->find_relation(in_scope(use.name, NameScope::view), kPath);
        if (found == nullptr) {
            is_opaque = plans_code = true;
            if (reason == Reason::none) reason = Reason::unknown_relation;
            continue;
        }
        resolve_view(impl_.by_oid.at(found->oid), depth + 1);
        bases.push_back(found);
        plans_code |= found->planning_is_opaque;
        add_to(reads, found->reads);
        if (found->kind != RelationKind::materialized_view) is_opaque |= found->reading_is_opaque;
        if (reason == Reason::none) reason = found->read_reason;
    }
    view.reading_is_opaque = is_opaque;
    view.planning_is_opaque = plans_code;
    view.read_reason = reason;
    view.reads = std::move(reads);
    if (view.kind == RelationKind::view) write_through(view, bases);
}

void CatalogueBuilder::write_through(Relation& view, const std::vector<const Relation*>& bases) {
    // An automatically updatable view hands the write to its base relation, which is among what it reads. Its conditions
    // run as well. Triggers and rules on the view itself are in its own closure already.
    for (const auto* base : bases) {
        add_to(view.on_insert, base->on_insert);
        add_to(view.on_update, base->on_update);
        add_to(view.on_delete, base->on_delete);
        view.insert_runs_bodies |= base->insert_runs_bodies;
        view.update_runs_bodies |= base->update_runs_bodies;
        view.delete_runs_bodies |= base->delete_runs_bodies;
        view.insert_is_opaque |= base->insert_is_opaque;
        view.update_is_opaque |= base->update_is_opaque;
        view.delete_is_opaque |= base->delete_is_opaque;
    }
    view.insert_is_opaque |= view.reading_is_opaque;
    view.update_is_opaque |= view.reading_is_opaque;
    view.delete_is_opaque |= view.reading_is_opaque;
}

std::size_t CatalogueBuilder::bytes() const {
    std::size_t total = 0;
    for (const auto& relation : impl_.relations) {
        total += sizeof relation + 2 * relation.name.size() + relation.schema.size() + 100;
        total += sizeof(Oid) * (relation.reads.size() + relation.on_insert.size() + relation.on_update.size() + relation.on_delete.size() +
                                relation.on_truncate_cascade.size());
    }
    return total + impl_.functions_by_oid.size() * 48 + impl_.functions.size() * 160;
}

}  // namespace larder::rules
