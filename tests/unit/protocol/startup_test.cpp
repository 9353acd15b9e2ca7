#include "protocol/startup.h"

#include <catch2/catch.hpp>

#include "protocol/cancel_key.h"
#include "protocol/frame.h"

namespace larder::protocol {
namespace {

std::string startup_packet(std::uint16_t minor, std::initializer_list<StartupParameters::Parameter> parameters) {
    StartupParametersBuilder builder;
    for (const auto& [name, value] : parameters) builder.add(name, value);
    std::string out;
    builder.append_message_to(out, minor);
    return out;
}

Bytes body_of_packet(const std::string& packet) {
    const FrameResult result = next_startup_frame(packet);
    return result.kind == FrameResult::Kind::frame ? result.frame.body : Bytes{};
}

std::string body_with(const std::string& parameters) { return std::string("\0\3\0\0", 4) + parameters; }

TEST_CASE("a StartupMessage keeps its parameters in order") {
    const std::string packet = startup_packet(2, {{"user", "ann"}, {"database", "shop"}, {"application_name", ""}, {"user", "bob"}});
    const auto message = StartupMessage::decode(body_of_packet(packet));
    REQUIRE(message.has_value());
    CHECK(message->major == 3);
    CHECK(message->minor == 2);
    std::string seen;
    for (const auto [name, value] : message->parameters) seen += std::string{name} + "=" + std::string{value} + ";";
    CHECK(seen == "user=ann;database=shop;application_name=;user=bob;");
    CHECK(message->user() == "bob");
    CHECK(message->database() == "shop");
    CHECK(message->parameters.find("application_name") == Bytes{});
    CHECK_FALSE(message->parameters.find("options").has_value());
    std::string again;
    message->append_to(again);
    CHECK(again == packet);
}

TEST_CASE("the database is the user's name unless given") {
    const std::string without = startup_packet(0, {{"user", "ann"}});
    CHECK(StartupMessage::decode(body_of_packet(without))->database() == "ann");
    const std::string empty = startup_packet(0, {{"user", "ann"}, {"database", ""}});
    CHECK(StartupMessage::decode(body_of_packet(empty))->database() == "ann");
    CHECK(StartupMessage::decode(body_of_packet(startup_packet(0, {})))->user().empty());
}

TEST_CASE("names as long as PostgreSQL's and far longer pass") {
    for (const std::size_t size : {63u, 128u, 996u, 4096u}) {
        const std::string name(size, 'x');
        const std::string packet = startup_packet(0, {{"user", name}, {"database", name}});
        CHECK(StartupMessage::decode(body_of_packet(packet))->user() == name);
    }
}

TEST_CASE("start-up parameters that are not terminated pairs are refused") {
    using std::string_literals::operator""s;
    for (const std::string& raw : {""s, "user"s, "user\0"s, "user\0ann"s, "user\0ann\0"s, "user\0\0"s, "user\0ann\0odd\0\0"s, "user\0ann\0\0x"s,
                                   "\0\0"s, "\0user\0ann\0\0"s}) {
        INFO(raw.size());
        const std::string body = body_with(raw);
        const auto message = StartupMessage::decode(body);
        REQUIRE(message.has_error());
        CHECK(message.error() == DecodeError::bad_startup_layout);
    }
    CHECK(StartupMessage::decode(body_with("\0"s)).has_value());
    const std::string nobody = body_with("user\0\0\0"s);
    CHECK(StartupMessage::decode(nobody)->user().empty());
}

TEST_CASE("a StartupMessage cut at any byte is refused") {
    const std::string packet = startup_packet(0, {{"user", "ann"}, {"options", "-c x=y"}});
    const Bytes body = body_of_packet(packet);
    for (std::size_t size = 0; size < body.size(); ++size) {
        const std::string prefix{body.substr(0, size)};
        const auto message = StartupMessage::decode(prefix);
        REQUIRE(message.has_error());
        CHECK(message.error() == (size < 4 ? DecodeError::truncated : DecodeError::bad_startup_layout));
    }
}

TEST_CASE("the layout of another major version is not looked at") {
    const auto message = StartupMessage::decode(Bytes("\0\2\0\0user", 8));
    REQUIRE(message.has_value());
    CHECK(message->major == 2);
    CHECK(message->parameters.empty());
}

TEST_CASE("requests before start-up are told apart by their code") {
    std::string ssl;
    SslRequest::append_to(ssl);
    CHECK(ssl == std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8));
    CHECK(startup_kind(body_of_packet(ssl)) == StartupKind::ssl_request);
    CHECK(SslRequest::decode(body_of_packet(ssl)).has_value());
    std::string gss;
    GssEncRequest::append_to(gss);
    CHECK(startup_kind(body_of_packet(gss)) == StartupKind::gssenc_request);
    CHECK(GssEncRequest::decode(body_of_packet(gss)).has_value());
    CHECK(GssEncRequest::decode(body_of_packet(ssl)).error() == DecodeError::bad_value);
    CHECK(SslRequest::decode("\x04\xd2\x16\x2f more").error() == DecodeError::trailing_bytes);
    CHECK(SslRequest::decode("\x04\xd2").error() == DecodeError::truncated);
    CHECK(startup_kind(body_of_packet(startup_packet(0, {}))) == StartupKind::startup);
    CHECK(startup_kind("\x04\xd2") == StartupKind::startup);
    CHECK(is_direct_tls("\x16\x03\x01"));
    CHECK_FALSE(is_direct_tls(ssl));
    CHECK_FALSE(is_direct_tls(""));
}

TEST_CASE("cancel requests carry 4 to 256 bytes of key") {
    for (const std::size_t size : {4u, 5u, 32u, 256u}) {
        const std::string secret(size, '\x7f');
        std::string packet;
        CancelRequest{-5, secret}.append_to(packet);
        CHECK(startup_kind(body_of_packet(packet)) == StartupKind::cancel_request);
        const auto request = CancelRequest::decode(body_of_packet(packet));
        REQUIRE(request.has_value());
        CHECK(request->pid == -5);
        CHECK(request->secret == secret);
    }
    for (const std::size_t size : {0u, 3u, 257u}) {
        const std::string secret(size, 'k');
        std::string packet;
        CancelRequest{1, secret}.append_to(packet);
        CHECK(CancelRequest::decode(body_of_packet(packet)).error() == DecodeError::bad_key_length);
        CHECK_FALSE(CancelKey::make(1, secret).has_value());
    }
    CHECK(CancelRequest::decode("\x04\xd2\x16\x2e\0\0").error() == DecodeError::truncated);
}

TEST_CASE("a cancel key matches itself and nothing near it") {
    const auto key = CancelKey::make(7, "secret");
    REQUIRE(key);
    CHECK(key->secret() == "secret");
    CHECK(key->matches(7, "secret"));
    CHECK(key->matches(CancelRequest{7, "secret"}));
    CHECK_FALSE(key->matches(8, "secret"));
    CHECK_FALSE(key->matches(7, "secreT"));
    CHECK_FALSE(key->matches(7, "secre"));
    CHECK_FALSE(key->matches(7, "secret1"));
    CHECK_FALSE(CancelKey{}.matches(0, ""));
}

}  // namespace
}  // namespace larder::protocol
