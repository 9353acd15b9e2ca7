#include "advisor/rewrite.h"

#include <algorithm>

#include "sql/tree.h"

namespace larder::advisor {

namespace {

constexpr SelectRule kRules[] = {not_in_as_not_exists, count_as_exists, scalar_as_join, newest_as_rank, distinct_dropped,
                                 distinct_as_exists, union_as_union_all, or_as_union, materialized_inlined};

std::string apply(SelectRule rule, Node& tree, RewriteContext& context) {
    std::string why;
    for_each_select(tree, [&](boost::json::object& select) {
        const auto said = rule(select, context);
        if (!said.empty() && why.find(said) == std::string::npos) why += (why.empty() ? "" : " ") + said;
        return !said.empty();
    });
    return why;
}

void add(std::vector<Rewritten>& to, const Node& tree, const std::string& why) {
    auto text = tree_sql(tree);
    const bool is_new = !text.empty() && std::none_of(to.begin(), to.end(), [&](const Rewritten& other) { return other.sql == text; });
    if (is_new && !sql::parse_tree(text).root.is_null()) to.push_back({std::move(text), why});
}

}  // namespace

bool for_each_select(Node& node, const std::function<bool(boost::json::object&)>& change) {
    bool changed = false;
    if (node.is_array()) {
        for (auto& item : node.get_array()) changed = for_each_select(item, change) || changed;
    } else if (node.is_object()) {
        for (auto& [name, value] : node.get_object()) {
            changed = for_each_select(value, change) || changed;
            // The arms of a set operation are SELECTs without their type's name around them.
            const bool is_select = name == "SelectStmt" || name == "larg" || name == "rarg";
            if (is_select && value.is_object() && (value.get_object().contains("targetList") || value.get_object().contains("larg"))) {
                changed = change(value.get_object()) || changed;
            }
        }
    }
    return changed;
}

bool RewriteContext::is_volatile(const Node& node) {
    bool found = false;
    visit_nodes(node, [&](const Node& part) {
        const auto name = function_of(part);
        if (!name.empty() && !found) {
            const auto rows = connection.ask("SELECT count(*) = 0 OR bool_or(provolatile = 'v') FROM pg_proc WHERE proname = $1", {name});
            // The parser's own names for what SQL writes without a call are not volatile.
            found = rows[0][0] != "f" && name != "extract";
        }
        return !found;
    });
    return found;
}

std::vector<Rewritten> rewrites(const Node& tree, Relations& relations, Connection& connection) {
    RewriteContext context{relations, connection, cte_names(tree)};
    std::vector<Rewritten> found;
    Node right = tree;
    std::string all_why = put_conditions_right(right, context);
    if (!all_why.empty()) add(found, right, all_why);
    Node all = right;
    int changes = all_why.empty() ? 0 : 1;
    for (const SelectRule rule : kRules) {
        Node one = right;
        const std::string why = apply(rule, one, context);
        if (why.empty()) continue;
        add(found, one, all_why.empty() ? why : all_why + " " + why);
        if (!apply(rule, all, context).empty()) ++changes;
    }
    if (changes > 1) add(found, all, "Several changes together.");
    return found;
}

}  // namespace larder::advisor
