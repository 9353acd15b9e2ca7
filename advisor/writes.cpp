#include "advisor/writes.h"

#include <algorithm>

#include "advisor/index_size.h"

namespace larder::advisor {

namespace {

std::set<std::string> columns_set(const boost::json::object& fields) {
    std::set<std::string> columns;
    for (const Node& item : list(fields, "targetList")) {
        if (const auto* target = fields_of(item, "ResTarget")) columns.emplace(word(*target, "name"));
    }
    return columns;
}

}  // namespace

double Writes::upkeep(const IndexSpec& spec) const {
    if (!relation || spec.relation != relation) return 0;
    const double all = rows * upkeep_per_row(spec);
    if (writes_all) return all;
    // An UPDATE of other columns can stay on its page and leave the indexes alone; a DELETE leaves the entries to VACUUM.
    const auto named = columns_named(spec);
    const bool is_hit = std::any_of(columns.begin(), columns.end(), [&](const std::string& column) { return named.contains(column); });
    return is_hit ? all : 0;
}

Writes writes_of(const Node& tree, const PlanNode& plan, Relations& relations) {
    Writes writes;
    if (plan.type != "ModifyTable") return writes;
    writes.relation = relations.find(plan.schema, plan.relation);
    writes.rows = std::max(1.0, plan.children.empty() ? 1.0 : plan.children[0].rows);
    writes.writes_all = plan.operation == "Insert" || plan.operation == "Merge";
    visit_nodes(tree, [&](const Node& part) {
        if (const auto* update = fields_of(part, "UpdateStmt")) writes.columns.merge(columns_set(*update));
        return true;
    });
    return writes;
}

}  // namespace larder::advisor
