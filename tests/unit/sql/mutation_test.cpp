// Good statements, broken at random: nothing may crash, and whatever comes back must be consistent in itself.
#include <random>

#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

namespace {

const char* const kStatements[] = {
    "WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x WHERE a < 10) SELECT * FROM x JOIN s.t USING (a) WHERE t.id IN (1, $2, 'x')",
    "INSERT INTO t AS q (a, b[1]) VALUES (1, DEFAULT), ($1, 'now') ON CONFLICT (a) WHERE b DO UPDATE SET c = excluded.c RETURNING *",
    "UPDATE ONLY t SET (a, b) = (SELECT 1, 2), c = f() FROM u LEFT JOIN v ON u.id = v.id WHERE t.id = 5 AND CURRENT_DATE > d",
    "DELETE FROM t USING u WHERE CURRENT OF c",
    "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED AND x THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1)",
    "SELECT count(*) FILTER (WHERE a), sum(b) OVER (PARTITION BY c ORDER BY d ROWS 1 PRECEDING) FROM t GROUP BY CUBE (a, b) HAVING x LIMIT 3 FOR UPDATE",
    "SELECT CASE a WHEN 1 THEN 'x'::text ELSE E'\\'' END, $$y$$, U&'\\0061', X'1F', (ARRAY[1,2])[1], (r).f, xmlelement(name a) /* larder: ttl=5s */",
    "CREATE TEMP TABLE x (a int PRIMARY KEY DEFAULT 1, b text COLLATE \"C\" CHECK (b <> ''), LIKE t) ON COMMIT DROP",
    "CREATE INDEX CONCURRENTLY i ON t USING btree (lower(a) text_pattern_ops DESC) WHERE b; VACUUM (FULL) t; ANALYZE",
    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL search_path = a, b; SELECT set_config('x', 'y', true); COMMIT AND CHAIN",
    "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM ROWS FROM (f(1) AS (a int)) AS x, t TABLESAMPLE system (1)",
    "PREPARE p (int) AS SELECT $1; EXECUTE p(1); DEALLOCATE ALL; DECLARE c CURSOR WITH HOLD FOR TABLE t; FETCH 1 FROM c; CLOSE c",
    "COPY t (a) FROM PROGRAM 'x' WITH (FORMAT csv) WHERE a > 1; TRUNCATE t CASCADE; LOCK t; DO $x$ BEGIN END $x$; CALL p(1)",
    "CREATE FUNCTION f(a int DEFAULT 1) RETURNS TABLE (b int) LANGUAGE sql BEGIN ATOMIC SELECT 1; END; GRANT ALL ON t TO public",
    "ALTER TABLE t ADD COLUMN a int, DROP b CASCADE; ALTER ROLE r SET x = 1; COMMENT ON TABLE t IS 'c'; REFRESH MATERIALIZED VIEW v",
};

// The run of letters and digits at a random place.
std::pair<std::size_t, std::size_t> random_word(const std::string& text, std::mt19937& random) {
    const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    std::size_t begin = text.empty() ? 0 : random() % text.size();
    while (begin < text.size() && !is_word(text[begin])) ++begin;
    std::size_t end = begin;
    while (begin > 0 && is_word(text[begin - 1])) --begin;
    while (end < text.size() && is_word(text[end])) ++end;
    return {begin, end - begin};
}

// One random change: a byte, a piece taken out, doubled, or put in from elsewhere; most often a word for a word.
void mutate(std::string& text, const std::string& other, std::mt19937& random) {
    const auto below = [&random](std::size_t limit) { return limit ? random() % limit : 0; };
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = 1 + below(12);
    switch (random() % 10) {
    case 0:
        if (at < text.size()) text[at] = static_cast<char>(random() % 256);
        return;
    case 1: text.erase(at, length); return;
    case 2: text.insert(at, text.substr(below(text.size() + 1), length)); return;
    case 3: text.insert(at, other.substr(below(other.size() + 1), length)); return;
    case 4: text.insert(at, 1, "'\"$();,/*-:[]\\ eE"[random() % 17]); return;
    default: {
        const auto [begin, size] = random_word(text, random);
        const auto [other_begin, other_size] = random_word(other, random);
        text.replace(begin, size, other, other_begin, other_size);
    }
    }
}

void check_consistent(const TextFacts& facts) {
    REQUIRE((facts.parsed ? facts.why_not.empty() : !facts.why_not.empty()));
    REQUIRE((facts.parsed || facts.statements.empty()));
    for (const Facts& statement : facts.statements) {
        for (const RelationUse& use : statement.reads) {
            REQUIRE_FALSE(use.name.name.empty());
            REQUIRE((use.key_tests_known || use.key_tests.empty()));
        }
        for (const WriteUse& use : statement.writes) REQUIRE_FALSE(use.target.name.name.empty());
        if (statement.kind == Kind::unknown) REQUIRE_FALSE(statement.understood);
    }
}

}  // namespace

TEST_CASE("broken statements are harmless") {
    std::mt19937 random(20260101);
    int parsed = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string text = kStatements[random() % std::size(kStatements)];
        const std::string other = kStatements[random() % std::size(kStatements)];
        for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) mutate(text, other, random);
        const TextFacts facts = analyse(text);
        check_consistent(facts);
        parsed += facts.parsed;
        if (round % 8 == 0) fingerprint(text);
    }
    // If nearly all were refused by the parser, the walk would not have been tried.
    CHECK(parsed > 1000);
}

TEST_CASE("the statements are good before they are broken") {
    for (const char* text : kStatements) {
        INFO(text);
        const TextFacts facts = analyse(text);
        INFO(facts.why_not);
        CHECK(facts.parsed);
    }
}
