// A plan as EXPLAIN (FORMAT JSON, VERBOSE) gives it, as a tree of plain structs.
//
// Threads: any. Errors: read_plan throws std::runtime_error on a text that is no plan.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::advisor {

// What EXPLAIN ANALYZE adds to a node: of one of its runs, the mean of all.
struct Measured {
    double rows = 0, loops = 0, ms = 0;
    double removed_by_filter = 0, removed_by_recheck = 0, heap_fetches = 0, exact_blocks = 0, lossy_blocks = 0, hit_blocks = 0, read_blocks = 0;
    double sort_kb = 0, sort_groups = 0, disk_kb = 0, hash_batches = 0, hash_batches_planned = 0;
    bool is_sorted_on_disk = false;
};

struct PlanNode {
    std::string type;                      // "Seq Scan", …
    std::string parent_relationship;       // "Outer", "Inner", "SubPlan", "InitPlan", "Member", …
    std::string subplan_name;
    std::string schema, relation, alias;   // of a scan, and of ModifyTable's target
    std::string index, join_type, operation, strategy, cte, function;
    double startup_cost = 0, total_cost = 0, rows = 0;
    int width = 0, workers_planned = 0;
    bool inner_unique = false;
    std::vector<std::string> output, sort_keys, presorted_keys, group_keys;
    std::vector<std::string> filters;      // conditions on what the node reads: Filter, Index Cond, Recheck Cond, One-Time Filter
    std::vector<std::string> index_conditions;
    std::vector<std::string> order_by;     // of an index scan by distance
    std::vector<std::string> join_conditions;  // Hash Cond, Merge Cond, Join Filter
    std::vector<PlanNode> children;
    std::optional<Measured> measured;

    bool is_scan() const { return !relation.empty() && type != "ModifyTable"; }
};

PlanNode read_plan(std::string_view json_text);

// A statement that was run (EXPLAIN ANALYZE).
struct Run {
    PlanNode root;
    double planning_ms = 0, execution_ms = 0, jit_ms = 0;
};
Run read_run(std::string_view json_text);

// Parents first.
void visit_plan(const PlanNode& node, const std::function<void(const PlanNode&)>& visit);

// The plan's text for one condition, fit for the parser: "(hashed SubPlan 1)" becomes "larder_subplan(1)".
std::string plan_text(std::string_view condition);

// How a condition is written.
using ConditionText = std::function<std::string(const std::string& condition)>;

// The plan as people read it, one line a node, with the node marked that costs most by itself.
std::string plan_picture(const PlanNode& root, const ConditionText& text_of = [](const std::string& condition) { return condition; });

}  // namespace larder::advisor
