#include "sql/analyse.h"
#include "sql/hide_constants.h"

#include <catch2/catch.hpp>

using namespace larder::sql;

TEST_CASE("texts that differ in constants and layout share a fingerprint") {
    const std::uint64_t one = fingerprint("SELECT a FROM t WHERE id = 1");
    CHECK(one != 0);
    CHECK(fingerprint("select  a from T where id=22 -- x") == one);
    CHECK(fingerprint("SELECT a FROM t WHERE id = $1") == one);
    CHECK(fingerprint("SELECT a FROM t WHERE id IN (1, 2, 3)") == fingerprint("SELECT a FROM t WHERE id IN (4)"));
}

TEST_CASE("other statements have other fingerprints") {
    const std::uint64_t one = fingerprint("SELECT a FROM t WHERE id = 1");
    for (const char* text : {"SELECT b FROM t WHERE id = 1", "SELECT a FROM u WHERE id = 1", "SELECT a FROM t WHERE id > 1", "SELECT a FROM t"}) {
        INFO(text);
        CHECK(fingerprint(text) != 0);
        CHECK(fingerprint(text) != one);
    }
}

TEST_CASE("no fingerprint of what is not parsed, not looked at, or deep") {
    CHECK(fingerprint("SELEC") == 0);
    CHECK(fingerprint("") == 0);
    CHECK(fingerprint(std::string_view("SELECT 1\0", 9)) == 0);
    CHECK(fingerprint("CREATE VIEW v AS SELECT 1") == 0);
    CHECK(fingerprint("SELECT 1" + std::string(kParsedTextBytesMax, ' ')) == 0);
    std::string sum = "SELECT 1";
    for (int i = 0; i < kTreeDepthMax - 10; ++i) sum += "+1";
    CHECK(fingerprint(sum) != 0);
    for (int i = 0; i < 20; ++i) sum += "+1";
    CHECK(fingerprint(sum) == 0);
    std::string unions = "SELECT 1";
    for (int i = 0; i < kTreeDepthMax + 10; ++i) unions += " UNION SELECT 1";
    CHECK(fingerprint(unions) == 0);
}

TEST_CASE("the normal text holds no constant and no comment, whatever the statement") {
    const auto normal = [](const char* text) { return larder::sql::normalised(text); };
    CHECK(normal("SELECT * FROM t WHERE a = 5 AND b = 'secret';  ") == "SELECT * FROM t WHERE a = $1 AND b = $2");
    CHECK(normal("SELECT a FROM t WHERE b = 'x' -- secret\n AND c = 1") == "SELECT a FROM t WHERE b = $1 \n AND c = $2");
    CHECK(normal("/* secret '1' */ SELECT a/* secret */FROM t /* one /* secret */ two */") == "SELECT a FROM t");
    CHECK(normal("CALL p('secret', 4711)") == "CALL p($1, $2)");
    CHECK(normal("EXECUTE q($$secret$$)") == "EXECUTE q($1)");
    CHECK(normal("CREATE TEMP TABLE x AS SELECT E'sec\\'ret'::text AS \"a'b\", $1, 'sec'\n'ret'") == "CREATE TEMP TABLE x AS SELECT $2::text AS \"a'b\", $1, $3");
    CHECK(normal("SELECT a, b::numeric(9, 2) FROM t ORDER BY 2") == "SELECT a, b::numeric(9, 2) FROM t ORDER BY 2");
    CHECK(normal("CALL p(U&'secret')").find("secret") == std::string::npos);
    CHECK(normal("CALL \"pr\u00e9\"('s\u00e9cret', 1) -- \u00df") == "CALL \"pr\u00e9\"($1, $2)");
    CHECK(normal("CALL p($4294967295, 'secret')") == "CALL p($4294967295, $4294967296)");
    CHECK(normal("SELECT FROM (").empty());
}

TEST_CASE("a text that cannot be taken apart shows nothing") {
    CHECK(larder::sql::hide_constants("select 'open").empty());
    CHECK(larder::sql::hide_constants("").empty());
    CHECK(larder::sql::hide_constants(" ; ").empty());
}
