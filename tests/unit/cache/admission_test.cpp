// Who stays in the cache: frequency, server time and size decide, and the budget holds whatever comes.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <list>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cache/cache.h"
#include "unit/cache/cache_support.h"

using namespace larder;
using namespace larder::cache;
using namespace larder::cache::test;

namespace {

constexpr std::size_t kBudget = 1u << 20;

// One shard, so that the tests know which entries compete.
struct SmallCache {
    Counter t;
    Cache cache{{.bytes_max = kBudget, .entry_bytes_max = kBudget / 4}};

    // Asks, and fetches on a miss, as a session does. True: a hit.
    bool use(const Key& key, const Spec& spec = {.rows = std::string(800, 'r')}) {
        if (cache.find(key, kStart, kAnyAge, true).result) return true;
        cache.store(key, make_result(key, note_of(t), spec), kStart);
        return false;
    }
    bool has(const Key& key) const {
        bool found = false;
        cache.visit_entries(SIZE_MAX, [&](const ResultRef& result, std::uint32_t) { found |= result->key() == key.text; });
        return found;
    }
    int count(const std::vector<Key>& keys) const {
        return static_cast<int>(std::count_if(keys.begin(), keys.end(), [&](const Key& key) { return has(key); }));
    }
};

std::vector<Key> make_keys(const std::string& prefix, int count) {
    std::vector<Key> keys;
    for (int i = 0; i < count; ++i) keys.emplace_back(prefix + std::to_string(i));
    return keys;
}

// The plain cache to be better than: the same budget and the same charge for each entry, least recently used goes.
class PlainLru {
public:
    PlainLru(std::size_t budget, std::size_t entry_bytes) : entries_max_(budget / entry_bytes) {}
    bool use(int key) {
        if (const auto at = where_.find(key); at != where_.end()) {
            order_.splice(order_.begin(), order_, at->second);
            return true;
        }
        order_.push_front(key);
        where_[key] = order_.begin();
        if (order_.size() > entries_max_) {
            where_.erase(order_.back());
            order_.pop_back();
        }
        return false;
    }

private:
    std::size_t entries_max_;
    std::list<int> order_;
    std::unordered_map<int, std::list<int>::iterator> where_;
};

// Draws 0 … n-1 with the probabilities of Zipf's law.
class Zipf {
public:
    Zipf(int n, double skew) {
        double sum = 0;
        for (int i = 1; i <= n; ++i) sums_.push_back(sum += std::pow(i, -skew));
    }
    int operator()(std::mt19937_64& random) {
        const double at = std::uniform_real_distribution<double>(0, sums_.back())(random);
        return static_cast<int>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
    }

private:
    std::vector<double> sums_;
};

}  // namespace

TEST_CASE("the budget holds at every moment under random load") {
    Counter t;
    for (const std::size_t budget : {std::size_t{20'000}, kBudget, std::size_t{8} << 20}) {
        Cache cache({.bytes_max = budget, .entry_bytes_max = std::max<std::size_t>(budget / 8, 10'000)});
        std::mt19937_64 random(budget);
        std::uint64_t worst = 0;
        for (int i = 0; i < 30'000; ++i) {
            const Key key("k" + std::to_string(random() % 5000));
            const std::size_t bytes = random() % 50 == 0 ? random() % (budget / 8) : random() % 3000;
            Spec spec{.rows = std::string(bytes, 'r'), .server_us = static_cast<std::int64_t>(random() % 10'000)};
            spec.stored = Instant{kStart.us + i};
            if (random() % 20 == 0) spec.expires = Instant{kStart.us + i + 50};
            cache.find(key, Instant{kStart.us + i}, kAnyAge, true);
            cache.store(key, make_result(key, note_of(t), spec), Instant{kStart.us + i});
            if (i % 5000 == 4999) t.move();
            if (i % 100 == 0) cache.sweep(Instant{kStart.us + i});
            worst = std::max(worst, cache.stats().bytes);
        }
        CHECK(worst <= budget);
        CHECK(worst >= budget / 2);  // and is put to use

        std::uint64_t bytes = 0, entries = 0;
        cache.visit_entries(SIZE_MAX, [&](const ResultRef& result, std::uint32_t) { bytes += result->bytes(), ++entries; });
        CHECK(entries == cache.stats().entries);
        CHECK(bytes < cache.stats().bytes);  // stats count the overhead on top
        t.move();
        for (int i = 0; i < 2000; ++i) cache.sweep(kStart);
        CHECK(cache.stats().entries == 0);
        CHECK(cache.stats().bytes == 0);  // nothing was lost in the books
    }
}

TEST_CASE("the budget holds with many threads") {
    Counter t;
    const std::size_t budget = 2u << 20;
    Cache cache({.bytes_max = budget, .entry_bytes_max = 64u << 10});
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 3; ++seed) {
        threads.emplace_back([&, seed] {
            std::mt19937_64 random(seed);
            Note note;
            for (int i = 0; i < 10'000; ++i) {
                const Key key("k" + std::to_string(random() % 4000));
                if (cache.find(key, kStart, kAnyAge, true).result) continue;
                if (!take_note({&t}, note)) continue;
                cache.store(key, make_result(key, note, {.rows = std::string(random() % 5000, 'r')}), kStart);
                if (random() % 1000 == 0) t.move();
                if (random() % 500 == 0) cache.sweep(kStart);
                if (random() % 3000 == 0) cache.purge_all();
            }
        });
    }
    std::uint64_t worst = 0;
    std::thread watcher([&] {
        while (!is_over) worst = std::max(worst, cache.stats().bytes);
    });
    for (std::thread& thread : threads) thread.join();
    is_over = true;
    watcher.join();
    CHECK(worst <= budget);
}

TEST_CASE("on a Zipf workload it keeps more than the least recently used rule would") {
    const std::size_t entry_bytes = [] {
        SmallCache one;
        one.use(Key("k1"));
        return one.cache.stats().bytes;
    }();
    for (const double skew : {0.7, 0.9}) {
        SmallCache small;
        PlainLru lru(kBudget, entry_bytes);
        Zipf zipf(20'000, skew);
        std::mt19937_64 random(11);
        const std::vector<Key> keys = make_keys("k", 20'000);
        int hits = 0, lru_hits = 0;
        for (int i = 0; i < 150'000; ++i) {
            const int key = zipf(random);
            const bool counts = i >= 30'000;  // warm
            if (small.use(keys[key]) && counts) ++hits;
            if (lru.use(key) && counts) ++lru_hits;
        }
        WARN("skew " << skew << ": hit rate " << hits / 1200.0 << " %, least recently used " << lru_hits / 1200.0 << " %");
        CHECK(hits > lru_hits * 1.15);
    }
}

TEST_CASE("whatever fits into the free budget is stored, however little it is worth") {
    for (const std::size_t step : {std::size_t{300}, std::size_t{3'000}, std::size_t{40'000}, std::size_t{90'000}}) {
        SmallCache small;
        int stored = 0;
        // Each is worth less than all before, and those were asked for.
        for (std::uint64_t free = kBudget;; ++stored) {
            const Key key("k" + std::to_string(stored));
            const std::uint64_t before = small.cache.stats().bytes;
            const auto result = make_result(key, note_of(small.t), {.rows = std::string(step, 'r'), .server_us = 1'000'000 / (stored + 1)});
            // Room for it, its overhead and the sketch.
            if (free < result->bytes() + 200 + kBudget / 128) break;
            REQUIRE(small.cache.store(key, result, kStart));
            for (int i = 0; i < 3; ++i) small.cache.find(key, kStart, kAnyAge, true);
            CHECK(small.cache.stats().bytes > before);
            free = kBudget - small.cache.stats().bytes;
        }
        // One more that takes nearly all that is left, the window's part included.
        const std::uint64_t left = kBudget - kBudget / 128 - small.cache.stats().bytes;
        if (left > 2'000) {
            const Key last("last");
            CHECK(small.cache.store(last, make_result(last, note_of(small.t), {.rows = std::string(left - 500, 'r'), .server_us = 1}), kStart));
            ++stored;
        }
        CHECK(small.cache.stats().entries == static_cast<std::uint64_t>(stored));
        CHECK(small.cache.stats().evicted == 0);
        CHECK(small.cache.stats().refused_admission == 0);
    }
}

TEST_CASE("large entries that took the window's part do not keep new small keys out") {
    SmallCache small;
    for (int i = 0; i < 200; ++i) {
        const Key key("large" + std::to_string(i));
        for (int times = 0; times < 5; ++times) small.use(key, {.rows = std::string(20'000, 'r'), .server_us = 10'000'000});
    }
    // Worth little beside those, yet new keys have a window of their own.
    for (int i = 0; i < 50; ++i) {
        const Key key("new" + std::to_string(i));
        small.use(key, {.rows = std::string(500, 'r'), .server_us = 1});
        CHECK(small.has(key));
    }
}

TEST_CASE("a long scan does not push out what is used") {
    SmallCache small;
    const std::vector<Key> used = make_keys("used", 300);
    for (int round = 0; round < 8; ++round) {
        for (const Key& key : used) small.use(key);
    }
    REQUIRE(small.count(used) == 300);
    for (int i = 0; i < 5000; ++i) small.use(Key("scan" + std::to_string(i)));
    CHECK(small.count(used) >= 285);
    CHECK(small.cache.stats().refused_admission + small.cache.stats().evicted > 3000);
}

TEST_CASE("what becomes popular gets in, and what is no longer asked for goes") {
    SmallCache small;
    const std::vector<Key> first = make_keys("first", 1500), second = make_keys("second", 1500);
    for (int round = 0; round < 10; ++round) {
        for (const Key& key : first) small.use(key);
    }
    for (int round = 0; round < 40; ++round) {
        for (const Key& key : second) small.use(key);
    }
    const int kept_first = small.count(first), kept_second = small.count(second);
    CHECK(kept_second > 4 * kept_first);
}

TEST_CASE("of equally popular answers the dear ones stay") {
    SmallCache small;
    const std::vector<Key> cheap = make_keys("cheap", 1500), dear = make_keys("dear", 500);
    std::mt19937_64 random(3);
    for (int i = 0; i < 40'000; ++i) {
        const std::size_t at = random() % 2000;
        if (at < 500) small.use(dear[at], {.rows = std::string(800, 'r'), .server_us = 50'000});
        else small.use(cheap[at - 500], {.rows = std::string(800, 'r'), .server_us = 50});
    }
    CHECK(small.count(dear) > 480);
    CHECK(small.count(cheap) > 300);
    CHECK(small.count(cheap) < 900);
}

TEST_CASE("of equally popular answers the small ones stay") {
    SmallCache small;
    const std::vector<Key> little = make_keys("little", 1000), large = make_keys("large", 200);
    std::mt19937_64 random(4);
    for (int i = 0; i < 40'000; ++i) {
        const std::size_t at = random() % 1200;
        if (at < 1000) small.use(little[at], {.rows = std::string(500, 'r')});
        else small.use(large[at - 1000], {.rows = std::string(20'000, 'r')});
    }
    CHECK(small.count(little) > 950);
    CHECK(small.count(large) < 40);
}

TEST_CASE("stale and expired entries go before any that can be served") {
    Counter t, u;
    Cache cache({.bytes_max = kBudget, .entry_bytes_max = kBudget / 4});
    const std::string rows(800, 'r');
    for (int i = 0; i < 2000; ++i) {  // half depends on t, half on u; the latter are worth a hundredth
        const Key key("k" + std::to_string(i));
        cache.find(key, kStart, kAnyAge, true);
        cache.store(key, make_result(key, note_of(i % 2 == 0 ? t : u), {.rows = rows, .server_us = i % 2 == 0 ? 10'000 : 100}), kStart);
    }
    t.move();  // the dear half is worthless now
    const std::uint64_t evicted = cache.stats().evicted;
    for (int i = 0; i < 100; ++i) {
        const Key key("new" + std::to_string(i));
        cache.find(key, kStart, kAnyAge, true);
        CHECK(cache.store(key, make_result(key, note_of(u), {.rows = rows, .server_us = 100}), kStart));
    }
    CHECK(cache.stats().found_stale > 50);
    CHECK(cache.stats().evicted - evicted < 20);
}

TEST_CASE("a large answer that is worth it pushes out many small ones, in bounds") {
    SmallCache small;
    const std::vector<Key> filler = make_keys("filler", 3000);
    for (const Key& key : filler) small.use(key, {.rows = std::string(300, 'r'), .server_us = 10});
    const std::uint64_t before = small.cache.stats().entries;
    const Key large("large");
    small.use(large, {.rows = std::string(200'000, 'r'), .server_us = 5'000'000});
    CHECK(small.has(large));
    CHECK(small.cache.stats().entries < before - 300);

    // One that would have to push out more than a store may is refused.
    Counter t;
    Cache wide({.bytes_max = 8u << 20, .entry_bytes_max = 2u << 20});
    for (int i = 0; i < 60'000; ++i) {
        const Key key("k" + std::to_string(i));
        wide.store(key, make_result(key, note_of(t), {.rows = "r", .row_description = "", .server_us = 1}), kStart);
    }
    const std::uint64_t full = wide.stats().entries;
    CHECK_FALSE(wide.store(large, make_result(large, note_of(t), {.rows = std::string(1'900'000, 'r'), .server_us = 50'000'000}), kStart));
    CHECK(full - wide.stats().entries <= 1024);
}
