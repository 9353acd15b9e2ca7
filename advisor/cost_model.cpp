#include "advisor/cost_model.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace larder::advisor {

namespace {

constexpr double kSequentialPage = 1, kRandomPage = 4, kRow = 0.01, kOperator = 0.0025;
constexpr double kDescent = 10;  // down the tree, and the bitmap
constexpr double kPageBytes = 8192 * 0.9;
constexpr double kProbe = 4.5;   // into an index by a join: its upper pages are in memory

// The plan's cost with indexes, node by node; each node's own work stays what it is.
class Model {
public:
    explicit Model(const std::vector<const IndexSpec*>& specs) : specs_(specs) {}

    double cost(const PlanNode& node) {
        if (node.is_scan()) return scan(node);
        double own = node.total_cost, below = 0;
        for (const auto& child : node.children) {
            own -= child.total_cost;
            below += cost(child);
        }
        double best = std::max(own, 0.0) + below;
        if (node.type == "Limit" || node.type == "Aggregate") best = std::min(best, in_order(node, best));
        if (node.children.size() == 2) best = std::min(best, by_lookup(node, best));
        return best;
    }

    const std::set<std::size_t>& used() const { return used_; }

private:
    double pages_of(const IndexSpec& spec) const { return std::max(spec.relation->pages, 1.0); }

    static bool is_of(const IndexSpec& spec, const PlanNode& scan) {
        const auto& leaves = spec.relation->leaf_names;
        return scan.schema == spec.relation->schema && (scan.relation == spec.relation->name || std::find(leaves.begin(), leaves.end(), scan.relation) != leaves.end());
    }

    // The part of a partitioned table's pages that this partition has.
    static double leaf_share(const IndexSpec& spec, const PlanNode& scan) {
        const auto& names = spec.relation->leaf_names;
        const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), scan.relation) - names.begin());
        if (at >= spec.relation->leaf_pages.size() || spec.relation->pages <= 0) return 1;
        return spec.relation->leaf_pages[at] / spec.relation->pages;
    }

    static double share(const IndexSpec& spec) { return spec.relation->rows > 0 ? std::min(1.0, spec.use.rows / spec.relation->rows) : 1; }

    // The part of the index that is read: GIN's and GiST's is in extra_cost, BRIN has next to none.
    static double index_cost(const IndexSpec& spec) {
        if (spec.method != "btree") return 0;
        double entry = 16;
        for (const auto& key : spec.keys) entry += width(spec, key.column);
        entry += 8.0 * static_cast<double>(spec.include.size());
        return spec.use.rows * entry / kPageBytes * kRandomPage + spec.use.rows * 2 * kOperator;
    }

    static int width(const IndexSpec& spec, int number) {
        const Column* column = number ? spec.relation->column(number) : nullptr;
        return column ? column->average_width : 8;
    }

    double table_cost(const IndexSpec& spec) const {
        const double random = fetch_cost(spec.use.rows, pages_of(spec));
        // Nothing is fetched if the index holds all that is asked for, but of pages that are not known to be visible.
        if (!spec.include.empty()) return random * (1 - spec.relation->visible_share) + spec.use.rows * kRow + kDescent;
        const Column* leading = spec.keys[0].column ? spec.relation->column(spec.keys[0].column) : nullptr;
        const double order = leading && spec.method == "btree" ? leading->correlation * leading->correlation : spec.method == "brin" ? 1 : 0;
        const double in_row = share(spec) * pages_of(spec) * kSequentialPage + spec.use.rows * kRow + kDescent;
        return order * std::min(in_row, random) + (1 - order) * random;
    }

    double scan(const PlanNode& node) {
        double best = node.total_cost;
        std::size_t by = specs_.size();
        for (std::size_t i = 0; i < specs_.size(); ++i) {
            const IndexSpec& spec = *specs_[i];
            if (!is_of(spec, node) || !spec.use.is_selective || spec.use.is_join) continue;
            const double part = spec.relation->kind == 'p' ? leaf_share(spec, node) : 1;
            const double cost = part * (index_cost(spec) + table_cost(spec)) + spec.extra_cost;
            if (cost < best) best = cost, by = i;
        }
        if (by < specs_.size()) used_.insert(by);
        return best;
    }

    // The scan below nodes with one child each, with a sort between; or right below an aggregate that wants one end.
    static const PlanNode* sorted_scan(const PlanNode& node) {
        bool is_sorted = node.type == "Aggregate" && node.group_keys.empty() && !node.output.empty() &&
                         std::all_of(node.output.begin(), node.output.end(), [](const std::string& text) { return text.starts_with("max(") || text.starts_with("min("); });
        const PlanNode* at = &node;
        while (at->children.size() == 1) {
            at = &at->children[0];
            is_sorted = is_sorted || at->type == "Sort" || at->type == "Incremental Sort";
        }
        return at->is_scan() && is_sorted ? at : nullptr;
    }

    double in_order(const PlanNode& node, double best) {
        const PlanNode* below = sorted_scan(node);
        if (!below) return best;
        std::size_t by = specs_.size();
        for (std::size_t i = 0; i < specs_.size(); ++i) {
            const IndexSpec& spec = *specs_[i];
            if (!is_of(spec, *below) || !spec.use.is_ordered) continue;
            const double filtered = std::max(below->rows * std::max(1, below->workers_planned), 1.0);
            const double read = std::max(node.rows, 1.0) * std::max(1.0, spec.use.rows / filtered);
            const double cost = std::min(read, spec.use.rows) * (kRandomPage + kRow) + spec.extra_cost;
            if (cost < best) best = cost, by = i;
        }
        if (by < specs_.size()) used_.insert(by);
        return best;
    }

    // A join of any method as a nested loop that looks each outer row up.
    double by_lookup(const PlanNode& node, double best) {
        for (int inner = 0; inner < 2; ++inner) {
            const PlanNode* scan = &node.children[static_cast<std::size_t>(inner)];
            while (!scan->is_scan() && scan->children.size() == 1 && (scan->type == "Hash" || scan->type == "Materialize" || scan->type == "Sort")) scan = &scan->children[0];
            const bool can_turn = node.join_type == "Inner" && node.type != "Nested Loop";
            if (!scan->is_scan() || (inner == 0 && !can_turn)) continue;
            const PlanNode& outer = node.children[static_cast<std::size_t>(1 - inner)];
            for (std::size_t i = 0; i < specs_.size(); ++i) {
                const IndexSpec& spec = *specs_[i];
                if (!is_of(spec, *scan) || !spec.use.is_join) continue;
                const double cost = outer.total_cost + outer.rows * (kProbe + spec.use.rows_per_join * kRandomPage);
                if (cost < best) best = cost, used_.insert(i);
            }
        }
        return best;
    }

    const std::vector<const IndexSpec*>& specs_;
    std::set<std::size_t> used_;
};

}  // namespace

double fetch_cost(double rows, double pages) {
    pages = std::max(pages, 1.0);
    const double fetched = std::min(pages, 2 * pages * rows / (2 * pages + rows));
    const double page_cost = kRandomPage - (kRandomPage - kSequentialPage) * std::sqrt(fetched / pages);
    return fetched * page_cost + rows * (kRow + 2 * kOperator) + kDescent;
}

Trial estimate(const PlanNode& now, const std::vector<const IndexSpec*>& specs) {
    Model model(specs);
    Trial trial;
    trial.plan = now;
    trial.cost = model.cost(now);
    trial.used.assign(model.used().begin(), model.used().end());
    trial.is_estimate = true;
    return trial;
}

}  // namespace larder::advisor
