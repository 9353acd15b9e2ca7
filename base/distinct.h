// How many different things came by, told from a byte for each of 64 groups: HyperLogLog (Flajolet and others, 2007), a tenth to an eighth off.
//
// A thing's hash says its group and its rank, the place of the hash's first set bit; the highest rank of each group is kept.
//
// Threads: no state but DistinctRanks, a plain value.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace larder {

inline constexpr std::size_t kDistinctRegisters = 64;

constexpr std::size_t distinct_register(std::uint64_t hash) { return hash % kDistinctRegisters; }
constexpr std::uint8_t distinct_rank(std::uint64_t hash) {
    constexpr int kGroupBits = 6;
    return static_cast<std::uint8_t>(std::min(std::countr_zero(hash >> kGroupBits), 63 - kGroupBits) + 1);
}

struct DistinctRanks {
    std::array<std::uint8_t, kDistinctRegisters> ranks{};

    void add(std::uint64_t hash) {
        auto& rank = ranks[distinct_register(hash)];
        rank = std::max(rank, distinct_rank(hash));
    }
    // 0 if nothing came.
    double estimate() const {
        constexpr double kAlpha = 0.709, kGroups = kDistinctRegisters;
        double sum = 0, empty = 0;
        for (const auto rank : ranks) sum += std::exp2(-static_cast<double>(rank)), empty += rank == 0 ? 1 : 0;
        const double raw = kAlpha * kGroups * kGroups / sum;
        return raw <= 2.5 * kGroups && empty > 0 ? kGroups * std::log(kGroups / empty) : raw;  // few: by the groups that have none
    }
};

}  // namespace larder
