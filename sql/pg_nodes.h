// PostgreSQL's raw parse tree, as C++ of this folder sees it. Private: only .cpp files of sql/ may include it, last.
//
// The structs come from the server headers of PostgreSQL 15 and are filled in by libpg_query (15.1). Three traps:
// - The headers define macros with everyday names (snprintf, Min, Assert, _); the worst are taken back below.
// - The library's CurrentMemoryContext, PG_exception_stack and the like are thread local, the headers declare plain
//   globals: nothing that touches them may be used here (palloc, PG_TRY, makeNode, lappend, elog).
// - The library numbers LimitOption differently from the headers: never read limitOption.
// tests/unit/sql/layout_test.cpp reads one statement per struct: there structs and library show that they agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

extern "C" {
#include <postgres.h>

#include <nodes/parsenodes.h>
#include <storage/lockdefs.h>

#include <pg_query.h>
#include <pg_query/pg_query_internal.h>
}

#undef _
#undef Abs
#undef Assert
#undef DEBUG
#undef Max
#undef Min
#undef fprintf
#undef gettext
#undef printf
#undef snprintf
#undef sprintf
#undef strerror
#undef strerror_r
#undef vfprintf
#undef vprintf
#undef vsnprintf
#undef vsprintf

namespace larder::sql {

// The cells of a list; a list that is not there (NIL) has none.
inline std::span<const ListCell> cells(const List* list) {
    return list ? std::span<const ListCell>(list->elements, static_cast<std::size_t>(list->length)) : std::span<const ListCell>();
}

inline const Node* node_of(const ListCell& cell) { return static_cast<const Node*>(cell.ptr_value); }

inline bool is(const Node* node, NodeTag tag) { return node && node->type == tag; }

// The node as the struct that its tag says. The caller has looked at the tag.
template <class T>
const T& as(const Node* node) {
    return *reinterpret_cast<const T*>(node);
}

inline const Node* as_node(const void* node) { return static_cast<const Node*>(node); }

inline std::string_view text_of(const char* text) { return text ? std::string_view(text) : std::string_view(); }

// The text of a String node, empty for any other.
inline std::string_view string_of(const Node* node) { return is(node, T_String) ? text_of(as<String>(node).sval) : std::string_view(); }

}  // namespace larder::sql
