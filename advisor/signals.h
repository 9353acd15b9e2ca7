// What the statistics of statements say by themselves, without asking PostgreSQL: which are slow, which come in long rows, which
// have constants written into them, and what keeps a statement from being answered from the cache.
//
// Threads: any; no state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "advisor/advice.h"
#include "base/traffic.h"

namespace larder::advisor {

struct SignalLimits {
    double slow_us = 100'000;            // mean on the server; 0: not a reason
    double share = 0.05;                 // of all statements' time on the server; 0: not a reason
    double all_us_min = 1'000'000;       // before that much time was spent no share is told
    std::uint64_t calls_min = 10;        // a share of fewer calls tells nothing
};

// "slow", "share" or "" of each, in the order of `rows`.
std::vector<std::string> find_slow(const std::vector<StatementRow>& rows, const SignalLimits& limits);

struct Signal {
    const StatementRow* row = nullptr;
    std::string found_by;                // "sequence", "flood" or "cache"
    Advice advice;
    std::vector<Advice> more;            // other ways
};

// A statement that a session asks again and again where one could ask for all: "N+1".
std::vector<Signal> find_sequences(const std::vector<StatementRow>& rows);
// A shape with nearly as many texts as calls: each is parsed and planned anew, and none is found in the cache again.
std::vector<Signal> find_floods(const std::vector<StatementRow>& rows);
// How long the answers of a statement may be given, in seconds.
struct AnswerLife {
    double bound = 0;                    // none is given that is older; 0: no such bound
    double max_stale = 0;                // one that a write made old, or that is older than the bound, may be this old
};
// The share of its calls that a cache would answer, by how often its values come again and how many writes drop its answers; nothing where
// its values were not seen. Taken as if calls and writes came in any order (Poisson): of calls with one value that come c times a second, the
// cache answers c·L of each 1 + c·L, where L is how long an answer lives after it was read. Until the first of w writes a second, that is
// 1/w; by a bound b, (1 − e^(−wb))/w; and by max_stale m no less than m: m + (e^(−wm) − e^(−wb))/w. Where it depends on rows of known
// keys, so does the write.
std::optional<double> expected_hit_rate(const StatementRow& row, double writes, const AnswerLife& life = {});
// A statement that is asked a lot and could be answered from the cache more often. `bound`: AnswerLife.
std::vector<Signal> find_uncached(const std::vector<StatementRow>& rows, double bound = 0);

}  // namespace larder::advisor
