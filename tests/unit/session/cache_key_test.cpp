#include "proxy/session/cache_key.h"

#include <catch2/catch.hpp>

#include "protocol/frontend.h"

using namespace larder;
using namespace larder::session;

TEST_CASE("a key is taken apart into what it was made of") {
    const std::uint16_t formats[] = {1}, results[] = {0, 1};
    const protocol::ValueList::Value values[] = {Bytes("abcd"), std::nullopt};
    std::string message, key;
    protocol::append_bind(message, "", "", formats, values, results);
    const auto bind = protocol::Bind::decode(Bytes(message).substr(5));
    REQUIRE(bind.has_value());
    make_key(key, 77, "SELECT $1, $2", Bytes("\0\0\0\x17", 4), *bind);
    const auto parts = split_key(key);
    REQUIRE(parts);
    CHECK(parts->env_id == 77);
    CHECK(parts->text == "SELECT $1, $2");
    CHECK(parts->parameter_types == Bytes("\0\0\0\x17", 4));
    CHECK(parts->formats == Bytes("\0\1", 2));
    CHECK(parts->values == Bytes("\0\0\0\4abcd\xFF\xFF\xFF\xFF", 12));
    CHECK(parts->result_formats == Bytes("\0\0\0\1", 4));
    for (std::size_t i = 0; i < key.size(); ++i) {
        INFO(i);
        CHECK_FALSE(split_key(Bytes(key).substr(0, i)));
    }
    CHECK_FALSE(split_key(key + "x"));
}

TEST_CASE("the key of a simple query has a text alone") {
    std::string key;
    make_key(key, 1, "SELECT 1");
    const auto parts = split_key(key);
    REQUIRE(parts);
    CHECK(parts->text == "SELECT 1");
    CHECK((parts->parameter_types.empty() && parts->formats.empty() && parts->values.empty() && parts->result_formats.empty()));
}
