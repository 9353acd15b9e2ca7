#include "advisor/scope.h"

#include <algorithm>

namespace larder::advisor {

namespace json = boost::json;

namespace {

const std::set<std::string> kAggregates = {"count", "sum", "avg", "min", "max", "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg",
                                           "jsonb_object_agg", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor", "stddev", "stddev_pop",
                                           "stddev_samp", "variance", "var_pop", "var_samp", "corr", "regr_slope", "percentile_cont",
                                           "percentile_disc", "mode", "range_agg", "xmlagg", "grouping"};

}  // namespace

Scope::Scope(const json::object& select, const std::set<std::string>& ctes, Relations& relations) {
    for (const Node& from : list(select, "fromClause")) add(from, false, ctes, relations);
    for (auto& condition : conjuncts(member(select, "whereClause"))) conditions_.push_back(std::move(condition));
}

void Scope::add(const Node& from, bool is_nullable, const std::set<std::string>& ctes, Relations& relations) {
    if (const auto* range = fields_of(from, "RangeVar")) return add_relation(*range, is_nullable, ctes, relations);
    if (const auto* join = fields_of(from, "JoinExpr")) return add_join(*join, is_nullable, ctes, relations);
    FromItem item;
    item.is_nullable = is_nullable;
    for (const char* type : {"RangeSubselect", "RangeFunction", "RangeTableFunc", "RangeTableSample"}) {
        const auto* fields = fields_of(from, type);
        if (fields && member(*fields, "alias").is_object()) item.name = word(member(*fields, "alias").get_object(), "aliasname");
    }
    items_.push_back(std::move(item));
}

void Scope::add_relation(const json::object& range, bool is_nullable, const std::set<std::string>& ctes, Relations& relations) {
    FromItem item;
    const std::string name(word(range, "relname")), schema(word(range, "schemaname"));
    item.name = name;
    bool renames_columns = false;
    if (const Node& alias = member(range, "alias"); alias.is_object()) {
        item.name = word(alias.get_object(), "aliasname");
        renames_columns = !list(alias.get_object(), "colnames").empty();
    }
    if (!renames_columns && (!schema.empty() || !ctes.contains(name))) item.relation = relations.find(schema, name);
    // A view's columns are known, its keys are not: it has no indexes, so nothing follows from them.
    item.is_nullable = is_nullable;
    items_.push_back(std::move(item));
}

void Scope::add_join(const json::object& join, bool is_nullable, const std::set<std::string>& ctes, Relations& relations) {
    const auto type = word(join, "jointype");
    const bool is_inner = type == "JOIN_INNER";
    const bool has_names = flag(join, "isNatural") || !list(join, "usingClause").empty() || join.contains("alias");
    is_plain_ = is_plain_ && is_inner && !has_names;
    add(member(join, "larg"), is_nullable || type == "JOIN_RIGHT" || type == "JOIN_FULL", ctes, relations);
    add(member(join, "rarg"), is_nullable || type == "JOIN_LEFT" || type == "JOIN_FULL", ctes, relations);
    for (auto& condition : conjuncts(member(join, "quals"))) {
        if (is_inner && !is_nullable) conditions_.push_back(std::move(condition));
        else if (type == "JOIN_LEFT") outer_conditions_.push_back(std::move(condition));
    }
}

bool Scope::is_known() const {
    return !items_.empty() && std::all_of(items_.begin(), items_.end(), [](const FromItem& item) { return item.relation != nullptr; });
}

std::optional<ColumnUse> Scope::resolve(const Node& node) const {
    const auto path = column_path(node);
    if (path.empty() || path.size() > 2) return std::nullopt;
    std::optional<ColumnUse> found;
    for (std::size_t i = 0; i < items_.size(); ++i) {
        if (path.size() == 2 && items_[i].name != path[0]) continue;
        if (!items_[i].relation) return std::nullopt;
        const Column* column = items_[i].relation->column(path.back());
        if (!column) continue;
        if (found) return std::nullopt;
        found = ColumnUse{i, column};
    }
    return found;
}

bool Scope::may_name(const Node& node) const {
    const auto path = column_path(node);
    return std::any_of(items_.begin(), items_.end(), [&](const FromItem& item) {
        if (path.size() > 1) return item.name == path[path.size() - 2] || path.size() > 2;
        return !item.relation || item.relation->column(path.empty() ? "" : path[0]) || (!path.empty() && path[0] == item.name);
    });
}

bool Scope::is_not_null(const Node& node) const {
    if (type_of(without_casts(node)) == "A_Const") return !is_null_constant(node);
    const auto use = resolve(node);
    if (!use) return false;
    if (use->column->is_not_null && !items_[use->item].is_nullable && items_[use->item].relation->kind != 'v') return true;
    return std::any_of(conditions_.begin(), conditions_.end(), [&](const Node& condition) {
        const auto* test = fields_of(condition, "NullTest");
        if (!test || word(*test, "nulltesttype") != "IS_NOT_NULL") return false;
        const auto tested = resolve(member(*test, "arg"));
        return tested && tested->item == use->item && tested->column == use->column;
    });
}

std::optional<std::set<std::size_t>> Scope::items_named(const Node& expression) const {
    std::set<std::size_t> named;
    bool is_sure = true;
    visit_nodes(expression, [&](const Node& part) {
        if (type_of(part) == "SubLink") is_sure = false;
        if (type_of(part) != "ColumnRef") return is_sure;
        const auto use = resolve(part);
        if (use) named.insert(use->item);
        else is_sure = false;
        return is_sure;
    });
    return is_sure ? std::optional(named) : std::nullopt;
}

std::set<std::size_t> Scope::determined_by(const std::vector<ColumnUse>& known) const {
    std::vector<ColumnUse> columns = known;
    std::set<std::size_t> determined;
    for (bool grows = true; grows;) {
        grows = false;
        for (const auto* group : {&conditions_, &outer_conditions_}) {
            for (const Node& condition : *group) {
                const auto* equal = fields_of(condition, "A_Expr");
                if (!equal || word(*equal, "kind") != "AEXPR_OP" || operator_of(condition) != "=") continue;
                const Node* sides[] = {&member(*equal, "lexpr"), &member(*equal, "rexpr")};
                for (int side = 0; side < 2; ++side) {
                    const auto own = resolve(*sides[side]), other = resolve(*sides[1 - side]);
                    const bool is_free = is_free_of_columns(*sides[1 - side]);
                    // An outer join's condition tells of its nullable side only.
                    if (!own || (group == &outer_conditions_ && !items_[own->item].is_nullable)) continue;
                    if (is_free || (other && other->item != own->item && determined.contains(other->item))) columns.push_back(*own);
                }
            }
        }
        for (std::size_t i = 0; i < items_.size(); ++i) {
            if (!items_[i].relation || determined.contains(i)) continue;
            std::vector<int> numbers;
            for (const auto& use : columns) {
                if (use.item == i) numbers.push_back(use.column->number);
            }
            if (items_[i].relation->is_key(numbers)) determined.insert(i), grows = true;
        }
        if (columns.size() > 10'000) break;
    }
    return determined;
}

std::set<std::string> cte_names(const Node& tree) {
    std::set<std::string> names;
    visit_nodes(tree, [&](const Node& part) {
        if (const auto* cte = fields_of(part, "CommonTableExpr")) names.emplace(word(*cte, "ctename"));
        return true;
    });
    return names;
}

bool has_aggregate(const json::object& select) {
    bool found = false;
    const auto look = [&](const Node& part) {
        if (type_of(part) == "SubLink") return false;
        if (const auto* call = fields_of(part, "FuncCall")) found = found || (kAggregates.contains(function_of(part)) && !call->contains("over"));
        return !found;
    };
    visit_nodes(member(select, "targetList"), look);
    visit_nodes(member(select, "havingClause"), look);
    return found || select.contains("groupClause");
}

bool is_simple_select(const json::object& select) {
    for (const char* clause : {"larg", "groupClause", "havingClause", "distinctClause", "limitCount", "limitOffset", "lockingClause", "windowClause", "valuesLists",
                               "intoClause", "withClause"}) {
        if (select.contains(clause)) return false;
    }
    bool has_window = false;
    visit_nodes(member(select, "targetList"), [&](const Node& part) {
        const auto* call = fields_of(part, "FuncCall");
        has_window = has_window || (call && call->contains("over"));
        return true;
    });
    return !has_window && !has_aggregate(select);
}

std::vector<ColumnUse> target_columns(const json::object& select, const Scope& scope) {
    std::vector<ColumnUse> uses;
    for (const Node& item : list(select, "targetList")) {
        const auto* target = fields_of(item, "ResTarget");
        if (!target) continue;
        const Node& value = member(*target, "val");
        const auto path = column_path(value);
        if (!path.empty() && path.back() == "*") {
            for (std::size_t i = 0; i < scope.items().size(); ++i) {
                const auto& from = scope.items()[i];
                if (!from.relation || (path.size() == 2 && path[0] != from.name)) continue;
                for (const auto& column : from.relation->columns) uses.push_back({i, &column});
            }
        } else if (const auto use = scope.resolve(value)) {
            uses.push_back(*use);
        }
    }
    return uses;
}

bool has_star(const json::object& select) {
    bool found = false;
    for (const Node& item : list(select, "targetList")) {
        const auto* target = fields_of(item, "ResTarget");
        const auto path = target ? column_path(member(*target, "val")) : std::vector<std::string>();
        found = found || (!path.empty() && path.back() == "*");
    }
    return found;
}

}  // namespace larder::advisor
