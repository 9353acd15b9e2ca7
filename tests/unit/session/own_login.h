// Logins that Larder judges, for conversations: a user file with one user, and both halves of a login.
#pragma once

#include "protocol/authentication.h"
#include "protocol/md5.h"
#include "protocol/startup.h"
#include "proxy/session/known_login.h"
#include "unit/session/conversation.h"

namespace larder::session::test {

struct Servers final : SharedServers {
    bool has_any(const std::string& pool_key) const override {
        asked = pool_key;
        return has;
    }
    mutable std::string asked;
    bool has = true;
};

struct OwnLoginWorld : World {
    explicit OwnLoginWorld(PoolMode mode) {
        protocol::UserFileError error;
        context.users = protocol::UserFile::parse("\"app\" \"" + *protocol::md5_verifier("pencil", "app") + "\"", "0123456789abcdef", error);
        context.salt_secret = "0123456789abcdef";
        context.pool_mode = mode;
        context.known_logins = &known;
        context.shared_servers = &servers;
    }
    KnownLogins known{std::chrono::milliseconds(1000)};
    Servers servers;
};

using Parameter = std::pair<const char*, const char*>;

// As far as Larder's word that the password is right.
inline void prove(Client& client, std::vector<Parameter> more = {}, const char* password = "pencil", const char* database = "shop") {
    protocol::StartupParametersBuilder parameters;
    parameters.add("user", "app").add("database", database);
    for (const auto& [name, value] : more) parameters.add(name, value);
    std::string startup;
    parameters.append_message_to(startup);
    client.says(startup);
    const auto asked = client.got();
    const auto request = protocol::Authentication::decode(Bytes(asked).substr(protocol::kHeaderBytes));
    std::string answer;
    protocol::PasswordMessage{*protocol::md5_response(*protocol::md5_verifier(password, "app"), request->data)}.append_to(answer);
    client.says(answer);
}

inline std::string parameter_status(Bytes name, Bytes value) {
    std::string out;
    protocol::ParameterStatus{name, value}.append_to(out);
    return out;
}

inline const std::string kParameters = parameter_status("TimeZone", "UTC") + parameter_status("DateStyle", "ISO, MDY");

// The server's part of a login. Returns what the client got.
inline std::string log_in(Client& client, const std::string& notice = {}) {
    REQUIRE(client.needs.connect_server);
    client.event([&](Outputs& out) { client.session->on_server_connected(false, out); });
    client.server_got();
    std::string login(protocol::kAuthenticationOk);
    login += notice + kParameters;
    protocol::BackendKeyData{7, "1234"}.append_to(login);
    client.server(login + ready('I'));
    client.answer_set_up();
    REQUIRE(client.session->is_logged_in());
    return client.got();
}

}  // namespace larder::session::test
