#!/usr/bin/python3
"""The protocol itself: framing, pipelines, portals, errors within, COPY, function calls, notices, notifications, cancel, large messages."""
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.differential import test_case  # noqa: E402
from support.script import UNTIL_CLOSED, Script, await_kind, cancel, open_as, q, receive, send, sql, wait_asleep, wait_blocked, warm, warm_x, x  # noqa: E402
from support.wire import (bind, close_portal, close_statement, copy_data, copy_done, copy_fail, describe_portal, describe_statement, execute,  # noqa: E402
                          flush, function_call, int4, message, parse, query, sync)

T = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')")
ONE, ALL, BY_ID = "SELECT n, v FROM t WHERE id = 1", "SELECT id, n, v FROM t ORDER BY id", "SELECT n, v FROM t WHERE id = $1"
UP = "UPDATE t SET n = n + 1 WHERE id = 1"
RAW = ("simple",)


def raw(name, numbers, *steps, setup=T):
    """Messages as they stand. Up to 67 a number is a protocol case, above it a point of the cache's list."""
    cases, wire_cases = tuple(n for n in numbers if n > 67), tuple(n for n in numbers if n <= 67)
    return Script(name, cases=cases, wire_cases=wire_cases, setup=setup, forms=RAW, steps=steps)


def extended(text, *values, portal=""):
    return parse("", text), bind(portal, "", values), describe_portal(portal), execute(portal), sync()


HIT_SHAPES = raw(
    "every_shape_of_a_hit", (108, 110, 113),
    warm_x("A", query(ONE)), warm_x("A", *extended(ONE)), warm_x("A", parse("", ONE), bind(), execute(), sync()), warm_x("A", parse("", ONE), describe_statement(), bind(), execute(), sync()),
    warm_x("A", parse("", ONE), describe_statement(), bind(), describe_portal(), execute(), close_portal(), sync()), x("A", parse("s", BY_ID, 23), sync()), x("A", describe_statement("s"), sync()),
    *(step for n in "12" for step in (
        warm_x("A", bind("", "s", (n,)), execute(), sync()), warm_x("A", bind("", "s", (n,)), describe_portal(), execute(), sync()), x("A", describe_statement("s"), bind("", "s", (n,)), execute(), sync()),
        x("A", bind("p", "s", (n,)), execute("p"), close_portal("p"), sync()), x("A", bind("p", "s", (n,)), execute("p"), sync()), x("A", bind("", "s", (n,)), execute(rows_max=1), sync()), x("A", bind("", "s", (n,)), execute(rows_max=100), sync()),
        x("A", bind("", "s", (n,)), execute(), execute(), sync()), x("A", bind("", "s", (n,)), execute(), bind("", "s", (n,)), execute(), sync()), x("A", bind("", "s", (n,)), execute(), sync(), bind("", "s", (n,)), execute(), sync()),
        x("A", bind("", "s", (n,)), execute(), flush()), x("A", sync()), x("A", bind("", "s", (n,)), flush()), x("A", describe_portal(), flush()), x("A", execute(), flush()), x("A", sync()), x("A", bind("", "s", (n,)), sync()), x("A", execute(), sync()),
        x("A", bind("", "s", (n,)), close_statement("none"), execute(), sync()), x("A", bind("", "s", (n,)), describe_portal(), describe_portal(), execute(), sync()), x("A", close_portal("none"), bind("", "s", (n,)), execute(), close_portal(), close_portal(), sync()))),
    x("A", query(ONE), query(ONE), query(ONE)), x("A", query(ONE), *extended(ONE), query(ONE)), x("A", *extended(BY_ID, 1), *extended(BY_ID, 2), *extended(BY_ID, 1), *extended(BY_ID, 3)), x("A", sync(), query(ONE)), x("A", flush(), sync()), x("A", sync(), sync()))

PORTALS = (
    raw("portals_with_row_limits", (105,), warm_x("A", *extended(ALL)), x("A", parse("", ALL), bind(), describe_portal(), execute(rows_max=2), execute(rows_max=2), execute(rows_max=2), sync()), x("A", execute(), sync()),
        x("A", parse("", ALL), bind(), execute(rows_max=2), sync()), x("A", execute(), sync()), q("A", "BEGIN"), x("A", parse("s", ALL), bind("p", "s"), execute("p", 1), sync()), x("A", execute("p", 1), sync()), q("A", ONE), x("A", execute("p"), execute("p"), sync()),
        x("A", close_portal("p"), sync()), x("A", execute("p"), sync()), q("A", "ROLLBACK"), x("A", bind("", "s"), execute(rows_max=3), sync()), x("A", bind("", "s"), execute(rows_max=4), sync()), x("A", bind("", "s"), execute(rows_max=-1), sync()), x("A", *extended(ALL)), q("A", ALL), warm_x("A", *extended(ALL)),
        q("A", "BEGIN"), x("A", bind("p", "s"), execute("p", 1), flush()), q("B", UP), x("A", execute("p"), sync()), q("A", "COMMIT"), q("A", ALL)),
    raw("portals_of_other_statements", (105, 106), x("A", parse("", UP + " RETURNING n"), bind(), describe_portal(), execute(rows_max=1), execute(), sync()), x("A", parse("", UP), bind(), describe_portal(), execute(rows_max=1), execute(), sync()), x("A", parse("", "BEGIN"), bind(), execute(), execute(), sync()), q("A", "ROLLBACK"),
        x("A", parse("", "SHOW DateStyle"), bind(), execute(), sync()), x("A", parse("", "EXPLAIN (COSTS OFF) " + ONE), describe_statement(), bind(), execute(), sync()), x("A", parse("", "VALUES (1), (2), (3)"), bind(), execute(rows_max=1), execute(rows_max=5), sync())),
    raw("portal_names", (35, 110), x("A", parse("", ONE), bind(), parse("", "SELECT 2"), execute(), sync()), x("A", parse("", ONE), bind("a"), bind("b"), execute("b"), execute("a"), sync()), x("A", parse("", ONE), bind("a"), bind("a"), sync()), x("A", execute("a"), sync()), x("A", bind("", "none"), sync()), x("A", describe_portal("none"), sync()),
        x("A", describe_statement("none"), sync()), x("A", execute("none"), sync()), q("A", "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY id"), x("A", describe_portal("c"), execute("c", 2), sync()), x("A", execute("c"), close_portal("c"), sync()), x("A", execute("c"), sync())),
    raw("refused_deallocate", (46,), x("A", parse("s", ONE), sync()), q("A", "BEGIN"), q("A", "SAVEPOINT a"), q("A", "SELECT 1/0"), q("A", "DEALLOCATE ALL"), q("A", "ROLLBACK TO a"), x("A", bind("", "s"), execute(), sync()),
        q("A", "SELECT 1/0"), q("A", "DEALLOCATE s"), q("A", "ROLLBACK AND CHAIN"), x("A", bind("", "s"), execute(), sync()), q("A", "SELECT 1/0"), q("A", "DISCARD ALL"), q("A", "ROLLBACK AND CHAIN"), x("A", bind("", "s"), execute(), sync()), q("A", "ROLLBACK"),
        x("A", bind("", "s"), execute(), sync())),
    raw("modes_in_a_chained_block", (41, 79), q("A", "BEGIN; SELECT 1; SELECT 1/0"), q("A", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"), x("A", parse("s", "SELECT 1"), bind("", "s"), execute(), sync()), q("A", "COMMIT AND CHAIN"),
        q("A", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), q("A", "SHOW transaction_isolation"), q("A", "ROLLBACK")),
    raw("statement_names", (34, 35, 44, 46, 76), x("A", parse("s", ONE), parse("s", ONE), sync()), x("A", bind("", "s"), execute(), sync()), x("A", parse("s", "SELECT 2"), sync()), x("A", close_statement("s"), parse("s", "SELECT 2"), bind("", "s"), execute(), sync()), x("A", close_statement("none"), sync()), q("A", "DEALLOCATE s"), x("A", bind("", "s"), sync()),
        x("A", parse("s", "SELEC"), sync()), x("A", bind("", "s"), sync()), x("A", parse("s", "SELECT 1; SELECT 2"), sync()), x("A", parse("n" * 100, ONE), bind("q" * 100, "n" * 100), execute("q" * 100), sync()), x("A", parse("u", ONE), sync()), q("A", "DEALLOCATE ALL"), x("A", bind("", "u"), sync()), x("A", parse("u", ONE), sync()), q("A", "DISCARD ALL"),
        x("A", bind("", "u"), sync()), x("A", parse("u", ONE), sync()), q("A", "DISCARD PLANS"), x("A", bind("", "u"), execute(), sync()), q("A", "BEGIN"), q("A", "SELECT 1/0"), q("A", "DEALLOCATE u"), q("A", "ROLLBACK"), x("A", bind("", "u"), execute(), sync()), q("A", "SELECT 1; DEALLOCATE u; SELECT 2"), x("A", bind("", "u"), execute(), sync()),
        x("A", parse("", ONE), sync()), x("A", bind(), execute(), sync()), q("A", "SELECT 5"), x("A", bind(), execute(), sync()), x("A", parse("", ONE), close_statement(""), bind(), execute(), sync()), x("A", parse("", BY_ID, 23), sync()), x("A", bind(values=(1,)), execute(), sync()), x("A", bind(values=(2,)), execute(), sync())),
    raw("parse_faults", (24, 76), warm_x("A", *extended(ONE)), x("A", parse("", "SELECT nothing FROM t"), bind(), execute(), sync()), x("A", parse("", "SELECT * FROM nothing"), sync()), x("A", bind(), execute(), sync()), x("A", parse("", BY_ID, 17), bind(values=(1,)), sync()), x("A", parse("", BY_ID, 99999), sync()), x("A", parse("", "SELECT $2"), sync()),
        x("A", parse("", BY_ID), describe_statement(), bind(values=("x",)), execute(), sync()), x("A", parse("", BY_ID), bind(), sync()), x("A", parse("", BY_ID), bind(values=(1, 2)), sync()), x("A", parse("", BY_ID), bind(values=(1,), formats=(0, 0)), sync()), x("A", parse("", BY_ID), bind(values=(1,), formats=(2,)), sync()),
        x("A", parse("", ONE), bind(result_formats=(0, 0, 0)), execute(), sync()), x("A", parse("", ONE), bind(result_formats=(7,)), execute(), sync()), x("A", *extended(ONE)), x("A", parse("bad", "SELECT * FROM nothing"), close_statement("bad"), sync()), x("A", parse("good", "SELECT 1/(n-n) FROM t"), bind("", "good"), describe_portal(), execute(), sync())),
)

PIPELINES = (
    raw("error_in_a_pipeline", (109, 23), warm_x("A", *extended(ONE)), x("A", *extended(ONE)[:-1], *extended("SELECT 1/0")[:-1], *extended(ONE)), x("A", *extended(ONE)[:-1], parse("", "SELEC"), *extended(ONE), *extended(ONE), query(ONE)), x("A", bind("", "none"), *extended(ONE)[:-1], flush(), sync(), *extended(ONE)),
        x("A", *extended(UP)[:-1], *extended(ONE)[:-1], *extended("SELECT 1/0")), q("B", ONE), x("A", *extended("SELECT 1/0"), *extended(ONE), *extended("SELECT 1/0"), *extended(ONE)), x("A", *extended("SELECT 1/0")[:-1], query(ONE), sync(), ready=1), q("A", ONE), x("A", *extended("SELECT 1/0")[:-1], flush()), x("A", *extended(ONE)[:-1], sync()),
        q("A", "BEGIN"), x("A", *extended("SELECT 1/0")), x("A", *extended(ONE)), x("A", *extended("ROLLBACK")), x("A", *extended(ONE))),
    raw("simple_within_an_extended_batch", (31, 42), warm_x("A", *extended(ONE)), x("A", *extended(ONE)[:-1], query(ONE)), x("A", sync()), x("A", *extended(UP)[:-1], query(ONE), sync()), q("B", ONE), x("A", *extended(UP)[:-1], query("SELECT 1/0"), sync()), q("B", ONE), x("A", *extended(UP)[:-1], query("ROLLBACK"), sync()), q("B", ONE),
        x("A", parse("", ONE), query(ONE), bind(), execute(), sync()), x("A", parse("s", ONE), query(ONE), bind("", "s"), execute(), sync())),
    raw("implicit_transactions", (42, 59, 99), warm_x("A", *extended(ONE)), x("A", *extended(UP)[:-1], *extended(ONE)[:-1], *extended(UP)[:-1], *extended(ONE)), q("B", ONE), x("A", *extended(UP)[:-1], *extended("COMMIT")[:-1], *extended("SELECT 1/0")), q("B", ONE), x("A", *extended(UP)[:-1], *extended("ROLLBACK")), q("B", ONE),
        x("A", *extended("BEGIN")[:-1], *extended(UP)[:-1], *extended("COMMIT")[:-1], *extended(ONE)), x("A", *extended(UP)[:-1], *extended("BEGIN")[:-1], *extended(UP)), q("B", ONE), x("A", *extended("COMMIT")), q("B", ONE), x("A", *extended(UP)[:-1], *extended("VACUUM t")), q("B", ONE), x("A", *extended("SAVEPOINT s")), x("A", *extended("SET LOCAL datestyle = 'German'")[:-1], *extended("SELECT date '2024-02-03', id FROM t")),
        x("A", *extended("SELECT date '2024-02-03', id FROM t"))),
    raw("write_executed_and_not_yet_synced", (99, 112), warm("A", ONE), x("B", *extended(UP)[:-1], flush()), q("A", ONE), q("A", ONE), x("B", parse("", ONE), bind(), execute(), flush()), q("A", ONE), x("B", sync()), q("A", ONE), q("A", ONE), warm("A", ONE), x("B", *extended(UP)[:-1], flush()), q("A", ONE), x("B", *extended("SELECT 1/0")[:-1], flush()),
        q("A", ONE), x("B", sync()), q("A", ONE), q("B", ONE)),
    raw("long_pipelines", (30, 113), warm_x("A", *extended(ONE)), x("A", *(query(ONE) for _ in range(5))), x("A", *(query(ONE if i % 3 else ALL) for i in range(50))), x("A", *(m for i in range(50) for m in extended(BY_ID, i % 4))), x("A", *(m for i in range(50) for m in extended(BY_ID, i % 4)[:-1]), sync()),
        x("A", *(m for i in range(30) for m in ((query(UP),) if i % 5 == 0 else extended(ONE)))), q("B", ONE)),
    raw("both_directions_full", (21, 108), x("A", *(m for i in range(300) for m in extended("SELECT repeat($1, 200), n FROM t WHERE id = 1", str(i % 3) * 100)), sync()), x("A", *(query(f"SELECT repeat('x', 200000), {i % 3}::int, n FROM t WHERE id = 1") for i in range(40)))),
    raw("flush_like_drivers_do", (26, 110), *(step for n in ("1", "2", "1", "1") for step in (
        x("A", parse("", BY_ID), describe_statement(), flush()), x("A", bind("", "", (n,), (), (0, 0)), execute(), close_portal(), sync()), x("A", parse("st", BY_ID), describe_statement("st"), sync()), x("A", bind("", "st", (n,)), execute(), sync()), x("A", bind("", "st", (n,), (), (1, 1)), execute(), close_portal(), flush()), x("A", sync()), x("A", close_statement("st"), sync())))),
)

MANY_PARAMETERS = "SELECT count(*) FROM t WHERE id IN (" + ", ".join(f"${i}" for i in range(1, 2001)) + ")"
SHAPES = (
    raw("empty_queries", (116, 39), *(q("A", text) for text in ("", " ", ";", ";;", "-- x", "/* x */", "; SELECT 1;;", "SELECT 1; ; SELECT 2")), *(x("A", *extended(text)) for text in ("", ";", "-- x", " ")), x("A", parse("e", ""), describe_statement("e"), bind("", "e"), execute(), sync()), x("A", bind("", "e"), execute(), sync()), warm("A", ONE), q("A", "BEGIN"), q("A", ""),
        q("A", "SELECT 1/0"), q("A", ""), x("A", *extended("")), q("A", ";"), q("A", "ROLLBACK")),
    raw("multi_statement_strings", (41, 59), *(q("A", text) for text in ("SELECT 1; SELECT 2", ONE + "; " + UP + "; " + ONE, "SELECT 1; " + UP + "; SELECT 1/0; SELECT 3", ONE, "BEGIN; " + UP + "; COMMIT; " + ONE, "BEGIN; " + UP, ONE, "COMMIT; SELECT 1/0; SELECT 2", ONE, UP + "; COMMIT; " + UP + "; SELECT 1/0", ONE, "SET datestyle = 'German'; SELECT date '2024-02-03'",
        "SELECT date '2024-02-03', id FROM t", "BEGIN; SET datestyle = 'SQL'; ROLLBACK; SHOW datestyle", "SELECT date '2024-02-03', id FROM t", "CREATE TEMP TABLE x (a int); INSERT INTO x VALUES (1) RETURNING a; DROP TABLE x", "DISCARD TEMP; SELECT 1", "VACUUM t; SELECT 1", "SAVEPOINT x; SELECT 1"))),
    raw("shapes_of_results", (118,), *(warm("A", text) for text in ("SELECT FROM t", "SELECT NULL, '', 0 FROM t WHERE id = 1", "SELECT id FROM t WHERE false", "SELECT FROM t WHERE false", "SELECT v AS \"Ä ö\", v AS v, n AS v FROM t", "SELECT count(*) FROM t", "TABLE t", "SELECT " + ", ".join(f"n + {i} AS c{i}" for i in range(1600)) + " FROM t WHERE id = 1",
        "SELECT ARRAY[n, id], ROW(n, v), '{\"a\": 1}'::jsonb, 'x'::name, '\\x00'::bytea, 1.50::numeric, true, '1 day'::interval FROM t WHERE id = 1", "SELECT t FROM t ORDER BY id", "SELECT n::text COLLATE \"C\" FROM t ORDER BY id")), *(q("A", text) for text in ("INSERT INTO t VALUES (4, 1, ''), (5, 2, NULL)", "UPDATE t SET n = n WHERE false", "DELETE FROM t WHERE id > 3", "SELECT * FROM t WHERE id > 3", "FETCH 1 FROM none",
        "CREATE TABLE x AS SELECT * FROM t", "SELECT * INTO y FROM t", "TABLE y", "MOVE none", "DROP TABLE x, y"))),
    raw("many_parameters", (38,), warm_x("A", *extended(MANY_PARAMETERS, *range(2000))), x("A", *extended(MANY_PARAMETERS, *range(1, 2001))), x("A", parse("", MANY_PARAMETERS), bind("", "", [int4(i) for i in range(2000)], (1,)), execute(), sync()), x("A", parse("", MANY_PARAMETERS), bind("", "", [int4(i) if i % 2 else str(i) for i in range(2000)], [i % 2 for i in range(2000)]), execute(), sync()),
        x("A", parse("", MANY_PARAMETERS), describe_statement(), sync())),
    raw("large_messages", (19, 115, 118), *(warm("A", f"SELECT repeat('{c}', {size}), n FROM t WHERE id = 1") for c in "ab" for size in (8180, 65530, 300000)), *(x("A", query(f"SELECT repeat('c', {size}), n FROM t WHERE id = 1")) for size in (8191, 16384, 65536, 1 << 20, 5 << 20, 5 << 20)), x("A", *extended("SELECT length($1), n FROM t WHERE id = 1", "x" * (4 << 20))),
        x("A", *extended("UPDATE t SET v = $1 WHERE id = 2", "y" * (4 << 20))), *(x("A", *extended("SELECT v FROM t WHERE id = 2")),) * 3, x("A", query("SELECT length('" + "z" * (2 << 20) + "'), n FROM t WHERE id = 1")), x("A", query("SELECT i, repeat('r', 1000) FROM generate_series(1, 3000) i")), q("B", "UPDATE t SET v = 'small' WHERE id = 2"), *(x("A", *extended("SELECT v FROM t WHERE id = 2")),) * 2, warm("A", ONE)),
    raw("notices_in_results", (115, 22), q("A", "CREATE FUNCTION loud(int) RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RAISE NOTICE 'at %', $1; RETURN $1; END$$"), *(q("A", "SELECT loud(id) FROM t ORDER BY id"),) * 3, *(x("A", *extended("SELECT loud(id), n FROM t ORDER BY id")),) * 3, q("A", "DO $$BEGIN RAISE WARNING 'w'; RAISE INFO 'i'; END$$"), q("A", "DROP TABLE IF EXISTS nothing"), q("A", "COMMIT"),
        q("A", "SET client_min_messages = error"), *(q("A", "SELECT loud(id) FROM t ORDER BY id"),) * 2, q("A", "BEGIN"), q("A", "BEGIN"), q("A", "ROLLBACK")),
    raw("errors_are_not_kept", (115,), *(q("A", "SELECT 100 / (n - 10) FROM t ORDER BY id"),) * 3, q("B", "UPDATE t SET n = 11 WHERE id = 1"), *(q("A", "SELECT 100 / (n - 10) FROM t ORDER BY id"),) * 3, q("B", "UPDATE t SET n = 10 WHERE id = 3"), *(q("A", "SELECT 100 / (n - 10) FROM t ORDER BY id"),) * 2, *(x("A", *extended("SELECT v::int FROM t WHERE id = $1", "1")),) * 3, *(q("A", "SELECT n FROM t WHERE id = 1/0"),) * 2,
        warm("A", ONE)),
    raw("rows_are_not_doubled", (111,), *(warm_x("A", query(f"SELECT id, n, v FROM t WHERE id <= {i}")) for i in (3, 1, 2)), x("A", *(query(f"SELECT id, n, v FROM t WHERE id <= {i}") for i in (1, 2, 3, 1, 3, 2)))),
    raw("prepared_and_session_state", (114, 117), open_as("A", application_name="first", DateStyle="German"), warm("A", ONE), open_as("B", application_name="second", TimeZone="UTC"), *(q("B", ONE),) * 2, q("B", "SET application_name = 'third'"), q("B", ONE), q("B", "BEGIN"), q("B", ONE), q("A", ONE), q("B", "SELECT 1/0"), q("B", ONE), q("A", ONE), q("B", "ROLLBACK"), q("B", ONE), q("A", "SHOW application_name"),
        q("B", "SHOW application_name"), q("A", "SET DateStyle = 'ISO'"), q("A", "RESET DateStyle"), q("A", "SET bad_name = 1"), q("A", "SET work_mem = 'x'"), q("A", ONE), q("A", "SET a.b = 'c'"), q("A", "SHOW a.b"), q("A", "SHOW ALL"), x("A", parse("", "SET TimeZone = 'Asia/Tokyo'"), bind(), execute(), sync()), q("A", "SHOW TimeZone")),
)

COPIES = (
    raw("copy_in", (58, 59), warm("A", ALL), x("B", query("COPY t FROM STDIN"), copy_data(b"4\t40\tfour\n5\t"), copy_data(b"50\tfive\n"), copy_done()), q("A", ALL), warm("A", ALL), x("B", query("COPY t FROM STDIN"), copy_data(b"6\t60\tx\n"), copy_fail("no")), q("A", ALL), x("B", query("COPY t FROM STDIN"), copy_data(b"bad\n"), copy_data(b"7\t70\tx\n"), copy_done()), q("B", ONE), q("A", ALL),
        x("B", query("COPY t FROM STDIN"), copy_data(b"1\t1\ttwin\n"), copy_done()), q("B", ONE), x("B", query("COPY t FROM STDIN"), *(copy_data(b"%d\t1\tx\n" % i) for i in range(100, 1100)), copy_done()), q("A", "SELECT count(*), sum(n) FROM t"), x("B", query("COPY nothing FROM STDIN")), x("B", query("COPY t FROM STDIN; SELECT 5"), copy_data(b"8\t80\tx\n"), copy_done()), q("A", "SELECT count(*), sum(n) FROM t"),
        x("B", query("COPY t FROM STDIN"), copy_data(b"\\.\n"), copy_done()), x("B", query("COPY t FROM STDIN"), copy_done()), x("B", query("COPY t (id) FROM STDIN BINARY"), copy_data(b"PGCOPY\n\xff\r\n\0" + bytes(8)), copy_data(struct.pack("!hii", 1, 4, 9999)), copy_data(struct.pack("!h", -1)), copy_done()), q("A", "SELECT count(*), sum(n) FROM t")),
    raw("copy_in_extended", (58,), warm("A", ALL), x("B", parse("", "COPY t FROM STDIN"), bind(), describe_portal(), execute(), copy_data(b"4\t40\tfour\n"), copy_done(), sync()), q("A", ALL), x("B", parse("c", "COPY t FROM STDIN"), sync()), x("B", bind("", "c"), execute(), copy_data(b"5\t50\tfive\n"), copy_done(), sync()), q("A", ALL), x("B", bind("", "c"), execute(), copy_data(b"6\t6\tx\n"), copy_fail("no"), sync()), q("A", ALL),
        x("B", bind("", "c"), execute(), flush(), copy_data(b"7\t70\tx\n"), sync(), copy_done(), sync(), ready=1), q("A", ALL), x("B", bind("", "c"), execute(), copy_data(b"bad\n"), copy_done(), sync()), q("B", ONE), q("B", "BEGIN"), x("B", bind("", "c"), execute(), copy_data(b"9\t90\tx\n"), copy_done(), sync()), q("A", ALL), q("B", "COMMIT"), q("A", ALL)),
    raw("copy_out", (58, 32), *(x("A", query("COPY (SELECT * FROM t ORDER BY id) TO STDOUT")),) * 3, x("A", query("COPY t TO STDOUT (FORMAT csv, HEADER)")), x("A", query("COPY t TO STDOUT BINARY")), q("B", UP), x("A", query("COPY (SELECT * FROM t ORDER BY id) TO STDOUT")), x("A", *extended("COPY (SELECT * FROM t ORDER BY id) TO STDOUT")), x("A", parse("", "COPY t TO STDOUT"), bind(), execute(), flush(), sync()),
        x("A", query("COPY (SELECT 1 / (id - 2) FROM t ORDER BY id) TO STDOUT")), x("A", query("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 2000)) TO STDOUT")), q("A", ONE)),
    raw("copy_messages_out_of_place", (58, 32), x("A", copy_data(b"stray"), copy_done(), copy_fail("x"), query(ONE)), x("A", query(ONE), copy_data(b"stray"), query(ONE)), q("A", ONE), x("A", query("COPY t FROM STDIN"), query(ONE), ready=UNTIL_CLOSED), q("B", ONE)),
)

OTHER = (
    raw("function_calls", (40,), x("A", function_call(177, (int4(2), int4(3)))), x("A", function_call(177, (b"2", b"3"), (0,), 0)), x("A", function_call(177, (b"2", None), (0,), 0)), x("A", function_call(177, (int4(2147483647), int4(1)))), x("A", function_call(4294967, ())), x("A", function_call(177, (b"2",), (0,), 0)), q("A", "BEGIN"), x("A", function_call(177, (int4(2), int4(3)))), x("A", function_call(1576, (int4(5), int4(0)), (1,))),
        q("A", ONE), q("A", "SELECT 1/0"), x("A", function_call(177, (int4(2), int4(3)))), q("A", "ROLLBACK"), warm("A", ONE), x("A", query(ONE), function_call(177, (int4(2), int4(3))), query(ONE)), x("A", *extended(ONE)[:-1], function_call(177, (int4(2), int4(3))), sync())),
    raw("function_call_that_writes", (40, 31), warm("A", ONE), q("B", "UPDATE t SET n = n WHERE id = 1"), warm("A", ONE), x("B", function_call(1365, (b"t",), (0,), 0)), q("A", ONE)),
    raw("notifications", (57, 63), q("A", "LISTEN a"), q("B", "NOTIFY a, 'one'"), await_kind("A", b"A"), q("B", "BEGIN"), q("B", "NOTIFY a, 'rolled back'"), q("B", "ROLLBACK"), q("B", "BEGIN"), q("B", "NOTIFY a, 'two'"), q("B", "NOTIFY a, 'three'"), q("B", "NOTIFY a, 'two'"), q("A", ONE), q("B", "COMMIT"), await_kind("A", b"A"), await_kind("A", b"A"), q("B", "SELECT pg_notify('a', 'four')"), await_kind("A", b"A"), q("A", "NOTIFY a, 'to myself'"),
        q("A", "UNLISTEN a"), q("B", "NOTIFY a, 'nobody'"), q("A", ONE), q("A", "BEGIN"), q("A", "LISTEN b"), q("A", "ROLLBACK"), q("B", "NOTIFY b"), q("A", ONE), q("A", "LISTEN c"), q("A", "SELECT pg_listening_channels()"), q("A", "UNLISTEN *"), q("A", "SELECT pg_listening_channels()"), x("A", *extended("LISTEN d")), x("A", *extended("NOTIFY d, 'own'")), q("A", "DISCARD ALL"), q("A", "SELECT pg_listening_channels()")),
    raw("cancel_requests", (66, 62), warm("A", ONE), cancel("A"), q("A", ONE), send("A", sql="SELECT pg_sleep(300)"), wait_asleep(), cancel("A"), receive("A"), q("A", ONE), send("A", *extended("SELECT pg_sleep(300)")), wait_asleep(), cancel("A"), receive("A"), q("A", ONE), q("A", "BEGIN"), q("A", UP), send("A", sql="SELECT pg_sleep(300)"), wait_asleep(), cancel("A"), receive("A"), q("A", ONE),
        q("A", "ROLLBACK"), q("A", ONE), q("B", "BEGIN"), q("B", UP), send("A", sql=UP), wait_blocked(), cancel("A"), receive("A"), q("B", "COMMIT"), q("A", ONE), send("A", query("SELECT pg_sleep(300)"), query(ONE)), wait_asleep(), cancel("A"), receive("A", ready=2)),
    raw("terminate", (112, 29), warm("A", ONE), x("A", parse("half", ONE), wire.terminate()), x("B", *extended(UP)[:-1], wire.terminate()), q("C", ONE), x("D", query("BEGIN"), query(UP), wire.terminate()), q("C", ONE), x("E", query(UP), wire.terminate()), q("C", ONE)),
    raw("unknown_frontend_messages", (18,), *(x(chr(65 + i), query(ONE), bad, ready=UNTIL_CLOSED) for i, bad in enumerate((message(b"T", b"x"), message(b"Z", b"I"), message(b"\0"), message(b"~", b"abc"), message(b"1")))), q("Z", ONE)),
    raw("broken_frontend_messages", (17,), *(x(chr(65 + i), bad, sync()) for i, bad in enumerate((message(b"P", b"no end"), message(b"B", b"\0\0\0"), message(b"D", b"x\0"), message(b"E", b"\0\0"), message(b"C", b"Q\0"), message(b"P", b"\0SELECT 1\0\0\5"), message(b"B", b"\0\0\0\1\0\0\0\1\0\0\0\5"), message(b"D", b"Sabc")))), q("Z", ONE)),
    Script("statements_in_many_forms", cases=(107, 117), setup=T, steps=tuple(step for text, values in ((BY_ID, (1,)), (BY_ID, (2,)), ("SELECT v FROM t WHERE n = $1 AND v = $2", (10, "one")), (ALL, ()), ("SELECT $1::text, n FROM t WHERE id = 1", (None,)), ("SELECT n FROM t WHERE id = $1", (-1,))) for step in (
        warm("A", text, *values), sql("B", text, *values), sql("A", UP), sql("A", text, *values), sql("B", text, *values)))),
    Script("utilities", cases=(61, 90), setup=T, steps=tuple(step for text in ("SHOW server_version_num", "EXPLAIN (COSTS OFF) SELECT n FROM t WHERE id = 1", "CHECKPOINT", "LOAD 'plpgsql'", "RESET ALL", "LOCK TABLE t", "COMMENT ON TABLE t IS 'x'", "ANALYZE t", "DISCARD SEQUENCES", "SET CONSTRAINTS ALL DEFERRED", "SECURITY LABEL ON TABLE t IS 'x'", "ALTER SYSTEM RESET nothing.at_all",
                                                                               "GRANT SELECT ON t TO PUBLIC", "REASSIGN OWNED BY none TO none", "CREATE STATISTICS s ON id, n FROM t", "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z") for step in (sql("A", text), warm("A", ONE)))),
)

SCRIPTS = (HIT_SHAPES, *PORTALS, *PIPELINES, *SHAPES, *COPIES, *OTHER)
Protocol = test_case(SCRIPTS, "larder_protocol", byte_by_byte=True)

if __name__ == "__main__":
    unittest.main()
