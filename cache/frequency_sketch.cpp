#include "cache/frequency_sketch.h"

#include <algorithm>
#include <bit>

namespace larder::cache {
namespace {

constexpr std::size_t kSamplePerEntry = 10;

// The shard and its table have used bits of the hash already; within a shard some of them are all the same.
std::uint64_t mix(std::uint64_t hash) {
    hash *= 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

std::uint32_t count_at(std::uint64_t word, unsigned shift) { return static_cast<std::uint32_t>(word >> shift & 15); }

}  // namespace

FrequencySketch::FrequencySketch(std::size_t bytes) : blocks_(std::bit_floor(std::max<std::size_t>(bytes / sizeof(Block), 1))) {}

// Row i owns words 2i and 2i+1 of the block; five bits of the hash choose one of their 32 counters.
std::array<FrequencySketch::Slot, 4> FrequencySketch::slots_of(std::uint64_t mixed) {
    std::array<Slot, 4> slots;
    for (std::size_t row = 0; row < slots.size(); ++row) {
        const std::uint64_t bits = mixed >> (5 * row);
        slots[row] = {2 * row + (bits & 1), static_cast<unsigned>(bits >> 1 & 15) * 4};
    }
    return slots;
}

void FrequencySketch::increment(std::uint64_t hash, std::size_t entries) {
    const std::uint64_t mixed = mix(hash);
    Block& block = block_of(mixed);
    const auto slots = slots_of(mixed);
    std::uint32_t least = kCountMax;
    for (const Slot slot : slots) least = std::min(least, count_at(block.words[slot.word], slot.shift));
    if (least < kCountMax) {
        for (const Slot slot : slots) {
            if (count_at(block.words[slot.word], slot.shift) == least) block.words[slot.word] += std::uint64_t{1} << slot.shift;
        }
    }
    if (++accesses_ >= kSamplePerEntry * std::max(entries, blocks_.size() * 8)) halve();
}

std::uint32_t FrequencySketch::estimate(std::uint64_t hash) const {
    const std::uint64_t mixed = mix(hash);
    const Block& block = block_of(mixed);
    std::uint32_t least = kCountMax;
    for (const Slot slot : slots_of(mixed)) least = std::min(least, count_at(block.words[slot.word], slot.shift));
    return least;
}

// Long for one call (32 KiB at the default size: a few microseconds), but it comes once in tens of thousands of accesses.
void FrequencySketch::halve() {
    for (Block& block : blocks_) {
        for (std::uint64_t& word : block.words) word = word >> 1 & 0x7777777777777777u;
    }
    accesses_ /= 2;
}

}  // namespace larder::cache
