// How large an index would be, and what each write would pay for it: by formula, before it is made.
//
// Threads: any.
#pragma once

#include <set>
#include <string>

#include "advisor/index_spec.h"

namespace larder::advisor {

// Bytes; `share` is the part of the rows that a partial index holds, `distinct` how many different keys there are (0: told from the columns'
// own counts, which for several columns together is more than there are).
double index_bytes(const IndexSpec& spec, double share = 1, double distinct = 0);

// Is it worth counting the keys, since equal ones are kept once and the columns' own counts do not tell?
bool wants_count(const IndexSpec& spec);

// Planner's units for one row written, in the order of what a fetch of a page in memory costs.
double upkeep_per_row(const IndexSpec& spec);

// The columns that the index names in keys, INCLUDE or predicate, by name.
std::set<std::string> columns_named(const IndexSpec& spec);

}  // namespace larder::advisor
