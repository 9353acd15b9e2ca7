#include "proxy/session/sequence_watch.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::session;

namespace {

constexpr std::uint64_t kList = 1, kItem = 2, kPrice = 3;

// What a session sends, a millisecond apart. A record's hash is ten times its skeleton.
struct Talk {
    SequenceWatch watch;
    std::int64_t at_us = 0;
    bool is_in_block = false;

    std::uint32_t says(std::uint64_t skeleton, std::int64_t pause_us = 1'000) {
        at_us += pause_us;
        return watch.saw(skeleton, skeleton * 10, Instant{at_us}, is_in_block);
    }
};

}  // namespace

TEST_CASE("texts that differ in constants only have one skeleton") {
    const auto one = skeleton_of("SELECT a FROM t1 WHERE id = 1 AND b = 'x'");
    CHECK(one != 0);
    CHECK(skeleton_of("SELECT a FROM t1 WHERE id = 4711 AND b = 'it''s'") == one);
    CHECK(skeleton_of("SELECT a FROM t1 WHERE id = 1.5e7 AND b = ''") == one);
    CHECK(skeleton_of("SELECT a FROM t2 WHERE id = 1 AND b = 'x'") != one);
    CHECK(skeleton_of("SELECT a FROM t1 WHERE id = $1 AND b = 'x'") != one);
    CHECK(skeleton_of("SELECT a FROM t1 WHERE id = 1 AND c = 'x'") != one);
    CHECK(skeleton_of("") != 0);
    CHECK(skeleton_of("SELECT 'open") == skeleton_of("SELECT 'open too"));
}

TEST_CASE("the same statement again and again is a row, with what came before it") {
    Talk talk;
    for (int round = 0; round < 3; ++round) {
        CHECK(talk.says(kList) == 1);
        for (std::uint32_t i = 1; i <= 25; ++i) CHECK(talk.says(kItem) == i);
        CHECK(talk.watch.before() == kList * 10);
    }
}

TEST_CASE("a pause ends a row: whoever asks once a second is not in a loop") {
    Talk talk;
    for (int i = 0; i < 30; ++i) CHECK(talk.says(kItem, 1'000'000) == 1);
    CHECK(talk.watch.before() == 0);
    talk.is_in_block = true;
    for (int i = 0; i < 30; ++i) CHECK(talk.says(kItem, 1'000'000) == 1);
}

TEST_CASE("inside a block a loop may ask for several things of each row") {
    Talk talk;
    talk.is_in_block = true;
    CHECK(talk.says(kList) == 1);
    for (std::uint32_t i = 1; i <= 20; ++i) {
        CHECK(talk.says(kItem) == i);
        CHECK(talk.says(kPrice) == i);
    }
    CHECK(talk.watch.before() == kItem * 10);
    CHECK(talk.says(kList) == 1);  // far away: it is no part of the loop
    talk.watch.block_ended();
    CHECK(talk.says(kItem) == 1);
}

TEST_CASE("outside a block statements in turn are requests that share a connection") {
    Talk talk;
    for (int i = 0; i < 30; ++i) {
        CHECK(talk.says(kItem) == 1);
        CHECK(talk.says(kPrice) == 1);
    }
}

TEST_CASE("a loop asks for at most four things of each row") {
    Talk talk;
    talk.is_in_block = true;
    for (std::uint32_t i = 1; i <= 20; ++i) {
        for (std::uint64_t part = 1; part <= 4; ++part) CHECK(talk.says(part) == i);
    }
    talk.watch.block_ended();
    for (int i = 0; i < 20; ++i) {
        for (std::uint64_t part = 1; part <= 5; ++part) CHECK(talk.says(part) == 1);
    }
}
