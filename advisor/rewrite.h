// Other forms of a statement that give the same rows, by rules whose conditions hold in the catalogue; and only such.
//
// The rules are named as in docs/advisor.md. Whether a form is cheaper is not asked here: that is tried (case.h).
// Threads: one. No rule may assume what the catalogue does not say: unsure means no rewrite.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "advisor/node.h"
#include "advisor/relation.h"
#include "advisor/scope.h"

namespace larder::advisor {

struct Rewritten {
    std::string sql;
    std::string why;   // sentences: which rules, and what makes them hold
};

struct RewriteContext {
    Relations& relations;
    Connection& connection;
    std::set<std::string> ctes;

    // Does it call a function that may give another value each time, or one that is not known?
    bool is_volatile(const Node& node);
};

// All forms that differ from the statement: the conditions put right, each change of structure, and all of them together.
std::vector<Rewritten> rewrites(const Node& tree, Relations& relations, Connection& connection);

// The rules by file. Each changes what it can and says why; "" if it found nothing.
std::string put_conditions_right(Node& tree, RewriteContext& context);       // rewrite_conditions.cpp
// One condition on a date part of a column as a range of the column; nothing if it is none. rewrite_dates.cpp
std::optional<Node> as_date_range(const Node& condition, const Scope& scope);
// Two conditions of an AND, one on a column's year and one on its month, as one range.
std::optional<Node> as_month_range(const Node& year, const Node& month, const Scope& scope);
// A sum of a column of time and an interval, or the time passed since the column, as a comparison of the column. rewrite_intervals.cpp
std::optional<Node> as_moved_interval(const Node& condition, const Scope& scope);
// What a constant, a parameter or an expression of the clock is, where that is plain: `none` if not, `untyped` if what it stands beside decides.
enum class ClockType { none, untyped, date, timestamp, timestamptz };
ClockType clock_type(const Node& node);
using SelectRule = std::string (*)(boost::json::object& select, RewriteContext& context);
std::string not_in_as_not_exists(boost::json::object& select, RewriteContext& context);   // rewrite_sublinks.cpp
std::string count_as_exists(boost::json::object& select, RewriteContext& context);
std::string scalar_as_join(boost::json::object& select, RewriteContext& context);
std::string newest_as_rank(boost::json::object& select, RewriteContext& context);
std::string distinct_dropped(boost::json::object& select, RewriteContext& context);       // rewrite_sets.cpp
std::string distinct_as_exists(boost::json::object& select, RewriteContext& context);
std::string union_as_union_all(boost::json::object& select, RewriteContext& context);
std::string or_as_union(boost::json::object& select, RewriteContext& context);
std::string materialized_inlined(boost::json::object& select, RewriteContext& context);

// Calls `change` for each SELECT of the tree, inner ones first; true if any call was.
bool for_each_select(Node& node, const std::function<bool(boost::json::object&)>& change);

}  // namespace larder::advisor
