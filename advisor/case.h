// One statement's way through the advisor: explain, classify, design, test, say (the chart of the optimisation process).
//
//   explained ─ table scan ── indexes ─┐
//             ├ high cost ─── rewrites ┼─ tested ─ improved ──── advised
//             ├ many joins ─ a copy    │         └ not improved: statistics, schema, cache
//             └ large ────── pages ────┘
//
// The ways do not exclude each other: what saves most, as tested, comes first.
#pragma once

#include <vector>

#include "advisor/advice.h"
#include "advisor/advisor.h"
#include "advisor/index_search.h"
#include "advisor/laboratory.h"
#include "advisor/node.h"

namespace larder::advisor {

class Case {
public:
    Case(Connection& connection, Relations& relations, const Question& question, const Node& tree);
    std::vector<Advice> work();

private:
    Found indexes_for(const Statement& statement, const PlanNode& now);
    Advice index_advice(const Found& found) const;
    void add_indexes(const Found& found);

    Connection& connection_;
    Relations& relations_;
    const Question& question_;
    const Node& tree_;
    Laboratory laboratory_;
    OperatorClasses classes_;
    std::vector<Advice> advice_;
};

}  // namespace larder::advisor
