// Moves of counters that no session made: by the change feed, and by a purge. Whoever looks at the counters afterwards
// (proxy/event_watch.h) can tell them from the writes of clients, and say where in the log they were found.
//
// A move is told of before it is made. So whoever reads a counter first and takes what was told of afterwards has heard of every move
// that he saw, and perhaps of some that he will see next time.
// Threads: any. Its size is bounded by that of the counters: one place for each that moved since the last take().
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/thread_annotations.h"
#include "cache/counter.h"

namespace larder::session {

struct ForeignMove {
    std::uint64_t by_feed = 0, by_purge = 0;  // how many
    std::uint64_t lsn = 0;                    // of the newest by the feed; 0: there is none
};

class ForeignMoves {
public:
    void tell_of_feed(const cache::Counter& counter, std::uint64_t lsn) {
        const Lock lock(mutex_);
        if (!is_heard_) return;
        auto& move = moves_[&counter];
        ++move.by_feed;
        move.lsn = lsn;
    }
    void tell_of_purge(const cache::Counter& counter) {
        const Lock lock(mutex_);
        if (is_heard_) ++moves_[&counter].by_purge;
    }
    // Since the last time. Before the first nothing is kept.
    std::map<const cache::Counter*, ForeignMove> take() {
        const Lock lock(mutex_);
        is_heard_ = true;
        return std::exchange(moves_, {});
    }

private:
    Mutex mutex_;
    bool is_heard_ LARDER_GUARDED_BY(mutex_) = false;
    std::map<const cache::Counter*, ForeignMove> moves_ LARDER_GUARDED_BY(mutex_);
};

}  // namespace larder::session
