// How often statements were called an hour ago, so that it can be said how often they were in the last hour.
//
// The counts by shape (base/traffic.h) only grow. So their values are kept every few minutes for an hour, and what was called since is
// the difference to the newest that are an hour old. A shape that is not among them began later: all of its calls are of the last hour.
// One that was dropped from the statistics and came again counts from zero, and may now be below what it was: then all counts, too.
//
// Bounded by what the statistics hold: at most kKept times 24 bytes and what the table takes for each shape.
// Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/clock.h"
#include "base/thread_annotations.h"
#include "base/traffic.h"

namespace larder::proxy {

class CallHistory {
public:
    static constexpr std::chrono::minutes kStep{5};     // so much may the last hour be longer
    static constexpr std::chrono::minutes kWindow{60};
    static constexpr std::size_t kKept = kWindow / kStep + 2;

    struct Calls {
        std::uint64_t calls = 0, hits = 0;
    };

    // Whether it is time to keep() again.
    bool is_due(Instant at) const;
    void keep(const std::vector<StatementRow>& rows, Instant at);
    Calls in_last_hour(const StatementRow& row, Instant at) const;

private:
    struct Kept {
        Instant at;
        boost::unordered_flat_map<std::uint64_t, Calls> calls;   // by id
    };
    mutable Mutex mutex_;
    std::deque<Kept> kept_ LARDER_GUARDED_BY(mutex_);            // the oldest first
};

}  // namespace larder::proxy
