// Logins of users whom the server is asked for.
#include <catch2/catch.hpp>

#include "unit/session/own_login.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

struct Directory final : UserDirectory {
    std::optional<UserSecretRef> find(std::string_view user) override {
        asked.emplace_back(user);
        return known;
    }
    void doubt(std::string_view user) override { doubted.emplace_back(user); }
    std::optional<UserSecretRef> known;
    std::vector<std::string> asked, doubted;
};

UserSecretRef md5_secret() { return std::make_shared<const protocol::UserSecret>(*protocol::md5_verifier("pencil", "app"), "0123456789abcdef"); }

struct DirectoryWorld : OwnLoginWorld {
    DirectoryWorld() : OwnLoginWorld(PoolMode::automatic) {
        context.users.reset();
        context.directory = &directory;
        context.salt_secret = "0123456789abcdef";
    }
    Directory directory;
};

std::string startup_of(const char* user) {
    protocol::StartupParametersBuilder parameters;
    parameters.add("user", user).add("database", "shop");
    std::string startup;
    parameters.append_message_to(startup);
    return startup;
}

void looked_up(Client& client, LookedUpUser user) {
    client.event([&](Outputs& out) { client.session->on_user_looked_up(user, out); });
}

}  // namespace

TEST_CASE("a user who is known is asked for the password at once") {
    DirectoryWorld world;
    world.directory.known = md5_secret();
    Client client(world, false);
    prove(client);
    CHECK(client.needs.connect_server);
    CHECK_FALSE(client.needs.look_up_user);
    CHECK(world.directory.doubted.empty());
}

TEST_CASE("one who is not is looked up first, and hears nothing until then") {
    DirectoryWorld world;
    Client client(world, false);
    client.says(startup_of("app"));
    CHECK(client.needs.look_up_user);
    CHECK(client.got().empty());
    CHECK(client.session->is_paused());
    CHECK(client.session->user() == "app");
    looked_up(client, {md5_secret(), false});
    const auto asked = client.got();
    CHECK(asked.starts_with("R"));
    CHECK_FALSE(client.session->is_paused());
    // An answer that comes twice changes nothing.
    looked_up(client, {nullptr, true});
    CHECK(client.got().empty());
}

TEST_CASE("a user who does not exist is asked for SCRAM, as one with a verifier is") {
    DirectoryWorld world;
    Client client(world, false);
    client.says(startup_of("nobody"));
    looked_up(client, {nullptr, false});
    CHECK(client.got().find("SCRAM-SHA-256") != std::string::npos);
    CHECK_FALSE(client.needs.close_client);
}

TEST_CASE("a wrong password makes what is known doubtful") {
    DirectoryWorld world;
    world.directory.known = md5_secret();
    Client client(world, false);
    prove(client, {}, "eraser");
    CHECK(client.needs.close_client);
    CHECK(world.directory.doubted == std::vector<std::string>{"app"});
}

TEST_CASE("if nobody can be asked the client is told so, and not that its password is wrong") {
    DirectoryWorld world;
    Client client(world, false);
    client.says(startup_of("app"));
    looked_up(client, {nullptr, true});
    CHECK(client.got().find("57P03") != std::string::npos);
    CHECK(client.needs.close_client);
}

TEST_CASE("the user file goes before the server, and a name that is too long is not asked for") {
    DirectoryWorld world;
    protocol::UserFileError error;
    world.context.users = protocol::UserFile::parse("\"app\" \"" + *protocol::md5_verifier("pencil", "app") + "\"", "0123456789abcdef", error);
    Client client(world, false), other(world, false);
    prove(client);
    CHECK(world.directory.asked.empty());
    other.says(startup_of(std::string(64, 'x').c_str()));
    CHECK(world.directory.asked.empty());
    CHECK(other.got().find("SCRAM-SHA-256") != std::string::npos);
}
