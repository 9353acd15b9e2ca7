#!/usr/bin/python3
"""Reads that look harmless and are not: what may never be answered from the cache, and what writes without looking like it."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.differential import test_case  # noqa: E402
from support.script import Script, cold, q, sql, warm  # noqa: E402

T = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')",
     "CREATE TABLE u (id int PRIMARY KEY, t_id int, n int)", "INSERT INTO u VALUES (1, 1, 100), (2, 1, 200), (3, 2, 300)")
SUM = "SELECT sum(n) FROM t"
ONE = "SELECT n FROM t WHERE id = $1"


def volatile(name, *reads, cases=(25,), setup=()):
    """Reads whose rows differ each time: never a hit, and the same kinds of messages."""
    return Script(name, cases=cases, setup=(*T, *setup), steps=tuple(cold("A", read, shape_only=True) for read in reads))


def writes_unseen(name, cases, write, *reads, setup=(), more=()):
    """A statement that writes in an unusual way, before and after reads that were hits."""
    reads = reads or (SUM, "SELECT id, n, v FROM t ORDER BY id")
    steps = [warm("A", read) for read in reads]
    for who in "BA":
        steps.append(sql(who, write))
        steps += [sql("A", read) for read in reads] * 2
    steps += [warm("A", read) for read in reads]
    steps += [sql("A", "BEGIN"), sql("A", write), *(sql("A", read) for read in reads), *(sql("B", read) for read in reads), sql("A", "ROLLBACK"),
              *(sql("A", read) for read in reads), *(sql("B", read) for read in reads)]
    return Script(name, cases=cases, setup=(*T, *setup), steps=(*steps, *more))


VOLATILE = (
    volatile("clocks", "SELECT now(), id FROM t", "SELECT current_date, id FROM t", "SELECT CURRENT_TIMESTAMP(2) FROM t", "SELECT localtime, id FROM t",
             "SELECT clock_timestamp() FROM t", "SELECT statement_timestamp() FROM t", "SELECT transaction_timestamp() FROM t", "SELECT timeofday() FROM t",
             "SELECT 'now'::timestamp, id FROM t", "SELECT 'today'::date FROM t", "SELECT age(timestamp '2001-01-01') FROM t", "SELECT 'tomorrow'::timestamptz::date FROM t",
             "SELECT id FROM t WHERE now() > '2001-01-01'", "SELECT (SELECT current_time) FROM t"),
    volatile("random_and_process", "SELECT random(), id FROM t", "SELECT gen_random_uuid() FROM t", "SELECT pg_backend_pid() FROM t", "SELECT pg_sleep(0), id FROM t",
             "SELECT txid_current(), id FROM t", "SELECT pg_current_xact_id_if_assigned() FROM t", "SELECT pg_current_wal_lsn(), id FROM t",
             "SELECT inet_client_port() FROM t", "SELECT id FROM t ORDER BY random()", "SELECT id FROM t TABLESAMPLE BERNOULLI (100)",
             "SELECT * FROM (SELECT id FROM t TABLESAMPLE SYSTEM (100)) x", "SELECT pg_try_advisory_lock(1), id FROM t", "SELECT pg_advisory_unlock(1) FROM t",
             "SELECT pg_notify('nobody', 'x'), id FROM t", "SELECT pg_conf_load_time() FROM t", "SELECT pg_postmaster_start_time() FROM t", cases=(25, 35)),
    volatile("system_tables", "SELECT relname FROM pg_class ORDER BY oid LIMIT 1", "SELECT table_name FROM information_schema.tables LIMIT 1", "SELECT count(*) FROM pg_stat_activity",
             "SELECT count(*) FROM pg_locks", "SELECT pg_relation_size('t')", "SELECT reltuples FROM pg_class WHERE relname = 't'", "SELECT pg_table_size('t') FROM t",
             "SELECT xmin, ctid, id FROM t", "SELECT has_table_privilege('t', 'select') FROM t",
             "SELECT obj_description('t'::regclass), id FROM t", "SELECT pg_get_viewdef('pg_class'::regclass) FROM t", "SELECT to_regclass('t') FROM t",
             cases=(37,)),
    Script("sequences", cases=(25, 62), setup=(*T, "CREATE SEQUENCE s"), steps=(
        cold("A", "SELECT nextval('s'), id FROM t WHERE id = 1"), cold("A", "SELECT currval('s'), id FROM t WHERE id = 1"), cold("A", "SELECT lastval()"),
        cold("A", "SELECT last_value, is_called FROM s"), cold("A", "SELECT setval('s', 7)"), cold("B", "SELECT last_value FROM s"), sql("A", "SELECT nextval('s')"),
        sql("B", "SELECT last_value FROM s"), sql("B", "BEGIN"), sql("B", "SELECT nextval('s')"), sql("A", "SELECT last_value FROM s"), sql("B", "ROLLBACK"),
        sql("A", "SELECT last_value FROM s"), cold("A", "SELECT t.id, s.last_value FROM t, s WHERE t.id = 1"))),
    volatile("hint_does_not_force", "/* larder: ttl=60s */ SELECT now(), id FROM t", "/* larder: ttl=1h */ SELECT random() FROM t", cases=(42,)),
)

FUNCTIONS = (
    Script("immutable_function_that_reads", cases=(26,), setup=(
        *T, "CREATE FUNCTION total() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT sum(n) FROM t'",
        "CREATE FUNCTION total2() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN (SELECT sum(n) FROM t); END'"), forms=("simple", "extended", "binary"), steps=(
        cold("A", "SELECT total(), id FROM t WHERE id = 1"), cold("A", "SELECT total2(), id FROM t WHERE id = 1"), sql("B", "UPDATE t SET n = n + 1"),
        sql("A", "SELECT total(), id FROM t WHERE id = 1"), sql("A", "SELECT total2(), id FROM t WHERE id = 1"))),
    Script("function_replaced", cases=(27,), setup=(*T, "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'"), steps=(
        *(sql("A", "SELECT f(n) FROM t WHERE id = 1"),) * 3, sql("B", "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 3'"),
        *(sql("A", "SELECT f(n) FROM t WHERE id = 1"),) * 2, sql("B", "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 4; END'"),
        *(sql("A", "SELECT f(n) FROM t WHERE id = 1"),) * 2, sql("B", "ALTER FUNCTION f RENAME TO g"), *(sql("A", "SELECT f(n) FROM t WHERE id = 1"),) * 2)),
    Script("stable_function_that_reads", cases=(26, 27), setup=(*T, "CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM u'"), steps=(
        *(sql("A", "SELECT total(), n FROM t WHERE id = 1"),) * 3, sql("B", "UPDATE u SET n = n + 1"), *(sql("A", "SELECT total(), n FROM t WHERE id = 1"),) * 2,
        sql("B", "CREATE OR REPLACE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM t'"), *(sql("A", "SELECT total(), n FROM t WHERE id = 1"),) * 2,
        sql("B", "UPDATE t SET n = n + 1 WHERE id = 2"), *(sql("A", "SELECT total(), n FROM t WHERE id = 1"),) * 2)),
    Script("overloads", cases=(28,), setup=(*T, "CREATE SEQUENCE s", "CREATE FUNCTION f(int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint'",
                                            "CREATE FUNCTION f(text) RETURNS bigint LANGUAGE sql VOLATILE AS $$SELECT nextval('s')$$"), steps=(
        *(sql("A", "SELECT f(n) FROM t WHERE id = 1"),) * 2, cold("A", "SELECT f(v) FROM t WHERE id = 1"), cold("A", "SELECT f('1') FROM t WHERE id = 1"))),
    Script("operators_casts_aggregates", cases=(29,), setup=(
        *T, "CREATE SEQUENCE s", "CREATE FUNCTION tick(int, int) RETURNS bigint LANGUAGE sql VOLATILE AS $$SELECT nextval('s') + $1 + $2$$",
        "CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = tick)", "CREATE TYPE pair AS (a int)",
        "CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql VOLATILE AS $$SELECT ROW(nextval('s'))::pair$$", "CREATE CAST (int AS pair) WITH FUNCTION to_pair(int)",
        "CREATE FUNCTION step(bigint, int) RETURNS bigint LANGUAGE sql VOLATILE AS $$SELECT $1 + nextval('s')$$", "CREATE AGGREGATE odd(int) (SFUNC = step, STYPE = bigint, INITCOND = '0')",
        "CREATE DOMAIN strict AS int CHECK (VALUE > nextval('s') - 1000000)"), steps=(
        cold("A", "SELECT n <+> 1 FROM t WHERE id = 1"), cold("A", "SELECT n::pair FROM t WHERE id = 1"), cold("A", "SELECT odd(n) FROM t"),
        cold("A", "SELECT n::strict FROM t WHERE id = 1"), sql("B", "SELECT last_value FROM s"), cold("A", "SELECT id FROM t WHERE n <+> 1 > 0 AND id = 2"))),
    Script("built_in_hidden_by_a_user_function", cases=(30,), setup=(*T, "CREATE SCHEMA mine", "CREATE SEQUENCE s",
                                                                    "CREATE FUNCTION mine.abs(int) RETURNS int LANGUAGE sql VOLATILE AS $$SELECT nextval('s')::int$$"), steps=(
        # A user's function of the same name anywhere is enough for a bypass.
        cold("A", "SELECT abs(n) FROM t WHERE id = 1"), sql("A", "SET search_path = mine, pg_catalog, public"), cold("A", "SELECT abs(n) FROM t WHERE id = 1"),
        sql("A", "RESET search_path"), sql("A", "SELECT abs(n) FROM t WHERE id = 1"), sql("B", "CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        sql("A", "SELECT abs(n) FROM t WHERE id = 1"))),
)

HIDDEN_WRITES = (
    writes_unseen("function_that_writes", (31,), "SELECT bump(1)", setup=(
        "CREATE FUNCTION bump(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN UPDATE t SET n = n + 1 WHERE id = $1; RETURN 1; END'",)),
    writes_unseen("sql_function_that_writes", (31,), "SELECT bump(id) FROM t WHERE id < 3", setup=(
        "CREATE FUNCTION bump(int) RETURNS int LANGUAGE sql AS 'UPDATE t SET n = n + 1 WHERE id = $1 RETURNING n'",)),
    writes_unseen("stable_in_name_only", (31,), "SELECT bump(1)", setup=(
        "CREATE FUNCTION deep(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN UPDATE t SET n = n + 1 WHERE id = $1; RETURN 1; END'",
        "CREATE FUNCTION bump(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN deep($1); END'")),
    writes_unseen("view_over_a_writing_function", (31,), "SELECT * FROM w", setup=(
        "CREATE FUNCTION bump(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN UPDATE t SET n = n + 1 WHERE id = $1; RETURN 1; END'", "CREATE VIEW w AS SELECT bump(2)")),
    writes_unseen("cte_that_writes", (32,), "WITH w AS (UPDATE t SET n = n + 1 WHERE id = 2 RETURNING n) SELECT n FROM w"),
    writes_unseen("cte_that_deletes_and_inserts", (32,), "WITH d AS (DELETE FROM t WHERE id = 3 RETURNING *), i AS (INSERT INTO t SELECT 3, d.n + 1, d.v || '!' FROM d WHERE false) SELECT count(*) FROM d"),
    writes_unseen("nested_cte_that_writes", (32,), "WITH a AS (SELECT 1), b AS (INSERT INTO u SELECT max(id) + 1, 1, 5 FROM u RETURNING id) SELECT * FROM a", "SELECT sum(n), count(*) FROM u"),
    writes_unseen("explain_analyze_of_a_write", (38,), "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE t SET n = n + 1 WHERE id = 1"),
    Script("select_into_and_create_as", cases=(33,), setup=T, steps=(
        warm("A", SUM), sql("A", "SELECT * INTO w FROM t"), sql("A", "SELECT sum(n) FROM w"), warm("A", "SELECT sum(n) FROM w"), sql("B", "DROP TABLE w"),
        sql("A", "SELECT sum(n) FROM w"), sql("B", "CREATE TABLE w AS SELECT * FROM t WHERE id < 3"), sql("A", "SELECT sum(n) FROM w"), sql("A", "SELECT sum(n) FROM w"),
        sql("B", "CREATE TABLE IF NOT EXISTS w AS SELECT * FROM t"), sql("A", "SELECT sum(n) FROM w"))),
    Script("row_locks", cases=(34,), setup=(*T, "CREATE VIEW locked AS SELECT * FROM t FOR UPDATE"), steps=(
        *(cold("A", f"SELECT n FROM t WHERE id = 1 FOR {lock}") for lock in ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE")),
        cold("A", "SELECT * FROM (SELECT n FROM t WHERE id = 1 FOR UPDATE) x"), cold("A", "SELECT n FROM locked WHERE id = 1"),
        cold("A", "SELECT n FROM u WHERE t_id IN (SELECT id FROM t FOR SHARE)"), cold("A", "WITH w AS (SELECT n FROM t WHERE id = 1 FOR UPDATE) SELECT * FROM w"),
        sql("A", "BEGIN"), sql("A", "SELECT n FROM t WHERE id = 1 FOR UPDATE"), sql("B", "SET lock_timeout = '50ms'"), sql("B", "SELECT n FROM t WHERE id = 1 FOR UPDATE"),
        sql("B", "SELECT n FROM t WHERE id = 1 FOR UPDATE NOWAIT"), sql("B", "SELECT n FROM t ORDER BY id FOR UPDATE SKIP LOCKED"), sql("A", "COMMIT"),
        sql("B", "SELECT n FROM t WHERE id = 1 FOR UPDATE"))),
    Script("limits", cases=(36, 104), setup=T, steps=(
        warm("A", "SELECT id, n FROM t ORDER BY n LIMIT 1"), sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 2"), sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 3"),
        warm("A", "SELECT id, n FROM t ORDER BY n LIMIT $1", 1), sql("A", "SELECT id, n FROM t ORDER BY n LIMIT $1", 2), sql("A", "SELECT id, n FROM t ORDER BY n OFFSET $1", 1),
        warm("A", "SELECT id, n FROM t ORDER BY n LIMIT 2"), sql("B", "DELETE FROM t WHERE id = 1"), sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 1"),
        sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 2"), sql("A", "SELECT id, n FROM t ORDER BY n LIMIT $1", 1), sql("B", "UPDATE t SET n = 99 WHERE id = 2"),
        sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 1"), sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 2"), sql("B", "INSERT INTO t VALUES (9, 1, 'first')"),
        sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 1"), sql("A", "SELECT id, n FROM t ORDER BY n LIMIT 2"))),
    Script("ddl_in_a_function", cases=(39,), setup=(
        *T, "CREATE FUNCTION reshape() RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RETURN 1; END$$",
        "CREATE FUNCTION reshape(int) RETURNS int LANGUAGE plpgsql AS $$BEGIN EXECUTE 'ALTER TABLE t ADD c' || $1 || ' int'; RETURN 1; END$$"), steps=(
        warm("A", "SELECT t.* FROM t WHERE id = 1"), sql("B", "SELECT reshape(1)"), sql("A", "SELECT t.* FROM t WHERE  id = 1"), sql("B", "SELECT reshape()"),
        sql("B", "SELECT reshape(id) FROM t WHERE id = 2"), sql("A", "SELECT t.* FROM t  WHERE id = 1"))),
    Script("literals_that_are_no_parameters", cases=(40,), setup=T, steps=(
        warm("A", "SELECT id, n FROM t ORDER BY 1"), sql("A", "SELECT id, n FROM t ORDER BY 2"), sql("A", "SELECT id, n FROM t ORDER BY 2 DESC"),
        warm("A", "SELECT n::numeric(10,1) FROM t WHERE id = 1"), sql("A", "SELECT n::numeric(10,2) FROM t WHERE id = 1"), warm("A", "SELECT n, 'x' FROM t WHERE id = 1"),
        sql("A", "SELECT n, 'y' FROM t WHERE id = 1"), sql("A", "SELECT n, 1 FROM t WHERE id = 1"), sql("A", "SELECT n, 1.0 FROM t WHERE id = 1"),
        warm("A", "SELECT count(*), n / 10 FROM t GROUP BY 2 ORDER BY 2"), sql("A", "SELECT count(*), n / 20 FROM t GROUP BY 2 ORDER BY 2"))),
    Script("comments", cases=(41,), setup=T, steps=(
        warm("A", "/* UPDATE t SET n = 0 */ SELECT n FROM t WHERE id = 1"), warm("A", "SELECT n /* now() */ FROM t -- FOR UPDATE\n WHERE id = 1"),
        warm("A", "-- first\n/* second /* nested */ */ SELECT n FROM t WHERE id = 1"), cold("A", "/* larder: off */ SELECT n FROM t WHERE id = 1"),
        warm("A", "SELECT n, '/* larder: off */' FROM t WHERE id = 1"), sql("B", "/* SELECT */ UPDATE /* nothing */ t SET n = n + 1 -- WHERE false\n"),
        sql("A", "/* UPDATE t SET n = 0 */ SELECT n FROM t WHERE id = 1"), sql("A", "SELECT n /* now() */ FROM t -- FOR UPDATE\n WHERE id = 1"),
        sql("A", "SELECT n, '/* larder: off */' FROM t WHERE id = 1"), cold("A", "-- note\n /* larder: off */ SELECT n FROM t WHERE id = 1"),
        sql("B", "/* larder: off */ UPDATE t SET n = n + 1"), sql("A", "SELECT n, '/* larder: off */' FROM t WHERE id = 1"))),
    Script("materialized_view", cases=(37, 60), setup=(*T, "CREATE MATERIALIZED VIEW m AS SELECT id, n FROM t", "CREATE UNIQUE INDEX ON m (id)"), steps=(
        *(sql("A", "SELECT sum(n) FROM m"),) * 3, sql("B", "UPDATE t SET n = n + 1"), *(sql("A", "SELECT sum(n) FROM m"),) * 2, sql("B", "REFRESH MATERIALIZED VIEW m"),
        *(sql("A", "SELECT sum(n) FROM m"),) * 2, sql("B", "UPDATE t SET n = n + 1"), sql("B", "REFRESH MATERIALIZED VIEW CONCURRENTLY m"), *(sql("A", "SELECT sum(n) FROM m"),) * 2,
        sql("B", "BEGIN"), sql("B", "UPDATE t SET n = n + 1"), sql("B", "REFRESH MATERIALIZED VIEW CONCURRENTLY m"), sql("A", "SELECT sum(n) FROM m"), sql("B", "COMMIT"),
        *(sql("A", "SELECT sum(n) FROM m"),) * 2, sql("B", "REFRESH MATERIALIZED VIEW m WITH NO DATA"), sql("A", "SELECT sum(n) FROM m"))),
    Script("large_objects_and_notifications", cases=(63,), setup=T, steps=(
        sql("A", "SELECT lo_from_bytea(4711, '\\x616263')"), cold("A", "SELECT lo_get(4711)"), sql("B", "SELECT lo_put(4711, 1, '\\x7a')"), cold("A", "SELECT lo_get(4711)"),
        sql("B", "SELECT lo_unlink(4711)"), sql("A", "SELECT lo_get(4711)"), q("A", "NOTIFY nobody"), cold("A", "SELECT pg_listening_channels()"))),
    Script("foreign_table", cases=(37, 63), setup=(
        *T, "CREATE SCHEMA f", "CREATE EXTENSION file_fdw SCHEMA f", "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
        "CREATE FOREIGN TABLE words (line text) SERVER files OPTIONS (program 'date +%N')"), steps=(
        cold("A", "SELECT line FROM words", shape_only=True), cold("A", "SELECT line, n FROM words, t WHERE id = 1", shape_only=True)),
        teardown=("DROP SCHEMA f CASCADE",)),
    Script("unlogged_table", cases=(37,), setup=("CREATE UNLOGGED TABLE w (id int PRIMARY KEY, n int)", "INSERT INTO w VALUES (1, 1)"), steps=(
        *(sql("A", "SELECT n FROM w WHERE id = 1"),) * 3, sql("B", "UPDATE w SET n = 2"), *(sql("A", "SELECT n FROM w WHERE id = 1"),) * 2)),
    Script("function_that_changes_settings_and_reads", cases=(5, 31), setup=(
        *T, "CREATE FUNCTION style() RETURNS date LANGUAGE plpgsql AS $$BEGIN SET DateStyle = 'German'; RETURN '2024-02-03'; END$$"), steps=(
        warm("A", "SELECT date '2024-02-03', n FROM t WHERE id = 1"), sql("A", "SELECT style()"), *(sql("A", "SELECT date '2024-02-03', n FROM t WHERE id = 1"),) * 2,
        sql("B", "SELECT date '2024-02-03', n FROM t WHERE id = 1"), sql("B", "DO $$BEGIN SET DateStyle = 'SQL'; END$$"),
        *(sql("B", "SELECT date '2024-02-03', n FROM t WHERE id = 1"),) * 2)),
)

SCRIPTS = (*VOLATILE, *FUNCTIONS, *HIDDEN_WRITES)
Cacheable = test_case(SCRIPTS, "larder_cacheable")

if __name__ == "__main__":
    unittest.main()
