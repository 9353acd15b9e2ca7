#!/usr/bin/python3
"""The smaller things that `larder advise` says of statements, plans, tables and, with --analyze, of a run: each where it holds, and not where it does not."""
import json
import os
import subprocess
import sys
import unittest

import psycopg2

URI = os.environ.get("LARDER_TEST_PGURI")
LARDER = os.environ.get("LARDER_BINARY")
DATABASE = "larder_notes_test"

SETUP = """
CREATE TABLE items (id int PRIMARY KEY, shop int, price double precision, code char(8), number text, created_at timestamp, note text, data jsonb, tag_ids text);
INSERT INTO items SELECT i, i % 1000, i, 'c', (i % 50)::text, '2026-01-01', repeat(md5(i::text), 10), '{"k": "v"}', '1,2' FROM generate_series(1, 30000) i;
CREATE TABLE shops (id int PRIMARY KEY, name text);
INSERT INTO shops SELECT i, 'shop ' || i FROM generate_series(1, 1000) i;
CREATE TABLE labels (shop int, label text);
INSERT INTO labels SELECT i, 'label' FROM generate_series(1, 1000) i;
CREATE TABLE flags (id int PRIMARY KEY, state text, filler text);
INSERT INTO flags SELECT i, CASE WHEN i % 1000 = 0 THEN 'open' ELSE 'done' END, repeat('x', 200) FROM generate_series(1, 40000) i;
CREATE TABLE attributes (item_id int, attribute text, value text);
INSERT INTO attributes SELECT i, 'colour', 'red' FROM generate_series(1, 200000) i;
CREATE TABLE days (day int, n int) PARTITION BY RANGE (day);
CREATE TABLE dead (id int, filler text) WITH (autovacuum_enabled = off);
INSERT INTO dead SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i;
CREATE TABLE pairs (a int, b int, filler text);
INSERT INTO pairs SELECT i % 100, i % 100, repeat('x', 50) FROM generate_series(1, 50000) i;
CREATE INDEX pairs_a ON pairs (a);
CREATE TABLE big (id int, n int, filler text);
INSERT INTO big SELECT i, i, repeat('x', 300) FROM generate_series(1, 250000) i;
CREATE INDEX big_id ON big (id);
"""

JOINS = " ".join(f"JOIN shops s{i} ON s{i}.id = i.shop" for i in range(10))

# What is said, of which statement, and of which like it that is not.
STATEMENTS = [
    ("R16", "SELECT * FROM items ORDER BY note", "SELECT id, note FROM items ORDER BY note"),
    ("R19", f"SELECT * FROM shops WHERE id IN ({', '.join(map(str, range(150)))})", f"SELECT * FROM shops WHERE id IN ({', '.join(map(str, range(50)))})"),
    ("R21", "SELECT i.id FROM items i LEFT JOIN labels l ON l.shop = i.shop", "SELECT i.id, l.label FROM items i LEFT JOIN labels l ON l.shop = i.shop"),
    ("R22", "SELECT i.id, l.label FROM items i LEFT JOIN labels l ON l.shop = i.shop WHERE l.label = 'x'", "SELECT i.id, l.label FROM items i LEFT JOIN labels l ON l.shop = i.shop WHERE i.id = 5"),
    ("R24", "SELECT shop, count(*) FROM items GROUP BY shop HAVING shop > 5", "SELECT shop, count(*) FROM items GROUP BY shop HAVING count(*) > 5"),
    ("R25", "SELECT shop, count(*) FROM (SELECT shop FROM items ORDER BY price) AS s GROUP BY shop", "SELECT array_agg(shop) FROM (SELECT shop FROM items ORDER BY price) AS s"),
    ("R28", "SELECT id FROM items WHERE data ->> 'k' = 'w'", "SELECT id FROM items WHERE data @> '{\"k\": \"w\"}'"),
    ("R31", "SELECT id FROM flags WHERE state <> 'done'", "SELECT id FROM flags WHERE state <> 'open'"),
    ("R32", "SELECT id FROM items WHERE created_at BETWEEN '2026-01-01' AND '2026-01-31 23:59:59'", "SELECT id FROM items WHERE created_at BETWEEN '2026-01-01' AND '2026-02-01'"),
    ("R33", "SELECT count(*) FROM flags", "SELECT count(*) FROM flags WHERE state = 'open'"),
    ("R35", "UPDATE shops SET name = 'x'", "UPDATE shops SET name = 'x' WHERE id = 5"),
    ("R35", "DELETE FROM shops", "DELETE FROM shops WHERE id = 5"),
    ("R36", "SELECT id FROM flags ORDER BY id LIMIT 10 FOR UPDATE", "SELECT id FROM flags ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED"),
    ("R36", "SELECT id FROM flags FOR UPDATE", "SELECT id FROM flags WHERE id = 5 FOR UPDATE"),
    ("P30", f"SELECT i.id FROM items i {JOINS}", "SELECT i.id FROM items i JOIN shops s ON s.id = i.shop"),
    ("P32", "SELECT sum(n) FROM days", "SELECT sum(n) FROM days WHERE day = 5"),
    ("P36", "SELECT count(*) FROM regexp_split_to_table('1 2 3', ' ') AS m JOIN items i ON i.number = m", "SELECT count(*) FROM generate_series(1, 5000) AS m JOIN items i ON i.shop = m"),
    ("P38", "SELECT * FROM dead WHERE filler = 'y'", "SELECT * FROM flags WHERE filler = 'y'"),
    ("price holds money", "SELECT note FROM items ORDER BY note", "SELECT filler FROM flags ORDER BY filler"),
    ("filled up with blanks", "SELECT note FROM items ORDER BY note", "SELECT filler FROM flags ORDER BY filler"),
    ("number is a text", "SELECT note FROM items ORDER BY note", "SELECT filler FROM flags ORDER BY filler"),
    ("without its time zone", "SELECT note FROM items ORDER BY note", "SELECT filler FROM flags ORDER BY filler"),
    ("several values in one text", "SELECT note FROM items ORDER BY note", "SELECT filler FROM flags ORDER BY filler"),
    ("no primary key", "SELECT max(filler) FROM pairs GROUP BY b", "SELECT filler FROM flags ORDER BY filler"),
    ("one row for each attribute", "SELECT item_id FROM attributes ORDER BY value, item_id", "SELECT filler FROM flags ORDER BY filler"),
]

# With --analyze: settings, what is said, the statement.
RUNS = [
    ("-c work_mem=64kB", "P6", "SELECT note FROM items ORDER BY note"),
    ("-c work_mem=64kB -c enable_mergejoin=off -c enable_nestloop=off -c max_parallel_workers_per_gather=0", "P7", "SELECT sum(a.n) FROM big a JOIN big b ON b.id = a.id"),
    ("-c work_mem=64kB -c enable_sort=off -c max_parallel_workers_per_gather=0", "P8", "SELECT count(*) FROM (SELECT n, count(*) FROM big GROUP BY n) AS g"),
    ("-c work_mem=64kB -c enable_seqscan=off -c enable_indexscan=off -c max_parallel_workers_per_gather=0", "P17", "SELECT max(filler) FROM big WHERE id < 200000"),
    ("-c enable_seqscan=off -c enable_bitmapscan=off -c max_parallel_workers_per_gather=0", "P2", "SELECT max(filler) FROM pairs WHERE a < 90 AND b + length(repeat(filler, 1000)) * 0 = 95"),
    ("-c max_parallel_workers_per_gather=0", "P13", "SELECT sum(length(repeat(filler, 20000))) FROM pairs WHERE a = 5 AND b = 5 AND a + b = 10"),
    ("-c jit_above_cost=0 -c jit_inline_above_cost=0 -c jit_optimize_above_cost=0", "P34", "SELECT sum(id + shop) FROM items WHERE shop % 7 = 3 AND id % 5 = 2"),
]


def run(sql, database=DATABASE, split=False):
    connection = psycopg2.connect(URI.rsplit("/", 1)[0] + "/" + database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for one in sql.split(";\n") if split else [sql]:
            if one.strip():
                cursor.execute(one)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def advise(sql, *arguments, options=""):
    uri = URI.rsplit("/", 1)[0] + "/" + DATABASE
    done = subprocess.run([LARDER, "advise", "--json", *arguments, "--upstream", uri], input=json.dumps({"id": 1, "sql": sql}) + "\n", capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PGOPTIONS": options}, check=True)
    answer = json.loads(done.stdout)
    return answer, [one for one in [answer, *answer["others"]]]


class NotesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run(f"DROP DATABASE IF EXISTS {DATABASE}", "postgres")
        run(f"CREATE DATABASE {DATABASE}", "postgres")
        cls.addClassCleanup(run, f"DROP DATABASE {DATABASE}", "postgres")
        run(SETUP, split=True)
        for i in range(12):
            run(f"CREATE TABLE days_{i} PARTITION OF days FOR VALUES FROM ({i}) TO ({i + 1})")
        run("INSERT INTO days SELECT i % 12, i FROM generate_series(1, 60000) i")
        run("VACUUM (ANALYZE)")
        run("DELETE FROM dead WHERE id % 2 = 0")
        run("SELECT pg_stat_force_next_flush()")

    def test_what_is_said_of_a_statement_and_not_of_one_like_it(self):
        for tag, said_of, not_of in STATEMENTS:
            with self.subTest(tag=tag, sql=said_of[:80]):
                self.assertIn(tag, "\n".join(one["why"] for one in advise(said_of)[1]))
                self.assertNotIn(tag, "\n".join(one["why"] for one in advise(not_of)[1]), not_of[:80])

    def test_notes_hold_nothing_to_run_and_are_never_the_best(self):
        for tag, sql, _ in STATEMENTS:
            best, all_of_it = advise(sql)
            notes = [one for one in all_of_it if tag in one["why"]]
            self.assertTrue(notes, sql[:80])
            for one in notes:
                self.assertEqual((one["ddl"], one["rewrite"]), ([], None))
                self.assertIsNot(one, best)

    def test_a_run_shows_what_the_estimates_missed(self):
        for options, tag, sql in RUNS:
            with self.subTest(tag=tag):
                text = "\n".join(one["why"] for one in advise(sql, "--analyze", options=options)[1])
                if tag == "P34" and "Compiling" not in text and not run("SELECT pg_jit_available()")[0][0]:
                    continue
                self.assertIn(f"({tag}", text)
                self.assertIn("Run once, it took", text)
                self.assertNotIn("Run once", "\n".join(one["why"] for one in advise(sql, options=options)[1]))

    def test_a_run_changes_nothing(self):
        run("CREATE SEQUENCE counter")
        run("CREATE FUNCTION bump() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''counter'')'")
        self.assertIn("not planned, since that would run code of the database's own: it calls bump", advise("SELECT bump()", "--analyze")[0]["why"])
        for sql in ("SELECT nextval('counter')", "DELETE FROM shops", "INSERT INTO shops VALUES (-1, 'x')", "WITH d AS (DELETE FROM shops RETURNING *) SELECT * FROM d", "SELECT id FROM shops FOR UPDATE"):
            self.assertIn("It was not run", advise(sql, "--analyze")[0]["why"], sql)
        self.assertEqual(run("SELECT is_called FROM counter"), [(False,)])
        self.assertEqual(run("SELECT count(*) FROM shops"), [(1000,)])
        self.assertIn("no values", advise("SELECT * FROM shops WHERE id = $1", "--analyze")[0]["why"])
        uri = URI.rsplit("/", 1)[0] + "/" + DATABASE
        for wrong in (["--analyze", "--workload"], ["--analyze", "--deploy", "SELECT 1"]):
            self.assertEqual(subprocess.run([LARDER, "advise", *wrong, "--upstream", uri], input="", capture_output=True, text=True, timeout=30).returncode, 2)


if __name__ == "__main__":
    if not URI or not LARDER:
        sys.exit(77)
    unittest.main(verbosity=2)
