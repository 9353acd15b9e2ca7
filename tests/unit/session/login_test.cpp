// Logins by the user file, as conversations.
#include <catch2/catch.hpp>

#include "protocol/client_login.h"
#include "protocol/error.h"
#include "protocol/md5.h"
#include "protocol/startup.h"
#include "unit/session/conversation.h"

namespace larder::session::test {
namespace {

struct LoginWorld : World {
    LoginWorld() {
        protocol::UserFileError error;
        context.users = protocol::UserFile::parse("\"app\" \"" + *protocol::md5_verifier("pencil", "app") + "\"", "0123456789abcdef", error);
        context.salt_secret = "0123456789abcdef";
    }
};

std::string startup() {
    protocol::StartupParametersBuilder parameters;
    parameters.add("user", "app").add("database", "shop");
    std::string out;
    parameters.append_message_to(out);
    return out;
}

std::string md5_request(Bytes salt) {
    std::string out;
    protocol::Authentication{protocol::Authentication::Kind::md5_password, salt}.append_to(out);
    return out;
}

// The answer to the request in `asked`.
std::string password_for(Bytes asked, Bytes password) {
    const auto request = protocol::Authentication::decode(asked.substr(protocol::kHeaderBytes));
    REQUIRE(request->kind == protocol::Authentication::Kind::md5_password);
    std::string out;
    protocol::PasswordMessage{*protocol::md5_response(*protocol::md5_verifier(password, "app"), request->data)}.append_to(out);
    return out;
}

TEST_CASE("no server is asked before the client has proved its password") {
    LoginWorld world;
    Client client(world, false);
    client.split_bytes = GENERATE(false, true);
    client.says(startup());
    CHECK_FALSE(client.needs.connect_server);
    client.says(password_for(client.got(), "pencil"));
    CHECK(client.needs.connect_server);
    CHECK(client.got().empty());  // the server has not said yes
    client.event([&](Outputs& out) { client.session->on_server_connected(false, out); });
    client.server_got();
    // What a client sends too early never gets into the login at the server.
    std::string early;
    protocol::PasswordMessage{"early"}.append_to(early);
    client.says(early);
    client.server(md5_request("salt"));
    CHECK(client.server_got() == password_for(md5_request("salt"), "pencil"));
    CHECK(client.got().empty());
    client.server(std::string(protocol::kAuthenticationOk));
    CHECK(client.got() == protocol::kAuthenticationOk);
}

TEST_CASE("a server that asks again after it has said yes is not trusted") {
    LoginWorld world;
    Client client(world, false);
    client.says(startup());
    client.says(password_for(client.got(), "pencil"));
    client.event([&](Outputs& out) { client.session->on_server_connected(false, out); });
    client.server_got();
    client.server(std::string(protocol::kAuthenticationOk));
    client.server(GENERATE(md5_request("salt"), std::string(protocol::kAuthenticationOk)));
    CHECK(client.server_got().empty());
    CHECK(client.got().find("C08P01") != std::string::npos);
    CHECK(client.needs.close_client);
}

TEST_CASE("a wrong password ends at Larder") {
    LoginWorld world;
    Client client(world, false);
    client.says(startup());
    client.says(password_for(client.got(), "eraser"));
    CHECK(client.got().find("password authentication failed for user \"app\"") != std::string::npos);
    CHECK_FALSE(client.needs.connect_server);
    CHECK(client.needs.close_client);
    CHECK(world.context.metrics.login_failures.value() == 1);
}

TEST_CASE("a message that is no answer, or too long for one, ends the login") {
    LoginWorld world;
    Client client(world, false);
    client.says(startup());
    client.got();
    client.says(GENERATE(as<std::string>(), std::string("Q\0\0\0\5\0", 6), std::string("p\177\377\377\377", 5), std::string("p\0\0\0\0", 5)));
    CHECK(client.got().find("C08P01") != std::string::npos);
    CHECK(client.needs.close_client);
}

TEST_CASE("a server that asks for what the user file does not give is told to the client") {
    LoginWorld world;
    Client client(world, false);
    client.says(startup());
    client.says(password_for(client.got(), "pencil"));
    client.event([&](Outputs& out) { client.session->on_server_connected(false, out); });
    client.server_got();
    client.server(std::string(protocol::kAuthenticationCleartextPassword));
    CHECK(client.got().find("the server asks for a secret that the user file does not give") != std::string::npos);
    CHECK(client.server_got().empty());
    CHECK(client.needs.close_client);
}

}  // namespace
}  // namespace larder::session::test
