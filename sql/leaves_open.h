// What a SELECT leaves to PostgreSQL: two answers of the same data that are both right and yet not the same.
//
// For whoever compares answers (proxy/verifier.h). The order of rows is not among it: rows are compared as a bag. Where a
// statement leaves something open a difference proves nothing; where this says `none`, equal data give equal bags of rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace larder::sql {

// The first that applies.
enum class Open : std::uint8_t {
    none,
    not_understood,  // the text cannot be looked into
    limit,           // LIMIT, OFFSET or FETCH: which rows are among the first may be open, also under ORDER BY where two are equal
    distinct_on,     // which row of several
    window,          // a window function over rows that may be equal in its order
    ordered_value,   // string_agg, array_agg and the like: the order in which rows come to them
    system_column,   // ctid, xmin …: where a row lies
};
std::string_view name(Open open);

struct LeftOpen {
    Open open = Open::none;
    // Rows are brought together by equality (GROUP BY, DISTINCT, UNION, min(), max()): where equal values can look different
    // (1.0 and 1.00), which of them is shown is open.
    bool merges_equals = false;
    // sum(), avg() and the like: of floating-point numbers the result depends on the order of the rows.
    bool may_round = false;
    bool has_casts = false;
    std::vector<std::string> functions;  // names of all that is called, without schemas and repeats
};

// Of a text that holds one SELECT. What stands in the views and functions that it names is not looked at. Threads: any.
LeftOpen left_open(Bytes text);

}  // namespace larder::sql
