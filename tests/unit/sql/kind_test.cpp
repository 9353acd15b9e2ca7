// Every kind of statement, and which facts tell its variants apart.
#include "support.h"

using namespace larder::sql;
using namespace larder::sql::test;

TEST_CASE("each statement has its kind") {
    struct Row {
        Kind kind;
        const char* text;
    };
    const Row rows[] = {
        {Kind::select, "SELECT 1"},
        {Kind::select, "VALUES (1), (2)"},
        {Kind::select, "TABLE t"},
        {Kind::select, "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"},
        {Kind::insert, "INSERT INTO t VALUES (1)"},
        {Kind::insert, "INSERT INTO t DEFAULT VALUES"},
        {Kind::update, "UPDATE t SET a = 1"},
        {Kind::delete_, "DELETE FROM t"},
        {Kind::merge, "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE"},
        {Kind::copy_from, "COPY t FROM STDIN"},
        {Kind::copy_to, "COPY t TO STDOUT"},
        {Kind::copy_to, "COPY (SELECT 1) TO STDOUT"},
        {Kind::truncate, "TRUNCATE t"},
        {Kind::create_temp, "CREATE TEMP TABLE x (a int)"},
        {Kind::create_temp, "CREATE TEMPORARY TABLE x (a int) ON COMMIT DROP"},
        {Kind::create_temp, "CREATE TABLE pg_temp.x (a int)"},
        {Kind::create_temp, "CREATE TEMP TABLE x (LIKE t INCLUDING ALL)"},
        {Kind::create_temp, "CREATE TEMP TABLE x AS SELECT 1"},
        {Kind::create_temp, "SELECT 1 AS a INTO TEMP x"},
        {Kind::create_temp, "SELECT 1 AS a INTO TEMP x UNION SELECT 2"},
        {Kind::create_temp, "CREATE TEMP VIEW v AS SELECT 1"},
        {Kind::create_temp, "CREATE TEMP SEQUENCE s"},
        {Kind::ddl, "CREATE TEMP TABLE x () INHERITS (t)"},
        {Kind::ddl, "CREATE TEMP TABLE x PARTITION OF t DEFAULT"},
        {Kind::ddl, "CREATE TABLE x (a int)"},
        {Kind::ddl, "CREATE UNLOGGED TABLE x (a int)"},
        {Kind::ddl, "CREATE TABLE x AS SELECT 1"},
        {Kind::ddl, "SELECT 1 AS a INTO x"},
        {Kind::ddl, "CREATE VIEW v AS SELECT 1"},
        {Kind::ddl, "CREATE OR REPLACE VIEW v AS SELECT 1"},
        {Kind::ddl, "CREATE MATERIALIZED VIEW v AS SELECT 1"},
        {Kind::ddl, "REFRESH MATERIALIZED VIEW CONCURRENTLY v"},
        {Kind::ddl, "CREATE SEQUENCE s"},
        {Kind::ddl, "ALTER SEQUENCE s RESTART"},
        {Kind::ddl, "ALTER TABLE t ADD COLUMN b int DEFAULT now()"},
        {Kind::ddl, "ALTER TABLE t ATTACH PARTITION u FOR VALUES IN (1)"},
        {Kind::ddl, "ALTER TABLE t RENAME TO u"},
        {Kind::ddl, "ALTER TABLE t SET SCHEMA s"},
        {Kind::ddl, "ALTER TABLE t OWNER TO r"},
        {Kind::ddl, "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b"},
        {Kind::ddl, "ALTER SCHEMA s RENAME TO u"},
        {Kind::ddl, "ALTER INDEX i RENAME TO j"},
        {Kind::ddl, "ALTER TYPE e RENAME VALUE 'a' TO 'b'"},
        {Kind::ddl, "ALTER TYPE c ADD ATTRIBUTE x int"},
        {Kind::ddl, "ALTER DOMAIN d SET NOT NULL"},
        {Kind::ddl, "ALTER VIEW v SET (security_barrier)"},
        {Kind::ddl, "ALTER FUNCTION f(int) STABLE"},
        {Kind::ddl, "ALTER FUNCTION f(int) SET search_path = a"},
        {Kind::ddl, "ALTER FUNCTION f(int) DEPENDS ON EXTENSION e"},
        {Kind::ddl, "ALTER OPERATOR = (int, int) SET (RESTRICT = NONE)"},
        {Kind::ddl, "ALTER COLLATION c REFRESH VERSION"},
        {Kind::ddl, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r"},
        {Kind::ddl, "ALTER POLICY p ON t USING (true)"},
        {Kind::ddl, "ALTER EXTENSION e UPDATE"},
        {Kind::ddl, "ALTER EXTENSION e ADD TABLE t"},
        {Kind::ddl, "ALTER EVENT TRIGGER e DISABLE"},
        {Kind::ddl, "ALTER PUBLICATION p ADD TABLE t"},
        {Kind::ddl, "ALTER SUBSCRIPTION s DISABLE"},
        {Kind::ddl, "ALTER STATISTICS s SET STATISTICS 5"},
        {Kind::ddl, "ALTER SERVER s OPTIONS (SET host 'x')"},
        {Kind::ddl, "ALTER FOREIGN DATA WRAPPER f OPTIONS (a 'b')"},
        {Kind::ddl, "ALTER USER MAPPING FOR r SERVER s OPTIONS (a 'b')"},
        {Kind::ddl, "ALTER TEXT SEARCH DICTIONARY d (a = b)"},
        {Kind::ddl, "ALTER TEXT SEARCH CONFIGURATION c DROP MAPPING FOR word"},
        {Kind::ddl, "ALTER OPERATOR FAMILY f USING btree ADD OPERATOR 1 < (int, int)"},
        {Kind::ddl, "DROP TABLE t"},
        {Kind::ddl, "DROP INDEX CONCURRENTLY i"},
        {Kind::ddl, "DROP SCHEMA s CASCADE"},
        {Kind::ddl, "DROP FUNCTION f(int)"},
        {Kind::ddl, "DROP OWNED BY r"},
        {Kind::ddl, "DROP EXTENSION e"},
        {Kind::ddl, "DROP USER MAPPING FOR r SERVER s"},
        {Kind::ddl, "DROP SUBSCRIPTION s"},
        {Kind::ddl, "GRANT SELECT ON t TO r"},
        {Kind::ddl, "REVOKE SELECT (a) ON t FROM r"},
        {Kind::ddl, "GRANT USAGE ON SCHEMA s TO r"},
        {Kind::ddl, "GRANT EXECUTE ON FUNCTION f TO r"},
        {Kind::ddl, "COMMENT ON TABLE t IS 'x'"},
        {Kind::ddl, "SECURITY LABEL ON TABLE t IS 'x'"},
        {Kind::ddl, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"},
        {Kind::ddl, "CREATE FUNCTION f() RETURNS int RETURN 1"},
        {Kind::ddl, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END"},
        {Kind::ddl, "CREATE PROCEDURE p() LANGUAGE sql AS ''"},
        {Kind::ddl, "CREATE AGGREGATE a (int) (sfunc = f, stype = int)"},
        {Kind::ddl, "CREATE OPERATOR @@@ (function = f, rightarg = int)"},
        {Kind::ddl, "CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <"},
        {Kind::ddl, "CREATE OPERATOR FAMILY f USING btree"},
        {Kind::ddl, "CREATE CAST (int AS text) WITH INOUT"},
        {Kind::ddl, "CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM f"},
        {Kind::ddl, "CREATE TRANSFORM FOR int LANGUAGE plx (FROM SQL WITH FUNCTION f(internal))"},
        {Kind::ddl, "CREATE ACCESS METHOD a TYPE TABLE HANDLER h"},
        {Kind::ddl, "CREATE LANGUAGE l"},
        {Kind::ddl, "CREATE LANGUAGE l HANDLER h"},
        {Kind::ddl, "CREATE COLLATION c (locale = 'de')"},
        {Kind::ddl, "CREATE TYPE c AS (a int)"},
        {Kind::ddl, "CREATE TYPE e AS ENUM ('a')"},
        {Kind::ddl, "CREATE TYPE r AS RANGE (subtype = int)"},
        {Kind::ddl, "CREATE DOMAIN d AS int CHECK (VALUE > 0)"},
        {Kind::ddl, "CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()"},
        {Kind::ddl, "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()"},
        {Kind::ddl, "CREATE RULE r AS ON INSERT TO t DO ALSO DELETE FROM u"},
        {Kind::ddl, "CREATE POLICY p ON t USING (a = 1)"},
        {Kind::ddl, "CREATE SCHEMA s CREATE TABLE t (a int)"},
        {Kind::ddl, "CREATE EXTENSION e"},
        {Kind::ddl, "CREATE FOREIGN TABLE f (a int) SERVER s"},
        {Kind::ddl, "CREATE FOREIGN DATA WRAPPER f"},
        {Kind::ddl, "CREATE SERVER s FOREIGN DATA WRAPPER f"},
        {Kind::ddl, "CREATE USER MAPPING FOR r SERVER s"},
        {Kind::ddl, "IMPORT FOREIGN SCHEMA a FROM SERVER s INTO b"},
        {Kind::ddl, "CREATE PUBLICATION p FOR ALL TABLES"},
        {Kind::ddl, "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p"},
        {Kind::ddl, "CREATE STATISTICS s ON a, b FROM t"},
        {Kind::ddl, "CREATE TEXT SEARCH CONFIGURATION c (parser = p)"},
        {Kind::server_ddl, "CREATE ROLE r"},
        {Kind::server_ddl, "CREATE USER r"},
        {Kind::server_ddl, "ALTER ROLE r BYPASSRLS"},
        {Kind::server_ddl, "ALTER GROUP g ADD USER r"},
        {Kind::server_ddl, "ALTER ROLE r SET search_path = a"},
        {Kind::server_ddl, "ALTER ROLE r IN DATABASE d RESET ALL"},
        {Kind::server_ddl, "ALTER USER r RENAME TO q"},
        {Kind::server_ddl, "DROP ROLE r"},
        {Kind::server_ddl, "GRANT a TO b"},
        {Kind::server_ddl, "REVOKE a FROM b"},
        {Kind::server_ddl, "REASSIGN OWNED BY a TO b"},
        {Kind::server_ddl, "CREATE DATABASE d"},
        {Kind::server_ddl, "DROP DATABASE d"},
        {Kind::server_ddl, "ALTER DATABASE d CONNECTION LIMIT 5"},
        {Kind::server_ddl, "ALTER DATABASE d SET timezone = 'UTC'"},
        {Kind::server_ddl, "ALTER DATABASE d RENAME TO e"},
        {Kind::server_ddl, "ALTER DATABASE d OWNER TO r"},
        {Kind::server_ddl, "ALTER DATABASE d SET TABLESPACE x"},
        {Kind::server_ddl, "ALTER DATABASE d REFRESH COLLATION VERSION"},
        {Kind::server_ddl, "GRANT CONNECT ON DATABASE d TO r"},
        {Kind::server_ddl, "GRANT SET ON PARAMETER work_mem TO r"},
        {Kind::server_ddl, "CREATE TABLESPACE x LOCATION '/x'"},
        {Kind::server_ddl, "ALTER TABLESPACE x SET (seq_page_cost = 1)"},
        {Kind::server_ddl, "ALTER TABLESPACE x RENAME TO y"},
        {Kind::server_ddl, "DROP TABLESPACE x"},
        {Kind::server_ddl, "ALTER SYSTEM SET work_mem = '1MB'"},
        {Kind::maintenance, "VACUUM"},
        {Kind::maintenance, "VACUUM (FULL, ANALYZE) t"},
        {Kind::maintenance, "ANALYZE t (a)"},
        {Kind::maintenance, "REINDEX TABLE t"},
        {Kind::maintenance, "REINDEX DATABASE d"},
        {Kind::maintenance, "CLUSTER t USING i"},
        {Kind::maintenance, "CLUSTER"},
        {Kind::maintenance, "CREATE INDEX ON t (a)"},
        {Kind::maintenance, "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)"},
        {Kind::maintenance, "CHECKPOINT"},
        {Kind::begin, "BEGIN"},
        {Kind::begin, "START TRANSACTION READ ONLY"},
        {Kind::commit, "COMMIT"},
        {Kind::commit, "END"},
        {Kind::rollback, "ROLLBACK"},
        {Kind::rollback, "ABORT"},
        {Kind::savepoint, "SAVEPOINT a"},
        {Kind::release, "RELEASE SAVEPOINT a"},
        {Kind::rollback_to, "ROLLBACK TO a"},
        {Kind::prepare_transaction, "PREPARE TRANSACTION 'g'"},
        {Kind::commit_prepared, "COMMIT PREPARED 'g'"},
        {Kind::rollback_prepared, "ROLLBACK PREPARED 'g'"},
        {Kind::set, "SET work_mem = '1MB'"},
        {Kind::set, "SET ROLE r"},
        {Kind::set, "SET SESSION AUTHORIZATION r"},
        {Kind::reset, "RESET work_mem"},
        {Kind::reset, "RESET ALL"},
        {Kind::show, "SHOW work_mem"},
        {Kind::discard, "DISCARD ALL"},
        {Kind::prepare, "PREPARE p AS SELECT 1"},
        {Kind::execute, "EXECUTE p(1)"},
        {Kind::deallocate, "DEALLOCATE p"},
        {Kind::declare_cursor, "DECLARE c CURSOR FOR SELECT 1"},
        {Kind::fetch, "FETCH NEXT FROM c"},
        {Kind::fetch, "MOVE ALL FROM c"},
        {Kind::close_cursor, "CLOSE c"},
        {Kind::listen, "LISTEN c"},
        {Kind::unlisten, "UNLISTEN *"},
        {Kind::notify, "NOTIFY c, 'x'"},
        {Kind::lock_table, "LOCK TABLE t"},
        {Kind::set_transaction, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"},
        {Kind::set_transaction, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"},
        {Kind::set_transaction, "SET TRANSACTION SNAPSHOT 'a'"},
        {Kind::set_constraints, "SET CONSTRAINTS ALL DEFERRED"},
        {Kind::do_block, "DO $$ BEGIN END $$"},
        {Kind::call, "CALL p(1)"},
        {Kind::explain, "EXPLAIN SELECT 1"},
        {Kind::load, "LOAD 'x'"},
    };
    for (const Row& row : rows) {
        INFO(row.text);
        CHECK(static_cast<int>(facts_of(row.text).kind) == static_cast<int>(row.kind));
    }
}

TEST_CASE("what makes an object in pg_temp says so") {
    for (const char* text : {"CREATE TEMP TABLE x (a int)", "CREATE TEMP TABLE x () INHERITS (t)", "CREATE TABLE pg_temp.x (a int)",
                             "CREATE TEMP TABLE x AS SELECT 1", "SELECT 1 AS a INTO TEMPORARY x", "CREATE TEMP VIEW v AS SELECT 1",
                             "CREATE TEMP SEQUENCE s", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                             "CREATE TYPE pg_temp.c AS (a int)", "CREATE TYPE pg_temp.e AS ENUM ('a')", "CREATE DOMAIN pg_temp.d AS int",
                             "CREATE VIEW pg_temp.v AS SELECT 1"}) {
        INFO(text);
        CHECK(facts_of(text).creates_temp);
    }
    for (const char* text : {"CREATE TABLE x (a int)", "CREATE TABLE x AS SELECT 1", "CREATE VIEW v AS SELECT 1", "SELECT 1"}) {
        INFO(text);
        CHECK_FALSE(facts_of(text).creates_temp);
    }
}

TEST_CASE("SELECT INTO and CREATE TABLE AS tell that they make a table and what they read") {
    for (const char* text : {"SELECT * INTO x FROM t", "SELECT a INTO TEMP x FROM t", "CREATE TABLE x AS SELECT * FROM t",
                             "CREATE TEMP TABLE x AS TABLE t", "CREATE MATERIALIZED VIEW x AS SELECT f() FROM t"}) {
        INFO(text);
        const Facts facts = facts_of(text);
        CHECK(facts.selects_into);
        CHECK(reads(facts) == "t");
    }
    CHECK(show(facts_of("CREATE TABLE x AS SELECT f()").functions) == "f");
}

TEST_CASE("CREATE TABLE AS EXECUTE runs what the text does not show, so it is not understood") {
    const TextFacts facts = analyse("CREATE TABLE x AS EXECUTE p");
    REQUIRE(facts.is_single());
    CHECK_FALSE(facts.statements[0].understood);
}

TEST_CASE("maintenance names its relation and the functions of index expressions") {
    CHECK(reads(facts_of("VACUUM a, s.b")) == "a s.b");
    CHECK(reads(facts_of("CLUSTER a")) == "a");
    CHECK(reads(facts_of("REINDEX TABLE a")) == "a");
    CHECK(reads(facts_of("REINDEX INDEX a")).empty());
    const Facts facts = facts_of("CREATE INDEX ON t (lower(a), (b || 'x')) WHERE f(c) > 1");
    CHECK(reads(facts) == "t");
    CHECK(show(facts.functions) == "f lower");
    CHECK(show(facts.operators) == "> ||");
}

TEST_CASE("a text without statements has none, a text of many has all") {
    for (const char* text : {"", "   ", ";", ";;;", "-- only this", "/* and */ /* this */;"}) {
        INFO(text);
        const TextFacts facts = analyse(text);
        CHECK(facts.parsed);
        CHECK(facts.statements.empty());
        CHECK_FALSE(facts.is_single());
    }
    const TextFacts facts = analyse("BEGIN; INSERT INTO a VALUES (1);; SELECT * FROM b; COMMIT");
    REQUIRE(facts.statements.size() == 4);
    CHECK(facts.statements[0].kind == Kind::begin);
    CHECK(writes(facts.statements[1]) == "insert:a");
    CHECK(reads(facts.statements[2]) == "b");
    CHECK(facts.statements[3].kind == Kind::commit);
    CHECK_FALSE(facts.is_single());
}

TEST_CASE("what cannot be parsed says why") {
    for (const char* text : {"SELEC 1", "SELECT 'open", "SELECT (", "SELECT 1; SELEC", "/* open", "SELECT JSON_ARRAY(1 NULL ON NULL)"}) {
        INFO(text);
        const TextFacts facts = analyse(text);
        CHECK_FALSE(facts.parsed);
        CHECK_FALSE(facts.why_not.empty());
        CHECK(facts.statements.empty());
    }
    CHECK_FALSE(analyse(std::string_view("SELECT 1\0", 9)).parsed);
    CHECK_FALSE(analyse(std::string_view("SELECT 1; \0 DELETE FROM t", 25)).parsed);
    const std::string fits = "SELECT 1" + std::string(kParsedTextBytesMax - 8, ' ');
    CHECK(analyse(fits).parsed);
    CHECK_FALSE(analyse(fits + " ").parsed);
}
