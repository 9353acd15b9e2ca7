#include <algorithm>
#include <cmath>
#include <set>

#include "advisor/notes.h"

namespace larder::advisor {

namespace {

constexpr double kFarOff = 10, kManyRows = 100, kManyLoops = 1000;
constexpr double kMilliseconds = 10;     // what takes less is not worth a word
constexpr double kShareOfTime = 0.3;

std::string named(const PlanNode& node) { return node.type + (node.relation.empty() ? "" : " on " + node.relation) + (node.index.empty() ? "" : " by " + node.index); }

double off_by(const PlanNode& node) {
    const double estimate = std::max(1.0, node.rows), real = std::max(1.0, node.measured->rows);
    return std::max(estimate / real, real / estimate);
}

// A multiple of work_mem that would do.
std::string enough_memory(double kilobytes) { return "at least " + whole(std::ceil(2.5 * kilobytes / 1024)) + "MB"; }

// P6, P7, P8, P17
void memory(const PlanNode& node, std::vector<Advice>& to) {
    const Measured& m = *node.measured;
    if (m.is_sorted_on_disk) to.push_back(make_advice("review_schema", named(node) + " did not fit into memory and took " + whole(m.sort_kb) + " kB of disk (P6): an index in that order, fewer columns, or ALTER ROLE … SET work_mem = " + enough_memory(m.sort_kb) + "."));
    if (m.hash_batches > 1) {
        to.push_back(make_advice("review_schema", named(node) + " was divided into " + whole(m.hash_batches) + " parts, most of them on disk (P7): " +
                                      (m.hash_batches > m.hash_batches_planned && m.hash_batches_planned > 0 ? "more rows came than the planner expected, so ANALYZE first; else " : "") + "raise work_mem for this role."));
    }
    if (m.disk_kb > 0 && node.type == "Aggregate") to.push_back(make_advice("review_schema", named(node) + " had more groups than fit into memory, " + whole(m.disk_kb) + " kB of them on disk (P8): raise work_mem for this role, or group fewer rows."));
    if (m.lossy_blocks > m.exact_blocks) to.push_back(make_advice("review_schema", named(node) + " remembered pages instead of rows for " + whole(m.lossy_blocks) + " pages, and looked at every row of them (P17): raise work_mem, or a more selective index."));
}

// P2, P18, P21
void wasted_reads(const PlanNode& node, std::vector<Advice>& to) {
    const Measured& m = *node.measured;
    const bool is_by_index = node.type == "Index Scan" || node.type == "Bitmap Heap Scan" || node.type == "Index Only Scan";
    if (!is_by_index) return;
    const double found = std::max(1.0, m.rows) * m.loops;
    if (m.removed_by_filter * m.loops > kFarOff * found && m.removed_by_filter * m.loops > kManyRows) {
        to.push_back(make_advice("btree_composite", named(node) + " found " + whole(m.removed_by_filter) + " rows for each run that the filter then dropped, and kept " + whole(m.rows) + " (P2): an index with the filter's column as well, or a partial one: " +
                                        (node.filters.empty() ? "" : node.filters.front()) + "."));
    }
    if (m.removed_by_recheck > m.rows && m.lossy_blocks == 0 && m.removed_by_recheck > kManyRows) {
        to.push_back(make_advice("review_schema", named(node) + " gave " + whole(m.removed_by_recheck) + " rows that did not match when looked at (P18): a longer pattern, or another operator class."));
    }
    if (node.type == "Index Only Scan" && m.heap_fetches > 0.1 * found && m.heap_fetches > kManyRows) {
        to.push_back(make_advice("analyze", named(node) + " went to the table for " + whole(m.heap_fetches) + " rows, since their pages are not known to be visible to all (P21): VACUUM " + node.relation + ", and let autovacuum come sooner (autovacuum_vacuum_insert_scale_factor)."));
    }
}

// P10, P13, P15, P16
void misjudged(const PlanNode& node, std::vector<Advice>& to) {
    if (node.measured->loops == 0 || off_by(node) < kFarOff || std::max(node.rows, node.measured->rows) < kManyRows) return;
    const std::string said = named(node) + ": " + whole(node.rows) + " rows were expected, " + whole(node.measured->rows) + " came";
    if (node.is_scan() && (node.children.empty() || node.type == "Bitmap Heap Scan") && !node.filters.empty()) {
        const bool is_default = node.filters.front().find('(', 1) != std::string::npos && node.filters.front().find("::") == std::string::npos;
        to.push_back(make_advice("extended_stats", said + " (P13). ANALYZE " + node.relation + "; if it stays so, raise the columns' statistics target, or CREATE STATISTICS on columns that depend on each other (P14)" +
                                       (is_default ? " or on the expression (P15)" : "") + ": " + node.filters.front() + "."));
    }
    const bool joins = !node.join_conditions.empty() && node.children.size() == 2;
    if (joins && std::all_of(node.children.begin(), node.children.end(), [](const PlanNode& child) { return child.measured && off_by(child) < kFarOff; })) {
        to.push_back(make_advice("extended_stats", said + ", though both sides were judged right (P16): raise the statistics target of the joined columns, or tell how many different values there are (ALTER TABLE … ALTER COLUMN … SET (n_distinct = …)): " + node.join_conditions.front() + "."));
    }
    if (node.type == "Nested Loop" && node.children.size() == 2 && node.children[1].measured && node.children[1].measured->loops > kManyLoops && node.children[0].rows < node.children[1].measured->loops / kFarOff) {
        to.push_back(make_advice("analyze", named(node) + " ran its inner side " + whole(node.children[1].measured->loops) + " times, where " + whole(node.children[0].rows) + " were expected (P10): with right statistics on the outer side another join would have been chosen. ANALYZE it, and see whether its columns depend on each other."));
    }
}

// P5
void large_groups(const PlanNode& node, std::vector<Advice>& to) {
    if (node.type == "Incremental Sort" && node.measured->sort_groups > 0 && node.measured->rows / node.measured->sort_groups > kManyRows && node.measured->ms > kMilliseconds) {
        to.push_back(make_advice("btree_composite", "Each of the groups that come sorted already holds many rows, which are sorted again (P5): an index over all the columns of the order gives them at once."));
    }
}

}  // namespace

std::vector<Advice> run_notes(const Run& run) {
    std::vector<Advice> found;
    if (run.execution_ms >= kMilliseconds) {
        visit_plan(run.root, [&](const PlanNode& node) {
            if (!node.measured) return;
            for (const auto look : {memory, wasted_reads, misjudged, large_groups}) look(node, found);
        });
    }
    if (run.planning_ms > run.execution_ms && run.planning_ms >= kMilliseconds) {
        found.push_back(make_advice("review_schema", "Planning took longer (" + whole(run.planning_ms) + " ms) than running (" + whole(run.execution_ms) + " ms) (P31): prepare the statement, so that it is planned once; name the partition key, or have fewer partitions."));
    }
    if (run.jit_ms > kShareOfTime * run.execution_ms && run.jit_ms >= kMilliseconds) {
        found.push_back(make_advice("review_schema", "Compiling took " + whole(run.jit_ms) + " of " + whole(run.execution_ms) + " ms (P34): ALTER ROLE … SET jit_above_cost higher, or jit = off."));
    }
    if (run.root.measured && run.root.measured->read_blocks > kFarOff * std::max(1.0, run.root.measured->hit_blocks) && run.execution_ms >= kMilliseconds) {
        found.push_back(make_advice("cache", whole(run.root.measured->read_blocks) + " pages came from outside of shared_buffers, and " + whole(run.root.measured->hit_blocks) + " were in it (P35). If it stays so when run again, an index that touches fewer pages helps, or Larder's cache."));
    }
    // The same is said once, however many nodes show it.
    std::set<std::string> said;
    std::erase_if(found, [&](const Advice& advice) { return !said.insert(advice.why).second; });
    return found;
}

}  // namespace larder::advisor
