#!/usr/bin/python3
"""What goes wrong on the server's side: it is killed, restarted, stopped for a while, its backends are terminated, a commit's client
vanishes, the control connection is cut, another Larder stands in front of it.

After each: the clients were told with the right SQLSTATE, no answer was stale, and nothing is left open.
"""
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.postgres_server import Server  # noqa: E402
from support.serving import (hits_of, is_serving, steady_descriptors, wait_for_descriptors, wait_for_hit,  # noqa: E402
                             wait_until_not_serving, wait_until_serving)

READ = "SELECT n FROM t WHERE id = 1"
# The server says that it ends (57P01 to 57P03), or the connection ends without a word: then Larder says 08006.
LOST = ("57P01", "57P02", "57P03", "08006")


def error_of(messages):
    return next((wire.error_fields(body) for kind, body in messages if kind == b"E"), {})


class AsRole(Server):
    def uri(self, database, scheme="postgres", user=None):
        return super().uri(database, scheme, user or "larder")


@unittest.skipIf(DIRECT, "tests Larder itself")
class Chaos(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "CREATE ROLE larder LOGIN SUPERUSER")

    def setUp(self):
        self.cluster.run("TRUNCATE t", "INSERT INTO t VALUES (1, 1)")
        self.larder = self.start_larder()
        wait_until_serving(self.larder)
        self.reader = self.client()
        wait_for_hit(self.larder, self.read)
        self.descriptors = steady_descriptors(self.larder)

    def start_larder(self):
        larder = Larder(AsRole(self.cluster.server.uri("postgres")))
        self.addCleanup(larder.stop)
        return larder

    def client(self, larder=None):
        connection = wire.Connection("127.0.0.1", (larder or self.larder).port, seconds_max=120)
        self.addCleanup(connection.close)
        self.assertEqual(connection.login("postgres", "postgres")[-1][0], b"Z")
        return connection

    def read(self):
        return self.reader.values(READ)

    def put(self, value):
        self.cluster.run(f"UPDATE t SET n = {value}")

    def everything_is_back(self):
        """It serves, what it serves is the truth, and nothing was left open."""
        wait_until_serving(self.larder)
        self.reader.close()
        self.reader = self.client()
        truth = [(str(self.cluster.run("SELECT n FROM t")[0][0]),)]
        self.assertEqual(self.read(), truth)
        self.assertEqual(wait_for_hit(self.larder, self.read), truth)
        wait_for_descriptors(self.larder, self.descriptors)
        eventually(lambda: len(self.cluster.client_backends()) <= 1, "no server connection is left over")
        self.assertEqual(self.larder.metric("larder_unknown_outcomes_open"), 0)
        self.assertEqual(self.larder.metric("larder_broken_invariants_total"), 0)

    def lost(self, connection):
        """The connection ends; the SQLSTATE of the last error."""
        errors = [wire.error_fields(body) for kind, body in connection.read_messages_to_end() if kind == b"E"]
        self.assertTrue(errors, "the connection ended without a word")
        self.assertEqual(errors[-1]["S"], "FATAL")
        return errors[-1]["C"]

    def refused(self):
        with wire.Connection("127.0.0.1", self.larder.port, seconds_max=120) as connection:
            return error_of(connection.login("postgres", "postgres")).get("C")

    # -- the server as a whole

    def server_goes(self, end):
        idle, active, writing = self.client(), self.client(), self.client()
        active.send(wire.query("SELECT pg_sleep(1000)"))
        writing.query("BEGIN")
        writing.query("UPDATE t SET n = 99")
        eventually(lambda: self.cluster.run("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)' AND state = 'active'"), "it sleeps")
        end()
        for connection in (idle, active, writing):
            self.assertIn(self.lost(connection), LOST)
        wait_until_not_serving(self.larder)
        self.assertIn(self.refused(), ("08001", "08006", "57P03"))
        self.assertEqual(self.larder.http("/healthz"), "ok\n")

    def test_killed(self):
        self.server_goes(self.cluster.kill)
        self.cluster.start()
        self.put(2)
        self.everything_is_back()

    def test_restarted(self):
        for mode in ("fast", "immediate"):
            with self.subTest(mode):
                self.server_goes(lambda m=mode: self.cluster.stop(m))
                self.cluster.start()
                self.put(2 if mode == "fast" else 3)
                self.everything_is_back()

    def test_writes_while_nobody_looks(self):
        """What was written between an end and the next start was written unseen."""
        self.cluster.kill()
        self.cluster.start()
        self.put(7)
        self.everything_is_back()
        self.assertEqual(self.read(), [("7",)])

    def test_stopped_for_a_while(self):
        """Nothing is lost: who waits gets an answer afterwards."""
        waiting = self.client()
        waiting.values("SELECT 1")
        self.cluster.signal(signal.SIGSTOP)
        try:
            waiting.send(wire.query("UPDATE t SET n = 5 WHERE id = 1"))
            ends = time.monotonic() + 5
            while time.monotonic() < ends:
                self.assertEqual(self.larder.http("/healthz"), "ok\n")
                time.sleep(0.1)
        finally:
            self.cluster.signal(signal.SIGCONT)
        self.assertEqual(waiting.read_until((b"Z",))[-1], (b"Z", b"I"))
        waiting.close()
        self.everything_is_back()
        self.assertEqual(self.read(), [("5",)])

    def test_stopped_server_does_not_hold_up_the_end(self):
        """Whoever stops Larder because the server hangs must not have to wait for the server."""
        self.cluster.run("CREATE TABLE IF NOT EXISTS u (a int)", "DROP TABLE u")
        self.reader.query("CREATE TABLE u (a int); DROP TABLE u")   # the catalogue is to be loaded again
        self.cluster.signal(signal.SIGSTOP)
        try:
            self.reader.send(wire.query("SELECT 1"))
            self.larder.stop()  # fails if it takes longer than 30 s
        finally:
            self.cluster.signal(signal.SIGCONT)
        eventually(self.cluster.no_client_backends, "the server notices that its clients have left")

    # -- backends

    def test_backends_are_terminated(self):
        in_block, idle = self.client(), self.client()
        in_block.query("BEGIN")
        in_block.query("UPDATE t SET n = 50")
        self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
        for connection in (in_block, idle):
            self.assertEqual(self.lost(connection), "57P01")
        self.put(3)
        self.everything_is_back()
        self.assertEqual(self.read(), [("3",)])

    def test_a_backend_is_terminated_while_its_session_is_served_from_the_cache(self):
        backend = int(self.reader.values("SELECT pg_backend_pid()")[0][0])
        self.cluster.run(f"SELECT pg_terminate_backend({backend})")
        self.assertEqual(self.lost(self.reader), "57P01")
        self.everything_is_back()

    def test_a_backend_crashes(self):
        """Then PostgreSQL restarts all of them, under the same postmaster."""
        crashing = self.client()
        backend = int(crashing.values("SELECT pg_backend_pid()")[0][0])
        os.kill(backend, signal.SIGKILL)
        self.assertIn(self.lost(crashing), LOST)

        def is_up():
            try:
                return self.cluster.run("SELECT NOT pg_is_in_recovery()")[0][0]
            except Exception:  # it recovers
                return False
        eventually(is_up, "PostgreSQL has recovered")
        self.put(4)
        self.everything_is_back()
        self.assertEqual(self.read(), [("4",)])

    # -- the control connection

    def control(self):
        return self.cluster.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'larder_control'")

    def test_control_connection_is_cut(self):
        before = self.control()[0][0]
        self.cluster.run("ALTER ROLE larder NOLOGIN")
        try:
            self.cluster.run(f"SELECT pg_terminate_backend({before})")
            wait_until_not_serving(self.larder)
            self.assertEqual(hits_of(self.larder, self.read), 0)
            self.put(6)
            self.assertEqual(self.read(), [("6",)])
            self.assertFalse(is_serving(self.larder))
        finally:
            self.cluster.run("ALTER ROLE larder LOGIN")
        wait_until_serving(self.larder)
        self.assertNotEqual(self.control()[0][0], before)
        self.everything_is_back()

    def test_control_connection_comes_back_at_once(self):
        """A new one is a new incarnation, however soon it comes: its server may be another behind the same address."""
        before = self.control()[0][0]
        self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder_control'")
        eventually(lambda: any(row[0] != before for row in self.control()), "a new control connection")
        self.everything_is_back()

    # -- writes whose outcome nobody knows

    def sleeping_commit(self, connection, value):
        """A COMMIT that waits for a standby that is not there: done, and not visible yet."""
        connection.query("BEGIN")
        connection.query(f"UPDATE t SET n = {value} WHERE id = 1")
        connection.send(wire.query("COMMIT"))
        return eventually(lambda: self.cluster.run("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), "the commit waits for the standby")[0][0]

    def wait_for_standby(self, name):
        self.cluster.run(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'", "SELECT pg_reload_conf()")
        eventually(lambda: self.cluster.run("SELECT current_setting('synchronous_standby_names')")[0][0] == name, "the setting is there")

    def test_commit_whose_client_vanishes(self):
        self.wait_for_standby("nobody")
        try:
            wait_for_hit(self.larder, self.read)
            vanishing = self.client()
            backend = self.sleeping_commit(vanishing, 70)
            vanishing.close()
            # Its backend may make the commit visible at any moment, and nobody will tell Larder.
            is_there = lambda: self.cluster.run(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}")[0][0] == 1  # noqa: E731
            for _ in range(20):
                hits = hits_of(self.larder, self.read)
                if is_there():
                    self.assertEqual(hits, 0)
        finally:
            self.wait_for_standby("")
        eventually(lambda: self.read() == [("70",)], "the commit is visible")
        for _ in range(20):
            self.assertEqual(self.read(), [("70",)])
        self.assertEqual(wait_for_hit(self.larder, self.read), [("70",)])
        self.everything_is_back()

    def test_commit_whose_larder_vanishes(self):
        """A Larder that is killed leaves backends behind that may still commit: the next one waits for their end."""
        self.wait_for_standby("nobody")
        try:
            vanishing = self.client()
            backend = self.sleeping_commit(vanishing, 80)
            self.larder.process.kill()
            self.larder.process.wait()
            self.larder.process = None
            self.larder = self.start_larder()
            eventually(lambda: "connections of an earlier Larder are still open" in self.larder.output(), "the log says what is waited for")
            self.reader = self.client()
            self.assertEqual(hits_of(self.larder, self.read), 0)
            self.assertFalse(is_serving(self.larder))
            self.assertEqual(self.cluster.run(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}")[0][0], 1)
        finally:
            self.wait_for_standby("")
        wait_until_serving(self.larder)
        self.assertEqual(wait_for_hit(self.larder, self.read), [("80",)])
        self.descriptors = steady_descriptors(self.larder)
        self.everything_is_back()

    # -- others

    def test_another_larder(self):
        other = self.start_larder()
        wait_until_not_serving(self.larder)
        eventually(lambda: "another Larder runs in front of this server" in self.larder.output(), "the first one says so")
        eventually(lambda: "another Larder runs in front of this server" in other.output(), "the second one says so")
        through_other = self.client(other)
        self.assertEqual(hits_of(self.larder, self.read), 0)
        self.assertEqual(hits_of(other, lambda: through_other.values(READ)), 0)
        through_other.query("UPDATE t SET n = 90")
        self.assertEqual(self.read(), [("90",)])
        through_other.close()
        other.stop()
        self.everything_is_back()
        self.assertEqual(self.read(), [("90",)])

    def test_load_while_backends_die(self):
        """Clients that lose their server come again; at the end the value is the one that was written last."""
        stop, failures, writes = threading.Event(), [], []

        def work(number):
            while not stop.is_set():
                try:
                    with wire.Connection("127.0.0.1", self.larder.port, seconds_max=120) as connection:
                        connection.login("postgres", "postgres")
                        while not stop.is_set():
                            if number == 0:
                                connection.query("UPDATE t SET n = n + 1")
                                writes.append(1)
                            else:
                                connection.values(READ)
                except (wire.Closed, RuntimeError, OSError):
                    continue
                except Exception as failure:  # told by the main thread
                    failures.append(repr(failure))
                    return
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                             " AND application_name NOT LIKE 'larder_%' ORDER BY random() LIMIT 2")
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertTrue(writes)
        self.everything_is_back()


if __name__ == "__main__":
    unittest.main()
