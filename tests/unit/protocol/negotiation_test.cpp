#include "protocol/negotiation.h"

#include <catch2/catch.hpp>

#include "protocol/backend.h"
#include "unit/protocol/truncation.h"

namespace larder::protocol {
namespace {

StartupMessage startup(std::uint16_t minor, StartupParameters parameters = {}) { return {3, minor, parameters}; }

TEST_CASE("3.0 and 3.2 are spoken without a word") {
    for (const std::uint16_t minor : std::initializer_list<std::uint16_t>{0, 2}) {
        const Negotiation result = negotiate(startup(minor));
        CHECK(result.kind == Negotiation::Kind::accept);
        CHECK(result.minor == minor);
        CHECK(result.reply.empty());
    }
}

TEST_CASE("other minors are answered with the newest that is not above them") {
    for (const auto& [asked, spoken] : {std::pair{1, 0}, {3, 2}, {9999, 2}, {65535, 2}}) {
        const Negotiation result = negotiate(startup(static_cast<std::uint16_t>(asked)));
        INFO(asked);
        REQUIRE(result.kind == Negotiation::Kind::negotiate);
        CHECK(result.minor == spoken);
        const auto reply = NegotiateProtocolVersion::decode(body_of(result.reply));
        REQUIRE(reply.has_value());
        CHECK(reply->major == 3);
        CHECK(reply->minor == spoken);
        CHECK(reply->option_count == 0);
    }
}

TEST_CASE("a server that speaks less lowers what is offered") {
    const Negotiation result = negotiate(startup(2), 0);
    REQUIRE(result.kind == Negotiation::Kind::negotiate);
    CHECK(result.minor == 0);
    CHECK(NegotiateProtocolVersion::decode(body_of(result.reply))->minor == 0);
    CHECK(negotiate(startup(0), 0).kind == Negotiation::Kind::accept);
    CHECK(negotiate(startup(9), 9).minor == kNewestMinor);
}

TEST_CASE("protocol options are unknown and listed in order") {
    StartupParametersBuilder parameters;
    parameters.add("user", "ann").add("_pq_.first", "1").add("_pqx", "no").add("_pq_.second", "");
    const Negotiation result = negotiate(startup(2, parameters.parameters()));
    REQUIRE(result.kind == Negotiation::Kind::negotiate);
    CHECK(result.minor == 2);
    const auto reply = NegotiateProtocolVersion::decode(body_of(result.reply));
    REQUIRE(reply.has_value());
    CHECK(reply->minor == 2);
    CHECK(reply->option_count == 2);
    CHECK(reply->options == Bytes("_pq_.first\0_pq_.second\0", 23));
}

TEST_CASE("another major version is refused as PostgreSQL does") {
    for (const std::uint16_t major : std::initializer_list<std::uint16_t>{0, 1, 2, 4, 65535}) {
        const Negotiation result = negotiate(StartupMessage{major, 7, {}});
        REQUIRE(result.kind == Negotiation::Kind::refuse);
        const auto error = ErrorResponse::decode(body_of(result.reply));
        REQUIRE(error.has_value());
        CHECK(error->is_fatal());
        CHECK(error->sqlstate() == "0A000");
        CHECK(error->message() == "unsupported frontend protocol " + std::to_string(major) + ".7: server supports 3.0 to 3.2");
    }
}

}  // namespace
}  // namespace larder::protocol
