// The read barrier: how a hit waits until the change feed has told of all that was committed before its request came (docs/feed.md).
//
// A wait is a number. Whoever begins one gets the next; the feed notes the newest number, then asks the server where its log ends and which
// transactions are over, and says that all waits up to that number have passed once it has dealt with what was over there. So one question
// serves all waits that began before it was sent, of all workers. A feed that ends refuses all who wait.
//
// Why it is enough: what anybody could have seen before the wait began was visible then, so it is over in a snapshot that was taken later; it
// was flushed before it was visible, so it lies below the end of the log that was asked for after that snapshot. Whatever is below that end and not
// over in that snapshot nobody has seen, and nobody waits for it: a commit that waits for a standby holds up no reader. Commits with
// synchronous_commit = off are visible before they are flushed, and so are not waited for.
//
// Threads: any, except what is said to be the feed's.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/thread_annotations.h"
#include "base/wakeup.h"
#include "proxy/commit_queue.h"

namespace larder::proxy {

// Who waits: told on the feed's thread, and hands over to its own without blocking.
class BarrierListener {
public:
    virtual ~BarrierListener() = default;
    // Its waits up to this number have ended.
    virtual void post_barrier(std::uint64_t wait, bool has_passed) = 0;
};

class ReadBarrier {
public:
    // Begins a wait. 0: there is no feed that could end it. The listener must live until the feed has stopped.
    std::uint64_t begin_wait(BarrierListener& listener);

    // The feed's. Between close() and open() no wait can begin; close() refuses those that have.
    void open();
    void close();
    const Wakeup& wakeup() const { return wakeup_; }
    bool is_wanted() const;           // a wait has begun since the last take()
    std::uint64_t take();             // the newest wait; to be called before the question is sent
    void pass(std::uint64_t wait);    // all up to this one have passed
    std::uint64_t questions() const;  // how often take() found a new wait; any thread

private:
    struct Waiting {
        BarrierListener* listener;
        std::uint64_t first, last;  // of its waits that have not ended; 0: none
    };
    mutable Mutex mutex_;
    Wakeup wakeup_;
    bool is_open_ LARDER_GUARDED_BY(mutex_) = false;
    std::uint64_t newest_ LARDER_GUARDED_BY(mutex_) = 0, taken_ LARDER_GUARDED_BY(mutex_) = 0, questions_ LARDER_GUARDED_BY(mutex_) = 0;
    std::vector<Waiting> waiting_ LARDER_GUARDED_BY(mutex_);  // one for each listener
};

// The feed's side without threads and I/O: which question each wait belongs to, and when it has passed.
// Threads: a value, for one thread.
class BarrierQuestions {
public:
    // A question is about to be sent; `newest` is the newest wait that had begun before.
    void asking(std::uint64_t newest) { asking_ = newest; }
    // It was answered, and the queue has been told of the snapshot: the log ended there.
    void answered(protocol::Lsn flushed);
    // The newest wait that has passed; 0: no other than before. `received`: how far the stream was read.
    std::uint64_t passed(protocol::Lsn received, const CommitQueue& queue);
    void reset() { *this = {}; }

private:
    // More are not told apart: then the older ones wait for the newer end.
    static constexpr std::size_t kOpenMax = 1'000;
    struct Open {
        std::uint64_t wait;
        protocol::Lsn flushed;
    };
    std::uint64_t asking_ = 0, answered_ = 0;  // the newest wait of the question under way, and of those before it
    std::deque<Open> open_;
};

}  // namespace larder::proxy
