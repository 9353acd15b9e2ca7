#include "cache/counter.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "cache/write_ticket.h"

using namespace larder;
using namespace larder::cache;

namespace {

constexpr std::uint64_t word(std::uint64_t in_flight, std::uint64_t version) { return in_flight * Counter::kOneInFlight + version; }

}  // namespace

TEST_CASE("a write moves the version at its begin and at its end, and is in flight between") {
    Counter counter;
    CHECK(counter.load() == 0);
    counter.begin();
    CHECK(counter.load() == word(1, 1));
    counter.begin();
    CHECK(counter.load() == word(2, 2));
    counter.end();
    CHECK(counter.load() == word(1, 3));
    CHECK(Counter::is_in_flight(counter.load()));
    counter.end();
    CHECK(counter.load() == word(0, 4));
    CHECK_FALSE(Counter::is_in_flight(counter.load()));
    counter.move();
    CHECK(counter.load() == word(0, 5));
}

TEST_CASE("a move keeps what is in flight") {
    Counter counter;
    counter.begin();
    counter.move();
    CHECK(counter.load() == word(1, 2));
}

TEST_CASE("the arithmetic stops at its edges instead of carrying over") {
    constexpr std::uint64_t last = Counter::kVersionMask;
    SECTION("the in-flight count saturates and stays") {
        const std::uint64_t full = Counter::begun(word(Counter::kInFlightMax - 1, 7));
        CHECK(full == word(Counter::kInFlightMax, 8));
        CHECK(Counter::is_saturated(full));
        CHECK(Counter::begun(full) == full);
        CHECK(Counter::ended(full) == full);
        CHECK(Counter::moved(full) == full);
    }
    SECTION("a version that is used up saturates the counter") {
        for (const std::uint64_t before : {word(0, last), word(1, last), word(77, last)}) {
            CHECK(Counter::begun(before) == word(Counter::kInFlightMax, last));
            CHECK(Counter::moved(before) == word(Counter::kInFlightMax, last));
            CHECK(Counter::ended(before) == word(Counter::kInFlightMax, last));
        }
        CHECK(Counter::begun(word(0, last - 1)) == word(1, last));
        CHECK(Counter::is_in_flight(Counter::ended(word(1, last))));
    }
}

TEST_CASE("a counter that 65535 writes were in flight on is never idle again") {
    Counter counter;
    for (std::uint64_t i = 0; i < Counter::kInFlightMax; ++i) counter.begin();
    CHECK(Counter::is_saturated(counter.load()));
    const std::uint64_t full = counter.load();
    for (std::uint64_t i = 0; i < Counter::kInFlightMax + 5; ++i) counter.end();
    CHECK(counter.load() == full);
    counter.begin();
    counter.move();
    CHECK(counter.load() == full);

    Note note;
    CHECK_FALSE(take_note({&counter}, note));
    CHECK_FALSE(is_current(note));
}

TEST_CASE("one below saturation still comes back") {
    Counter counter;
    for (std::uint64_t i = 0; i < Counter::kInFlightMax - 1; ++i) counter.begin();
    for (std::uint64_t i = 0; i < Counter::kInFlightMax - 1; ++i) counter.end();
    CHECK(counter.load() == word(0, 2 * (Counter::kInFlightMax - 1)));
}

TEST_CASE("a note is current until any one of its counters moves") {
    std::vector<Counter> counters(5);
    std::vector<const Counter*> depends_on;
    for (const Counter& counter : counters) depends_on.push_back(&counter);

    // Each position in turn, so that a check that skips one counter is found.
    for (Counter& moved : counters) {
        Note note;
        REQUIRE(take_note(depends_on, note));
        REQUIRE(is_current(note));
        SECTION("a whole write between note and check, counter " + std::to_string(&moved - counters.data())) {
            moved.begin();
            CHECK_FALSE(is_current(note));
            moved.end();
            CHECK_FALSE(is_current(note));
        }
        SECTION("a move, counter " + std::to_string(&moved - counters.data())) {
            moved.move();
            CHECK_FALSE(is_current(note));
        }
        SECTION("a note while a write is in flight is refused, counter " + std::to_string(&moved - counters.data())) {
            moved.begin();
            Note refused;
            CHECK_FALSE(take_note(depends_on, refused));
            CHECK(refused.size() == depends_on.size());
            CHECK_FALSE(is_current(refused));  // nothing moved since, and yet
            moved.end();
            CHECK_FALSE(is_current(refused));  // a write that was in flight at the note is over: still not
            CHECK(take_note(depends_on, refused));
            CHECK(is_current(refused));
        }
    }
}

TEST_CASE("a refused note replaces an older one") {
    Counter quiet, busy;
    Note note;
    REQUIRE(take_note({&quiet}, note));
    busy.begin();
    CHECK_FALSE(take_note({&busy}, note));
    REQUIRE(note.size() == 1);
    CHECK(note[0].counter == &busy);
    busy.end();
}

TEST_CASE("an empty note is never current and never storable") {
    Note note;
    CHECK_FALSE(take_note({}, note));
    CHECK_FALSE(is_current(note));
}

TEST_CASE("concurrent writes lose neither a begin nor an end") {
    Counter counter;
    constexpr int kThreads = 4, kWrites = 20'000;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < kWrites; ++i) {
                counter.begin();
                counter.end();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(counter.load() == word(0, 2ull * kThreads * kWrites));
}

// A register that writers change between begin and end, as a server would, and readers copy between note and check. If
// the note is current after a second look at the register, both looks must agree: that is all a hit relies on.
TEST_CASE("between a note and a check that passes nothing became visible") {
    Counter counter;
    std::atomic<int> value{0};
    std::atomic<bool> is_over{false};
    std::atomic<int> wrong{0}, checked{0};
    std::thread writer([&] {
        for (int i = 1; i <= 50'000; ++i) {
            counter.begin();
            value.store(i, std::memory_order_relaxed);
            counter.end();
            if (i % 16 == 0) std::this_thread::yield();
        }
        is_over = true;
    });
    std::thread reader([&] {
        Note note;
        bool is_last = false;
        do {
            is_last = is_over;
            if (!take_note({&counter}, note)) continue;
            const int answer = value.load(std::memory_order_acquire);
            const int truth = value.load(std::memory_order_acquire);
            if (!is_current(note)) continue;
            checked.fetch_add(1);
            if (answer != truth) wrong.fetch_add(1);
        } while (!is_last);
    });
    writer.join();
    reader.join();
    CHECK(wrong == 0);
    CHECK(checked > 0);
}

TEST_CASE("relations and databases keep their address and are listed in order") {
    ServerCounters server;
    DatabaseCounters& shop = server.database("shop");
    RelationCounters& orders = shop.relation(20'000);
    for (Oid oid = 30'000; oid > 16'384; oid -= 7) shop.relation(oid);
    for (int i = 0; i < 200; ++i) server.database("db" + std::to_string(i));

    CHECK(&server.database("shop") == &shop);
    CHECK(&shop.relation(20'000) == &orders);
    CHECK(&server.database("db7") != &shop);
    CHECK(&server.database("db7").relation(20'000) != &orders);

    const auto relations = shop.relations();
    CHECK(std::is_sorted(relations.begin(), relations.end(), [](auto& a, auto& b) { return a.first < b.first; }));
    CHECK(std::count_if(relations.begin(), relations.end(), [&](auto& known) { return known.second == &orders; }) == 1);
    const auto databases = server.databases();
    CHECK(databases.size() == 201);
    CHECK(std::is_sorted(databases.begin(), databases.end(), [](auto& a, auto& b) { return a.first < b.first; }));
}

TEST_CASE("threads that ask for the same relation get the same counters") {
    DatabaseCounters database;
    std::vector<std::vector<RelationCounters*>> seen(4);
    std::vector<std::thread> threads;
    for (auto& mine : seen) {
        threads.emplace_back([&database, &mine] {
            for (Oid oid = 1; oid <= 500; ++oid) mine.push_back(&database.relation(oid));
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& other : seen) CHECK(other == seen[0]);
    CHECK(database.relations().size() == 500);
}

TEST_CASE("the counter of a row is the same for the same hash, and counters of keys are apart") {
    DatabaseCounters database;
    CHECK(&database.row(7) == &database.row(7));
    CHECK(&database.row(7) != &database.row(8));
    CHECK(&database.row(7) == &database.row(7 + DatabaseCounters::kRowCounters));
    auto& relation = database.relation(1);
    CHECK(&relation.keys[0].all != &relation.keys[1].all);
    database.row(7).begin();
    CHECK(Counter::is_in_flight(database.row(7).load()));
    CHECK_FALSE(Counter::is_in_flight(database.row(8).load()));
    database.row(7).end();
}
