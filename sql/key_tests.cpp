// Key tests: which conditions of a query restrict one relation's rows to constant values of a column.
#include "sql/walker.h"

namespace larder::sql {

namespace {

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

void Walker::apply_conditions(std::size_t first_item, std::size_t first_condition) {
    const bool is_alone = items_.size() - first_item == 1;
    for (std::size_t i = first_condition; i < conditions_.size(); ++i) apply_condition(conditions_[i].node, conditions_[i], is_alone);
}

void Walker::apply_condition(const Node* node, const Condition& condition, bool is_alone) {
    const Level level(*this);
    if (is_too_deep()) return give_up();
    if (is(node, T_BoolExpr) && as<BoolExpr>(node).boolop == AND_EXPR) {
        for (const ListCell& cell : cells(as<BoolExpr>(node).args)) apply_condition(node_of(cell), condition, is_alone);
        return;
    }
    if (!is(node, T_A_Expr)) return;
    const auto& test = as<A_Expr>(node);
    if ((test.kind != AEXPR_OP && test.kind != AEXPR_IN && test.kind != AEXPR_OP_ANY) || !is_equality(test)) return;

    const bool is_column_left = is(test.lexpr, T_ColumnRef);
    const Node* column = is_column_left ? test.lexpr : test.rexpr;
    const Node* other = is_column_left ? test.rexpr : test.lexpr;
    if (!is(column, T_ColumnRef)) return;
    std::optional<std::vector<Value>> values;
    if (test.kind == AEXPR_IN) {
        if (is_column_left) values = values_of_list(other);
    } else if (test.kind == AEXPR_OP_ANY) {
        if (is_column_left) values = integers_of_array(other);
    } else if (auto value = value_of(other)) {
        values.emplace().push_back(std::move(*value));
    }
    if (!values) return;
    const auto& reference = as<ColumnRef>(column);
    if (RelationUse* use = restricted_by(reference, condition, is_alone))
        use->key_tests.push_back({std::string(string_of(node_of(cells(reference.fields).back()))), std::move(*values)});
}

// The relation whose column this is, if that is certain without knowing any relation's columns.
RelationUse* Walker::restricted_by(const ColumnRef& column, const Condition& condition, bool is_alone) {
    const auto fields = cells(column.fields);
    const FromItem* found = nullptr;
    if (fields.size() == 1 && is_alone) {
        found = &items_[condition.begin];
    } else if (fields.size() == 2) {
        const std::string_view qualifier = string_of(node_of(fields[0]));
        for (std::size_t i = condition.begin; i < condition.end; ++i) {
            if (items_[i].name != qualifier || qualifier.empty()) continue;
            if (found) return nullptr;  // the same table of two schemas: PostgreSQL will refuse it as ambiguous
            found = &items_[i];
        }
    }
    if (!found || string_of(node_of(fields.back())).empty()) return nullptr;  // t.* has no String at the end
    if (found->target) return found->target;
    return found->read >= 0 ? &facts_.reads[static_cast<std::size_t>(found->read)] : nullptr;
}

}  // namespace larder::sql
