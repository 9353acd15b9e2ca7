#include <algorithm>

#include "advisor/rewrite.h"

// Queries inside of expressions: what is asked for each row is asked once.

namespace larder::advisor {

namespace json = boost::json;

namespace {

const std::set<std::string> kJoinable = {"count", "sum", "max", "min", "avg", "bool_and", "bool_or"};

const json::object* select_in(const json::object& sublink) { return fields_of(member(sublink, "subselect"), "SelectStmt"); }

// Calls `change` for each condition under AND of a WHERE.
bool change_conjuncts(Node& where, const std::function<bool(Node&)>& change) {
    auto* both = fields_of(where, "BoolExpr");
    if (!both || (*both)["boolop"] != "AND_EXPR") return change(where);
    bool changed = false;
    for (auto& part : (*both)["args"].as_array()) changed = change_conjuncts(part, change) || changed;
    return changed;
}

const Node& only_target(const json::object& select) {
    static const Node kNone;
    const auto& targets = list(select, "targetList");
    const auto* target = targets.size() == 1 ? fields_of(targets[0], "ResTarget") : nullptr;
    return target ? member(*target, "val") : kNone;
}

void and_where(json::object& select, Node condition) {
    std::vector<Node> all = conjuncts(member(select, "whereClause"));
    all.push_back(std::move(condition));
    select["whereClause"] = make_and(std::move(all));
}

std::string exists_sql(json::object select) {
    json::object target;
    target["val"] = *parse_expression("1");
    select["targetList"] = json::array{make_node("ResTarget", std::move(target))};
    return "EXISTS (" + select_sql(select) + ")";
}

// x NOT IN (SELECT y …), x <> ALL (SELECT y …): the sublink, or null.
const json::object* not_in_sublink(const Node& condition) {
    if (const auto* opposite = fields_of(condition, "BoolExpr"); opposite && word(*opposite, "boolop") == "NOT_EXPR") {
        const auto* sublink = list(*opposite, "args").size() == 1 ? fields_of(list(*opposite, "args")[0], "SubLink") : nullptr;
        if (sublink && word(*sublink, "subLinkType") == "ANY_SUBLINK" && (!sublink->contains("operName") || last_name(list(*sublink, "operName")) == "=")) return sublink;
    }
    const auto* sublink = fields_of(condition, "SubLink");
    if (sublink && word(*sublink, "subLinkType") == "ALL_SUBLINK" && last_name(list(*sublink, "operName")) == "<>") return sublink;
    return nullptr;
}

std::optional<Node> as_not_exists(const json::object& sublink, const Scope& outer, RewriteContext& context) {
    const auto* select = select_in(sublink);
    if (!select || !select->contains("fromClause")) return std::nullopt;
    json::object inner = *select;
    inner.erase("distinctClause");
    inner.erase("sortClause");
    if (!is_simple_select(inner)) return std::nullopt;
    const Scope scope(inner, context.ctes, context.relations);
    const auto x = outer.resolve(member(sublink, "testexpr")), y = scope.resolve(only_target(inner));
    if (!x || !y || !outer.is_not_null(member(sublink, "testexpr"))) return std::nullopt;
    const auto& name = outer.items()[x->item].name;
    if (std::any_of(scope.items().begin(), scope.items().end(), [&](const FromItem& item) { return item.name == name; })) return std::nullopt;
    json::object equal = inner;
    and_where(equal, make_operation("=", scope.qualified(*y), outer.qualified(*x)));
    std::string sql = "NOT " + exists_sql(equal);
    if (!scope.is_not_null(only_target(inner))) {
        json::object null = inner;
        and_where(null, *parse_expression(to_sql(scope.qualified(*y)) + " IS NULL"));
        sql += " AND NOT " + exists_sql(null);
    }
    return parse_expression(sql);
}

// count(*) > 0 and the like: does a row exist (true), does none (false)?
std::optional<bool> asks_for_existence(const std::string& op, long long number) {
    if ((op == ">" && number == 0) || (op == ">=" && number == 1) || (op == "<>" && number == 0)) return true;
    if ((op == "=" && number == 0) || (op == "<" && number == 1) || (op == "<=" && number == 0)) return false;
    return std::nullopt;
}

bool is_bare_aggregate(const json::object& select) {
    for (const char* clause : {"larg", "groupClause", "havingClause", "distinctClause", "limitCount", "limitOffset", "lockingClause", "valuesLists", "withClause", "sortClause"}) {
        if (select.contains(clause)) return false;
    }
    return select.contains("fromClause");
}

// One sublink on its way to become a join.
class Join {
public:
    Join(const json::object& select, const Scope& outer, RewriteContext& context, int number)
        : select_(select), outer_(outer), inner_(select, context.ctes, context.relations), context_(context), name_("larder_" + std::to_string(number)) {}

    // The expression that stands instead of the sublink; nothing if it cannot be a join.
    std::optional<Node> expression() {
        if (!is_bare_aggregate(select_) || !inner_.is_known() || context_.is_volatile(member(select_, "whereClause")) || !split()) return std::nullopt;
        if (!is_inner(member(select_, "fromClause"))) return std::nullopt;
        Node expression = only_target(select_);
        bool is_fine = true;
        Node wrapped = std::move(expression);
        change_nodes(wrapped, [&](Node& part) {
            if (function_of(part).empty() || !kJoinable.contains(function_of(part))) return false;
            is_fine = is_fine && take(part);
            return true;
        });
        if (!is_fine || aggregates_.empty()) return std::nullopt;
        // Nothing of the inner query is left but what the join gives.
        visit_nodes(wrapped, [&](const Node& part) {
            const auto path = column_path(part);
            if (!path.empty() && path[0] != name_) is_fine = false;
            return is_fine;
        });
        return is_fine ? std::optional(wrapped) : std::nullopt;
    }

    std::string subquery() const {
        std::string columns, groups;
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            const std::string key = to_sql(inner_.qualified(keys_[i].first));
            columns += (i ? ", " : "") + key + " AS larder_k" + std::to_string(i + 1);
            groups += (i ? ", " : "") + key;
        }
        for (std::size_t i = 0; i < aggregates_.size(); ++i) columns += ", " + aggregates_[i] + " AS larder_v" + std::to_string(i + 1);
        json::object sub = *parse_select("SELECT " + columns + " GROUP BY " + groups);
        sub["fromClause"] = member(select_, "fromClause");
        if (!local_.empty()) sub["whereClause"] = make_and(local_);
        return select_sql(sub);
    }

    std::string condition() const {
        std::string text;
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            text += (i ? " AND " : "") + name_ + ".larder_k" + std::to_string(i + 1) + " = " + to_sql(outer_.qualified(keys_[i].second));
        }
        return text;
    }

    const std::string& name() const { return name_; }

private:
    bool is_inner(const Node& node) const {
        bool is_inner = true;
        visit_nodes(node, [&](const Node& part) {
            if (type_of(part) == "SubLink" || type_of(part) == "ParamRef") is_inner = is_inner && type_of(part) == "ParamRef";
            if (type_of(part) == "ColumnRef" && !inner_.resolve(part)) is_inner = is_inner && column_path(part).back() == "*";
            return is_inner;
        });
        return is_inner;
    }

    // WHERE into what is of the inner query alone and equalities with the outer one.
    bool split() {
        for (const Node& condition : conjuncts(member(select_, "whereClause"))) {
            if (is_inner(condition)) {
                local_.push_back(condition);
                continue;
            }
            const auto* equal = fields_of(condition, "A_Expr");
            if (!equal || word(*equal, "kind") != "AEXPR_OP" || operator_of(condition) != "=") return false;
            const Node *own = &member(*equal, "lexpr"), *other = &member(*equal, "rexpr");
            if (!inner_.resolve(*own)) std::swap(own, other);
            const auto inside = inner_.resolve(*own), outside = outer_.resolve(*other);
            if (!inside || !outside || inner_.may_name(*other) || inside->column->type != outside->column->type) return false;
            keys_.emplace_back(*inside, *outside);
        }
        return !keys_.empty();
    }

    bool take(Node& call) {
        const auto& fields = *fields_of(call, "FuncCall");
        if (!is_inner(call) || fields.contains("over")) return false;
        bool is_exact = true;  // sums of floating point depend on the order
        visit_nodes(call, [&](const Node& part) {
            const auto use = inner_.resolve(part);
            if (use && (use->column->type == 700 || use->column->type == 701)) is_exact = false;
            return true;
        });
        if (!is_exact) return false;
        aggregates_.push_back(to_sql(call));
        const std::string value = name_ + ".larder_v" + std::to_string(aggregates_.size());
        call = *parse_expression(function_of(call) == "count" ? "coalesce(" + value + ", 0)" : value);
        return true;
    }

    const json::object& select_;
    const Scope& outer_;
    Scope inner_;
    RewriteContext& context_;
    std::string name_;
    std::vector<Node> local_;
    std::vector<std::pair<ColumnUse, ColumnUse>> keys_;  // inner, outer
    std::vector<std::string> aggregates_;
};

void left_join(json::object& select, const Join& join) {
    json::object made = *parse_select("SELECT 1 FROM larder LEFT JOIN (" + join.subquery() + ") AS " + join.name() + " ON " + join.condition());
    Node node = list(made, "fromClause")[0];
    (*fields_of(node, "JoinExpr"))["larg"] = list(select, "fromClause")[0];
    select["fromClause"] = json::array{std::move(node)};
}

}  // namespace

std::string not_in_as_not_exists(json::object& select, RewriteContext& context) {
    if (!select.contains("whereClause") || !select.contains("fromClause")) return {};
    const Scope scope(select, context.ctes, context.relations);
    const bool changed = change_conjuncts(select["whereClause"], [&](Node& condition) {
        const auto* sublink = not_in_sublink(condition);
        auto better = sublink ? as_not_exists(*sublink, scope, context) : std::nullopt;
        if (better) condition = std::move(*better);
        return better.has_value();
    });
    return changed ? "NOT IN (SELECT …) is written as NOT EXISTS, which can be an anti-join; NULLs are seen to (R1)." : "";
}

std::string count_as_exists(json::object& select, RewriteContext& context) {
    if (!select.contains("whereClause")) return {};
    const bool changed = change_nodes(select["whereClause"], [&](Node& part) {
        const auto* comparison = fields_of(part, "A_Expr");
        const auto* sublink = comparison ? fields_of(member(*comparison, "lexpr"), "SubLink") : nullptr;
        const auto number = comparison ? integer_of(member(*comparison, "rexpr")) : std::nullopt;
        const auto* inner = sublink && word(*sublink, "subLinkType") == "EXPR_SUBLINK" ? select_in(*sublink) : nullptr;
        const auto exists = number ? asks_for_existence(operator_of(part), *number) : std::nullopt;
        if (!inner || !exists || !is_bare_aggregate(*inner) || function_of(only_target(*inner)) != "count") return false;
        const auto& call = *fields_of(only_target(*inner), "FuncCall");
        const auto& arguments = list(call, "args");
        const Scope scope(*inner, context.ctes, context.relations);
        const bool counts_all = flag(call, "agg_star") || (arguments.size() == 1 && scope.is_not_null(arguments[0]));
        if (!counts_all || call.contains("agg_filter") || call.contains("over")) return false;
        auto better = parse_expression((*exists ? "" : "NOT ") + exists_sql(*inner));
        if (!better) return false;
        part = std::move(*better);
        return true;
    });
    return changed ? "A count that is only compared with nothing is written as EXISTS (R8)." : "";
}

std::string scalar_as_join(json::object& select, RewriteContext& context) {
    if (list(select, "fromClause").size() != 1 || select.contains("larg") || select.contains("lockingClause") || has_aggregate(select)) return {};
    for (const Node& item : list(select, "targetList")) {
        const auto* target = fields_of(item, "ResTarget");
        if (target && column_path(member(*target, "val")) == std::vector<std::string>{"*"}) return {};
    }
    const Scope scope(select, context.ctes, context.relations);
    if (!scope.is_known()) return {};
    int number = 0;
    bool changed = false;
    for (const char* clause : {"targetList", "whereClause"}) {
        if (!select.contains(clause)) continue;
        Node part = select[clause];
        changed = change_nodes(part, [&](Node& node) {
            const auto* sublink = fields_of(node, "SubLink");
            const auto* inner = sublink && word(*sublink, "subLinkType") == "EXPR_SUBLINK" ? select_in(*sublink) : nullptr;
            if (!inner) return false;
            const json::object kept = *inner;
            Join join(kept, scope, context, number + 1);
            auto expression = join.expression();
            if (!expression) return false;
            ++number;
            left_join(select, join);
            node = std::move(*expression);
            return true;
        }) || changed;
        select[clause] = std::move(part);
    }
    return changed ? "The query that was asked for each row is a join with its answers grouped once (R7)." : "";
}

// col = (SELECT max(col) FROM the same table WHERE the same group): rank() keeps ties, as the comparison did.
std::string newest_as_rank(json::object& select, RewriteContext& context) {
    if (!select.contains("whereClause") || list(select, "fromClause").size() != 1 || has_star(select)) return {};
    const Scope scope(select, context.ctes, context.relations);
    const auto* range = fields_of(list(select, "fromClause")[0], "RangeVar");
    if (!range || !scope.is_known()) return {};
    std::string ranked;
    const bool changed = change_conjuncts(select["whereClause"], [&](Node& condition) {
        const auto* equal = fields_of(condition, "A_Expr");
        const auto* sublink = equal && operator_of(condition) == "=" ? fields_of(member(*equal, "rexpr"), "SubLink") : nullptr;
        const auto* inner = sublink && word(*sublink, "subLinkType") == "EXPR_SUBLINK" ? select_in(*sublink) : nullptr;
        if (!inner || !ranked.empty() || !is_bare_aggregate(*inner)) return false;
        const Scope inside(*inner, context.ctes, context.relations);
        const auto name = function_of(only_target(*inner));
        const auto conditions = conjuncts(member(*inner, "whereClause"));
        if ((name != "max" && name != "min") || inside.items().size() != 1 || inside.items()[0].relation != scope.items()[0].relation || conditions.size() != 1) return false;
        const auto& arguments = list(*fields_of(only_target(*inner), "FuncCall"), "args");
        const auto column = scope.resolve(member(*equal, "lexpr")), extreme = arguments.size() == 1 ? inside.resolve(arguments[0]) : std::nullopt;
        const auto* group = fields_of(conditions[0], "A_Expr");
        if (!column || !extreme || column->column != extreme->column || !column->column->is_not_null || !group || operator_of(conditions[0]) != "=") return false;
        const Node *own = &member(*group, "lexpr"), *other = &member(*group, "rexpr");
        if (inside.may_name(*other)) std::swap(own, other);
        const auto grouped = inside.resolve(*own), outer = scope.resolve(*other);
        if (!grouped || !outer || inside.may_name(*other) || grouped->column != outer->column || !grouped->column->is_not_null) return false;
        ranked = "rank() OVER (PARTITION BY " + grouped->column->quoted + " ORDER BY " + column->column->quoted + (name == "max" ? " DESC" : "") + ")";
        condition = *parse_expression(scope.items()[0].name + ".larder_rank = 1");
        return true;
    });
    if (!changed) return {};
    std::string columns;
    for (const auto& column : scope.items()[0].relation->columns) columns += column.quoted + ", ";
    const auto made = parse_select("SELECT 1 FROM (SELECT " + columns + ranked + " AS larder_rank FROM " + scope.items()[0].relation->quoted + ") AS \"" + scope.items()[0].name + "\"");
    if (!made) return {};
    select["fromClause"] = list(*made, "fromClause");
    return "The newest row of each group is found by rank() in one pass, ties included (R13).";
}

}  // namespace larder::advisor
