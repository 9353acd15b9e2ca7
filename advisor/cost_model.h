// The planner's cost of a plan if it could use other indexes: without a planner that can be asked, by formula.
//
// The plan that is there is walked; a scan of a table that an offered index could serve is given the cost of that index's use, a
// sort that an index's order spares is left out, a LIMIT reads its share only. Formulas: a B-tree or GIN fetch reads
// pages = 2TN / (2T + N) of T pages for N rows, each at a price between random and sequential (the bitmap's formula).
//
// Threads: any.
#pragma once

#include <vector>

#include "advisor/index_spec.h"
#include "advisor/laboratory.h"
#include "advisor/plan.h"

namespace larder::advisor {

// What it costs to fetch `rows` of a table with so many pages through an index that finds exactly them.
double fetch_cost(double rows, double pages);

Trial estimate(const PlanNode& now, const std::vector<const IndexSpec*>& specs);

}  // namespace larder::advisor
