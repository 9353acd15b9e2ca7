// What a plan and a statement show besides missing indexes: pages, copies, statistics, schema, cache, indexes to drop.
//
// These are the chart's other ways: "large dataset", "many joins", and, when nothing improved, "further analysis". None of them
// has a cost that can be tried, so none of them comes before what can, but for statistics that are not there at all.
// Threads: one.
#pragma once

#include <vector>

#include "advisor/advice.h"
#include "advisor/advisor.h"
#include "advisor/plan.h"
#include "advisor/sample.h"
#include "advisor/table_use.h"

namespace larder::advisor {

struct SmellContext {
    Connection& connection;
    Relations& relations;
    const Question& question;
    const Node& statement;              // the statement's node
    const PlanNode& plan;
    std::vector<TableUse>& uses;
    std::function<double(const Relation&, const std::string&)> rows;
};

// Statistics that were never collected, or are out of date: to be said first.
std::vector<Advice> missing_statistics(const SmellContext& context);
// Indexes that a written table keeps twice, and foreign keys whose checks have no index.
std::vector<Advice> write_smells(const SmellContext& context);
// The rest, in the order in which it should be said.
std::vector<Advice> smells(const SmellContext& context);

}  // namespace larder::advisor
