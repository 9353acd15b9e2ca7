// The change feed: how Larder learns of writes that go round it (docs/feed.md).
//
// It reads the server's write-ahead log as a standby would. Each commit is kept until it is visible (commit_queue.h), then what it
// changed is dropped from the cache (commit_effects.h), unless it was this Larder's own. A second connection asks for snapshots, and for the
// end of the log, by which the lag is known: how long ago the newest place was written that all before it has been dealt with.
//
// While the feed is there and not too far behind, answers live as long as nothing writes what they depend on. When it is lost, or behind by
// more than feed.lag_max, freshness.others_ttl_max counts again, at once; and when it comes back, all that was kept is dropped.
//
// Hits that have to be as new as any commit wait here until the feed has dealt with what was committed before (read_barrier.h); the same question serves them.
//
// Why nothing is missed at the beginning: the stream begins at a place S of the log. After S is known the server is asked for a new
// transaction number N and for a snapshot, and only then everything is dropped. Whoever notes an answer after that misses only commits that are
// in the stream, or those from before S that were not visible in the snapshot yet: these have numbers below N, and each of them that ends drops all.
//
// Threads: one of its own; the public calls from any.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/thread_annotations.h"
#include "proxy/commit_effects.h"
#include "proxy/commit_queue.h"
#include "proxy/read_barrier.h"
#include "proxy/replication_stream.h"
#include "proxy/shared.h"

namespace larder::proxy {

class ChangeFeed {
public:
    explicit ChangeFeed(Shared& shared);
    ~ChangeFeed();
    ChangeFeed(const ChangeFeed&) = delete;
    ChangeFeed& operator=(const ChangeFeed&) = delete;

    void start();
    void stop();

    enum class State : std::uint8_t { waiting, refused, catching_up, current, behind };
    struct Status {
        State state = State::waiting;
        std::string why;                 // waiting, refused: what it waits for
        double lag_seconds = 0;          // 0 as well while there is no stream
        protocol::Lsn received = 0, applied = 0, flushed = 0;
        std::size_t pending = 0;         // commits that are not visible yet
        std::uint64_t streams = 0;       // that were begun
        FeedCounts counts;
    };
    Status status() const;

private:
    // The place where the log ended when it was asked for.
    struct Mark {
        protocol::Lsn flushed;
        Instant asked;
    };
    void run();
    void stream();                       // from beginning to end; throws FeedError
    void begin();
    void open_probe();
    void check_server();
    void wait_for_something();
    void read_log();
    void read_answer();
    void ask();
    void pass_barrier();
    void judge();
    void ended(const std::string& why);
    bool pause(std::chrono::milliseconds time);
    std::chrono::microseconds lag(Instant at) const;
    std::chrono::milliseconds heartbeat() const;
    void publish(State state, const std::string& why);

    Shared& shared_;
    std::thread thread_;
    Wakeup stop_wakeup_;
    std::atomic<bool> stopping_{false};

    std::unique_ptr<ReplicationStream> log_;
    std::unique_ptr<PgConnection> probe_;
    std::optional<protocol::WalReader> reader_;
    std::optional<protocol::WalTransactions> transactions_;
    std::optional<CommitQueue> queue_;
    CommitEffects effects_;
    BarrierQuestions questions_;
    std::int32_t instance_ = 0;          // the incarnation that this stream belongs to
    std::string system_;                 // the identifier of its cluster
    bool is_asked_ = false, is_caught_up_ = false;
    Instant asked_, answered_, last_mark_;
    Instant begun_, passed_;             // the stream; when the newest place was asked for that all before it has been dealt with
    std::deque<Mark> marks_;             // that the feed has not passed, oldest first
    protocol::Lsn flushed_ = 0;
    std::uint64_t streams_ = 0;
    std::string last_why_;
    mutable Mutex mutex_;
    Status status_ LARDER_GUARDED_BY(mutex_);
};

std::string_view name(ChangeFeed::State state);

}  // namespace larder::proxy
