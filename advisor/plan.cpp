#include "advisor/plan.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include <boost/json/parse.hpp>

#include "advisor/node.h"

namespace larder::advisor {

namespace json = boost::json;

namespace {

constexpr std::size_t kPlanDepthMax = 2000;

double number(const json::object& fields, std::string_view name) {
    const Node& value = member(fields, name);
    if (value.is_double()) return value.get_double();
    if (value.is_int64()) return static_cast<double>(value.get_int64());
    if (value.is_uint64()) return static_cast<double>(value.get_uint64());
    return 0;
}

std::vector<std::string> texts(const json::object& fields, std::string_view name) {
    std::vector<std::string> found;
    for (const Node& item : list(fields, name)) {
        if (item.is_string()) found.emplace_back(item.get_string().data(), item.get_string().size());
    }
    return found;
}

void add_text(std::vector<std::string>& to, const json::object& fields, std::string_view name) {
    if (const auto text = word(fields, name); !text.empty()) to.emplace_back(text);
}

Measured read_measured(const json::object& fields) {
    Measured m;
    const std::pair<double*, const char*> numbers[] = {
        {&m.rows, "Actual Rows"}, {&m.loops, "Actual Loops"}, {&m.ms, "Actual Total Time"}, {&m.removed_by_filter, "Rows Removed by Filter"},
        {&m.removed_by_recheck, "Rows Removed by Index Recheck"}, {&m.heap_fetches, "Heap Fetches"}, {&m.exact_blocks, "Exact Heap Blocks"}, {&m.lossy_blocks, "Lossy Heap Blocks"},
        {&m.hit_blocks, "Shared Hit Blocks"}, {&m.read_blocks, "Shared Read Blocks"}, {&m.sort_kb, "Sort Space Used"}, {&m.disk_kb, "Disk Usage"}, {&m.hash_batches, "Hash Batches"},
        {&m.hash_batches_planned, "Original Hash Batches"}};
    for (const auto& [to, name] : numbers) *to = number(fields, name);
    m.is_sorted_on_disk = word(fields, "Sort Space Type") == "Disk";
    if (const auto* groups = member(fields, "Full-sort Groups").if_object()) m.sort_groups = number(*groups, "Group Count");
    if (const auto* groups = member(fields, "Pre-sorted Groups").if_object()) m.sort_groups += number(*groups, "Group Count");
    return m;
}

PlanNode read_node(const json::object& fields) {
    PlanNode node;
    const std::pair<std::string*, const char*> words[] = {
        {&node.type, "Node Type"}, {&node.parent_relationship, "Parent Relationship"}, {&node.subplan_name, "Subplan Name"},
        {&node.schema, "Schema"}, {&node.relation, "Relation Name"}, {&node.alias, "Alias"}, {&node.index, "Index Name"},
        {&node.join_type, "Join Type"}, {&node.operation, "Operation"}, {&node.strategy, "Strategy"}, {&node.cte, "CTE Name"},
        {&node.function, "Function Name"}};
    for (const auto& [to, name] : words) *to = word(fields, name);
    node.startup_cost = number(fields, "Startup Cost");
    node.total_cost = number(fields, "Total Cost");
    node.rows = number(fields, "Plan Rows");
    node.width = static_cast<int>(number(fields, "Plan Width"));
    node.workers_planned = static_cast<int>(number(fields, "Workers Planned"));
    node.inner_unique = flag(fields, "Inner Unique");
    node.output = texts(fields, "Output");
    node.sort_keys = texts(fields, "Sort Key");
    node.presorted_keys = texts(fields, "Presorted Key");
    node.group_keys = texts(fields, "Group Key");
    for (const char* name : {"Filter", "Index Cond", "Recheck Cond", "One-Time Filter"}) add_text(node.filters, fields, name);
    for (const char* name : {"Hash Cond", "Merge Cond", "Join Filter"}) add_text(node.join_conditions, fields, name);
    add_text(node.index_conditions, fields, "Index Cond");
    add_text(node.order_by, fields, "Order By");
    if (fields.contains("Actual Loops")) node.measured = read_measured(fields);
    for (const Node& child : list(fields, "Plans")) {
        if (child.is_object()) node.children.push_back(read_node(child.get_object()));
    }
    return node;
}

// What a node costs without its children; a subplan's cost is in its parent's.
double own_cost(const PlanNode& node) {
    double own = node.total_cost;
    for (const auto& child : node.children) own -= child.total_cost;
    return std::max(own, 0.0);
}

void draw(const PlanNode& node, int depth, double most, const ConditionText& text_of, std::string& out) {
    out.append(static_cast<std::size_t>(depth) * 2, ' ');
    out += node.type;
    if (!node.index.empty()) out += " using " + node.index;
    if (!node.relation.empty()) out += " on " + node.relation;
    if (!node.alias.empty() && node.alias != node.relation) out += " " + node.alias;
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, "  (cost %.0f, rows %.0f)", node.total_cost, node.rows);
    out += numbers;
    if (own_cost(node) >= most && most > 0) out += "   <== costs most";
    out += '\n';
    for (const auto* conditions : {&node.filters, &node.join_conditions}) {
        for (const auto& condition : *conditions) out.append(static_cast<std::size_t>(depth) * 2 + 4, ' ').append(text_of(condition)) += '\n';
    }
    for (const auto& child : node.children) draw(child, depth + 1, most, text_of, out);
}

}  // namespace

namespace {

json::value parse_explained(std::string_view json_text) {
    boost::system::error_code failed;
    json::parse_options options;
    options.max_depth = kPlanDepthMax;
    auto root = json::parse(json::string_view(json_text.data(), json_text.size()), failed, {}, options);
    if (failed || !root.is_array() || root.get_array().empty() || !root.get_array()[0].is_object()) throw std::runtime_error("this is no plan");
    if (!member(root.get_array()[0].get_object(), "Plan").is_object()) throw std::runtime_error("this is no plan");
    return std::move(root.get_array()[0]);
}

}  // namespace

PlanNode read_plan(std::string_view json_text) { return read_node(member(parse_explained(json_text).get_object(), "Plan").get_object()); }

Run read_run(std::string_view json_text) {
    const auto explained = parse_explained(json_text);
    const auto& fields = explained.get_object();
    Run run{read_node(member(fields, "Plan").get_object()), number(fields, "Planning Time"), number(fields, "Execution Time"), 0};
    if (const auto* jit = member(fields, "JIT").if_object()) {
        if (const auto* timing = member(*jit, "Timing").if_object()) run.jit_ms = number(*timing, "Total");
    }
    return run;
}

void visit_plan(const PlanNode& node, const std::function<void(const PlanNode&)>& visit) {
    visit(node);
    for (const auto& child : node.children) visit_plan(child, visit);
}

std::string plan_text(std::string_view condition) {
    std::string out;
    for (std::size_t at = 0; at < condition.size();) {
        const auto rest = condition.substr(at);
        const bool is_subplan = rest.starts_with("(SubPlan ") || rest.starts_with("(hashed SubPlan ") || rest.starts_with("(alternatives: SubPlan ") ||
                                rest.starts_with("(InitPlan ");
        const auto end = is_subplan ? condition.find(')', at) : std::string_view::npos;
        if (end == std::string_view::npos) {
            out += condition[at++];
            continue;
        }
        std::string number;
        for (const char c : condition.substr(at, end - at)) {
            if (std::isdigit(static_cast<unsigned char>(c))) number += c;
            else if (!number.empty()) break;
        }
        out += "(larder_subplan(" + number + "))";
        at = end + 1;
    }
    return out;
}

std::string plan_picture(const PlanNode& root, const ConditionText& text_of) {
    double most = 0;
    visit_plan(root, [&](const PlanNode& node) { most = std::max(most, own_cost(node)); });
    std::string out;
    draw(root, 0, most, text_of, out);
    return out;
}

}  // namespace larder::advisor
