// Who is paused by whom, and how server connections are counted.
#include "proxy/session/database_gate.h"
#include "proxy/session/upstream_state.h"

#include <catch2/catch.hpp>

using namespace larder::session;
using PausedBy = DatabaseGate::PausedBy;

TEST_CASE("a database that is paused by name stays so when all are resumed, and the other way round") {
    UpstreamState upstream(1);
    auto& shop = upstream.database("shop").gate();
    CHECK(shop.pause(PausedBy::database));
    CHECK_FALSE(shop.pause(PausedBy::database));
    CHECK(upstream.pause_all());
    CHECK_FALSE(upstream.pause_all());
    CHECK(upstream.database("later").gate().is_paused());
    CHECK(upstream.resume_all());
    CHECK_FALSE(upstream.resume_all());
    CHECK(shop.is_paused());
    CHECK_FALSE(upstream.database("later").gate().is_paused());
    CHECK(upstream.pause_all());
    CHECK(shop.resume(PausedBy::database));
    CHECK_FALSE(shop.resume(PausedBy::database));
    CHECK(shop.is_paused());
    upstream.resume_all();
    CHECK_FALSE(shop.is_paused());
}

TEST_CASE("places are counted once, wherever they are moved") {
    DatabaseGate gate;
    ServerPlace a(gate), none;
    CHECK(none.number() == 0);
    CHECK_FALSE(none.must_close());
    {
        ServerPlace b = std::move(a);
        CHECK(gate.places().taken == 1);
        CHECK(a.number() == 0);
        a = ServerPlace(gate);
        CHECK(gate.places().taken == 2);
        a = std::move(b);
        CHECK(gate.places().taken == 1);
    }
    CHECK(gate.places().taken == 1);
    a = {};
    CHECK(gate.places().taken == 0);
}

TEST_CASE("what was open when a generation began is old, what comes later is not") {
    DatabaseGate gate;
    ServerPlace first(gate), second(gate);
    gate.begin_generation();
    ServerPlace third(gate);
    CHECK((first.must_close() && second.must_close() && !third.must_close()));
    first = {};
    CHECK(gate.places().old == 1);
    CHECK(gate.places().taken == 2);
    gate.begin_generation();
    CHECK(gate.places().old == 2);
    second = {}, third = {};
    CHECK(gate.places().old == 0);
}
