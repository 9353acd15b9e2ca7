// One shard of the cache: entries by key, in two parts under one budget.
//
//   store ──► window (1 %, least recently used goes) ──► main (99 %, of 8 drawn the least worth goes)
//
// The window gives a new key time to be asked for again before it is judged. What leaves it is the candidate: it must be
// worth more than the least of 8 entries drawn from main (value = frequency × server_us / bytes, see cache.h), or it goes
// itself; equal worth keeps the incumbent, which is what makes a long scan pass without harm. An entry too large for the
// window is judged at once. Drawn entries that are stale or expired have no value at all.
//
// Nobody is judged while there is free budget: main may take what the window does not use, and gives it back, the least
// worth first, as soon as the window needs it.
//
// Invariants, whenever the mutex is free: bytes_ is the sum over all entries and at most budget; every entry is in the
// table and in exactly one of window list (slot == kInWindow) and main_ (main_[slot] is the entry).
//
// Threads: any. Entries are freed after the mutex is. Counters are read under the mutex only for entries that are drawn or
// swept; find() checks after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/thread_annotations.h"
#include "cache/cache.h"
#include "cache/frequency_sketch.h"

namespace larder::cache {

struct KeyHash {
    using is_avalanching = void;  // hash_key() is xxh3: the table need not mix again
    std::size_t operator()(std::uint64_t hash) const noexcept { return hash; }
};

class alignas(kCacheLineBytes) Shard {
public:
    // `kept_out_us`: answers noted then or before are not taken in. Outlives this.
    Shard(std::size_t budget_bytes, const std::atomic<std::int64_t>& kept_out_us);
    ~Shard();

    // The entry's result, or none; counts the access. No check of freshness.
    ResultRef find(const KeyView& key);

    // Takes the result in if it is worth it. The caller has checked that it is fresh, in time and not too large on its own.
    // `evictions`: as in cache.h.
    bool store(const KeyView& key, const ResultRef& result, Instant now, Evictions* evictions);

    // Drops the entry if it still is this result. Counted as stale or expired.
    void drop(const KeyView& key, const ResultRef& result, bool is_expired);

    // Looks at up to `count` entries, from where the last call stopped, and drops the stale and expired. True when it has
    // been through the whole shard; the next call begins again. What moves about meanwhile may be seen in the next pass only.
    bool sweep(std::size_t count, Instant now);

    void purge();
    void add_stats(CacheStats& stats) const;
    void count_refused() { counters_.refused.fetch_add(1, std::memory_order_relaxed); }
    void count_stale() { counters_.stale.fetch_add(1, std::memory_order_relaxed); }

    struct Visited {
        ResultRef result;
        std::uint32_t hits;
    };
    void collect(std::size_t max, std::vector<Visited>& into) const;

    // What an entry costs besides its result: itself, its slots in table and main part while those are half empty, malloc.
    static constexpr std::size_t kEntryOverheadBytes = 160;
    static std::size_t charge_of(const CachedResult& result) { return result.bytes() + kEntryOverheadBytes; }
    std::size_t entry_charge_max() const { return budget_ / 2; }

private:
    struct Entry;
    using Owned = std::unique_ptr<Entry>;
    using Garbage = std::vector<Owned>;
    enum class Round : std::uint8_t { stored, refused, kept_out, more };

    struct Counters {
        std::atomic<std::uint64_t> stored{0}, evicted{0}, expired{0}, refused{0}, stale{0};
    };

    Round try_store(const KeyView& key, const ResultRef& result, Instant now, Garbage& garbage) LARDER_REQUIRES(mutex_);
    bool make_room(const CachedResult& incoming, std::uint64_t hash, std::size_t charge, Instant now, Garbage& garbage) LARDER_REQUIRES(mutex_);
    bool has_room(std::size_t charge) const LARDER_REQUIRES(mutex_);
    void insert(const KeyView& key, const ResultRef& result, std::size_t charge) LARDER_REQUIRES(mutex_);
    void let_window_overflow() LARDER_REQUIRES(mutex_);

    Entry* lookup(const KeyView& key) const LARDER_REQUIRES(mutex_);
    Owned unlink(Entry* entry) LARDER_REQUIRES(mutex_);
    void bury(Entry* entry, Instant now, Garbage& garbage) LARDER_REQUIRES(mutex_);

    // The least worth of some entries drawn from main; none if main is empty.
    struct Drawn {
        Entry* entry = nullptr;
        double value = 0;
    };
    Drawn draw_victim(Instant now) LARDER_REQUIRES(mutex_);
    double value_of(const CachedResult& result, std::uint64_t hash, Instant now) const LARDER_REQUIRES(mutex_);
    std::uint64_t random() LARDER_REQUIRES(mutex_);

    void window_push(Entry* entry) LARDER_REQUIRES(mutex_);
    void window_remove(Entry* entry) LARDER_REQUIRES(mutex_);
    void main_push(Entry* entry) LARDER_REQUIRES(mutex_);
    void main_remove(Entry* entry) LARDER_REQUIRES(mutex_);

    mutable Mutex mutex_;
    boost::unordered_flat_map<std::uint64_t, Owned, KeyHash> table_ LARDER_GUARDED_BY(mutex_);  // entries of one hash are chained
    std::vector<Entry*> main_ LARDER_GUARDED_BY(mutex_);
    Entry* window_newest_ LARDER_GUARDED_BY(mutex_) = nullptr;
    Entry* window_oldest_ LARDER_GUARDED_BY(mutex_) = nullptr;
    Entry* sweep_window_ LARDER_GUARDED_BY(mutex_) = nullptr;  // where a sweep goes on: first the window, then main
    std::size_t sweep_slot_ LARDER_GUARDED_BY(mutex_) = 0;
    bool is_in_sweep_ LARDER_GUARDED_BY(mutex_) = false;
    std::size_t bytes_ LARDER_GUARDED_BY(mutex_) = 0;
    std::size_t window_bytes_ LARDER_GUARDED_BY(mutex_) = 0;
    std::size_t entries_ LARDER_GUARDED_BY(mutex_) = 0;
    std::uint64_t random_ LARDER_GUARDED_BY(mutex_);
    FrequencySketch sketch_ LARDER_GUARDED_BY(mutex_);
    bool is_kept_out(const CachedResult& result) const { return result.stored().us <= kept_out_us_.load(std::memory_order_relaxed); }

    const std::atomic<std::int64_t>& kept_out_us_;
    const std::size_t budget_;      // without the sketch
    const std::size_t window_max_;
    Counters counters_;
};

}  // namespace larder::cache
