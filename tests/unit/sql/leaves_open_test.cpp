#include "sql/leaves_open.h"

#include <algorithm>

#include <catch2/catch.hpp>

using namespace larder;
using sql::Open;

TEST_CASE("what a SELECT leaves open is found wherever it stands") {
    const std::pair<const char*, Open> statements[] = {
        {"SELECT id, name FROM t WHERE id = 1", Open::none},
        {"SELECT a, count(*) FROM t GROUP BY a ORDER BY 2", Open::none},
        {"SELECT * FROM t ORDER BY a LIMIT 3", Open::limit},
        {"SELECT * FROM (SELECT a FROM t OFFSET 2) s", Open::limit},
        {"WITH x AS (SELECT 1 FROM t FETCH FIRST ROW ONLY) SELECT * FROM x", Open::limit},
        {"(SELECT a FROM t LIMIT 1) UNION ALL SELECT 2", Open::limit},
        {"SELECT 2 UNION ALL (SELECT a FROM t LIMIT 1)", Open::limit},
        {"SELECT DISTINCT ON (a) a, b FROM t", Open::distinct_on},
        {"SELECT row_number() OVER (ORDER BY a) FROM t", Open::window},
        {"SELECT sum(b) OVER w FROM t WINDOW w AS (ORDER BY a)", Open::window},
        {"SELECT string_agg(a, ',') FROM t", Open::ordered_value},
        {"SELECT pg_catalog.array_agg(a) FROM t", Open::ordered_value},
        {"SELECT ctid FROM t", Open::system_column},
        {"UPDATE t SET a = 1", Open::not_understood},
        {"SELECT", Open::none},
        {"SELEC 1", Open::not_understood},
    };
    for (const auto& [text, open] : statements) {
        CAPTURE(text);
        CHECK(sql::left_open(text).open == open);
    }
}

TEST_CASE("values that are equal and look different, and sums that round, are told apart") {
    CHECK(sql::left_open("SELECT DISTINCT a FROM t").merges_equals);
    CHECK(sql::left_open("SELECT a FROM t GROUP BY a").merges_equals);
    CHECK(sql::left_open("SELECT a FROM t UNION SELECT b FROM u").merges_equals);
    CHECK(sql::left_open("SELECT (SELECT max(a) FROM t)").merges_equals);
    CHECK_FALSE(sql::left_open("SELECT count(*) FROM t").merges_equals);
    CHECK(sql::left_open("SELECT avg(a) FROM t").may_round);
    CHECK(sql::left_open("SELECT stddev_pop(a) FROM t").may_round);
    CHECK_FALSE(sql::left_open("SELECT count(*) FROM t").may_round);
    CHECK(sql::left_open("SELECT a::float8 FROM t").has_casts);
    const auto functions = sql::left_open("SELECT lower(a), s.mine(b), LOWER(c) FROM t").functions;
    CHECK(functions == std::vector<std::string>{"lower", "mine"});
}
