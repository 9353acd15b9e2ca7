// Where an index is tried before it is advised: plans with indexes that are not there.
//
// With HypoPG (only if the database has it; it is never created) the planner itself plans with them. What HypoPG cannot make (GIN, GiST) is
// stood in for by a partial B-tree that finds the same rows, plus what the real index costs more. Without HypoPG the cost formulas
// of cost_model.h are used. Both are marked: an estimate is not a plan.
//
// Threads: one. To be used inside of Connection::begin() and end().
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "advisor/candidates.h"
#include "advisor/connection.h"
#include "advisor/index_spec.h"
#include "advisor/plan.h"
#include "advisor/relation.h"

namespace larder::advisor {

struct Statement {
    std::string sql;
    Parameters parameters;
    std::size_t unknown_parameters = 0;  // $1 to so many have no values: planned for any
};

struct Trial {
    double cost = 0;
    std::vector<std::size_t> used;   // which of the offered indexes the plan uses
    PlanNode plan;                   // with stand-ins' names for what is not there
    bool is_estimate = false;        // not planned by the server, or with a stand-in
};

class Laboratory {
public:
    Laboratory(Connection& connection, Relations& relations);

    bool has_hypopg() const { return !hypopg_.empty(); }
    bool can_create(const std::string& extension) const;

    // Does the planner see it? If not, cost formulas decide, for which IndexSpec::use has to be filled in.
    bool can_plan_with(const IndexSpec& spec) const;
    // In detail, the plan shows what each node puts out and of which schema each table is. (For some plans the server cannot write that
    // down: where costs and names of indexes are enough, they are asked for without it.)
    PlanNode plan(const Statement& statement, bool in_detail = true);
    // Runs it: EXPLAIN ANALYZE. Nothing if the server refuses, or if it takes longer than kRunMax; the reason is in `why`.
    std::optional<Run> run(const Statement& statement, std::string& why);
    static constexpr std::chrono::seconds kRunMax{60};
    PlanNode generic_plan(const Statement& statement, bool in_detail = true);
    // The plan without any index, parallel worker or nested loop that can be done without.
    PlanNode bare_plan(const Statement& statement);
    // Forgets those that cannot be made (a function that is not immutable, a type without the operator class, …).
    void keep_possible(std::vector<IndexSpec>& specs);
    Trial with_indexes(const Statement& statement, const PlanNode& now, const std::vector<const IndexSpec*>& specs);
    double rows_meeting(const Relation& relation, const std::string& condition);
    CandidateQuestions::Type expression_type(const Relation& relation, const std::string& expression);
    std::string folded(const Atom& atom);
    // Calls of functions that only need the clock or a setting are replaced by their values; true if there was one.
    bool put_values(Node& node);
    // Those values, as texts.
    const std::vector<std::string>& values_put() const { return values_put_; }
    int trials() const { return trials_; }

private:
    PlanNode serial_plan(const Statement& statement);
    Trial planned(const Statement& statement, const std::vector<const IndexSpec*>& specs, const std::vector<std::size_t>& numbers, bool is_serial);
    std::vector<std::string> definitions(const IndexSpec& spec);
    std::optional<std::vector<std::string>> create(const std::vector<std::string>& definitions);
    bool is_immutable(const IndexSpec& spec);
    void admit(const IndexSpec& spec);

    Connection& connection_;
    Relations& relations_;
    std::string hypopg_;             // its schema with a dot; empty: not there
    std::vector<std::string> values_put_;
    int trials_ = 0;
};

}  // namespace larder::advisor
