// Which relations a statement reads: every place where a name can stand, and the scope of CTE names.
#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

namespace {

struct Row {
    const char* expected;
    const char* text;
};

void check_reads(std::initializer_list<Row> rows) {
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(reads(facts_of(row.text)) == row.expected);
    }
}

}  // namespace

TEST_CASE("relations are found wherever they stand") {
    check_reads({
        {"", "SELECT 1"},
        {"t", "SELECT * FROM t"},
        {"s.t", "SELECT * FROM s.t"},
        {"s.t", "SELECT * FROM db.s.t"},
        {"t", "SELECT * FROM T"},
        {"S.T", "SELECT * FROM \"S\".\"T\""},
        {"t", "TABLE t"},
        {"a b", "SELECT * FROM a, b"},
        {"a b c", "SELECT * FROM a JOIN b ON true LEFT JOIN c USING (id)"},
        {"t t", "SELECT * FROM t x, t y"},
        {"t", "SELECT * FROM (SELECT * FROM t) s"},
        {"t u", "SELECT (SELECT max(a) FROM u) FROM t"},
        {"t u", "SELECT * FROM t WHERE a IN (SELECT a FROM u)"},
        {"t u", "SELECT * FROM t WHERE EXISTS (SELECT FROM u)"},
        {"t u", "SELECT * FROM t WHERE a = ANY (SELECT a FROM u)"},
        {"t u", "SELECT * FROM t WHERE (a, b) = (SELECT a, b FROM u)"},
        {"u", "SELECT ARRAY(SELECT a FROM u)"},
        {"t u v", "SELECT * FROM t, LATERAL (SELECT * FROM u WHERE u.a = t.a) x JOIN LATERAL (TABLE v) y ON true"},
        {"t u", "SELECT * FROM t ORDER BY (SELECT a FROM u)"},
        {"t u v", "SELECT * FROM t LIMIT (SELECT a FROM u) OFFSET (SELECT a FROM v)"},
        {"t u", "SELECT a FROM t GROUP BY a HAVING count(*) > (SELECT 1 FROM u)"},
        {"t u", "SELECT count(*) FILTER (WHERE a IN (SELECT a FROM u)) FROM t"},
        {"t u", "SELECT array_agg(a ORDER BY (SELECT b FROM u)) FROM t"},
        {"t u", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (SELECT b FROM u)) FROM t"},
        {"t u v", "SELECT sum(a) OVER (PARTITION BY (SELECT 1 FROM u) ORDER BY (SELECT 1 FROM v)) FROM t"},
        {"t u", "SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY (SELECT 1 FROM u))"},
        {"t u", "SELECT sum(a) OVER (ROWS BETWEEN (SELECT 1 FROM u) PRECEDING AND CURRENT ROW) FROM t"},
        {"t u", "SELECT DISTINCT ON ((SELECT 1 FROM u)) a FROM t"},
        {"t u", "SELECT a FROM t GROUP BY GROUPING SETS ((a), ((SELECT 1 FROM u)))"},
        {"t u", "SELECT a FROM t GROUP BY ROLLUP (a, (SELECT 1 FROM u))"},
        {"u", "VALUES (1, (SELECT a FROM u)), (2, 3)"},
        {"a b c", "SELECT * FROM a UNION ALL SELECT * FROM b EXCEPT SELECT * FROM c"},
        {"a b c d", "(SELECT * FROM a INTERSECT SELECT * FROM b) UNION (SELECT * FROM c ORDER BY (SELECT 1 FROM d))"},
        {"u", "SELECT * FROM generate_series(1, (SELECT a FROM u))"},
        {"u", "SELECT * FROM ROWS FROM (f((SELECT a FROM u)), g(1)) AS x"},
        {"t", "SELECT * FROM t TABLESAMPLE system (10)"},
        {"t u v w",
         "SELECT * FROM t, XMLTABLE('/r' PASSING (SELECT x FROM u) COLUMNS a int PATH (SELECT p FROM v) DEFAULT (SELECT d FROM w)) AS x"},
        {"u v w", "SELECT CASE (SELECT 1 FROM u) WHEN 1 THEN (SELECT 1 FROM v) ELSE (SELECT 1 FROM w) END"},
        {"u v", "SELECT COALESCE((SELECT 1 FROM u), GREATEST(1, (SELECT 1 FROM v)))"},
        {"u v", "SELECT ROW(1, (SELECT 1 FROM u)), ARRAY[(SELECT 1 FROM v)]"},
        {"u v w", "SELECT (ARRAY[1,2])[(SELECT 1 FROM u)], ('{1,2}'::int[])[(SELECT 1 FROM v):(SELECT 2 FROM w)]"},
        {"u", "SELECT (SELECT r FROM u).a.b"},
        {"u", "SELECT (SELECT 1 FROM u)::text COLLATE \"C\""},
        {"u v", "SELECT (SELECT 1 FROM u) IS NULL, (SELECT true FROM v) IS NOT TRUE"},
        {"u", "SELECT NULLIF(1, (SELECT 1 FROM u))"},
        {"u v", "SELECT 1 BETWEEN (SELECT 1 FROM u) AND (SELECT 1 FROM v)"},
        {"u", "SELECT f(a => (SELECT 1 FROM u))"},
        {"u", "SELECT xmlelement(name a, xmlattributes((SELECT 1 FROM u) AS b))"},
        {"u", "SELECT xmlserialize(CONTENT (SELECT x FROM u) AS text)"},
        {"u", "SELECT EXTRACT(year FROM (SELECT d FROM u))"},
        {"t", "SELECT * FROM t FOR UPDATE"},
        {"t", "COPY t TO STDOUT"},
        {"t u", "COPY (SELECT * FROM t, u) TO STDOUT"},
        {"u", "EXECUTE p((SELECT 1 FROM u))"},
        {"u", "CALL p((SELECT 1 FROM u))"},
    });
}

TEST_CASE("CTE names are taken out within their scope") {
    check_reads({
        {"t", "WITH x AS (SELECT * FROM t) SELECT * FROM x"},
        {"t", "WITH x AS (SELECT * FROM t), y AS (SELECT * FROM x) SELECT * FROM y"},
        // Not recursive: a CTE sees neither itself nor later ones, these are tables.
        {"x", "WITH x AS (SELECT * FROM x) SELECT * FROM x"},
        {"t y", "WITH x AS (SELECT * FROM y), y AS (SELECT * FROM t) SELECT * FROM x, y"},
        // Recursive: all see all.
        {"t", "WITH RECURSIVE x AS (SELECT * FROM t UNION ALL SELECT * FROM x) SELECT * FROM x"},
        {"t", "WITH RECURSIVE x AS (SELECT * FROM y), y AS (SELECT * FROM t) SELECT * FROM x"},
        // A qualified name is never a CTE.
        {"s.x t", "WITH x AS (SELECT * FROM t) SELECT * FROM x, s.x"},
        // Shadowing ends with the statement that has the WITH.
        {"t x", "SELECT * FROM x, (WITH x AS (SELECT * FROM t) SELECT * FROM x) y"},
        {"t x", "SELECT * FROM (WITH x AS (SELECT * FROM t) SELECT * FROM x) y, x"},
        {"t x", "SELECT * FROM x WHERE a IN (WITH x AS (SELECT a FROM t) SELECT a FROM x)"},
        {"t", "WITH x AS (SELECT * FROM t) SELECT (SELECT max(a) FROM x), (SELECT 1 WHERE EXISTS (SELECT FROM x))"},
        {"t u", "WITH x AS (WITH y AS (SELECT * FROM t) SELECT * FROM y) SELECT * FROM x, u"},
        {"t y", "WITH x AS (WITH y AS (SELECT * FROM t) SELECT * FROM y) SELECT * FROM x, y"},
        {"t u", "WITH x AS (SELECT * FROM t) SELECT * FROM (WITH x AS (SELECT * FROM u) SELECT * FROM x) z, x"},
        // A set operation: the WITH before it is for all arms, one inside parentheses is for its arm.
        {"t", "WITH x AS (SELECT * FROM t) SELECT * FROM x UNION SELECT * FROM x ORDER BY 1"},
        {"t x", "(WITH x AS (SELECT * FROM t) SELECT * FROM x) UNION SELECT * FROM x"},
        {"t x", "SELECT * FROM x UNION (WITH x AS (SELECT * FROM t) SELECT * FROM x)"},
        {"t x", "((WITH x AS (SELECT * FROM t) SELECT * FROM x UNION SELECT * FROM x)) UNION SELECT * FROM x"},
        // Folding: names are compared after it.
        {"t", "WITH X AS (SELECT * FROM t) SELECT * FROM x"},
        {"X t", "WITH x AS (SELECT * FROM t) SELECT * FROM \"X\""},
        // Statements that write have scopes, too.
        {"t", "WITH x AS (SELECT * FROM t) INSERT INTO y SELECT * FROM x"},
        {"t", "WITH x AS (SELECT * FROM t) UPDATE y SET a = x.a FROM x"},
        {"t", "WITH x AS (SELECT * FROM t) DELETE FROM y USING x"},
        {"t", "WITH x AS (SELECT * FROM t) MERGE INTO y USING x ON y.a = x.a WHEN MATCHED THEN DELETE"},
        {"t x", "WITH y AS (WITH x AS (SELECT 1) DELETE FROM z USING x RETURNING 1) SELECT * FROM t, x"},
        {"t", "WITH RECURSIVE x(a) AS (SELECT 1 UNION SELECT a FROM x, t) CYCLE a SET c USING p SELECT * FROM x"},
    });
}

TEST_CASE("a write's target is a table even if a CTE has its name") {
    const Facts facts = facts_of("WITH x AS (SELECT * FROM t) INSERT INTO x SELECT * FROM x");
    CHECK(reads(facts) == "t");
    CHECK(writes(facts) == "insert:x");
}

TEST_CASE("row locks and samples are seen at any level") {
    for (const char* text : {"SELECT * FROM t FOR UPDATE", "SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED", "SELECT * FROM t FOR SHARE OF t",
                             "SELECT * FROM (SELECT * FROM t FOR KEY SHARE) s", "WITH x AS (SELECT * FROM t FOR UPDATE) SELECT * FROM x",
                             "SELECT * FROM u WHERE a IN (SELECT a FROM t FOR UPDATE)", "SELECT * INTO x FROM t FOR UPDATE"}) {
        INFO(text);
        CHECK(facts_of(text).locks_rows);
    }
    CHECK_FALSE(facts_of("SELECT 'FOR UPDATE' FROM t /* FOR UPDATE */").locks_rows);
    for (const char* text : {"SELECT * FROM t TABLESAMPLE bernoulli (1)", "SELECT * FROM (SELECT * FROM t TABLESAMPLE system (1) REPEATABLE (2)) s"}) {
        INFO(text);
        CHECK(facts_of(text).samples);
    }
    CHECK_FALSE(facts_of("SELECT * FROM t").samples);
}

TEST_CASE("system columns are seen wherever one can be named") {
    for (const char* text : {"SELECT ctid FROM t", "SELECT t.xmin FROM t", "SELECT s.t.xmax FROM s.t", "SELECT \"cmin\" FROM t", "SELECT CMAX FROM t",
                             "SELECT (t).tableoid FROM t", "SELECT (t).tableoid::regclass FROM t", "SELECT id FROM t WHERE ctid = '(0,1)'",
                             "SELECT id FROM t ORDER BY xmin::text", "SELECT count(*) FROM t GROUP BY xmin", "SELECT id FROM t JOIN u ON t.ctid = u.c",
                             "SELECT max(ctid) OVER (PARTITION BY id) FROM t", "SELECT (SELECT xmin FROM t LIMIT 1)", "WITH c AS (SELECT xmin FROM t) SELECT 1 FROM c",
                             "SELECT 1 FROM a UNION SELECT ctid FROM t", "SELECT CASE WHEN xmax = 0 THEN 1 END FROM t", "SELECT ROW(t.ctid, 1) FROM t",
                             "EXPLAIN SELECT ctid FROM t"}) {
        INFO(text);
        CHECK(facts_of(text).system_columns);
    }
    for (const char* text : {"SELECT * FROM t", "SELECT xmin.* FROM xmin", "SELECT 'ctid' FROM t", "SELECT id AS xmin FROM t", "SELECT \"CTID\" FROM t", "SELECT xmins, oid FROM t"}) {
        INFO(text);
        CHECK_FALSE(facts_of(text).system_columns);
    }
}

TEST_CASE("ONLY and aliases are kept") {
    CHECK(uses(facts_of("SELECT * FROM ONLY s.t AS x, u y")) == "ONLY s.t:x u:y");
}

TEST_CASE("the highest parameter is found") {
    CHECK(facts_of("SELECT 1").parameters_max == 0);
    CHECK(facts_of("SELECT $2, $1").parameters_max == 2);
    CHECK(facts_of("SELECT * FROM t WHERE a = $1 LIMIT $7").parameters_max == 7);
    CHECK(facts_of("INSERT INTO t VALUES ($1, $2), ($3, $4)").parameters_max == 4);
    CHECK(facts_of("SELECT '$9', $1").parameters_max == 1);
}
