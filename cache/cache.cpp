#include "cache/cache.h"

#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/planted_fault.h"
#include "cache/flights.h"
#include "cache/shard.h"

namespace larder::cache {
namespace {

constexpr std::size_t kShardsMax = 64;
constexpr std::size_t kLargestPerShard = 4;
constexpr std::size_t kSweepEntries = 1000;  // looked at by one sweep()
constexpr std::size_t kSweepPerLock = 32;    // while a shard's mutex is held
constexpr std::size_t kSweepShards = 64;     // visited by one sweep(), however empty they are

std::size_t shard_count(const CacheLimits& limits) {
    const std::size_t roomy = limits.bytes_max / kLargestPerShard / std::max<std::size_t>(limits.entry_bytes_max, 1);
    return std::bit_floor(std::clamp<std::size_t>(roomy, 1, kShardsMax));
}

}  // namespace

// Seeded anew in each process, so that nobody outside can make keys that fall together.
std::uint64_t hash_key(Bytes key) {
    static const std::uint64_t seed = [] {
        std::random_device device;
        return std::uint64_t{device()} << 32 | device();
    }();
    return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

struct Cache::Impl {
    explicit Impl(CacheLimits given) : limits(given), flights(given.waiters_max) {
        const std::size_t count = shard_count(limits);
        for (std::size_t i = 0; i < count; ++i) shards.emplace_back(limits.bytes_max / count, kept_out_us);
    }

    // The table uses the upper bits and the lowest byte of a hash; a shard takes those between.
    Shard& shard_of(const KeyView& key) { return shards[key.hash >> 8 & (shards.size() - 1)]; }

    const CacheLimits limits;
    std::atomic<std::int64_t> kept_out_us = kLongAgo.us;
    std::deque<Shard> shards;  // a power of two; they cannot be moved
    Flights flights;

    std::atomic_flag is_sweeping = ATOMIC_FLAG_INIT;  // guards sweep_shard; a second sweeper goes away
    std::size_t sweep_shard = 0;
};

Cache::Cache(CacheLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
Cache::~Cache() = default;

Lookup Cache::find(const KeyView& key, Instant now, const ReadBounds& bounds, bool needs_row_description) {
    Shard& shard = impl_->shard_of(key);
    ResultRef result = shard.find(key);
    if (!result) return {{}, Miss::absent};
    // Outside the mutex: the reference keeps the result alive, and any moment after the request was read will do.
    const bool is_stale = !result->is_fresh();
    if (is_stale && (now >= result->stale_until() || !result->is_firm())) {
        shard.drop(key, result, false);
        return {{}, Miss::stale};
    }
    if (now >= result->expires()) {
        shard.drop(key, result, true);
        return {{}, Miss::expired};
    }
    const auto age = now - result->stored();
    const bool is_trusted = !is_stale && age <= bounds.max_age;
    if (!is_trusted && (age >= bounds.max_stale || result->stored() <= bounds.not_before)) return {{}, is_stale ? Miss::stale : Miss::expired};
    if (needs_row_description && !result->has_row_description()) return {{}, Miss::no_row_description};
    return {std::move(result), Miss::absent, !is_trusted};
}

Lookup Cache::judge(const ResultRef& result, Instant now, const ReadBounds& bounds, bool needs_row_description) {
    if (!result->is_fresh() && !is_planted(PlantedFault::remote_unchecked)) return {{}, Miss::stale};
    if (now >= result->expires() || now - result->stored() > bounds.max_age) return {{}, Miss::expired};
    if (needs_row_description && !result->has_row_description()) return {{}, Miss::no_row_description};
    return {result, Miss::absent};
}

bool Cache::store(const KeyView& key, ResultRef result, Instant now, Evictions* evictions) {
    if (!result || impl_->limits.bytes_max == 0) return false;
    Shard& shard = impl_->shard_of(key);
    if (result->bytes() > impl_->limits.entry_bytes_max || Shard::charge_of(*result) > shard.entry_charge_max()) {
        shard.count_refused();
        return false;
    }
    if (now >= result->expires()) return false;
    if (result->is_dead(now)) {
        shard.count_stale();
        return false;
    }
    return shard.store(key, result, now, evictions);
}

Join Cache::join(const KeyView& key, const Note& note, FlightWaiter* waiter) { return impl_->flights.join(key, note, waiter); }
bool Cache::is_under_way(const KeyView& key) { return impl_->flights.is_under_way(key); }
void Cache::lead(const KeyView& key, const Note& note) { impl_->flights.lead(key, note); }
void Cache::land(const KeyView& key, const ResultRef& result) { impl_->flights.land(key, result); }
void Cache::fail(const KeyView& key, bool hand_over) { impl_->flights.fail(key, hand_over); }
bool Cache::leave(const KeyView& key, FlightWaiter* waiter) { return impl_->flights.leave(key, waiter); }

void Cache::sweep(Instant now) {
    if (impl_->is_sweeping.test_and_set(std::memory_order_acquire)) return;
    std::size_t visited = 0;
    for (std::size_t looked_at = 0; looked_at < kSweepEntries && visited < kSweepShards; looked_at += kSweepPerLock) {
        if (!impl_->shards[impl_->sweep_shard].sweep(kSweepPerLock, now)) continue;
        impl_->sweep_shard = (impl_->sweep_shard + 1) % impl_->shards.size();
        ++visited;
    }
    impl_->is_sweeping.clear(std::memory_order_release);
}

// The shards look at it with their mutex held. Whoever drops entries takes each mutex after this, so an answer is there to be dropped, or is refused.
void Cache::keep_out(Instant noted) {
    auto& at = impl_->kept_out_us;
    for (auto seen = at.load(); seen < noted.us && !at.compare_exchange_weak(seen, noted.us);) {}
    impl_->flights.close();
}

Instant Cache::kept_out() const { return Instant{impl_->kept_out_us.load()}; }

void Cache::purge_all() {
    for (Shard& shard : impl_->shards) shard.purge();
}

std::size_t Cache::purge_if(const std::function<bool(const CachedResult&)>& is_unwanted) {
    std::size_t dropped = 0;
    for (Shard& shard : impl_->shards) {
        std::vector<Shard::Visited> visited;
        shard.collect(SIZE_MAX, visited);
        for (const auto& [result, hits] : visited) {
            if (!is_unwanted(*result)) continue;
            shard.drop({result->key(), hash_key(result->key())}, result, false);
            ++dropped;
        }
    }
    return dropped;
}

CacheStats Cache::stats() const {
    CacheStats stats{};
    for (const Shard& shard : impl_->shards) shard.add_stats(stats);
    stats.flights = impl_->flights.started();
    stats.waiters = impl_->flights.joined();
    return stats;
}

const CacheLimits& Cache::limits() const { return impl_->limits; }

void Cache::visit_entries(std::size_t max, const std::function<void(const ResultRef&, std::uint32_t hits)>& visit) const {
    std::vector<Shard::Visited> visited;
    for (const Shard& shard : impl_->shards) {
        if (visited.size() >= max) break;
        shard.collect(max - visited.size(), visited);
    }
    for (const auto& [result, hits] : visited) visit(result, hits);
}

}  // namespace larder::cache
