// What a write does to the keys of the relation it names.
//
// Let a row be o before and n after the write. Whoever depends on the key's value o.k or n.k must notice: `row` of both moves where
// the values are known; `all` where o.k is not; `absent` where only n.k is not, for a row that was not there, or had another
// value, before.
#include <algorithm>

#include "base/planted_fault.h"
#include "rules/row_values.h"

namespace larder::rules {

namespace {

class RowWrites {
public:
    RowWrites(WritePlan& writes, const Relation& relation, const sql::WriteUse& use, const sql::Facts& facts, const Scope& scope)
        : writes_(writes), relation_(relation), use_(use), facts_(facts), scope_(value_scope(scope)) {}

    void insert() {
        for (unsigned i = 0; i < relation_.keys.size(); ++i) {
            const bool may_update = use_.on_conflict_update && !is_planted(PlantedFault::upsert_as_insert);
            if (may_update && (!is_arbiter(relation_.keys[i]) || names(relation_.keys[i], use_.conflict_sets))) move(i, KeyCounter::all);
            else insert_key(i, may_update ? KeyCounter::all : KeyCounter::absent);
        }
    }

    // An update has new values, a delete has none.
    void change() {
        for (unsigned i = 0; i < relation_.keys.size(); ++i) {
            const auto& key = relation_.keys[i];
            auto old_values = tested_key(relation_, key, use_.target, facts_, scope_);
            const auto rows = combinations(ref(i), old_values);
            if (rows.empty()) {
                if (!is_planted(PlantedFault::other_keys_spared) || use_.target.key_tests.empty()) move(i, KeyCounter::all);
                continue;
            }
            if (!is_planted(PlantedFault::named_row_spared)) add(rows, KeyCounter::all);
            if (use_.action == sql::WriteAction::update && names(key, use_.columns)) set_key(i, std::move(old_values));
        }
    }

private:
    KeyRef ref(unsigned key) const { return {relation_.root, key}; }
    void move(unsigned key, KeyCounter counter) { writes_.keys.push_back({ref(key), counter}); }
    void add(std::vector<RowRef> rows, KeyCounter otherwise) {
        for (auto& row : rows) writes_.rows.push_back({std::move(row), otherwise});
    }

    bool names(const Key& key, const std::vector<std::string>& columns) const {
        return std::any_of(key.columns.begin(), key.columns.end(), [&](std::size_t column) {
            return std::find(columns.begin(), columns.end(), relation_.columns[column].name) != columns.end();
        });
    }

    // The row in conflict has the values of this key that were to be inserted.
    bool is_arbiter(const Key& key) const {
        if (is_planted(PlantedFault::upsert_of_other_arbiter)) return true;
        const auto& named = use_.conflict_columns;
        return key.is_arbiter && std::all_of(key.columns.begin(), key.columns.end(), [&](std::size_t column) {
            return std::find(named.begin(), named.end(), relation_.columns[column].name) != named.end();
        }) && std::all_of(named.begin(), named.end(), [&](const std::string& name) {
            const auto column = relation_.column_named(name);
            return column && std::find(key.columns.begin(), key.columns.end(), *column) != key.columns.end();
        });
    }

    // Where in a row of the list a column's value stands; without names, the columns come in the table's order.
    std::optional<std::size_t> place_of(std::size_t column) const {
        if (use_.columns.empty()) return column;
        const auto found = std::find(use_.columns.begin(), use_.columns.end(), relation_.columns[column].name);
        if (found == use_.columns.end()) return std::nullopt;
        return static_cast<std::size_t>(found - use_.columns.begin());
    }

    std::optional<KeyPart> stored_value(std::size_t column, const std::vector<std::optional<sql::Value>>& row) const {
        const auto place = place_of(column);
        if (!place || *place >= row.size() || !row[*place]) return std::nullopt;
        return key_part(*row[*place], relation_.columns[column].type, relation_.columns[column].bytes_max, true, facts_, scope_);
    }

    void insert_key(unsigned index, KeyCounter otherwise) {
        if (is_planted(PlantedFault::unknown_insert_spared) && use_.columns.size() < relation_.columns.size() && !use_.columns.empty()) return;
        if (use_.rows.empty() || use_.rows.size() > kRowsMax || use_.overriding) return move(index, otherwise);
        for (const auto& row : use_.rows) {
            RowRef value{ref(index), {}};
            for (const std::size_t column : relation_.keys[index].columns) {
                auto part = stored_value(column, row);
                if (part) value.parts.push_back(std::move(*part));
            }
            if (is_planted(PlantedFault::inserted_row_spared)) continue;
            if (value.parts.size() == relation_.keys[index].columns.size()) writes_.rows.push_back({std::move(value), otherwise});
            else move(index, otherwise);
        }
    }

    void set_key(unsigned index, ColumnValues values) {
        const auto& columns = relation_.keys[index].columns;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const bool is_set = std::find(use_.columns.begin(), use_.columns.end(), relation_.columns[columns[i]].name) != use_.columns.end();
            if (!is_set) continue;
            values[i].clear();
            if (use_.rows.size() != 1) continue;
            if (auto part = stored_value(columns[i], use_.rows.front())) values[i].push_back(std::move(*part));
        }
        auto rows = combinations(ref(index), values);
        if (is_planted(rows.empty() ? PlantedFault::unknown_new_key_spared : PlantedFault::new_key_spared)) return;
        if (rows.empty()) move(index, KeyCounter::absent);
        else add(std::move(rows), KeyCounter::absent);
    }

    WritePlan& writes_;
    const Relation& relation_;
    const sql::WriteUse& use_;
    const sql::Facts& facts_;
    const ValueScope scope_;
};

// Row triggers may change what is written.
bool is_told_by_text(const Relation& relation, const sql::WriteUse& use) {
    using sql::WriteAction;
    switch (use.action) {
        case WriteAction::insert: return !use.on_conflict_update || (!relation.has_insert_triggers && !relation.has_update_triggers && !relation.update_returns);
        case WriteAction::update: return !relation.has_update_triggers && !relation.update_returns;
        case WriteAction::delete_: return !relation.has_delete_triggers && !relation.delete_returns;
        default: return false;
    }
}

}  // namespace

void write_all_keys(WritePlan& writes, const Relation& relation) {
    for (unsigned i = 0; i < relation.keys.size(); ++i) writes.keys.push_back({{relation.root, i}, KeyCounter::all});
}

void write_rows(WritePlan& writes, const Relation& relation, const sql::WriteUse& use, const sql::Facts& facts, const Scope& scope) {
    const bool only_inserts = use.action == sql::WriteAction::copy_from || (use.action == sql::WriteAction::insert && !use.on_conflict_update);
    if (relation.insert_returns && (only_inserts || use.action == sql::WriteAction::insert)) return write_all_keys(writes, relation);
    if (use.action == sql::WriteAction::copy_from || (only_inserts && relation.has_insert_triggers)) {
        for (unsigned i = 0; i < relation.keys.size(); ++i) writes.keys.push_back({{relation.root, i}, KeyCounter::absent});
        return;
    }
    if (!is_told_by_text(relation, use)) return write_all_keys(writes, relation);
    RowWrites rows(writes, relation, use, facts, scope);
    if (use.action == sql::WriteAction::insert) rows.insert();
    else rows.change();
}

}  // namespace larder::rules
