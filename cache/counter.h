// Freshness counters: how a cached answer knows that nothing it depends on was written since it was read.
//
// Each counter is one 64-bit word: how many writes are in flight (upper 16 bits) and a version (lower 48 bits, only
// grows). A write moves the version and goes in flight *before* the message that can commit is sent, and comes out
// after the outcome is known. A read notes the word *before* the message that can take its snapshot is sent. An entry
// is a hit only while every counter it depends on still equals its note and is not in flight. DESIGN: docs/freshness.md.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace larder::cache {

inline constexpr std::size_t kCacheLineBytes = 64;

// Whoever writes counters often gives each a cache line (alignas); in the table of rows they stand side by side.
class Counter {
public:
    static constexpr std::uint64_t kOneInFlight = std::uint64_t{1} << 48;
    static constexpr std::uint64_t kVersionMask = kOneInFlight - 1;
    static constexpr std::uint64_t kInFlightMax = 0xFFFF;

    // The word for a note or a lookup. Acquire: what follows (the send of a miss, the answer of a hit) stays after it.
    std::uint64_t load() const { return word_.load(std::memory_order_acquire); }

    static bool is_in_flight(std::uint64_t word) { return word >= kOneInFlight; }

    // Marks the beginning of a write: version + 1, in flight + 1, seq_cst and a fence, so that no send that follows
    // overtakes it. A saturated counter stays saturated for ever: nothing that depends on it is served again, and nothing
    // aborts. A counter saturates when 65,535 writes are in flight at once or when its version is used up.
    void begin();

    // The end of a write: in flight - 1, version + 1 (the spare move), release. An end without its begin aborts.
    void end();

    // begin() and end() at once: for changes that are already visible (an incarnation, a reload).
    void move();

    // The arithmetic of the three, on values: what the word becomes. Apart, because its edges are 2^48 steps away.
    static constexpr bool is_saturated(std::uint64_t word) { return word >= kInFlightMax * kOneInFlight; }
    static constexpr std::uint64_t begun(std::uint64_t word) {
        const std::uint64_t next = moved(word);
        return is_saturated(next) ? next : next + kOneInFlight;
    }
    static constexpr std::uint64_t ended(std::uint64_t word) {
        const std::uint64_t next = moved(word);
        return is_saturated(next) ? next : next - kOneInFlight;
    }
    static constexpr std::uint64_t moved(std::uint64_t word) {
        if (is_saturated(word)) return word;
        // A version that wrapped would equal old notes again, and its carry would corrupt the count: saturate instead.
        return (word & kVersionMask) == kVersionMask ? word | kInFlightMax * kOneInFlight : word + 1;
    }

private:
    std::atomic<std::uint64_t> word_{0};
};

// What one read depended on, as it was before its snapshot was taken.
struct NotedCounter {
    const Counter* counter;
    std::uint64_t word;
};
using Note = std::vector<NotedCounter>;  // small: server, catalogue, any, and one per relation

// So many at the begin of each note are firm: server and catalogue. An answer never outlives a move of those, however stale its
// reader would have it, since they tell who may see what.
inline constexpr std::size_t kFirmCounters = 2;

// True if no noted counter moved or is in flight. An empty note is never current: it is what a refused one looks like, and
// every answer depends on `server`, `catalogue` and `any` at least. Threads: any.
bool is_current(const NotedCounter* first, std::size_t count);
inline bool is_current(const Note& note) { return is_current(note.data(), note.size()); }

// Takes the note of `counters` into `note` (which is cleared first). False if one is in flight, or if there are none: then
// nothing may be stored. The note is filled all the same, for the trace; is_current() refuses it.
bool take_note(const std::vector<const Counter*>& counters, Note& note);

// Of one key: a set of columns that reads compare with constants.
struct alignas(kCacheLineBytes) KeyCounters {
    Counter all;     // a write to rows whose values of this key, before the write, are not known
    Counter absent;  // a row came, or came to its key value, and the value is not known
};

inline constexpr unsigned kKeysMax = 8;

struct RelationCounters {
    alignas(kCacheLineBytes) Counter scan;  // any write to the relation, or to its partition or inheritance tree (counters live at the root)
    std::array<KeyCounters, kKeysMax> keys;

    // It is one of these.
    bool holds(const Counter* counter) const {
        const std::less<const void*> before;
        return !before(counter, this) && before(counter, this + 1);
    }
    // As a write to all rows that is over: what depends on the relation or on rows of it is stale, and reads under way cannot be kept.
    void move_all() {
        scan.move();
        for (auto& key : keys) key.all.move(), key.absent.move();
    }
};

class OutstandingWrites;  // write_ticket.h

// All counters of one database. Relations are made on first use, at an address that never changes, and live as long as
// this object, which is as long as the process: an entry or a writer may hold a pointer at any time. Their number is
// bounded by the relations that the catalogue has ever shown, since OIDs come from there and not from clients.
// Threads: any.
class DatabaseCounters {
public:
    DatabaseCounters();
    ~DatabaseCounters();

    alignas(kCacheLineBytes) Counter catalogue;  // DDL, and code that is not understood
    alignas(kCacheLineBytes) Counter any;        // a write whose targets are not known

    RelationCounters& relation(Oid root);

    // The counter of the rows with one value of one key; `hash` is that of relation, key and value. A fixed table: values whose
    // hashes meet share a counter, which costs hits and nothing else.
    Counter& row(std::uint64_t hash);
    static constexpr std::size_t kRowCounters = std::size_t{1} << 18;  // 2 MB, made with the first row

    // The writes of this database that are not over: where a WriteTicket registers.
    OutstandingWrites& outstanding();

    // For the console: every relation known so far, by OID.
    std::vector<std::pair<Oid, const RelationCounters*>> relations() const;

    // A counter's name: what stands for it where its address means nothing. Good for as long as this process lives, since hashes of
    // rows are seeded anew in each. Nothing: it is none of this database's.
    std::optional<std::uint64_t> name_of(const Counter* counter) const;
    // The counter of that name. Null: there is none, or none yet; a relation is not made by its name.
    const Counter* named(std::uint64_t name) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// All counters of one upstream server. A database is made on first use and stays: ask only for names that the server has
// accepted a login to, or a client could grow this without bound. Threads: any.
class ServerCounters {
public:
    ServerCounters();
    ~ServerCounters();

    alignas(kCacheLineBytes) Counter server;  // its incarnation, roles, memberships, databases, server settings

    DatabaseCounters& database(std::string_view name);

    // The database that has this `catalogue`; null: none has.
    const DatabaseCounters* database_of(const Counter* catalogue) const;

    // For the console: every database known so far, by name.
    std::vector<std::pair<std::string, DatabaseCounters*>> databases() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::cache
