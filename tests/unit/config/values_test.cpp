#include "config/values.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using larder::config::nearest;
using larder::config::parse_duration;
using larder::config::parse_endpoint;
using larder::config::parse_size;

TEST_CASE("durations are read with their unit and printed in the largest that fits") {
    CHECK(parse_duration("500ms") == 500ms);
    CHECK(parse_duration("30s") == 30s);
    CHECK(parse_duration("5min") == 5min);
    CHECK(parse_duration("2m") == 2min);
    CHECK(parse_duration("1h") == 1h);
    CHECK(parse_duration("1 d") == 24h);
    CHECK(parse_duration("0") == 0ms);
    CHECK(larder::config::print_duration(90s) == "90s");
    CHECK(larder::config::print_duration(1h) == "1h");
    CHECK(larder::config::print_duration(0ms) == "0");
}

TEST_CASE("what is no duration is refused") {
    for (const auto* text : {"", "5", "s", "-1s", "1w", "1.5s", "1s2", "99999999999999999999s", "18446744073709551615d", "40000d"}) {
        INFO(text);
        CHECK_FALSE(parse_duration(text));
    }
}

TEST_CASE("sizes") {
    CHECK(parse_size("1048576") == 1u << 20);
    CHECK(parse_size("256MB") == 256u << 20);
    CHECK(parse_size("2gb") == 2ull << 30);
    CHECK(parse_size("64 kB") == 64u << 10);
    CHECK_FALSE(parse_size("1XB"));
    CHECK_FALSE(parse_size("18446744073709551615TB"));
    CHECK_FALSE(parse_size("-1"));
    CHECK(larder::config::print_size(256u << 20) == "256MB");
    CHECK(larder::config::print_size(1000) == "1000");
}

TEST_CASE("endpoints: names, addresses, IPv6 in brackets, socket directories") {
    const auto host_and_port = [](const char* text) {
        const auto endpoint = parse_endpoint(text);
        return endpoint ? endpoint->host + "|" + std::to_string(endpoint->port) : "none";
    };
    CHECK(host_and_port("127.0.0.1:6432") == "127.0.0.1|6432");
    CHECK(host_and_port("[::1]:6432") == "::1|6432");
    CHECK(host_and_port("/run/postgresql:5432") == "/run/postgresql|5432");
    CHECK(host_and_port("localhost:65535") == "localhost|65535");
    for (const auto* text : {"", ":5432", "localhost", "localhost:0", "localhost:65536", "localhost:x", "::1:5432", "[]:1", "[::1:5432"}) {
        INFO(text);
        CHECK(host_and_port(text) == "none");
    }
    CHECK(larder::config::print_endpoint({"::1", 5432}) == "[::1]:5432");
    CHECK(larder::config::print_endpoint({"/run", 5432}) == "/run:5432");
}

TEST_CASE("the nearest word is offered only if it is near") {
    CHECK(nearest("cache.byte_max", {"cache.bytes_max", "cache.ttl"}) == "cache.bytes_max");
    CHECK(nearest("completely_different", {"cache.bytes_max", "cache.ttl"}).empty());
    CHECK(nearest(std::string(100'000, 'x'), {"cache.ttl"}).empty());
}

TEST_CASE("where a Redis is, with a port and database if they are given") {
    const auto shown = [](const char* text) {
        const auto address = larder::config::parse_redis_url(text);
        if (!address) return std::string("none");
        return (address->is_tls ? "tls " : "plain ") + address->endpoint.host + " " + std::to_string(address->endpoint.port) + " " + std::to_string(address->database);
    };
    CHECK(shown("redis://cache") == "plain cache 6379 0");
    CHECK(shown("redis://cache/") == "plain cache 6379 0");
    CHECK(shown("rediss://cache.internal:6380/15") == "tls cache.internal 6380 15");
    CHECK(shown("redis://[::1]/3") == "plain ::1 6379 3");
    CHECK(shown("redis://[::1]:7000") == "plain ::1 7000 0");
    for (const auto* text : {"", "cache", "cache:6379", "http://cache", "redis://", "redis:///1", "redis://cache:0", "redis://cache:x", "redis://cache/x", "redis://cache/-1", "redis://cache/65536",
                             "redis://cache?db=1", "redis://user@cache", "redis://a b"}) {
        INFO(text);
        CHECK(shown(text) == "none");
    }
}
