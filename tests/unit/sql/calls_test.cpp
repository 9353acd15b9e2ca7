// What a statement calls: functions, operators, types, and what depends on the clock or the session.
#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

TEST_CASE("functions are found wherever they stand") {
    struct Row {
        const char* expected;
        const char* text;
    };
    const Row rows[] = {
        {"", "SELECT 1"},
        {"now", "SELECT now()"},
        {"s.f", "SELECT s.f(1)"},
        {"F", "SELECT \"F\"()"},
        {"f", "SELECT f(1), F(2)"},
        {"count sum", "SELECT count(*), sum(DISTINCT a) FROM t"},
        {"row_number", "SELECT row_number() OVER () FROM t"},
        {"f g h", "SELECT 1 FROM t WHERE f(a) ORDER BY g(b), h(c)"},
        {"generate_series", "SELECT * FROM generate_series(1, 2)"},
        {"f g", "SELECT * FROM ROWS FROM (f(1), g(2)) AS x"},
        {"f", "SELECT COALESCE(1, GREATEST(2, f()))"},
        {"pg_catalog.extract", "SELECT EXTRACT(year FROM d)"},
        {"pg_catalog.substring", "SELECT SUBSTRING(a FROM 1 FOR 2)"},
        {"pg_catalog.btrim", "SELECT TRIM(a)"},
        {"pg_catalog.position", "SELECT POSITION('a' IN b)"},
        {"pg_catalog.overlay", "SELECT OVERLAY(a PLACING 'x' FROM 1)"},
        {"pg_catalog.timezone", "SELECT a AT TIME ZONE 'UTC'"},
        {"pg_catalog.like_escape", "SELECT a LIKE 'x' ESCAPE '!'"},
        {"pg_catalog.similar_to_escape", "SELECT a SIMILAR TO 'x'"},
        {"pg_catalog.overlaps", "SELECT (a, b) OVERLAPS (c, d)"},
        {"system", "SELECT * FROM t TABLESAMPLE system (1)"},
        {"nextval", "SELECT nextval('s')"},
        {"nextval", "INSERT INTO t VALUES (nextval('s'))"},
        {"f g", "UPDATE t SET a = f() RETURNING g()"},
        {"f g", "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = f() WHERE g()"},
        {"f", "INSERT INTO t VALUES (1) ON CONFLICT (f(a)) DO NOTHING"},
        {"f g h", "MERGE INTO t USING s ON f() WHEN MATCHED AND g() THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT VALUES (h())"},
        {"p", "CALL p()"},
        {"f s.p", "CALL s.p(f())"},
        {"f", "COPY t FROM STDIN WHERE f(a)"},
        {"f", "SELECT (f()).*"},
        {"f", "WITH x AS (SELECT f()) SELECT 1 FROM x"},
        {"f g", "SELECT CASE WHEN f() THEN 1 ELSE g() END"},
        {"f sum", "SELECT sum(a) FILTER (WHERE f()) FROM t"},
        // In a comment or a literal a name decides nothing.
        {"", "SELECT 'now()' /* random() */ -- nextval('s')"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(show(facts_of(row.text).functions) == row.expected);
    }
}

TEST_CASE("operators are found, also those without a sign") {
    struct Row {
        const char* expected;
        const char* text;
    };
    const Row rows[] = {
        {"", "SELECT a FROM t"},
        {"+ =", "SELECT a + 1 FROM t WHERE b = 2"},
        {"s.@@", "SELECT a OPERATOR(s.@@) b"},
        {"-", "SELECT -a"},
        {"=", "SELECT a IN (1, 2)"},
        {"<>", "SELECT a NOT IN (1, 2)"},
        {"=", "SELECT a IN (SELECT 1)"},
        {"<", "SELECT a < ANY (SELECT 1)"},
        {"<", "SELECT a < ALL (ARRAY[1])"},
        {"<= >=", "SELECT a BETWEEN 1 AND 2"},
        {"< >", "SELECT a NOT BETWEEN 1 AND 2"},
        {"<= >=", "SELECT a BETWEEN SYMMETRIC 1 AND 2"},
        {"~~", "SELECT a LIKE 'x'"},
        {"!~~*", "SELECT a NOT ILIKE 'x'"},
        {"=", "SELECT a IS DISTINCT FROM b"},
        {"=", "SELECT NULLIF(a, b)"},
        {"=", "SELECT (a, b) = (1, 2)"},
        {"=", "SELECT CASE a WHEN 1 THEN 2 END"},
        {"=", "SELECT * FROM t JOIN u USING (id)"},
        {"=", "SELECT * FROM t NATURAL JOIN u"},
        {"~<~", "SELECT * FROM t ORDER BY a USING ~<~"},
        {"&&", "SELECT * FROM t JOIN u ON t.r && u.r"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(show(facts_of(row.text).operators) == row.expected);
    }
}

TEST_CASE("types are found in casts and column lists") {
    struct Row {
        const char* expected;
        const char* text;
    };
    const Row rows[] = {
        {"pg_catalog.int4", "SELECT a::int"},
        {"pg_catalog.varchar", "SELECT CAST(a AS varchar(10))"},
        {"s.mytype", "SELECT a::s.mytype[]"},
        {"regclass", "SELECT 'x'::regclass"},
        {"date", "SELECT date '2020-01-01'"},
        {"pg_catalog.interval", "SELECT interval '1' day"},
        {"pg_catalog.int4 text", "SELECT * FROM f() AS x(a int, b text)"},
        {"text", "SELECT * FROM ROWS FROM (f() AS (a text)) AS x"},
        {"money", "SELECT * FROM XMLTABLE('/r' PASSING d COLUMNS a money) AS x"},
        {"text", "SELECT xmlserialize(CONTENT a AS text)"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(show(facts_of(row.text).types) == row.expected);
    }
}

TEST_CASE("repeats are removed, however many there are") {
    std::string text = "SELECT 1";
    for (int i = 0; i < 200; ++i) text += ", f" + std::to_string(i % 50) + "(1)::t" + std::to_string(i % 40) + " + 1";
    const Facts facts = facts_of(text);
    CHECK(facts.functions.size() == 50);
    CHECK(facts.types.size() == 40);
    CHECK(facts.operators.size() == 1);
}

TEST_CASE("SQL's own value functions have their names") {
    const char* const names[] = {"current_date",   "current_time", "current_timestamp", "localtime",       "localtimestamp", "current_role",
                                 "current_user",   "user",         "session_user",      "current_catalog", "current_schema"};
    for (const char* name : names) {
        INFO(name);
        CHECK(strings(facts_of("SELECT " + std::string(name)).value_functions) == name);
    }
    CHECK(strings(facts_of("SELECT current_timestamp(3), current_timestamp").value_functions) == "current_timestamp");
    CHECK(strings(facts_of("SELECT * FROM t WHERE d < current_date").value_functions) == "current_date");
}

TEST_CASE("string constants that mean the clock are marked") {
    for (const char* text : {"SELECT 'now'::timestamp", "SELECT date 'today'", "SELECT * FROM t WHERE d = 'tomorrow'",
                             "SELECT * FROM t WHERE d > ' Yesterday '", "SELECT timestamptz 'NOW'", "SELECT 'today 12:00'::timestamp",
                             "SELECT E'no\\x77'::timestamp", "SELECT $$now$$::date", "SELECT * FROM t WHERE d IN ('2020-01-01', 'today')",
                             "INSERT INTO t VALUES ('now')", "SELECT '12:00'::timetz", "SELECT time with time zone '12:00'",
                             "SELECT U&'\\006eow'::timestamp"}) {
        INFO(text);
        CHECK(strings(facts_of(text).value_functions) == "now_literal");
    }
    for (const char* text : {"SELECT 'nowhere'", "SELECT 'know'", "SELECT 'epoch'::timestamp", "SELECT 'infinity'::date", "SELECT \"now\" FROM t",
                             "SELECT '2020-01-01'::date", "SELECT 'todays' /* now */"}) {
        INFO(text);
        CHECK(facts_of(text).value_functions.empty());
    }
}

TEST_CASE("set_config is a change of a setting") {
    Facts facts = facts_of("SELECT set_config('Search_Path', 'a, b', false)");
    REQUIRE(facts.settings.size() == 1);
    CHECK(facts.settings[0].name == "search_path");
    CHECK(facts.settings[0].values == std::vector<std::string>{"a, b"});
    CHECK_FALSE(facts.settings[0].is_local);
    CHECK_FALSE(facts.sets_unknown_setting);
    CHECK(show(facts.functions) == "set_config");

    facts = facts_of("SELECT pg_catalog.set_config('a.b'::text, $1, true)");
    REQUIRE(facts.settings.size() == 1);
    CHECK(facts.settings[0].name == "a.b");
    CHECK(facts.settings[0].is_local);
    CHECK(facts.settings[0].values.empty());

    // Whether, or how often, it runs is not sure: the name is known, the value is not.
    for (const char* text : {"SELECT set_config('x', '1', false) FROM t", "SELECT 1 WHERE set_config('x', '1', false) = ''",
                             "SELECT CASE WHEN f() THEN set_config('x', '1', false) END", "SELECT (SELECT set_config('x', '1', false))",
                             "SELECT set_config('x', '1', false) LIMIT 0", "SELECT set_config('x', '1', false) UNION SELECT '2'",
                             "WITH y AS (SELECT set_config('x', '1', false)) SELECT 1", "EXPLAIN ANALYZE SELECT set_config('x', '1', false)",
                             "INSERT INTO t VALUES (set_config('x', '1', false))", "SELECT f(set_config('x', '1', false))"}) {
        INFO(text);
        facts = facts_of(text);
        REQUIRE(facts.settings.size() == 1);
        CHECK(facts.settings[0].name == "x");
        CHECK(facts.settings[0].values.empty());
    }
    for (const char* text : {"SELECT set_config($1, '1', false)", "SELECT set_config(a, b, c) FROM t", "SELECT set_config('x' || 'y', '1', false)",
                             "SELECT set_config('x', '1', $1)", "SELECT set_config(setting_name => 'x', new_value => '1', is_local => false)"}) {
        INFO(text);
        CHECK(facts_of(text).sets_unknown_setting);
    }
    CHECK(facts_of("SELECT myschema.set_config('x', '1', false)").settings.empty());
}

TEST_CASE("what may be a function in a column's clothes is told apart from plain columns") {
    struct Row {
        const char* rows;
        const char* values;
        const char* text;
    };
    const Row rows[] = {
        {"", "", "SELECT a, t.* FROM t WHERE b = 1"},
        {"a b", "", "SELECT t.a FROM t ORDER BY t.b, t.a"},
        {"a", "", "SELECT s.t.a FROM s.t"},
        {"a", "", "SELECT d.s.t.a FROM s.t"},
        {"a", "", "SELECT x.a FROM (SELECT 1) x"},
        {"", "f", "SELECT (t).f FROM t"},
        {"", "f", "SELECT ('x'::text).f"},
        {"c", "f g", "SELECT (t.c).f.g, (t.c).f.* FROM t"},
        {"", "f", "SELECT (array_agg(a))[1].f FROM t"},
        {"", "f", "SELECT x.f FROM g() x"},
        {"", "f", "SELECT g.f FROM s.g()"},
        {"", "f", "SELECT g.f FROM ROWS FROM (g())"},
        {"a", "f", "SELECT x.f, t.a FROM t, LATERAL g(t.a) AS x"},
        {"", "f", "SELECT 1 FROM t WHERE EXISTS (SELECT x.f FROM g() x)"},
        {"a", "f", "UPDATE t SET b.c[t.a] = x.f FROM g() x"},
        {"a", "", "UPDATE t SET b.c = u.a FROM u"},
        {"", "", "INSERT INTO t (b.c) VALUES (1)"},
        {"f", "g", "EXPLAIN SELECT t.f, (t).g FROM t"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        const Facts facts = facts_of(row.text);
        CHECK(join(facts.row_fields) == row.rows);
        CHECK(join(facts.value_fields) == row.values);
    }
    std::string many = "SELECT 1";
    for (int i = 0; i < 100; ++i) many += ", t.a" + std::to_string(i % 50);
    CHECK(facts_of(many + " FROM t").row_fields.size() == 50);
}
