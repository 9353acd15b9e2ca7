// How many of something took how long: a histogram of durations with fixed bounds, for metrics.
//
// Threads: add() from the owning thread only; the others from any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/metrics.h"

namespace larder {

class DurationCounts {
public:
    // The upper bound of each bucket, in microseconds; one more bucket has what took longer.
    static constexpr std::array<std::int64_t, 11> kBoundsUs{50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000};
    static constexpr std::size_t kBuckets = kBoundsUs.size() + 1;

    void add(std::int64_t us) {
        std::size_t bucket = 0;
        while (bucket < kBoundsUs.size() && us > kBoundsUs[bucket]) ++bucket;
        counts_[bucket].add();
        sum_us_.add(us > 0 ? static_cast<std::uint64_t>(us) : 0);
    }
    std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }  // in this bucket alone
    std::uint64_t sum_us() const { return sum_us_.value(); }

private:
    std::array<Count, kBuckets> counts_;
    Count sum_us_;
};

}  // namespace larder
