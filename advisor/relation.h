// What the catalogue knows of one table: columns with their statistics, indexes, keys, how it is written.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "advisor/connection.h"

namespace larder::advisor {

struct Column {
    int number = 0;
    std::string name, quoted;       // quoted as SQL needs it
    unsigned type = 0, element_type = 0;
    std::string type_name;          // as format_type() writes it
    std::string base_type_name;     // of a domain: what it is a domain over
    char category = 'X';            // pg_type.typcategory: 'S' string, 'N' number, 'D' date and time, 'A' array, 'B' boolean, …
    bool is_not_null = false, is_range = false;
    bool has_statistics = false;
    double distinct = 0;            // a count, or a negated share of the rows, as pg_stats has it
    double correlation = 0, null_share = 0;
    int average_width = 8;
};

struct Index {
    std::string name, quoted, method, definition, predicate;
    bool is_valid = true, is_unique = false, is_primary = false, is_immediate = true, backs_constraint = false, has_expressions = false;
    std::vector<int> keys;          // column numbers in order, 0 for an expression; without INCLUDE columns
    std::vector<int> all_columns;   // with them
    std::string options;            // operator classes, collations and directions, to compare two indexes
    double scans = 0, bytes = 0;
};

struct ForeignKey {
    std::string name, table, referenced;
    std::vector<int> columns, referenced_columns;
};

struct Relation {
    unsigned oid = 0;
    std::string schema, name, quoted;  // quoted: with its schema unless the search path finds it without
    std::string full, prefix;          // always with its schema, and that schema with its dot: for what is run later, under another path
    char kind = 'r';                // 'r' table, 'p' partitioned, 'm' materialised view, …
    bool is_temporary = false, is_system = false;
    bool has_children = false;         // tables inherit from it: its keys and NOT NULLs do not hold for all that is read
    double rows = 0, pages = 0, visible_share = 0;  // rows -1: never analysed
    double changed_since_analyse = 0, updates = 0, inserts = 0, deletes = 0, dead_rows = 0, live_rows = 0;
    std::vector<unsigned> leaves;   // of a partitioned table: those that the plan reads
    std::vector<std::string> leaf_names;
    std::vector<double> leaf_pages;
    unsigned root = 0;              // of a partition: the partitioned table at the top
    std::vector<Column> columns;
    std::vector<Index> indexes;

    const Column* column(const std::string& name) const;
    const Column* column(int number) const;
    // A unique index, without predicate or expressions, over NOT NULL columns that are all among `numbers`.
    bool is_key(const std::vector<int>& numbers) const;
};

class Relations {
public:
    explicit Relations(Connection& connection) : connection_(connection) {}

    // Null if there is none, or it may not be seen. Kept until forget().
    Relation* find(const std::string& schema, const std::string& name);
    Relation* find(unsigned oid);
    void forget() { by_oid_.clear(), by_name_.clear(); }
    std::vector<ForeignKey> keys_that_reference(const Relation& relation);
    std::vector<ForeignKey> keys_of(const Relation& relation);

private:
    Relation* load(unsigned oid);
    void load_columns(Relation& relation);
    void load_indexes(Relation& relation);
    std::vector<ForeignKey> foreign_keys(const std::string& side, unsigned oid);
    Connection& connection_;
    std::map<unsigned, std::optional<Relation>> by_oid_;
    std::map<std::string, unsigned> by_name_;
};

}  // namespace larder::advisor
