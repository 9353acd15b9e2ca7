#include <charconv>
#include <chrono>
#include <cstdio>

#include "advisor/rewrite.h"

// A function of a timestamp compared with a constant hides the column from its index; the half-open range of the bare column does
// not. Bounds are written without a time zone, so they are read in the session's, as the function's result was.

namespace larder::advisor {

namespace json = boost::json;

namespace {

using Days = std::chrono::sys_days;
constexpr std::size_t kRangesMax = 20;
constexpr unsigned kTimestamp = 1114, kTimestamptz = 1184;

enum class Unit { day, week, month, quarter, year };

std::optional<Unit> unit_named(const std::string& name) {
    if (name == "day") return Unit::day;
    if (name == "week") return Unit::week;
    if (name == "month") return Unit::month;
    if (name == "quarter") return Unit::quarter;
    if (name == "year") return Unit::year;
    return std::nullopt;
}

std::optional<int> digits(std::string_view text) {
    int value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

// "2026-05-01", "2026-05-01 00:00:00"; with parts "2026-05" and "2026" as well.
std::optional<Days> day_of(std::string_view text, bool allows_parts) {
    for (const std::string_view midnight : {" 00:00:00", " 00:00", "T00:00:00"}) {
        if (text.ends_with(midnight)) text.remove_suffix(midnight.size());
    }
    if (text.size() < 4) return std::nullopt;
    const auto year = digits(text.substr(0, 4));
    const auto month = text.size() >= 7 && text[4] == '-' ? digits(text.substr(5, 2)) : allows_parts && text.size() == 4 ? std::optional(1) : std::nullopt;
    const auto day = text.size() == 10 && text[7] == '-' ? digits(text.substr(8, 2)) : allows_parts && text.size() <= 7 ? std::optional(1) : std::nullopt;
    if (!year || !month || !day || *year < 1000) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)), std::chrono::day(static_cast<unsigned>(*day))};
    return date.ok() ? std::optional(Days(date)) : std::nullopt;
}

bool starts(Unit unit, Days day) {
    const std::chrono::year_month_day date(day);
    const unsigned month = static_cast<unsigned>(date.month());
    switch (unit) {
        case Unit::day: return true;
        case Unit::week: return std::chrono::weekday(day) == std::chrono::Monday;
        case Unit::month: return date.day() == std::chrono::day(1);
        case Unit::quarter: return date.day() == std::chrono::day(1) && month % 3 == 1;
        case Unit::year: return date.day() == std::chrono::day(1) && month == 1;
    }
    return false;
}

Days next(Unit unit, Days day) {
    const std::chrono::year_month_day date(day);
    switch (unit) {
        case Unit::day: return day + std::chrono::days(1);
        case Unit::week: return day + std::chrono::days(7);
        case Unit::month: return Days(date + std::chrono::months(1));
        case Unit::quarter: return Days(date + std::chrono::months(3));
        case Unit::year: return Days(date + std::chrono::years(1));
    }
    return day;
}

Node literal(Days day) {
    const std::chrono::year_month_day date(day);
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    json::object value, constant;
    value["sval"] = text;
    constant["sval"] = std::move(value);
    return make_node("A_Const", std::move(constant));
}

// What is done to the column: cut off to a unit; and how the constant it is compared with is written.
struct Cut {
    Node column;
    Unit unit = Unit::day;
    enum { date, timestamp, year_number, text } constant = date;
    ClockType type = ClockType::none;  // of the column
};

std::optional<Cut> cut_by_call(const Node& node) {
    const auto name = function_of(node);
    const auto& arguments = list(*fields_of(node, "FuncCall"), "args");
    if (name == "date" && arguments.size() == 1) return Cut{arguments[0], Unit::day, Cut::date};
    if (arguments.size() != 2) return std::nullopt;
    if (name == "date_trunc") {
        const auto unit = string_of(arguments[0]) ? unit_named(*string_of(arguments[0])) : std::nullopt;
        return unit ? std::optional(Cut{arguments[1], *unit, Cut::timestamp}) : std::nullopt;
    }
    if ((name == "extract" || name == "date_part") && string_of(arguments[0]) == "year") return Cut{arguments[1], Unit::year, Cut::year_number};
    if (name == "to_char") {
        const auto format = string_of(arguments[1]);
        if (format == "YYYY-MM-DD") return Cut{arguments[0], Unit::day, Cut::text};
        if (format == "YYYY-MM") return Cut{arguments[0], Unit::month, Cut::text};
        if (format == "YYYY") return Cut{arguments[0], Unit::year, Cut::text};
    }
    return std::nullopt;
}

std::optional<Cut> cut_of(const Node& node, const Scope& scope) {
    std::optional<Cut> cut;
    if (type_of(node) == "FuncCall") cut = cut_by_call(node);
    if (const auto* cast = fields_of(node, "TypeCast"); cast && cast_type(node) == "date") cut = Cut{member(*cast, "arg"), Unit::day, Cut::date};
    if (!cut) return std::nullopt;
    const auto use = scope.resolve(cut->column);
    if (!use || (use->column->type != kTimestamp && use->column->type != kTimestamptz)) return std::nullopt;
    cut->type = use->column->type == kTimestamp ? ClockType::timestamp : ClockType::timestamptz;
    return cut;
}

// date_trunc('month', col) = date_trunc('month', now()): cut off again after the step, for days that do not begin at midnight.
std::optional<std::pair<Node, Node>> clock_bounds(const Cut& cut, const Node& constant) {
    static constexpr const char* kSteps[] = {"1 day", "7 days", "1 month", "3 months", "1 year"};
    const auto type = clock_type(constant);
    if (type == ClockType::date && cut.unit == Unit::day) return std::pair(constant, *parse_expression("(" + to_sql(constant) + ") + 1"));
    if (function_of(constant) != "date_trunc" || type != cut.type) return std::nullopt;
    const auto unit = unit_named(*string_of(list(*fields_of(constant, "FuncCall"), "args")[0]));
    if (unit != cut.unit) return std::nullopt;
    Node next = constant;
    auto& moment = fields_of(next, "FuncCall")->at("args").as_array()[1];
    moment = make_operation("+", constant, *parse_expression(std::string("interval '") + kSteps[static_cast<int>(cut.unit)] + "'"));
    return std::pair(constant, std::move(next));
}

// The first moments of the unit that the constant names and of the one after it, as expressions.
std::optional<std::pair<Node, Node>> bounds(const Cut& cut, const Node& constant) {
    std::optional<Days> day;
    if (cut.constant == Cut::year_number) {
        const auto year = integer_of(constant);
        if (year && *year >= 1000 && *year <= 9998) day = Days(std::chrono::year(static_cast<int>(*year)) / 1 / 1);
    } else if (const auto text = string_of(constant)) {
        const auto cast = cast_type(constant);
        const bool is_fit = cast.empty() || (cut.constant == Cut::text ? cast == "text" : cut.constant == Cut::date ? cast == "date" : cast != "text");
        const std::size_t length = cut.unit == Unit::day ? 10 : cut.unit == Unit::month ? 7 : 4;
        if (is_fit && (cut.constant != Cut::text || text->size() == length)) day = day_of(*text, cut.constant == Cut::text);
    } else if (cut.constant == Cut::timestamp && clock_type(constant) != ClockType::none) {
        return clock_bounds(cut, constant);
    } else if (cut.constant == Cut::date && is_free_of_columns(constant) && (!contains(constant, "FuncCall") || clock_type(constant) != ClockType::none)) {
        // A parameter, CURRENT_DATE or now()::date: the server counts the day on.
        const std::string sql = "(" + to_sql(constant) + ")::date";
        auto first = parse_expression(sql), second = parse_expression(sql + " + 1");
        if (first && second) return std::pair(std::move(*first), std::move(*second));
    }
    if (!day || !starts(cut.unit, *day)) return std::nullopt;
    return std::pair(literal(*day), literal(next(cut.unit, *day)));
}

std::optional<Node> range(const Cut& cut, const std::string& op, const Node& constant) {
    // Years compare as numbers and days as dates; but text compares as text only for equality.
    if (cut.constant == Cut::text && op != "=") return std::nullopt;
    const auto both = bounds(cut, constant);
    if (!both) return std::nullopt;
    const auto& [first, after] = *both;
    if (op == "=") return make_and({make_operation(">=", cut.column, first), make_operation("<", cut.column, after)});
    if (op == ">=") return make_operation(">=", cut.column, first);
    if (op == ">") return make_operation(">=", cut.column, after);
    if (op == "<") return make_operation("<", cut.column, first);
    if (op == "<=") return make_operation("<", cut.column, after);
    return std::nullopt;
}

// placed_at::date IN ('2026-03-03', …)
std::optional<Node> as_ranges(const Node& subject, const Node& values, const Scope& scope) {
    const auto cut = cut_of(subject, scope);
    const auto* all = fields_of(values, "List");
    if (!cut || !all || list(*all, "items").size() > kRangesMax) return std::nullopt;
    json::array ranges;
    for (const Node& value : list(*all, "items")) {
        auto one = range(*cut, "=", value);
        if (!one) return std::nullopt;
        ranges.push_back(std::move(*one));
    }
    if (ranges.size() < 2) return ranges.empty() ? std::nullopt : std::optional<Node>(ranges[0]);
    json::object either;
    either["boolop"] = "OR_EXPR";
    either["args"] = std::move(ranges);
    return make_node("BoolExpr", std::move(either));
}

}  // namespace

std::optional<Node> as_month_range(const Node& year, const Node& month, const Scope& scope) {
    const auto part = [&](const Node& condition, const char* unit) -> std::optional<std::pair<Node, long long>> {
        const auto* equal = fields_of(condition, "A_Expr");
        if (!equal || word(*equal, "kind") != "AEXPR_OP" || operator_of(condition) != "=") return std::nullopt;
        const Node& call = member(*equal, "lexpr");
        const auto name = function_of(call);
        const auto number = integer_of(member(*equal, "rexpr"));
        if ((name != "extract" && name != "date_part") || !number) return std::nullopt;
        const auto& arguments = list(*fields_of(call, "FuncCall"), "args");
        if (arguments.size() != 2 || string_of(arguments[0]) != unit) return std::nullopt;
        const auto use = scope.resolve(arguments[1]);
        if (!use || (use->column->type != kTimestamp && use->column->type != kTimestamptz)) return std::nullopt;
        return std::pair(arguments[1], *number);
    };
    const auto y = part(year, "year"), m = part(month, "month");
    if (!y || !m || to_sql(y->first) != to_sql(m->first) || y->second < 1000 || y->second > 9998 || m->second < 1 || m->second > 12) return std::nullopt;
    const Days first(std::chrono::year(static_cast<int>(y->second)) / static_cast<int>(m->second) / 1);
    return make_and({make_operation(">=", y->first, literal(first)), make_operation("<", y->first, literal(next(Unit::month, first)))});
}

std::optional<Node> as_date_range(const Node& condition, const Scope& scope) {
    const auto* expression = fields_of(condition, "A_Expr");
    if (!expression) return std::nullopt;
    const auto kind = word(*expression, "kind");
    const Node& left = member(*expression, "lexpr");
    const Node& right = member(*expression, "rexpr");
    if (kind == "AEXPR_BETWEEN") {
        const auto cut = cut_of(left, scope);
        const auto* both = fields_of(right, "List");
        if (!cut || !both || list(*both, "items").size() != 2) return std::nullopt;
        auto low = range(*cut, ">=", list(*both, "items")[0]), high = range(*cut, "<=", list(*both, "items")[1]);
        if (!low || !high) return std::nullopt;
        return make_and({std::move(*low), std::move(*high)});
    }
    if (kind == "AEXPR_IN" && operator_of(condition) == "=") return as_ranges(left, right, scope);
    if (kind != "AEXPR_OP") return std::nullopt;
    const std::string op = operator_of(condition);
    if (const auto cut = cut_of(left, scope)) return range(*cut, op, right);
    if (const auto cut = cut_of(right, scope)) {
        const std::string turned = op == "<" ? ">" : op == ">" ? "<" : op == "<=" ? ">=" : op == ">=" ? "<=" : op;
        return range(*cut, turned, left);
    }
    return std::nullopt;
}

}  // namespace larder::advisor
