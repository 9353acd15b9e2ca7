// Chooses a set of indexes for many statements under a limit on their size: what saves most per byte first, each step weighed again
// with what is already chosen, then exchanges as long as one helps.
//
// The cost of a statement is asked for through a function, since only the planner knows how indexes work together; no answer is
// asked for twice. Some indexes are worth something only together (both sides of a join), so groups of them are offered as well as
// each alone.
//
// Threads: any; asks through the callback only.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

namespace larder::advisor {

struct SelectionProblem {
    std::size_t statements = 0;
    std::vector<double> weights;                          // per statement: how often it is asked
    std::vector<double> bytes, upkeep;                    // per index; upkeep is what the writing statements pay for it
    std::vector<std::vector<std::size_t>> statements_of;  // per index: the statements it may serve
    std::vector<std::vector<std::size_t>> groups;         // of indexes that may be chosen in one step
    double budget = 0;                                    // bytes; 0: no limit
    // The statement's cost with these indexes, which are in ascending order.
    std::function<double(std::size_t statement, const std::vector<std::size_t>& indexes)> cost;
};

struct Selection {
    std::vector<std::size_t> indexes;  // in the order in which they were chosen
    double before = 0, after = 0;      // weighted sums; after includes the upkeep
    double bytes = 0;
};

Selection select_indexes(const SelectionProblem& problem);

}  // namespace larder::advisor
