// Chooses, among the indexes that could serve a statement, the fewest and lightest that make it nearly as cheap as all of them would.
//
// All candidates are offered to the planner at once: what it then uses is nearly the best there is. Each is then taken out, and
// kept out if the plan does as well without; then replaced by a lighter one if there is one that does.
#pragma once

#include <vector>

#include "advisor/index_spec.h"
#include "advisor/laboratory.h"

namespace larder::advisor {

struct Found {
    double before = 0, after = 0;
    std::vector<IndexSpec> indexes;        // empty: none is worth it
    PlanNode now, then;
    bool is_estimate = false;
    struct Other { IndexSpec index; double after; };
    std::vector<Other> others;             // single indexes that help too, best first

    double gain() const { return before > 0 ? 1 - after / before : 0; }
};

// An index is worth it if it saves this share of the statement's cost, and so many units.
inline constexpr double kGainMin = 0.3;
inline constexpr double kUnitsMin = 50;

Found find_indexes(Laboratory& laboratory, const Statement& statement, const PlanNode& now, std::vector<IndexSpec> candidates);

}  // namespace larder::advisor
