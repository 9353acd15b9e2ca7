// The rows of one answer, as they can be compared with those of another: a bag, since the order of rows is PostgreSQL's to choose.
// Threads: values, for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include "base/bytes.h"
#include "cache/result.h"

namespace larder::proxy {

// What RowDescription says of a column, but for its format, which is the request's.
struct AnswerColumn {
    std::string name;
    Oid type = 0, table = 0;
    std::int32_t type_modifier = -1;
    std::int16_t table_column = 0;

    friend bool operator==(const AnswerColumn&, const AnswerColumn&) = default;
};

struct AnswerRows {
    std::vector<std::string> rows;      // each the body of a DataRow message
    std::vector<AnswerColumn> columns;  // empty: not known, and not compared
    bool is_cut = false;                // there was more than may be kept: surely another answer than one that was kept

    std::size_t bytes() const;
};

// Adds what libpq has read.
void add_rows(const PGresult& result, AnswerRows& answer);

// Nothing: the bytes are not what an answer is made of, which is a bug.
std::optional<AnswerRows> rows_of(const cache::CachedResult& result);

bool are_alike(const AnswerRows& a, const AnswerRows& b);

// What is in one and not in the other, for people: at most kShownRowsMax rows of each, at most kShownBytesMax in all. Printable.
inline constexpr std::size_t kShownRowsMax = 5, kShownBytesMax = 1000;
struct ShownDifference {
    std::string kept, server;  // rows that only the kept answer has; that only the server's has
    std::string summary;       // "3 rows instead of 2, 1 differs", without any value
};
ShownDifference difference(const AnswerRows& kept, const AnswerRows& server);

}  // namespace larder::proxy
