#include "proxy/unknown_outcomes.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::proxy;

namespace {

using Pids = std::vector<std::int32_t>;

struct World {
    cache::DatabaseCounters counters;
    cache::Counter& t = counters.relation(1).scan;
    cache::Counter& u = counters.relation(2).scan;
    KeptOutcomes kept;

    void keep(cache::Counter& counter, std::int32_t pid) {
        cache::WriteSet set;
        set.add(counter);
        cache::WriteTicket ticket;
        ticket.begin(counters.outstanding(), set);
        kept.keep(std::move(ticket), pid);
    }
    static bool in_flight(const cache::Counter& counter) { return cache::Counter::is_in_flight(counter.load()); }
};

}  // namespace

TEST_CASE("a mark stays until its backend is gone") {
    World w;
    w.keep(w.t, 10);
    w.keep(w.u, 20);
    CHECK(w.kept.open() == 2);
    CHECK(w.kept.pids() == Pids{10, 20});
    w.kept.settle({10, 20}, {10});
    CHECK(w.in_flight(w.t));
    CHECK_FALSE(w.in_flight(w.u));
    CHECK(w.kept.pids() == Pids{10});
    w.kept.settle({10}, {});
    CHECK_FALSE(w.in_flight(w.t));
    CHECK(w.kept.open() == 0);
    CHECK(w.kept.kept() == 2);
}

TEST_CASE("an answer settles only what was there when the question was asked") {
    World w;
    w.keep(w.t, 10);
    const Pids asked = w.kept.pids();
    w.keep(w.u, 10);  // the backend of this one may have begun after the server looked
    w.kept.settle(asked, {});
    CHECK_FALSE(w.in_flight(w.t));
    CHECK(w.in_flight(w.u));
    CHECK(w.kept.pids() == Pids{10});
    w.kept.settle({10}, {});
    CHECK_FALSE(w.in_flight(w.u));
}

TEST_CASE("what was not asked about is not settled") {
    World w;
    w.keep(w.t, 10);
    CHECK(w.kept.pids() == Pids{10});
    w.kept.settle({11}, {});
    CHECK(w.in_flight(w.t));
    w.kept.settle({10}, {10, 11});
    CHECK(w.in_flight(w.t));
    w.kept.end_all();
}

TEST_CASE("one backend is asked about once, and several marks of it end together") {
    World w;
    w.keep(w.t, 30);
    w.keep(w.u, 30);
    w.keep(w.t, 5);
    CHECK(w.kept.pids() == Pids{5, 30});
    w.kept.settle({5, 30}, {});
    CHECK_FALSE(w.in_flight(w.t));
    CHECK_FALSE(w.in_flight(w.u));
}

TEST_CASE("a ticket that holds nothing is not kept") {
    World w;
    w.kept.keep({}, 10);
    CHECK(w.kept.open() == 0);
    CHECK(w.kept.pids().empty());
}

TEST_CASE("DDL whose outcome is unknown holds the catalogue") {
    World w;
    cache::WriteSet set;
    set.add(w.counters.catalogue);
    set.moves_catalogue = true;
    cache::WriteTicket ticket;
    ticket.begin(w.counters.outstanding(), set);
    w.kept.keep(std::move(ticket), 10);
    CHECK(w.in_flight(w.counters.catalogue));
    static_cast<void>(w.kept.pids());
    w.kept.settle({10}, {});
    CHECK_FALSE(w.in_flight(w.counters.catalogue));
}
