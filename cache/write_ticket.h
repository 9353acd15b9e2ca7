// A write in flight, from the mark before its message is sent to the end after its outcome is known.
//
// Besides moving counters, a ticket registers itself with its database, because of the catalogue's second rule: DDL may
// not end its mark on `catalogue` until every write that was outstanding when it ended is over, since such a write may
// run under the new catalogue with facts of the old one. Nobody waits for that but the counter.
//
// How. Tickets get numbers in the order in which they register, under one mutex, and stay in a list in that order. DDL
// that ends leaves a *debt*: "take `catalogue` back once no ticket below number n is left". The head of the list answers
// that, so waiting is by identity: later writers, however many, hold up nobody, and a count that never touches zero does
// no harm. The mutex also gives the order that rule 2 needs: a writer that registers after DDL looked at the list takes
// the mutex after it, and so sees the mark on `catalogue` when it checks its facts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cache/counter.h"

namespace larder::cache {

// The counters that a write moves.
struct WriteSet {
    std::vector<Counter*> counters;  // without repeats; scans of relations, `any`, `catalogue`, `server`
    bool moves_catalogue = false;    // counters holds `catalogue`: its end waits as described above

    bool empty() const { return counters.empty() && !moves_catalogue; }
    void add(Counter& counter);             // once each
    void merge(const WriteSet& other);
    void clear();
};

// The outstanding writes of one database. Belongs to its DatabaseCounters and outlives every ticket, as they do.
// Threads: any.
class OutstandingWrites {
public:
    explicit OutstandingWrites(Counter& catalogue);
    ~OutstandingWrites();

    std::size_t count() const;           // tickets that are registered
    std::size_t catalogue_debts() const; // marks on `catalogue` whose own write is over and that wait for others

private:
    friend class WriteTicket;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// One batch of marks. Move-only.
//
// Destroying (or assigning to) a ticket that holds marks fails closed: its outcome is unknown, so its counters stay in
// flight and it stays registered for as long as the process lives; nothing that depends on them is served again. Owners
// that do not know an outcome yet must keep the ticket until they do. A ticket that is enlisted and holds no mark has
// let nothing be sent, and just signs off.
// Threads: one at a time; a ticket may be moved to another thread and ended there.
class WriteTicket {
public:
    WriteTicket() = default;
    WriteTicket(WriteTicket&& other) noexcept;
    WriteTicket& operator=(WriteTicket&& other) noexcept;
    ~WriteTicket();

    // Registers as outstanding without marking anything, so that the caller can check its facts in the right order:
    // enlist, load `catalogue`, begin. Once enlisted, a ticket keeps its place until it has ended.
    void enlist(OutstandingWrites& outstanding);

    // Enlists if that was not done, then marks every counter of `set` that this ticket does not hold already. May be
    // called again to add more, with the same registry. `set.moves_catalogue` marks the registry's `catalogue`, listed or not.
    void begin(OutstandingWrites& outstanding, const WriteSet& set);

    // Takes over the other's marks and the earlier of both registrations. Both must be of the same registry.
    void merge(WriteTicket&& other);

    // Takes the marks back and signs off. `catalogue` is taken back once all writes that are outstanding now, other than
    // this one, have ended. A ticket that is not open does nothing.
    void end();

    // The same for all marks but those of `keep`, which stay held (ACCESS EXCLUSIVE locks last to the end of the
    // transaction). The ticket stays open if it holds one of them.
    void end_all_but(const std::vector<Counter*>& keep);

    bool is_open() const { return state_ != nullptr; }  // enlisted
    bool holds_marks() const;
    bool holds(const Counter& counter) const;

private:
    friend class OutstandingWrites;
    struct State;
    void abandon() noexcept;

    State* state_ = nullptr;  // owned by the registry, which lends it while this ticket is open
};

}  // namespace larder::cache
