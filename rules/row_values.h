// The combinations of values that a statement's conditions or lists give to the columns of a key.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "rules/plan_parts.h"

namespace larder::rules {

// More values of one key than this in one statement are not followed one by one.
inline constexpr std::size_t kRowsMax = 64;

// For each column of a key the values it may have; nothing known of one of them: empty.
using ColumnValues = std::vector<std::vector<KeyPart>>;

// Every combination, or nothing if there are none or more than kRowsMax.
std::vector<RowRef> combinations(KeyRef key, const ColumnValues& values);

// The values that the conditions allow for a column; empty if they do not restrict it to known ones.
std::vector<KeyPart> tested_values(const Column& column, const sql::RelationUse& use, const sql::Facts& facts, const ValueScope& scope);

// The values that the conditions allow for each column of a key. Empty: for one of them they do not.
ColumnValues tested_key(const Relation& relation, const Key& key, const sql::RelationUse& use, const sql::Facts& facts, const ValueScope& scope);

}  // namespace larder::rules
