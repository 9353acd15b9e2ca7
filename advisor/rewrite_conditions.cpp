#include <algorithm>
#include <cctype>
#include <limits>

#include "advisor/rewrite.h"

// Conditions that hide a column from its index, put so that they do not. Only where a condition stands in a WHERE or ON under AND and
// OR, so that it makes no difference whether it is false or NULL.

namespace larder::advisor {

namespace json = boost::json;

namespace {

constexpr unsigned kInt8 = 20, kInt2 = 21, kInt4 = 23, kNumeric = 1700, kUuid = 2950;

struct Rule {
    std::optional<Node> (*change)(const Node& condition, const Scope& scope, RewriteContext& context);
    const char* why;
};

bool is_integer(const Column& column) { return column.type == kInt2 || column.type == kInt4 || column.type == kInt8; }

Node integer(long long value) {
    json::object inner, constant;
    if (value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max()) {
        inner["ival"] = value;
        constant["ival"] = std::move(inner);
    } else {
        inner["fval"] = std::to_string(value);
        constant["fval"] = std::move(inner);
    }
    return make_node("A_Const", std::move(constant));
}

// A condition's parts, with the side that `is_subject` accepts on the left.
struct Comparison {
    std::string op;
    Node subject, other;
};

std::optional<Comparison> comparison(const Node& condition, const std::function<bool(const Node&)>& is_subject) {
    const auto* expression = fields_of(condition, "A_Expr");
    if (!expression || word(*expression, "kind") != "AEXPR_OP") return std::nullopt;
    const Node& left = member(*expression, "lexpr");
    const Node& right = member(*expression, "rexpr");
    std::string op = operator_of(condition);
    if (is_subject(left)) return Comparison{op, left, right};
    if (!is_subject(right)) return std::nullopt;
    if (op == "<") op = ">";
    else if (op == ">") op = "<";
    else if (op == "<=") op = ">=";
    else if (op == ">=") op = "<=";
    else if (op != "=") return std::nullopt;
    return Comparison{op, right, left};
}

bool is_order(const std::string& op) { return op == "=" || op == "<" || op == "<=" || op == ">" || op == ">="; }

std::optional<Node> moved_interval(const Node& condition, const Scope& scope, RewriteContext&) { return as_moved_interval(condition, scope); }

// x = 1 OR x = 2: one scan of an index finds both in order. Constants of one kind only, which all take the column's type in either form.
std::optional<Node> either_as_list(const Node& condition, const Scope& scope) {
    const auto* either = fields_of(condition, "BoolExpr");
    if (!either || word(*either, "boolop") != "OR_EXPR") return std::nullopt;
    json::array values;
    std::string subject, kind;
    for (const Node& arm : list(*either, "args")) {
        const auto* equal = fields_of(arm, "A_Expr");
        if (!equal || word(*equal, "kind") != "AEXPR_OP" || operator_of(arm) != "=" || !scope.resolve(member(*equal, "lexpr"))) return std::nullopt;
        const Node& value = member(*equal, "rexpr");
        const std::string this_kind = type_of(value) == "ParamRef" ? "parameter" : type_of(value) != "A_Const" ? "" : string_of(value) ? "text" : integer_of(value) ? "number" : "";
        const std::string this_subject = to_sql(member(*equal, "lexpr"));
        if (this_kind.empty() || (!values.empty() && (this_kind != kind || this_subject != subject))) return std::nullopt;
        kind = this_kind, subject = this_subject;
        values.push_back(value);
    }
    if (values.size() < 2) return std::nullopt;
    json::object items;
    items["items"] = std::move(values);
    Node list_form = make_operation("=", *parse_expression(subject), make_node("List", std::move(items)));
    fields_of(list_form, "A_Expr")->at("kind") = "AEXPR_IN";
    return list_form;
}

std::optional<Node> date_part(const Node& condition, const Scope& scope, RewriteContext&) { return as_date_range(condition, scope); }

// col + 5 > 7, for integers (which cannot overflow the constant's side) and numeric.
std::optional<Node> moved_constant(const Node& condition, const Scope& scope, RewriteContext&) {
    const auto found = comparison(condition, [](const Node& side) { const auto op = operator_of(side); return op == "+" || op == "-"; });
    if (!found || !is_order(found->op)) return std::nullopt;
    const auto& sum = *fields_of(found->subject, "A_Expr");
    const Node *column = &member(sum, "lexpr"), *moved = &member(sum, "rexpr");
    const bool is_plus = operator_of(found->subject) == "+";
    if (is_plus && !scope.resolve(*column)) std::swap(column, moved);
    const auto use = scope.resolve(*column);
    if (!use || type_of(*moved) != "A_Const" || type_of(found->other) != "A_Const" || is_null_constant(*moved) || is_null_constant(found->other)) return std::nullopt;
    const auto by = integer_of(*moved), than = integer_of(found->other);
    if (is_integer(*use->column) && by && than && !string_of(*moved) && !string_of(found->other)) {
        if (std::abs(*by) > 1'000'000'000 || std::abs(*than) > 1'000'000'000) return std::nullopt;
        return make_operation(found->op, *column, integer(is_plus ? *than - *by : *than + *by));
    }
    if (use->column->type != kNumeric || string_of(*moved) || string_of(found->other)) return std::nullopt;
    return make_operation(found->op, *column, make_operation(is_plus ? "-" : "+", found->other, *moved));
}

// id::text = '42': only the canonical text can be equal.
std::optional<Node> uncast(const Node& side, const Node& other, const Scope& scope, RewriteContext& context, Node& column) {
    const auto* cast = fields_of(side, "TypeCast");
    if (!cast || type_of(other) == "ColumnRef") return std::nullopt;
    column = member(*cast, "arg");
    const auto use = scope.resolve(column);
    if (!use) return std::nullopt;
    const auto to = cast_type(side);
    const bool is_text = to == "text" || (to == "varchar" && list(member(*cast, "typeName").as_object(), "typmods").empty());
    const auto text = type_of(other) == "A_Const" ? string_of(other) : std::nullopt;
    if (is_text && text && is_integer(*use->column)) {
        const auto number = integer_of(other);
        if (!number || std::to_string(*number) != *text) return std::nullopt;
        const long long most = use->column->type == kInt8 ? std::numeric_limits<long long>::max() : use->column->type == kInt4 ? 2147483647LL : 32767LL;
        return *number >= -most && *number <= most ? std::optional(integer(*number)) : std::nullopt;
    }
    if (is_text && text && use->column->type == kUuid) {
        const bool is_canonical = text->size() == 36 && std::all_of(text->begin(), text->end(), [](unsigned char c) {
            return std::isdigit(c) || (c >= 'a' && c <= 'f') || c == '-';
        }) && (*text)[8] == '-' && (*text)[13] == '-' && (*text)[18] == '-' && (*text)[23] == '-' && std::count(text->begin(), text->end(), '-') == 4;
        return is_canonical ? std::optional(other) : std::nullopt;
    }
    if (is_text && text && use->column->category == 'E') {
        const auto rows = context.connection.ask("SELECT 1 FROM pg_enum WHERE enumtypid = $1 AND enumlabel = $2", {std::to_string(use->column->type), *text});
        return rows.empty() ? std::nullopt : std::optional(other);
    }
    const bool is_wider = to == "int8" || to == "int4" || to == "numeric";
    const bool holds_all = is_integer(*use->column) && is_wider && !(to == "int4" && use->column->type == kInt8);
    const auto number = integer_of(other);
    if (holds_all && number && type_of(other) == "A_Const" && !text) return integer(*number);
    return std::nullopt;
}

std::optional<Node> cast_column(const Node& condition, const Scope& scope, RewriteContext& context) {
    const auto* expression = fields_of(condition, "A_Expr");
    if (!expression) return std::nullopt;
    Node column;
    if (word(*expression, "kind") == "AEXPR_IN" && operator_of(condition) == "=") {
        const auto* values = fields_of(member(*expression, "rexpr"), "List");
        if (!values) return std::nullopt;
        json::array changed;
        for (const Node& value : list(*values, "items")) {
            auto plain = uncast(member(*expression, "lexpr"), value, scope, context, column);
            if (!plain) return std::nullopt;
            changed.push_back(std::move(*plain));
        }
        Node copy = condition;
        auto& fields = *fields_of(copy, "A_Expr");
        fields["lexpr"] = column;
        fields_of(fields["rexpr"], "List")->at("items") = std::move(changed);
        return copy;
    }
    const auto found = comparison(condition, [](const Node& side) { return type_of(side) == "TypeCast" && type_of(without_casts(side)) == "ColumnRef"; });
    if (!found) return std::nullopt;
    const auto plain = uncast(found->subject, found->other, scope, context, column);
    // As text, numbers are ordered otherwise.
    const bool is_text = cast_type(found->subject) == "text" || cast_type(found->subject) == "varchar";
    if (!plain || (found->op != "=" && (is_text || !is_order(found->op)))) return std::nullopt;
    return make_operation(found->op, column, *plain);
}

// An integer column compared with 5.0 is compared as numeric.
std::optional<Node> numeric_constant(const Node& condition, const Scope& scope, RewriteContext&) {
    const auto found = comparison(condition, [&](const Node& side) { return scope.resolve(side).has_value(); });
    if (!found || !is_order(found->op) || !is_integer(*scope.resolve(found->subject)->column)) return std::nullopt;
    const auto* constant = fields_of(without_casts(found->other), "A_Const");
    const Node& value = constant ? member(*constant, "fval") : found->other;
    const auto text = constant && value.is_object() ? word(value.get_object(), "fval") : std::string_view();
    const auto point = text.find('.');
    const bool is_cast = type_of(found->other) == "TypeCast";
    if (is_cast && cast_type(found->other) != "numeric") return std::nullopt;
    if (!is_cast && (point == std::string_view::npos || text.find_first_not_of('0', point + 1) != std::string_view::npos)) return std::nullopt;
    Node digits = is_cast ? without_casts(found->other) : Node();
    if (!is_cast) {
        const auto whole = parse_expression(text.substr(0, point));
        if (!whole) return std::nullopt;
        digits = *whole;
    }
    const auto number = integer_of(digits);
    if (!number || std::abs(*number) > 2'000'000'000) return std::nullopt;
    return make_operation(found->op, found->subject, integer(*number));
}

// 'x' = ANY (tags): GIN knows @>.
std::optional<Node> any_of_array(const Node& condition, const Scope& scope, RewriteContext&) {
    const auto* expression = fields_of(condition, "A_Expr");
    if (!expression || word(*expression, "kind") != "AEXPR_OP_ANY" || operator_of(condition) != "=") return std::nullopt;
    const Node& value = member(*expression, "lexpr");
    const auto use = scope.resolve(member(*expression, "rexpr"));
    if (!use || use->column->category != 'A' || type_of(without_casts(value)) != "A_Const" || is_null_constant(value)) return std::nullopt;
    return parse_expression(to_sql(member(*expression, "rexpr")) + " @> ARRAY[" + to_sql(value) + "]::" + use->column->type_name);
}

// coalesce(col, k) = c.
std::optional<Node> coalesced(const Node& condition, const Scope& scope, RewriteContext&) {
    const auto found = comparison(condition, [](const Node& side) { return type_of(side) == "CoalesceExpr"; });
    if (!found || !is_order(found->op)) return std::nullopt;
    const auto& arguments = list(*fields_of(found->subject, "CoalesceExpr"), "args");
    if (arguments.size() != 2) return std::nullopt;
    const Node &column = arguments[0], &standby = arguments[1], &constant = found->other;
    const auto use = scope.resolve(column);
    if (!use || type_of(standby) != "A_Const" || type_of(constant) != "A_Const" || is_null_constant(constant) || is_null_constant(standby)) return std::nullopt;
    Node bare = make_operation(found->op, column, constant);
    const auto one = integer_of(standby), other = integer_of(constant);
    const bool are_numbers = one && other && !string_of(standby) && !string_of(constant) && (is_integer(*use->column) || use->column->type == kNumeric);
    const bool are_texts = string_of(standby) && string_of(constant) && found->op == "=" && (use->column->type == 25 || use->column->category == 'E');
    if (!are_numbers && !are_texts) return std::nullopt;
    const bool holds = are_texts           ? *string_of(standby) == *string_of(constant)
                       : found->op == "="  ? *one == *other
                       : found->op == "<"  ? *one < *other
                       : found->op == "<=" ? *one <= *other
                       : found->op == ">"  ? *one > *other
                                           : *one >= *other;
    if (!holds) return bare;
    return parse_expression("(" + to_sql(bare) + ") OR (" + to_sql(column) + " IS NULL)");
}

std::optional<Node> not_distinct(const Node& condition, const Scope& scope, RewriteContext&) {
    const auto* expression = fields_of(condition, "A_Expr");
    if (!expression || word(*expression, "kind") != "AEXPR_NOT_DISTINCT") return std::nullopt;
    const Node& left = member(*expression, "lexpr");
    const Node& right = member(*expression, "rexpr");
    const bool is_left = scope.resolve(left).has_value();
    const Node& constant = is_left ? right : left;
    if (type_of(without_casts(constant)) != "A_Const" || is_null_constant(constant)) return std::nullopt;
    return make_operation("=", left, right);
}

// to_tsvector(x) depends on a setting; with the setting's value written out it is immutable and can be indexed.
std::optional<Node> named_configuration(const Node& condition, const Scope&, RewriteContext& context) {
    const auto* expression = fields_of(condition, "A_Expr");
    if (!expression || operator_of(condition) != "@@") return std::nullopt;
    const Node& left = member(*expression, "lexpr");
    if (function_of(left) != "to_tsvector" || list(*fields_of(left, "FuncCall"), "args").size() != 1) return std::nullopt;
    const auto rows = context.connection.ask("SELECT quote_literal(current_setting('default_text_search_config'))");
    return parse_expression("to_tsvector(" + *rows[0][0] + ", " + to_sql(list(*fields_of(left, "FuncCall"), "args")[0]) + ") @@ " +
                            to_sql(member(*expression, "rexpr")));
}

constexpr Rule kRules[] = {
    {date_part, "A function of a timestamp is written as a range of the column itself (R2)."},
    {moved_interval, "The interval is moved from the column to the bound it is compared with (R3)."},
    {moved_constant, "Arithmetic on the column is moved to the constant (R3)."},
    {cast_column, "The constant is cast instead of the column; the cast loses nothing and its text is unique (R5)."},
    {numeric_constant, "An integer column is compared with an integer, not as numeric (R34)."},
    {any_of_array, "constant = ANY (array) is written as containment, which GIN serves (R6)."},
    {coalesced, "coalesce() of a column and a constant is taken apart (R26)."},
    {not_distinct, "IS NOT DISTINCT FROM a constant that is not NULL is plain equality (R27)."},
    {named_configuration, "to_tsvector() names its configuration, which is this session's, so that it can be indexed."},
};

class ConditionRewriter {
public:
    ConditionRewriter(const Scope& scope, RewriteContext& context, std::string& why) : scope_(scope), context_(context), why_(why) {}

    bool change(Node& condition) {
        if (auto* both = fields_of(condition, "BoolExpr")) {
            if ((*both)["boolop"] == "NOT_EXPR") return false;
            if (auto values = either_as_list(condition, scope_)) {
                condition = std::move(*values);
                note("Equalities of one column are a list (R37).");
                return true;
            }
            bool changed = (*both)["boolop"] == "AND_EXPR" && change_months((*both)["args"].as_array());
            for (auto& part : (*both)["args"].as_array()) changed = change(part) || changed;
            return changed;
        }
        if (change_between(condition)) return true;
        for (const Rule& rule : kRules) {
            auto better = rule.change(condition, scope_, context_);
            if (!better) continue;
            condition = std::move(*better);
            note(rule.why);
            return true;
        }
        return false;
    }

    // What BETWEEN stands for, if both halves can be put right.
    bool change_between(Node& condition) {
        const auto* both = fields_of(condition, "A_Expr");
        const auto* ends = both && word(*both, "kind") == "AEXPR_BETWEEN" ? fields_of(member(*both, "rexpr"), "List") : nullptr;
        if (!ends || list(*ends, "items").size() != 2 || context_.is_volatile(condition)) return false;
        for (const Rule& rule : kRules) {
            const auto half = [&](const char* op, std::size_t end) { return rule.change(make_operation(op, member(*both, "lexpr"), list(*ends, "items")[end]), scope_, context_); };
            auto low = half(">=", 0), high = half("<=", 1);
            if (!low || !high) continue;
            condition = make_and({std::move(*low), std::move(*high)});
            note(rule.why);
            return true;
        }
        return false;
    }

    bool change_months(json::array& parts) {
        for (std::size_t year = 0; year < parts.size(); ++year) {
            for (std::size_t month = 0; month < parts.size(); ++month) {
                auto range = year == month ? std::nullopt : as_month_range(parts[year], parts[month], scope_);
                if (!range) continue;
                parts[year] = std::move(*range);
                parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(month));
                note(kRules[0].why);
                return true;
            }
        }
        return false;
    }

    bool change_joins(Node& from) {
        auto* join = fields_of(from, "JoinExpr");
        if (!join) return false;
        bool changed = false;
        for (const char* side : {"larg", "rarg"}) {
            if (join->contains(side)) changed = change_joins((*join)[side]) || changed;
        }
        if (join->contains("quals")) changed = change((*join)["quals"]) || changed;
        return changed;
    }

private:
    void note(const char* why) {
        if (why_.find(why) == std::string::npos) why_ += (why_.empty() ? "" : " ") + std::string(why);
    }

    const Scope& scope_;
    RewriteContext& context_;
    std::string& why_;
};

// UPDATE and DELETE name one table, and perhaps others in FROM or USING.
json::object as_select(const json::object& fields, const char* more) {
    json::object select;
    json::array from;
    from.push_back(make_node("RangeVar", fields.at("relation").as_object()));
    for (const Node& item : list(fields, more)) from.push_back(item);
    select["fromClause"] = std::move(from);
    return select;
}

void change_where(json::object& fields, const Scope& scope, RewriteContext& context, std::string& why) {
    ConditionRewriter rewriter(scope, context, why);
    if (fields.contains("whereClause")) rewriter.change(fields["whereClause"]);
    if (auto* from = fields.if_contains("fromClause"); from && from->is_array()) {
        for (auto& item : from->get_array()) rewriter.change_joins(item);
    }
}

}  // namespace

std::string put_conditions_right(Node& tree, RewriteContext& context) {
    std::string why;
    for_each_select(tree, [&](json::object& select) {
        const Scope scope(select, context.ctes, context.relations);
        change_where(select, scope, context, why);
        return true;
    });
    auto& statement = tree.as_object()["stmts"].as_array()[0].as_object()["stmt"];
    for (const auto& [type, more] : {std::pair("UpdateStmt", "fromClause"), std::pair("DeleteStmt", "usingClause")}) {
        auto* fields = fields_of(statement, type);
        if (fields && fields->contains("relation")) change_where(*fields, Scope(as_select(*fields, more), context.ctes, context.relations), context, why);
    }
    return why;
}

}  // namespace larder::advisor
