#include "advisor/node.h"

#include <algorithm>
#include <charconv>

#include "advisor/connection.h"
#include "sql/tree.h"

namespace larder::advisor {

namespace json = boost::json;

namespace {

const Node kNothing;
const json::array kEmpty;
// What names an expression in a plan's text that stands for a query's answer (plan_text.h).
constexpr std::string_view kSubplanMark = "larder_subplan";

Node statement_of(json::object select) {
    if (!select.contains("limitOption")) select["limitOption"] = "LIMIT_OPTION_DEFAULT";
    if (!select.contains("op")) select["op"] = "SETOP_NONE";
    json::object statement;
    statement["stmt"] = make_node("SelectStmt", std::move(select));
    json::object root;
    root["version"] = 150001;
    root["stmts"] = json::array{std::move(statement)};
    return root;
}

const json::object* select_of(const Node& root) {
    if (!root.is_object()) return nullptr;
    const auto& statements = list(root.get_object(), "stmts");
    if (statements.size() != 1 || !statements[0].is_object()) return nullptr;
    return fields_of(member(statements[0].get_object(), "stmt"), "SelectStmt");
}

// AND in an AND, or OR in an OR, is one, as the parser makes it.
void flatten(json::object& both) {
    const Node op = both["boolop"];
    auto* parts = both["args"].if_array();
    if (!parts || op == "NOT_EXPR") return;
    json::array flat;
    for (auto& part : *parts) {
        auto* inner = fields_of(part, "BoolExpr");
        if (inner && (*inner)["boolop"] == op) for (auto& deeper : (*inner)["args"].as_array()) flat.push_back(std::move(deeper));
        else flat.push_back(std::move(part));
    }
    *parts = std::move(flat);
}

// As it can be written. "x AT TIME ZONE y" is written without the parentheses that a cast around it needs: as a plain call it needs none.
void put_right(Node& node) {
    if (node.is_array()) {
        for (auto& item : node.get_array()) put_right(item);
    } else if (node.is_object()) {
        for (auto& [name, value] : node.get_object()) put_right(value);
        if (auto* call = fields_of(node, "FuncCall"); call && function_of(node) == "timezone") (*call)["funcformat"] = "COERCE_EXPLICIT_CALL";
        if (auto* both = fields_of(node, "BoolExpr")) flatten(*both);
    }
}

// What is left out has its default value, and so have what is 0, false, empty, or named so.
bool is_default(const Node& node) {
    if (node.is_string()) return node.get_string().empty() || node.get_string().ends_with("_DEFAULT") || node.get_string().ends_with("_NONE") || node.get_string() == "COERCE_EXPLICIT_CALL";
    if (node.is_array()) return node.get_array().empty();
    if (node.is_object()) return node.get_object().empty();
    return node.is_null() || (node.is_bool() && !node.get_bool()) || (node.is_int64() && node.get_int64() == 0) || (node.is_uint64() && node.get_uint64() == 0);
}

bool is_place(json::string_view name) { return name == "location" || name == "stmt_len" || name == "stmt_location" || name == "version"; }

bool is_same(const Node& one, const Node& other) {
    if (one.is_array() && other.is_array()) {
        const auto &left = one.get_array(), &right = other.get_array();
        return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const Node& a, const Node& b) { return is_same(a, b); });
    }
    if (!one.is_object() || !other.is_object()) return one == other;
    for (const auto& [name, value] : one.get_object()) {
        const Node* there = other.get_object().if_contains(name);
        if (!is_place(name) && !(there ? is_same(value, *there) : is_default(value))) return false;
    }
    return std::all_of(other.get_object().begin(), other.get_object().end(), [&](const auto& member) {
        return is_place(member.key()) || one.get_object().contains(member.key()) || is_default(member.value());
    });
}

}  // namespace

std::string_view type_of(const Node& node) {
    if (!node.is_object() || node.get_object().size() != 1) return {};
    const auto key = node.get_object().begin()->key();
    return {key.data(), key.size()};
}

const json::object* fields_of(const Node& node, std::string_view type) {
    if (type_of(node) != type) return nullptr;
    return node.get_object().begin()->value().if_object();
}

json::object* fields_of(Node& node, std::string_view type) {
    if (type_of(node) != type) return nullptr;
    return node.get_object().begin()->value().if_object();
}

const Node& member(const json::object& fields, std::string_view name) {
    const Node* found = fields.if_contains(json::string_view(name.data(), name.size()));
    return found ? *found : kNothing;
}

const json::array& list(const json::object& fields, std::string_view name) {
    const Node& found = member(fields, name);
    return found.is_array() ? found.get_array() : kEmpty;
}

std::string_view word(const json::object& fields, std::string_view name) {
    const Node& found = member(fields, name);
    return found.is_string() ? std::string_view(found.get_string().data(), found.get_string().size()) : std::string_view();
}

bool flag(const json::object& fields, std::string_view name) {
    const Node& found = member(fields, name);
    return found.is_bool() && found.get_bool();
}

std::vector<std::string> column_path(const Node& node) {
    std::vector<std::string> path;
    const auto* column = fields_of(node, "ColumnRef");
    if (!column) return path;
    for (const Node& part : list(*column, "fields")) {
        if (const auto* name = fields_of(part, "String")) path.emplace_back(word(*name, "sval"));
        else path.emplace_back("*");
    }
    return path;
}

std::string last_name(const json::array& names) {
    if (names.empty()) return {};
    const auto* name = fields_of(names.back(), "String");
    return name ? std::string(word(*name, "sval")) : std::string();
}

std::string operator_of(const Node& node) {
    const auto* expression = fields_of(node, "A_Expr");
    return expression ? last_name(list(*expression, "name")) : std::string();
}

std::string function_of(const Node& node) {
    const auto* call = fields_of(node, "FuncCall");
    return call ? last_name(list(*call, "funcname")) : std::string();
}

std::string cast_type(const Node& node) {
    const auto* cast = fields_of(node, "TypeCast");
    if (!cast) return {};
    const Node& type = member(*cast, "typeName");
    return type.is_object() ? last_name(list(type.get_object(), "names")) : std::string();
}

const Node& without_casts(const Node& node) {
    const Node* inner = &node;
    while (const auto* cast = fields_of(*inner, "TypeCast")) inner = &member(*cast, "arg");
    return *inner;
}

std::optional<long long> integer_of(const Node& node) {
    const auto* constant = fields_of(without_casts(node), "A_Const");
    if (!constant) return std::nullopt;
    if (const Node& value = member(*constant, "ival"); value.is_object()) {
        const Node& number = member(value.get_object(), "ival");
        return number.is_int64() ? number.get_int64() : 0;
    }
    std::string_view digits;
    for (const char* kind : {"fval", "sval"}) {
        if (const Node& value = member(*constant, kind); value.is_object()) digits = word(value.get_object(), kind);
    }
    long long number = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return std::nullopt;
    return number;
}

std::optional<std::string> string_of(const Node& node) {
    const auto* constant = fields_of(without_casts(node), "A_Const");
    if (!constant) return std::nullopt;
    const Node& value = member(*constant, "sval");
    return value.is_object() ? std::optional(std::string(word(value.get_object(), "sval"))) : std::nullopt;
}

bool is_null_constant(const Node& node) {
    const auto* constant = fields_of(without_casts(node), "A_Const");
    return constant && flag(*constant, "isnull");
}

void visit_nodes(const Node& node, const std::function<bool(const Node&)>& visit) {
    if (node.is_array()) {
        for (const Node& item : node.get_array()) visit_nodes(item, visit);
    } else if (node.is_object()) {
        if (!type_of(node).empty() && !visit(node)) return;
        for (const auto& [name, value] : node.get_object()) visit_nodes(value, visit);
    }
}

bool change_nodes(Node& node, const std::function<bool(Node&)>& change) {
    if (node.is_array()) {
        bool changed = false;
        for (auto& item : node.get_array()) changed = change_nodes(item, change) || changed;
        return changed;
    }
    if (!node.is_object() || type_of(node) == "SelectStmt") return false;
    if (!type_of(node).empty() && change(node)) return true;
    bool changed = false;
    for (auto& [name, value] : node.get_object()) changed = change_nodes(value, change) || changed;
    return changed;
}

bool contains(const Node& node, std::string_view type) {
    bool found = false;
    visit_nodes(node, [&](const Node& part) { return !(found = found || type_of(part) == type); });
    return found;
}

bool is_free_of_columns(const Node& node) {
    bool is_free = true;
    visit_nodes(node, [&](const Node& part) {
        const auto type = type_of(part);
        if (type == "ColumnRef" || type == "SubLink" || (type == "FuncCall" && function_of(part) == kSubplanMark)) is_free = false;
        return is_free;
    });
    return is_free;
}

Node make_node(std::string_view type, json::object fields) {
    json::object node;
    node[json::string_view(type.data(), type.size())] = std::move(fields);
    return node;
}

Node make_string(std::string_view text) {
    json::object fields;
    fields["sval"] = json::string(json::string_view(text.data(), text.size()));
    return make_node("String", std::move(fields));
}

Node make_column(const std::vector<std::string>& path) {
    json::array names;
    for (const auto& name : path) names.push_back(make_string(name));
    json::object fields;
    fields["fields"] = std::move(names);
    return make_node("ColumnRef", std::move(fields));
}

Node make_operation(std::string_view op, Node left, Node right) {
    json::object fields;
    fields["kind"] = "AEXPR_OP";
    fields["name"] = json::array{make_string(op)};
    fields["lexpr"] = std::move(left);
    fields["rexpr"] = std::move(right);
    return make_node("A_Expr", std::move(fields));
}

Node make_and(std::vector<Node> conditions) {
    if (conditions.empty()) return {};
    if (conditions.size() == 1) return std::move(conditions[0]);
    json::array items;
    for (auto& condition : conditions) items.push_back(std::move(condition));
    json::object fields;
    fields["boolop"] = "AND_EXPR";
    fields["args"] = std::move(items);
    return make_node("BoolExpr", std::move(fields));
}

std::vector<Node> conjuncts(const Node& condition) {
    std::vector<Node> found;
    const auto* both = fields_of(condition, "BoolExpr");
    if (both && word(*both, "boolop") == "AND_EXPR") {
        for (const Node& part : list(*both, "args")) {
            for (auto& inner : conjuncts(part)) found.push_back(std::move(inner));
        }
    } else if (!condition.is_null()) {
        found.push_back(condition);
    }
    return found;
}

std::optional<Node> parse_expression(std::string_view text) {
    const auto tree = sql::parse_tree("SELECT " + std::string(text));
    const auto* select = select_of(tree.root);
    if (!select || list(*select, "targetList").size() != 1) return std::nullopt;
    const auto* target = fields_of(list(*select, "targetList")[0], "ResTarget");
    if (!target || select->contains("fromClause") || select->contains("whereClause")) return std::nullopt;
    return member(*target, "val");
}

std::optional<Node> parse_sort_key(std::string_view text) {
    const auto tree = sql::parse_tree("SELECT 1 ORDER BY " + std::string(text));
    const auto* select = select_of(tree.root);
    if (!select || list(*select, "sortClause").size() != 1) return std::nullopt;
    return list(*select, "sortClause")[0];
}

std::string to_sql(const Node& expression) {
    json::object target;
    target["val"] = expression;
    json::object select;
    select["targetList"] = json::array{make_node("ResTarget", std::move(target))};
    const std::string text = tree_sql(statement_of(std::move(select)));
    constexpr std::string_view kSelect = "SELECT ";
    return text.starts_with(kSelect) ? text.substr(kSelect.size()) : std::string();
}

std::optional<json::object> parse_select(std::string_view text) {
    const auto tree = sql::parse_tree(text);
    const auto* select = select_of(tree.root);
    return select ? std::optional(*select) : std::nullopt;
}

std::string tree_sql(const Node& root) {
    Node written = root;
    put_right(written);
    auto text = sql::deparse_tree(written);
    return !text.empty() && is_same(written, sql::parse_tree(text).root) ? text : std::string();
}

std::string short_tree_sql(const Node& root) {
    Node right = root;
    put_right(right);
    Node written = right;
    // libpg_query writes the name of an index as it is, without the quotes that it may need.
    auto* fields = written.if_object();
    auto* statements = fields && fields->contains("stmts") ? (*fields)["stmts"].if_array() : nullptr;
    auto* first = statements && statements->size() == 1 ? statements->front().if_object() : nullptr;
    auto* index = first && first->contains("stmt") ? fields_of((*first)["stmt"], "IndexStmt") : nullptr;
    if (index && index->contains("idxname")) (*index)["idxname"] = quoted_name(std::string(word(*index, "idxname")));
    auto text = sql::deparse_tree(written);
    return !text.empty() && is_same(right, sql::parse_short_tree(text).root) ? text : std::string();
}

std::string select_sql(const json::object& select) { return tree_sql(statement_of(select)); }

Node unqualified(Node expression) {
    if (auto* column = fields_of(expression, "ColumnRef")) {
        auto* path = (*column)["fields"].if_array();
        if (path && path->size() > 1) path->erase(path->begin(), path->end() - 1);
    } else if (expression.is_object()) {
        for (auto& [name, value] : expression.get_object()) value = unqualified(std::move(value));
    } else if (expression.is_array()) {
        for (auto& value : expression.get_array()) value = unqualified(std::move(value));
    }
    return expression;
}

}  // namespace larder::advisor
