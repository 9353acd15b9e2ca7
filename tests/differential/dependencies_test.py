#!/usr/bin/python3
"""What a read depends on, in every shape of a query, with keys of every type, and writes by COPY, pipelines and prepared statements."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.differential import test_case  # noqa: E402
from support.script import Script, q, sql, warm, warm_x, x  # noqa: E402

T = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')")
READS = ("SELECT sum(n), count(*) FROM t", "SELECT id, n, v FROM t ORDER BY id", "SELECT n FROM t WHERE id = 1", "SELECT n FROM t WHERE id = 2", "SELECT n FROM t WHERE id = 7")


def own_reads(who="A"):
    return tuple(sql(who, read) for read in READS)


def warm_reads(who="A"):
    return tuple(warm(who, read) for read in READS)


TWO = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "CREATE TABLE u (id int PRIMARY KEY, t_id int, m int)", "INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')",
       "INSERT INTO u VALUES (1, 1, 100), (2, 1, 200), (3, 3, 300)")
U = "UPDATE u SET m = m + 1 WHERE id = 1"
SHAPES = (
    "SELECT t.n, u.m FROM t JOIN u ON u.t_id = t.id ORDER BY u.id", "SELECT t.id FROM t WHERE EXISTS (SELECT FROM u WHERE m > 100 AND t_id = t.id) ORDER BY 1", "SELECT id, (SELECT max(m) FROM u WHERE t_id = t.id) FROM t ORDER BY id",
    "SELECT id FROM t WHERE id IN (SELECT t_id FROM u WHERE m = 101 OR m = 102)", "WITH w AS (SELECT sum(m) AS s FROM u) SELECT t.id, s FROM t, w ORDER BY 1", "SELECT n FROM t UNION ALL SELECT m FROM u ORDER BY 1",
    "SELECT t.id, x.m FROM t CROSS JOIN LATERAL (SELECT m FROM u WHERE t_id = t.id ORDER BY m DESC LIMIT 1) x ORDER BY 1", "SELECT id FROM t ORDER BY id LIMIT (SELECT count(*) FROM u WHERE m > 100)", "SELECT * FROM t EXCEPT SELECT id, m, 'a' FROM u ORDER BY 1",
    "SELECT sum(n) FILTER (WHERE id IN (SELECT t_id FROM u WHERE m < 102)) FROM t", "SELECT string_agg(v, ',' ORDER BY (SELECT -max(m) FROM u WHERE t_id = t.id)) FROM t", "SELECT id, sum(n) OVER (ORDER BY (SELECT -min(m) FROM u WHERE t_id = t.id)) FROM t ORDER BY 1",
    "WITH t AS (SELECT m AS n FROM u) SELECT sum(n) FROM t", "WITH RECURSIVE r AS (SELECT id, m FROM u WHERE id = 1 UNION ALL SELECT u.id, r.m FROM u JOIN r ON u.id = r.id + 1) SELECT * FROM r ORDER BY id", "SELECT DISTINCT ON (t_id) t_id, m FROM u ORDER BY t_id, m",
    "SELECT CASE WHEN n > 10 THEN (SELECT min(m) FROM u) ELSE n END FROM t ORDER BY 1", "VALUES ((SELECT sum(m) FROM u))", "TABLE u ORDER BY id", "SELECT ARRAY(SELECT m FROM u ORDER BY m)", "SELECT row_to_json(u) FROM u ORDER BY id", "SELECT u FROM u ORDER BY id",
    "SELECT count(*) FROM t LEFT JOIN u ON u.t_id = t.id AND u.m > 101", "SELECT GREATEST(n, (SELECT max(m) FROM u)) FROM t WHERE id = 1", "SELECT t.id FROM t WHERE (t.id, 101) IN (SELECT t_id, m FROM u)", "SELECT m FROM (SELECT * FROM (TABLE u) a) b ORDER BY m",
    "SELECT n FROM t, (VALUES (1)) x (i) WHERE id = i AND (SELECT bool_or(m = 102) FROM u)", "SELECT coalesce((SELECT m FROM u WHERE id = 1), n) FROM t WHERE id = 2", "SELECT sum(m) FROM u GROUP BY GROUPING SETS ((t_id), ()) ORDER BY 1", "SELECT sum(m) AS s FROM u HAVING sum(m) > 0",
    "SELECT t.id FROM t NATURAL JOIN (SELECT t_id AS id FROM u WHERE m >= 101) x ORDER BY 1",
)
DEPENDENCIES = tuple(
    Script(f"dependency_{i:02}", cases=(67,), setup=TWO, forms=("simple", "prepared") if i % 2 else ("extended", "binary"), steps=(
        warm("A", shape), sql("B", U), *(sql("A", shape),) * 2, sql("B", "INSERT INTO u VALUES (9, 2, 900)"), *(sql("A", shape),) * 2, sql("B", "UPDATE t SET n = n * 2 WHERE id = 2"), *(sql("A", shape),) * 2, warm("A", shape),
        sql("B", "DELETE FROM u WHERE t_id = 1"), *(sql("A", shape),) * 2))
    for i, shape in enumerate(SHAPES, 1))

# One read has an entry and the other has none: dropping must not stop at the first that is missing.
MANY_TABLES = Script("entry_for_the_second_table_alone", cases=(64,), setup=TWO, steps=(
    warm("A", "SELECT sum(m) FROM u"), q("B", "UPDATE t SET n = 1; UPDATE u SET m = 1"), sql("A", "SELECT sum(m) FROM u"), warm("A", "SELECT sum(m) FROM u"),
    sql("B", "WITH a AS (UPDATE t SET n = 2), b AS (UPDATE u SET m = 2) SELECT 1"), sql("A", "SELECT sum(m) FROM u")))


def wide_keys():
    """Keys of every type that may be a key, and composite ones."""
    for name, kind, one, two in (("int2", "int2", "1", "2"), ("int8", "int8", "1", "9000000000"), ("uuid", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'{A0EEBC999C0B4EF8BB6D6BB9BD380A12}'"), ("bool", "bool", "true", "'off'"),
                                 ("text", "text", "'a'", "'ä'"), ("varchar", "varchar(2)", "'a'", "'b'"), ("char", "char(3)", "'a'", "'b '"), ("numeric", "numeric", "1", "1.50"), ("oid", "oid", "1", "4294967295"), ("date", "date", "'2024-01-01'", "'infinity'"),
                                 ("float", "float8", "0", "'-0.5'")):
        reads = (f"SELECT n FROM k WHERE id = {one}", f"SELECT n FROM k WHERE id = {two}", "SELECT sum(n) FROM k")
        yield Script(f"key_of_{name}", cases=(57,), setup=(f"CREATE TABLE k (id {kind} PRIMARY KEY, n int)", f"INSERT INTO k VALUES ({one}, 1), ({two}, 2)"), forms=("simple", "binary"), steps=(
            *(warm("A", r) for r in reads), sql("B", f"UPDATE k SET n = n + 10 WHERE id = {one}"), *(sql("A", r) for r in reads), *(warm("A", r) for r in reads), sql("B", f"DELETE FROM k WHERE id = {two}"), *(sql("A", r) for r in reads),
            *(sql("A", r) for r in reads), sql("B", f"INSERT INTO k VALUES ({two}, 5)"), *(sql("A", r) for r in reads), sql("B", f"INSERT INTO k VALUES ({two}, 5) ON CONFLICT (id) DO UPDATE SET n = 6"), *(sql("A", r) for r in reads),
            *(sql("A", r) for r in reads), sql("B", f"UPDATE k SET id = {two} WHERE id = {one}"), *(sql("A", r) for r in reads)))
    reads = ("SELECT n FROM k WHERE a = 1 AND b = 'x'", "SELECT n FROM k WHERE b = 'y' AND a = 1", "SELECT n FROM k WHERE a = 1 ORDER BY b", "SELECT n FROM k WHERE c = 5", "SELECT n FROM k WHERE c = 6")
    yield Script("key_of_two_columns_and_unique", cases=(57,), setup=("CREATE TABLE k (a int, b text, c int UNIQUE, n int, PRIMARY KEY (a, b))", "INSERT INTO k VALUES (1, 'x', 5, 1), (1, 'y', NULL, 2)"), steps=(
        *(warm("A", r) for r in reads), sql("B", "UPDATE k SET n = 3 WHERE a = 1 AND b = 'x'"), *(sql("A", r) for r in reads), *(warm("A", r) for r in reads), sql("B", "UPDATE k SET n = 4 WHERE c = 5"), *(sql("A", r) for r in reads),
        sql("B", "UPDATE k SET c = 6 WHERE a = 1 AND b = 'y'"), *(sql("A", r) for r in reads), *(warm("A", r) for r in reads), sql("B", "UPDATE k SET b = 'z' WHERE c = 6"), *(sql("A", r) for r in reads),
        sql("B", "INSERT INTO k VALUES (1, 'y', 7, 9)"), *(sql("A", r) for r in reads), sql("B", "UPDATE k SET c = c + 1"), *(sql("A", r) for r in reads),
        sql("B", "INSERT INTO k VALUES (1, 'x', 99, 0) ON CONFLICT (a, b) DO UPDATE SET c = 5, n = 50"), *(sql("A", r) for r in reads)))


def after(name, *writes, forms):
    """All reads made hits before each write, and read twice after it."""
    steps = tuple(step for write in writes for step in (*warm_reads(), write, *own_reads(), *own_reads(), *own_reads("B")))
    return Script(name, cases=(57,), setup=T, steps=steps, forms=forms)


def copy(statement, *data, end=wire.copy_done()):
    return x("B", wire.query(statement), *(wire.copy_data(d) for d in data), end)


COPIES = (
    after("copy_from", copy("COPY t FROM STDIN", b"7\t70\tseven\n"), copy("COPY t (id, n) FROM STDIN WITH (FORMAT csv)", b"8,80\n9,", b"90\n"), copy("COPY t FROM STDIN", b"1\t1\tdouble\n"),
           copy("COPY t FROM STDIN", b"20\t1\tx\n", end=wire.copy_fail("changed my mind")), x("B", wire.parse("", "COPY t FROM STDIN"), wire.bind(), wire.execute(), wire.copy_data(b"30\t1\tx\n"), wire.copy_done(), wire.sync(), ready=1),
           copy("COPY t FROM STDIN", b"31\t1\tx\n"), forms=("simple", "prepared")),
    Script("copy_in_a_block", cases=(57,), setup=T, forms=("simple", "prepared"), steps=(
        *warm_reads(), sql("B", "BEGIN"), copy("COPY t FROM STDIN", b"7\t70\tseven\n"), *own_reads(), *own_reads("B"), sql("B", "COMMIT"), *own_reads(), *warm_reads(), sql("B", "BEGIN"), copy("COPY t FROM STDIN", b"8\t1\tx\n"), sql("B", "ROLLBACK"),
        *own_reads(), q("B", "COPY t TO STDOUT"), q("B", "COPY (SELECT n FROM t ORDER BY id) TO STDOUT (FORMAT binary)"), *own_reads(),
        q("B", "COPY (UPDATE t SET n = n + 1 WHERE id = 1 RETURNING n) TO STDOUT"), *own_reads())),
    Script("copy_and_other_statements", cases=(57, 59), setup=T, forms=("simple",), steps=(
        *warm_reads(), x("B", wire.query("UPDATE t SET n = n + 1; COPY t FROM STDIN; UPDATE t SET n = n + 1"), wire.copy_data(b"7\t70\ts\n"), wire.copy_done()), *own_reads(), *own_reads("B"))),
)

REBOUND = (
    Script("write_with_a_row_limit", cases=(106,), setup=T, forms=("simple",), steps=(
        *warm_reads(), x("B", wire.parse("", "UPDATE t SET n = n + 1 RETURNING id, n"), wire.bind(), wire.execute(rows_max=1), wire.sync()), *own_reads(), *warm_reads(), sql("B", "BEGIN"),
        x("B", wire.parse("", "UPDATE t SET n = n + 1 RETURNING id, n"), wire.bind("p"), wire.execute("p", 1), wire.execute("p", 1), wire.flush()), *own_reads(), x("B", wire.execute("p"), wire.sync()), sql("B", "COMMIT"), *own_reads())),
    Script("write_bound_again", cases=(107,), setup=T, forms=("simple",), steps=(
        *warm_reads(), x("B", wire.parse("w", "UPDATE t SET n = n + $1 WHERE id = $2", 23, 23), wire.describe_statement("w"), wire.sync()), *own_reads(), *(step for n in (1, 2) for step in (
            x("B", wire.bind("", "w", (n, 1)), wire.execute(), wire.sync()), *own_reads(), *warm_reads(), x("B", wire.bind("", "w", (wire.int4(n), wire.int4(2)), (1,)), wire.execute(), wire.sync()), *own_reads(), *warm_reads())),
        x("B", wire.bind("p", "w", (1, 1)), wire.sync()), *own_reads(), x("B", wire.bind("", "w", (7, 2)), wire.execute(), wire.bind("", "w", (7, 1)), wire.execute(), wire.sync()), *own_reads())),
    Script("write_and_read_in_one_pipeline", cases=(108, 99), setup=T, forms=("simple",), steps=(
        # A read behind an answer that is still owed is never looked up: only the statement that stands alone is a hit.
        x("A", wire.parse("r", "SELECT n FROM t WHERE id = 1"), wire.close_statement("r"), wire.sync(), wire.parse("", "SELECT n FROM t WHERE id = 1"), wire.bind(), wire.execute(), wire.sync()),
        warm_x("A", wire.parse("", "SELECT n FROM t WHERE id = 1"), wire.bind(), wire.execute(), wire.sync()),
        x("A", wire.parse("w", "UPDATE t SET n = n + 1"), wire.parse("r", "SELECT n FROM t WHERE id = 1"), wire.sync()),
        *(x("A", *(m for _ in range(3) for m in (wire.bind("", "w"), wire.execute(), *mid, wire.bind("", "r"), wire.execute(), *mid))) for mid in ((wire.sync(),),)),
        x("A", *(m for _ in range(3) for m in (wire.bind("", "w"), wire.execute(), wire.bind("", "r"), wire.execute())), wire.sync()),
        x("A", wire.query("UPDATE t SET n = n + 1"), wire.query("SELECT n FROM t WHERE id = 1"), wire.query("SELECT n FROM t WHERE id = 1")), sql("B", "SELECT n FROM t WHERE id = 1"))),
)

SCRIPTS = (*DEPENDENCIES, MANY_TABLES, *wide_keys(), *COPIES, *REBOUND)
Dependencies = test_case(SCRIPTS, "larder_dependencies")

if __name__ == "__main__":
    unittest.main()
