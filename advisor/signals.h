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
};

// A statement that a session asks again and again where one could ask for all: "N+1".
std::vector<Signal> find_sequences(const std::vector<StatementRow>& rows);
// A shape with nearly as many texts as calls: each is parsed and planned anew, and none is found in the cache again.
std::vector<Signal> find_floods(const std::vector<StatementRow>& rows);
// The share of its calls that a cache would answer, by how often its values come again and how many writes drop its answers; nothing where
// its values were not seen. Taken as if calls and writes came in any order: between two calls with the same values there is no write in
// calls / (calls + writes) of all cases, counted for one value. Where it depends on rows of known keys, so does the write.
std::optional<double> expected_hit_rate(const StatementRow& row, double writes);
// A statement that is asked a lot and could be answered from the cache more often.
std::vector<Signal> find_uncached(const std::vector<StatementRow>& rows);

}  // namespace larder::advisor
