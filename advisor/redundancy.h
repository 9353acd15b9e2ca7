// Indexes that are not needed, and those that foreign keys lack: told by the catalogue alone.
#pragma once

#include <string>
#include <vector>

#include "advisor/index_spec.h"
#include "advisor/relation.h"

namespace larder::advisor {

struct SpareIndex {
    std::string name, quoted, definition, why;  // quoted: with its schema
};

// Invalid ones, exact doubles, and leading parts of others. What enforces a constraint or is a part of one is never named.
std::vector<SpareIndex> redundant_indexes(const Relation& relation);

// Those that were never scanned though the table's others were often since the statistics began; none that enforces anything.
std::vector<SpareIndex> unused_indexes(const Relation& relation);

struct UnservedKey {
    std::string name;    // the foreign key's
    IndexSpec index;     // on the referencing table
};

// Foreign keys that reference the table, whose own columns begin no valid index.
std::vector<UnservedKey> keys_without_index(const Relation& referenced, Relations& relations);
// Foreign keys that the table itself has, without an index.
std::vector<UnservedKey> own_keys_without_index(const Relation& relation, Relations& relations);

}  // namespace larder::advisor
