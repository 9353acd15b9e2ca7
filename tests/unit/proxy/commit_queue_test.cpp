// When a commit of the feed counts: once it is over in a snapshot, and it is known whose it was.
#include <catch2/catch.hpp>

#include "proxy/commit_queue.h"

using namespace larder;
using namespace larder::proxy;
using larder::protocol::Snapshot;
using session::OwnTransactions;

namespace {

protocol::WalCommit commit(std::uint32_t transaction, protocol::Lsn lsn = 100) {
    protocol::WalCommit made;
    made.transaction = transaction;
    made.lsn = lsn;
    return made;
}

constexpr Instant kNow{1};

struct Queue {
    OwnTransactions own;
    CommitQueue queue{own};
    Instant at{1'000'000};

    Queue() { own.set_wanted(true); }
    std::vector<SeenCommit> answered(std::string_view snapshot) {
        queue.answered(*Snapshot::parse(snapshot), at);
        return queue.take(at);
    }
};

}  // namespace

TEST_CASE("A commit counts once a snapshot shows that it is over") {
    Queue q;
    q.queue.add(commit(10));
    CHECK(q.queue.has_new());
    q.queue.asking();
    CHECK_FALSE(q.queue.has_new());
    CHECK(q.answered("10:12:10").empty());  // still running there
    CHECK(q.queue.has_invisible());
    CHECK(q.queue.applied(500) == 100);
    q.queue.asking();
    const auto seen = q.answered("11:12:");
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].commit.transaction == 10);
    CHECK_FALSE(seen[0].own);
    CHECK(q.queue.applied(500) == 500);
}

TEST_CASE("What is over in a snapshot is over, whenever the log comes") {
    Queue q;
    q.queue.asking();
    q.queue.add(commit(10));  // while the question is under way
    REQUIRE(q.answered("11:13:11").size() == 1);
    CHECK_FALSE(q.queue.has_new());
    q.queue.add(commit(11, 200));  // after its answer
    q.queue.add(commit(12, 300));
    CHECK(q.queue.has_new());  // for the sake of 11
    const auto seen = q.queue.take(q.at);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].commit.transaction == 12);
    CHECK(q.queue.applied(500) == 200);
}

TEST_CASE("A commit in the middle does not wait for the one before it") {
    Queue q;
    q.queue.add(commit(10, 100));
    q.queue.add(commit(11, 200));
    q.queue.asking();
    const auto seen = q.answered("10:12:10");
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].commit.transaction == 11);
    CHECK(q.queue.applied(500) == 100);
}

TEST_CASE("What a session asked for is its own") {
    Queue q;
    q.own.begin({}, q.at)->answered(10);
    q.queue.add(commit(10));
    q.queue.add(commit(11));
    q.queue.asking();
    const auto seen = q.answered("12:12:");
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].own);
    CHECK_FALSE(seen[1].own);
}

TEST_CASE("An answer that is under way is waited for, if it began before the commit was seen") {
    Queue q;
    auto ask = q.own.begin({}, q.at);
    q.queue.add(commit(10));
    q.queue.asking();
    CHECK(q.answered("11:11:").empty());
    CHECK(q.queue.wants_decision());
    CHECK(q.queue.applied(500) == 100);
    SECTION("it was that one") {
        ask->answered(10);
        const auto seen = q.queue.take(q.at);
        REQUIRE(seen.size() == 1);
        CHECK(seen[0].own);
    }
    SECTION("it was another one") {
        ask->answered(9);
        const auto seen = q.queue.take(q.at);
        REQUIRE(seen.size() == 1);
        CHECK_FALSE(seen[0].own);
    }
    SECTION("its session has gone") {
        ask.reset();
        CHECK_FALSE(q.queue.take(q.at).at(0).own);
    }
    SECTION("later ones do not matter") {
        const auto later = q.own.begin({}, q.at);
        ask->answered(std::nullopt);
        CHECK_FALSE(q.queue.take(q.at).at(0).own);
    }
    SECTION("it takes too long: then it counts as somebody else's") {
        CHECK(q.queue.take(q.at + (CommitQueue::kAskTimeout - std::chrono::microseconds(1))).empty());
        CHECK_FALSE(q.queue.take(q.at + CommitQueue::kAskTimeout).at(0).own);
    }
}

TEST_CASE("A prepared transaction is nobody's own") {
    Queue q;
    q.own.begin({}, q.at)->answered(10);
    auto prepared = commit(10);
    prepared.was_prepared = true;
    q.queue.add(prepared);
    q.queue.asking();
    CHECK_FALSE(q.answered("11:11:").at(0).own);
}

TEST_CASE("Who stands behind something that takes long is not waited for") {
    Queue q;
    const auto blocked = q.own.begin({}, q.at);
    q.at = q.at + CommitQueue::kAskTimeout + std::chrono::microseconds(1);
    q.queue.add(commit(10));
    q.queue.asking();
    CHECK(q.answered("11:11:").size() == 1);
}

TEST_CASE("Whoever was running at the stream's begin may have changed anything when it is over") {
    Queue q;
    q.queue.add_running({7, 9});
    q.queue.asking();
    CHECK(q.answered("7:12:7,9").empty());
    CHECK(q.queue.applied(500) == 500);  // their commits, if they are in the stream, hold it back by themselves
    q.queue.asking();
    const auto seen = q.answered("7:12:7");
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].commit.is_anything);
    q.queue.asking();
    CHECK(q.answered("7:12:7").empty());
    q.queue.asking();
    CHECK(q.answered("12:12:").size() == 1);
}

TEST_CASE("The numbers of the log are those next to the snapshot's") {
    constexpr std::uint64_t kRound = std::uint64_t{1} << 32;
    const auto snapshot = *Snapshot::parse(std::to_string(3 * kRound + 5) + ":" + std::to_string(3 * kRound + 9) + ":" + std::to_string(3 * kRound + 6));
    CHECK(snapshot.widen(6) == 3 * kRound + 6);
    CHECK(snapshot.widen(0xFFFF'FFF0) == 2 * kRound + 0xFFFF'FFF0);
    CHECK(Snapshot::parse(std::to_string(2 * kRound + 0xFFFF'FF00) + ":" + std::to_string(2 * kRound + 0xFFFF'FF00) + ":")->widen(3) == 3 * kRound + 3);
    CHECK(snapshot.is_over(3 * kRound + 5));
    CHECK_FALSE(snapshot.is_over(3 * kRound + 6));
    CHECK_FALSE(snapshot.is_over(3 * kRound + 9));
    CHECK(snapshot.running_before(3 * kRound + 11) == std::vector<std::uint64_t>{3 * kRound + 6, 3 * kRound + 9, 3 * kRound + 10});
}

TEST_CASE("A text that is no snapshot is refused") {
    for (const char* text : {"", "1", "1:2", "2:1:", "0:1:", "1:2:3", "1:9:3,2", "1:9:3,3", "1:9:3,", "1:9:,3", "x:9:", "1:9:0", "1:9:3 ", "1:99999999999999999999:"}) {
        INFO(text);
        CHECK_FALSE(Snapshot::parse(text));
    }
    CHECK(Snapshot::parse("5:5:"));
    CHECK(Snapshot::parse("5:9:5,8"));
}

TEST_CASE("Own transactions are known as long as somebody wants to know") {
    OwnTransactions own;
    own.begin({}, kNow)->answered(5);
    CHECK_FALSE(own.find(5));
    own.set_wanted(true);
    auto ask = own.begin({}, kNow);
    CHECK_FALSE(own.have_ended(own.newest(), kLongAgo));
    ask->answered(6);
    ask->answered(7);  // the first answer counts
    CHECK(own.have_ended(own.newest(), kLongAgo));
    CHECK(own.find(6));
    CHECK_FALSE(own.find(7));
    own.forget(6);
    CHECK_FALSE(own.find(6));
    for (std::uint64_t number = 100; number < 100 + 70'000; ++number) own.begin({}, kNow)->answered(number);
    CHECK_FALSE(own.find(100));
    CHECK(own.find(70'099));
    own.set_wanted(true);
    CHECK_FALSE(own.find(70'099));
}
