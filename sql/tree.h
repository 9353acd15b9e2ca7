// A statement's parse tree as JSON, and back: for those who look at statements at leisure and write other ones (the advisor).
// The proxy's own path never makes a tree; it uses sql/analyse.h.
//
// The JSON is libpg_query's: {"stmts": [{"stmt": {"SelectStmt": {…}}}]}, where a node is an object with one member named after
// its type, and what has its default value (false, 0, empty) is left out.
//
// Threads: any. Errors: as told; no exceptions but std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>

#include <boost/json/value.hpp>

#include "base/bytes.h"

namespace larder::sql {

struct Tree {
    boost::json::value root;  // null if the text cannot be parsed or is too deep
    std::string why_not;
};

Tree parse_tree(Bytes text);

// Statements of every kind, also those that are not looked into, as long as the text is short: so few bytes cannot nest deep enough to
// use up a stack.
inline constexpr std::size_t kShortTextBytesMax = 4096;
Tree parse_short_tree(Bytes text);

// The SQL of a tree like parse_tree's, edited or not. Empty if it holds a node, a member or a value that libpg_query does not know.
std::string deparse_tree(const boost::json::value& root);

}  // namespace larder::sql
