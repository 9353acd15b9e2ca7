#include "sql/leaves_open.h"

#include <algorithm>
#include <array>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "sql/analyse.h"
#include "sql/tree.h"

namespace larder::sql {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 10> kOrderedAggregates = {
    "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "xmlagg", "mode", "array_cat", "range_agg"};
constexpr std::array<std::string_view, 2> kPicking = {"min", "max"};

template <std::size_t N>
bool is_among(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_rounding(std::string_view name) {
    constexpr std::array<std::string_view, 2> kPlain = {"sum", "avg"};
    constexpr std::array<std::string_view, 7> kPrefixes = {"stddev", "variance", "var_", "corr", "covar_", "regr_", "percentile_cont"};
    return is_among(kPlain, name) || std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](auto prefix) { return name.starts_with(prefix); });
}

// The last part of a name that is a list of strings.
std::string last_name(const json::value& list) {
    if (!list.is_array() || list.get_array().empty()) return {};
    const auto* last = list.get_array().back().if_object();
    const auto* text = last == nullptr ? nullptr : last->if_contains("String");
    const auto* fields = text == nullptr ? nullptr : text->if_object();
    if (fields == nullptr) return {};
    for (const auto& member : *fields) {
        if (member.value().is_string()) return std::string(member.value().get_string());
    }
    return {};
}

class Looker {
public:
    explicit Looker(LeftOpen& found) : found_(found) {}

    // The tree's depth is bounded by those who made it (kTreeDepthMax).
    void look(const json::value& node) {
        if (node.is_array()) {
            for (const auto& item : node.get_array()) look(item);
        } else if (node.is_object()) {
            for (const auto& member : node.get_object()) {
                if (member.value().is_object()) see(member.key(), member.value().get_object());
                look(member.value());
            }
        }
    }

private:
    void see(std::string_view type, const json::object& node) {
        // The arms of a set operation stand under "larg" and "rarg" without the name of their type.
        if (type == "SelectStmt" || type == "larg" || type == "rarg")
            see_select(node);
        else if (type == "FuncCall")
            see_call(node);
        else if (type == "TypeCast")
            found_.has_casts = true;
    }

    void see_select(const json::object& node) {
        if (node.contains("limitCount") || node.contains("limitOffset")) is_open(Open::limit);
        if (const auto* distinct = node.if_contains("distinctClause"); distinct != nullptr && distinct->is_array()) {
            found_.merges_equals = true;
            // DISTINCT without ON is a list of one that is nothing.
            const auto& first = distinct->get_array().front();
            if (first.is_object() && !first.get_object().empty()) is_open(Open::distinct_on);
        }
        const auto* operation = node.if_contains("op");
        const bool is_set_operation = operation != nullptr && operation->is_string() && operation->get_string() != "SETOP_NONE";
        if (node.contains("groupClause") || is_set_operation) found_.merges_equals = true;
    }

    void see_call(const json::object& node) {
        const auto* names = node.if_contains("funcname");
        auto name = names == nullptr ? std::string() : last_name(*names);
        if (node.contains("over")) is_open(Open::window);
        if (is_among(kOrderedAggregates, name)) is_open(Open::ordered_value);
        found_.merges_equals |= is_among(kPicking, name);
        found_.may_round |= is_rounding(name);
        if (std::find(found_.functions.begin(), found_.functions.end(), name) == found_.functions.end())
            found_.functions.push_back(std::move(name));
    }

    void is_open(Open open) {
        if (found_.open == Open::none || open < found_.open) found_.open = open;
    }

    LeftOpen& found_;
};

}  // namespace

std::string_view name(Open open) {
    constexpr std::array<std::string_view, 7> kNames = {"none",   "not_understood", "limit",        "distinct_on",
                                                        "window", "ordered_value",  "system_column"};
    return kNames[static_cast<std::size_t>(open)];
}

LeftOpen left_open(Bytes text) {
    LeftOpen found;
    const auto facts = analyse(text);
    const auto tree = facts.is_single() && facts.statements.front().kind == Kind::select && facts.statements.front().understood
                          ? parse_tree(text)
                          : Tree{};
    if (tree.root.is_null()) {
        found.open = Open::not_understood;
        return found;
    }
    Looker(found).look(tree.root);
    if (found.open == Open::none && facts.statements.front().system_columns) found.open = Open::system_column;
    return found;
}

}  // namespace larder::sql
