// Advice on many statements at once: the set of indexes that saves most in all, under a limit on its size, with what the writing
// statements pay for it; and what the tables have that they need not, or lack.
//
// Each statement brings the indexes that would serve it (case.h); those of two that can be one are merged; then the best set is
// chosen (selection.h), with the planner asked for each statement under each set that matters to it.
//
// Threads: one. Errors: a statement that is not looked at or that the server refuses is left out, with its reason; std::runtime_error
// if the connection is lost.
#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "advisor/advice.h"
#include "advisor/advisor.h"

namespace larder::advisor {

struct WorkloadStatement {
    boost::json::value id;
    Question question;      // calls_per_minute 0 counts as 1
    std::string problem;    // why it is left out, if it is
};

// What is reported of each statement.
struct WorkloadCost {
    boost::json::value id;
    double calls_per_minute = 1, before = 0, after = 0;
    std::string problem;
};

struct WorkloadIndex {
    Advice advice;                          // gain: of the whole workload's cost, if it were made after those before it in the list
    double bytes = 0;
    std::vector<boost::json::value> serves;  // ids of the statements whose plans use it
};

struct WorkloadAdvice {
    double before = 0, after = 0, upkeep = 0, bytes = 0, budget = 0;
    std::vector<WorkloadIndex> indexes;     // what saves most by the byte first
    std::vector<Advice> spare;              // kind drop_index: doubles, leading parts, invalid and unused ones
    std::vector<Advice> unserved_keys;      // foreign keys without an index, that no chosen index serves
    std::vector<WorkloadCost> statements;
    bool is_estimate = false;               // some or all by formula
    int plans = 0;                          // asked for to find this
};

class Connection;
class Relations;

WorkloadAdvice advise_workload(Connection& connection, Relations& relations, const std::vector<WorkloadStatement>& statements, double budget_bytes);

boost::json::object to_json(const WorkloadAdvice& advice);
std::string to_text(const WorkloadAdvice& advice);

}  // namespace larder::advisor
