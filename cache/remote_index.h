// Which answers were put into the second level, so that a miss asks it only where that may pay.
//
// A table of fixed size, four places for each set of keys: part of the key's hash, what the answer cost the server, and which answer
// it was. It forgets what does not fit (the cheapest of four goes) and may be wrong about a key one time in 2^40; neither costs
// more than a question in vain or a visit to the server. What is really there is nobody's knowledge but the second level's.
//
// Threads: any; every place is one atomic word. No call allocates.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"

namespace larder::cache {

class RemoteIndex {
public:
    static constexpr std::size_t kSets = std::size_t{1} << 17;  // 4 MB
    static constexpr std::size_t kWays = 4;

    RemoteIndex();

    // It was sent there. `stored`: of the answer, to know it again.
    void add(std::uint64_t hash, std::int64_t server_us, Instant stored);
    // It is not there any more, or is of no use.
    void forget(std::uint64_t hash);
    // Nothing that was put there is asked for any more.
    void clear();
    // What the answer cost the server (us, within 1 %, at least 1); 0: it was never put there, or is forgotten.
    std::int64_t server_us(std::uint64_t hash) const;
    // This very answer was put there: no need to send it again.
    bool has(std::uint64_t hash, Instant stored) const;

private:
    struct Place {
        std::uint64_t tag, cost, stamp;
    };
    static std::uint64_t packed(Place place);
    static Place unpacked(std::uint64_t word);
    static std::uint64_t tag_of(std::uint64_t hash);
    static std::uint64_t stamp_of(Instant stored);
    static std::uint64_t cost_of(std::int64_t server_us);
    std::atomic<std::uint64_t>* set_of(std::uint64_t hash) const { return &places_[(hash & (kSets - 1)) * kWays]; }
    std::atomic<std::uint64_t>* find(std::uint64_t hash, std::uint64_t& word) const;

    const std::unique_ptr<std::atomic<std::uint64_t>[]> places_;  // zero: empty
};

}  // namespace larder::cache
