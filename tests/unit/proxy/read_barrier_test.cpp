// The read barrier: which waits a question ends, and that whoever passes it sees all that was committed before it came.
//
// The second half is a simulation: a server whose commits are flushed, then visible, then acknowledged, a feed that hears of them whenever
// it likes, questions and answers that take their time, and readers. It runs the feed's own parts. Two rules are taken out to see that it notices.
#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

#include "proxy/read_barrier.h"

using namespace larder;
using namespace larder::proxy;
using larder::protocol::Lsn;
using larder::protocol::Snapshot;
using session::OwnTransactions;

namespace {

struct Listener : BarrierListener {
    void post_barrier(std::uint64_t wait, bool has_passed) override { told.emplace_back(wait, has_passed); }
    std::vector<std::pair<std::uint64_t, bool>> told;
};

protocol::WalCommit commit(std::uint32_t transaction, Lsn lsn) {
    protocol::WalCommit made;
    made.transaction = transaction;
    made.lsn = lsn;
    return made;
}

}  // namespace

TEST_CASE("Without a feed no wait begins") {
    ReadBarrier barrier;
    Listener listener;
    CHECK(barrier.begin_wait(listener) == 0);
    barrier.open();
    CHECK(barrier.begin_wait(listener) == 1);
    barrier.close();
    CHECK(listener.told == std::vector<std::pair<std::uint64_t, bool>>{{1, false}});
    CHECK(barrier.begin_wait(listener) == 0);
    CHECK_FALSE(barrier.is_wanted());
    barrier.close();
    CHECK(listener.told.size() == 1);
}

TEST_CASE("One question ends the waits that began before it, of all workers") {
    ReadBarrier barrier;
    Listener one, other;
    barrier.open();
    CHECK_FALSE(barrier.is_wanted());
    barrier.begin_wait(one), barrier.begin_wait(other), barrier.begin_wait(one);
    CHECK(barrier.is_wanted());
    CHECK(barrier.take() == 3);
    CHECK_FALSE(barrier.is_wanted());
    barrier.begin_wait(one);
    CHECK(barrier.is_wanted());
    barrier.pass(3);
    CHECK(one.told == std::vector<std::pair<std::uint64_t, bool>>{{3, true}});
    CHECK(other.told == std::vector<std::pair<std::uint64_t, bool>>{{3, true}});
    CHECK(barrier.take() == 4);
    barrier.pass(4);
    CHECK(one.told.size() == 2);
    CHECK(other.told.size() == 1);
    CHECK(barrier.questions() == 2);
}

TEST_CASE("A wait passes when the log was read as far as it went, and what was over then has been dealt with") {
    OwnTransactions own;
    own.set_wanted(true);
    CommitQueue queue(own);
    BarrierQuestions questions;
    const Instant at{1'000'000};
    questions.asking(7);
    queue.asking();
    auto ask = own.begin({}, at);
    queue.add(commit(10, 100));
    queue.answered(*Snapshot::parse("11:13:11"), at);
    questions.answered(300);
    CHECK(questions.passed(250, queue) == 0);  // not read so far
    queue.add(commit(11, 200));                // flushed, and nobody has seen it: not waited for
    CHECK(questions.passed(300, queue) == 0);  // 10 may be the session's own: its answer is waited for
    ask->answered(std::nullopt);
    CHECK(queue.take(at).size() == 1);
    CHECK(questions.passed(300, queue) == 7);
    CHECK(questions.passed(300, queue) == 0);
    questions.asking(7);
    questions.answered(400);
    CHECK(questions.passed(400, queue) == 0);  // nobody asked for that one
}

namespace {

// What is taken out.
enum class Fault : std::uint8_t { none, asked_before_the_request, position_without_visibility };

class Simulation {
public:
    Simulation(std::uint32_t seed, Fault fault) : random_(seed), fault_(fault), queue_(own_) {}

    // Empty: no reader passed the barrier without all that had been visible when it came.
    std::string run(int steps) {
        for (int i = 0; i < steps && failure_.empty(); ++i) step();
        return failure_;
    }
    int passed() const { return passed_; }

private:
    struct Transaction {
        Lsn lsn;
        bool is_flushed = false, is_visible = false, is_received = false;
    };
    struct Reader {
        std::uint64_t wait;
        std::set<std::uint32_t> seen;  // what anybody could have seen when it came
    };
    struct Question {
        std::uint64_t newest;
        std::optional<std::pair<Snapshot, Lsn>> answer;
    };

    bool chance(int of) { return std::uniform_int_distribution<int>(0, of - 1)(random_) == 0; }

    void step() {
        switch (std::uniform_int_distribution<int>(0, 7)(random_)) {
            case 0: transactions_[next_transaction_++] = {.lsn = 0}; break;
            case 1: flush(); break;
            case 2: show(); break;
            case 3: receive(); break;
            case 4: come(); break;
            case 5:
                if (question_ && !question_->answer) question_->answer.emplace(snapshot(), end_of_log_);
                break;
            default: feed_turn(); break;
        }
    }

    template <class Choice>
    Transaction* any(Choice choice) {
        std::vector<Transaction*> found;
        for (auto& [number, transaction] : transactions_) {
            if (choice(transaction)) found.push_back(&transaction);
        }
        return found.empty() ? nullptr : found[std::uniform_int_distribution<std::size_t>(0, found.size() - 1)(random_)];
    }
    void flush() {
        if (auto* one = any([](const auto& t) { return !t.is_flushed; })) {
            one->lsn = end_of_log_;
            end_of_log_ += 100;
            one->is_flushed = true;
        }
    }
    void show() {
        if (auto* one = any([](const auto& t) { return t.is_flushed && !t.is_visible; })) one->is_visible = true;
    }
    // The log comes in order, and not at once.
    void receive() {
        if (received_ == end_of_log_) return;
        for (auto& [number, transaction] : transactions_) {
            if (transaction.is_flushed && transaction.lsn == received_) {
                queue_.add(commit(number, transaction.lsn));
                transaction.is_received = true;
            }
        }
        received_ += 100;
    }
    Snapshot snapshot() const {
        std::string running;
        std::uint32_t first = next_transaction_;
        for (const auto& [number, transaction] : transactions_) {
            if (transaction.is_visible) continue;
            first = std::min(first, number);
            running += (running.empty() ? "" : ",") + std::to_string(number);
        }
        return *Snapshot::parse(std::to_string(first) + ":" + std::to_string(next_transaction_) + ":" + running);
    }
    void come() {
        Reader reader{.wait = ++newest_, .seen = {}};
        for (const auto& [number, transaction] : transactions_) {
            if (transaction.is_visible && !dropped_.contains(number)) reader.seen.insert(number);
        }
        readers_.push_back(std::move(reader));
    }
    // As ChangeFeed::stream().
    void feed_turn() {
        if (question_ && question_->answer) {
            queue_.answered(question_->answer->first, at_);
            if (fault_ == Fault::asked_before_the_request) questions_.asking(newest_);
            questions_.answered(question_->answer->second);
            flushed_ = question_->answer->second, answered_ = question_->newest;
            question_.reset();
        }
        if (!chance(3)) {
            for (const auto& taken : queue_.take(at_)) dropped_.insert(taken.commit.transaction);
        }
        std::uint64_t wait = questions_.passed(received_, queue_);
        if (fault_ == Fault::position_without_visibility && received_ >= flushed_) wait = std::max(wait, answered_);
        if (!question_) {
            queue_.asking();
            questions_.asking(newest_);
            question_.emplace(Question{newest_, {}});
        }
        pass(wait);
    }
    void pass(std::uint64_t wait) {
        std::erase_if(readers_, [&](const Reader& reader) {
            if (reader.wait > wait) return false;
            ++passed_;
            for (const auto number : reader.seen) {
                if (!dropped_.contains(number))
                    failure_ = "reader " + std::to_string(reader.wait) + " passed without transaction " + std::to_string(number);
            }
            return true;
        });
    }

    std::mt19937 random_;
    Fault fault_;
    OwnTransactions own_;
    CommitQueue queue_;
    BarrierQuestions questions_;
    Instant at_{1'000'000};
    std::map<std::uint32_t, Transaction> transactions_;
    std::uint32_t next_transaction_ = 10;
    Lsn end_of_log_ = 1'000, received_ = 1'000, flushed_ = 0;
    std::uint64_t newest_ = 0, answered_ = 0;
    std::vector<Reader> readers_;
    std::set<std::uint32_t> dropped_;
    std::optional<Question> question_;
    int passed_ = 0;
    std::string failure_;
};

std::string first_failure(Fault fault) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        Simulation simulation(seed, fault);
        if (const auto failure = simulation.run(2'000); !failure.empty()) return "seed " + std::to_string(seed) + ": " + failure;
        if (simulation.passed() < 20) return "seed " + std::to_string(seed) + ": next to nobody passed";
    }
    return "";
}

}  // namespace

TEST_CASE("Whoever passes the barrier sees all that could be seen when it came") { CHECK(first_failure(Fault::none) == ""); }

TEST_CASE("A question that was asked before the request came proves nothing") {
    CHECK(first_failure(Fault::asked_before_the_request).find("passed without") != std::string::npos);
}

TEST_CASE("A place in the log proves nothing about what was dropped") {
    CHECK(first_failure(Fault::position_without_visibility).find("passed without") != std::string::npos);
}
