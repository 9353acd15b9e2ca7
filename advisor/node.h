// Small helpers for libpg_query's trees (sql/tree.h): finding, naming, copying and writing back parts of an expression.
//
// A node is an object with one member: its type's name and its fields. Nothing here throws on a tree of another shape: what is
// not there is null, empty or false.
// Threads: any.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace larder::advisor {

using Node = boost::json::value;

// The node's type, "" if it is none.
std::string_view type_of(const Node& node);
// The fields of a node of this type; null if it is of another.
const boost::json::object* fields_of(const Node& node, std::string_view type);
boost::json::object* fields_of(Node& node, std::string_view type);

const Node& member(const boost::json::object& fields, std::string_view name);  // a null node if it is not there
const boost::json::array& list(const boost::json::object& fields, std::string_view name);  // an empty one if it is not there
std::string_view word(const boost::json::object& fields, std::string_view name);  // "" if it is not there
bool flag(const boost::json::object& fields, std::string_view name);

// {"o", "status"} of a column; a star is "*". Empty if it is not a column.
std::vector<std::string> column_path(const Node& node);
// The last name of a list of String nodes: an operator's, a function's, a type's.
std::string last_name(const boost::json::array& names);
std::string operator_of(const Node& node);          // of an A_Expr
std::string function_of(const Node& node);          // of a FuncCall, without its schema
std::string cast_type(const Node& node);            // of a TypeCast, without its schema
// An integer constant; a cast around it does not matter.
std::optional<long long> integer_of(const Node& node);
// A string constant, without casts around it.
std::optional<std::string> string_of(const Node& node);
const Node& without_casts(const Node& node);
bool is_null_constant(const Node& node);

// Calls `visit` for each node of the tree, parents first; a false answer leaves out what is below.
void visit_nodes(const Node& node, const std::function<bool(const Node&)>& visit);
bool contains(const Node& node, std::string_view type);
// Calls `change` for each node of an expression, parents first; what it changed (true) is not entered, nor is a query inside.
bool change_nodes(Node& node, const std::function<bool(Node&)>& change);
// A constant, a parameter or an expression of such: no column, no query, no SubPlan of a plan's text.
bool is_free_of_columns(const Node& node);

Node make_node(std::string_view type, boost::json::object fields);
Node make_string(std::string_view text);            // the String node of a name
Node make_column(const std::vector<std::string>& path);
Node make_operation(std::string_view op, Node left, Node right);
Node make_and(std::vector<Node> conditions);        // one condition stays as it is
std::vector<Node> conjuncts(const Node& condition); // AND taken apart

// From text and back. Nothing, or "", if it cannot be done. What is written is read again, and thrown away if it reads otherwise.
std::optional<Node> parse_expression(std::string_view text);
std::optional<Node> parse_sort_key(std::string_view text);  // a SortBy
std::string to_sql(const Node& expression);
std::optional<boost::json::object> parse_select(std::string_view text);  // the fields of its SelectStmt
std::string tree_sql(const Node& root);              // of a whole statement's tree
std::string short_tree_sql(const Node& root);        // the same of any kind of statement (sql::parse_short_tree)
std::string select_sql(const boost::json::object& select);
// The same with the relation's name taken off each column.
Node unqualified(Node expression);

}  // namespace larder::advisor
