// The one source of chance in a simulation: a seed decides everything that happens.
#pragma once

#include <cstdint>

namespace larder::simulation {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15u;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    // 0 … bound - 1.
    std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    bool percent(unsigned chance) { return below(100) < chance; }

private:
    std::uint64_t state_;
};

}  // namespace larder::simulation
