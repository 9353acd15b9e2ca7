#include "cache/remote_index.h"

#include "unit/cache/cache_support.h"

namespace larder::cache::test {

TEST_CASE("the index knows what was put there, what it cost and which answer it was") {
    RemoteIndex index;
    const std::uint64_t hash = hash_key("a"), other = hash_key("b");
    CHECK(index.server_us(hash) == 0);
    for (const std::int64_t cost : {std::int64_t{1}, std::int64_t{900}, std::int64_t{1'000'000}, std::int64_t{3'600'000'000}}) {
        index.add(hash, cost, kStart);
        CHECK(index.server_us(hash) >= cost * 98 / 100);
        CHECK(index.server_us(hash) <= cost * 102 / 100);
    }
    CHECK(index.has(hash, kStart));
    CHECK_FALSE(index.has(hash, Instant{kStart.us + 1}));
    CHECK_FALSE(index.has(other, kStart));
    index.forget(other);
    index.forget(hash);
    CHECK(index.server_us(hash) == 0);
    CHECK_FALSE(index.has(hash, kStart));
    index.add(hash, 5, kStart);
    index.clear();
    CHECK(index.server_us(hash) == 0);
}

TEST_CASE("of five in one set the cheapest is forgotten") {
    RemoteIndex index;
    const auto hash = [](std::uint64_t tag) { return tag << 24 | 17; };
    for (std::uint64_t tag = 1; tag <= 4; ++tag) index.add(hash(tag), static_cast<std::int64_t>(tag == 3 ? 10 : 1000 * tag), kStart);
    index.add(hash(5), 5000, kStart);
    CHECK(index.server_us(hash(3)) == 0);
    for (const std::uint64_t tag : {1, 2, 4, 5}) CHECK(index.server_us(hash(tag)) > 0);
}

}  // namespace larder::cache::test
