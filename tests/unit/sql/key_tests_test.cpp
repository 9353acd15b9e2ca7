// Which conditions restrict a relation to constant key values. "?" at the end: not known to be restricted at all.
#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

namespace {

struct Row {
    const char* expected;
    const char* text;
};

}  // namespace

TEST_CASE("equality with constants and parameters is a key test") {
    const Row rows[] = {
        {"t", "SELECT * FROM t"},
        {"t[id=(1)]", "SELECT * FROM t WHERE id = 1"},
        {"t[id=(1)]", "SELECT * FROM t WHERE 1 = id"},
        {"t[id=(-1)]", "SELECT * FROM t WHERE id = -1"},
        {"t[id=(3000000000)]", "SELECT * FROM t WHERE id = 3000000000"},
        {"t[id=(-3000000000)]", "SELECT * FROM t WHERE id = -3000000000"},
        {"t[id=('a'b')]", "SELECT * FROM t WHERE id = 'a''b'"},
        {"t[id=($1)]", "SELECT * FROM t WHERE id = $1"},
        {"t[id=($1::int4)]", "SELECT * FROM t WHERE id = $1::INTEGER"},
        {"t[id=(1::int8,'2'::int4)]", "SELECT * FROM t WHERE id IN (1::bigint, int '2')"},
        {"t[id=('a'::?text)]", "SELECT * FROM t WHERE id = 'a'::text"},
        {"t[id=('a'::varchar)]", "SELECT * FROM t WHERE id = CAST('a' AS varchar)"},
        {"t[id=('a'::uuid)]", "SELECT * FROM t WHERE id = 'a'::pg_catalog.uuid"},
        {"t[id=(true)]", "SELECT * FROM t WHERE id = true"},
        {"t[id=(null)]", "SELECT * FROM t WHERE id = NULL"},
        {"t[id=(1)]", "SELECT * FROM t WHERE t.id = 1"},
        {"s.t[id=(1)]", "SELECT * FROM s.t WHERE t.id = 1"},
        {"t:x[id=(1)]", "SELECT * FROM t x WHERE x.id = 1"},
        {"t[ID=(1)]", "SELECT * FROM t WHERE \"ID\" = 1"},
        {"t[a=(1)][b=('x')]", "SELECT * FROM t WHERE a = 1 AND b = 'x' AND c > 2"},
        {"t[a=(1)][b=(2)][c=(3)]", "SELECT * FROM t WHERE (a = 1 AND (b = 2 AND c = 3))"},
        {"t[id=(1,$2,'x')]", "SELECT * FROM t WHERE id IN (1, $2, 'x')"},
        {"t[id=(1,-2)]", "SELECT * FROM t WHERE id = ANY (ARRAY[1, -2])"},
        {"t[id=(each of $1)]", "SELECT * FROM t WHERE id = ANY ($1)"},
        {"t[id=(each of $1::?int4)]", "SELECT * FROM t WHERE id = ANY ($1::int4[])"},
        {"t[id=(each of $1::int4)]", "SELECT * FROM t WHERE id = ANY ($1::int[])"},
        {"t[id=(each of $2::uuid)]", "SELECT * FROM t WHERE id = ANY (CAST($2 AS pg_catalog.uuid[]))"},
        {"t[id=(1)]", "SELECT * FROM t WHERE id OPERATOR(pg_catalog.=) 1"},
        {"t[id=(1)]", "SELECT count(*) FROM t WHERE id = 1 GROUP BY b HAVING c = 2"},
        {"t[id=(1)]", "SELECT * FROM t WHERE id = 1 FOR UPDATE"},
        {"t[id=(1)] t[id=(2)]", "SELECT * FROM t WHERE id = 1 UNION SELECT * FROM t WHERE id = 2"},
        {"t[id=(1)] u", "SELECT (SELECT max(a) FROM u) FROM t WHERE id = 1"},
        {"u t[id=(1)]", "SELECT * FROM u WHERE a IN (SELECT a FROM t WHERE id = 1)"},
        {"t[id=(1)]", "SELECT * FROM (SELECT * FROM t WHERE id = 1) x WHERE x.a = 2"},
        {"t[id=(1)]", "WITH x AS (SELECT * FROM t WHERE id = 1) SELECT * FROM x WHERE id = 2"},
        {"t[id=(1)]", "SELECT * FROM t TABLESAMPLE system (1) WHERE id = 1"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(uses(facts_of(row.text)) == row.expected);
    }
}

TEST_CASE("what is not a plain equality restricts nothing") {
    for (const char* condition : {"id > 1",
                                  "id <> 1",
                                  "NOT id = 1",
                                  "id = 1 OR id = 2",
                                  "id = 1::numeric",
                                  "id = '{1}'::int[]",
                                  "id = 1::s.int4",
                                  "id = 1::varchar(3)",
                                  "id = 1::int4::int8",
                                  "id = NULL::int",
                                  "id = '1'::bpchar",
                                  "id = 1.0",
                                  "id = 1 + 0",
                                  "id + 0 = 1",
                                  "id = a",
                                  "id = f(1)",
                                  "id::int = 1",
                                  "id = ANY (ARRAY[1, a])",
                                  "id = ANY (ARRAY['1'])",
                                  "id = ANY (ARRAY[$1])",
                                  "1 = ANY (ARRAY[id])",
                                  "id <> ANY (ARRAY[1])",
                                  "id = ALL (ARRAY[1])",
                                  "id = ANY ($1::int[][])",
                                  "id = ANY ($1::numeric[])",
                                  "id = ANY ($1::int4)",
                                  "id = ALL ($1)",
                                  "$1 = ANY (id)",
                                  "id = ANY ($1 || $2)",
                                  "id = ANY ('{1}')",
                                  "id NOT IN (1, 2)",
                                  "id IN (1, a)",
                                  "id IN (1, 2::numeric)",
                                  "id IN (SELECT 1)",
                                  "id = (SELECT 1)",
                                  "(id, a) = (1, 2)",
                                  "id IS NOT DISTINCT FROM 1",
                                  "id BETWEEN 1 AND 1",
                                  "id LIKE 'a'",
                                  "NULLIF(id, 1) = 2",
                                  "id OPERATOR(s.=) 1",
                                  "(id = 1) IS TRUE",
                                  "(id = 1) = true",
                                  "id = B'1'",
                                  "CASE WHEN id = 1 THEN true END",
                                  "id[1] = 1",
                                  "(t.c).id = 1",
                                  "1 = 1",
                                  "true",
                                  "s.t.id = 1",
                                  "1 IN (id, 2)",
                                  "id COLLATE \"C\" = 'a'",
                                  "x.id = 1"}) {
        INFO(condition);
        CHECK(uses(facts_of("SELECT * FROM t WHERE " + std::string(condition))) == "t");
    }
}

TEST_CASE("joins: each side by its own name, the nullable side of outer joins by their ON as well") {
    const Row rows[] = {
        {"a[id=(1)] b", "SELECT * FROM a, b WHERE a.id = 1"},
        {"a b", "SELECT * FROM a, b WHERE id = 1"},
        {"a[id=(1)] b[id=(2)]", "SELECT * FROM a JOIN b ON a.x = b.x WHERE a.id = 1 AND b.id = 2"},
        {"a[id=(1)] b[id=(2)]", "SELECT * FROM a JOIN b ON a.id = 1 AND b.id = 2"},
        {"a b", "SELECT * FROM a JOIN b ON a.id = 1 OR b.id = 2"},
        {"a[id=(1)] b[id=(2)]", "SELECT * FROM a CROSS JOIN b WHERE a.id = 1 AND b.id = 2"},
        {"a[id=(1)] b", "SELECT * FROM a NATURAL JOIN b WHERE a.id = 1"},
        {"a[id=(1)] b[id=(2)][x=(3)]", "SELECT * FROM a LEFT JOIN b ON b.id = 2 WHERE a.id = 1 AND b.x = 3"},
        {"a b", "SELECT * FROM a LEFT JOIN b ON a.id = 1"},
        {"a[id=(1)] b[id=(2)]", "SELECT * FROM a RIGHT JOIN b ON true WHERE a.id = 1 AND b.id = 2"},
        {"a[id=(1)] b", "SELECT * FROM a RIGHT JOIN b ON a.id = 1 AND b.id = 2"},
        {"a? b?", "SELECT * FROM a FULL JOIN b ON true WHERE a.id = 1 AND b.id = 2"},
        {"a[id=(1)] b[id=(2)] c[id=(3)]", "SELECT * FROM a JOIN b ON b.id = 2 LEFT JOIN c ON c.id = 3 WHERE a.id = 1"},
        {"a? b? c?", "SELECT * FROM a FULL JOIN (b JOIN c ON c.id = 3) ON b.id = 2 WHERE a.id = 1"},
        {"a[id=(1)] b[id=(2)] c[id=(3)]", "SELECT * FROM a LEFT JOIN (b JOIN c ON c.id = 3) ON true WHERE a.id = 1 AND b.id = 2"},
        {"a[id=(1)] b c[id=(3)]", "SELECT * FROM a JOIN b ON a.id = 1 RIGHT JOIN c ON true WHERE c.id = 3"},
        // An alias of the whole join hides the names inside.
        {"a? b? c[id=(1)]", "SELECT * FROM (a JOIN b ON a.id = 1) AS j, c WHERE c.id = 1 AND j.id = 2"},
        // A column alias renames: id may be another column.
        {"t:x?", "SELECT * FROM t AS x(b, id) WHERE x.id = 1"},
        {"t:x?", "SELECT * FROM t AS x(b, id) WHERE id = 1"},
        // Two tables of one name, in two schemas.
        {"s.t u.t", "SELECT * FROM s.t, u.t WHERE t.id = 1"},
        // A name of the outer query is not the inner one's.
        {"t u", "SELECT * FROM t WHERE EXISTS (SELECT FROM u WHERE t.id = 1)"},
        // In an ON clause a later FROM item is not visible: this x is the outer one.
        {"x a b x", "SELECT * FROM x WHERE EXISTS (SELECT FROM a JOIN b ON x.id = 1, x)"},
        // One relation and something else is not one relation alone.
        {"t", "SELECT * FROM t, f() AS g WHERE id = 1"},
        {"t", "SELECT * FROM t, (SELECT 1 AS id) s WHERE id = 1"},
        {"t[id=(1)]", "SELECT * FROM t, (SELECT 1 AS id) s WHERE t.id = 1 AND s.id = 1"},
        // The name of a CTE in scope is no relation.
        {"t", "WITH x AS (SELECT * FROM t) SELECT * FROM x WHERE id = 1"},
        {"t u[id=(2)]", "WITH x AS (SELECT * FROM t) SELECT * FROM x JOIN u ON x.id = 1 AND u.id = 2"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(uses(facts_of(row.text)) == row.expected);
    }
}

TEST_CASE("columns that are compared with each other hand on what the other is restricted to") {
    const auto links = [](const std::string& text) {
        std::string out;
        for (const RelationUse& use : facts_of(text).reads) {
            out += (out.empty() ? "" : " ") + use.name.name + (use.key_tests.empty() ? "" : "!");
            for (const ColumnLink& link : use.links)
                out += "[" + link.column + "=" + std::to_string(link.other) + "." + link.other_column + "]";
        }
        return out;
    };
    const Row rows[] = {
        {"a[x=1.y] b[y=0.x]", "SELECT * FROM a JOIN b ON a.x = b.y"},
        {"a[x=1.y] b[y=0.x]", "SELECT * FROM a, b WHERE b.y = a.x"},
        {"a b[y=0.x]", "SELECT * FROM a LEFT JOIN b ON a.x = b.y"},
        {"a[x=1.y] b", "SELECT * FROM a RIGHT JOIN b ON a.x = b.y"},
        {"a b", "SELECT * FROM a FULL JOIN b ON a.x = b.y"},
        // WHERE refuses whatever found no partner.
        {"a[x=1.y] b[y=0.x]", "SELECT * FROM a LEFT JOIN b ON true WHERE a.x = b.y"},
        {"a b[y=0.x] c[z=1.y]", "SELECT * FROM a LEFT JOIN b ON a.x = b.y LEFT JOIN c ON c.z = b.y"},
        {"a b[z=2.z][y=0.x] c[z=1.z]", "SELECT * FROM a LEFT JOIN (b JOIN c ON b.z = c.z) ON a.x = b.y"},
        {"a b", "SELECT * FROM a JOIN b ON a.x = b.y OR true"},
        {"a b", "SELECT * FROM a JOIN b ON a.x > b.y"},
        {"a b", "SELECT * FROM a JOIN b ON a.x = b.y + 0"},
        {"a b", "SELECT * FROM a JOIN b ON a.x = ANY (b.y)"},
        {"a b", "SELECT * FROM a, b WHERE x = y"},
        {"a", "SELECT * FROM a WHERE a.x = a.y"},
        {"a b", "SELECT * FROM a, b, (SELECT 1 AS y) s WHERE a.x = s.y"},
        {"a b", "SELECT * FROM a WHERE EXISTS (SELECT FROM b WHERE b.y = a.x)"},
        {"a[x=1.x] b[x=0.x]", "SELECT * FROM a JOIN b USING (x)"},
        {"a b[x=0.x]", "SELECT * FROM a LEFT JOIN b USING (x)"},
        {"a[x=1.x] b", "SELECT * FROM a RIGHT JOIN b USING (x)"},
        {"a b", "SELECT * FROM a FULL JOIN b USING (x)"},
        {"a b", "SELECT * FROM a NATURAL JOIN b"},
        {"a![x=1.x] b[x=0.x]", "SELECT * FROM a JOIN b USING (x) WHERE x = 1"},
        {"a[x=1.x] b![x=0.x]", "SELECT * FROM a JOIN b USING (x) WHERE b.x = 1"},
        {"a[x=1.x] b!", "SELECT * FROM a RIGHT JOIN b USING (x) WHERE x = 1"},
        {"a[x=1.x] b[x=0.x]", "SELECT * FROM a JOIN b USING (x) WHERE y = 1"},
        {"a![x=1.x][x=2.x] b[x=0.x] c[x=0.x]", "SELECT * FROM a JOIN b USING (x) JOIN c USING (x) WHERE x = 1"},
        {"a[x=1.x] b[x=0.x] c", "SELECT * FROM a JOIN b USING (x) JOIN c USING (y) WHERE y = 1"},
        // Two columns of this name: PostgreSQL will refuse it as ambiguous.
        {"a[x=1.x] b[x=0.x] c[x=3.x] d[x=2.x]", "SELECT * FROM a JOIN b USING (x), c JOIN d USING (x) WHERE x = 1"},
        {"a b c[x=3.x] d[x=2.x]", "SELECT * FROM (a JOIN b USING (x)) AS j, c JOIN d USING (x)"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(links(row.text) == row.expected);
    }
    std::string many = "SELECT * FROM a JOIN b ON true";
    for (int i = 0; i < 100; ++i) many += " AND a.x = b.c" + std::to_string(i);
    CHECK(facts_of(many).reads[0].links.size() == 16);
}

TEST_CASE("targets of UPDATE and DELETE are restricted by their WHERE clause") {
    const Row rows[] = {
        {"t[id=(1)]", "UPDATE t SET a = 2 WHERE id = 1"},
        {"t:x[id=($1)]", "UPDATE t x SET a = 2 WHERE x.id = $1 AND a > 3"},
        {"ONLY t[id=(1)]", "UPDATE ONLY t SET a = 2 WHERE id = 1"},
        {"t", "UPDATE t SET a = 2"},
        {"t", "UPDATE t SET a = 2 FROM u WHERE id = 1"},
        {"t[id=(1)]", "UPDATE t SET a = 2 FROM u WHERE t.id = 1"},
        {"t[id=(1,2)]", "DELETE FROM t WHERE id IN (1, 2)"},
        {"t[id=(1)]", "DELETE FROM t USING u WHERE t.id = 1 AND u.id = 2"},
        {"t", "DELETE FROM t WHERE CURRENT OF c"},
        {"t?", "INSERT INTO t VALUES (1)"},
        {"t?", "MERGE INTO t USING s ON t.id = 1 WHEN MATCHED THEN DELETE"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        const Facts facts = facts_of(row.text);
        REQUIRE(facts.writes.size() == 1);
        CHECK(show(facts.writes[0].target) == row.expected);
    }
    CHECK(uses(facts_of("DELETE FROM t USING u WHERE t.id = 1 AND u.id = 2")) == "u[id=(2)]");
    CHECK(uses(facts_of("UPDATE t SET a = 1 FROM u LEFT JOIN v ON true WHERE u.id = 2 AND v.id = 3")) == "u[id=(2)] v[id=(3)]");
    CHECK(uses(facts_of("MERGE INTO t USING s ON s.id = 1 WHEN MATCHED THEN DELETE")) == "s?");
}

TEST_CASE("rows of the answer prove that rows of a relation exist") {
    const auto proved = [](const std::string& text) {
        std::string out;
        for (const RelationUse& use : facts_of(text).reads) out += use.is_proved_by_rows ? (use.is_only_item ? "1" : "+") : "-";
        return out;
    };
    const Row rows[] = {
        {"1", "SELECT * FROM t WHERE id = 1"},
        {"1", "SELECT DISTINCT a FROM t WHERE id = 1 ORDER BY a LIMIT 1"},
        {"++", "SELECT * FROM t, u WHERE t.id = 1"},
        {"++", "SELECT * FROM t JOIN u ON t.a = u.a WHERE t.id = 1"},
        {"+-", "SELECT * FROM t LEFT JOIN u ON t.a = u.a WHERE t.id = 1"},
        {"-+", "SELECT * FROM t RIGHT JOIN u ON t.a = u.a WHERE u.id = 1"},
        {"--", "SELECT * FROM t FULL JOIN u ON t.a = u.a WHERE u.id = 1"},
        {"+-", "SELECT * FROM t, (SELECT * FROM u WHERE id = 1) x WHERE t.id = 1"},
        {"1-", "SELECT * FROM t WHERE id = 1 AND EXISTS (SELECT 1 FROM u WHERE id = 2)"},
        {"1-", "SELECT (SELECT a FROM u WHERE id = 2) FROM t WHERE id = 1"},
        {"-1", "WITH x AS (SELECT * FROM u WHERE id = 1) SELECT * FROM t WHERE id = 1"},
        {"-", "SELECT count(*) FROM t WHERE id = 1"},
        {"-", "SELECT lower(a) FROM t WHERE id = 1"},
        {"-", "SELECT (t).f FROM t WHERE id = 1"},
        {"1", "SELECT t.f FROM t WHERE id = 1"},  // a column, or a call of f(t): the catalogue knows
        {"-", "SELECT 1 FROM t WHERE id = 1 GROUP BY ()"},
        {"-", "SELECT 1 FROM t WHERE id = 1 HAVING true"},
        {"--", "SELECT a FROM t WHERE id = 1 UNION SELECT a FROM u WHERE id = 1"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(proved(row.text) == row.expected);
    }
}

TEST_CASE("how often a parameter stands in the text") {
    const auto uses_of = [](const std::string& text) {
        std::string out;
        for (const auto count : facts_of(text).parameter_uses) out += static_cast<char>('0' + count);
        return out;
    };
    CHECK(uses_of("SELECT * FROM t WHERE id = $1") == "1");
    CHECK(uses_of("SELECT $3 FROM t WHERE id = $1 AND a > $3") == "102");
    CHECK(uses_of("INSERT INTO t VALUES ($1, $2), ($2, $1 + $1)") == "22");
    CHECK(uses_of("UPDATE t SET (a, b) = ($1, $2) WHERE id = $3") == "111");
    CHECK(uses_of("SELECT * FROM t JOIN u ON t.a = $1 WHERE id = $2 ORDER BY $3 LIMIT $4") == "1111");
    CHECK(uses_of("SELECT * FROM t WHERE id = $70000") == "");
    CHECK(facts_of("SELECT * FROM t WHERE id = $1").stands_once(1));
    CHECK_FALSE(facts_of("SELECT * FROM t WHERE id = $1").stands_once(2));
    CHECK_FALSE(facts_of("SELECT * FROM t WHERE id = $1").stands_once(0));
}

TEST_CASE("a list of values with an order or a limit is a query, not rows") {
    CHECK(facts_of("INSERT INTO t VALUES (1), (2)").writes.at(0).rows.size() == 2);
    CHECK(facts_of("INSERT INTO t VALUES (1), (2) LIMIT 1").writes.at(0).rows.empty());
    CHECK(facts_of("INSERT INTO t VALUES (1), (2) ORDER BY 1").writes.at(0).rows.empty());
}
