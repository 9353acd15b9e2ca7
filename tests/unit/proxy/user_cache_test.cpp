// How long an answer about a user is good, and that made-up names cost no memory.
#include "cache/counter.h"
#include "proxy/user_cache.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::proxy;
using std::chrono::milliseconds;

namespace {

// What a counter that has moved so often says.
std::uint64_t word_after(int moves) {
    cache::Counter counter;
    for (int i = 0; i < moves; ++i) counter.move();
    return counter.load();
}

session::UserSecretRef secret(const std::string& text) { return std::make_shared<const protocol::UserSecret>(text, "0123456789abcdef"); }

struct Fixture {
    UserCache cache{milliseconds(5'000)};
    Instant at{1'000'000'000};
    const std::uint64_t word = word_after(3);
};

}  // namespace

TEST_CASE("an answer is good for its time, whether the user exists or not") {
    Fixture f;
    CHECK_FALSE(f.cache.find("anna", f.word, f.at).has_value());
    f.cache.keep("anna", secret("pencil"), f.word, f.at);
    f.cache.keep("bert", nullptr, f.word, f.at);
    REQUIRE(f.cache.find("anna", f.word, f.at + milliseconds(4'999)).has_value());
    CHECK((*f.cache.find("anna", f.word, f.at))->text() == "pencil");
    REQUIRE(f.cache.find("bert", f.word, f.at + milliseconds(4'999)).has_value());
    CHECK(*f.cache.find("bert", f.word, f.at) == nullptr);
    for (const auto* name : {"anna", "bert"}) CHECK_FALSE(f.cache.find(name, f.word, f.at + milliseconds(5'000)).has_value());
}

TEST_CASE("a change of roles ends every answer, and one that is under way allows none") {
    Fixture f;
    f.cache.keep("anna", secret("pencil"), f.word, f.at);
    CHECK_FALSE(f.cache.find("anna", word_after(4), f.at).has_value());
    cache::Counter counter;
    counter.begin();
    f.cache.keep("carl", secret("pencil"), counter.load(), f.at);
    CHECK_FALSE(f.cache.find("carl", counter.load(), f.at).has_value());
}

TEST_CASE("after a wrong password the server is asked again, but not at once") {
    Fixture f;
    f.cache.keep("anna", secret("pencil"), f.word, f.at);
    f.cache.keep("bert", nullptr, f.word, f.at);
    f.cache.doubt("anna"), f.cache.doubt("bert"), f.cache.doubt("nobody");
    for (const auto* name : {"anna", "bert"}) {
        CHECK(f.cache.find(name, f.word, f.at + milliseconds(999)).has_value());
        CHECK_FALSE(f.cache.find(name, f.word, f.at + milliseconds(1'000)).has_value());
    }
    f.cache.keep("anna", secret("eraser"), f.word, f.at + milliseconds(1'000));
    CHECK(f.cache.find("anna", f.word, f.at + milliseconds(5'000)).has_value());
}

TEST_CASE("a user who is made or dropped has one answer, the newest") {
    Fixture f;
    f.cache.keep("anna", nullptr, f.word, f.at);
    f.cache.keep("anna", secret("pencil"), f.word, f.at);
    CHECK(*f.cache.find("anna", f.word, f.at) != nullptr);
    CHECK(f.cache.size() == 1);
    f.cache.keep("anna", nullptr, f.word, f.at);
    CHECK(*f.cache.find("anna", f.word, f.at) == nullptr);
    CHECK(f.cache.size() == 1);
}

TEST_CASE("a storm of names that do not exist stays within its bounds and pushes nobody out") {
    Fixture f;
    f.cache.keep("anna", secret("pencil"), f.word, f.at);
    for (int i = 0; i < 50'000; ++i) f.cache.keep("made up " + std::to_string(i), nullptr, f.word, f.at);
    CHECK(f.cache.size() == UserCache::kUnknownMax + 1);
    CHECK(f.cache.find("anna", f.word, f.at).has_value());
    CHECK(f.cache.find("made up 49999", f.word, f.at).has_value());
    CHECK_FALSE(f.cache.find("made up 0", f.word, f.at).has_value());
    for (int i = 0; i < 20'000; ++i) f.cache.keep("user " + std::to_string(i), secret("pencil"), f.word, f.at);
    CHECK(f.cache.size() == UserCache::kUnknownMax + UserCache::kUsersMax);
}

TEST_CASE("without an age nothing is kept") {
    Fixture f;
    UserCache none(milliseconds(0));
    none.keep("anna", secret("pencil"), f.word, f.at);
    CHECK(none.size() == 0);
}
