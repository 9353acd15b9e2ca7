// How often something took how long: counts in buckets whose width grows with the time, four to each power of two, so that a
// percentile is at most an eighth off. (A log-linear histogram as in HdrHistogram.)
//
// Threads: add() from the owning thread only; the rest from any.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder {

inline constexpr std::size_t kLatencyBuckets = 128;  // up to 2^33 us: more than two hours

constexpr std::size_t latency_bucket(std::uint64_t us) {
    if (us < 4) return static_cast<std::size_t>(us);
    const auto power = static_cast<std::size_t>(std::bit_width(us)) - 1;
    const std::size_t bucket = 4 * (power - 1) + ((us >> (power - 2)) & 3);
    return bucket < kLatencyBuckets ? bucket : kLatencyBuckets - 1;
}

// The middle of a bucket.
constexpr double latency_of_bucket(std::size_t bucket) {
    if (bucket < 4) return static_cast<double>(bucket);
    const auto power = bucket / 4 + 1;
    const double width = static_cast<double>(std::uint64_t{1} << (power - 2));
    return (4.5 + static_cast<double>(bucket % 4)) * width;
}

// What was counted, as plain numbers; of several threads they are added up.
struct LatencySums {
    std::array<std::uint64_t, kLatencyBuckets> counts{};

    // The time that `share` (0 to 1) of all took at most, in us; 0 if there is none.
    double percentile(double share) const {
        std::uint64_t all = 0;
        for (const auto count : counts) all += count;
        if (all == 0) return 0;
        const auto wanted = static_cast<double>(all) * share;
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < kLatencyBuckets; ++i) {
            seen += counts[i];
            if (counts[i] > 0 && static_cast<double>(seen) >= wanted) return latency_of_bucket(i);
        }
        return latency_of_bucket(kLatencyBuckets - 1);
    }
};

class LatencyCounts {
public:
    void add(std::uint64_t us, std::uint32_t n = 1) {
        auto& count = counts_[latency_bucket(us)];
        count.store(count.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void add_to(LatencySums& sums) const {
        for (std::size_t i = 0; i < kLatencyBuckets; ++i) sums.counts[i] += counts_[i].load(std::memory_order_relaxed);
    }

private:
    std::array<std::atomic<std::uint32_t>, kLatencyBuckets> counts_{};
};

}  // namespace larder
