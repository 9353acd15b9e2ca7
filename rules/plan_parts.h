// The parts of make_plan: what is read, what is written, what else changes.
#pragma once

#include "rules/plan.h"

namespace larder::rules {

// The catalogue and environment under which names are resolved, or what is missing of them.
struct Scope {
    const Catalogue* catalogue = nullptr;
    const SessionEnv* env = nullptr;

    bool is_known() const { return catalogue != nullptr && env != nullptr; }
    std::vector<const Relation*> candidates(const sql::Name& name) const;
    // The name may be that of a temporary object of the session, for all that is known.
    bool may_be_temporary(const sql::Name& name) const;
    bool temporary_may_run_code() const { return env == nullptr || env->temp_objects_run_code; }
};

bool is_temp_schema(std::string_view schema);

// A text means the same whatever the session's settings: ASCII without a backslash.
bool is_lexed_alike_everywhere(Bytes text);

// Fills plan.reason, reads, ttl, rule, tags. The write part must be there already.
void plan_read(Plan& plan, const PlanInput& input);

// Adds what one statement writes.
void plan_write(Plan& plan, const sql::Facts& facts, const Scope& scope);

// Adds what one statement does to its session and transaction.
void plan_effects(Plan& plan, const sql::Facts& facts, const Scope& scope);

// --- rows

// How values in the statement relate to what the server stores.
ValueScope value_scope(const Scope& scope);

// Is this reference restricted to values of one of the relation's keys? Then the one that tells the most.
std::optional<RowRead> row_read(const Relation& relation, const sql::RelationUse& use, const sql::Facts& facts, const Scope& scope);

// Adds what an insert, update or delete of this relation's own rows does to its keys, if `use` tells; else that all of them move.
void write_rows(WritePlan& writes, const Relation& relation, const sql::WriteUse& use, const sql::Facts& facts, const Scope& scope);

// Moves every key of the relation.
void write_all_keys(WritePlan& writes, const Relation& relation);

// Nothing is known: it may write, change and release anything.
void plan_anything(Plan& plan);

// Keeps the roots sorted and without repeats.
void normalise(WritePlan& writes);

}  // namespace larder::rules
