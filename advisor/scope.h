// What the names in one SELECT mean: its FROM items and their columns.
//
// Unsure means unknown: a name that a subquery, a CTE or a function might own resolves to nothing.
// Threads: one (asks the catalogue).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "advisor/node.h"
#include "advisor/relation.h"

namespace larder::advisor {

struct FromItem {
    std::string name;              // what qualifies its columns
    Relation* relation = nullptr;  // null: a subquery, a CTE, a function
    bool is_nullable = false;      // on the nullable side of an outer join
};

struct ColumnUse {
    std::size_t item = 0;
    const Column* column = nullptr;
};

class Scope {
public:
    // `ctes`: names that are no tables here.
    Scope(const boost::json::object& select, const std::set<std::string>& ctes, Relations& relations);

    const std::vector<FromItem>& items() const { return items_; }
    // All joins are inner (or commas) with ON, none with USING or NATURAL.
    bool is_plain() const { return is_plain_; }
    bool is_known() const;                           // every item is a relation
    std::optional<ColumnUse> resolve(const Node& node) const;  // of a ColumnRef
    bool may_name(const Node& node) const;           // false only if the column cannot be one of these items
    bool is_not_null(const Node& node) const;
    // Which items an expression names; nothing if a column in it does not resolve, or it holds a query.
    std::optional<std::set<std::size_t>> items_named(const Node& expression) const;
    // The column with its item's name.
    Node qualified(const ColumnUse& use) const { return make_column({items_[use.item].name, use.column->name}); }
    // WHERE and the ON conditions of inner joins, taken apart.
    const std::vector<Node>& conditions() const { return conditions_; }
    // Items of which the rows with these columns known are at most one each: closed under equalities on unique keys.
    std::set<std::size_t> determined_by(const std::vector<ColumnUse>& known) const;

private:
    void add(const Node& from, bool is_nullable, const std::set<std::string>& ctes, Relations& relations);
    void add_relation(const boost::json::object& range, bool is_nullable, const std::set<std::string>& ctes, Relations& relations);
    void add_join(const boost::json::object& join, bool is_nullable, const std::set<std::string>& ctes, Relations& relations);
    std::vector<FromItem> items_;
    std::vector<Node> conditions_, outer_conditions_;
    bool is_plain_ = true;
};

// The names that the statement's WITH clauses define, anywhere in it.
std::set<std::string> cte_names(const Node& tree);

// A SELECT without set operation, grouping, aggregate, window, DISTINCT, LIMIT or locking.
bool is_simple_select(const boost::json::object& select);
bool has_aggregate(const boost::json::object& select);
// The columns of the target list that are plain columns of the scope, and whether all of them are.
std::vector<ColumnUse> target_columns(const boost::json::object& select, const Scope& scope);
bool has_star(const boost::json::object& select);

}  // namespace larder::advisor
