#!/usr/bin/python3
"""Blocks, isolation levels, savepoints, two-phase commit and the moments between a write and its commit."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.differential import test_case  # noqa: E402
from support.script import Script, cancel, close, cold, open_as, q, receive, send, sql, wait_active, wait_blocked, warm, warm_x, x  # noqa: E402

T = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')", "CREATE TABLE u (id int PRIMARY KEY, m int)", "INSERT INTO u VALUES (1, 100)")
ONE, SUM, OTHER = "SELECT n FROM t WHERE id = 1", "SELECT sum(n) FROM t", "SELECT m FROM u WHERE id = 1"
UP = "UPDATE t SET n = n + 1 WHERE id = 1"


def reads(who):
    return tuple(sql(who, text) for text in (ONE, SUM, OTHER))


def warm_reads(who="A"):
    return tuple(warm(who, text) for text in (ONE, SUM, OTHER))


VISIBILITY = (
    Script("own_write_then_rollback", cases=(78, 79), setup=T, steps=(
        *warm_reads(), sql("B", "BEGIN"), *reads("B"), sql("B", UP), *reads("B"), *reads("B"), *reads("A"), *reads("A"), sql("B", "ROLLBACK"), *reads("B"), *reads("A"), *warm_reads("B"), sql("B", "BEGIN"), sql("B", UP), *reads("B"), sql("B", "COMMIT"),
        *reads("A"), *reads("B"))),
    Script("block_reads_then_another_commits", cases=(80,), setup=T, steps=(
        sql("A", "BEGIN"), *reads("A"), sql("B", UP), *reads("A"), *reads("B"), sql("B", UP), sql("A", "COMMIT"), *reads("A"), *reads("B"), *warm_reads("B"), sql("A", "BEGIN"), *reads("A"), *reads("A"), sql("B", UP), *reads("A"), sql("A", "COMMIT"), *reads("B"))),
    Script("block_that_writes_late", cases=(80, 91), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN"), *reads("A"), sql("A", "UPDATE u SET m = m + 1"), *reads("A"), sql("B", UP), *reads("A"), *reads("B"), sql("A", UP), *reads("A"), *reads("B"), sql("A", "COMMIT"), *reads("B"), *reads("A"))),
    Script("slow_read_over_a_commit", cases=(81,), forms=("simple", "prepared"), setup=(*T, "CREATE TABLE wide AS SELECT generate_series(1, 2500) AS i"), steps=(
        send("A", wire.query("SELECT n, (SELECT count(*) FROM wide a, wide b WHERE a.i + b.i > 0) FROM t WHERE id = 1")), wait_active("FROM wide a, wide b"), sql("B", UP), receive("A", shape_only=True),
        sql("A", "SELECT n, (SELECT count(*) FROM wide a, wide b WHERE a.i + b.i > 0) FROM t WHERE id = 1"))),
    Script("blocked_writer", cases=(81, 96), setup=T, steps=(
        *warm_reads(), sql("C", "BEGIN"), sql("C", UP), send("B", sql=UP), wait_blocked(), *reads("A"), *warm_reads("A")[:0], *reads("A"), sql("C", "COMMIT"), receive("B"), *reads("A"), *reads("A"), *reads("C"))),
    Script("commit_that_waits_for_a_deferred_check", cases=(96,), setup=(
        *T, "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock(4242); RETURN NULL; END$$",
        "CREATE CONSTRAINT TRIGGER pause AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pause()"), steps=(
        *warm_reads(), sql("C", "SELECT pg_advisory_lock(4242)"), sql("B", "BEGIN"), sql("B", UP), *reads("A"), send("B", sql="COMMIT"), wait_blocked(), *reads("A"), *reads("A"), sql("C", "SELECT pg_advisory_unlock(4242)"), receive("B"), *reads("A"),
        *reads("A"), *warm_reads(), sql("C", "SELECT pg_advisory_lock(4242)"), send("B", sql=UP), wait_blocked(), *reads("A"), *reads("A"), cancel("B"), receive("B"), *reads("A"), sql("C", "SELECT pg_advisory_unlock(4242)"), *reads("A"))),
    Script("write_then_other_statements_in_the_block", cases=(90, 91), setup=T, steps=(
        *warm_reads(), sql("B", "BEGIN"), sql("B", UP), sql("B", "SET LOCAL work_mem = '1MB'"), sql("B", "SELECT 1"), sql("B", "SHOW work_mem"), sql("B", "CREATE TEMP TABLE x ()"), sql("B", "SAVEPOINT s"), sql("B", "RELEASE s"), *reads("B"), sql("B", "LISTEN a"),
        sql("B", "COMMIT"), *reads("A"), *reads("B"))),
)


def isolated(name, *begins):
    steps = []
    for begin in begins:
        steps += [*warm_reads(), *((sql("A", begin),) if isinstance(begin, str) else begin), sql("A", ONE), sql("B", UP), sql("B", "UPDATE u SET m = m + 1"), *reads("A"), *reads("A"), *reads("B"), sql("A", "COMMIT"), *reads("A"), sql("A", "RESET ALL")]
    return Script(name, cases=(82, 83, 94), setup=T, steps=tuple(steps))


ISOLATION = (
    isolated("repeatable_read", "BEGIN ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
    isolated("serializable", "BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE", "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY"),
    isolated("read_committed", "BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN READ ONLY", "BEGIN READ WRITE", "BEGIN ISOLATION LEVEL READ UNCOMMITTED", "BEGIN NOT DEFERRABLE", "BEGIN WORK", "START TRANSACTION", "begin transaction"),
    isolated("set_transaction", (sql("A", "BEGIN"), sql("A", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")), (sql("A", "BEGIN"), sql("A", "SET LOCAL transaction_isolation = 'serializable'")),
             (sql("A", "BEGIN"), sql("A", "SELECT set_config('transaction_isolation', 'repeatable read', true)")), (q("A", "BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"),)),
    isolated("default_isolation", (sql("A", "SET default_transaction_isolation = 'repeatable read'"), sql("A", "BEGIN")), (sql("A", "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"), sql("A", "BEGIN")),
             (sql("A", "SET default_transaction_isolation TO serializable"), sql("A", "BEGIN READ ONLY")), (sql("A", "SELECT set_config('default_transaction_isolation', 'repeatable read', false)"), sql("A", "BEGIN"))),
    Script("default_isolation_of_single_statements", cases=(83,), setup=T, steps=(
        *warm_reads(), sql("A", "SET default_transaction_isolation = 'serializable'"), *(cold("A", t) for t in (ONE, SUM)), sql("B", UP), *reads("A"), sql("A", "SHOW transaction_isolation"), sql("A", "RESET default_transaction_isolation"), *warm_reads(),
        open_as("D", options="-c default_transaction_isolation=serializable"), *(cold("D", t) for t in (ONE, SUM)), open_as("E", default_transaction_read_only="on"), *reads("E"), sql("E", UP), *reads("E"), sql("E", "SHOW transaction_read_only"))),
    Script("isolation_set_after_a_hit", cases=(82, 95), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN"), sql("A", ONE), sql("A", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), sql("A", ONE), sql("A", "ROLLBACK"), sql("A", "BEGIN"), sql("A", ONE), sql("A", "SET LOCAL transaction_isolation = 'repeatable read'"), sql("A", "COMMIT"),
        sql("A", "BEGIN"), sql("A", ONE), sql("A", "SELECT set_config('transaction_isolation', 'serializable', true)"), sql("A", "ROLLBACK"), sql("A", "BEGIN"), sql("A", ONE), sql("A", "SET TRANSACTION READ ONLY"), sql("A", UP), sql("A", "ROLLBACK"),
        sql("A", "BEGIN READ ONLY"), sql("A", ONE), sql("A", "SET TRANSACTION READ WRITE"), sql("A", "ROLLBACK"), sql("A", "BEGIN"), sql("A", ONE), q("A", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"), sql("A", "ROLLBACK"), sql("A", "BEGIN"), sql("A", ONE),
        sql("A", "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'"), sql("A", "ROLLBACK"), *reads("A"))),
    Script("exported_snapshot", cases=(93,), setup=T, steps=(
        *warm_reads(), sql("B", "BEGIN ISOLATION LEVEL REPEATABLE READ"), sql("B", "SELECT length(pg_export_snapshot()) > 5"), sql("A", UP), *reads("B"), *reads("A"), sql("B", "COMMIT"), *reads("B"))),
    Script("serialization_failure", cases=(82,), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN ISOLATION LEVEL SERIALIZABLE"), sql("C", "BEGIN ISOLATION LEVEL SERIALIZABLE"), sql("A", SUM), sql("C", SUM), sql("A", "UPDATE t SET n = 0 WHERE id = 2"), sql("C", "UPDATE t SET n = 0 WHERE id = 3"), sql("A", "COMMIT"), sql("C", "COMMIT"),
        *reads("A"), *reads("B"), sql("C", "ROLLBACK"), *reads("C"))),
)

BLOCKS = (
    Script("savepoints", cases=(84,), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN"), sql("A", ONE), sql("A", "SAVEPOINT s"), sql("A", UP), *reads("A"), sql("A", "ROLLBACK TO s"), *reads("A"), sql("B", "UPDATE u SET m = m + 1"), *reads("A"), sql("A", "COMMIT"), *reads("A"), *reads("B"), *warm_reads("B"), sql("A", "BEGIN"),
        sql("A", "SAVEPOINT s"), sql("A", UP), sql("A", "RELEASE SAVEPOINT s"), *reads("B"), *reads("A"), sql("A", "COMMIT"), *reads("B"), *reads("A"), *warm_reads(), sql("A", "BEGIN"), sql("A", UP), sql("A", "SAVEPOINT s"), sql("A", "SELECT 1/0"), *reads("A"),
        sql("A", "ROLLBACK TO SAVEPOINT s"), *reads("A"), sql("A", "COMMIT"), *reads("B"), sql("A", "SAVEPOINT outside"), sql("A", "ROLLBACK TO outside"), sql("A", "RELEASE outside"))),
    Script("two_phase_commit", cases=(85,), setup=T, steps=(
        *warm_reads(), sql("B", "BEGIN"), sql("B", UP), sql("B", "PREPARE TRANSACTION 'x'"), *reads("A"), *reads("B"), sql("C", "COMMIT PREPARED 'x'"), *reads("A"), *reads("B"), *warm_reads(), sql("B", "BEGIN"), sql("B", UP), sql("B", "PREPARE TRANSACTION 'x'"), close("B"), *reads("A"),
        sql("C", "ROLLBACK PREPARED 'x'"), *reads("A"), *warm_reads(), sql("C", "COMMIT PREPARED 'none'"), *reads("A"), sql("C", "BEGIN"), sql("C", "DELETE FROM t WHERE id = 1"), sql("C", "PREPARE TRANSACTION 'y'"), *warm_reads(), sql("C", "COMMIT PREPARED 'y'"), *reads("A"), *reads("A")),
        teardown=()),
    Script("commit_that_rolls_back", cases=(86, 89), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN"), sql("A", UP), sql("A", "SELECT 1/0"), *reads("A"), sql("A", "COMMIT"), *reads("A"), *reads("B"), *warm_reads(), sql("A", "BEGIN"), sql("A", "nonsense"), *reads("A"), sql("A", "ROLLBACK"), *reads("A"), sql("A", "BEGIN"), sql("A", ONE), sql("A", "SELECT * FROM nothing"),
        sql("A", ONE), sql("A", ""), sql("A", "BEGIN"), sql("A", "END"), sql("A", ONE), sql("A", "COMMIT"), sql("A", "ROLLBACK"), *reads("A"))),
    Script("chains", cases=(86,), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN ISOLATION LEVEL REPEATABLE READ"), sql("A", ONE), sql("A", "COMMIT AND CHAIN"), sql("A", ONE), sql("B", UP), *reads("A"), sql("A", "ROLLBACK AND CHAIN"), *reads("A"), sql("A", "SHOW transaction_isolation"), sql("A", "COMMIT AND NO CHAIN"), *reads("A"),
        sql("A", "COMMIT AND CHAIN"), sql("A", "BEGIN"), sql("A", ONE), sql("A", "COMMIT AND CHAIN"), sql("A", UP), sql("A", "END"), *reads("B"), sql("A", "ABORT"), q("A", "BEGIN; SELECT 1/0; COMMIT AND CHAIN"), sql("A", ONE), sql("A", "ROLLBACK AND CHAIN"), sql("A", ONE), sql("A", "ROLLBACK"))),
    Script("write_that_is_cancelled", cases=(88,), setup=T, steps=(
        *warm_reads(), sql("C", "BEGIN"), sql("C", UP), send("B", sql=UP), wait_blocked(), cancel("B"), receive("B"), *reads("A"), *reads("B"), sql("C", "COMMIT"), *reads("A"), *warm_reads(), sql("B", "SET statement_timeout = '40ms'"), sql("C", "BEGIN"), sql("C", UP), sql("B", UP), *reads("A"),
        sql("C", "ROLLBACK"), *reads("A"), sql("B", "RESET statement_timeout"), sql("B", UP), *reads("A"))),
    Script("writer_that_leaves", cases=(87,), setup=T, steps=(
        *warm_reads(), sql("B", "BEGIN"), sql("B", UP), close("B"), *reads("A"), *warm_reads(), sql("C", UP), close("C"), *reads("A"), *warm_reads())),
    Script("deferred_begin", cases=(95,), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN"), sql("A", "ROLLBACK"), sql("A", "BEGIN"), sql("A", "COMMIT"), sql("A", "BEGIN"), sql("A", ONE), sql("A", ONE), sql("A", "COMMIT"), sql("A", "BEGIN"), sql("A", "BEGIN"), sql("A", "COMMIT"), sql("A", "COMMIT"), sql("A", "BEGIN"), sql("A", "SELECT 1/0"), sql("A", "ROLLBACK"),
        sql("A", "BEGIN"), sql("A", ""), sql("A", "COMMIT"), q("A", "BEGIN; SELECT n FROM t WHERE id = 1"), sql("A", ONE), q("A", "COMMIT; SELECT 2"), sql("A", "BEGIN"), sql("A", "SHOW transaction_isolation"), sql("A", "END"), sql("A", "BEGIN"), sql("A", "SELECT now() = transaction_timestamp()"),
        sql("A", "END"), q("A", "BEGIN;"), sql("A", ONE), q("A", "  ; COMMIT ;"), sql("A", "BEGIN"), sql("A", "DISCARD ALL"), sql("A", "ROLLBACK"), sql("A", "BEGIN"), sql("A", "VACUUM t"), sql("A", "ROLLBACK"), sql("A", "BEGIN"), sql("A", ONE), sql("A", "LOCK TABLE t"), sql("A", "ROLLBACK"))),
    Script("begin_in_the_extended_form", cases=(95,), setup=T, forms=("simple",), steps=(
        warm_x("A", wire.parse("", ONE), wire.bind(), wire.execute(), wire.sync()), x("A", wire.parse("b", "BEGIN"), wire.bind("", "b"), wire.execute(), wire.sync()), x("A", wire.parse("", ONE), wire.bind(), wire.describe_portal(), wire.execute(), wire.sync()),
        x("A", wire.parse("c", "COMMIT"), wire.describe_statement("c"), wire.bind("", "c"), wire.describe_portal(), wire.execute(), wire.sync()), x("A", wire.bind("", "b"), wire.execute(), wire.parse("", ONE), wire.bind(), wire.execute(), wire.bind("", "c"), wire.execute(), wire.sync()),
        x("A", wire.bind("", "b"), wire.execute(), wire.sync(), wire.parse("", UP), wire.bind(), wire.execute(), wire.sync(), wire.bind("", "c"), wire.execute(), wire.sync()), q("B", ONE), x("A", wire.query("BEGIN"), wire.query(ONE), wire.query("COMMIT")), x("A", wire.query("BEGIN"), wire.query(UP), wire.query("ROLLBACK")), q("B", ONE),
        x("A", wire.bind("", "b"), wire.execute(), wire.flush()), x("A", wire.parse("", ONE), wire.bind(), wire.execute(), wire.flush()), x("A", wire.bind("", "c"), wire.execute(), wire.sync()), x("A", wire.bind("", "b", (1,)), wire.sync()), q("A", ONE))),
    Script("synchronous_commit_off", cases=(92,), setup=T, steps=(*warm_reads(), sql("B", "SET synchronous_commit = off"), sql("B", UP), *reads("A"), *warm_reads(), sql("B", "BEGIN"), sql("B", UP), sql("B", "COMMIT"), *reads("A"))),
    Script("held_cursors", cases=(119,), setup=T, steps=(
        *warm_reads(), sql("A", "BEGIN"), sql("A", "DECLARE c CURSOR WITH HOLD FOR SELECT n FROM t ORDER BY id"), sql("A", "FETCH 1 FROM c"), sql("A", "COMMIT"), sql("B", UP), sql("A", "FETCH 1 FROM c"), sql("A", "FETCH ALL FROM c"), *reads("A"), sql("A", "CLOSE c"), sql("A", "FETCH c"),
        sql("A", "BEGIN"), sql("A", "DECLARE d SCROLL CURSOR FOR SELECT n FROM t ORDER BY id"), sql("A", "FETCH LAST FROM d"), sql("B", UP), sql("A", "FETCH FIRST FROM d"), sql("A", "MOVE 1 FROM d"), *reads("A"), sql("A", "COMMIT"), *reads("A"))),
    Script("own_write_then_own_read", cases=(99,), setup=T, steps=tuple(step for _ in range(4) for step in (warm("A", ONE), sql("A", UP), sql("A", ONE), sql("B", ONE), warm("B", ONE), sql("B", "UPDATE t SET n = n + 1"), sql("B", ONE), sql("A", ONE)))),
)

SCRIPTS = (*VISIBILITY, *ISOLATION, *BLOCKS)
Transactions = test_case(SCRIPTS, "larder_transactions", byte_by_byte=True)

if __name__ == "__main__":
    unittest.main()
