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
#include "advisor/rewrite.h"
#include "advisor/smells.h"

namespace larder::advisor {

class Case {
public:
    Case(Connection& connection, Relations& relations, const Question& question, const Node& tree);
    std::vector<Advice> work();

    // What the statement brings to a choice for many (workload.h): its indexes as it is, and all that could serve it.
    struct Part {
        Statement statement;             // with values in the place of what only a running statement knows
        PlanNode now;
        Found found;
        std::vector<IndexSpec> possible;
        std::vector<TableUse> uses;
    };
    Part part();

private:
    // The statement as it is or in another form, with the indexes that serve it.
    struct Solution {
        Found found;
        std::optional<Rewritten> form;
        double after = 0;
    };
    Found indexes_for(const Statement& statement, const PlanNode& now, std::vector<TableUse>& uses);
    Statement with_known_values(const Statement& as_written);
    std::vector<IndexSpec> possible_indexes(const Statement& statement, const PlanNode& bare, std::vector<TableUse>& uses);
    Statement asked_statement();
    std::string with_values(const std::string& sql);
    CandidateQuestions questions(const Statement& statement);
    Found sampled_index(const Statement& statement, const PlanNode& now, const PlanNode& bare, std::vector<TableUse>& uses);
    std::vector<Solution> solutions(const Statement& statement, const PlanNode& now);
    void put_first(std::vector<Advice>& more);
    void add_run(const Statement& statement, bool is_select);
    void add_solutions(const std::vector<Solution>& solutions, double before);
    Advice advice_for(const Solution& solution, double before) const;

    Connection& connection_;
    Relations& relations_;
    const Question& question_;
    const Node& tree_;
    Laboratory laboratory_;
    OperatorClasses classes_;
    Sampler sampler_;
    std::vector<TableUse> uses_;   // of the statement as it is
    std::vector<Advice> advice_;
};

}  // namespace larder::advisor
