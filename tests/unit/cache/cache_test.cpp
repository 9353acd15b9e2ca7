#include "cache/cache.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "unit/cache/cache_support.h"

using namespace larder;
using namespace larder::cache;
using namespace larder::cache::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    Counter t, u;
    Cache cache{CacheLimits{}};
    Key key{"select 1"};

    bool store(const Spec& spec = {}) { return cache.store(key, make_result(key, note_of(t), spec), kStart); }
    Lookup find(Instant now = kStart, const ReadBounds& bounds = kAnyAge, bool needs_row_description = true) {
        return cache.find(key, now, bounds, needs_row_description);
    }
};

}  // namespace

TEST_CASE("the key hash tells keys apart and is stable within a process") {
    CHECK(hash_key("a") == hash_key(std::string("a")));
    CHECK(hash_key("a") != hash_key("b"));
    CHECK(hash_key("") != hash_key(std::string_view("\0", 1)));
}

TEST_CASE_METHOD(Fixture, "what was stored is found, with the same bytes") {
    CHECK(find().miss == Miss::absent);
    CHECK_FALSE(find().result);
    REQUIRE(store());
    const Lookup hit = find();
    REQUIRE(hit.result);
    CHECK(hit.result->all() == "TrowsC");
    CHECK(cache.stats().entries == 1);
    CHECK(cache.stats().stored == 1);
    CHECK(cache.stats().bytes >= hit.result->bytes());
}

TEST_CASE_METHOD(Fixture, "a write makes the entry stale from its begin on, and the entry goes") {
    REQUIRE(store());
    t.begin();
    Lookup lookup = find();
    CHECK_FALSE(lookup.result);
    CHECK(lookup.miss == Miss::stale);
    CHECK(cache.stats().entries == 0);
    CHECK(cache.stats().bytes == 0);
    CHECK(cache.stats().found_stale == 1);
    t.end();
    CHECK(find().miss == Miss::absent);
}

TEST_CASE_METHOD(Fixture, "each counter of the note counts, whichever place it has") {
    std::vector<Counter> counters(6);
    std::vector<const Counter*> depends_on;
    for (const Counter& counter : counters) depends_on.push_back(&counter);
    for (Counter& moved : counters) {
        Note note;
        REQUIRE(take_note(depends_on, note));
        REQUIRE(cache.store(key, make_result(key, note), kStart));
        REQUIRE(find().result);
        moved.move();
        CHECK(find().miss == Miss::stale);
    }
}

TEST_CASE_METHOD(Fixture, "a result whose counters have moved is not stored") {
    const ResultRef result = make_result(key, note_of(t));
    SECTION("in flight") { t.begin(); }
    SECTION("over") { t.move(); }
    CHECK_FALSE(cache.store(key, result, kStart));
    CHECK(cache.stats().entries == 0);
    CHECK(cache.stats().found_stale == 1);
}

TEST_CASE_METHOD(Fixture, "a result without a note is not stored, nor none at all") {
    CHECK_FALSE(cache.store(key, make_result(key, {}), kStart));
    CHECK_FALSE(cache.store(key, {}, kStart));
    CHECK(cache.stats().entries == 0);
}

TEST_CASE_METHOD(Fixture, "the entry's time ends at `expires`") {
    REQUIRE(store({.expires = Instant{kStart.us + 500}}));
    CHECK(find(Instant{kStart.us + 499}).result);
    CHECK(find(Instant{kStart.us + 500}).miss == Miss::expired);
    CHECK(cache.stats().entries == 0);
    CHECK(cache.stats().expired == 1);
    CHECK_FALSE(store({.expires = kStart}));
}

TEST_CASE_METHOD(Fixture, "max_age is the reader's own and drops nothing") {
    REQUIRE(store());
    const Instant later{kStart.us + 1000};
    CHECK(find(later, {.max_age = 1000us}).result);
    CHECK(find(later, {.max_age = 999us}).miss == Miss::expired);
    CHECK(find(later).result);
    CHECK(cache.stats().expired == 0);
}

TEST_CASE("what a write made old is given to who takes it, until it is too old") {
    Counter server, catalogue, t;
    Cache cache{CacheLimits{}};
    const Key key{"select 1"};
    Note note;
    REQUIRE(take_note({&server, &catalogue, &t}, note));
    const auto store = [&] { return cache.store(key, make_result(key, note, {.stale_until = Instant{kStart.us + 1000}}), kStart); };
    const auto find = [&](std::int64_t later_us, const ReadBounds& bounds) { return cache.find(key, Instant{kStart.us + later_us}, bounds, true); };
    REQUIRE(store());
    CHECK_FALSE(find(10, {.max_stale = 500us}).is_stale);
    t.begin();
    CHECK(find(499, {.max_stale = 500us}).result);
    CHECK(find(499, {.max_stale = 500us}).is_stale);
    t.end();
    CHECK(find(499, {.max_stale = 500us}).result);

    SECTION("the age is the reader's own, and drops nothing") {
        CHECK(find(500, {.max_stale = 500us}).miss == Miss::stale);
        CHECK(find(10, {}).miss == Miss::stale);
        CHECK(find(500, {.max_stale = 501us}).result);
    }
    SECTION("what its reader wrote since it has to show") {
        CHECK(find(10, {.max_stale = 500us, .not_before = kStart}).miss == Miss::stale);
        CHECK(find(10, {.max_stale = 500us, .not_before = Instant{kStart.us - 1}}).result);
    }
    SECTION("its time being over, it goes") {
        CHECK(find(1000, {.max_stale = 5000us}).miss == Miss::stale);
        CHECK(cache.stats().entries == 0);
    }
    SECTION("another server or schema: never") {
        (GENERATE(true, false) ? server : catalogue).move();
        CHECK(find(10, {.max_stale = 500us}).miss == Miss::stale);
        CHECK(cache.stats().entries == 0);
        CHECK_FALSE(store());
    }
    SECTION("it is not swept, and is stored although it is old already") {
        for (int i = 0; i < 100; ++i) cache.sweep(Instant{kStart.us + 999});
        CHECK(find(10, {.max_stale = 500us}).result);
        cache.purge_all();
        REQUIRE(store());
        CHECK(find(10, {.max_stale = 500us}).is_stale);
        for (int i = 0; i < 100; ++i) cache.sweep(Instant{kStart.us + 1000});
        CHECK(cache.stats().entries == 0);
    }
    SECTION("what was noted later takes its place, and not what was noted earlier") {
        Note newer;
        REQUIRE(take_note({&server, &catalogue, &t}, newer));
        const auto store_as = [&](const char* rows, const Note& noted, std::int64_t at) {
            return cache.store(key, make_result(key, noted, {.rows = rows, .stored = Instant{kStart.us + at}, .stale_until = Instant{kStart.us + at + 1000}}), kStart);
        };
        CHECK_FALSE(store_as("earlier", note, -5));
        CHECK(store_as("later", newer, 5));
        CHECK(find(10, {.max_stale = 500us}).result->all() == "TlaterC");
        CHECK_FALSE(find(10, {}).is_stale);
    }
}

TEST_CASE_METHOD(Fixture, "an answer that nothing made old may outlive max_age by max_stale") {
    REQUIRE(store());
    const Instant later{kStart.us + 1000};
    CHECK(find(later, {.max_age = 10us, .max_stale = 1000us}).miss == Miss::expired);
    CHECK(find(later, {.max_age = 10us, .max_stale = 1001us}).is_stale);
    CHECK(find(later, {.max_age = 10us, .max_stale = 1001us, .not_before = kStart}).miss == Miss::expired);
    CHECK(cache.stats().entries == 1);
}

TEST_CASE_METHOD(Fixture, "a reader who needs the row description gets none without") {
    REQUIRE(store({.row_description = ""}));
    CHECK(find().miss == Miss::no_row_description);
    const Lookup hit = find(kStart, kAnyAge, false);
    REQUIRE(hit.result);
    CHECK(hit.result->all() == "rowsC");
    t.move();
    CHECK(find().miss == Miss::stale);  // says so, and not what it lacks
}

TEST_CASE_METHOD(Fixture, "keys are compared in full when their hashes fall together") {
    const Key a("a", 42), b("b", 42), c("c", 42);
    REQUIRE(cache.store(a, make_result(a, note_of(t), {.rows = "ra"}), kStart));
    CHECK(cache.find(b, kStart, kAnyAge, true).miss == Miss::absent);
    REQUIRE(cache.store(b, make_result(b, note_of(u), {.rows = "rb"}), kStart));
    REQUIRE(cache.store(c, make_result(c, note_of(t), {.rows = "rc"}), kStart));
    CHECK(cache.find(a, kStart, kAnyAge, true).result->all() == "TraC");
    CHECK(cache.find(b, kStart, kAnyAge, true).result->all() == "TrbC");
    CHECK(cache.find(c, kStart, kAnyAge, true).result->all() == "TrcC");
    u.move();
    CHECK(cache.find(b, kStart, kAnyAge, true).miss == Miss::stale);
    CHECK(cache.find(a, kStart, kAnyAge, true).result);
    CHECK(cache.find(c, kStart, kAnyAge, true).result);
    CHECK(cache.stats().entries == 2);
}

TEST_CASE_METHOD(Fixture, "a newer result replaces an older one of the same key") {
    const Instant later{kStart.us + 10};
    REQUIRE(store({.rows = "old"}));
    SECTION("smaller") {
        REQUIRE(store({.rows = "n", .stored = later}));
        CHECK(find().result->all() == "TnC");
    }
    SECTION("larger") {
        REQUIRE(store({.rows = std::string(1000, 'n'), .stored = later}));
        CHECK(find().result->rows_and_complete().size() == 1001);
    }
    SECTION("an older one does not replace a newer") {
        REQUIRE(store({.rows = "new", .stored = later}));
        CHECK_FALSE(store({.rows = "old"}));
        CHECK(find().result->all() == "TnewC");
    }
    SECTION("one without a row description does not replace one that has it") {
        CHECK_FALSE(store({.row_description = "", .stored = later}));
        CHECK(find().result);
    }
    SECTION("but does when that is stale") {
        t.move();
        REQUIRE(store({.rows = "new", .row_description = ""}));
        CHECK(find(kStart, kAnyAge, false).result->all() == "newC");
    }
    CHECK(cache.stats().entries == 1);
    CHECK(cache.stats().bytes < 2000);
}

TEST_CASE_METHOD(Fixture, "a result that a reader holds outlives its entry") {
    REQUIRE(store());
    const ResultRef held = find().result;
    cache.purge_all();
    CHECK(held->all() == "TrowsC");
}

TEST_CASE_METHOD(Fixture, "purge drops everything and the cache goes on") {
    for (int i = 0; i < 500; ++i) {
        const Key other("k" + std::to_string(i));
        REQUIRE(cache.store(other, make_result(other, note_of(t)), kStart));
    }
    CHECK(cache.stats().entries == 500);
    cache.purge_all();
    CHECK(cache.stats().entries == 0);
    CHECK(cache.stats().bytes == 0);
    REQUIRE(store());
    CHECK(find().result);
}

TEST_CASE("an entry that is too large is not kept") {
    Counter t;
    Cache cache({.bytes_max = 16u << 20, .entry_bytes_max = 10'000});
    const Key key("k");
    CHECK_FALSE(cache.store(key, make_result(key, note_of(t), {.rows = std::string(10'001, 'r')}), kStart));
    CHECK(cache.stats().refused_admission == 1);
    CHECK(cache.store(key, make_result(key, note_of(t), {.rows = std::string(9'000, 'r')}), kStart));
}

TEST_CASE("a cache without bytes keeps nothing") {
    Counter t;
    Cache cache({.bytes_max = 0});
    const Key key("k");
    CHECK_FALSE(cache.store(key, make_result(key, note_of(t)), kStart));
    CHECK(cache.find(key, kStart, kAnyAge, true).miss == Miss::absent);
    cache.sweep(kStart);
}

TEST_CASE("sweeps find what nobody asks for any more") {
    Counter t, u;
    Cache cache({.bytes_max = 64u << 20});
    for (int i = 0; i < 9000; ++i) {
        const Key key("k" + std::to_string(i));
        const Spec spec{.expires = i % 3 == 0 ? Instant{kStart.us + 5} : kNever};
        REQUIRE(cache.store(key, make_result(key, note_of(i % 3 == 1 ? t : u), spec), kStart));
    }
    cache.sweep(kStart);
    CHECK(cache.stats().entries == 9000);  // all alive
    t.move();
    const Instant later{kStart.us + 5};
    cache.sweep(later);
    const std::uint64_t after_one = cache.stats().entries;
    CHECK(after_one >= 9000 - 3000);  // bounded: one sweep does not go through all
    for (int i = 0; i < 60; ++i) cache.sweep(later);
    const CacheStats stats = cache.stats();
    CHECK(stats.entries == 3000);
    CHECK(stats.found_stale == 3000);
    CHECK(stats.expired == 3000);
}

TEST_CASE_METHOD(Fixture, "entries can be visited with their hits") {
    REQUIRE(store());
    for (int i = 0; i < 3; ++i) REQUIRE(find().result);
    for (int i = 0; i < 50; ++i) {
        const Key other("k" + std::to_string(i));
        REQUIRE(cache.store(other, make_result(other, note_of(t)), kStart));
    }
    int visited = 0;
    std::uint32_t hits = 0;
    cache.visit_entries(1000, [&](const ResultRef& result, std::uint32_t count) {
        ++visited;
        if (result->key() == key.text) hits = count;
        cache.find(key, kStart, kAnyAge, true);  // no lock is held
    });
    CHECK(visited == 51);
    CHECK(hits == 3);
    visited = 0;
    cache.visit_entries(10, [&](const ResultRef&, std::uint32_t) { ++visited; });
    CHECK(visited == 10);
}

// Writers change a register inside begin and end; fillers note, read it and store; readers that hit must not see a value
// older than the last one whose write was over before they asked. Takes every rule of the hit path at once.
TEST_CASE("no hit is older than a write that was over before the lookup") {
    Counter t;
    Cache cache({.bytes_max = 1u << 20});
    const Key key("k");
    std::atomic<int> table{0}, acknowledged{0}, stale{0}, hits{0};
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            Note note;
            while (!is_over) {
                const int least = acknowledged.load();
                const Lookup hit = cache.find(key, kStart, kAnyAge, true);
                if (hit.result) {
                    hits.fetch_add(1);
                    if (std::stoi(std::string(hit.result->rows_and_complete())) < least) stale.fetch_add(1);
                    continue;
                }
                if (!take_note({&t}, note)) continue;
                const std::string rows = std::to_string(table.load());
                cache.store(key, make_result(key, note, {.rows = rows + " "}), kStart);
            }
        });
    }
    for (int value = 1; value <= 20'000; ++value) {
        t.begin();
        table.store(value);
        t.end();
        acknowledged.store(value);
        if (value % 8 == 0) std::this_thread::yield();
    }
    while (hits == 0) std::this_thread::yield();  // nothing is written any more: sooner or later one hits
    is_over = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(stale == 0);
}

TEST_CASE("what was noted before it was kept out is not taken in, and what is there already stays") {
    struct Nobody final : Evictions {
        void on_evicted(const ResultRef&) override { ++calls; }
        int calls = 0;
    } second_level;
    Counter t;
    Cache cache({.bytes_max = 16u << 20, .entry_bytes_max = 10'000});
    const Key old("old"), key("k");
    const auto store = [&](const Key& as, Instant noted) { return cache.store(as, make_result(as, note_of(t), {.stored = noted}), kStart, &second_level); };
    REQUIRE(store(old, kStart));
    CHECK(cache.kept_out() == kLongAgo);
    cache.keep_out(kStart);
    cache.keep_out(Instant{kStart.us - 1});  // the later one counts
    CHECK(cache.kept_out() == kStart);
    CHECK_FALSE(store(key, kStart));
    CHECK(second_level.calls == 0);
    CHECK(cache.find(old, kStart, {}, false).result);
    CHECK(store(key, Instant{kStart.us + 1}));
}
