#include "protocol/client_login.h"

#include <catch2/catch.hpp>

#include "protocol/frame.h"
#include "protocol/frontend.h"
#include "protocol/md5.h"

namespace larder::protocol {
namespace {

using ClientStep = ClientLogin::Step;
using ServerStep = ServerLogin::Step;
constexpr Bytes kSaltSecret = "0123456789abcdef0123456789abcdef";

std::shared_ptr<const UserFile> users() {
    UserFileError error;
    const auto verifier = ScramVerifier::from_password("pencil", "fedcba9876543210", 64)->to_string();
    return UserFile::parse("\"scram\" \"" + verifier + "\"\n\"plain\" \"pencil\"\n\"md5\" \"" + *md5_verifier("pencil", "md5") + "\"\n\"none\" \"\"", kSaltSecret, error);
}

// The last message of `out`, which is emptied.
struct Message {
    explicit Message(std::string& out) {
        while (!out.empty()) {
            const auto header = *peek_header(out);
            type = header.type;
            const auto total = static_cast<std::size_t>(header.total_bytes);
            body = out.substr(kHeaderBytes, total - kHeaderBytes);
            out.erase(0, total);
        }
    }
    Authentication request() const {
        REQUIRE(type == Authentication::kType);
        return *Authentication::decode(body);
    }
    bool has(Bytes text) const { return body.find(text) != std::string::npos; }

    char type = 0;
    std::string body;
};

// A client with a password (played by ServerLogin, which answers as a client does) at a Larder with the user file.
struct Attempt {
    ClientStep step{};
    Message last;
    Credentials credentials;
};
Attempt attempt(Bytes user, std::string password) {
    UserFileError error;
    const auto own = UserFile::parse("\"me\" \"" + password + "\"", kSaltSecret, error);
    Credentials known;
    known.secret = own->find("me");
    ServerLogin client(known, user);
    ClientLogin login(users(), user);
    std::string to_client, to_larder;
    auto step = login.start(to_client);
    for (;;) {
        Message message(to_client);
        if (step != ClientStep::more) return {step, std::move(message), step == ClientStep::accepted ? login.take_credentials() : Credentials()};
        REQUIRE(client.on_request(message.request(), to_larder) == ServerStep::more);
        const Message answer(to_larder);
        step = login.on_message(answer.type, answer.body, to_client);
    }
}

// A server that keeps `verifier`, asked with `credentials`.
ServerStep at_scram_server(const Credentials& credentials, const ScramVerifier& verifier, bool honest = true) {
    ServerLogin login(credentials, "any");
    std::string out;
    const auto step = login.on_request({Authentication::Kind::sasl, Bytes("SCRAM-SHA-256\0\0", 15)}, out);
    if (step != ServerStep::more) return step;
    ScramServer server(verifier, "serverserver", kScramSha256);
    const Message initial(out);
    const auto first = server.on_first(*SaslInitialResponse::decode(initial.body)->data);
    REQUIRE(first.has_value());
    if (login.on_request({Authentication::Kind::sasl_continue, *first}, out) != ServerStep::more) return ServerStep::not_trusted;
    const auto final = server.on_final(Message(out).body);
    if (!final) return ServerStep::no_credential;
    if (honest && login.on_request({Authentication::Kind::sasl_final, *final}, out) != ServerStep::more) return ServerStep::not_trusted;
    return login.on_request({Authentication::Kind::ok, {}}, out);
}

TEST_CASE("the right password is let in by each kind of secret") {
    for (const Bytes user : {"scram", "plain", "md5"}) {
        INFO(user);
        CHECK(attempt(user, "pencil").step == ClientStep::accepted);
    }
}

TEST_CASE("a wrong password and an unknown user are told the same, in PostgreSQL's words") {
    for (const Bytes user : {"scram", "plain", "md5", "none", "nobody"}) {
        INFO(user);
        const auto wrong = attempt(user, "eraser");
        CHECK(wrong.step == ClientStep::refused);
        CHECK(wrong.last.type == 'E');
        CHECK(wrong.last.has("SFATAL"));
        CHECK(wrong.last.has("C28P01"));
        CHECK(wrong.last.has("Mpassword authentication failed for user \"" + std::string(user) + "\""));
        CHECK_FALSE(wrong.credentials.keys);
        CHECK_FALSE(wrong.credentials.secret);
    }
}

TEST_CASE("an unknown user is asked with the same salt each time") {
    std::string challenges[2];
    for (auto& challenge : challenges) {
        ClientLogin login(users(), "nobody");
        std::string out;
        login.start(out);
        Message(out).request();
        std::string initial;
        SaslInitialResponse{kScramSha256, Bytes("n,,n=,r=clientnonce")}.append_to(initial);
        REQUIRE(login.on_message('p', Bytes(initial).substr(kHeaderBytes), out) == ClientStep::more);
        const Message message(out);
        challenge = message.request().data.substr(message.request().data.find(",s="));
    }
    CHECK(challenges[0] == challenges[1]);
    CHECK(challenges[0].find(",i=4096") != std::string::npos);
}

TEST_CASE("the keys of a client's proof log in at the server that has the same verifier, and at no other") {
    const auto proved = attempt("scram", "pencil");
    REQUIRE(proved.credentials.keys);
    CHECK_FALSE(proved.credentials.secret);
    CHECK(at_scram_server(proved.credentials, *users()->find("scram")->verifier()) == ServerStep::accepted);
    CHECK(at_scram_server(proved.credentials, *ScramVerifier::from_password("pencil", "another salt 123", 64)) == ServerStep::no_credential);
}

TEST_CASE("a plain secret logs in at any verifier of it, and answers md5") {
    const auto proved = attempt("plain", "pencil");
    CHECK(at_scram_server(proved.credentials, *ScramVerifier::from_password("pencil", "another salt 123", 64)) == ServerStep::accepted);
    std::string out;
    ServerLogin login(proved.credentials, "plain");
    CHECK(login.on_request({Authentication::Kind::md5_password, "salt"}, out) == ServerStep::more);
    CHECK(PasswordMessage::decode(Message(out).body)->password == *md5_response(*md5_verifier("pencil", "plain"), "salt"));
}

TEST_CASE("an md5 digest answers md5 and nothing else") {
    const auto proved = attempt("md5", "pencil");
    std::string out;
    ServerLogin login(proved.credentials, "md5");
    CHECK(login.on_request({Authentication::Kind::md5_password, "salt"}, out) == ServerStep::more);
    CHECK(PasswordMessage::decode(Message(out).body)->password == *md5_response(*md5_verifier("pencil", "md5"), "salt"));
    CHECK(at_scram_server(proved.credentials, *users()->find("scram")->verifier()) == ServerStep::no_credential);
}

TEST_CASE("a server that does not prove that it knows the password is not trusted") {
    const auto proved = attempt("scram", "pencil");
    CHECK(at_scram_server(proved.credentials, *users()->find("scram")->verifier(), false) == ServerStep::not_trusted);
    std::string out;
    ServerLogin unasked(proved.credentials, "scram");
    CHECK(unasked.on_request({Authentication::Kind::sasl_continue, "r=x,s=eA==,i=1"}, out) == ServerStep::not_trusted);
    ServerLogin clear(proved.credentials, "scram");
    CHECK(clear.on_request({Authentication::Kind::cleartext_password, {}}, out) == ServerStep::no_credential);
    CHECK(out.empty());
}

TEST_CASE("what is no answer to a password request is a protocol violation") {
    const auto refused = [](char type, Bytes body, Bytes text, Bytes user) {
        ClientLogin login(users(), user);
        std::string out;
        login.start(out);
        Message(out).request();
        CHECK(login.on_message(type, body, out) == ClientStep::refused);
        const Message last(out);
        CHECK(last.has("C08P01"));
        CHECK(last.has(text));
    };
    refused('Q', Bytes("select 1\0", 9), "expected SASL response, got message type 81", "scram");
    refused('Q', Bytes("select 1\0", 9), "expected password response, got message type 81", "md5");
    refused('p', "SCRAM-SHA-256", "", "scram");
    refused('p', Bytes("SCRAM-SHA-256-PLUS\0\0\0\0\0", 23), "client selected an invalid SASL authentication mechanism", "scram");
    refused('p', Bytes("SCRAM-SHA-256\0\0\0\0\3n,,", 21), "malformed SCRAM message", "scram");
    refused('p', "no zero byte", "invalid password packet size", "md5");
}

TEST_CASE("a client may leave its first SCRAM message out, and is asked for it") {
    ClientLogin login(users(), "scram");
    std::string out;
    login.start(out);
    Message(out).request();
    REQUIRE(login.on_message('p', Bytes("SCRAM-SHA-256\0\377\377\377\377", 18), out) == ClientStep::more);
    CHECK(Message(out).request().data.empty());
    REQUIRE(login.on_message('p', "n,,n=,r=clientnonce", out) == ClientStep::more);
    CHECK(Message(out).request().data.starts_with("r=clientnonce"));
}

TEST_CASE("an empty md5 answer is PostgreSQL's error for it") {
    ClientLogin login(users(), "md5");
    std::string out;
    login.start(out);
    Message(out).request();
    CHECK(login.on_message('p', Bytes("\0", 1), out) == ClientStep::refused);
    CHECK(Message(out).has("empty password returned by client"));
}

}  // namespace
}  // namespace larder::protocol
