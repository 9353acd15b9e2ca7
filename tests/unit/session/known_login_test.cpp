// Logins that are given again without the server, as conversations.
#include "unit/session/own_login.h"

namespace larder::session::test {
namespace {

using namespace std::chrono_literals;

struct KnownWorld : OwnLoginWorld {
    explicit KnownWorld(PoolMode mode = PoolMode::automatic) : OwnLoginWorld(mode) {}
};

bool is_let_in(KnownWorld& world, std::vector<Parameter> more = {}) {
    Client client(world, false);
    prove(client, std::move(more));
    return client.session->is_logged_in();
}

TEST_CASE("who comes as another did a moment ago is let in with the same words, and the server does not hear of it") {
    KnownWorld world(GENERATE(PoolMode::automatic, PoolMode::transaction, PoolMode::session));
    Client first(world, false);
    prove(first);
    const auto told = log_in(first);
    CHECK(types_of(told) == "RSSKZ");
    Client second(world, false);
    second.split_bytes = GENERATE(false, true);
    prove(second);
    CHECK(second.got() == told);
    CHECK(second.session->is_logged_in());
    CHECK_FALSE(second.needs.any());
    CHECK(second.server_got().empty());
    CHECK(second.session->pool_key() == first.session->pool_key());
    CHECK(world.servers.asked == first.session->pool_key());
    CHECK(world.context.metrics.known_logins.value() == 1);
    CHECK(world.context.metrics.logins.value() == 2);
}

TEST_CASE("who was let in without the server reads from the cache, and takes a connection for what is not there") {
    KnownWorld world;
    Client first(world, false);
    prove(first);
    log_in(first);
    first.needs = {};
    auto link = first.session->take_link();
    first.says(query("select n from t"));
    first.lend(std::move(link));
    first.says("").server(answer("5"));
    link = first.session->take_link();
    Client second(world, false);
    prove(second);
    second.got();
    second.says(query("select n from t"));
    CHECK(second.got() == answer("5"));
    CHECK_FALSE(second.needs.acquire_server);
    second.says(query("select n from u"));
    REQUIRE(second.needs.acquire_server);
    SECTION("and hears what that reports otherwise") {
        link->parameters["TimeZone"] = "CET";
        second.lend(std::move(link));
        CHECK(second.got() == parameter_status("TimeZone", "CET"));
        return;
    }
    second.lend(std::move(link));
    second.says("");
    CHECK(types_of(second.server_got()) == "Q");
}

TEST_CASE("the server is asked again when a login may not be what it was") {
    KnownWorld world;
    auto first = std::make_unique<Client>(world, false);
    prove(*first);
    log_in(*first);
    REQUIRE(is_let_in(world));
    SECTION("a role or setting is being changed") {
        world.upstream.counters.server.begin();
        CHECK_FALSE(is_let_in(world));
        world.upstream.counters.server.end();
        CHECK_FALSE(is_let_in(world));
    }
    SECTION("the catalogue has changed") {
        world.database().counters().catalogue.move();
        CHECK_FALSE(is_let_in(world));
    }
    SECTION("another incarnation of the server") {
        world.upstream.set_instance_number(43);
        CHECK_FALSE(is_let_in(world));
    }
    SECTION("its age") {
        world.context.now = world.context.now + 1000ms;
        CHECK_FALSE(is_let_in(world));
    }
    SECTION("other parameters, and the same in another place") {
        CHECK_FALSE(is_let_in(world, {{"application_name", "x"}}));
        CHECK_FALSE(is_let_in(world, {{"application_name", ""}}));
    }
    SECTION("no server connection is left") {
        world.servers.has = false;
        CHECK_FALSE(is_let_in(world));
    }
    SECTION("a wrong password") {
        Client client(world, false);
        prove(client, {}, "eraser");
        CHECK(client.got().find("C28P01") != std::string::npos);
        CHECK_FALSE(client.session->is_logged_in());
    }
}

TEST_CASE("a login that was noted while a role was being changed is not given again, and one that a change overtook neither") {
    KnownWorld world;
    world.upstream.counters.server.begin();
    Client first(world, false);
    prove(first);
    const bool ends_within = GENERATE(true, false);
    if (ends_within) {
        first.event([&](Outputs& out) { first.session->on_server_connected(false, out); });
        world.upstream.counters.server.end();
        first.needs.connect_server = true;
        first.server(std::string(protocol::kAuthenticationOk) + kParameters + ready('I'));
        first.answer_set_up();
    } else {
        log_in(first);
    }
    CHECK(first.session->is_logged_in());
    CHECK_FALSE(is_let_in(world));
}

TEST_CASE("half-way through its age one login goes to the server, and the others are let in meanwhile") {
    KnownWorld world;
    Client first(world, false);
    prove(first);
    log_in(first);
    world.context.now = world.context.now + 500ms;
    Client asks(world, false);
    prove(asks);
    CHECK(asks.needs.connect_server);
    CHECK(is_let_in(world));
    log_in(asks);
    CHECK(asks.session->take_link()->is_spare);
    world.context.now = world.context.now + 499ms;
    CHECK(is_let_in(world));
}

TEST_CASE("a login with more than a login says is not given again") {
    KnownWorld world;
    Client first(world, false);
    prove(first);
    std::string notice;
    protocol::append_notice(notice, {protocol::severity::kNotice, "01000", "database \"shop\" has a collation version mismatch"});
    log_in(first, notice);
    CHECK_FALSE(is_let_in(world));
}

TEST_CASE("where event triggers run at a login each goes to the server") {
    KnownWorld world;
    Client first(world, false);
    first.login_triggers = "true";
    prove(first);
    log_in(first);
    CHECK_FALSE(is_let_in(world));
}

TEST_CASE("a server that refuses a login is asked by the next one, too") {
    KnownWorld world;
    Client first(world, false);
    prove(first);
    log_in(first);
    world.context.now = world.context.now + 500ms;
    Client refused(world, false);
    prove(refused);
    refused.event([&](Outputs& out) { refused.session->on_server_connected(false, out); });
    refused.server(error("28000", "role \"app\" is not permitted to log in"));
    CHECK_FALSE(is_let_in(world));
}

TEST_CASE("who was let in and is then refused by the server gets its error at the first statement") {
    KnownWorld world;
    Client first(world, false);
    prove(first);
    log_in(first);
    Client second(world, false);
    prove(second);
    second.got();
    second.says(query("select n from t"));
    REQUIRE(second.needs.acquire_server);
    second.event([&](Outputs&) { second.session->on_connecting(); });
    second.event([&](Outputs& out) { second.session->on_server_connected(false, out); });
    second.needs = {};
    const auto [sqlstate, is_for_good] = GENERATE(std::pair("28000", true), std::pair("3D000", true), std::pair("42501", true), std::pair("53300", false));
    second.server(error(sqlstate, "no"));
    CHECK(second.got() == (is_for_good ? error(sqlstate, "no") : ""));
    CHECK(second.needs.close_client == is_for_good);
    CHECK(second.needs.login_refused == !is_for_good);
    CHECK(is_let_in(world) == !is_for_good);
}

}  // namespace
}  // namespace larder::session::test
