#include "cache/frequency_sketch.h"

#include <catch2/catch.hpp>
#include <random>

using namespace larder::cache;

TEST_CASE("the sketch counts up to its maximum") {
    FrequencySketch sketch(4096);
    CHECK(sketch.bytes() == 4096);
    const std::uint64_t key = 0x1234567890ABCDEF;
    CHECK(sketch.estimate(key) == 0);
    for (std::uint32_t i = 1; i <= 20; ++i) {
        sketch.increment(key, 1000);
        CHECK(sketch.estimate(key) == std::min(i, FrequencySketch::kCountMax));
    }
    CHECK(sketch.estimate(~key) == 0);
}

TEST_CASE("the sketch never counts too little, and seldom much too much") {
    FrequencySketch sketch(16 << 10);
    std::mt19937_64 random(7);
    std::vector<std::uint64_t> keys(2000);
    for (auto& key : keys) key = random();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        for (std::size_t n = 0; n < i % 8; ++n) sketch.increment(keys[i], keys.size());
    }
    int too_much = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        CHECK(sketch.estimate(keys[i]) >= i % 8);
        if (sketch.estimate(keys[i]) > i % 8) ++too_much;
    }
    CHECK(too_much < 200);
}

TEST_CASE("old fame fades") {
    FrequencySketch sketch(64);
    const std::uint64_t key = 99;
    for (int i = 0; i < 15; ++i) sketch.increment(key, 0);
    REQUIRE(sketch.estimate(key) == 15);
    // Other keys' accesses age it. 80 (ten for each of the block's eight words) make a sample.
    for (std::uint64_t other = 1000; other < 1065; ++other) sketch.increment(other << 40, 0);
    CHECK(sketch.estimate(key) <= 8);
}

TEST_CASE("a sketch of no size still works") {
    FrequencySketch sketch(0);
    sketch.increment(1, 0);
    CHECK(sketch.estimate(1) == 1);
    CHECK(sketch.bytes() == 64);
}
