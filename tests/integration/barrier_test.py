#!/usr/bin/python3
"""The read barrier: a read through Larder that begins after somebody else's commit was acknowledged has it, and is still a hit where nothing was written.

Nothing here depends on speed: where the feed is slow a read waits for it, or goes to the server.
"""
import os
import signal
import sys
import threading
import time
import unittest

import psycopg

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, n int);
INSERT INTO items SELECT i, 0 FROM generate_series(1, 20) i;
CREATE TABLE others (id int PRIMARY KEY, n int);
INSERT INTO others SELECT i, 0 FROM generate_series(1, 20) i;
CREATE UNLOGGED TABLE fast (n int);
INSERT INTO fast VALUES (1);
CREATE ROLE reader LOGIN;
GRANT SELECT ON items TO reader;
"""
LONG = ("freshness.others_ttl_max=1min", "feed.lag_max=1min", "freshness.catalogue_poll=1h", "feed.barrier_limit=10s")


@unittest.skipIf(DIRECT, "PostgreSQL needs no barrier")
class BarrierTest(unittest.TestCase):
    def setUp(self):
        self.cluster = OwnCluster({"synchronous_commit": "on"})
        self.addCleanup(self.cluster.remove)
        self.cluster.run(SCHEMA)
        self.larder = None

    def start(self, *settings):
        self.larder = Larder(self.cluster.server, (*LONG, *settings))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        eventually(lambda: self.feed()["state"] == "current", "the feed is current")

    def feed(self):
        with psycopg.connect(self.larder.server.uri("larder"), autocommit=True) as console:
            cursor = psycopg.ClientCursor(console)
            cursor.execute("SHOW FEED")
            return dict(zip([column.name for column in cursor.description], cursor.fetchone()))

    def connect(self, server, barrier=False):
        connection = psycopg.connect(server.uri("postgres"), autocommit=True)
        self.addCleanup(connection.close)
        if barrier:
            connection.execute("SET larder.freshness = 'barrier'")
        return connection

    def bypasses(self, reason):
        return self.larder.metric(f'larder_cache_bypasses_total{{reason="{reason}"}}')

    def old_reads(self, rounds, write, read):
        """A write to the server, and when it was acknowledged a read through Larder: how many did not have it."""
        writer, reader = self.connect(self.cluster.server), self.connect(self.larder.server, barrier=True)
        wait_for_hit(self.larder, lambda: read(reader))
        old = 0
        for number in range(1, rounds + 1):
            write(writer, number)
            old += read(reader) != number
            old += read(reader) != number  # the second may be a hit
        return old

    def test_a_read_has_what_was_acknowledged_before_it(self):
        self.start()
        load_ends = threading.Event()

        def load(number):
            connection = psycopg.connect(self.cluster.server.uri("postgres"), autocommit=True)
            while not load_ends.is_set():
                connection.execute("UPDATE others SET n = n + 1 WHERE id = %s", (number,))
            connection.close()
        before = self.larder.hits()
        plain = self.old_reads(1500, lambda c, n: c.execute(f"UPDATE items SET n = {n} WHERE id = 1"), lambda c: c.execute("SELECT n FROM items WHERE id = 1").fetchone()[0])
        self.assertEqual(plain, 0)
        self.assertGreater(self.larder.hits() - before, 500, "hits, or this proves nothing")
        threads = [threading.Thread(target=load, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        try:
            before = self.larder.hits()
            loaded = self.old_reads(1500, lambda c, n: c.execute("UPDATE items SET n = %s WHERE id = 2", (n,)), lambda c: c.execute("SELECT n FROM items WHERE id = %s", (2,)).fetchone()[0])
            hits = self.larder.hits() - before
        finally:
            load_ends.set()
            for thread in threads:
                thread.join()
        self.assertEqual(loaded, 0)
        self.assertGreater(hits, 300, "hits, or this proves nothing")
        feed = self.feed()
        self.assertGreater(int(feed["barrier_waits"]), 2000)
        self.assertLessEqual(int(feed["barrier_questions"]), int(feed["barrier_waits"]))
        self.assertEqual(self.larder.metric("larder_barrier_wait_seconds_count"), int(feed["barrier_waits"]))

    def test_what_others_have_seen_is_seen(self):
        """Nobody was told of the commit: a reader on the server itself has seen it."""
        self.start()
        writer, witness, reader = self.connect(self.cluster.server), self.connect(self.cluster.server), self.connect(self.larder.server, barrier=True)
        wait_for_hit(self.larder, lambda: reader.execute("SELECT n FROM items WHERE id = 3").fetchone())
        ends = threading.Event()

        def write():
            while not ends.is_set():
                writer.execute("UPDATE items SET n = n + 1 WHERE id = 3")
        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(1500):
                seen = witness.execute("SELECT n FROM items WHERE id = 3").fetchone()[0]
                self.assertGreaterEqual(reader.execute("SELECT n FROM items WHERE id = 3").fetchone()[0], seen)
        finally:
            ends.set()
            thread.join()

    def test_a_wait_for_a_feed_that_stands_still_ends_at_the_server(self):
        self.start("feed.barrier_limit=100ms")
        reader, read = self.connect(self.larder.server, barrier=True), "SELECT n FROM items WHERE id = 4"
        wait_for_hit(self.larder, lambda: reader.execute(read).fetchone())
        pid = eventually(lambda: self.cluster.run("SELECT pid FROM pg_stat_replication WHERE application_name = 'larder_feed'"), "there is a walsender")[0][0]
        os.kill(pid, signal.SIGSTOP)
        try:
            late = self.bypasses("barrier_late")
            self.connect(self.cluster.server).execute("UPDATE items SET n = 44 WHERE id = 4")
            self.assertEqual(reader.execute(read).fetchone(), (44,))
            self.assertEqual(self.bypasses("barrier_late"), late + 1)
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for_hit(self.larder, lambda: reader.execute(read).fetchone())

    def test_a_feed_that_ends_refuses_who_waits(self):
        self.start()  # the limit is 10 s, and what ends the wait is the feed's end
        reader, read = self.connect(self.larder.server, barrier=True), "SELECT n FROM items WHERE id = 5"
        wait_for_hit(self.larder, lambda: reader.execute(read).fetchone())
        pid = self.cluster.run("SELECT pid FROM pg_stat_replication WHERE application_name = 'larder_feed'")[0][0]
        blind = self.bypasses("barrier_blind")
        os.kill(pid, signal.SIGSTOP)
        self.connect(self.cluster.server).execute("UPDATE items SET n = 55 WHERE id = 5")
        rows = []
        thread = threading.Thread(target=lambda: rows.append(reader.execute(read).fetchone()))
        thread.start()
        eventually(lambda: self.larder.http("/api/v1/clients").find('"waiting"') >= 0, "the read waits")
        self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder_feed_probe'")
        try:
            thread.join(60)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(rows, [(55,)])
        self.assertGreater(self.bypasses("barrier_blind"), blind)

    def test_a_cancel_ends_the_wait(self):
        self.start()
        reader, read = self.connect(self.larder.server, barrier=True), "SELECT n FROM items WHERE id = 6"
        wait_for_hit(self.larder, lambda: reader.execute(read).fetchone())
        pid = self.cluster.run("SELECT pid FROM pg_stat_replication WHERE application_name = 'larder_feed'")[0][0]
        os.kill(pid, signal.SIGSTOP)
        try:
            self.connect(self.cluster.server).execute("UPDATE items SET n = 66 WHERE id = 6")
            failures = []

            def ask():
                try:
                    failures.append(reader.execute(read).fetchone())
                except psycopg.errors.QueryCanceled as error:
                    failures.append(type(error))
            thread = threading.Thread(target=ask)
            thread.start()
            eventually(lambda: self.larder.http("/api/v1/clients").find('"waiting"') >= 0, "the read waits")
            reader.cancel()
            thread.join(60)
            self.assertEqual(failures, [psycopg.errors.QueryCanceled])
        finally:
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: reader.execute(read).fetchone() == (66,), "the session goes on")

    def test_a_right_that_was_taken_away_is_gone_at_once(self):
        self.start("freshness.level=barrier")
        reader = psycopg.connect(self.larder.server.uri("postgres", user="reader"), autocommit=True)
        self.addCleanup(reader.close)
        owner, read = self.connect(self.cluster.server), "SELECT n FROM items WHERE id = 7"
        for _ in range(20):
            wait_for_hit(self.larder, lambda: reader.execute(read).fetchone())
            owner.execute("REVOKE SELECT ON items FROM reader")
            with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                reader.execute(read)
            owner.execute("GRANT SELECT ON items TO reader")
            self.assertEqual(reader.execute(read).fetchone(), (0,))

    def test_what_the_feed_does_not_see_is_asked_of_the_server(self):
        self.start()
        reader, writer = self.connect(self.larder.server, barrier=True), self.connect(self.cluster.server)
        wait_for_hit(self.larder, lambda: reader.execute("SELECT n FROM items WHERE id = 1").fetchone())  # the catalogue is there
        for number in range(2, 50):
            writer.execute("UPDATE fast SET n = %s", (number,))
            self.assertEqual(reader.execute("SELECT n FROM fast").fetchone(), (number,))
        self.assertGreater(self.bypasses("barrier_blind"), 0)

    def test_by_rule_comment_and_setting(self):
        self.start("freshness.level=strict")
        with psycopg.connect(self.larder.server.uri("larder"), autocommit=True) as console:
            psycopg.ClientCursor(console).execute("CREATE RULE fresh WITH (table = 'public.items', freshness = 'barrier')")
        reader = self.connect(self.larder.server)

        def waits_of(statement):
            wait_for_hit(self.larder, lambda: reader.execute(statement).fetchone())
            before = int(self.feed()["barrier_waits"])
            reader.execute(statement)
            return int(self.feed()["barrier_waits"]) - before
        self.assertEqual(waits_of("SELECT n FROM items WHERE id = 8"), 1)
        self.assertEqual(waits_of("SELECT n FROM items WHERE id = 8 /* larder: freshness=strict */"), 0)
        self.assertEqual(waits_of("SELECT n FROM others WHERE id = 8"), 0)
        reader.execute("SET larder.freshness = 'strict'")
        self.assertEqual(waits_of("SELECT n FROM items WHERE id = 8"), 0)
        lines = [row[0] for row in psycopg.ClientCursor(reader).execute("EXPLAIN LARDER SELECT n FROM others /* larder: freshness=barrier */").fetchall()]
        self.assertTrue(any("waits until the change feed" in line for line in lines), lines)

    def test_a_standby_that_is_waited_for_holds_up_no_reader(self):
        """A commit that is flushed and waits for a standby is visible to nobody, and so nobody waits for it."""
        self.start()
        reader, read = self.connect(self.larder.server, barrier=True), "SELECT n FROM items WHERE id = 9"
        self.cluster.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
        writer = self.connect(self.cluster.server)
        eventually(lambda: writer.execute("SHOW synchronous_standby_names").fetchone() == ("nobody",), "the setting is there")
        thread = threading.Thread(target=lambda: writer.execute("UPDATE items SET n = 99 WHERE id = 9"))
        thread.start()
        try:
            eventually(lambda: self.cluster.run("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), "the commit waits")
            late = self.bypasses("barrier_late")
            self.assertEqual(wait_for_hit(self.larder, lambda: reader.execute(read).fetchone()), (0,))
            self.assertEqual(self.bypasses("barrier_late"), late)
        finally:
            self.cluster.run("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
            thread.join(60)
        self.assertEqual(reader.execute(read).fetchone(), (99,))


if __name__ == "__main__":
    unittest.main(verbosity=2)
