// How one statement uses one table: the conditions on it, the orders wanted of it, the columns needed.
//
// Taken from a plan in which no index is used, so that every condition stands in a filter or a join condition and every order
// in a sort. The plan sees through views, CTEs and sublinks, and its text carries types, so that operators are those of the server.
//
// Threads: any.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "advisor/node.h"
#include "advisor/plan.h"
#include "advisor/relation.h"

namespace larder::advisor {

enum class AtomKind {
    equality,   // subject = other
    any_of,     // subject = ANY (array)
    range,      // subject < other, …
    prefix,     // subject LIKE 'abc%'
    null_test,  // subject IS [NOT] NULL
    truth,      // a boolean column, or its opposite
    search,     // any other operator: what can serve it is a question to the catalogue
    opaque,     // nothing can serve it but a partial index
};

// One condition that all rows must meet, seen from one table: subject is this table's side.
struct Atom {
    AtomKind kind = AtomKind::opaque;
    std::string subject;          // SQL, columns without the table's name
    int column = 0;               // the subject's number if it is a plain column
    std::string op;
    std::string text;             // the whole condition; empty if it names another table
    Node other;
    bool is_join = false;         // the other side names another table, or comes from a query
    bool is_constant = false;     // … or is a constant
    double rows = -1;             // that meet it alone, by the planner's estimate; -1: not asked
};

struct SortColumn {
    std::string subject;
    int column = 0;
    bool descending = false, nulls_first = false;
    std::string distance;         // ORDER BY subject <distance operator> constant: the operator
    std::string whole;            // … and the whole expression
};

struct SortUse {
    std::vector<SortColumn> columns;
    bool is_whole = true;         // false: further keys come from elsewhere
    bool is_limited = false;      // a LIMIT stands above
    bool is_grouping = false;     // any order of these columns will do
};

struct TableUse {
    Relation* relation = nullptr;              // a partitioned table stands for its partitions
    std::set<std::string> aliases;
    std::vector<Atom> atoms;
    std::vector<std::vector<std::vector<Atom>>> alternatives;  // per OR its arms, each a list of atoms
    std::vector<SortUse> sorts;
    std::set<int> needed;                      // column numbers
    bool needs_all = false;                    // a whole row is used
    double rows = 0;                           // that meet the conditions on this table alone, by the planner's estimate
};

std::vector<TableUse> table_uses(const PlanNode& plan, Relations& relations);

}  // namespace larder::advisor
