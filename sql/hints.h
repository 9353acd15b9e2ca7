// Hints: what a statement's comments ask of Larder.
//
// A hint is a comment, block or line, whose text begins with `larder:`, followed by items with commas or blanks between
// them: `off`, `ttl=60s`, `max_stale=5s`, `freshness=barrier`, `tag=home`. It may stand anywhere but inside a literal or a quoted name, before or after other
// comments. Units of durations: ms, s, min or m, h, d. Several hints add up; of several ttl, max_stale or freshness the last one counts.
#pragma once

#include "base/bytes.h"
#include "sql/facts.h"

namespace larder::sql {

inline constexpr std::size_t kHintTagsMax = 16;
inline constexpr std::size_t kHintTagBytesMax = 64;
inline constexpr std::chrono::milliseconds kHintTtlMax = std::chrono::hours(24 * 365);
inline constexpr std::chrono::milliseconds kHintMaxStaleMax = std::chrono::hours(24);

// Finds and reads them, assuming PostgreSQL's default lexing (standard_conforming_strings on). Costs one search for
// "larder" if there are none. Threads: any.
Hints find_hints(Bytes text);

}  // namespace larder::sql
