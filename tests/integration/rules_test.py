#!/usr/bin/python3
"""Rules made while Larder runs: in the console, over HTTP, kept over a restart; and max_stale against PostgreSQL itself."""
import contextlib
import http.client
import os
import shutil
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.asking import TOKEN, Asking  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402


@unittest.skipIf(DIRECT, "PostgreSQL has no such rules")
class RulesTest(Asking, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.addClassCleanup(cls.cluster.remove)
        cls.cluster.run("CREATE TABLE orders (id int PRIMARY KEY, n int)", "INSERT INTO orders SELECT i, 0 FROM generate_series(1, 10) i", "CREATE TABLE other AS SELECT 1 AS n",
                        "CREATE ROLE reader LOGIN", "GRANT SELECT ON orders TO reader")

    def setUp(self):
        self.state = tempfile.mkdtemp(prefix="larder-rules-")
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        with open(os.path.join(self.state, "token"), "w", encoding="ascii") as token:
            token.write(TOKEN)
        self.larder = None
        self.start()
        self.cluster.run("UPDATE orders SET n = 0")

    def start(self):
        if self.larder is not None:
            self.larder.stop()
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder", f"admin.token_file={self.state}/token", f"cache.rules_file={self.state}/rules.toml"), state=self.state)
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)

    def tag_of(self, path):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)) as connection:
            connection.request("GET", path)
            return connection.getresponse().getheader("ETag")

    def is_hit(self, connection, text):
        self.ask(connection, text)
        before = self.larder.hits()
        self.ask(connection, text)
        return self.larder.hits() > before

    def assert_becomes_hit(self, connection, text):
        eventually(lambda: self.is_hit(connection, text), "a hit: " + text)

    def test_a_rule_of_the_console_is_in_force_at_once_and_survives_a_restart(self):
        connection = self.connect()
        self.assert_becomes_hit(connection, "SELECT n FROM orders WHERE id = 1")
        self.console("CREATE RULE hands_off WITH (table = 'public.orders', cache = false)")
        self.assertFalse(self.is_hit(connection, "SELECT n FROM orders WHERE id = 1"))
        self.assert_becomes_hit(connection, "SELECT n FROM other")
        self.assertEqual(self.console("SHOW RULES")[0][:4], ("1", "hands_off", "console", "public.orders"))
        self.assertIn('rule "hands_off"', "\n".join(row[0] for row in self.ask(connection, "EXPLAIN LARDER SELECT n FROM orders WHERE id = 1")))
        self.start()
        self.assertEqual(self.console("SHOW RULES")[0][1], "hands_off")
        connection = self.connect()
        self.assertFalse(self.is_hit(connection, "SELECT n FROM orders WHERE id = 1"))
        self.console("DROP RULE hands_off")
        self.assert_becomes_hit(connection, "SELECT n FROM orders WHERE id = 1")
        self.start()
        self.assertEqual(self.console("SHOW RULES"), [])

    def test_who_is_no_superuser_changes_nothing(self):
        self.cluster.run("GRANT pg_monitor TO reader")
        with self.assertRaises(psycopg2.Error) as refused:
            self.console("CREATE RULE mine WITH (cache = false)", user="reader")
        self.assertEqual(refused.exception.pgcode, "42501")
        self.assertEqual(self.console("SHOW RULES", user="reader"), [])

    def test_errors_have_their_sqlstates(self):
        self.console("CREATE RULE here WITH (ttl = '1s')")
        for text, sqlstate in (("CREATE RULE here WITH (ttl = '1s')", "42710"), ("DROP RULE gone", "42704"), ("ALTER RULE here SET (ttl = 'soon')", "22023"),
                               ("CREATE RULE there WITH (regex = '(')", "22023"), ("CREATE RULE there", "42601")):
            with self.subTest(text), self.assertRaises(psycopg2.Error) as refused:
                self.console(text)
            self.assertEqual(refused.exception.pgcode, sqlstate)
        self.console("DROP RULE IF EXISTS gone")
        self.assertEqual([row[1] for row in self.console("SHOW RULES")], ["here"])

    def test_over_http(self):
        connection = self.connect()
        self.assert_becomes_hit(connection, "SELECT n FROM orders WHERE id = 2")
        for _ in range(3):
            self.ask(connection, "SELECT n FROM orders WHERE id = 2")
        status, matched = self.http("POST", "/api/v1/rules?dry_run=true", {"table": "public.orders"})
        self.assertEqual(status, 200)
        self.assertGreaterEqual(matched["matches"]["calls"], 3)
        self.assertEqual(matched["matches"]["calls_last_hour"], matched["matches"]["calls"])
        self.assertEqual(self.http("GET", "/api/v1/rules")[1]["rules"], [])
        self.assertEqual(self.http("POST", "/api/v1/rules", {"name": "a b", "table": "orders", "cache": False}, token=None)[0], 401)
        self.assertEqual(self.http("POST", "/api/v1/rules", {"name": "a b", "table": "orders", "cache": False})[0], 201)
        self.assertFalse(self.is_hit(connection, "SELECT n FROM orders WHERE id = 2"))
        path = "/api/v1/rules/" + urllib.parse.quote("a b")
        self.assertEqual(self.http("PATCH", path, {"cache": True, "ttl": "1min"})[1]["ttl"], "1min")
        self.assert_becomes_hit(connection, "SELECT n FROM orders WHERE id = 2")
        self.assertEqual(self.http("PUT", path, {"table": "orders", "cache": False})[0], 200)
        self.assertNotIn("ttl", self.http("GET", path)[1])
        self.assertEqual(self.console("SHOW RULES")[0][1], "a b")
        with open(os.path.join(self.state, "rules.toml"), encoding="utf-8") as file:
            self.assertIn('name = "a b"', file.read())
        self.assertEqual(self.http("DELETE", path)[0], 204)
        self.assert_becomes_hit(connection, "SELECT n FROM orders WHERE id = 2")
        self.assertEqual(self.http("POST", "/api/v1/rules", {"name": "x", "regex": "("})[0], 422)

    def test_a_reload_undoes_no_rule_that_was_acknowledged(self):
        stop = threading.Event()

        def reload():
            while not stop.is_set():
                self.assertEqual(self.http("POST", "/api/v1/config/reload")[0], 200)
        reloads = [threading.Thread(target=reload) for _ in range(2)]
        for thread in reloads:
            thread.start()
        self.addCleanup(lambda: [thread.join() for thread in reloads])
        self.addCleanup(stop.set)
        connection = self.connect("larder")
        for i in range(300):
            self.ask(connection, f"CREATE RULE k{i} WITH (cache = false)")
            self.assertEqual([row[1] for row in self.ask(connection, "SHOW RULES")], [f"k{i}"])
            self.ask(connection, f"DROP RULE k{i}")
            self.assertEqual(self.ask(connection, "SHOW RULES"), [])

    def test_a_file_changed_by_hand_is_not_written_over(self):
        self.console("CREATE RULE mine WITH (cache = false)")
        with open(os.path.join(self.state, "rules.toml"), "a", encoding="utf-8") as file:
            file.write('[[rule]]\nname = "by hand"\nttl = "1s"\n')
        with self.assertRaises(psycopg2.Error) as refused:
            self.console("DROP RULE mine")
        self.assertEqual(refused.exception.pgcode, "55000")
        self.assertIn("reload first", str(refused.exception))
        self.assertEqual(self.http("DELETE", "/api/v1/rules/mine")[0], 409)
        self.console("RELOAD")
        self.console("DROP RULE mine")
        self.assertEqual([row[1] for row in self.console("SHOW RULES")], ["by hand"])

    def test_a_table_is_written_as_postgresql_names_it(self):
        for table in ("", '"public"."orders"', "postgres.public.orders"):
            with self.subTest(table), self.assertRaises(psycopg2.Error) as refused:
                self.console(f"CREATE RULE r WITH (table = '{table}', cache = false)")
            self.assertEqual(refused.exception.pgcode, "22023")
        connection = self.connect()
        self.assert_becomes_hit(connection, "SELECT n FROM orders WHERE id = 3")
        self.assertEqual(self.http("POST", "/api/v1/rules", {"name": "r", "table": "PUBLIC.Orders", "cache": False})[0], 422)
        self.assertTrue(self.is_hit(connection, "SELECT n FROM orders WHERE id = 3"))

    def test_a_change_over_http_can_demand_what_was_read(self):
        self.http("PUT", "/api/v1/rules/r", {"ttl": "1s"})
        tag = self.tag_of("/api/v1/rules/r")
        self.assertEqual(self.http("PUT", "/api/v1/rules/r", {"ttl": "2s"}, headers={"If-Match": tag})[0], 200)
        for method, body in (("PUT", {"ttl": "3s"}), ("PATCH", {"ttl": "3s"}), ("DELETE", None)):
            self.assertEqual(self.http(method, "/api/v1/rules/r", body, headers={"If-Match": tag})[0], 412, method)
        self.assertEqual(self.http("PUT", "/api/v1/rules/r", {"ttl": "3s"}, headers={"If-None-Match": "*"})[0], 412)
        self.assertEqual(self.http("GET", "/api/v1/rules/r")[1]["ttl"], "2s")
        self.assertEqual(self.http("DELETE", "/api/v1/rules/r", headers={"If-Match": self.tag_of("/api/v1/rules/r")})[0], 204)

    def test_max_stale_gives_what_is_old_for_so_long_and_never_against_own_writes(self):
        reader, writer = self.connect(), self.connect()
        self.console("CREATE RULE reports WITH (table = 'public.orders', regex = 'sum', max_stale = '2s')")
        report, strict = "SELECT sum(n) FROM orders", "SELECT max(n) FROM orders"
        self.assert_becomes_hit(reader, report)
        self.assert_becomes_hit(reader, strict)
        noted = time.monotonic()
        old = 0
        while time.monotonic() < noted + 4:
            self.ask(writer, "UPDATE orders SET n = n + 1 WHERE id = 1")
            committed = self.ask(writer, strict)[0][0]
            got = self.ask(reader, report)[0][0]
            self.assertEqual(self.ask(writer, report)[0][0], committed)      # what it wrote itself
            self.assertEqual(self.ask(reader, strict)[0][0], committed)      # no rule, nothing old
            old += got < committed
            time.sleep(0.01)
        self.assertGreater(old, 10)
        self.assertGreater(self.larder.metric("larder_cache_stale_hits_total"), 10)
        # Without further writes the reader sees all within the bound.
        eventually(lambda: self.ask(reader, report)[0][0] == self.ask(writer, strict)[0][0], "the last write in the report")

    def test_a_revoked_right_is_not_outlived(self):
        self.console("CREATE RULE reports WITH (table = 'public.orders', max_stale = '1h')")
        reader, owner = self.connect(user="reader"), self.connect()
        self.assert_becomes_hit(reader, "SELECT count(*) FROM orders")
        self.ask(owner, "REVOKE SELECT ON orders FROM reader")
        self.addCleanup(self.cluster.run, "GRANT SELECT ON orders TO reader")
        with self.assertRaises(psycopg2.Error) as refused:
            self.ask(reader, "SELECT count(*) FROM orders")
        self.assertEqual(refused.exception.pgcode, "42501")


if __name__ == "__main__":
    unittest.main(verbosity=2)
