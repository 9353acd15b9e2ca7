#!/usr/bin/python3
"""Shared server connections: how many there are, who waits, what follows a client from one to the next, and what pins."""
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

CLIENTS = 20
TURNS = 30


def error_of(messages):
    return next((wire.error_fields(body) for kind, body in messages if kind == b"E"), {})


@unittest.skipIf(DIRECT, "tests Larder's own connections")
class Pooling(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT i, 0 FROM generate_series(1, 50) i", "CREATE TABLE s (id serial, n int)")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.remove()

    def larder(self, *settings):
        larder = Larder(self.cluster.server, ("freshness.writers=only-larder", "pool.mode=auto", *settings))
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        self.settle(larder)
        return larder

    def settle(self, larder):
        """The catalogue's facts are there, so that statements are judged at once."""
        with wire.Connection("127.0.0.1", larder.port) as connection:
            connection.login("postgres", "postgres")
            connection.values("SELECT 1")
        eventually(lambda: larder.metric("larder_catalogue_valid") > 0, "the catalogue's facts")

    def client(self, larder, **parameters):
        connection = wire.Connection("127.0.0.1", larder.port, seconds_max=60)
        self.addCleanup(connection.close)
        self.assertEqual(connection.login("postgres", "postgres", **parameters)[-1][0], b"Z")
        return connection

    def in_turns(self, larder, count, work):
        """`count` clients at once; work(connection, number, turn). Raises what one of them raised."""
        failures = []

        def run(number):
            try:
                connection = self.client(larder)
                for turn in range(TURNS):
                    work(connection, number, turn)
            except Exception as failure:
                failures.append(failure)
        threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def backends(self):
        return len(self.cluster.client_backends())

    def test_many_clients_share_two_connections(self):
        larder = self.larder("pool.size=2")
        clients = [self.client(larder) for _ in range(CLIENTS)]
        eventually(lambda: self.backends() <= 2, "no more than two server connections")

        def add(_, number, turn):
            clients[number].values("BEGIN")
            clients[number].values(f"UPDATE t SET n = n + 1 WHERE id = {number + 1}")
            self.assertEqual(clients[number].values(f"SELECT n FROM t WHERE id = {number + 1}"), [(str(turn + 1),)])
            clients[number].values("COMMIT")
            self.assertEqual(clients[number].values(f"SELECT n FROM t WHERE id = {number + 1}"), [(str(turn + 1),)])
        self.in_turns(larder, CLIENTS, add)
        eventually(lambda: self.backends() <= 2, "no more than two server connections")
        self.assertEqual(larder.metric("larder_pinned_connections"), 0)

    def test_who_holds_a_connection_waits_for_nobody_who_wants_one(self):
        """Many clients, few connections, one text that all of them read while it is written: the one who fetches it for the others may be waiting for a connection that they hold."""
        for mode, size, count in (("transaction", 1, 3), ("auto", 2, 10), ("auto", 4, 30)):
            with self.subTest(mode=mode, size=size):
                larder = self.larder(f"pool.mode={mode}", f"pool.size={size}")

                def read_and_write(connection, number, turn):
                    connection.values("SELECT sum(n) FROM t")
                    if turn % 3 == number % 3:
                        connection.values(f"UPDATE t SET n = n + 1 WHERE id = {number + 1}")
                for _ in range(5):
                    self.in_turns(larder, count, read_and_write)
                self.assertEqual(larder.metric("larder_limit_hits_total"), 0)
                larder.stop()

    def test_settings_and_statements_follow_their_client(self):
        larder = self.larder("pool.size=1")
        zones = ("UTC", "Asia/Tokyo", "America/Lima", "Asia/Kolkata", "Europe/Rome")

        def look(connection, number, turn):
            if turn == 0:
                connection.values(f"SET TimeZone = '{zones[number]}'")
                connection.values(f"SET search_path = s{number}, public")
                if number % 2:
                    connection.values("SET ROLE pg_monitor")
                connection.send(wire.parse("a", f"SELECT {number}, current_setting('TimeZone'), random() < 2"), wire.sync())
                connection.read_until((b"Z",))
            self.assertEqual(connection.values("SHOW TimeZone"), [(zones[number],)])
            self.assertEqual(connection.values("SHOW search_path"), [(f"s{number}, public",)])
            self.assertEqual(connection.values("SELECT current_user, random() < 2")[0][0], "pg_monitor" if number % 2 else "postgres")
            connection.send(wire.bind("", "a"), wire.execute(), wire.sync())
            rows = [wire.row_values(body) for kind, body in connection.read_until((b"Z",)) if kind == b"D"]
            self.assertEqual(rows, [(str(number), zones[number], "t")])
        self.in_turns(larder, len(zones), look)
        self.assertEqual(larder.metric("larder_pinned_connections"), 0)

    def test_who_finds_no_connection_waits_and_is_refused_in_the_end(self):
        larder = self.larder("pool.size=1", "pool.max_wait=300ms")
        first, second = self.client(larder), self.client(larder)
        first.values("BEGIN")
        first.values("SELECT txid_current()")
        second.send(wire.query("SELECT random()"))
        messages = second.read_messages_to_end()
        self.assertEqual(error_of(messages)["C"], "53300")
        self.assertEqual(larder.metric('larder_limit_hits_total'), 1)
        first.values("COMMIT")
        self.assertEqual(len(self.client(larder).values("SELECT random()")), 1)

    def test_a_client_that_waits_can_be_cancelled(self):
        larder = self.larder("pool.size=1")
        first, second = self.client(larder), self.client(larder)
        first.values("BEGIN")
        first.values("SELECT txid_current()")
        second.send(wire.query("SELECT random()"))
        eventually(lambda: larder.metric("larder_waiting_clients") == 1, "a client that waits")
        wire.send_cancel("127.0.0.1", larder.port, second.pid, second.secret)
        self.assertEqual(error_of(second.read_until((b"Z",)))["C"], "57014")
        first.values("COMMIT")
        self.assertEqual(len(second.values("SELECT random()")), 1)

    def test_pins_end_with_their_cause(self):
        larder = self.larder("pool.size=1")
        client, other = self.client(larder), self.client(larder)

        def pinned():
            return {key for key, value in larder.metrics_by_label("larder_pinned_connections", "reason").items() if value}
        for make, end, reason in (("LISTEN a", "UNLISTEN a", "listen"), ("SELECT pg_advisory_lock(1)", "SELECT pg_advisory_unlock(1)", "advisory_lock"),
                                  ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "CLOSE c", "cursor")):
            client.values(make)
            eventually(lambda reason=reason: pinned() == {reason}, f"pinned by {reason}")
            self.assertEqual(len(other.values("SELECT random()")), 1)
            if reason == "listen":
                other.values("NOTIFY a, 'x'")
                client.read_until((b"A",))
            client.values(end)
            eventually(lambda: pinned() == set(), f"no longer pinned by {reason}")
        client.values("INSERT INTO s (n) VALUES (1)")
        self.assertEqual(client.values("SELECT lastval()"), client.values("SELECT max(id) FROM s"))
        self.assertEqual(pinned(), {"sequence"})

    def test_an_idle_connection_that_was_ended_is_not_lent(self):
        larder = self.larder("pool.size=3")
        clients = [self.client(larder) for _ in range(3)]
        eventually(lambda: larder.metrics_by_label("larder_server_connections", "state").get("idle", 0) > 0, "idle connections")
        for _ in range(3):
            self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name = ''")
            eventually(self.cluster.no_client_backends, "all of them ended")
            for client in clients:
                self.assertEqual(len(client.values("SELECT random()")), 1)

    def test_clients_outlive_a_restart_of_the_server(self):
        larder = self.larder("pool.size=2")
        clients = [self.client(larder) for _ in range(4)]
        clients[0].values("SET work_mem = '9MB'")
        eventually(lambda: larder.metrics_by_label("larder_server_connections", "state").get("idle", 0) == 2, "all connections are idle")
        self.cluster.stop("fast")
        clients[0].send(wire.query("SHOW work_mem"))
        eventually(lambda: larder.metric("larder_waiting_clients") == 1, "a client that waits for the server")
        self.cluster.start()
        rows = [wire.row_values(body) for kind, body in clients[0].read_until((b"Z",)) if kind == b"D"]
        self.assertEqual(rows, [("9MB",)])
        for client in clients[1:]:
            self.assertEqual(client.values("SHOW work_mem"), [("4MB",)])

    def test_two_logins_with_other_parameters_share_nothing(self):
        larder = self.larder("pool.size=2")
        german, plain = self.client(larder, DateStyle="German"), self.client(larder)
        for _ in range(10):
            self.assertEqual(german.values("SELECT '2020-02-03'::date, random() < 2")[0][0], "03.02.2020")
            self.assertEqual(plain.values("SELECT '2020-02-03'::date, random() < 2")[0][0], "2020-02-03")

    def test_clients_that_vanish_leave_nothing(self):
        larder = self.larder("pool.size=2")
        watcher = self.client(larder)
        for messages in ((wire.query("BEGIN"), wire.query("UPDATE t SET n = 1 WHERE id = 50")), (wire.query("SET work_mem = '9MB'"),),
                         (wire.parse("x", "SELECT 1"), wire.bind("", "x")), (wire.query("SELECT pg_sleep(0.2)"),)):
            client = self.client(larder)
            client.send(*messages)
            client.close()
        eventually(lambda: self.backends() <= 2, "no more than two server connections")
        for _ in range(5):
            self.assertEqual(watcher.values("SHOW work_mem"), [("4MB",)])
            watcher.values("UPDATE t SET n = n WHERE id = 50")


if __name__ == "__main__":
    unittest.main()
