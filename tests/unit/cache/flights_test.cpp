#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "base/check.h"
#include "cache/cache.h"
#include "unit/cache/cache_support.h"

using namespace larder;
using namespace larder::cache;
using namespace larder::cache::test;

namespace {

struct Waiter : FlightWaiter {
    int calls = 0;
    bool leads = false;
    ResultRef result;

    void on_result(ResultRef given) override {
        ++calls;
        result = std::move(given);
    }
    void on_no_result(bool leads_now) override {
        ++calls;
        leads = leads_now;
    }
};

struct Fixture {
    Counter t;
    Cache cache{CacheLimits{.waiters_max = 3}};
    Key key{"select 1"};
    Waiter leader, a, b, c, d;

    ResultRef answer(const Note& note) { return make_result(key, note); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "one leads, the others wait and get the same answer") {
    const Note note = note_of(t);
    CHECK(cache.join(key, note, &leader) == Join::leads);
    CHECK(cache.join(key, note, &a) == Join::waits);
    CHECK(cache.join(key, note, &b) == Join::waits);
    const ResultRef result = answer(note);
    cache.land(key, result);
    CHECK(leader.calls == 0);
    for (Waiter* waiter : {&a, &b}) {
        CHECK(waiter->calls == 1);
        CHECK(waiter->result == result);
    }
    CHECK(cache.stats().flights == 1);
    CHECK(cache.stats().waiters == 2);
    CHECK(cache.join(key, note, &a) == Join::leads);  // the flight is over
    cache.fail(key, false);
}

TEST_CASE_METHOD(Fixture, "nobody joins a flight whose note has moved, but those who did still get the answer") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    SECTION("in flight") { t.begin(); }
    SECTION("over") { t.move(); }
    CHECK(cache.join(key, note, &b) == Join::alone);
    cache.land(key, answer(note));
    CHECK(a.result);
    CHECK(b.calls == 0);
}

TEST_CASE_METHOD(Fixture, "a flight without a note takes no waiters") {
    CHECK(cache.join(key, {}, &leader) == Join::leads);
    CHECK(cache.join(key, note_of(t), &a) == Join::alone);
    cache.land(key, answer(note_of(t)));
    CHECK(a.calls == 0);
}

TEST_CASE_METHOD(Fixture, "waiters are limited, and who cannot wait goes alone") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, nullptr) == Join::leads);
    CHECK(cache.join(key, note, nullptr) == Join::alone);
    CHECK(cache.join(key, note, &a) == Join::waits);
    CHECK(cache.join(key, note, &b) == Join::waits);
    CHECK(cache.join(key, note, &c) == Join::waits);
    CHECK(cache.join(key, note, &d) == Join::alone);
    CHECK(cache.leave(key, &b));
    CHECK(cache.join(key, note, &d) == Join::waits);
    cache.land(key, answer(note));
    CHECK(a.calls + c.calls + d.calls == 3);
    CHECK(b.calls == 0);
}

TEST_CASE_METHOD(Fixture, "flights of different keys are apart, also when their hashes are equal") {
    const Key x("x", 7), y("y", 7), z("z", 7);
    const Note note = note_of(t);
    CHECK(cache.join(x, note, &leader) == Join::leads);
    CHECK(cache.join(y, note, &leader) == Join::leads);
    CHECK(cache.join(z, note, &leader) == Join::leads);
    CHECK(cache.join(x, note, &a) == Join::waits);
    CHECK(cache.join(y, note, &b) == Join::waits);
    CHECK(cache.join(z, note, &c) == Join::waits);
    CHECK_FALSE(cache.leave(x, &b));
    cache.land(y, make_result(y, note));
    CHECK(a.calls == 0);
    CHECK(b.calls == 1);
    cache.fail(x, false);
    CHECK(a.calls == 1);
    CHECK(c.calls == 0);
    cache.land(z, make_result(z, note));
    CHECK(c.result);
}

TEST_CASE_METHOD(Fixture, "an answer that can never be kept sends all waiters alone") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    REQUIRE(cache.join(key, note, &b) == Join::waits);
    cache.fail(key, false);
    for (Waiter* waiter : {&a, &b}) {
        CHECK(waiter->calls == 1);
        CHECK_FALSE(waiter->leads);
        CHECK_FALSE(waiter->result);
    }
    CHECK(cache.join(key, note, &c) == Join::leads);
    cache.fail(key, true);  // nobody to hand over to: the same
    CHECK(cache.join(key, note, &c) == Join::leads);
    cache.fail(key, true);
}

TEST_CASE_METHOD(Fixture, "a leader that fails hands over to the first waiter, who notes anew") {
    const Note old_note = note_of(t);
    REQUIRE(cache.join(key, old_note, &leader) == Join::leads);
    REQUIRE(cache.join(key, old_note, &a) == Join::waits);
    REQUIRE(cache.join(key, old_note, &b) == Join::waits);
    cache.fail(key, true);
    CHECK(a.calls == 1);
    CHECK(a.leads);
    CHECK(b.calls == 0);
    CHECK_FALSE(cache.leave(key, &a));  // it is no waiter any more, it owes land() or fail()

    CHECK(cache.join(key, old_note, &c) == Join::alone);  // not noted yet
    t.move();
    const Note new_note = note_of(t);
    cache.lead(key, new_note);
    CHECK(cache.join(key, new_note, &c) == Join::waits);
    const ResultRef result = answer(new_note);
    cache.land(key, result);
    CHECK(a.calls == 1);
    CHECK(b.result == result);
    CHECK(c.result == result);
}

TEST_CASE_METHOD(Fixture, "a flight can be handed over until nobody waits") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    for (Waiter* waiter : {&a, &b, &c}) REQUIRE(cache.join(key, note, waiter) == Join::waits);
    for (Waiter* waiter : {&a, &b, &c}) {
        cache.fail(key, true);
        CHECK(waiter->leads);
    }
    cache.fail(key, true);
    CHECK(cache.join(key, note, &d) == Join::leads);
    cache.fail(key, false);
}

TEST_CASE_METHOD(Fixture, "an answer that was noted before the flight was is not given to those who joined it") {
    const Note old_note = note_of(t);
    t.move();
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    SECTION("older") { cache.land(key, answer(old_note)); }
    SECTION("of other counters") {
        Counter other;
        cache.land(key, answer(note_of(other)));
    }
    SECTION("none") { cache.land(key, {}); }
    CHECK(a.calls == 1);
    CHECK_FALSE(a.result);
    CHECK_FALSE(a.leads);
}

TEST_CASE_METHOD(Fixture, "an answer that was noted later will do") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    t.move();
    cache.land(key, answer(note_of(t)));
    CHECK(a.result);
}

TEST_CASE_METHOD(Fixture, "a new leader that lands without having noted gives nothing away") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    REQUIRE(cache.join(key, note, &b) == Join::waits);
    cache.fail(key, true);
    cache.land(key, answer(note));
    CHECK(b.calls == 1);
    CHECK_FALSE(b.result);
}

TEST_CASE_METHOD(Fixture, "a waiter that left is not called") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    CHECK(cache.leave(key, &a));
    CHECK_FALSE(cache.leave(key, &a));
    cache.land(key, answer(note));
    CHECK(a.calls == 0);
    CHECK_FALSE(cache.leave(key, &a));
}

TEST_CASE_METHOD(Fixture, "leading and landing without a flight are bugs of the caller") {
    CHECK_THROWS_AS(cache.lead(key, note_of(t)), BrokenInvariant);
    CHECK_THROWS_AS(cache.land(key, answer(note_of(t))), BrokenInvariant);
    CHECK_THROWS_AS(cache.fail(key, true), BrokenInvariant);
}

TEST_CASE_METHOD(Fixture, "a purge does not disturb flights") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    cache.purge_all();
    cache.land(key, answer(note));
    CHECK(a.result);
}

TEST_CASE_METHOD(Fixture, "what is kept out is given to nobody, and nobody joins it, until somebody leads anew") {
    const Note note = note_of(t);
    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    cache.keep_out(kStart);
    CHECK(cache.join(key, note, &b) == Join::alone);
    cache.land(key, answer(note));
    CHECK(a.calls == 1);
    CHECK_FALSE(a.result);

    REQUIRE(cache.join(key, note, &leader) == Join::leads);
    REQUIRE(cache.join(key, note, &a) == Join::waits);
    cache.keep_out(kStart);
    cache.fail(key, true);
    REQUIRE(a.leads);
    cache.lead(key, note);
    CHECK(cache.join(key, note, &b) == Join::waits);
    cache.land(key, answer(note));
    CHECK(b.result);
}

namespace {

// Counts its calls; destroyed as soon as the rules allow it, so that the sanitizers see a call that comes too late.
struct Racer : FlightWaiter {
    enum class Call { none, result, alone, leads };
    std::atomic<Call> call{Call::none};
    std::atomic<int> calls{0};
    std::string rows;

    void on_result(ResultRef result) override {
        rows = result->rows_and_complete();
        calls.fetch_add(1);
        call.store(Call::result);  // the last touch: the owner may destroy this now
    }
    void on_no_result(bool leads) override {
        calls.fetch_add(1);
        call.store(leads ? Call::leads : Call::alone);
    }
};

// What all threads of the race share. `table` is the server: writers change it inside begin and end.
struct Race {
    Counter t;
    std::atomic<int> table{0}, acknowledged{0};
    std::atomic<int> stale{0}, double_calls{0}, answers{0}, left{0}, handed_over{0};
    Cache cache{CacheLimits{.waiters_max = 8}};
    std::vector<Key> keys{Key("k0"), Key("k1", 5), Key("k2", 5)};

    void fly_as_leader(const Key& key, std::mt19937_64& random, const Note& note) {
        const std::string rows = std::to_string(table.load());
        if (random() % 4 == 0) std::this_thread::yield();
        if (note.empty()) cache.fail(key, random() % 2 == 0);
        else if (random() % 4 == 0) cache.fail(key, random() % 4 != 0);
        else cache.land(key, make_result_unchecked(key, note, rows));
    }
    static ResultRef make_result_unchecked(const Key& key, const Note& note, const std::string& rows) {
        return CachedResult::make(key.text, note, {"T", rows, " C"}, {}, kStart, kNever);
    }
    void lead_after_hand_over(const Key& key, std::mt19937_64& random) {
        handed_over.fetch_add(1);
        Note note;
        if (!take_note({&t}, note)) note.clear();
        cache.lead(key, note);
        fly_as_leader(key, random, note);
    }
    void read_once(std::mt19937_64& random) {
        const Key& key = keys[random() % keys.size()];
        auto racer = std::make_unique<Racer>();
        const int least = acknowledged.load();
        Note note;
        if (!take_note({&t}, note)) note.clear();
        switch (cache.join(key, note, racer.get())) {
            case Join::leads: fly_as_leader(key, random, note); return;
            case Join::alone: return;
            case Join::waits: break;
        }
        if (random() % 3 == 0 && cache.leave(key, racer.get())) {
            left.fetch_add(1);
            if (racer->calls != 0) double_calls.fetch_add(1);
            return;
        }
        while (racer->call == Racer::Call::none) std::this_thread::yield();
        if (racer->calls != 1) double_calls.fetch_add(1);
        if (racer->call == Racer::Call::leads) lead_after_hand_over(key, random);
        if (racer->call != Racer::Call::result) return;
        answers.fetch_add(1);
        if (std::stoi(racer->rows) < least) stale.fetch_add(1);
    }
};

}  // namespace

TEST_CASE("flights under threads: one call each, none after leaving, no answer older than the joining") {
    Race race;
    constexpr int kReaders = 4, kReads = 5000;
    std::atomic<int> running{kReaders};
    std::vector<std::thread> threads;
    for (int seed = 0; seed < kReaders; ++seed) {
        threads.emplace_back([&race, &running, seed] {
            std::mt19937_64 random(seed);
            for (int i = 0; i < kReads; ++i) race.read_once(random);
            running.fetch_sub(1);
        });
    }
    for (int value = 1; running > 0; ++value) {
        race.t.begin();
        race.table.store(value);
        race.t.end();
        race.acknowledged.store(value);
        for (int i = 0; i < 3; ++i) std::this_thread::yield();
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(race.stale == 0);
    CHECK(race.double_calls == 0);
    WARN("answers " << race.answers << ", left " << race.left << ", handed over " << race.handed_over);
    Waiter last;
    for (const Key& key : race.keys) CHECK(race.cache.join(key, note_of(race.t), &last) == Join::leads);  // none is left behind
}
