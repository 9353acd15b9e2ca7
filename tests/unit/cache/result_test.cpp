#include "cache/result.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

using namespace larder;
using namespace larder::cache;

namespace {

struct Noted {
    Counter counter;
    Note note;
    Noted() { REQUIRE(take_note({&counter}, note)); }
};

}  // namespace

TEST_CASE("a result gives back its parts, contiguous") {
    Counter a, b;
    Note note;
    REQUIRE(take_note({&a, &b}, note));
    const std::string rows(10'000, 'r');
    const ResultRef result =
        CachedResult::make(std::string_view("k\0y", 3), note, {"TTT", rows, "CC"}, {1234, 7}, Instant{100}, Instant{200});
    REQUIRE(result);
    CHECK(result->key() == std::string_view("k\0y", 3));
    CHECK(result->has_row_description());
    CHECK(result->row_description() == "TTT");
    CHECK(result->rows_and_complete() == rows + "CC");
    CHECK(result->all() == "TTT" + rows + "CC");
    CHECK(result->all().data() + 3 == result->rows_and_complete().data());
    CHECK(result->note_count() == 2);
    CHECK(result->note()[1].counter == &b);
    CHECK(result->stored() == Instant{100});
    CHECK(result->expires() == Instant{200});
    CHECK(result->cost().server_us == 1234);
    CHECK(result->cost().rows == 7);
}

TEST_CASE("a result without row description, rows or key") {
    Noted noted;
    const ResultRef result = CachedResult::make("", noted.note, {"", "", "C"}, {}, Instant{}, kNever);
    CHECK_FALSE(result->has_row_description());
    CHECK(result->all() == "C");
    CHECK(result->rows_and_complete() == "C");
    CHECK(result->key().empty());
}

TEST_CASE("a result is fresh as long as its note is current") {
    Noted noted;
    const ResultRef result = CachedResult::make("k", noted.note, {"", "r", "C"}, {}, Instant{}, kNever);
    CHECK(result->is_fresh());
    noted.counter.begin();
    CHECK_FALSE(result->is_fresh());
    noted.counter.end();
    CHECK_FALSE(result->is_fresh());
}

TEST_CASE("a result made without a note is never fresh") {
    CHECK_FALSE(CachedResult::make("k", {}, {"", "r", "C"}, {}, Instant{}, kNever)->is_fresh());
}

TEST_CASE("bytes counts all memory of a result") {
    Noted noted;
    const auto bytes = [&](std::size_t n) {
        return CachedResult::make("key", noted.note, {"", std::string(n, 'r'), ""}, {}, Instant{}, kNever)->bytes();
    };
    CHECK(bytes(0) >= sizeof(CachedResult) + sizeof(NotedCounter) + 3);
    CHECK(bytes(0) <= 128);
    CHECK(bytes(4096) >= bytes(0) + 4096 - 16);
    CHECK(bytes(4096) <= bytes(0) + 4096 + 16);
    CHECK(bytes(1) % 16 == 0);
}

TEST_CASE("references are counted") {
    Noted noted;
    ResultRef a = CachedResult::make("k", noted.note, {"", "r", "C"}, {}, Instant{}, kNever);
    ResultRef b = a;
    CHECK(a == b);
    a = ResultRef();
    CHECK_FALSE(a);
    CHECK(b->all() == "rC");
    ResultRef c = std::move(b);
    CHECK_FALSE(b);
    ResultRef& itself = c;
    c = itself;
    CHECK(c->all() == "rC");
    CHECK_FALSE(c == CachedResult::make("k", noted.note, {"", "r", "C"}, {}, Instant{}, kNever));
}

TEST_CASE("references may be dropped on any thread") {
    Noted noted;
    std::atomic<int> wrong{0};  // Catch2's own assertions belong to one thread
    for (int round = 0; round < 50; ++round) {
        ResultRef result = CachedResult::make("k", noted.note, {"", std::string(100, 'r'), "C"}, {}, Instant{}, kNever);
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([mine = result, &wrong]() mutable {
                for (int i = 0; i < 100; ++i) {
                    ResultRef copy = mine;
                    mine = ResultRef();
                    mine = copy;
                }
                if (mine->all().size() != 101) ++wrong;
            });
        }
        result = ResultRef();
        for (std::thread& thread : threads) thread.join();
    }
    CHECK(wrong == 0);
}
