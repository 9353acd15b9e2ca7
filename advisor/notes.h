// What a statement, its plan, its tables or a run of it show beside the ways whose gain can be told: smaller things, and things that
// only people can decide. (The anti-patterns of statements R16 to R36, of plans P6 to P38, and the review of the schema.)
//
// They change nothing, are never the best advice, and hold no statement to run.
// Threads: one.
#pragma once

#include <vector>

#include "advisor/advice.h"
#include "advisor/plan.h"
#include "advisor/smells.h"

namespace larder::advisor {

// Of the statement's text: columns and joins that are not needed, lists, orders and conditions that miss what they are for, writes of a whole table.
std::vector<Advice> statement_notes(const SmellContext& context);
// Of the plan as it is estimated: partitions, functions, remote and bloated tables, too many joins.
std::vector<Advice> plan_notes(const SmellContext& context);
// Of the tables that a costly statement reads: keys, types, indexes.
std::vector<Advice> schema_notes(const SmellContext& context);
// Of a run that was measured (Question::may_run): what the estimates missed, and what did not fit into memory.
std::vector<Advice> run_notes(const Run& run);

}  // namespace larder::advisor
