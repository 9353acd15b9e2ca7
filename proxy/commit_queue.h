// Commits that the feed has received, until it is known that everybody sees them and whose they were.
//
// The log is ahead of visibility: a commit is sent as soon as it is flushed, and reads that begin after it was received may still see the
// rows as they were. So a commit stays here until its transaction is over in some snapshot; one in which it is will do whenever it was asked
// for, since what is over stays over. Only then what it wrote is marked as changed: an answer that was noted before is dropped, one that is noted
// afterwards has it. Until then such answers may be given, which is the feed's lag and within its bound; whoever needs more waits (read_barrier.h).
//
// Threads: a value, for one thread; reads no clock and does no I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "protocol/snapshot.h"
#include "protocol/wal_transactions.h"
#include "proxy/session/own_transactions.h"

namespace larder::proxy {

struct SeenCommit {
    protocol::WalCommit commit;
    // Of this Larder: the session that sent it has marked what it wrote, as these facts say. Nothing: of somebody else.
    std::optional<session::OwnTransactions::Plans> own;
};

class CommitQueue {
public:
    // Waiting for the answer to an ask of a session's ends after this time: then the commit counts as somebody else's.
    static constexpr std::chrono::milliseconds kAskTimeout{50};

    explicit CommitQueue(session::OwnTransactions& own) : own_(own) {}

    // A commit was received.
    void add(protocol::WalCommit commit);
    // Those that were running when the stream began: one that is over may have changed anything, by a commit that came before the stream.
    void add_running(std::vector<std::uint64_t> transactions) { running_ = std::move(transactions); }

    bool empty() const { return pending_.empty(); }
    std::size_t size() const { return pending_.size(); }
    // Some have come since the last question, and its snapshot does not show that they are over: there is no time to lose.
    bool has_new() const { return has_new_; }
    // Some were not visible yet in the last snapshot.
    bool has_invisible() const { return has_invisible_; }
    // Some are visible and wait for a session's answer alone.
    bool wants_decision() const { return has_undecided_; }

    // A snapshot is about to be asked for.
    void asking() { has_new_ = false; }
    // It has come: what is visible by it is decided, or waits for the sessions that may have sent it.
    void answered(const protocol::Snapshot& snapshot, Instant now);
    // Takes what is visible and decided, in the order in which it was received.
    std::vector<SeenCommit> take(Instant now);

    // Some that begin before this place are visible, and wait for a session's answer. None is, once all of them have been taken that are
    // over in the last snapshot.
    bool has_visible_before(protocol::Lsn place) const;

    // All commits before this place have been taken. `received`: how far the stream is.
    protocol::Lsn applied(protocol::Lsn received) const { return pending_.empty() ? received : pending_.front().commit.lsn; }

private:
    struct Pending {
        protocol::WalCommit commit;
        std::uint64_t transaction = 0;  // 64 bits; known when it is visible
        bool is_visible = false;
        std::uint64_t newest_ask = 0;   // when it was found visible
        Instant seen = kLongAgo;        // the same
    };
    void look_at(Pending& pending);

    session::OwnTransactions& own_;
    std::deque<Pending> pending_;
    std::optional<protocol::Snapshot> snapshot_;  // the last
    std::uint64_t newest_ask_ = 0;                // when it came
    Instant answered_ = kLongAgo;                 // the same
    std::vector<std::uint64_t> running_;
    bool has_running_ended_ = false;    // since the last take()
    bool has_new_ = false, has_invisible_ = false, has_undecided_ = false;
};

}  // namespace larder::proxy
