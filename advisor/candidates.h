// From the use of a table to the indexes that could serve it. Generous: the planner chooses (index_search.h).
//
// B-tree keys are ordered as equality columns (most selective first), then either the columns of a wanted order or one range;
// both ways are offered. Join columns take the place of an equality before or after the constants. Conditions that no operator
// class serves, and those that few rows meet, become the predicate of a partial index.
//
// Threads: any; asks through the callbacks only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "advisor/index_spec.h"
#include "advisor/operator_classes.h"
#include "advisor/table_use.h"

namespace larder::advisor {

struct CandidateQuestions {
    // Rows of the table that meet the condition, by the planner's estimate.
    std::function<double(const Relation&, const std::string& condition)> rows;
    // The OID of an expression's type over the table's columns, and its element type and whether it is a range.
    struct Type { unsigned oid = 0; bool is_array = false, is_range = false; };
    std::function<Type(const Relation&, const std::string& expression)> type;
    // The condition with what only a running statement knows (now(), to_tsquery('…')) replaced by its value; "" if that cannot be.
    std::function<std::string(const Atom&)> folded;
    // Can pg_trgm be created though it is not there?
    bool trigrams_are_available = false;
    // The rows that meet the condition as counted on a sample, where the planner has no statistics; nothing if that cannot be.
    std::function<std::optional<double>(const Relation&, const std::string& condition)> sampled;
    // Values that come as parameters, or hold for this moment only: an index must not be built on them.
    std::vector<std::string> parameters, moments;
};

inline constexpr std::size_t kKeysMax = 4;
inline constexpr std::size_t kCandidatesPerTableMax = 48;
// A partial index holds at most this share of the table.
inline constexpr double kPartialShareMax = 0.2;
inline constexpr double kThumbShareMax = 0.34;  // the planner's third, where it cannot know

std::vector<IndexSpec> candidates(TableUse& use, const OperatorClasses& classes, const CandidateQuestions& questions);

// Fills in IndexSpec::use; asks for the rows.
void describe_use(IndexSpec& spec, const TableUse& use, const CandidateQuestions& questions);

// Those B-trees among them that would hold all columns asked for with a few more, as INCLUDE. None if too many or too wide columns are
// missing, or if so few rows are read that it cannot matter.
std::vector<IndexSpec> covering_variants(const std::vector<IndexSpec>& specs, const TableUse& use);

}  // namespace larder::advisor
