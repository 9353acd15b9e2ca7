#include <charconv>
#include <map>

#include "advisor/rewrite.h"

// A column of time with an interval added, or subtracted from the clock, hides from its index; the bare column beside the shifted
// bound does not. Only intervals that are one length whatever the day: hours and less, and days where no time zone is in play. A
// difference of two times compares as a length, in which PostgreSQL counts a day as 24 hours and a month as 30 days.

namespace larder::advisor {

namespace {

constexpr unsigned kTimestamp = 1114, kTimestamptz = 1184;
constexpr long long kDay = 86'400;

struct Length {
    long long months = 0, days = 0, seconds = 0;
    long long all_seconds() const { return (months * 30 + days) * kDay + seconds; }
};

bool add_unit(Length& length, long long count, std::string unit) {
    static const std::map<std::string, std::pair<char, int>> kUnits = {{"second", {'s', 1}}, {"sec", {'s', 1}}, {"minute", {'s', 60}}, {"min", {'s', 60}}, {"hour", {'s', 3600}},
                                                                     {"hr", {'s', 3600}}, {"day", {'d', 1}}, {"week", {'d', 7}}, {"month", {'m', 1}}, {"mon", {'m', 1}}, {"year", {'m', 12}}};
    if (unit.size() > 3 && unit.back() == 's') unit.pop_back();
    const auto found = kUnits.find(unit);
    if (found == kUnits.end()) return false;
    long long& part = found->second.first == 's' ? length.seconds : found->second.first == 'd' ? length.days : length.months;
    part += count * found->second.second;
    return true;
}

// "1 day", "2 hours 30 minutes": whole numbers with their units, and nothing else.
std::optional<Length> length_of_text(std::string_view text) {
    Length length;
    bool is_empty = true;
    const auto skip = [&] { while (!text.empty() && text.front() == ' ') text.remove_prefix(1); };
    for (skip(); !text.empty(); skip(), is_empty = false) {
        long long count = 0;
        const auto end = std::from_chars(text.data(), text.data() + text.size(), count);
        if (end.ec != std::errc() || std::abs(count) > 100'000'000) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end.ptr - text.data()));
        skip();
        const auto letters = std::min(text.find(' '), text.size());
        if (!add_unit(length, count, std::string(text.substr(0, letters)))) return std::nullopt;
        text.remove_prefix(letters);
    }
    return is_empty ? std::nullopt : std::optional(length);
}

std::optional<Length> interval_of(const Node& node) {
    const auto* cast = fields_of(node, "TypeCast");
    const auto text = cast && cast_type(node) == "interval" ? string_of(member(*cast, "arg")) : std::nullopt;
    if (text && list(member(*cast, "typeName").get_object(), "typmods").empty()) return length_of_text(*text);
    const auto* product = operator_of(node) == "*" ? fields_of(node, "A_Expr") : nullptr;
    if (!product) return std::nullopt;
    for (const auto& [left, right] : {std::pair("lexpr", "rexpr"), std::pair("rexpr", "lexpr")}) {
        const auto count = integer_of(member(*product, left));
        const auto one = interval_of(member(*product, right));
        if (!count || !one || std::abs(*count) > 1'000'000 || type_of(member(*product, left)) != "A_Const") continue;
        return Length{one->months * *count, one->days * *count, one->seconds * *count};
    }
    return std::nullopt;
}

// A whole number of seconds, also as "24 * 60 * 60".
std::optional<long long> seconds_of(const Node& node) {
    if (type_of(node) == "A_Const" && !string_of(node)) return integer_of(node);
    const auto* product = operator_of(node) == "*" ? fields_of(node, "A_Expr") : nullptr;
    const auto left = product ? seconds_of(member(*product, "lexpr")) : std::nullopt, right = product ? seconds_of(member(*product, "rexpr")) : std::nullopt;
    if (!left || !right || std::abs(*left) > 1'000'000 || std::abs(*right) > 1'000'000) return std::nullopt;
    return *left * *right;
}

Node interval(long long seconds) {
    const bool is_hours = seconds % 3600 == 0;
    return *parse_expression("interval '" + std::to_string(is_hours ? seconds / 3600 : seconds) + (is_hours ? " hours'" : " seconds'"));
}

std::string turned(const std::string& op) {
    return op == "<" ? ">" : op == ">" ? "<" : op == "<=" ? ">=" : op == ">=" ? "<=" : op;
}

// The bound as a value of the column's type; nothing if that could be another moment than the comparison took it for.
std::optional<Node> bound(const Node& time, const Column& column, bool may_be_untyped) {
    const auto type = clock_type(time);
    const bool is_zoned = column.type == kTimestamptz;
    if (type == ClockType::none || (type == ClockType::untyped && !may_be_untyped) || (type == ClockType::timestamptz && !is_zoned) || (type == ClockType::timestamp && is_zoned)) return std::nullopt;
    if (type == ClockType::timestamptz || type == ClockType::timestamp) return time;
    return parse_expression("(" + to_sql(time) + ")::" + (is_zoned ? "timestamptz" : "timestamp"));
}

const Column* time_column(const Node& node, const Scope& scope) {
    const auto use = scope.resolve(node);
    return use && (use->column->type == kTimestamp || use->column->type == kTimestamptz) ? use->column : nullptr;
}

// col + interval op time
std::optional<Node> from_sum(const Node& sum, const std::string& op, const Node& time, const Scope& scope) {
    const auto& fields = *fields_of(sum, "A_Expr");
    const std::string sign = operator_of(sum);
    const Node *column = &member(fields, "lexpr"), *added = &member(fields, "rexpr");
    if (sign == "+" && !time_column(*column, scope)) std::swap(column, added);
    const auto* known = time_column(*column, scope);
    const auto length = known ? interval_of(*added) : std::nullopt;
    if (!length || length->months != 0 || (length->days != 0 && known->type == kTimestamptz)) return std::nullopt;
    auto moved = bound(time, *known, true);
    if (!moved) return std::nullopt;
    return make_operation(op, *column, make_operation(sign == "+" ? "-" : "+", std::move(*moved), interval(length->all_seconds())));
}

// time - col op length, col - time op length
std::optional<Node> from_difference(const Node& difference, const std::string& op, long long seconds, const Scope& scope) {
    const auto* fields = operator_of(difference) == "-" ? fields_of(difference, "A_Expr") : nullptr;
    if (!fields) return std::nullopt;
    const Node &left = member(*fields, "lexpr"), &right = member(*fields, "rexpr");
    const auto *first = time_column(left, scope), *second = time_column(right, scope);
    if ((first == nullptr) == (second == nullptr)) return std::nullopt;
    auto time = bound(first ? right : left, first ? *first : *second, false);
    if (!time) return std::nullopt;
    if (first) return make_operation(op, left, make_operation("+", std::move(*time), interval(seconds)));
    return make_operation(turned(op), right, make_operation("-", std::move(*time), interval(seconds)));
}

std::optional<Node> moved(const Node& side, const std::string& op, const Node& other, const Scope& scope) {
    if (function_of(side) == "extract" || function_of(side) == "date_part") {
        const auto& arguments = list(*fields_of(side, "FuncCall"), "args");
        const auto seconds = seconds_of(other);
        if (arguments.size() != 2 || string_of(arguments[0]) != "epoch" || !seconds) return std::nullopt;
        return from_difference(arguments[1], op, *seconds, scope);
    }
    const std::string sign = operator_of(side);
    if (sign != "+" && sign != "-") return std::nullopt;
    if (const auto length = interval_of(other)) return from_difference(side, op, length->all_seconds(), scope);
    return from_sum(side, op, other, scope);
}

}  // namespace

ClockType clock_type(const Node& node) {
    static const std::map<std::string, ClockType> kCasts = {{"timestamptz", ClockType::timestamptz}, {"timestamp", ClockType::timestamp}, {"date", ClockType::date}};
    if (!is_free_of_columns(node)) return ClockType::none;
    if (type_of(node) == "ParamRef" || string_of(node)) {
        const auto cast = kCasts.find(cast_type(node));
        return cast != kCasts.end() ? cast->second : type_of(node) == "TypeCast" ? ClockType::none : ClockType::untyped;
    }
    if (const auto* cast = fields_of(node, "TypeCast")) {
        const auto found = kCasts.find(cast_type(node));
        const Node& inner = member(*cast, "arg");
        return found != kCasts.end() && clock_type(inner) != ClockType::none ? found->second : ClockType::none;
    }
    if (const auto* value = fields_of(node, "SQLValueFunction")) {
        const auto op = word(*value, "op");
        return op == "SVFOP_CURRENT_TIMESTAMP" ? ClockType::timestamptz : op == "SVFOP_CURRENT_DATE" ? ClockType::date : op == "SVFOP_LOCALTIMESTAMP" ? ClockType::timestamp : ClockType::none;
    }
    const auto name = function_of(node);
    if (name == "now" || name == "transaction_timestamp" || name == "statement_timestamp") return ClockType::timestamptz;
    if (name == "date" && list(*fields_of(node, "FuncCall"), "args").size() == 1) {
        return clock_type(list(*fields_of(node, "FuncCall"), "args")[0]) == ClockType::none ? ClockType::none : ClockType::date;
    }
    if (name == "date_trunc") {
        const auto& arguments = list(*fields_of(node, "FuncCall"), "args");
        const auto type = arguments.size() == 2 && string_of(arguments[0]) ? clock_type(arguments[1]) : ClockType::none;
        return type == ClockType::date ? ClockType::timestamptz : type == ClockType::untyped ? ClockType::none : type;
    }
    if (const auto* sum = fields_of(node, "A_Expr"); sum && (operator_of(node) == "+" || operator_of(node) == "-")) {
        const auto type = clock_type(member(*sum, "lexpr"));
        const Node& added = member(*sum, "rexpr");
        if (type == ClockType::date) return type_of(added) == "A_Const" && integer_of(added) && !string_of(added) ? type : ClockType::none;
        return cast_type(added) == "interval" && string_of(added) && type != ClockType::untyped ? type : ClockType::none;
    }
    return ClockType::none;
}

std::optional<Node> as_moved_interval(const Node& condition, const Scope& scope) {
    const auto* expression = fields_of(condition, "A_Expr");
    if (!expression || word(*expression, "kind") != "AEXPR_OP") return std::nullopt;
    const std::string op = operator_of(condition);
    if (op != "=" && op != "<" && op != "<=" && op != ">" && op != ">=") return std::nullopt;
    const Node &left = member(*expression, "lexpr"), &right = member(*expression, "rexpr");
    if (auto better = moved(left, op, right, scope)) return better;
    return moved(right, turned(op), left, scope);
}

}  // namespace larder::advisor
