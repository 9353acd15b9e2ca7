// What a statement writes, with which columns and values.
#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

namespace {

WriteUse write_of(const std::string& text) {
    Facts facts = facts_of(text);
    INFO(text);
    REQUIRE(facts.writes.size() == 1);
    return std::move(facts.writes[0]);
}

std::string rows_of(const WriteUse& write) {
    std::vector<std::string> parts;
    for (const auto& row : write.rows) parts.push_back(show_list(row));
    return join(parts, false);
}

}  // namespace

TEST_CASE("writes are found wherever they stand") {
    struct Row {
        const char* writes;
        const char* reads;
        const char* text;
    };
    const Row rows[] = {
        {"", "t", "SELECT * FROM t"},
        {"insert:t", "", "INSERT INTO t VALUES (1)"},
        {"insert:S.T", "", "INSERT INTO \"S\".\"T\" VALUES (1)"},
        {"insert:t", "u", "INSERT INTO t SELECT * FROM u"},
        {"insert:t", "u", "INSERT INTO t VALUES ((SELECT a FROM u))"},
        {"insert:t", "u", "INSERT INTO t VALUES (1) RETURNING (SELECT a FROM u)"},
        {"insert:t", "u v", "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = (SELECT a FROM u) WHERE EXISTS (SELECT FROM v)"},
        {"update:t", "u v", "UPDATE t SET a = (SELECT a FROM u) FROM v"},
        {"update:t", "u", "UPDATE t SET (a, b) = (SELECT a, b FROM u)"},
        {"update:t", "u", "UPDATE t SET a[(SELECT 1 FROM u)] = 1"},
        {"update:t", "u", "UPDATE t SET a = 1 WHERE b IN (SELECT b FROM u) RETURNING *"},
        {"delete:t", "u v", "DELETE FROM t USING u WHERE a IN (SELECT a FROM v)"},
        {"merge:t", "s u", "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = (SELECT 1 FROM u) WHEN NOT MATCHED THEN DO NOTHING"},
        {"merge:t", "s u", "MERGE INTO t USING (SELECT * FROM s) x ON true WHEN NOT MATCHED THEN INSERT (a) VALUES ((SELECT 1 FROM u))"},
        {"delete:t", "", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"},
        {"delete:t insert:u", "", "WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x"},
        {"insert:a update:b", "", "WITH x AS (INSERT INTO a VALUES (1)), y AS (UPDATE b SET c = 1) SELECT 1"},
        {"truncate:a truncate:s.b", "", "TRUNCATE a, s.b RESTART IDENTITY"},
        {"truncate_cascade:a", "", "TRUNCATE a CASCADE"},
        {"copy_from:t", "", "COPY t FROM STDIN"},
        {"insert:t", "", "COPY (INSERT INTO t VALUES (1) RETURNING a) TO STDOUT"},
        {"refresh:v", "", "REFRESH MATERIALIZED VIEW v"},
        {"lock:t lock:u", "", "LOCK t, u"},
        {"lock:t", "", "LOCK t IN ACCESS EXCLUSIVE MODE NOWAIT"},
        {"", "", "LOCK t IN SHARE MODE"},
        {"delete:t", "u", "EXPLAIN ANALYZE DELETE FROM t USING u"},
        {"delete:t", "", "EXPLAIN (ANALYZE, BUFFERS) DELETE FROM t"},
        {"delete:t", "", "EXPLAIN (ANALYZE true) DELETE FROM t"},
        {"", "u", "EXPLAIN DELETE FROM t USING u"},
        {"", "", "EXPLAIN (ANALYZE off) DELETE FROM t"},
        {"", "", "EXPLAIN (ANALYZE 0) DELETE FROM t"},
        {"", "", "PREPARE p AS DELETE FROM t"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        const Facts facts = facts_of(row.text);
        CHECK(writes(facts) == row.writes);
        CHECK(reads(facts) == row.reads);
    }
}

TEST_CASE("INSERT knows its columns and rows") {
    WriteUse write = write_of("INSERT INTO t (id, name, n) VALUES (1, 'a', $1), (DEFAULT, NULL, f()), (2, true, 1.5)");
    CHECK(strings(write.columns) == "id name n");
    CHECK(rows_of(write) == "(1,'a',$1) (?,null,?) (2,true,?)");
    CHECK_FALSE(write.overriding);

    write = write_of("INSERT INTO t VALUES (1, -2, 9999999999, '3'::int)");
    CHECK(write.columns.empty());
    CHECK(rows_of(write) == "(1,-2,9999999999,'3'::int4)");

    // Part of an array or a field of a composite is not the column's value.
    write = write_of("INSERT INTO t (a[1], b.c, d) VALUES (1, 2, 3)");
    CHECK(strings(write.columns) == "a b d");
    CHECK(rows_of(write) == "(?,?,3)");

    CHECK(write_of("INSERT INTO t SELECT 1").rows.empty());
    CHECK(write_of("INSERT INTO t (a) SELECT a FROM u").rows.empty());
    CHECK(write_of("INSERT INTO t DEFAULT VALUES").rows.empty());
    CHECK(write_of("INSERT INTO t (a) VALUES (1) UNION SELECT 2").rows.empty());
    CHECK(write_of("INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)").overriding);
    CHECK(write_of("INSERT INTO t AS x VALUES (1)").target.alias == "x");
}

TEST_CASE("ON CONFLICT tells its arbiter and what it sets") {
    WriteUse write = write_of("INSERT INTO t VALUES (1) ON CONFLICT (a, b) DO UPDATE SET c = 1, (d, e) = (2, 3)");
    CHECK(write.on_conflict_update);
    CHECK(strings(write.conflict_columns) == "a b");
    CHECK(strings(write.conflict_sets) == "c d e");
    write = write_of("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING");
    CHECK_FALSE(write.on_conflict_update);
    CHECK(write.conflict_columns.empty());
    CHECK(write_of("INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT k DO UPDATE SET a = 1").conflict_columns.empty());
    CHECK(write_of("INSERT INTO t VALUES (1) ON CONFLICT (a, lower(b)) DO UPDATE SET a = 1").conflict_columns.empty());
    CHECK(write_of("INSERT INTO t VALUES (1) ON CONFLICT (a) WHERE b DO UPDATE SET a = 1").conflict_columns.empty());
}

TEST_CASE("UPDATE knows what it sets") {
    WriteUse write = write_of("UPDATE t SET a = 1, b = 'x', c = c + 1, d = DEFAULT, e = $3 WHERE id = 1");
    CHECK(strings(write.columns) == "a b c d e");
    CHECK(rows_of(write) == "(1,'x',?,?,$3)");
    write = write_of("UPDATE t SET (a, b) = (1, f()), c[2] = 3, d.e = 4");
    CHECK(strings(write.columns) == "a b c d");
    CHECK(rows_of(write) == "(1,?,?,?)");
    write = write_of("UPDATE t SET (a, b) = (SELECT 1, 2)");
    CHECK(rows_of(write) == "(?,?)");
    CHECK_FALSE(write.where_current_of);
    CHECK(write_of("UPDATE t SET a = 1 WHERE CURRENT OF c").where_current_of);
    CHECK(write_of("DELETE FROM t WHERE CURRENT OF c").where_current_of);
}

TEST_CASE("COPY FROM names its columns; files and programs are the server's") {
    CHECK(strings(write_of("COPY t (a, b) FROM STDIN (FORMAT csv)").columns) == "a b");
    CHECK_FALSE(facts_of("COPY t FROM STDIN").copies_on_server);
    CHECK_FALSE(facts_of("COPY t TO STDOUT").copies_on_server);
    for (const char* text : {"COPY t FROM '/x'", "COPY t FROM PROGRAM 'x'", "COPY t TO '/x'", "COPY (SELECT 1) TO PROGRAM 'x'"}) {
        INFO(text);
        CHECK(facts_of(text).copies_on_server);
    }
}
