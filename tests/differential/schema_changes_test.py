#!/usr/bin/python3
"""DDL under reads that were hits: the next read has the new shape, the new rows or PostgreSQL's error."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.differential import test_case  # noqa: E402
from support.script import Script, q, receive, send, sql, wait_blocked, warm, warm_x, x  # noqa: E402

T = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')")
STAR = "SELECT * FROM t WHERE id = 1"


def changes_once(name, cases, change, reads=(STAR,), setup=(), base=T):
    """One change, in a block that is rolled back, in one that commits, and read by old and new sessions, in all forms."""
    return Script(name, cases=(*cases, 75), setup=(*base, *setup), steps=(
        *(warm("A", read) for read in reads), sql("B", "BEGIN"), q("B", change), *(sql("B", read) for read in reads), sql("B", "ROLLBACK"), *(sql("A", read) for read in reads), *(warm("A", read) for read in reads),
        sql("B", "BEGIN"), sql("B", "SAVEPOINT p"), q("B", change), sql("B", "ROLLBACK TO p"), sql("B", "COMMIT"), *(sql("A", read) for read in reads), *(warm("A", read) for read in reads),
        q("B", change), *(sql(who, read) for who in "AACC" for read in reads)))


TABLES = (
    changes_once("add_column", (68,), "ALTER TABLE t ADD COLUMN extra int DEFAULT 5"),
    changes_once("drop_column", (68,), "ALTER TABLE t DROP COLUMN v", (STAR, "SELECT v FROM t WHERE id = 1", "SELECT n FROM t WHERE id = 1")),
    changes_once("alter_type", (68,), "ALTER TABLE t ALTER n TYPE text USING n || '!'", (STAR, "SELECT n FROM t WHERE id = 1")),
    changes_once("alter_type_of_the_key", (68,), "ALTER TABLE t ALTER id TYPE bigint", (STAR, "SELECT n FROM t WHERE id = 2")),
    changes_once("rename_column", (68,), "ALTER TABLE t RENAME n TO m", (STAR, "SELECT n FROM t WHERE id = 1")),
    changes_once("swap_columns", (68,), "ALTER TABLE t RENAME n TO x; ALTER TABLE t RENAME id TO n; ALTER TABLE t RENAME x TO id", ("SELECT n FROM t WHERE id = 10", "SELECT n FROM t WHERE id = 1")),
    changes_once("drop_and_create", (69,), "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, n int, v text); INSERT INTO t VALUES (1, 99, 'new')", (STAR, "SELECT sum(n) FROM t")),
    changes_once("drop", (69,), "DROP TABLE t", (STAR,)),
    changes_once("rename_swap", (70,), "ALTER TABLE t RENAME TO old; ALTER TABLE fresh RENAME TO t", (STAR, "SELECT sum(n) FROM t"), setup=("CREATE TABLE fresh (LIKE t INCLUDING ALL)", "INSERT INTO fresh VALUES (1, 77, 'f')")),
    changes_once("drop_primary_key", (68,), "ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (1, 11, 'twin')", ("SELECT n FROM t WHERE id = 1 ORDER BY n", "SELECT sum(n) FROM t")),
    changes_once("default_and_constraints", (68,), "ALTER TABLE t ADD CHECK (n > 0), ALTER n SET NOT NULL, ALTER v SET DEFAULT 'x', ALTER n SET STATISTICS 10"),
    Script("insert_after_key_was_dropped", cases=(68,), setup=T, steps=(
        warm("A", "SELECT n FROM t WHERE id = 1"), sql("B", "ALTER TABLE t DROP CONSTRAINT t_pkey"), sql("A", "SELECT n FROM t WHERE id = 1"), warm("A", "SELECT n FROM t WHERE id = 1"), sql("B", "INSERT INTO t VALUES (1, 11, 'twin')"),
        sql("A", "SELECT n FROM t WHERE id = 1"), sql("B", "DELETE FROM t WHERE n = 11"), sql("A", "SELECT n FROM t WHERE id = 1"), sql("B", "CREATE UNIQUE INDEX ON t (id) WHERE n < 1000"), warm("A", "SELECT n FROM t WHERE id = 1"),
        sql("B", "INSERT INTO t VALUES (1, 1001, 'not in the index')"), sql("A", "SELECT n FROM t WHERE id = 1 ORDER BY n"), sql("A", "SELECT n FROM t WHERE id = 1"))),
    Script("trigger_created_later", cases=(44, 68), setup=(*T, "CREATE TABLE u (n int)", "CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO u VALUES (NEW.n); RETURN NULL; END$$"), steps=(
        warm("A", "SELECT count(*) FROM u"), sql("B", "UPDATE t SET n = n + 1 WHERE id = 1"), warm("A", "SELECT count(*) FROM u"), sql("B", "CREATE TRIGGER tr AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION tr()"),
        warm("A", "SELECT count(*) FROM u"), sql("B", "UPDATE t SET n = n + 1 WHERE id = 1"), sql("A", "SELECT count(*) FROM u"), sql("B", "ALTER TABLE t DISABLE TRIGGER tr"), warm("A", "SELECT count(*) FROM u"),
        sql("B", "UPDATE t SET n = n + 1 WHERE id = 1"), sql("A", "SELECT count(*) FROM u"), sql("B", "ALTER TABLE t ENABLE TRIGGER tr"), warm("A", "SELECT count(*) FROM u"), sql("B", "UPDATE t SET n = n + 1 WHERE id = 1"), sql("A", "SELECT count(*) FROM u"),
        sql("C", "SET session_replication_role = replica"), warm("A", "SELECT count(*) FROM u"), sql("C", "UPDATE t SET n = n + 1 WHERE id = 1"), sql("A", "SELECT count(*) FROM u"))),
    Script("foreign_key_created_later", cases=(43, 68), setup=(*T, "CREATE TABLE u (id int PRIMARY KEY, t_id int)", "INSERT INTO u VALUES (1, 1), (2, 2)"), steps=(
        warm("A", "SELECT count(*) FROM u"), sql("B", "ALTER TABLE u ADD FOREIGN KEY (t_id) REFERENCES t ON DELETE CASCADE"), warm("A", "SELECT count(*) FROM u"), warm("A", "SELECT t_id FROM u WHERE id = 1"), sql("B", "DELETE FROM t WHERE id = 1"),
        sql("A", "SELECT count(*) FROM u"), sql("A", "SELECT t_id FROM u WHERE id = 1"))),
)

NAMES = (
    changes_once("drop_schema", (71,), "DROP SCHEMA s CASCADE", ("SELECT * FROM s.t", "SELECT * FROM w"), setup=("CREATE SCHEMA s", "CREATE TABLE s.t AS SELECT 1 AS n", "CREATE VIEW w AS SELECT n FROM s.t")),
    changes_once("drop_owned", (71,), "DROP OWNED BY zoo_owner", ("SELECT * FROM theirs",), setup=("CREATE ROLE zoo_owner", "CREATE TABLE theirs AS SELECT 1 AS n", "ALTER TABLE theirs OWNER TO zoo_owner")),
    changes_once("drop_extension", (71,), "DROP EXTENSION hstore CASCADE", ("SELECT * FROM h",), setup=("CREATE EXTENSION hstore", "CREATE TABLE h (a int, b hstore)", "INSERT INTO h VALUES (1, 'a=>1')")),
    changes_once("rename_schema", (72,), "ALTER SCHEMA s RENAME TO gone; ALTER SCHEMA s2 RENAME TO s", ("SELECT * FROM s.t",), setup=("CREATE SCHEMA s", "CREATE TABLE s.t AS SELECT 1 AS n", "CREATE SCHEMA s2", "CREATE TABLE s2.t AS SELECT 2 AS n")),
    changes_once("set_schema", (72,), "ALTER TABLE t SET SCHEMA s", (STAR, "SELECT sum(n) FROM t"), setup=("CREATE SCHEMA s",)),
    Script("table_created_earlier_in_the_path", cases=(73,), setup=(*T, "CREATE SCHEMA s"), steps=(
        sql("A", "SET search_path = s, public"), warm("A", STAR), sql("B", "CREATE TABLE s.t AS SELECT 1 AS id, 'first' AS z"), sql("A", STAR), sql("A", STAR), sql("C", STAR), sql("B", "DROP TABLE s.t"), sql("A", STAR), sql("A", STAR),
        sql("B", "CREATE VIEW s.t AS SELECT 1 AS id"), sql("A", STAR), sql("B", "ALTER VIEW s.t RENAME TO tt"), sql("A", STAR), sql("B", "ALTER SCHEMA s RENAME TO s2"), sql("A", STAR), sql("A", "SELECT  * FROM t WHERE id = 1"))),
    changes_once("replace_view", (74,), "CREATE OR REPLACE VIEW w AS SELECT n * 2 AS n FROM t", ("SELECT sum(n) FROM w", "SELECT n FROM w ORDER BY 1"), setup=("CREATE VIEW w AS SELECT n FROM t",)),
    changes_once("replace_nested_view", (74,), "CREATE OR REPLACE VIEW w AS SELECT m AS n FROM u", ("SELECT sum(n) FROM ww",), setup=(
        "CREATE TABLE u (m int)", "INSERT INTO u VALUES (5)", "CREATE VIEW w AS SELECT n FROM t", "CREATE VIEW ww AS SELECT n FROM w WHERE n > 0")),
    changes_once("alter_view_column", (74,), "ALTER VIEW w RENAME COLUMN n TO m", ("SELECT * FROM w ORDER BY 1",), setup=("CREATE VIEW w AS SELECT n FROM t",)),
    changes_once("rename_enum_label", (74,), "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", ("SELECT m FROM moods ORDER BY m",), setup=("CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE TABLE moods AS SELECT 'sad'::mood AS m")),
    changes_once("domain_changed", (74,), "ALTER DOMAIN d RENAME TO e; CREATE DOMAIN d AS text", ("SELECT '1'::d || n FROM t WHERE id = 1",), setup=("CREATE DOMAIN d AS varchar(1)",)),
    changes_once("composite_type_changed", (74,), "ALTER TYPE pair ADD ATTRIBUTE c int CASCADE", ("SELECT p FROM pairs", "SELECT (p).* FROM pairs"),
                 setup=("CREATE TYPE pair AS (a int, b int)", "CREATE TABLE pairs (p pair)", "INSERT INTO pairs VALUES (ROW(1, 2))")),
    Script("view_read_after_its_new_base_is_written", cases=(74,), setup=(*T, "CREATE TABLE u (m int)", "INSERT INTO u VALUES (5)", "CREATE VIEW w AS SELECT n FROM t"), steps=(
        warm("A", "SELECT sum(n) FROM w"), sql("B", "CREATE OR REPLACE VIEW w AS SELECT m AS n FROM u"), sql("A", "SELECT sum(n) FROM w"), warm("A", "SELECT sum(n) FROM w"), sql("B", "UPDATE u SET m = 6"), sql("A", "SELECT sum(n) FROM w"),
        warm("A", "SELECT sum(n) FROM w"), sql("B", "UPDATE t SET n = 0"), sql("A", "SELECT sum(n) FROM w"))),
)

PLANS = (
    Script("result_type_of_a_cached_plan", cases=(76,), setup=T, forms=("simple",), steps=(
        x("A", wire.parse("p", STAR), wire.describe_statement("p"), wire.sync()), *(x("A", wire.bind("", "p"), wire.describe_portal(), wire.execute(), wire.sync()),) * 2, warm_x("A", wire.bind("", "p"), wire.execute(), wire.sync()),
        sql("B", "ALTER TABLE t ADD extra int"), *(x("A", wire.bind("", "p"), wire.execute(), wire.sync()),) * 2, x("A", wire.bind("", "p"), wire.describe_portal(), wire.execute(), wire.sync()), x("A", wire.describe_statement("p"), wire.sync()),
        sql("B", "ALTER TABLE t DROP extra"), *(x("A", wire.bind("", "p"), wire.describe_portal(), wire.execute(), wire.sync()),) * 2, x("A", wire.close_statement("p"), wire.parse("p", STAR), wire.bind("", "p"), wire.execute(), wire.sync()),
        sql("B", "DROP TABLE t"), x("A", wire.bind("", "p"), wire.execute(), wire.sync()), x("A", wire.parse("q", STAR), wire.sync()), x("A", wire.bind("", "q"), wire.sync()))),
    Script("cached_plan_in_a_block", cases=(76, 89), setup=T, forms=("simple",), steps=(
        x("A", wire.parse("p", STAR), wire.sync()), warm_x("A", wire.bind("", "p"), wire.execute(), wire.sync()), sql("B", "ALTER TABLE t ADD extra int"), q("A", "BEGIN"), x("A", wire.bind("", "p"), wire.execute(), wire.sync()),
        x("A", wire.bind("", "p"), wire.execute(), wire.sync()), q("A", "SELECT n FROM t WHERE id = 1"), q("A", "COMMIT"), x("A", wire.bind("", "p"), wire.execute(), wire.sync()))),
    Script("sql_prepared_and_ddl", cases=(76,), setup=T, steps=(
        sql("A", "PREPARE p AS SELECT * FROM t WHERE id = 1"), *(sql("A", "EXECUTE p"),) * 3, sql("B", "ALTER TABLE t ADD extra int"), *(sql("A", "EXECUTE p"),) * 2, sql("A", "DEALLOCATE p"), sql("A", "EXECUTE p"))),
    Script("ddl_waits_for_a_reading_block", cases=(77,), setup=T, steps=(
        warm("A", STAR), sql("C", "BEGIN"), sql("C", STAR), sql("C", "SELECT count(*) FROM t"), send("B", sql="ALTER TABLE t ADD extra int DEFAULT 1"), wait_blocked(), sql("C", "COMMIT"), receive("B"), sql("A", STAR), sql("C", STAR), warm("D", STAR))),
    Script("reader_waits_for_ddl", cases=(77, 96), setup=T, forms=("simple", "extended"), steps=(
        warm("A", STAR), sql("B", "BEGIN"), sql("B", "ALTER TABLE t ADD extra int DEFAULT 1"), send("A", wire.query(STAR)), wait_blocked(), sql("B", "COMMIT"), receive("A"), sql("A", STAR), warm("A", STAR), sql("B", "BEGIN"), sql("B", "LOCK TABLE t"),
        send("A", wire.query(STAR)), wait_blocked(), sql("B", "UPDATE t SET n = 1234"), sql("B", "COMMIT"), receive("A"), sql("A", STAR), warm("A", STAR), sql("B", "BEGIN"), sql("B", "TRUNCATE t"), send("A", wire.query(STAR)), wait_blocked(),
        sql("B", "ROLLBACK"), receive("A"), sql("A", STAR))),
    Script("ddl_by_code", cases=(39, 68), setup=T, steps=(
        warm("A", STAR), sql("B", "DO $$BEGIN ALTER TABLE t ADD a1 int; END$$"), sql("C", STAR), sql("A", "SELECT  * FROM t WHERE id = 1"), warm("A", "SELECT  * FROM t WHERE id = 1"), sql("B", "DO $$BEGIN EXECUTE 'ALTER TABLE t DROP a1'; END$$"),
        sql("A", "SELECT *  FROM t WHERE id = 1"), sql("A", STAR))),
    Script("ddl_in_multi_statement", cases=(68, 59), setup=T, forms=("simple",), steps=(
        warm("A", STAR), q("B", "SELECT 1; ALTER TABLE t ADD a1 int; SELECT 2"), sql("A", STAR), warm("A", STAR), q("B", "ALTER TABLE t DROP a1; SELECT 1/0"), sql("A", STAR), warm("A", STAR), q("B", "BEGIN; ALTER TABLE t DROP a1; COMMIT; SELECT 1/0"), sql("A", STAR),
        q("A", "CREATE TABLE fresh (n int); INSERT INTO fresh VALUES (1); SELECT * FROM fresh; DROP TABLE fresh"), q("A", "SELECT * FROM fresh"))),
)

SCRIPTS = (*TABLES, *NAMES, *PLANS)
SchemaChanges = test_case(SCRIPTS, "larder_schema_changes")

if __name__ == "__main__":
    unittest.main()
