#include "sql/hints.h"

#include <catch2/catch.hpp>

#include "sql/analyse.h"

using namespace larder::sql;
using namespace std::chrono_literals;

TEST_CASE("a hint may stand in any comment") {
    for (const char* text : {"/* larder: ttl=60s */ SELECT 1", "SELECT 1 /* larder: ttl=60s */", "SELECT /*larder:ttl=60s*/ 1", "SELECT 1 -- larder: ttl=60s",
                             "-- larder: ttl=60s\nSELECT 1", "/* app='x',route='%2F' */ /* larder: ttl=60s */ SELECT 1",
                             "SELECT 1 /* larder: ttl=60s */ /* traceparent='00-1' */", "/* LARDER: TTL=60S */ SELECT 1", "/*\n larder:\n ttl=60s\n*/ SELECT 1",
                             "SELECT 'it''s' /* larder: ttl=60s */", "SELECT E'it\\'s' /* larder: ttl=60s */", "SELECT $$ ' $$ /* larder: ttl=60s */",
                             "SELECT $a$ $$ ' $a$ /* larder: ttl=60s */", "SELECT \"a'b\" /* larder: ttl=60s */", "SELECT a$b$c /* larder: ttl=60s */ FROM t$b$",
                             "SELECT $1, '$1' /* larder: ttl=60s */", "/* a /* b */ */ /* larder: ttl=60s */ SELECT 1",
                             "SELECT '\\' /* larder: ttl=60s */", "SELECT E'a'\n'b\\'' /* larder: ttl=60s */", "SELECT E'\\\\' /* larder: ttl=60s */",
                             "SELECT U&'x' /* larder: ttl=60s */", "SELECT 1e'x' /* larder: ttl=60s */", "SELECT te'\\' /* larder: ttl=60s */"}) {
        INFO(text);
        const Hints hints = find_hints(text);
        CHECK(hints.is_present);
        CHECK(hints.ttl == 60s);
        CHECK(hints.error.empty());
    }
}

TEST_CASE("what only looks like a hint is none") {
    for (const char* text : {"SELECT 1", "SELECT '/* larder: off */'", "SELECT E'\\'/* larder: off */'", "SELECT $$/* larder: off */$$",
                             "SELECT $x$/* larder: off */ $$ $x$", "SELECT \"/* larder: off */\"", "SELECT 'a''/* larder: off */'", "SELECT larder:off",
                             "/* not larder: off */ SELECT 1", "/* a /* larder: off */ */ SELECT 1", "/* larder off */ SELECT 1", "SELECT '-- larder: off'",
                             "/* larder: off", "SELECT 'open /* larder: off */", "SELECT E'a'\n'\\'/* larder: off */'", "-- a /* \nSELECT '*/ /* larder: off */'",
                             "SELECT \"a\"\"/* larder: off */\"", "/* larderx: off */ SELECT 1", "SELECT 1 - - larder: off"}) {
        INFO(text);
        const Hints hints = find_hints(text);
        CHECK_FALSE(hints.is_present);
        CHECK_FALSE(hints.off);
        CHECK(hints.error.empty());
    }
}

TEST_CASE("items of a hint") {
    Hints hints = find_hints("/* larder: off */");
    CHECK(hints.off);
    CHECK_FALSE(hints.ttl);

    hints = find_hints("/* larder: tag=home, tag=user:7,tag=home ttl=5m */ SELECT 1 -- larder: tag=x/y");
    CHECK(hints.tags == std::vector<std::string>{"home", "user:7", "x/y"});
    CHECK(hints.ttl == 5min);
    CHECK(hints.error.empty());

    CHECK(find_hints("/* larder: ttl=250ms */").ttl == 250ms);
    CHECK(find_hints("/* larder: ttl=0s */").ttl == 0ms);
    CHECK(find_hints("/* larder: ttl=2min */").ttl == 2min);
    CHECK(find_hints("/* larder: ttl=3h */").ttl == 3h);
    CHECK(find_hints("/* larder: ttl=1d */").ttl == 24h);
    CHECK(find_hints("/* larder: ttl=365d */").ttl == 365 * 24h);
    CHECK(find_hints("/* larder: ttl=1s, ttl=2s */").ttl == 2s);
    CHECK(find_hints("/* larder: ttl=1min max_stale=5s */").max_stale == 5s);
    CHECK(find_hints("/* larder: Freshness=BARRIER */").freshness == larder::FreshnessLevel::barrier);
    CHECK(find_hints("/* larder: freshness=barrier freshness=bounded */").freshness == larder::FreshnessLevel::bounded);
    CHECK_FALSE(find_hints("/* larder: ttl=1min */").freshness);
}

TEST_CASE("a hint that cannot be read says why and changes nothing") {
    for (const char* text : {"/* larder: */", "/* larder: ttl */", "/* larder: ttl= */", "/* larder: ttl=60 */", "/* larder: ttl=-1s */", "/* larder: ttl=s */",
                             "/* larder: ttl=1.5s */", "/* larder: ttl=1y */", "/* larder: ttl=366d */", "/* larder: ttl=99999999999999999999s */",
                             "/* larder: ttl=9223372036854775807d */", "/* larder: on */", "/* larder: tag= */", "/* larder: tag */", "/* larder: tag=a\"b */",
                             "/* larder: max_stale=5 */", "/* larder: freshness=ttl */", "/* larder: freshness */", "/* larder: max_stale=25h */", "/* larder: off=1 */"}) {
        INFO(text);
        const Hints hints = find_hints(text);
        CHECK(hints.is_present);
        CHECK_FALSE(hints.error.empty());
        CHECK_FALSE(hints.off);
        CHECK_FALSE(hints.ttl);
        CHECK_FALSE(hints.max_stale);
        CHECK(hints.tags.empty());
    }
    CHECK_FALSE(find_hints("/* larder: tag=" + std::string(65, 'a') + " */").error.empty());
    std::string many = "/* larder:";
    for (int i = 0; i < 20; ++i) many += " tag=t" + std::to_string(i);
    const Hints hints = find_hints(many + " */");
    CHECK(hints.tags.size() == kHintTagsMax);
    CHECK_FALSE(hints.error.empty());
}

TEST_CASE("analyse() returns the hints, of texts that do not parse as well") {
    CHECK(analyse("/* larder: off */ SELECT 1").hints.off);
    CHECK(analyse("/* larder: off */ SELEC 1").hints.off);
    CHECK_FALSE(analyse("SELECT '/* larder: off */'").hints.is_present);
}
