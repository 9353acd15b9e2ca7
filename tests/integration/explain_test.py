#!/usr/bin/python3
"""What EXPLAIN LARDER foretells is what happens: a statement said to be cached is a hit the second time, any other never; and nothing is run."""
import os
import sys
import time
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import postgres_server  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402

DATABASE = "larder_explain"
WAIT_SECONDS_MAX = 60
SCHEMA = (
    "CREATE TABLE items (id serial PRIMARY KEY, name text, price numeric)", "CREATE TABLE lines (item int REFERENCES items ON DELETE CASCADE, n int)",
    "CREATE VIEW dear AS SELECT name FROM items WHERE price > 10", "CREATE FUNCTION odd(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'",
    "INSERT INTO items (name, price) VALUES ('a', 1), ('b', 20)", "INSERT INTO lines VALUES (1, 1), (2, 2)",
)
READS = (
    "SELECT name FROM items WHERE id = 1", "SELECT count(*) FROM items", "SELECT * FROM dear", "SELECT i.name, l.n FROM items i JOIN lines l ON l.item = i.id ORDER BY 1",
    "SELECT now()", "SELECT random()", "SELECT relname FROM pg_class LIMIT 1", "SELECT name FROM items FOR UPDATE", "SELECT odd(1)", "SELECT /* larder: off */ n FROM lines",
    "SELECT current_user", "SELECT nextval('items_id_seq')", "SELECT 1",
)
WRITES = {
    "UPDATE items SET price = 2 WHERE id = 1": "drops answers that read these rows of public.items (id)",
    "INSERT INTO items (name) VALUES ('c')": "drops answers that found no row in public.items (id)",
    "DELETE FROM items": "drops every answer that reads public.lines",
    "TRUNCATE lines": "drops every answer that reads public.lines",
    "DROP TABLE items CASCADE": "it may change the schema or privileges",
    "DO $$ BEGIN DELETE FROM lines; END $$": "what it writes is not known",
}


@unittest.skipIf(DIRECT, "PostgreSQL knows no EXPLAIN LARDER")
class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.direct = postgres_server.server()
        cls.direct.create_database(DATABASE)
        cls.direct.run(DATABASE, *SCHEMA)

    @classmethod
    def tearDownClass(cls):
        cls.direct.drop_database(DATABASE)

    def rows(self, text):
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            return [row[0] for row in cursor.fetchall()]

    def explained(self, statement):
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            lines = self.rows("EXPLAIN LARDER " + statement)
            still_starts = "not loaded yet" in lines[-1] or any(reason in line for line in lines for reason in ("no_upstream", "settings_unknown"))
            if not still_starts or time.monotonic() > deadline:
                return lines
            time.sleep(0.05)

    def is_hit(self, statement):
        self.connection.notices.clear()
        self.rows(statement)
        return any("larder: hit" in notice for notice in self.connection.notices)

    def check(self, *settings):
        larder = Larder(self.direct, ("freshness.writers=only-larder", *settings))
        self.addCleanup(larder.stop)
        self.connection = psycopg2.connect(host=larder.server.host, port=larder.server.port, user=self.direct.user, dbname=DATABASE)
        self.addCleanup(self.connection.close)
        self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            cursor.execute("SET larder.trace = on")
        hits = 0
        for statement in READS:
            with self.subTest(statement=statement):
                verdict = self.explained(statement)[0]
                self.assertIn(verdict, ("Cached", "Not cached"))
                self.is_hit(statement)
                self.assertEqual(self.is_hit(statement), verdict == "Cached")
                hits += verdict == "Cached"
                if verdict == "Cached":
                    self.assertIn("  an answer is in the cache now", self.explained(statement))
        self.assertGreater(hits, 3)
        before = [self.rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in ("items", "lines")]
        self.is_hit(READS[0])
        self.assertTrue(self.is_hit(READS[0]))
        for statement, line in WRITES.items():
            with self.subTest(statement=statement):
                lines = self.explained(statement)
                self.assertEqual(lines[0], "Passed on to PostgreSQL")
                self.assertTrue(any(line in told for told in lines), lines)
        self.assertTrue(self.is_hit(READS[0]), "explaining a write has dropped an answer")
        self.assertEqual(before, [[row for (row,) in self.direct.run(DATABASE, f"SELECT t::text FROM {table} t ORDER BY 1")] for table in ("items", "lines")])

    def test_session_mode(self):
        self.check()

    def test_transaction_mode(self):
        self.check("pool.mode=transaction", "pool.size=2")


if __name__ == "__main__":
    unittest.main()
