// From a statement text to its facts. The only door to libpg_query.
#pragma once

#include "base/bytes.h"
#include "sql/facts.h"

namespace larder::sql {

// Longer texts are not parsed: forwarded, not cached, taken for a possible write of anything.
inline constexpr std::size_t kParsedTextBytesMax = 64 * 1024;

// Depth of the tree at which the walker gives up (facts not understood). libpg_query checks no stack itself.
inline constexpr int kTreeDepthMax = 1000;

// Parses `text` (which must be in an ASCII-safe encoding and hold no NUL) and walks the raw tree with a depth limit.
// Never throws, never crashes on any input; what cannot be parsed comes back with parsed == false.
// Cost: 0.4 µs for `SELECT 1`, 5 µs for a query of an ORM; callers keep the result by exact text.
// Threads: any; libpg_query's state is thread local. Call it from long-lived threads only.
TextFacts analyse(Bytes text);

// A 64-bit number that is equal for texts that differ only in constants (libpg_query's fingerprint).
// Zero if the text cannot be parsed or is too deep. 4 to 54 µs: once per new text.
std::uint64_t fingerprint(Bytes text);
// The text with $1, $2 … in the place of its constants, without comments, blanks and semicolons around it. Empty where fingerprint() is 0.
std::string normalised(Bytes text);

}  // namespace larder::sql
