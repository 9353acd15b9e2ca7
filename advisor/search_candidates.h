// Indexes for operators that a B-tree does not serve: full text, arrays, jsonb, trigrams, ranges, geometry, nearest neighbours.
#pragma once

#include <vector>

#include "advisor/candidates.h"

namespace larder::advisor {

std::vector<IndexSpec> search_candidates(TableUse& use, const OperatorClasses& classes, const CandidateQuestions& questions);

// Three-character pieces that an index on trigrams can look up of a LIKE pattern or a regular expression. 0: it cannot help.
int trigrams_of(const std::string& op, const std::string& pattern);

}  // namespace larder::advisor
