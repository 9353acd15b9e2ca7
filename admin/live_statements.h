// What is executed now, by shape: what the statistics grew by since the last look. Constants are never in it, and no statement pays for it.
// Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/traffic.h"

namespace larder::admin {

class LiveStatements {
public:
    static constexpr std::size_t kShownMax = 20;  // shapes in one document: those with most calls

    // {"time": …, "statements": [{"id", "database", "query", "calls", "hits", "misses", "bypasses", "why_not_cached", "mean_seconds"}], "others": …}.
    // `others`: executions of shapes that are not shown. The first look shows nothing: there is none before it.
    std::string look(const StatementSource& traffic, std::int64_t wall_clock_us);

private:
    struct Counts {
        std::uint64_t calls = 0, hits = 0, misses = 0, bypasses = 0, server_calls = 0, server_us = 0;
    };
    std::optional<std::unordered_map<std::string, Counts>> before_;  // as many as the statistics have
};

}  // namespace larder::admin
