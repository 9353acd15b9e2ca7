#include "advisor/signals.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::advisor;

namespace {

StatementRow shape(std::string id, std::uint64_t calls, std::uint64_t mean_us) {
    StatementRow row;
    row.id = std::move(id), row.fingerprint = "00000000000000aa", row.database = "d", row.text = "select " + row.id;
    row.calls = row.misses = row.server_calls = calls;
    row.server_us = calls * mean_us;
    row.is_read = true;
    row.reads = {100};
    row.texts = 1;
    return row;
}

}  // namespace

TEST_CASE("a statement is slow by its mean, or by its share of all time") {
    const SignalLimits limits{100'000, 0.05, 1'000'000, 10};
    CHECK(find_slow({shape("a", 1, 100'000)}, limits) == std::vector<std::string>{"slow"});
    CHECK(find_slow({shape("a", 1000, 900), shape("b", 1, 2)}, limits) == std::vector<std::string>{"", ""});  // too little in all
    CHECK(find_slow({shape("a", 10'000, 900), shape("b", 10, 2'000), shape("c", 9, 99'000)}, limits) == std::vector<std::string>{"share", "", ""});
    CHECK(find_slow({shape("a", 10'000, 900'000)}, {0, 0, 0, 0}) == std::vector<std::string>{""});
    CHECK(find_slow({shape("a", 0, 0)}, limits) == std::vector<std::string>{""});
}

TEST_CASE("long rows of one statement are told, with what comes before them") {
    auto list = shape("list", 10, 100), item = shape("item", 500, 100);
    item.sequences = 10, item.sequence_calls = 480, item.sequence_after = "list";
    std::vector<StatementRow> rows = {list, item};
    const auto found = find_sequences(rows);
    REQUIRE(found.size() == 1);
    CHECK(found[0].row->id == "item");
    CHECK(found[0].advice.why.find("48 times in a row") != std::string::npos);
    CHECK(found[0].advice.why.find("select list") != std::string::npos);
    item.is_read = false;  // a bulk of INSERTs is nothing to join
    CHECK(find_sequences({list, item}).empty());
    item.is_read = true, item.sequences = 4;
    CHECK(find_sequences({list, item}).empty());
}

TEST_CASE("constants written into a statement are told when there are many") {
    auto flood = shape("flood", 1000, 10);
    flood.texts = 900;
    CHECK(find_floods({flood}).size() == 1);
    flood.texts = 300;
    CHECK(find_floods({flood}).empty());
    flood.texts = 900, flood.fingerprint = "0000000000000000";
    CHECK(find_floods({flood}).empty());
}

TEST_CASE("a read that is asked a lot and seldom found in the cache is told, with who spoils it or why") {
    auto read = shape("read", 1000, 5'000), write = shape("write", 700, 100), other = shape("other", 9'000, 1);
    write.is_read = other.is_read = false;
    write.writes = {100}, other.writes = {200};
    const std::vector<StatementRow> spoiled = {read, write, other};
    auto found = find_uncached(spoiled);
    REQUIRE(found.size() == 1);
    CHECK(found[0].advice.kind == "cache");
    CHECK(found[0].advice.why.find("select write") != std::string::npos);
    read.misses = 100, read.bypasses = 900, read.bypass_reason = "time_dependent";
    const std::vector<StatementRow> bypassed = {read};
    found = find_uncached(bypassed);
    REQUIRE(found.size() == 1);
    CHECK(found[0].advice.why.find("time_dependent") != std::string::npos);
    read.hits = 9'000, read.calls = 10'000;
    CHECK(find_uncached({read}).empty());
}

namespace {

// As if it had been sent with so many different values.
void come_with(StatementRow& row, std::uint64_t values) {
    std::uint64_t random = 88172645463325252;
    for (std::uint64_t i = 0; i < values; ++i) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        row.distinct.add(random);
    }
}

}  // namespace

TEST_CASE("the expected hit rate follows from values that come again and writes that come between") {
    auto read = shape("read", 1000, 5'000);
    CHECK_FALSE(expected_hit_rate(read, 0));
    come_with(read, 10);
    CHECK(*expected_hit_rate(read, 0) == Approx(0.99).epsilon(0.01));
    CHECK(*expected_hit_rate(read, 100) == Approx(0.495).epsilon(0.15));  // as many writes as calls with each value
    read.is_by_row = true;                                                // each write meets one value of ten
    CHECK(*expected_hit_rate(read, 100) == Approx(0.9).epsilon(0.05));
    auto other = shape("other", 1000, 5'000);
    come_with(other, 1000);
    CHECK(*expected_hit_rate(other, 0) < 0.25);
    auto written_out = shape("written out", 1000, 5'000);                 // constants in the texts, of which few were looked at
    come_with(written_out, 15);
    written_out.texts = 960;
    CHECK(*expected_hit_rate(written_out, 0) == Approx(0.04).epsilon(0.01));
}

TEST_CASE("how long an answer lives tells how many calls it answers") {
    auto read = shape("read", 1000, 5'000);
    come_with(read, 10);
    read.seconds = 100;                                                   // each value once a second
    const double c = 1;
    CHECK(*expected_hit_rate(read, 0, {.bound = 1}) == Approx(c * 1 / (1 + c * 1)).epsilon(0.15));
    CHECK(*expected_hit_rate(read, 0, {.bound = 1, .max_stale = 9}) == Approx(0.9).epsilon(0.05));
    CHECK(*expected_hit_rate(read, 1000, {}) == Approx(1 / 11.0).epsilon(0.15));          // ten writes a second, each meets all values
    CHECK(*expected_hit_rate(read, 1000, {.max_stale = 9}) == Approx(0.9).epsilon(0.05));  // they no longer matter
    CHECK(*expected_hit_rate(read, 10, {.max_stale = 9}) > *expected_hit_rate(read, 10));
    // A write every two seconds and three seconds of age: 3 + e^(-1.5) / 0.5.
    const double life = 3 + std::exp(-1.5) / 0.5;
    CHECK(*expected_hit_rate(read, 50, {.max_stale = 3}) == Approx(life / (1 + life)).epsilon(0.05));
    read.seconds = 0;                                                     // for how long is not known: ages tell nothing
    CHECK(*expected_hit_rate(read, 1000, {.bound = 1, .max_stale = 9}) == *expected_hit_rate(read, 1000));
}

TEST_CASE("where age would help, the rule that allows it is advised, the least age that brings nearly all first") {
    auto read = shape("read", 1000, 5'000), write = shape("write", 1000, 100);
    read.fingerprint = "00000000000000aa", read.database = "shop", read.role = "o'app";
    write.is_read = false, write.writes = {100}, write.database = "shop";
    come_with(read, 10);
    read.seconds = 100;                                                   // each value once a second, ten writes
    auto found = find_uncached({read, write});
    REQUIRE(found.size() == 1);
    const auto& best = found[0].advice;
    CHECK(best.kind == "cache");
    CHECK(best.deploy == std::vector<std::string>{"CREATE RULE \"advice-" + read.id + "\" WITH (database = 'shop', fingerprint = '00000000000000aa', max_stale = '5s', role = 'o''app')"});
    CHECK(best.undo == std::vector<std::string>{"DROP RULE IF EXISTS \"advice-" + read.id + "\""});
    CHECK(best.why.find("select write") != std::string::npos);
    CHECK(best.why.find("up to 5s old answers about 8") != std::string::npos);
    REQUIRE(found[0].more.size() == 3);
    CHECK(found[0].more[0].deploy[0].find("'1s'") != std::string::npos);
    CHECK(found[0].more[2].deploy[0].find("'5min'") != std::string::npos);
    CHECK(*found[0].more[2].gain > *best.gain);
    // Nobody writes, but others might.
    found = find_uncached({read}, 1);
    REQUIRE(found.size() == 1);
    CHECK(found[0].advice.why.find("others may write") != std::string::npos);
    CHECK(found[0].advice.deploy.size() == 1);
    // What is never cached is not helped by age.
    read.misses = 0, read.bypasses = 1000, read.bypass_reason = "time_dependent";
    found = find_uncached({read});
    REQUIRE(found.size() == 1);
    CHECK(found[0].advice.deploy.empty());
    CHECK(found[0].more.empty());
}

TEST_CASE("caching is advised with what it would bring, and not where values never come again") {
    auto read = shape("read", 1000, 5'000), write = shape("write", 900, 100);
    write.is_read = false, write.writes = {100};
    come_with(read, 10);
    auto found = find_uncached({read, write});
    REQUIRE(found.size() == 1);
    CHECK(found[0].advice.why.find("Without that statement about 99 %") != std::string::npos);
    CHECK(*found[0].advice.gain == Approx(0.99).epsilon(0.01));
    read.misses = 0, read.bypasses = 1000, read.bypass_reason = "time_dependent";
    found = find_uncached({read});
    REQUIRE(found.size() == 1);
    CHECK(found[0].advice.why.find("Without it about 99 %") != std::string::npos);
    auto unique = shape("unique", 5'000, 5'000);
    come_with(unique, 6'000);
    CHECK(find_uncached({unique}).empty());
}
