// Which rows a reference of a read is restricted to.
#include <algorithm>

#include "base/planted_fault.h"
#include "rules/row_values.h"

namespace larder::rules {

namespace {

// Of two keys that both restrict it: the one that is unique, then the one with more columns, then with fewer values.
bool tells_more(const Key& a, const RowRead& read_a, const Key& b, const RowRead& read_b) {
    if (a.is_unique != b.is_unique) return a.is_unique;
    if (a.columns.size() != b.columns.size()) return a.columns.size() > b.columns.size();
    return read_a.values.size() < read_b.values.size();
}

// Where x.name is not a column, it is a call of name(x), which may be an aggregate or give several rows.
bool may_call_by_field(const Relation& relation, const sql::Facts& facts, const Catalogue& catalogue) {
    const bool is_only_relation = facts.reads.size() == 1;
    return std::any_of(facts.row_fields.begin(), facts.row_fields.end(), [&](const std::string& name) {
        return !(is_only_relation && relation.column_named(name)) && catalogue.has_function_named(name);
    });
}

// With several values each must be seen to have its row, and no row may come twice; with one, any row of the answer will do.
int proving_rows(const RowRead& read, const Relation& relation, const sql::RelationUse& use, const sql::Facts& facts, const Catalogue& catalogue) {
    if (is_planted(PlantedFault::proved_by_one)) return 1;
    if (!relation.keys[read.key.key].is_unique || !use.is_proved_by_rows) return 0;
    const auto is_array = [](const KeyPart& part) { return part.is_array; };
    const bool has_array = std::any_of(read.values.front().parts.begin(), read.values.front().parts.end(), is_array);
    if ((read.values.size() > 1 || has_array) && !use.is_only_item) return 0;
    return may_call_by_field(relation, facts, catalogue) ? 0 : static_cast<int>(read.values.size());
}

// A chain of references that hand on a constant is not followed further than this.
constexpr int kLinksDeep = 4;

// The values that the conditions allow for a column of `relation`: its own, or those of a column that it is compared with. Of that the type has to be
// known as well, and of the same kind: equal values are equal bytes then.
std::vector<KeyPart> restricting_values(const Column& column, const sql::RelationUse& use, const sql::Facts& facts, const Scope& scope,
                                        const ValueScope& values, int depth = 0) {
    auto own = tested_values(column, use, facts, values);
    if (!own.empty() || depth == kLinksDeep) return own;
    for (const auto& link : use.links) {
        if (link.column != column.name) continue;
        const auto& other = facts.reads[link.other];
        const auto candidates = scope.candidates(other.name);
        if (candidates.size() != 1) continue;
        const auto at = candidates.front()->column_named(link.other_column);
        if (!at || candidates.front()->columns[*at].type != column.type) continue;
        auto found = restricting_values(candidates.front()->columns[*at], other, facts, scope, values, depth + 1);
        if (!found.empty()) return found;
    }
    return {};
}

ColumnValues restricted_key(const Relation& relation, const Key& key, const sql::RelationUse& use, const sql::Facts& facts,
                            const Scope& scope, const ValueScope& values) {
    ColumnValues restricted;
    for (const std::size_t column : key.columns) {
        restricted.push_back(restricting_values(relation.columns[column], use, facts, scope, values));
        if (restricted.back().empty()) return {};
    }
    return restricted;
}

}  // namespace

std::optional<RowRead> row_read(const Relation& relation, const sql::RelationUse& use, const sql::Facts& facts, const Scope& scope) {
    const auto values = value_scope(scope);
    std::optional<RowRead> best;
    for (unsigned i = 0; i < relation.keys.size(); ++i) {
        const KeyRef key{relation.root, i};
        RowRead read{key, combinations(key, restricted_key(relation, relation.keys[i], use, facts, scope, values)), 0};
        if (read.values.empty()) continue;
        if (!best || tells_more(relation.keys[i], read, relation.keys[best->key.key], *best)) best = std::move(read);
    }
    if (best) best->proving_rows = proving_rows(*best, relation, use, facts, *scope.catalogue);
    return best;
}

}  // namespace larder::rules
