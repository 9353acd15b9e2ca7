// Which sets of columns of a table have counters per value: its unique indexes first, then the columns that other indexes
// begin with, since reads are likely to compare those with constants. Nothing depends on an index that is not unique.
#include <algorithm>

#include "rules/catalogue_builder.h"

namespace larder::rules {

namespace {

constexpr int kVarcharHeader = 4;  // what PostgreSQL adds to n in the type modifier of varchar(n)
constexpr Oid kVarcharOid = 1043;

Column column_of(const ColumnRow& row) {
    Column column;
    column.name = row.name;
    if (row.is_generated || !row.is_deterministic) return column;
    column.type = key_type(row.type);
    if (row.type == kVarcharOid && row.type_modifier >= kVarcharHeader) column.bytes_max = row.type_modifier - kVarcharHeader;
    return column;
}

// Empty: not all of them can be columns of a key.
std::vector<std::size_t> columns_of(const Relation& relation, const IndexRow& index) {
    std::vector<std::size_t> columns;
    for (const auto& name : index.columns) {
        const auto at = relation.column_named(name);
        if (!at || relation.columns[*at].type == KeyType::none) return {};
        columns.push_back(*at);
    }
    std::sort(columns.begin(), columns.end());
    columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
    return columns.size() > kKeyColumnsMax ? std::vector<std::size_t>{} : columns;
}

Key* key_over(Relation& relation, const std::vector<std::size_t>& columns) {
    const auto found = std::find_if(relation.keys.begin(), relation.keys.end(), [&](const Key& key) { return key.columns == columns; });
    return found == relation.keys.end() ? nullptr : &*found;
}

void add_key(Relation& relation, const IndexRow& index) {
    auto columns = columns_of(relation, index);
    if (columns.empty() || relation.keys.size() == kKeysMax || key_over(relation, columns) != nullptr) return;
    relation.keys.push_back({std::move(columns), index.is_unique, index.is_unique});
}

}  // namespace

void CatalogueBuilder::find_keys() {
    if (rows_.has_user_equality) return;
    const auto table = [this](Oid oid) -> Relation* {
        const auto found = impl_.by_oid.find(oid);
        if (found == impl_.by_oid.end()) return nullptr;
        auto& relation = impl_.relations[found->second];
        return relation.kind == RelationKind::table && !relation.is_system && !roots_.has_other_members(oid) ? &relation : nullptr;
    };
    for (const auto& row : rows_.columns) {
        if (auto* relation = table(row.relation)) relation->columns.push_back(column_of(row));
    }
    for (const bool unique : {true, false}) {
        for (const auto& index : rows_.indexes) {
            if (auto* relation = table(index.relation); relation != nullptr && index.is_unique == unique && (index.is_plain || !unique)) add_key(*relation, index);
        }
    }
    for (const auto& index : rows_.indexes) {
        auto* relation = table(index.relation);
        if (relation == nullptr || !index.is_unique || index.is_plain) continue;
        if (auto* key = key_over(*relation, columns_of(*relation, index))) key->is_arbiter = false;
    }
    for (const auto& trigger : rows_.triggers) {
        auto* relation = table(trigger.relation);
        if (relation == nullptr) continue;
        if (keeps_keys(trigger.function, *relation)) continue;
        relation->has_insert_triggers |= trigger.on_insert;
        relation->has_update_triggers |= trigger.on_update;
        relation->has_delete_triggers |= trigger.on_delete;
    }
}

}  // namespace larder::rules
