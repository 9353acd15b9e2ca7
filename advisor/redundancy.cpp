#include "advisor/redundancy.h"

#include <algorithm>

namespace larder::advisor {

namespace {

// Fewer scans of all of a table's indexes say nothing about the one that had none.
constexpr double kScansMin = 1000;

// What comes after "ON", which two doubles have in common whatever their names are.
std::string shape(const Index& index) {
    const auto on = index.definition.find(" ON ");
    return on == std::string::npos ? index.definition : index.definition.substr(on);
}

// "1 2/3 4/5": the first `count` entries of each list.
std::vector<std::string> options_of(const Index& index, std::size_t count) {
    std::vector<std::string> found;
    std::string word;
    std::size_t in_list = 0;
    for (const char c : index.options + "/") {
        if (c == ' ' || c == '/') {
            if (in_list++ < count) found.push_back(word);
            word.clear();
            if (c == '/') in_list = 0, found.emplace_back("/");
        } else {
            word += c;
        }
    }
    return found;
}

bool is_leading_part(const Index& part, const Index& whole) {
    if (part.is_unique || part.method != whole.method || part.method != "btree" || part.predicate != whole.predicate || part.has_expressions || whole.has_expressions) return false;
    if (part.keys.size() >= whole.keys.size() || part.all_columns.size() != part.keys.size()) return false;
    const bool same_keys = std::equal(part.keys.begin(), part.keys.end(), whole.keys.begin());
    return same_keys && options_of(part, part.keys.size()) == options_of(whole, part.keys.size());
}

IndexSpec spec_of(const Relation& relation, const std::vector<int>& columns) {
    IndexSpec spec;
    spec.relation = &relation;
    for (const int number : columns) {
        if (const Column* column = relation.column(number)) spec.keys.push_back({column->quoted, number, {}, false, false});
    }
    return spec;
}

bool has_index(const Relation& relation, const std::vector<int>& columns) {
    return std::any_of(relation.indexes.begin(), relation.indexes.end(), [&](const Index& index) {
        if (!index.is_valid || index.method != "btree" || !index.predicate.empty() || index.keys.size() < columns.size()) return false;
        return std::is_permutation(columns.begin(), columns.end(), index.keys.begin());
    });
}

std::vector<UnservedKey> unserved(const std::vector<ForeignKey>& keys, Relations& relations) {
    std::vector<UnservedKey> found;
    for (const auto& key : keys) {
        const Relation* table = relations.find(static_cast<unsigned>(std::stoul(key.table)));
        if (table && !has_index(*table, key.columns)) found.push_back({key.name, spec_of(*table, key.columns)});
    }
    return found;
}

}  // namespace

std::vector<SpareIndex> redundant_indexes(const Relation& relation) {
    std::vector<SpareIndex> found;
    std::vector<const Index*> kept;
    for (const Index& index : relation.indexes) {
        if (index.backs_constraint) kept.push_back(&index);
    }
    for (const Index& index : relation.indexes) {
        if (index.backs_constraint) continue;
        const std::string name = relation.prefix + index.quoted;
        if (!index.is_valid) {
            found.push_back({index.name, name, index.definition, "The index " + index.name + " is invalid: no query uses it."});
            continue;
        }
        const auto same = std::find_if(kept.begin(), kept.end(), [&](const Index* other) {
            return shape(*other) == shape(index) && other->is_unique >= index.is_unique;
        });
        const auto longer = std::find_if(relation.indexes.begin(), relation.indexes.end(), [&](const Index& other) { return other.is_valid && is_leading_part(index, other); });
        if (same != kept.end()) found.push_back({index.name, name, index.definition, "The index " + index.name + " is the same as " + (*same)->name + "."});
        else if (longer != relation.indexes.end()) found.push_back({index.name, name, index.definition, "The index " + index.name + " is the leading part of " + longer->name + "."});
        else kept.push_back(&index);
    }
    return found;
}

std::vector<SpareIndex> unused_indexes(const Relation& relation) {
    double scans = 0;
    for (const Index& index : relation.indexes) scans += index.scans;
    std::vector<SpareIndex> found;
    if (scans < kScansMin) return found;
    const auto redundant = redundant_indexes(relation);
    for (const Index& index : relation.indexes) {
        const bool is_named = std::any_of(redundant.begin(), redundant.end(), [&](const SpareIndex& spare) { return spare.name == index.name; });
        if (index.scans > 0 || index.backs_constraint || index.is_unique || !index.is_valid || is_named) continue;
        found.push_back({index.name, relation.prefix + index.quoted, index.definition,
                         "The index " + index.name + " was never scanned since the statistics began, nor do these statements use it; it is " +
                             std::to_string(static_cast<long long>(index.bytes / 1024)) + " kB large and every write keeps it up to date."});
    }
    return found;
}

std::vector<UnservedKey> keys_without_index(const Relation& referenced, Relations& relations) { return unserved(relations.keys_that_reference(referenced), relations); }
std::vector<UnservedKey> own_keys_without_index(const Relation& relation, Relations& relations) { return unserved(relations.keys_of(relation), relations); }

}  // namespace larder::advisor
