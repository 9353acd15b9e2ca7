// Who is paused by whom, and how server connections are counted.
#include "proxy/session/database_gate.h"
#include "proxy/session/upstream_state.h"

#include <catch2/catch.hpp>

#include "protocol/startup.h"
#include "unit/session/conversation.h"

using namespace larder;
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

TEST_CASE("a name that the server has let nobody into is no database, however many clients make one up") {
    test::World world;
    const auto known = world.upstream.databases().size();
    const auto log_in_to = [&](const std::string& name) {
        auto client = std::make_unique<test::Client>(world, false);
        protocol::StartupParametersBuilder parameters;
        parameters.add("user", "app").add("database", name);
        std::string startup;
        parameters.append_message_to(startup);
        client->says(startup);
        REQUIRE(client->needs.connect_server);
        client->event([&](Outputs& out) { client->session->on_server_connected(false, out); });
        return client;
    };
    for (int i = 0; i < 100; ++i) {
        const auto client = log_in_to("made up " + std::to_string(i));
        CHECK(client->session->gate() == &world.upstream.strangers().gate());
        client->server(test::error("3D000", "database does not exist"));
    }
    CHECK(world.upstream.databases().size() == known);

    const auto client = log_in_to("real");
    client->server(std::string(protocol::kAuthenticationOk));
    CHECK(world.upstream.find_database("real") == nullptr);
    client->server(test::ready('I'));
    auto* real = world.upstream.find_database("real");
    REQUIRE(real != nullptr);
    CHECK(client->session->gate() == &real->gate());
    CHECK(real->facts_wanted());
    client->answer_set_up();
    CHECK(client->session->is_logged_in());
}

TEST_CASE("who logs in to a database that nobody has got into yet waits while all are paused") {
    UpstreamState upstream(1);
    upstream.pause_all();
    CHECK(upstream.strangers().gate().is_paused());
    upstream.resume_all();
    CHECK_FALSE(upstream.strangers().gate().is_paused());
}
