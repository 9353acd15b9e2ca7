#include <algorithm>

#include "advisor/rewrite.h"

// Work on whole sets that need not be done: sorting out duplicates that cannot be, or building what is not needed.

namespace larder::advisor {

namespace json = boost::json;

namespace {

// SELECT DISTINCT, without ON.
bool is_distinct(const json::object& select) {
    const auto& clause = list(select, "distinctClause");
    return clause.size() == 1 && type_of(clause[0]).empty();
}

bool is_view(const FromItem& item) { return !item.relation || item.relation->kind == 'v' || item.relation->kind == 'f'; }

bool all_determined(const Scope& scope, const std::set<std::size_t>& determined) { return determined.size() == scope.items().size(); }

// The items that some part of the statement other than the join conditions names.
std::optional<std::set<std::size_t>> items_shown(const json::object& select, const Scope& scope) {
    std::set<std::size_t> shown;
    for (const char* clause : {"targetList", "sortClause"}) {
        for (const Node& item : list(select, clause)) {
            // A sort key may be the name or number of an output column, which is shown anyway.
            const auto* sort = fields_of(item, "SortBy");
            const Node& value = sort ? member(*sort, "node") : item;
            if (sort && (type_of(value) == "A_Const" || column_path(value).size() == 1)) continue;
            const auto named = scope.items_named(value);
            if (!named) return std::nullopt;
            shown.insert(named->begin(), named->end());
        }
    }
    return shown;
}

// FROM items of inner joins, each by itself.
void flatten(const Node& from, json::array& items) {
    if (const auto* join = fields_of(from, "JoinExpr")) {
        flatten(member(*join, "larg"), items);
        flatten(member(*join, "rarg"), items);
    } else {
        items.push_back(from);
    }
}

void flatten_union(const json::object& select, std::vector<const json::object*>& arms) {
    const Node &left = member(select, "larg"), &right = member(select, "rarg");
    if (word(select, "op") == "SETOP_UNION" && left.is_object() && right.is_object()) {
        flatten_union(left.get_object(), arms);
        flatten_union(right.get_object(), arms);
    } else {
        arms.push_back(&select);
    }
}

struct Arm {
    const Relation* relation = nullptr;
    std::vector<int> targets;                          // column numbers, in order
    std::vector<std::pair<int, std::string>> equal;    // column = constant, as the constant's text
};

std::optional<Arm> read_arm(const json::object& select, RewriteContext& context) {
    if (!is_simple_select(select) || has_star(select)) return std::nullopt;
    const Scope scope(select, context.ctes, context.relations);
    if (scope.items().size() != 1 || is_view(scope.items()[0])) return std::nullopt;
    Arm arm;
    arm.relation = scope.items()[0].relation;
    const auto columns = target_columns(select, scope);
    if (columns.size() != list(select, "targetList").size()) return std::nullopt;
    for (const auto& use : columns) arm.targets.push_back(use.column->number);
    if (!arm.relation->is_key(arm.targets)) return std::nullopt;
    for (const Node& condition : scope.conditions()) {
        const auto* equal = fields_of(condition, "A_Expr");
        if (!equal || word(*equal, "kind") != "AEXPR_OP" || operator_of(condition) != "=") continue;
        const auto use = scope.resolve(member(*equal, "lexpr"));
        const Node& constant = member(*equal, "rexpr");
        if (!use || type_of(constant) != "A_Const" || is_null_constant(constant)) continue;
        // Only where different texts are surely different values.
        const bool is_number = use->column->type == 20 || use->column->type == 21 || use->column->type == 23;
        const bool is_label = use->column->category == 'E' || use->column->type == 25;
        const auto number = integer_of(constant);
        if (is_number && number) arm.equal.emplace_back(use->column->number, std::to_string(*number));
        else if (is_label && string_of(constant)) arm.equal.emplace_back(use->column->number, *string_of(constant));
    }
    return arm;
}

bool are_disjoint(const Arm& one, const Arm& other) {
    if (one.relation != other.relation || one.targets != other.targets) return false;
    for (const auto& [column, value] : one.equal) {
        for (const auto& [other_column, other_value] : other.equal) {
            if (column == other_column && value != other_value) return true;
        }
    }
    return false;
}

void set_all(json::object& select) {
    if (word(select, "op") != "SETOP_UNION") return;
    select["all"] = true;
    for (const char* arm : {"larg", "rarg"}) set_all(select[arm].as_object());
}

bool has_inner_union_all(const json::object& select) {
    if (word(select, "op") != "SETOP_UNION") return false;
    if (flag(select, "all")) return true;
    return has_inner_union_all(member(select, "larg").get_object()) || has_inner_union_all(member(select, "rarg").get_object());
}

}  // namespace

std::string distinct_dropped(json::object& select, RewriteContext& context) {
    if (!is_distinct(select) || select.contains("larg") || has_aggregate(select)) return {};
    const Scope scope(select, context.ctes, context.relations);
    if (!scope.is_known() || std::any_of(scope.items().begin(), scope.items().end(), is_view)) return {};
    // An outer join shows rows of its one side with NULLs: a key that is NULL there determines nothing, but one row per other row is left.
    auto columns = target_columns(select, scope);
    std::erase_if(columns, [&](const ColumnUse& use) { return scope.items()[use.item].is_nullable; });
    if (!all_determined(scope, scope.determined_by(columns))) return {};
    select.erase("distinctClause");
    return "DISTINCT is left out: the list holds a key of every row, and the joins do not multiply rows (R10).";
}

std::string distinct_as_exists(json::object& select, RewriteContext& context) {
    if (!is_distinct(select) || select.contains("larg") || has_aggregate(select) || has_star(select) || select.contains("lockingClause")) return {};
    const Scope scope(select, context.ctes, context.relations);
    if (!scope.is_known() || !scope.is_plain() || scope.items().size() < 2 || std::any_of(scope.items().begin(), scope.items().end(), is_view)) return {};
    const auto shown = items_shown(select, scope);
    const auto determined = scope.determined_by(target_columns(select, scope));
    if (!shown || !std::includes(determined.begin(), determined.end(), shown->begin(), shown->end()) || all_determined(scope, determined)) return {};
    json::array items, kept, moved;
    for (const Node& from : list(select, "fromClause")) flatten(from, items);
    for (std::size_t i = 0; i < items.size(); ++i) (determined.contains(i) ? kept : moved).push_back(items[i]);
    std::vector<Node> outside, inside;
    for (const Node& condition : scope.conditions()) {
        const auto named = scope.items_named(condition);
        if (!named) return {};
        const bool stays = std::includes(determined.begin(), determined.end(), named->begin(), named->end());
        (stays ? outside : inside).push_back(condition);
    }
    if (kept.empty() || moved.empty() || inside.empty()) return {};
    json::object inner = *parse_select("SELECT 1");
    inner["fromClause"] = std::move(moved);
    inner["whereClause"] = make_and(std::move(inside));
    outside.push_back(*parse_expression("EXISTS (" + select_sql(inner) + ")"));
    select["fromClause"] = std::move(kept);
    select["whereClause"] = make_and(std::move(outside));
    select.erase("distinctClause");
    return "The table that only multiplied rows, to be made DISTINCT again, is asked by EXISTS (R11).";
}

std::string union_as_union_all(json::object& select, RewriteContext& context) {
    if (word(select, "op") != "SETOP_UNION" || flag(select, "all") || has_inner_union_all(select)) return {};
    std::vector<const json::object*> selects;
    flatten_union(select, selects);
    std::vector<Arm> arms;
    for (const auto* one : selects) {
        auto arm = read_arm(*one, context);
        if (!arm) return {};
        arms.push_back(std::move(*arm));
    }
    for (std::size_t i = 0; i < arms.size(); ++i) {
        for (std::size_t j = i + 1; j < arms.size(); ++j) {
            if (!are_disjoint(arms[i], arms[j])) return {};
        }
    }
    set_all(select);
    return "UNION is UNION ALL: each arm lists a key, and no row can be in two arms (R9).";
}

// WHERE a.x = 1 OR b.y = 2: no index serves both, but one serves each arm.
std::string or_as_union(json::object& select, RewriteContext& context) {
    if (!is_simple_select(select) || select.contains("sortClause") || !select.contains("whereClause") || has_star(select)) return {};
    const Scope scope(select, context.ctes, context.relations);
    if (!scope.is_known() || std::any_of(scope.items().begin(), scope.items().end(), is_view) || scope.items().size() < 2) return {};
    if (!scope.is_plain() || !all_determined(scope, scope.determined_by(target_columns(select, scope)))) return {};
    const auto conditions = conjuncts(member(select, "whereClause"));
    for (std::size_t i = 0; i < conditions.size(); ++i) {
        const auto* either = fields_of(conditions[i], "BoolExpr");
        if (!either || word(*either, "boolop") != "OR_EXPR" || context.is_volatile(conditions[i])) continue;
        std::set<std::size_t> all;
        std::string text;
        bool is_fit = true;
        for (const Node& arm : list(*either, "args")) {
            const auto named = scope.items_named(arm);
            is_fit = is_fit && named && named->size() == 1;
            if (!is_fit) break;
            all.insert(named->begin(), named->end());
            auto parts = conditions;
            parts[i] = arm;
            json::object copy = select;
            copy["whereClause"] = make_and(std::move(parts));
            text += (text.empty() ? "" : " UNION ") + select_sql(copy);
        }
        if (!is_fit || all.size() < 2) continue;
        auto made = parse_select(text);
        if (!made) continue;
        select = std::move(*made);
        return "OR over two tables is a UNION of both; the list holds a key of every row, so that no other row vanishes (R4).";
    }
    return {};
}

std::string materialized_inlined(json::object& select, RewriteContext& context) {
    auto* with = select.if_contains("withClause");
    if (!with || !with->is_object() || flag(with->get_object(), "recursive")) return {};
    bool changed = false;
    for (auto& node : with->get_object()["ctes"].as_array()) {
        auto* cte = fields_of(node, "CommonTableExpr");
        if (!cte || word(*cte, "ctematerialized") != "CTEMaterializeAlways") continue;
        const auto* query = fields_of(member(*cte, "ctequery"), "SelectStmt");
        if (!query || query->contains("lockingClause") || context.is_volatile(member(*cte, "ctequery"))) continue;
        int uses = 0;
        visit_nodes(make_node("SelectStmt", select), [&](const Node& part) {
            const auto* range = fields_of(part, "RangeVar");
            if (range && word(*range, "relname") == word(*cte, "ctename")) ++uses;
            return true;
        });
        if (uses != 1) continue;
        (*cte)["ctematerialized"] = "CTEMaterializeDefault";
        changed = true;
    }
    return changed ? "MATERIALIZED is left out: the query is used once, and its conditions can move into it (R12)." : "";
}

}  // namespace larder::advisor
