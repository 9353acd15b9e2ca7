#include "advisor/node.h"

#include <catch2/catch.hpp>

using namespace larder::advisor;

TEST_CASE("an expression goes to a tree and back") {
    for (const std::string text : {"a.b = 5", "lower(email) = 'x'", "tags @> '{a}'", "(data ->> 'k') = 'v'", "placed_at > (now() - '1 day'::interval)"}) {
        const auto node = parse_expression(text);
        REQUIRE(node);
        CHECK(to_sql(*node) == text);
    }
    CHECK_FALSE(parse_expression("1; SELECT 2"));
    CHECK_FALSE(parse_expression("1 FROM t"));
    CHECK_FALSE(parse_expression("a, b"));
}

TEST_CASE("conditions are taken apart at AND and put together again") {
    const auto node = parse_expression("a = 1 AND (b = 2 OR c = 3) AND (d AND e)");
    REQUIRE(node);
    const auto parts = conjuncts(*node);
    CHECK(parts.size() == 4);
    CHECK(to_sql(make_and(parts)) == "a = 1 AND (b = 2 OR c = 3) AND d AND e");
    CHECK(make_and({}).is_null());
}

TEST_CASE("names, operators and constants are found") {
    CHECK(column_path(*parse_expression("o.status")) == std::vector<std::string>{"o", "status"});
    CHECK(column_path(*parse_expression("5")).empty());
    CHECK(operator_of(*parse_expression("a <-> b")) == "<->");
    CHECK(function_of(*parse_expression("pg_catalog.lower(a)")) == "lower");
    CHECK(cast_type(*parse_expression("a::date")) == "date");
    CHECK(integer_of(*parse_expression("42")) == 42);
    CHECK(integer_of(*parse_expression("-7")) == -7);
    CHECK(integer_of(*parse_expression("'42'::bigint")) == 42);
    CHECK_FALSE(integer_of(*parse_expression("4.5")));
    CHECK_FALSE(integer_of(*parse_expression("'4x'")));
    CHECK(string_of(*parse_expression("'it''s'::text")) == "it's");
    CHECK(is_null_constant(*parse_expression("NULL::int")));
    CHECK(is_free_of_columns(*parse_expression("$1 + 5")));
    CHECK_FALSE(is_free_of_columns(*parse_expression("a + 5")));
    CHECK_FALSE(is_free_of_columns(*parse_expression("(SELECT 1)")));
    CHECK_FALSE(is_free_of_columns(*parse_expression("larder_subplan(1)")));
}

TEST_CASE("an expression is freed of its tables' names") {
    CHECK(to_sql(unqualified(*parse_expression("lower(u.email) = o.name"))) == "lower(email) = name");
}

TEST_CASE("nodes are changed where they stand, queries inside are left alone") {
    auto node = *parse_expression("a = 1 AND EXISTS (SELECT 1 WHERE a = 2)");
    const bool changed = change_nodes(node, [](Node& part) {
        if (column_path(part) != std::vector<std::string>{"a"}) return false;
        part = make_column({"t", "a"});
        return true;
    });
    CHECK(changed);
    CHECK(to_sql(node) == "t.a = 1 AND EXISTS (SELECT 1 WHERE a = 2)");
}
