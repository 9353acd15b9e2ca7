// The result cache: 64 shards of entries under one byte budget, with admission and eviction of the W-TinyLFU family,
// and one flight per missing key.
//
// Theory. An answer is worth keeping in proportion to how often it is asked for and to the server time it saves, and in
// inverse proportion to the memory it takes: value = frequency × server_us / bytes. Frequencies come from a count-min
// sketch with ageing (TinyLFU, Einziger et al. 2017), also for keys that are not in the cache. A new entry goes to a
// small window; on leaving it, it is compared with sampled victims of the main part and the lower value goes. What cannot
// be served any more (stale, expired) has no value and goes first. shard.h has the details.
//
// Budget. Each shard has an equal part of `bytes_max` for its own: no shard ever waits for another or looks into it, and
// the sum is a hard bound at every moment. The price is that an entry must fit into half of one part; so a small budget
// has fewer shards (a power of two, each with room for four of the largest entries), and a large one 64.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "cache/result.h"

namespace larder::cache {

struct CacheLimits {
    std::size_t bytes_max = 256u << 20;        // all entries with their overhead; 0 turns the cache off
    std::size_t entry_bytes_max = 1u << 20;    // a larger answer is forwarded and not kept (CachedResult::bytes())
    int waiters_max = 1000;                    // per flight; one more goes to the server by itself
};

// `entries` and `bytes` are what there is now; all others count since the start.
struct CacheStats {
    std::uint64_t entries, bytes;
    std::uint64_t stored;             // became an entry, or replaced one
    std::uint64_t evicted;            // went although they could have been served
    std::uint64_t expired;            // went because their time was over
    std::uint64_t refused_admission;  // not kept: too large, or worth less than what is there
    std::uint64_t found_stale;        // went because a counter had moved, or came too late to be stored
    std::uint64_t flights;            // had a leader
    std::uint64_t waiters;            // joined one
};

// A key with its hash. The key is compared in full on a hit, so a hash collision can never serve another key's rows.
// Build: docs in proxy/session/cache_key.h. `hash` comes from hash_key(), seeded at start-up.
struct KeyView {
    Bytes bytes;
    std::uint64_t hash;
};
std::uint64_t hash_key(Bytes key);

// Why a lookup did not serve; for metrics and the trace. `expired` is also what is older than the reader's max_age.
enum class Miss : std::uint8_t { absent, stale, expired, no_row_description };

struct Lookup {
    ResultRef result;       // set: a hit
    Miss miss = Miss::absent;
    bool is_stale = false;  // a hit by ReadBounds::max_stale alone
};

// Who is given what the memory has no room for: answers that could still be served, one call each, on the thread of the store() that
// pushed them out and outside all locks. Must not throw; keeps a reference or lets it go.
class Evictions {
public:
    virtual void on_evicted(const ResultRef& result) = 0;

protected:
    ~Evictions() = default;
};

// How old an answer its reader takes. Ages count from the moment of the note, so an answer of age a is what PostgreSQL would have
// said at some moment since then; the clock is the tick of the worker, which may lag by a few milliseconds.
struct ReadBounds {
    std::chrono::microseconds max_age = std::chrono::microseconds::max();  // of one that no write has made old
    std::chrono::microseconds max_stale{0};                                // of any other; 0: none is taken
    Instant not_before = kLongAgo;                                         // any other was noted after this: the end of the reader's own last write
};

// Someone who waits for another's flight. Exactly one call comes, unless leave() returned true; it comes from whichever
// thread ends the flight, outside all locks, maybe before join() has returned to the waiter's own thread. Implementations
// hand over to their own thread and do not throw. A waiter must live until its call has come or leave() has returned true.
class FlightWaiter {
public:
    virtual ~FlightWaiter() = default;
    // The flight landed: this is the answer (its note passed the hit check when this waiter joined).
    virtual void on_result(ResultRef result) = 0;
    // The leader failed, or its answer cannot be kept. If `leads`, this waiter is the leader now: it notes, calls lead(),
    // fetches, and owes land() or fail() also if it has gone away meanwhile. Else it goes to the server by itself.
    virtual void on_no_result(bool leads) = 0;
};

enum class Join : std::uint8_t {
    leads,    // no flight for this key: the caller fetches, and owes land() or fail()
    waits,    // joined: on_result() or on_no_result() will be called once, unless leave() comes first
    alone,    // there is a flight that cannot be joined (stale note, too many waiters): fetch, without owing anything
};

// Threads: every call from any thread; none blocks on I/O. A shard's mutex is held for a fraction of a microsecond.
class Cache {
public:
    explicit Cache(CacheLimits limits);
    ~Cache();

    // The hit check of docs/freshness.md: the entry is there, every noted counter is unmoved and none is in flight, its
    // time is not over, and it is not too old. Where the bounds allow it, an entry that a write made old is a hit as well, as long as
    // its firm counters hold. Call it after the request was read: the counters are loaded in here. Counts the
    // access for the frequency sketch. A stale or expired entry is dropped, unless its stale_until() is to come; one that is only too
    // old for these bounds, or lacks the row description, stays. The order of the misses is that of `Miss`.
    Lookup find(const KeyView& key, Instant now, const ReadBounds& bounds, bool needs_row_description);

    // The same check of an answer that is not in this cache, but was kept elsewhere: the counters are loaded in here. Call it after the
    // request was read and the answer has come. It is never given when a write has made it old.
    static Lookup judge(const ResultRef& result, Instant now, const ReadBounds& bounds, bool needs_row_description);

    // Stores unless a noted counter has moved and its stale_until() is over (the spare check), its time is over, it was noted before
    // kept_out(), the entry is too large, or admission refuses it. Replaces an entry of the same key, but not one that was noted later and can still be given, nor a
    // fresh one with a row description by one without. Returns true if this result is in the cache now. Work is bounded: a large entry that would
    // have to push out thousands of small ones is refused.
    // `evictions`: is given what goes for it though it could be served, or this result itself if it is worth less; null: nobody is.
    bool store(const KeyView& key, ResultRef result, Instant now, Evictions* evictions = nullptr);

    // Asks to be the one who fetches; `waiter` may be null for one who will not wait. `note` is what the caller noted for its own fetch, before sending: it becomes the
    // flight's note if the caller leads. An empty note means it was refused: such a flight takes no waiters.
    Join join(const KeyView& key, const Note& note, FlightWaiter* waiter);

    // Somebody fetches this key now, and began before this call.
    bool is_under_way(const KeyView& key);

    // A waiter that was told to lead has taken its own note and is about to send: from now on others may join again. Those
    // who wait already get an answer that is newer than they asked for.
    void lead(const KeyView& key, const Note& note);

    // The leader's answer is complete: every waiter gets it. The leader calls store() itself, before. `result` carries the
    // note that the leader gave to join() or lead(), or a later one; with an older or another one the waiters go alone.
    void land(const KeyView& key, const ResultRef& result);

    // The leader failed. hand_over: one waiter leads now (its answer may do better); else all waiters go alone, since the
    // answer can never be kept (too large, not storable).
    void fail(const KeyView& key, bool hand_over);

    // The waiter goes away (cancel, disconnect, timeout). True: it is not called any more and may be destroyed. False: its
    // call has been made, or is being made right now by another thread, and it must live until then.
    bool leave(const KeyView& key, FlightWaiter* waiter);

    // Drops entries that are stale or expired in one bounded slice (about 1000 entries); call it from a tick.
    void sweep(Instant now);

    // From now on no answer is taken in that was noted at this moment or before, nor given to those who wait for it, nor does anybody join
    // the flights that are under way; what is in the cache already stays. For what no counter tells of: call it before what is there is
    // dropped, and what was read before does not come back. `noted`: the clock's own time, since notes have that of a worker's tick, which lags.
    void keep_out(Instant noted);
    Instant kept_out() const;  // the latest of these moments

    // Drops everything at once. Flights go on.
    void purge_all();

    // Drops what the predicate is true for, and says how many that were. It is called without a lock, once for each entry that is
    // there now. Flights go on: who wants their answers kept out moves a counter first, or calls keep_out().
    std::size_t purge_if(const std::function<bool(const CachedResult&)>& is_unwanted);

    CacheStats stats() const;
    const CacheLimits& limits() const;

    // For the console and for checks, newest knowledge of each entry: calls `visit` for at most `max` entries, without holding a lock
    // during the call.
    void visit_entries(std::size_t max, const std::function<void(const ResultRef&, std::uint32_t hits)>& visit) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::cache
