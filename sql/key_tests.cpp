// Key tests: which conditions of a query restrict one relation's rows to constant values of a column.
#include "sql/walker.h"

namespace larder::sql {

namespace {

constexpr std::size_t kLinksMax = 16;  // of one reference; more are not followed

// `=` by its plain name. Whether that is the built-in operator under the session's search_path is for rules/ to say.
bool is_equality(const A_Expr& node) {
    const Name name = name_of(node.name);
    return name.name == "=" && (name.schema.empty() || name.schema == "pg_catalog");
}

std::optional<std::vector<Value>> values_of_list(const Node* node) {
    if (!is(node, T_List)) return std::nullopt;
    std::vector<Value> values;
    for (const ListCell& cell : cells(reinterpret_cast<const List*>(node))) {
        auto value = value_of(node_of(cell));
        if (!value) return std::nullopt;
        values.push_back(std::move(*value));
    }
    return values;
}

// ARRAY[1, 2]. Of integers alone: the elements of an array agree on a type among themselves, not with the column.
std::optional<std::vector<Value>> integers_of_array(const Node* node) {
    if (!is(node, T_A_ArrayExpr)) return std::nullopt;
    std::vector<Value> values;
    for (const ListCell& cell : cells(as<A_ArrayExpr>(node).elements)) {
        auto value = value_of(node_of(cell));
        if (!value || value->kind != Value::Kind::integer || !value->cast.empty()) return std::nullopt;
        values.push_back(std::move(*value));
    }
    return values;
}

}  // namespace

// The WHERE clause of the list (null: none), and what its joins have noted.
void Walker::where(const Node* node, const FromList& list) {
    const Range all{list.first_item, items_.size()};
    if (node) conditions_.push_back({node, all, all});
    for (std::size_t i = list.first_condition; i < conditions_.size(); ++i) apply_condition(conditions_[i].node, conditions_[i]);
}

void Walker::apply_condition(const Node* node, const Condition& condition) {
    const Level level(*this);
    if (is_too_deep()) return give_up();
    if (is(node, T_BoolExpr) && as<BoolExpr>(node).boolop == AND_EXPR) {
        for (const ListCell& cell : cells(as<BoolExpr>(node).args)) apply_condition(node_of(cell), condition);
    } else if (is(node, T_A_Expr) && is_equality(as<A_Expr>(node))) {
        test_column(as<A_Expr>(node), condition);
    }
}

void Walker::test_column(const A_Expr& test, const Condition& condition) {
    if (test.kind != AEXPR_OP && test.kind != AEXPR_IN && test.kind != AEXPR_OP_ANY) return;
    const bool is_column_left = is(test.lexpr, T_ColumnRef);
    const Node* column = is_column_left ? test.lexpr : test.rexpr;
    const Node* other = is_column_left ? test.rexpr : test.lexpr;
    if (!is(column, T_ColumnRef)) return;
    const auto item = item_of(as<ColumnRef>(column), condition.visible);
    if (!item) return;
    const auto name = [](const Node* reference) { return string_of(node_of(cells(as<ColumnRef>(reference).fields).back())); };
    if (test.kind == AEXPR_OP && is(other, T_ColumnRef)) {
        const auto other_item = item_of(as<ColumnRef>(other), condition.visible);
        if (!other_item || *other_item == *item) return;
        if (condition.restricted.holds(*item)) link_columns(*item, name(column), *other_item, name(other));
        if (condition.restricted.holds(*other_item)) link_columns(*other_item, name(other), *item, name(column));
        return;
    }
    std::optional<std::vector<Value>> values;
    if (test.kind == AEXPR_IN) {
        if (is_column_left) values = values_of_list(other);
    } else if (test.kind == AEXPR_OP_ANY) {
        if (!is_column_left) return;
        values = integers_of_array(other);
        if (auto parameter = array_parameter(other)) values.emplace().push_back(std::move(*parameter));
    } else if (auto value = value_of(other)) {
        values.emplace().push_back(std::move(*value));
    }
    if (!values || !condition.restricted.holds(*item)) return;
    if (RelationUse* use = use_at(*item)) use->key_tests.push_back({std::string(name(column)), std::move(*values)});
}

// The item whose column this is, if that is certain without knowing any relation's columns.
std::optional<std::size_t> Walker::item_of(const ColumnRef& column, Range visible) const {
    const auto fields = cells(column.fields);
    const std::string_view name = string_of(node_of(fields.back()));
    if (name.empty()) return std::nullopt;  // t.* has no String at the end
    std::optional<std::size_t> found;
    const auto is_second = [&](std::size_t item) { return std::exchange(found, item).has_value(); };
    if (fields.size() == 1 && visible.end - visible.begin == 1) return visible.begin;
    if (fields.size() == 1) {
        for (const auto& merged : merged_) {
            if (merged.column == name && visible.holds(merged.item) && is_second(merged.item)) return std::nullopt;
        }
    } else if (fields.size() == 2) {
        const std::string_view qualifier = string_of(node_of(fields[0]));
        for (std::size_t i = visible.begin; i < visible.end; ++i) {
            // The same table of two schemas: PostgreSQL will refuse it as ambiguous.
            if (items_[i].name == qualifier && !qualifier.empty() && is_second(i)) return std::nullopt;
        }
    }
    return found;
}

// Null: it is no relation, or its columns have other names here.
RelationUse* Walker::use_at(std::size_t item) {
    const FromItem& at = items_[item];
    if (at.target) return at.target;
    return at.read >= 0 ? &facts_.reads[static_cast<std::size_t>(at.read)] : nullptr;
}

void Walker::link_columns(std::size_t item, std::string_view column, std::size_t other, std::string_view other_column) {
    if (items_[item].read < 0 || items_[other].read < 0) return;
    auto& links = use_at(item)->links;
    if (links.size() < kLinksMax)
        links.push_back({std::string(column), static_cast<std::size_t>(items_[other].read), std::string(other_column)});
}

}  // namespace larder::sql
