// What EXPLAIN LARDER says of a statement, in parts: sessions make lines of it, the API a document.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace larder {

struct ExplainRequest {
    std::string statement, database;
    std::string role;  // empty: whoever it is
    std::vector<std::pair<std::string, std::string>> settings;
};

struct ExplainedCounter {
    std::string name;  // "scan of public.items", "catalogue of shop"
    std::uint64_t version = 0, in_flight = 0;
};

struct ExplainedRead {
    std::string relation, key;  // key: the columns by which rows are asked for; empty: it depends on every change
    std::uint64_t rows = 0;
    bool has_array = false;     // as many rows for each element of an array
};

struct Explanation {
    std::string verdict;                                       // one sentence
    bool is_cacheable = false;                                 // by what the statement is
    std::vector<std::pair<std::string, std::string>> reasons;  // name and sentence: why not; empty: nothing stands against it
    std::string promise;                                       // strict, bounded, barrier or ttl, and what that means here
    std::string rule;                                          // that matched; empty: none
    std::vector<std::string> tags;
    std::vector<ExplainedRead> reads;
    std::vector<ExplainedCounter> counters;  // on which a hit depends
    std::int64_t ttl_ms = 0;                 // 0: until something moves
    std::int64_t max_stale_ms = 0;
    std::vector<std::string> key;  // what tells its answer from others, in words
    bool has_parameters = false, is_kept_now = false;
    std::vector<std::string> writes;  // what it drops, in words
    bool is_catalogue_loaded = true;

    // For people, the verdict first.
    std::vector<std::string> lines() const;
};

}  // namespace larder
