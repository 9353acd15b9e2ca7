// What becomes of a server connection when its client leaves, and what its next client does first.
#include "unit/session/own_login.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;
using namespace std::string_literals;

namespace {

// Connections outlive their clients.
struct SessionWorld : OwnLoginWorld {
    explicit SessionWorld(PoolMode mode = PoolMode::session) : OwnLoginWorld(mode) {}
};

// Holds the connection that its login made.
struct SessionClient : Client {
    explicit SessionClient(OwnLoginWorld& world_in) : Client(world_in, false) {
        prove(*this);
        log_in(*this);
        needs = {};
    }
    void runs(Bytes text, const char* tag) {
        says(query(text));
        if (needs.acquire_server) return;
        server(complete(tag) + ready('I'));
        server_got();
    }
    // How the server was left: "", "DISCARD ALL", or "X" for a farewell.
    std::string leaves(bool says_so = true) {
        if (says_so) says(std::string(protocol::kTerminate));
        else event([&](Outputs& out) { session->on_client_closed(out); });
        const auto said = server_got();
        const bool is_given_back = needs.release_server;
        CHECK((types_of(said) == "X") != is_given_back);
        if (said.empty() || types_of(said) == "X") return types_of(said);
        return said.substr(protocol::kHeaderBytes, said.size() - protocol::kHeaderBytes - 1);
    }
};

}  // namespace

TEST_CASE("a session's connection is given back as it is if nothing was left on it") {
    SessionWorld world;
    SessionClient client(world);
    client.says(query("select n from t")).server(answer("5"));
    CHECK_FALSE(client.needs.release_server);  // not before it leaves
    client.server_got();
    CHECK(client.leaves(GENERATE(true, false)).empty());
    CHECK(client.needs.close_client);
}

TEST_CASE("what DISCARD ALL takes away is taken away when the client leaves") {
    SessionWorld world;
    SessionClient client(world);
    const auto text = GENERATE(as<Bytes>(), "set work_mem = '8MB'", "select pg_advisory_lock(1)", "listen here", "prepare p as select 1", "insert into t values (1)",
                               "select lastval()", "deallocate all");
    INFO(text);
    client.runs(text, "OK");
    REQUIRE(client.leaves(GENERATE(true, false)) == "DISCARD ALL");
    const auto link = client.session->take_link();
    CHECK(link->owes_discard);
    CHECK(link->lock_may_be_gone);
    CHECK_FALSE(link->is_own);
}

TEST_CASE("a statement that was named is taken away, whatever became of its name") {
    SessionWorld world;
    SessionClient client(world);
    client.says(parse("p", "select n from t") + sync_message()).server("1\0\0\0\4"s + ready('I'));
    if (GENERATE(false, true)) client.says(parse("p", "select 2") + sync_message()).server(error("42P05", "prepared statement \"p\" already exists") + ready('I'));
    client.server_got();
    CHECK(client.leaves() == "DISCARD ALL");
}

TEST_CASE("a connection that may hide something ends with its client") {
    SessionWorld world;
    SessionClient client(world);
    const bool says_so = GENERATE(true, false);
    SECTION("settings that no RESET makes unknown again") { client.runs("set my.own = 1", "SET"); }
    SECTION("code that is not understood") { client.runs("do 'begin end'", "DO"); }
    SECTION("state that functions keep") { client.runs("select setseed(0.5)", "SELECT 1"); }
    SECTION("a temporary schema, which would be empty") { client.runs("create temp table x (n int)", "CREATE TABLE"); }
    SECTION("an open block") { client.says(query("begin; select 1")).server(complete("BEGIN") + answer("1", 'T')); }
    SECTION("a statement that only the catalogue's facts can judge") {
        world.database().counters().catalogue.move();
        client.runs("select n from v", "SELECT 1");
    }
    client.server_got();
    CHECK(client.leaves(says_so) == "X");
}

TEST_CASE("a connection that is busy ends with its client") {
    SessionWorld world;
    SessionClient client(world);
    client.says(query("insert into t values (1)")).server_got();
    client.says(std::string(protocol::kTerminate));
    CHECK_FALSE(client.needs.release_server);
    CHECK(types_of(client.server_got()) == "X");
}

TEST_CASE("who borrows a connection that owes the answer to DISCARD ALL waits for that first") {
    SessionWorld world(PoolMode::automatic);
    SessionClient client(world);
    client.session->take_link();
    client.says(query("select 1"));
    REQUIRE(client.needs.acquire_server);
    client.needs = {};
    auto link = std::make_unique<ServerLink>();
    link->verified_number = link->asked_number = 42;
    link->is_own = false;
    link->owes_discard = link->lock_may_be_gone = true;
    client.lend(std::move(link));
    CHECK(client.server_got().empty());
    std::string heard;
    protocol::NotificationResponse{7, "here", "for the one before"}.append_to(heard);
    SECTION("nothing of it reaches the client") {
        client.server(heard + complete("DISCARD ALL") + ready('I'));
        CHECK(client.got().empty());
        client.says("");
        CHECK(types_of(client.server_got()) == "PBECCSQ");  // Larder's lock comes back before the client's statement
    }
    SECTION("if it failed, another connection is taken") {
        client.server(error("57014", "canceling statement due to statement timeout") + ready('I'));
        CHECK(client.got().empty());
        CHECK(client.needs.close_server);
        CHECK(client.needs.acquire_server);
    }
}

TEST_CASE("in mode session a connection that cannot be opened is the client's own error") {
    SessionWorld world;
    SessionClient first(world);
    Client client(world, false);
    prove(client);
    REQUIRE(client.session->is_logged_in());
    client.got();
    client.says(query("select n from t"));
    REQUIRE(client.needs.acquire_server);
    client.needs = {};
    client.event([&](Outputs&) { client.session->on_connecting(); });
    SECTION("the server is not there") {
        client.event([&](Outputs& out) { client.session->on_server_failed("08001", "could not connect", out); });
        CHECK(client.got().find("C08001\0Mcould not connect"s) != std::string::npos);
    }
    SECTION("the server is full") {
        client.event([&](Outputs& out) { client.session->on_server_connected(false, out); });
        client.server(error("53300", "sorry, too many clients already"));
        CHECK(client.got() == error("53300", "sorry, too many clients already"));
    }
    SECTION("the server goes away") {
        client.event([&](Outputs& out) { client.session->on_server_connected(false, out); });
        client.event([&](Outputs& out) { client.session->on_server_closed(out); });
        CHECK(client.got().find("C08006") != std::string::npos);
    }
    CHECK(client.needs.close_client);
    CHECK_FALSE(client.needs.login_refused);
}
