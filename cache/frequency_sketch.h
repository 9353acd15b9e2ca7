// How often a key was asked for lately, for all keys and not only for those in the cache, in half a byte per counter.
//
// A count-min sketch (Cormode and Muthukrishnan 2005): each key has four counters, chosen by its hash; their minimum is
// an upper bound of its count and close to it. An increment raises only those of the four that are at the minimum
// (conservative update), which keeps other keys' errors smaller. Counters stop at 15. After ten times as many accesses
// as there are entries, all are halved (TinyLFU, Einziger, Friedman and Manes 2017), so that old fame fades.
// The four counters of a key lie in one 64-byte block, 32 candidates each, so that an access costs one cache line.
//
// Threads: none; the shard's mutex guards it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace larder::cache {

class FrequencySketch {
public:
    static constexpr std::uint32_t kCountMax = 15;

    // `bytes` is rounded down to a power of two of blocks, at least one.
    explicit FrequencySketch(std::size_t bytes);

    // Counts an access. `entries` is how many the cache holds now: the sample grows with it.
    void increment(std::uint64_t hash, std::size_t entries);

    std::uint32_t estimate(std::uint64_t hash) const;

    std::size_t bytes() const { return blocks_.size() * sizeof(Block); }

private:
    struct alignas(64) Block {
        std::array<std::uint64_t, 8> words{};  // 16 counters of 4 bits each
    };
    struct Slot {
        std::size_t word;
        unsigned shift;
    };

    static std::array<Slot, 4> slots_of(std::uint64_t mixed);
    Block& block_of(std::uint64_t mixed) { return blocks_[mixed >> 32 & (blocks_.size() - 1)]; }
    const Block& block_of(std::uint64_t mixed) const { return blocks_[mixed >> 32 & (blocks_.size() - 1)]; }
    void halve();

    std::vector<Block> blocks_;
    std::size_t accesses_ = 0;
};

}  // namespace larder::cache
