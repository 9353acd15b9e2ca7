#include "sql/analyse.h"

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
