#include "protocol/frontend.h"

#include <catch2/catch.hpp>

#include <vector>

#include "base/check.h"
#include "protocol/error.h"
#include "unit/protocol/truncation.h"

namespace larder::protocol {
namespace {

template <class Message>
std::string encoded(const Message& message) {
    std::string out;
    message.append_to(out);
    return out;
}

// Bind with any counts, also wrong ones.
std::string bind_body(std::uint16_t format_count, std::uint16_t value_count, std::uint16_t result_count) {
    const std::vector<std::uint16_t> formats(format_count, 1);
    const std::vector<ValueList::Value> values(value_count, Bytes{"v"});
    const std::vector<std::uint16_t> results(result_count, 0);
    std::string out;
    append_bind(out, "portal", "statement", formats, values, results);
    return std::string{body_of(out)};
}

TEST_CASE("frontend messages survive decode and encode, and no cut of them is accepted") {
    const std::vector<Oid> types{23, 0, 25};
    const std::vector<std::uint16_t> formats{0, 1, 0};
    const std::vector<ValueList::Value> values{Bytes{"1"}, std::nullopt, Bytes{""}};
    const std::vector<std::uint16_t> results{1};

    const std::string query = encoded(Query{"select 1"});
    CHECK(survives_round_trip<Query>(query));
    CHECK(refuses_every_cut<Query>(query));
    CHECK(refuses_trailing_byte<Query>(query));

    std::string parse;
    append_parse(parse, "s1", "select $1", types);
    CHECK(survives_round_trip<Parse>(parse));
    CHECK(refuses_every_cut<Parse>(parse));
    CHECK(refuses_trailing_byte<Parse>(parse));

    std::string bind;
    append_bind(bind, "p1", "s1", formats, values, results);
    CHECK(survives_round_trip<Bind>(bind));
    CHECK(refuses_every_cut<Bind>(bind));
    CHECK(refuses_trailing_byte<Bind>(bind));

    const std::string describe = encoded(Describe{Target::portal, "p1"});
    CHECK(survives_round_trip<Describe>(describe));
    CHECK(refuses_every_cut<Describe>(describe));
    CHECK(refuses_trailing_byte<Describe>(describe));

    const std::string close = encoded(Close{Target::statement, "s1"});
    CHECK(survives_round_trip<Close>(close));
    CHECK(refuses_every_cut<Close>(close));
    CHECK(refuses_trailing_byte<Close>(close));

    const std::string execute = encoded(Execute{"p1", 10});
    CHECK(survives_round_trip<Execute>(execute));
    CHECK(refuses_every_cut<Execute>(execute));
    CHECK(refuses_trailing_byte<Execute>(execute));

    std::string call;
    append_function_call(call, 952, formats, values, 1);
    CHECK(survives_round_trip<FunctionCall>(call));
    CHECK(refuses_every_cut<FunctionCall>(call));
    CHECK(refuses_trailing_byte<FunctionCall>(call));

    const std::string fail = encoded(CopyFail{"enough"});
    CHECK(survives_round_trip<CopyFail>(fail));
    CHECK(refuses_every_cut<CopyFail>(fail));
    CHECK(refuses_trailing_byte<CopyFail>(fail));

    const std::string password = encoded(PasswordMessage{"hunter2"});
    CHECK(survives_round_trip<PasswordMessage>(password));
    CHECK(refuses_every_cut<PasswordMessage>(password));
    CHECK(refuses_trailing_byte<PasswordMessage>(password));

    const std::string sasl = encoded(SaslInitialResponse{"SCRAM-SHA-256", Bytes{"n,,n=,r=abc"}});
    CHECK(survives_round_trip<SaslInitialResponse>(sasl));
    CHECK(refuses_every_cut<SaslInitialResponse>(sasl));
    CHECK(refuses_trailing_byte<SaslInitialResponse>(sasl));
    const std::string sasl_without = encoded(SaslInitialResponse{"X", std::nullopt});
    CHECK(survives_round_trip<SaslInitialResponse>(sasl_without));
    CHECK_FALSE(SaslInitialResponse::decode(body_of(sasl_without))->data.has_value());

    CHECK(survives_round_trip<SaslResponse>(encoded(SaslResponse{"anything"})));
    CHECK(survives_round_trip<CopyData>(encoded(CopyData{Bytes{"1\tx\n\0", 5}})));
}

TEST_CASE("wire bytes of the common messages are PostgreSQL's") {
    CHECK(encoded(Query{"select 1"}) == std::string("Q\0\0\0\x0dselect 1\0", 14));
    CHECK(encoded(Describe{Target::statement, ""}) == std::string("D\0\0\0\6S\0", 7));
    CHECK(encoded(Execute{"", 0}) == std::string("E\0\0\0\x09\0\0\0\0\0", 10));
    std::string parse;
    append_parse(parse, "", "x");
    CHECK(parse == std::string("P\0\0\0\x09\0x\0\0\0", 10));
    std::string bind;
    append_bind(bind, "", "", {}, {}, {});
    CHECK(bind == std::string("B\0\0\0\x0c\0\0\0\0\0\0\0\0", 13));
    CHECK(body_of(std::string{kSync}).empty());
    for (const Bytes message : {kSync, kFlush, kTerminate, kCopyDone}) CHECK(body_of(std::string{message}).empty());
}

TEST_CASE("Parse gives views of names, text and types") {
    const std::vector<Oid> types{23, 0xffffffff};
    std::string message;
    append_parse(message, "s", "select $1, $2", types);
    const auto parse = Parse::decode(body_of(message));
    REQUIRE(parse.has_value());
    CHECK(parse->statement == "s");
    CHECK(parse->text == "select $1, $2");
    REQUIRE(parse->types.size() == 2);
    CHECK(parse->types[0] == 23);
    CHECK(parse->types[1] == 0xffffffff);
}

TEST_CASE("Bind takes no format code, one, or one per parameter") {
    CHECK(Bind::decode(bind_body(0, 3, 0)).has_value());
    CHECK(Bind::decode(bind_body(1, 3, 1)).has_value());
    CHECK(Bind::decode(bind_body(3, 3, 7)).has_value());
    CHECK(Bind::decode(bind_body(1, 0, 0)).has_value());
    for (const auto& [formats, values] : {std::pair<std::uint16_t, std::uint16_t>{2, 3}, {4, 3}, {2, 0}, {2, 1}}) {
        const auto bind = Bind::decode(bind_body(formats, values, 0));
        REQUIRE(bind.has_error());
        CHECK(bind.error() == DecodeError::format_count_mismatch);
    }
    const std::string one = bind_body(1, 2, 0);
    CHECK(Bind::decode(one)->formats.format_of(1) == 1);
    const std::string none = bind_body(0, 2, 0);
    CHECK(Bind::decode(none)->formats.format_of(1) == 0);
}

TEST_CASE("Bind values are found in order, NULL apart from empty") {
    const std::vector<ValueList::Value> values{Bytes{"one"}, std::nullopt, Bytes{""}, Bytes{"\0\0", 2}};
    std::string message;
    append_bind(message, "p", "s", {}, values, {});
    const auto bind = Bind::decode(body_of(message));
    REQUIRE(bind.has_value());
    const std::vector<ValueList::Value> seen(bind->values.begin(), bind->values.end());
    CHECK(seen == values);
    CHECK(bind->values.at(0) == Bytes{"one"});
    CHECK(bind->values.at(3) == Bytes("\0\0", 2));
    CHECK_FALSE(bind->values.at(1).has_value());
    CHECK_FALSE(bind->values.at(4).has_value());
}

TEST_CASE("Bind takes 65535 parameters") {
    const std::string body = bind_body(65535, 65535, 0);
    const auto bind = Bind::decode(body);
    REQUIRE(bind.has_value());
    CHECK(bind->values.size() == 65535);
    CHECK(std::distance(bind->values.begin(), bind->values.end()) == 65535);
    CHECK(bind->formats.are_known());
}

TEST_CASE("unknown format codes are passed on and can be asked for") {
    std::string message;
    append_bind(message, "", "", std::vector<std::uint16_t>{2}, std::vector<ValueList::Value>{Bytes{"x"}}, std::vector<std::uint16_t>{0, 1});
    const auto bind = Bind::decode(body_of(message));
    REQUIRE(bind.has_value());
    CHECK_FALSE(bind->formats.are_known());
    CHECK(bind->result_formats.are_known());
}

TEST_CASE("value lengths that lie are refused without reading past the end") {
    // Portal and statement unnamed, no formats, one value.
    for (const std::uint32_t length : {2u, 0x7fffffffu, 0x80000000u, 0xfffffffeu}) {
        std::string body("\0\0\0\0\0\1????x\0\0", 13);
        store_be32(body.data() + 6, length);
        const auto bind = Bind::decode(body);
        REQUIRE(bind.has_error());
        CHECK(bind.error() == DecodeError::truncated);
    }
    // The same in FunctionCall and SASLInitialResponse.
    std::string call("\0\0\0\1\0\0\0\1????x\0\0", 15);
    store_be32(call.data() + 8, 0xfffffff0);
    CHECK(FunctionCall::decode(call).error() == DecodeError::truncated);
    std::string sasl("X\0????", 6);
    store_be32(sasl.data() + 2, 0xfffffff0);
    CHECK(SaslInitialResponse::decode(sasl).error() == DecodeError::truncated);
}

TEST_CASE("counts that lie are refused") {
    CHECK(Parse::decode(Bytes("\0x\0\xff\xff\0\0\0\x17", 9)).error() == DecodeError::truncated);
    CHECK(Bind::decode(Bytes("\0\0\xff\xff\0\1\0\1", 8)).error() == DecodeError::truncated);
    CHECK(Bind::decode(Bytes("\0\0\0\0\xff\xff\0\0\0\1x", 11)).error() == DecodeError::truncated);
}

TEST_CASE("strings without an end and unknown targets are refused") {
    CHECK(Query::decode("select 1").error() == DecodeError::unterminated_string);
    CHECK(Query::decode("").error() == DecodeError::truncated);
    CHECK(Describe::decode(Bytes("X\0", 2)).error() == DecodeError::bad_value);
    CHECK(Close::decode(Bytes("\0\0", 2)).error() == DecodeError::bad_value);
    CHECK(Query::decode(Bytes("a\0b\0", 4)).error() == DecodeError::trailing_bytes);
    CHECK(decode_empty("").has_value() == false);
    CHECK(decode_empty("x") == DecodeError::trailing_bytes);
}

TEST_CASE("long passwords pass") {
    const std::string password(5000, 'p');
    CHECK(PasswordMessage::decode(body_of(encoded(PasswordMessage{password})))->password == password);
}

TEST_CASE("a name with a NUL inside is never written") {
    std::string out;
    CHECK_THROWS_AS((Describe{Target::statement, Bytes{"a\0b", 3}}.append_to(out)), BrokenInvariant);
    CHECK_THROWS_AS((Query{Bytes{"a\0b", 3}}.append_to(out)), BrokenInvariant);
}

TEST_CASE("every decode error has words and 08P01") {
    for (const DecodeError error :
         {DecodeError::truncated, DecodeError::trailing_bytes, DecodeError::unterminated_string, DecodeError::bad_value,
          DecodeError::format_count_mismatch, DecodeError::bad_startup_layout, DecodeError::bad_key_length}) {
        CHECK(decode_error_message(error).size() > 10);
    }
    CHECK_THROWS_AS(Query::decode("").value(), std::logic_error);
}

}  // namespace
}  // namespace larder::protocol
