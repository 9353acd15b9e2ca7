#include "rules/row_values.h"

namespace larder::rules {

ValueScope value_scope(const Scope& scope) {
    if (!scope.is_known()) return {};
    const auto& path = scope.env->search_path;
    return {scope.catalogue->has_names_in(scope.env->setting("client_encoding")), scope.catalogue->encoding() == "UTF8", !path.empty() && path.front() == "pg_catalog"};
}

std::vector<RowRef> combinations(KeyRef key, const ColumnValues& values) {
    std::vector<RowRef> rows{{key, {}}};
    if (values.empty()) return {};
    for (const auto& column : values) {
        std::vector<RowRef> longer;
        if (column.empty() || rows.size() * column.size() > kRowsMax) return {};
        for (const auto& row : rows) {
            for (const auto& part : column) {
                longer.push_back(row);
                longer.back().parts.push_back(part);
            }
        }
        rows = std::move(longer);
    }
    return rows;
}

std::vector<KeyPart> tested_values(const Column& column, const sql::RelationUse& use, const sql::Facts& facts, const ValueScope& scope) {
    if (!use.key_tests_known) return {};
    // Each of several tests of one column restricts it by itself.
    for (const auto& test : use.key_tests) {
        if (test.column != column.name) continue;
        std::vector<KeyPart> parts;
        for (const auto& value : test.values) {
            auto part = key_part(value, column.type, column.bytes_max, false, facts, scope);
            if (!part) break;
            parts.push_back(std::move(*part));
        }
        if (!parts.empty() && parts.size() == test.values.size()) return parts;
    }
    return {};
}

ColumnValues tested_key(const Relation& relation, const Key& key, const sql::RelationUse& use, const sql::Facts& facts, const ValueScope& scope) {
    ColumnValues values;
    for (const std::size_t column : key.columns) {
        values.push_back(tested_values(relation.columns[column], use, facts, scope));
        if (values.back().empty()) return {};
    }
    return values;
}

}  // namespace larder::rules
