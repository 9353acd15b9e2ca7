#include "sql/tree.h"

#include <catch2/catch.hpp>

#include <boost/json/object.hpp>

using namespace larder;

namespace {

std::string round_trip(const std::string& text) { return sql::deparse_tree(sql::parse_tree(text).root); }

}  // namespace

TEST_CASE("a tree written back is the statement again") {
    const char* const statements[] = {
        "SELECT a, b FROM t WHERE c = 5 AND d IN (1, 2) ORDER BY a DESC NULLS LAST LIMIT 10 OFFSET 3",
        "SELECT DISTINCT ON (a) a, b FROM s.t JOIN u USING (id) WHERE x IS NOT NULL",
        "SELECT count(*) FILTER (WHERE a) OVER (PARTITION BY b ORDER BY c) FROM t GROUP BY GROUPING SETS (a, b)",
        "WITH x AS MATERIALIZED (SELECT 1) SELECT * FROM x UNION ALL SELECT 2",
        "SELECT * FROM t WHERE a @> '{x}' AND (b ->> 'k') = $1 AND c LIKE '%y' AND NOT EXISTS (SELECT 1 FROM u WHERE u.id = t.id)",
        "UPDATE t SET a = a + 1, b = 'o''k' WHERE id = 7 RETURNING *",
        "DELETE FROM t USING u WHERE t.id = u.id",
        "INSERT INTO t (a, b) VALUES (1, NULL), (true, 2.5) ON CONFLICT (a) DO UPDATE SET b = excluded.b",
    };
    for (const std::string statement : statements) {
        CAPTURE(statement);
        CHECK(round_trip(statement) == statement);
    }
}

TEST_CASE("negative and large constants keep their values") {
    CHECK(round_trip("SELECT -5, - 7, 9223372036854775807, 0, '', 1e10") == "SELECT -5, -7, 9223372036854775807, 0, '', 1e10");
}

TEST_CASE("array types keep their bounds") {
    CHECK(round_trip("SELECT '{1}'::int[], '{a}'::text[3]") == "SELECT '{1}'::int[], '{a}'::text[3]");
}

TEST_CASE("what does not parse says why") {
    CHECK(sql::parse_tree("SELEC 1").why_not.find("syntax error") != std::string::npos);
    CHECK(sql::parse_tree("SELECT 1").why_not.empty());
    CHECK(!sql::parse_tree(std::string("SELECT 1\0", 9)).why_not.empty());
    std::string deep = "SELECT 1";
    for (int i = 0; i < 20'000; ++i) deep += "+1";
    CHECK(!sql::parse_tree(deep).why_not.empty());
}

TEST_CASE("an unknown node or member is not written") {
    auto tree = sql::parse_tree("SELECT 1").root;
    tree.as_object()["nobody_knows"] = 1;
    CHECK(sql::deparse_tree(tree).empty());
    CHECK(sql::deparse_tree(boost::json::value("text")).empty());
}

TEST_CASE("a short text of any kind is parsed, a long one is not") {
    CHECK(larder::sql::parse_tree("DROP INDEX i").root.is_null());
    CHECK(larder::sql::parse_short_tree("DROP INDEX i").root.is_object());
    CHECK(larder::sql::parse_short_tree("DROP INDEX").root.is_null());
    CHECK(larder::sql::parse_short_tree(larder::Bytes("SELECT 1\0", 9)).root.is_null());
    // The deepest that fits: it must not use up the stack, whatever becomes of it.
    std::string deep = "SELECT ";
    while (deep.size() < larder::sql::kShortTextBytesMax - 3) deep += "- ";
    larder::sql::parse_short_tree(deep + "1");
    CHECK(larder::sql::parse_short_tree(std::string(larder::sql::kShortTextBytesMax, ' ') + "SELECT 1").why_not.find("longer") != std::string::npos);
}
