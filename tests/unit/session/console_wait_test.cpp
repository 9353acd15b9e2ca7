// The console: commands that take their time, and users whom the configuration lets in without the server.
#include <catch2/catch.hpp>

#include "unit/session/own_login.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

// "WAIT" is done when the test says so; everything else at once.
struct Handler final : ConsoleHandler {
    ConsoleReply run(std::string_view statement, bool is_admin) override {
        ran.emplace_back(statement);
        admin = is_admin;
        ConsoleReply reply;
        reply.tag = statement;
        if (statement != "WAIT") return reply;
        reply.is_done = [this] { return is_done; };
        reply.on_cancel = [this] { ++cancels; };
        return reply;
    }
    std::vector<std::string> ran;
    bool is_done = false, admin = false;
    int cancels = 0;
};

struct ConsoleWorld : OwnLoginWorld {
    ConsoleWorld() : OwnLoginWorld(PoolMode::automatic) {
        context.console = &handler;
        context.console_admins = {"app"};
    }
    Handler handler;
};

// A client in the console, whom no server was asked for.
void enter(Client& client) {
    prove(client, {}, "pencil", "larder");
    REQUIRE_FALSE(client.needs.connect_server);
    REQUIRE(client.session->is_logged_in());
    REQUIRE(client.got().ends_with(ready('I')));
}

void ask_again(Client& client) {
    client.needs = {};
    client.event([&](Outputs& out) { client.session->reconsider(out); });
}

}  // namespace

TEST_CASE("a command that takes its time is answered once, when it is done, and what was sent behind it then") {
    ConsoleWorld world;
    Client client(world, false);
    client.split_bytes = GENERATE(false, true);
    enter(client);
    client.says(query("WAIT"));
    CHECK(client.got().empty());
    CHECK(client.session->is_paused());
    CHECK(client.needs.reconsider);
    client.says(query("SHOW"));
    ask_again(client);
    CHECK(client.needs.reconsider);
    CHECK(client.got().empty());
    world.handler.is_done = true;
    ask_again(client);
    client.says("");
    CHECK(client.got() == complete("WAIT") + ready('I') + complete("SHOW") + ready('I'));
    CHECK(world.handler.ran == std::vector<std::string>{"WAIT", "SHOW"});
    CHECK(world.handler.admin);
    CHECK(world.handler.cancels == 0);
}

TEST_CASE("the same by the extended protocol") {
    ConsoleWorld world;
    Client client(world, false);
    enter(client);
    client.says(parse("", "WAIT") + bind("", "") + describe(protocol::Target::portal, "") + execute("") + sync_message());
    CHECK(client.session->is_paused());
    const auto before = client.got();
    world.handler.is_done = true;
    ask_again(client);
    client.says("");
    CHECK((before + client.got()).ends_with(complete("WAIT") + ready('I')));
    CHECK(world.handler.ran.size() == 1);
}

TEST_CASE("a cancel ends the waiting, and the session goes on") {
    ConsoleWorld world;
    Client client(world, false);
    enter(client);
    const bool is_extended = GENERATE(false, true);
    client.says(is_extended ? parse("", "WAIT") + bind("", "") + execute("") + sync_message() : query("WAIT"));
    client.got();
    client.event([&](Outputs& out) { client.session->on_cancel(out); });
    client.says("");
    const auto got = client.got();
    CHECK(got.find("57014") != std::string::npos);
    CHECK(got.ends_with(ready('I')));
    CHECK(world.handler.cancels == 1);
    client.says(query("SHOW"));
    CHECK(client.got() == complete("SHOW") + ready('I'));
}

TEST_CASE("who is in no list is judged by the server, as before; who is in both may change things") {
    ConsoleWorld world;
    SECTION("in none") {
        world.context.console_admins = {"others"};
        Client client(world, false);
        prove(client, {}, "pencil", "larder");
        CHECK(client.needs.connect_server);
    }
    SECTION("in one that only reads") {
        world.context.console_admins.clear();
        world.context.console_readers = {"app"};
        Client client(world, false);
        enter(client);
        client.says(query("SHOW"));
        CHECK_FALSE(world.handler.admin);
    }
}
