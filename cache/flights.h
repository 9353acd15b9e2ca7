// One flight per key: of many who miss the same key at once, one fetches and the others wait for its answer.
//
// The join check is what makes this as fresh as a hit: who joins while the flight's note is current could have been given
// the answer at that moment, had it been there already. Nothing that moves later matters to him, as nothing that moves
// after a hit does. When a leader fails and hands over, those who wait stay: the new leader notes again, later than they
// came, so what they get is only newer. Until it has noted (lead()), nobody can join.
//
// Threads: any. Waiters are called outside all locks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/thread_annotations.h"
#include "cache/cache.h"

namespace larder::cache {

class Flights {
public:
    explicit Flights(int waiters_max) : waiters_max_(waiters_max) {}

    // As documented in cache.h.
    Join join(const KeyView& key, const Note& note, FlightWaiter* waiter);
    bool is_under_way(const KeyView& key);
    void lead(const KeyView& key, const Note& note);
    void land(const KeyView& key, const ResultRef& result);
    void fail(const KeyView& key, bool hand_over);
    bool leave(const KeyView& key, FlightWaiter* waiter);
    // Nobody joins what is under way now, and who waits for it gets no answer from it, unless another has come to lead it.
    void close();

    std::uint64_t started() const { return started_.load(std::memory_order_relaxed); }
    std::uint64_t joined() const { return joined_.load(std::memory_order_relaxed); }

private:
    struct Flight {
        std::string key;
        Note note;                            // empty: refused, or the leader has not noted yet; nobody can join
        std::vector<FlightWaiter*> waiters;   // by arrival
        std::unique_ptr<Flight> same_hash;
    };
    struct alignas(kCacheLineBytes) Shard {
        Mutex mutex;
        boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Flight>> flights LARDER_GUARDED_BY(mutex);

        Flight* find(const KeyView& key) LARDER_REQUIRES(mutex);
        std::unique_ptr<Flight> take(const KeyView& key) LARDER_REQUIRES(mutex);
    };
    static constexpr std::size_t kShards = 64;

    Shard& shard_of(const KeyView& key) { return shards_[key.hash >> 8 & (kShards - 1)]; }

    const int waiters_max_;
    std::atomic<std::uint64_t> started_{0};
    std::atomic<std::uint64_t> joined_{0};
    std::array<Shard, kShards> shards_;
};

}  // namespace larder::cache
