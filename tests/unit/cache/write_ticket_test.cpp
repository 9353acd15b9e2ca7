#include "cache/write_ticket.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "base/check.h"

using namespace larder;
using namespace larder::cache;

namespace {

bool is_in_flight(const Counter& counter) { return Counter::is_in_flight(counter.load()); }
std::uint64_t in_flight(const Counter& counter) { return counter.load() / Counter::kOneInFlight; }

WriteSet set_of(std::initializer_list<Counter*> counters) {
    WriteSet set;
    for (Counter* counter : counters) set.add(*counter);
    return set;
}

struct Database {
    DatabaseCounters counters;
    OutstandingWrites& outstanding = counters.outstanding();
    Counter& t = counters.relation(1).scan;
    Counter& u = counters.relation(2).scan;
    Counter& catalogue = counters.catalogue;

    WriteTicket write(Counter& counter) {
        WriteTicket ticket;
        ticket.begin(outstanding, set_of({&counter}));
        return ticket;
    }
    WriteTicket ddl(std::initializer_list<Counter*> also = {}) {
        WriteSet set = set_of(also);
        set.add(counters.catalogue);
        set.moves_catalogue = true;
        WriteTicket ticket;
        ticket.begin(outstanding, set);
        return ticket;
    }
};

}  // namespace

TEST_CASE("a write set holds each counter once") {
    Counter a, b;
    WriteSet set;
    CHECK(set.empty());
    set.add(a);
    set.add(a);
    CHECK(set.counters == std::vector<Counter*>{&a});
    WriteSet other = set_of({&a, &b});
    other.moves_catalogue = true;
    set.merge(other);
    CHECK(set.counters == std::vector<Counter*>{&a, &b});
    CHECK(set.moves_catalogue);
    set.clear();
    CHECK(set.empty());
    CHECK_FALSE(set.moves_catalogue);
}

TEST_CASE("a ticket marks its set and takes it back") {
    Database db;
    WriteTicket ticket;
    CHECK_FALSE(ticket.is_open());
    ticket.begin(db.outstanding, set_of({&db.t, &db.u}));
    CHECK(ticket.is_open());
    CHECK(ticket.holds(db.t));
    CHECK_FALSE(ticket.holds(db.catalogue));
    CHECK(in_flight(db.t) == 1);
    CHECK(in_flight(db.u) == 1);
    CHECK(db.outstanding.count() == 1);
    ticket.end();
    CHECK_FALSE(ticket.is_open());
    CHECK_FALSE(is_in_flight(db.t));
    CHECK_FALSE(is_in_flight(db.u));
    CHECK(db.outstanding.count() == 0);
    ticket.end();  // not open: nothing happens
    CHECK_FALSE(is_in_flight(db.t));
}

TEST_CASE("a second begin marks only what is new") {
    Database db;
    WriteTicket ticket = db.write(db.t);
    ticket.begin(db.outstanding, set_of({&db.t, &db.u}));
    CHECK(in_flight(db.t) == 1);
    CHECK(in_flight(db.u) == 1);
    CHECK(db.outstanding.count() == 1);
    ticket.end();
    CHECK_FALSE(is_in_flight(db.t));
    CHECK_FALSE(is_in_flight(db.u));
}

TEST_CASE("enlisting registers and marks nothing; destroying it then signs off") {
    Database db;
    {
        WriteTicket ticket;
        ticket.enlist(db.outstanding);
        ticket.enlist(db.outstanding);
        CHECK(ticket.is_open());
        CHECK_FALSE(ticket.holds_marks());
        CHECK(db.outstanding.count() == 1);
        CHECK_FALSE(is_in_flight(db.t));
    }
    CHECK(db.outstanding.count() == 0);
}

TEST_CASE("a ticket belongs to one registry") {
    Database db, other;
    WriteTicket ticket;
    ticket.enlist(db.outstanding);
    CHECK_THROWS_AS(ticket.begin(other.outstanding, set_of({&other.t})), BrokenInvariant);
    CHECK_FALSE(is_in_flight(other.t));
}

TEST_CASE("a ticket that is destroyed with marks fails closed") {
    Database db;
    { WriteTicket lost = db.write(db.t); }
    CHECK(is_in_flight(db.t));
    CHECK(db.outstanding.count() == 1);

    db.ddl().end();
    CHECK(is_in_flight(db.catalogue));  // the lost write may still run

    WriteTicket other = db.write(db.u);
    other = WriteTicket();  // assigning over one loses it as well
    CHECK(is_in_flight(db.u));
}

TEST_CASE("moving a ticket moves its marks") {
    Database db;
    WriteTicket first = db.write(db.t);
    WriteTicket second = std::move(first);
    CHECK(second.holds(db.t));
    first = std::move(second);
    WriteTicket& itself = first;
    first = std::move(itself);
    CHECK(first.holds(db.t));
    CHECK(in_flight(db.t) == 1);
    first.end();
    CHECK_FALSE(is_in_flight(db.t));
}

TEST_CASE("rule 2: DDL alone ends at once") {
    Database db;
    WriteTicket ddl = db.ddl({&db.t});
    CHECK(is_in_flight(db.catalogue));
    ddl.end();
    CHECK_FALSE(is_in_flight(db.catalogue));
    CHECK_FALSE(is_in_flight(db.t));
    CHECK(db.outstanding.catalogue_debts() == 0);
}

TEST_CASE("rule 2: the flag alone marks the catalogue") {
    Database db;
    WriteSet set;
    set.moves_catalogue = true;
    CHECK_FALSE(set.empty());
    WriteTicket ticket;
    ticket.begin(db.outstanding, set);
    CHECK(in_flight(db.catalogue) == 1);
    ticket.end();
    CHECK_FALSE(is_in_flight(db.catalogue));
}

TEST_CASE("rule 2: DDL waits for each write that was outstanding at its end, and for no later one") {
    Database db;
    WriteTicket before = db.write(db.t);
    WriteTicket ddl = db.ddl({&db.u});
    WriteTicket during = db.write(db.t);
    ddl.end();
    CHECK_FALSE(is_in_flight(db.u));  // only `catalogue` waits
    CHECK(is_in_flight(db.catalogue));
    WriteTicket after = db.write(db.t);

    SECTION("in the order of their begin") {
        before.end();
        CHECK(is_in_flight(db.catalogue));
        during.end();
    }
    SECTION("in the other order") {
        during.end();
        CHECK(is_in_flight(db.catalogue));
        before.end();
    }
    CHECK_FALSE(is_in_flight(db.catalogue));  // although the count was never zero
    CHECK(after.is_open());
    CHECK(db.outstanding.count() == 1);
    after.end();
}

TEST_CASE("rule 2: a write that only enlisted is waited for as well") {
    Database db;
    WriteTicket enlisted;
    enlisted.enlist(db.outstanding);
    db.ddl().end();
    CHECK(is_in_flight(db.catalogue));
    enlisted.begin(db.outstanding, set_of({&db.t}));
    CHECK(is_in_flight(db.catalogue));
    enlisted.end();
    CHECK_FALSE(is_in_flight(db.catalogue));
}

TEST_CASE("rule 2: later writes never hold DDL up, however they overlap") {
    Database db;
    WriteTicket old = db.write(db.t);
    db.ddl().end();
    WriteTicket chain = db.write(db.t);
    for (int i = 0; i < 100; ++i) {  // at every moment at least one write is outstanding
        WriteTicket next = db.write(db.t);
        chain.end();
        chain = std::move(next);
        CHECK(is_in_flight(db.catalogue));
    }
    old.end();
    CHECK_FALSE(is_in_flight(db.catalogue));
    chain.end();
}

TEST_CASE("rule 2: two DDL that overlap wait for each other's writes, not for ever") {
    Database db;
    WriteTicket first = db.ddl();
    WriteTicket second = db.ddl();
    CHECK(in_flight(db.catalogue) == 2);
    first.end();
    CHECK(in_flight(db.catalogue) == 2);
    second.end();
    CHECK(in_flight(db.catalogue) == 0);
}

TEST_CASE("rule 2: many DDL that wait for one write owe one mark") {
    Database db;
    WriteTicket stuck = db.write(db.t);
    for (int i = 0; i < 1000; ++i) db.ddl().end();
    CHECK(db.outstanding.catalogue_debts() == 1);
    CHECK(in_flight(db.catalogue) == 1);
    WriteTicket later = db.write(db.u);
    db.ddl().end();  // now the newest waits for both, and stands in for the others
    stuck.end();
    CHECK(is_in_flight(db.catalogue));
    later.end();
    CHECK_FALSE(is_in_flight(db.catalogue));
}

TEST_CASE("rule 2: the version of the catalogue moves again when the debt is paid") {
    Database db;
    WriteTicket writer = db.write(db.t);
    db.ddl().end();
    const std::uint64_t waiting = db.catalogue.load() & Counter::kVersionMask;
    writer.end();
    CHECK((db.catalogue.load() & Counter::kVersionMask) > waiting);
}

TEST_CASE("merge takes over marks, one per counter") {
    Database db;
    WriteTicket a = db.write(db.t);
    WriteTicket b;
    b.begin(db.outstanding, set_of({&db.t, &db.u}));
    CHECK(in_flight(db.t) == 2);
    a.merge(std::move(b));
    CHECK_FALSE(b.is_open());
    CHECK(in_flight(db.t) == 1);
    CHECK(in_flight(db.u) == 1);
    CHECK(db.outstanding.count() == 1);
    a.end();
    CHECK_FALSE(is_in_flight(db.t));
    CHECK_FALSE(is_in_flight(db.u));

    WriteTicket empty;
    empty.merge(WriteTicket());
    CHECK_FALSE(empty.is_open());
    empty.merge(db.write(db.t));
    CHECK(empty.holds(db.t));
    empty.end();
}

TEST_CASE("merge keeps the earlier place, whichever side has it") {
    Database db;
    WriteTicket early = db.write(db.t);
    db.ddl().end();
    WriteTicket late = db.write(db.u);
    WriteTicket merged;
    SECTION("late into early") {
        early.merge(std::move(late));
        merged = std::move(early);
    }
    SECTION("early into late") {
        late.merge(std::move(early));
        merged = std::move(late);
    }
    CHECK(merged.holds(db.t));
    CHECK(merged.holds(db.u));
    CHECK(db.outstanding.count() == 1);
    CHECK(is_in_flight(db.catalogue));
    merged.end();
    CHECK_FALSE(is_in_flight(db.catalogue));
}

TEST_CASE("end_all_but keeps some marks held and the ticket registered") {
    Database db;
    WriteTicket ticket;
    ticket.begin(db.outstanding, set_of({&db.t, &db.u}));
    ticket.end_all_but({&db.t});
    CHECK(ticket.is_open());
    CHECK(ticket.holds(db.t));
    CHECK_FALSE(ticket.holds(db.u));
    CHECK(in_flight(db.t) == 1);
    CHECK(in_flight(db.u) == 0);
    db.ddl().end();
    CHECK(is_in_flight(db.catalogue));
    ticket.end_all_but({&db.u});  // none of it is held: the end of all
    CHECK_FALSE(ticket.is_open());
    CHECK_FALSE(is_in_flight(db.t));
    CHECK_FALSE(is_in_flight(db.catalogue));
}

TEST_CASE("end_all_but of the catalogue waits for others but not for itself") {
    Database db;
    WriteTicket ddl = db.ddl({&db.t});
    SECTION("alone") {
        ddl.end_all_but({&db.t});
        CHECK_FALSE(is_in_flight(db.catalogue));
    }
    SECTION("with an earlier and a later write") {
        WriteTicket other = db.write(db.u);
        ddl.end_all_but({&db.t});
        CHECK(is_in_flight(db.catalogue));
        WriteTicket after = db.write(db.u);
        other.end();
        CHECK_FALSE(is_in_flight(db.catalogue));
        after.end();
    }
    SECTION("again and again it owes one mark") {
        WriteTicket other = db.write(db.u);
        for (int i = 0; i < 10; ++i) {
            WriteSet set;
            set.moves_catalogue = true;
            ddl.begin(db.outstanding, set);
            ddl.end_all_but({&db.t});
        }
        CHECK(db.outstanding.catalogue_debts() == 1);
        CHECK(in_flight(db.catalogue) == 1);
        other.end();
        CHECK_FALSE(is_in_flight(db.catalogue));
    }
    SECTION("another DDL does wait for it") {
        ddl.end_all_but({&db.t});
        db.ddl().end();
        CHECK(is_in_flight(db.catalogue));
        ddl.end();
        CHECK_FALSE(is_in_flight(db.catalogue));
    }
    CHECK(db.outstanding.catalogue_debts() == 0);
    ddl.end();
    CHECK_FALSE(is_in_flight(db.catalogue));
}

TEST_CASE("a ticket may be ended on another thread") {
    Database db;
    WriteTicket ticket = db.write(db.t);
    db.ddl().end();
    std::thread([moved = std::move(ticket)]() mutable { moved.end(); }).join();
    CHECK_FALSE(is_in_flight(db.t));
    CHECK_FALSE(is_in_flight(db.catalogue));
}

// The race that rule 2 is about: a writer checks its facts (enlist, then load), DDL marks and ends. If the writer saw the
// catalogue idle at the version before the DDL, the DDL must not be over before the writer is.
TEST_CASE("rule 2 under threads: no writer with old facts outlives the mark of the DDL") {
    Database db;
    std::atomic<bool> is_over{false};
    std::atomic<std::uint64_t> settled_version{0};  // a version at which the catalogue was seen idle after DDL
    std::atomic<int> broken{0};
    const auto writer = [&] {
        while (!is_over) {
            WriteTicket ticket;
            ticket.enlist(db.outstanding);
            const std::uint64_t facts = db.catalogue.load();
            if (!Counter::is_in_flight(facts)) {
                ticket.begin(db.outstanding, set_of({&db.t}));
                if (settled_version.load() > facts) broken.fetch_add(1);
            }
            ticket.end();
        }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back(writer);
    for (int i = 0; i < 2000; ++i) {
        db.ddl().end();
        std::uint64_t seen = db.catalogue.load();
        while (Counter::is_in_flight(seen)) {
            std::this_thread::yield();
            seen = db.catalogue.load();
        }
        settled_version.store(seen);
    }
    is_over = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(broken == 0);
    CHECK(db.outstanding.count() == 0);
    CHECK(in_flight(db.catalogue) == 0);
    CHECK(in_flight(db.t) == 0);
}
