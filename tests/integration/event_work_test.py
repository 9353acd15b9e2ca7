#!/usr/bin/python3
"""What Larder itself does on events: NOTIFY, refreshed materialized views, answers dropped by tag."""
import json
import os
import sys
import tempfile
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT sum(n) FROM t"
VIEW = "SELECT total FROM totals"
RULE = '[[rule]]\nname = "front"\nmatch = { table = "public.t" }\ntags = ["home"]\n'


@unittest.skipIf(DIRECT, "tests Larder's own work")
class Base(unittest.TestCase):
    SETTINGS, RULES = (), ""

    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run("CREATE TABLE t (id int, n int) PARTITION BY LIST (id)", "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)", "INSERT INTO t VALUES (1, 42)",
                         "CREATE TABLE u AS SELECT 7 AS n", "CREATE TABLE u2 AS SELECT 7 AS n", "CREATE VIEW part AS SELECT n FROM t1",
                         "CREATE MATERIALIZED VIEW totals AS SELECT 1 AS id, sum(n) AS total FROM part", "CREATE UNIQUE INDEX ON totals (id)",
                         'CREATE MATERIALIZED VIEW "Odd name" AS SELECT n FROM u', 'CREATE UNIQUE INDEX ON "Odd name" (n)',
                         "CREATE MATERIALIZED VIEW without_index AS SELECT n FROM u")
        with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:
            file.write(self.RULES)
        self.addCleanup(os.remove, file.name)
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder", "events.interval=10ms", "events.work_delay=50ms", *self.SETTINGS), extra=("--config", file.name))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.connection = self.connect(self.larder.port)

    def connect(self, port, database="postgres"):
        connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname=database)
        connection.autocommit = True
        self.addCleanup(connection.close)
        return connection

    def run_sql(self, text, connection=None):
        with (connection or self.connection).cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None

    def value(self, text):
        return self.run_sql(text)[0][0]

    def refreshes(self, view):
        return self.larder.output().count(f"a materialized view was refreshed view={view}")


class Notifications(Base):
    SETTINGS = ("events.notify_channel=Larder's events", "events.newest_max=100")
    RULES = RULE

    def listen(self):
        listener = self.connect(self.cluster.server.port)
        self.run_sql("LISTEN \"Larder's events\"", listener)
        return listener

    def events_of(self, listener):
        listener.poll()
        return [json.loads(one.payload) for one in listener.notifies]

    def written(self, listener):
        return sum(event["count"] for event in self.events_of(listener) if event["relation"] == "public.t" and event["kind"] == "invalidation")

    def test_told_in_order(self):
        wait_for_hit(self.larder, lambda: self.run_sql(READ))
        listener = self.listen()
        for i in range(30):
            self.run_sql(f"UPDATE t SET n = {i}")
        eventually(lambda: self.written(listener) == 30, "every write was told")
        ids = [event["id"] for event in self.events_of(listener)]
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))))
        self.assertEqual([event["tags"] for event in self.events_of(listener) if event["relation"] == "public.t"][0], ["home"])

    def test_a_lost_connection(self):
        wait_for_hit(self.larder, lambda: self.run_sql(READ))
        listener = self.listen()
        eventually(lambda: self.run_sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder_events'", listener)[0][0] == 1, "it is connected")
        for _ in range(5):
            self.run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder_events'", listener)
            self.run_sql("UPDATE t SET n = n + 1")
        eventually(lambda: self.written(listener) == 5, "every write was told")
        ids = [event["id"] for event in self.events_of(listener)]
        self.assertEqual(ids, sorted(ids))

    def test_a_start_is_a_gap(self):
        listener = self.listen()
        self.larder.stop()
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder", *self.SETTINGS))
        self.addCleanup(self.larder.stop)
        eventually(lambda: [event for event in self.events_of(listener) if event["kind"] == "gap"], "the start was told")


class Views(Base):
    SETTINGS = ('events.refresh_views=totals, public."Odd name"',)

    def test_refreshed_when_a_source_changes(self):
        eventually(lambda: self.refreshes("totals") == 1, "the start refreshes all")
        wait_for_hit(self.larder, lambda: self.run_sql(VIEW))
        wait_for_hit(self.larder, lambda: self.run_sql(READ))
        wait_for_hit(self.larder, lambda: self.run_sql("SELECT n FROM u"))
        self.run_sql("UPDATE t SET n = 43")
        # Through Larder: what was kept of the view is dropped with the refresh.
        eventually(lambda: self.value(VIEW) == 43, "the view is refreshed, and read as it is now")
        self.assertEqual(self.value('SELECT n FROM "Odd name"'), 7)
        self.run_sql("UPDATE u SET n = 8")
        eventually(lambda: self.value('SELECT n FROM "Odd name"') == 8, "the other view is refreshed")
        # What nothing is made from refreshes nothing; many writes are few refreshes; and a refresh is no reason for another.
        before = self.refreshes("totals")
        self.run_sql("UPDATE u SET n = 9")
        eventually(lambda: self.value('SELECT n FROM "Odd name"') == 9, "refreshed")
        self.assertEqual(self.refreshes("totals"), before)
        for i in range(200):
            self.run_sql(f"UPDATE t SET n = {i}")
        eventually(lambda: self.value(VIEW) == 199, "refreshed")
        self.assertLess(self.refreshes("totals") - before, 100)


class Failures(Base):
    SETTINGS = ("events.refresh_views=without_index, totals, none",)

    def test_one_that_fails_does_not_keep_the_others(self):
        wait_for_hit(self.larder, lambda: self.run_sql(READ))
        eventually(lambda: self.larder.output().count("a materialized view could not be refreshed") >= 2, "the log says so")
        self.run_sql("UPDATE t SET n = 50")
        eventually(lambda: self.value(VIEW) == 50, "the one that can be is refreshed")
        self.run_sql("CREATE UNIQUE INDEX ON without_index (n)")
        self.run_sql("UPDATE u SET n = 5")
        eventually(lambda: self.value("SELECT n FROM without_index") == 5, "it is tried again")


class Tags(Base):
    SETTINGS = ("events.purge_tags=true",)
    RULES = RULE + RULE.replace("front", "other").replace("public.t", "public.u2").replace("home", "other")

    def test_answers_with_the_tag_are_dropped(self):
        for text in (READ, "SELECT n FROM u2"):
            wait_for_hit(self.larder, lambda text=text: self.run_sql(text))
        tagged, other = "/* larder: tag=home */ SELECT n FROM u", "SELECT n + 1 FROM u"
        for text in (tagged, other):
            wait_for_hit(self.larder, lambda text=text: self.run_sql(text))
        self.run_sql("UPDATE t SET n = 1")

        def purged(tag):
            events = json.loads(self.larder.http("/api/v1/events?kind=purge&limit=1000"))["events"]
            return [event["tags"] for event in events].count([tag])

        eventually(lambda: purged("home") > 0, "what carries the tag was dropped")
        # A purge is an event as well, and no reason for another: what comes after it is worked on, and it is not.
        for i in (1, 2):
            self.run_sql(f"UPDATE u2 SET n = {i}")
            eventually(lambda i=i: purged("other") >= i, "what carries the other tag was dropped")
        self.assertEqual((purged("home"), purged("other")), (1, 2))
        wait_for_hit(self.larder, lambda: self.run_sql(other))
        before = self.larder.hits()
        self.run_sql(other)
        self.assertEqual(self.larder.hits(), before + 1)
        self.run_sql(tagged)
        self.assertEqual(self.larder.hits(), before + 1)


if __name__ == "__main__":
    unittest.main()
