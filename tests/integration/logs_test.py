#!/usr/bin/python3
"""The log of slow statements: who asked what and how long it took, by which trace it is found, and no value of anybody's."""
import json
import os
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.asking import Asking  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

SECRET = "s3cret-value"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SLOW = f"SELECT pg_sleep(0.1), '{SECRET}' /*application='shop',traceparent='{TRACE}'*/"
SHAPE = "SELECT pg_sleep($1), $2"


@unittest.skipIf(DIRECT, "tests Larder's own log")
class Logs(Asking, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.addClassCleanup(cls.cluster.remove)
        cls.cluster.run("CREATE ROLE reader")

    def start(self, *settings):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = os.path.join(self.folder.name, "larder.log")
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder", "log.format=json", f"log.file={self.file}", *settings))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        return self.connect()

    def text(self):
        with open(self.file, encoding="utf-8") as file:
            return file.read()

    def lines(self):
        return [line for line in map(json.loads, self.text().splitlines()) if line["event"] == "slow statement"]

    def test_a_slow_statement_is_a_line_without_its_values(self):
        connection = self.start("log.slow=50ms")
        self.ask(connection, "SET ROLE reader")
        self.ask(connection, SLOW)
        line = next(line for line in self.lines() if "pg_sleep" in line["statement"])
        self.assertTrue(line["statement"].startswith(SHAPE), line)
        self.assertGreaterEqual(float(line["ms"]), 100)
        self.assertEqual((line["database"], line["role"], line["rows"], line["failed"], line["traceparent"]), ("postgres", "reader", "1", "no", TRACE))
        eventually(lambda: self.ask(connection, SLOW) and self.lines()[-1]["not_cached"] == "volatile_function", "the reason is told, once the catalogue is known")
        clients = json.loads(self.larder.http("/api/v1/clients"))["clients"]
        self.assertIn(line["client"], eventually(lambda: [str(client["id"]) for client in json.loads(self.larder.http("/api/v1/clients"))["clients"]], "it is among the clients"), clients)
        self.assertNotIn(SECRET, self.text())

    def test_prepared_statements_and_those_that_fail(self):
        self.start("log.slow=50ms")
        with wire.Connection("127.0.0.1", self.larder.port) as talk:
            talk.login("postgres", "postgres")
            talk.send(wire.parse("", "SELECT pg_sleep($1::float8), $2::text"), wire.bind("", "", [b"0.1", SECRET.encode()]), wire.execute(""), wire.sync())
            talk.read_until(b"Z", 1)
            talk.send(wire.query(f"DO $$BEGIN PERFORM pg_sleep(0.1); RAISE '{SECRET}'; END$$"))
            talk.read_until(b"Z", 1)
        slow = self.lines()
        self.assertEqual([line["failed"] for line in slow], ["no", "yes"], slow)
        self.assertEqual(slow[0]["statement"], "SELECT pg_sleep($1::float8), $2::text")
        self.assertNotIn(SECRET, self.text())

    def test_values_are_shown_where_that_is_wanted(self):
        connection = self.start("log.slow=50ms", "log.values=true")
        self.ask(connection, SLOW)
        self.assertEqual([line["statement"] for line in self.lines()], [SLOW])

    def test_fast_ones_are_no_lines_and_by_default_none_is(self):
        for settings in ((), ("log.slow=1h",)):
            connection = self.start(*settings)
            self.ask(connection, SLOW)
            self.assertEqual(self.lines(), [])
            self.assertEqual(self.larder.metric("larder_slow_statements_total"), 0)
            self.larder.stop()

    def test_a_flood_is_counted_and_not_written(self):
        self.start("log.slow=1ms", "listen.workers=1")
        with wire.Connection("127.0.0.1", self.larder.port) as talk:
            talk.login("postgres", "postgres")
            talk.send(*(wire.query("SELECT pg_sleep(0.001)") for _ in range(1500)))
            talk.read_until(b"Z", 1500)

            def all_are_told_of():
                talk.send(wire.query("SELECT pg_sleep(0.001)"))
                talk.read_until(b"Z", 1)
                slow = self.lines()
                told = len(slow) + sum(int(line.get("left_out_before", 0)) for line in slow)
                return slow if told == self.larder.metric("larder_slow_statements_total") else None
            eventually(all_are_told_of, "what was left out is told of by the next line")
        self.assertGreaterEqual(self.larder.metric("larder_slow_statements_total"), 1500)

    def test_it_is_turned_on_by_a_reload(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
            config.write("[log]\nslow = \"0ms\"\n")
            config.flush()
            connection = self.start_with(config.name)
            self.ask(connection, SLOW)
            self.assertNotIn("slow statement", self.larder.output())
            config.seek(0)
            config.write("[log]\nslow = \"5ms\"\n")
            config.flush()
            os.kill(self.larder.pid(), signal.SIGHUP)
            eventually(lambda: "configuration reloaded" in self.larder.output(), "it is read again")
            self.ask(connection, SLOW)
            self.assertIn("slow statement", self.larder.output())
            self.assertNotIn(SECRET, self.larder.output())

    def start_with(self, config):
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder",), extra=("--config", config))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        return self.connect()


if __name__ == "__main__":
    unittest.main()
