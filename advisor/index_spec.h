// An index that could be made: its parts, its statement, its kind.
#pragma once

#include <string>
#include <vector>

#include "advisor/relation.h"

namespace larder::advisor {

struct IndexKey {
    std::string subject;              // SQL of a column or an expression
    int column = 0;                   // 0: an expression
    std::string operator_class;       // empty: the type's default
    bool descending = false, nulls_first = false;

    bool operator==(const IndexKey&) const = default;
};

struct IndexSpec {
    const Relation* relation = nullptr;
    std::string method = "btree";
    std::vector<IndexKey> keys;
    std::vector<std::string> include;  // quoted column names
    std::string where;                 // a partial index's predicate
    bool is_there = false;             // an index begins like this: only to be widened
    bool gives_order = false;          // that of a limited statement, after all its equalities
    std::string extension;             // that has to be made first
    std::string kind_hint;             // gin_fts, gin_jsonb, gin_array, gin_trgm, gist; empty: told by the parts

    // What HypoPG is asked to make instead of an index it does not know: a B-tree that finds the same rows. Empty: the index itself.
    // "%" stands for the table's name.
    std::string stand_in;
    double extra_cost = 0;             // that the real index costs more than the stand-in, per scan

    // For the cost formulas, where there is no planner to ask: what the index finds of the table, whether it is entered by a join,
    // whether it gives the wanted order, and how many rows one entry of the join finds.
    struct Use {
        bool is_known = false, is_selective = false, is_join = false, is_ordered = false;
        double rows = 0, rows_per_join = 1;
        std::string condition;         // that it serves
    } use;

    // The statement's part after "CREATE INDEX name ON ".
    std::string definition(const std::string& table) const;
    // What makes two specs of one connection the same.
    std::string signature() const { return definition(relation->quoted); }
    std::string hypothetical(const std::string& table) const;
    // A name that says what it is for, at most 63 bytes, and not one of the table's own indexes.
    std::string name() const;
    std::string undo() const;
    std::string kind() const;
    // A predicate on a value that another statement may ask for otherwise is heavy, unless the table is written a lot.
    bool names_a_value = false;
    // How much there is to keep up to date: of two that serve alike, the lighter one is the better.
    int weight() const;
    // CREATE INDEX, as it may also stand in a transaction.
    std::string ddl() const;
    // The same without locking writers out; partitioned tables do not know it.
    std::string concurrent_ddl() const;
};

bool starts_like(const Index& index, const IndexSpec& spec);  // is the spec a leading part of an index that is there?

}  // namespace larder::advisor
