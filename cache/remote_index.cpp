#include "cache/remote_index.h"

#include <algorithm>
#include <cmath>

namespace larder::cache {
namespace {

constexpr unsigned kCostBits = 12, kStampBits = 12;
constexpr double kCostSteps = 100;  // to each doubling

}  // namespace

RemoteIndex::RemoteIndex() : places_(std::make_unique<std::atomic<std::uint64_t>[]>(kSets * kWays)) {}

std::uint64_t RemoteIndex::packed(Place place) { return place.tag << (kCostBits + kStampBits) | place.cost << kStampBits | place.stamp; }

RemoteIndex::Place RemoteIndex::unpacked(std::uint64_t word) {
    return {word >> (kCostBits + kStampBits), word >> kStampBits & ((1u << kCostBits) - 1), word & ((1u << kStampBits) - 1)};
}

// The bits that do not choose the set.
std::uint64_t RemoteIndex::tag_of(std::uint64_t hash) { return hash >> (kCostBits + kStampBits); }

std::uint64_t RemoteIndex::stamp_of(Instant stored) {
    return static_cast<std::uint64_t>(stored.us) * 0x9E37'79B9'7F4A'7C15u >> (64 - kStampBits);
}

// Never zero, so that no place that is taken looks empty.
std::uint64_t RemoteIndex::cost_of(std::int64_t server_us) {
    const double steps = std::log2(static_cast<double>(std::max<std::int64_t>(server_us, 1))) * kCostSteps;
    return std::min<std::uint64_t>(static_cast<std::uint64_t>(steps) + 1, (1u << kCostBits) - 1);
}

std::atomic<std::uint64_t>* RemoteIndex::find(std::uint64_t hash, std::uint64_t& word) const {
    auto* const set = set_of(hash);
    for (std::size_t i = 0; i < kWays; ++i) {
        word = set[i].load(std::memory_order_relaxed);
        if (word != 0 && unpacked(word).tag == tag_of(hash)) return &set[i];
    }
    return nullptr;
}

void RemoteIndex::add(std::uint64_t hash, std::int64_t server_us, Instant stored) {
    std::uint64_t word = 0;
    auto* place = find(hash, word);
    if (place == nullptr) {
        const auto cost_at = [](const std::atomic<std::uint64_t>& at) { return unpacked(at.load(std::memory_order_relaxed)).cost; };
        place = std::min_element(set_of(hash), set_of(hash) + kWays, [&](const auto& a, const auto& b) { return cost_at(a) < cost_at(b); });
    }
    // Two who take the same place at once: one of them is forgotten.
    place->store(packed({tag_of(hash), cost_of(server_us), stamp_of(stored)}), std::memory_order_relaxed);
}

void RemoteIndex::forget(std::uint64_t hash) {
    std::uint64_t word = 0;
    auto* place = find(hash, word);
    if (place != nullptr) place->compare_exchange_strong(word, 0, std::memory_order_relaxed);
}

void RemoteIndex::clear() {
    for (std::size_t i = 0; i < kSets * kWays; ++i) places_[i].store(0, std::memory_order_relaxed);
}

std::int64_t RemoteIndex::server_us(std::uint64_t hash) const {
    std::uint64_t word = 0;
    if (find(hash, word) == nullptr) return 0;
    return std::max<std::int64_t>(1, std::llround(std::exp2(static_cast<double>(unpacked(word).cost - 1) / kCostSteps)));
}

bool RemoteIndex::has(std::uint64_t hash, Instant stored) const {
    std::uint64_t word = 0;
    return find(hash, word) != nullptr && unpacked(word).stamp == stamp_of(stored);
}

}  // namespace larder::cache
