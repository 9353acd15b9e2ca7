// Structs and library must agree. The headers come from one build of PostgreSQL, the filled structs from another: each
// row makes the walk read the last fields of a struct that it uses, so that a field that moved shows as a wrong fact
// or, under the sanitizers, as a bad read.
#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

namespace {

// Everything that is known of a statement, in one line.
std::string all_of(const Facts& facts) {
    std::string result = "r:" + uses(facts) + " w:" + writes(facts) + " f:" + show(facts.functions) + " o:" + show(facts.operators) +
                         " t:" + show(facts.types) + " v:" + strings(facts.value_functions);
    if (facts.locks_rows) result += " locks";
    if (facts.selects_into) result += " into";
    if (facts.creates_temp) result += " temp";
    return result;
}

}  // namespace

TEST_CASE("every struct of a query has its fields where the headers say") {
    struct Row {
        const char* expected;
        const char* text;
    };
    const Row rows[] = {
        // SelectStmt to its end: set operation, arms, WITH, locks, limits
        {"r:a b c d e w: f:f g o:= t: v:",
         "WITH x AS (SELECT * FROM a) SELECT f() FROM b UNION ALL (SELECT 1 FROM c, x GROUP BY g() HAVING d = 1 ORDER BY (SELECT 1 FROM d) "
         "LIMIT (SELECT 1 FROM e))"},
        {"r:a w: f:f g h k o: t: v: locks", "SELECT DISTINCT ON (f()) * FROM a WHERE g() ORDER BY h() LIMIT 1 OFFSET k() FOR UPDATE OF a NOWAIT"},
        {"r:a w: f:count f sum o:<= t: v:", "SELECT count(*) FILTER (WHERE f(1)), sum(b) OVER w FROM a WINDOW w AS (ORDER BY c ROWS BETWEEN 1 PRECEDING AND 2 <= 3 FOLLOWING)"},
        // FuncCall: names, arguments, order, filter, over
        {"r: w: f:f g h i j o: t: v:", "SELECT f(g(), a => h() ORDER BY i()) FILTER (WHERE j())"},
        {"r: w: f:f g o: t: v:", "SELECT f(VARIADIC g())"},
        {"r: w: f:f g h i o: t: v:", "SELECT f() OVER (PARTITION BY g() ORDER BY h() ROWS i() PRECEDING)"},
        // RangeVar, Alias, JoinExpr
        {"r:ONLY s.a:x b w: f: o:= t: v:", "SELECT * FROM ONLY db.s.a AS x LEFT JOIN b USING (c)"},
        {"r:a:y? b:z? w: f:f o: t: v:", "SELECT * FROM (a y FULL JOIN b z ON f()) AS j"},
        // RangeSubselect, RangeFunction, RangeTableSample, RangeTableFunc and its columns
        {"r:a w: f: o: t: v:", "SELECT * FROM LATERAL (SELECT * FROM a) AS x(b, c)"},
        {"r: w: f:f g o: t:money text v:", "SELECT * FROM ROWS FROM (f() AS (a money), g() AS (b text)) WITH ORDINALITY AS x"},
        {"r: w: f:f o: t:money v:", "SELECT * FROM f() AS x(a money)"},
        {"r:a w: f:f g s.m o: t: v:", "SELECT * FROM a TABLESAMPLE s.m (f()) REPEATABLE (g())"},
        {"r: w: f:f g h i k o: t:money v:",
         "SELECT * FROM XMLTABLE(XMLNAMESPACES(f() AS n), g() PASSING h() COLUMNS o FOR ORDINALITY, a money PATH i() DEFAULT k()) AS x"},
        // TypeName with modifiers and array bounds, TypeCast, CollateClause
        {"r: w: f: o: t:pg_catalog.numeric s.e v:", "SELECT a::numeric(10, 2)[3], CAST(b AS s.e) COLLATE \"C\""},
        // CaseExpr, CaseWhen, CoalesceExpr, MinMaxExpr, NullTest, BooleanTest, RowExpr, SubLink, XmlExpr
        {"r: w: f:f g h i o:= t: v:", "SELECT CASE f() WHEN g() THEN h() ELSE i() END"},
        {"r: w: f:f g h i j k o: t: v:", "SELECT COALESCE(f()), LEAST(g()), h() IS NOT NULL, i() IS NOT UNKNOWN, ROW(j()), (k(), 1)"},
        {"r:a b w: f:f o:<> t: v:", "SELECT f() <> ALL (SELECT 1 FROM a), EXISTS (SELECT FROM b)"},
        {"r: w: f:f g h o: t:text v:", "SELECT xmlelement(NAME x, xmlattributes(f() AS y), g()), xmlserialize(DOCUMENT h() AS text)"},
        {"r: w: f:f g h o: t: v:", "SELECT (f())[g():h()].x.*"},
        {"r:a w: f:f g o: t: v:", "SELECT GROUPING(b) FROM a GROUP BY CUBE (f(), b), GROUPING SETS ((g()), ())"},
        {"r: w: f: o: t: v:current_timestamp session_user", "SELECT current_timestamp(2), session_user"},
        // CommonTableExpr with its clauses
        {"r:a w: f: o:<> = t:e g v:now_literal",
         "WITH RECURSIVE x(b) AS MATERIALIZED (SELECT 1 FROM a) SEARCH DEPTH FIRST BY b SET s CYCLE b SET c TO e 'now' DEFAULT g '' USING p SELECT 1 FROM x"},
        // InsertStmt, OnConflictClause, InferClause, IndexElem
        {"r:b w:insert:s.a f:f g h i j o: t: v:",
         "WITH x AS (SELECT 1 FROM b) INSERT INTO s.a AS y (c) OVERRIDING USER VALUE VALUES (f()) ON CONFLICT ((g())) WHERE h() DO UPDATE SET d = i() WHERE true RETURNING j()"},
        // UpdateStmt, DeleteStmt, MergeStmt, MergeWhenClause
        {"r:b c w:update:a f:f g h o: t: v:", "WITH x AS (SELECT 1 FROM b) UPDATE a SET d = f() FROM c WHERE g() RETURNING h()"},
        {"r:b c w:delete:a f:f g o: t: v:", "WITH x AS (SELECT 1 FROM b) DELETE FROM ONLY a USING c WHERE f() RETURNING g()"},
        {"r:b c? w:merge:a f:f g h i o: t: v:",
         "WITH x AS (SELECT 1 FROM b) MERGE INTO a USING c ON f() WHEN MATCHED AND g() THEN UPDATE SET d = h() WHEN NOT MATCHED THEN INSERT (e) VALUES (i())"},
        // IntoClause, CreateTableAsStmt
        {"r:b w: f: o: t: v: into temp", "CREATE TEMP TABLE IF NOT EXISTS a (c) WITH (fillfactor = 10) ON COMMIT DROP AS SELECT 1 FROM b WITH NO DATA"},
        // IndexStmt, CopyStmt
        {"r:s.a? w: f:f g o: t: v:", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.a USING btree (b, f(c)) INCLUDE (d) WITH (fillfactor = 10) TABLESPACE x WHERE g(e)"},
        {"r: w:copy_from:s.a f:f o: t: v:", "COPY s.a (b) FROM STDIN WITH (FORMAT csv) WHERE f(b)"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        std::string all = all_of(facts_of(row.text));
        // ONLY of a target and of an index is not this table's concern.
        if (const std::size_t only = all.find("r:ONLY s.a?"); only != std::string::npos) all.erase(only + 2, 5);
        CHECK(all == row.expected);
    }
}

TEST_CASE("every struct of a utility statement that is read has its fields where the headers say") {
    CHECK(facts_of("BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE").deferrable);       // TransactionStmt, DefElem
    CHECK(facts_of("ROLLBACK AND CHAIN").is_chain);                                                // TransactionStmt's last field
    CHECK(facts_of("SET LOCAL a.b = 'c'").settings.at(0).is_local);                                // VariableSetStmt's last field
    CHECK(facts_of("DISCARD TEMP").discard == Discard::temp);                                      // DiscardStmt
    CHECK(facts_of("DECLARE c INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR SELECT 1 FROM a").with_hold);  // DeclareCursorStmt
    CHECK(facts_of("FETCH ABSOLUTE -3 FROM c").savepoint == "c");                                  // FetchStmt, after a long
    CHECK(facts_of("COPY a TO PROGRAM 'x' (FORMAT csv)").copies_on_server);                        // CopyStmt
    CHECK(writes(facts_of("TRUNCATE a RESTART IDENTITY CASCADE")) == "truncate_cascade:a");        // TruncateStmt's last field
    CHECK(writes(facts_of("LOCK a IN ACCESS EXCLUSIVE MODE")) == "lock:a");                        // LockStmt
    CHECK(writes(facts_of("LOCK a IN EXCLUSIVE MODE")).empty());
    CHECK(writes(facts_of("REFRESH MATERIALIZED VIEW CONCURRENTLY s.a WITH DATA")) == "refresh:s.a");
    CHECK(reads(facts_of("VACUUM (FREEZE) a (b), s.c")) == "a s.c");                               // VacuumStmt, VacuumRelation
    CHECK(reads(facts_of("REINDEX (VERBOSE) TABLE CONCURRENTLY a")) == "a");                       // ReindexStmt
    CHECK(facts_of("PREPARE p (int) AS SELECT 1 FROM a").inner->reads.size() == 1);                // PrepareStmt's last field
    CHECK(facts_of("EXPLAIN (ANALYZE, FORMAT json) SELECT 1").explain_analyze);                    // ExplainStmt's last field
    CHECK(facts_of("DO LANGUAGE l 'b'").body == "b");                                              // DoStmt
    CHECK(show(facts_of("CALL s.p(f())").functions) == "f s.p");                                   // CallStmt
    // Those whose object type or relation decides between two kinds.
    CHECK(facts_of("GRANT ALL ON DATABASE a TO b WITH GRANT OPTION").kind == Kind::server_ddl);    // GrantStmt
    CHECK(facts_of("ALTER TABLESPACE a RENAME TO b").kind == Kind::server_ddl);                    // RenameStmt
    CHECK(facts_of("ALTER TABLE IF EXISTS a RENAME COLUMN b TO c").kind == Kind::ddl);
    CHECK(facts_of("ALTER DATABASE a OWNER TO b").kind == Kind::server_ddl);                       // AlterOwnerStmt
    CHECK(facts_of("CREATE TEMP TABLE a (b int) PARTITION BY LIST (b)").kind == Kind::create_temp);  // CreateStmt
    CHECK(facts_of("CREATE TEMP TABLE a PARTITION OF b FOR VALUES IN (1)").kind == Kind::ddl);
    CHECK(facts_of("CREATE TEMP SEQUENCE IF NOT EXISTS a INCREMENT 2").kind == Kind::create_temp);
    CHECK(facts_of("CREATE OR REPLACE TEMP VIEW a (b) WITH (security_barrier) AS SELECT 1 WITH CHECK OPTION").kind == Kind::create_temp);
}
