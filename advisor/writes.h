// What a writing statement pays for each index on the table it writes.
//
// Threads: any.
#pragma once

#include <set>
#include <string>

#include "advisor/index_spec.h"
#include "advisor/node.h"
#include "advisor/plan.h"

namespace larder::advisor {

struct Writes {
    const Relation* relation = nullptr;   // null: it writes nothing that is known
    double rows = 0;                      // per call, by the planner's estimate
    bool writes_all = false;              // INSERT and MERGE: each row is entered into each index
    std::set<std::string> columns;        // that an UPDATE sets

    double upkeep(const IndexSpec& spec) const;   // planner's units per call
};

Writes writes_of(const Node& tree, const PlanNode& plan, Relations& relations);

}  // namespace larder::advisor
