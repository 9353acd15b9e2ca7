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
