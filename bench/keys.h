// Which key is asked for next.
//
// Threads: none; one chooser serves one loop.
#pragma once

#include <cstdint>
#include <vector>

namespace larder::bench {

enum class Distribution { uniform, zipf, single, sequential };

// xoshiro256** (Blackman and Vigna): a few cycles per number, so that the client stays cheaper than what it measures.
class Random {
public:
    explicit Random(std::uint64_t seed);
    std::uint64_t next();
    std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>((next() >> 32) * bound >> 32); }
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
    std::uint64_t state_[4];
};

// Keys from first + 1 to first + count. Zipf gives key i the weight 1/i^theta, drawn in constant time by the alias
// method (Walker 1977, in Vose's linear construction); sequential wraps at the end.
class KeyChooser {
public:
    KeyChooser(Distribution distribution, std::uint32_t first, std::uint32_t count, double theta, std::uint64_t seed);
    std::uint32_t next();
    Random& random() { return random_; }

private:
    void build_alias(double theta);

    Distribution distribution_;
    std::uint32_t first_, count_, at_ = 0;
    Random random_;
    std::vector<float> keep_;            // probability that a cell gives its own rank
    std::vector<std::uint32_t> alias_;   // what it gives otherwise
};

}  // namespace larder::bench
