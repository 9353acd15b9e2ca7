#!/usr/bin/python3
"""Connections: Unix sockets on both sides, cancel requests, limits on clients and logins, and many idle clients."""
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually, make_certificate  # noqa: E402
from support.postgres_server import Server, free_port  # noqa: E402
from support.serving import hits_of, steady_descriptors, wait_for_descriptors, wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE id = 1"
IDLE_CLIENTS = 2000
# Sanity only: what an idle client takes is measured and printed, and is far below this.
IDLE_BYTES_MAX = 256 << 10


def error_of(messages):
    return next((wire.error_fields(body) for kind, body in messages if kind == b"E"), {})


class ByUnixSocket(Server):
    """The same server by its socket's folder."""

    def __init__(self, folder, port):
        super().__init__(f"postgres://postgres@127.0.0.1:{port}/postgres")
        self.folder = folder

    def uri(self, database, scheme="postgres", user=None):
        return f"{scheme}://{user or self.user}@/{database}?host={self.folder}&port={self.port}"


@unittest.skipIf(DIRECT, "tests Larder's own connections")
class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")

    def larder(self, *settings, upstream=None):
        larder = Larder(upstream or self.cluster.server, ("freshness.writers=only-larder", *settings))
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        return larder

    def client(self, larder, tls=False):
        connection = wire.Connection("127.0.0.1", larder.port, seconds_max=60)
        self.addCleanup(connection.close)
        if tls:
            self.assertEqual(connection.start_tls(), b"S")
        self.assertEqual(connection.login("postgres", "postgres")[-1][0], b"Z")
        return connection

    # -- Unix sockets

    def test_unix_sockets_on_both_sides(self):
        folder = tempfile.mkdtemp(prefix="larder-test-socket-")
        self.addCleanup(os.rmdir, folder)
        larder = self.larder(f"listen.unix_socket_dir={folder}", upstream=ByUnixSocket(self.cluster.folder, self.cluster.server.port))
        path = os.path.join(folder, f".s.PGSQL.{larder.port}")
        self.assertTrue(os.path.exists(path))

        def psql(sql):
            return subprocess.run(["psql", "-X", "-A", "-t", "-d", f"host={folder} port={larder.port} user=postgres dbname=postgres", "-c", sql],
                                  capture_output=True, text=True, check=True, timeout=120).stdout.strip()
        self.assertEqual(psql("SELECT inet_client_addr() IS NULL"), "t")
        self.assertEqual(wait_for_hit(larder, lambda: psql(READ)), "42")
        # A second one must not take the place of the first.
        second = subprocess.run([os.environ["LARDER_BINARY"], "--listen", f"127.0.0.1:{larder.port}", "--admin", f"127.0.0.1:{free_port()}",
                                 "--upstream", self.cluster.server.uri("postgres"), "--set", f"listen.unix_socket_dir={folder}"],
                                capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(second.returncode, 1)
        self.assertIn("cannot listen", second.stderr)
        self.assertEqual(psql(READ), "42")
        larder.stop()
        self.assertFalse(os.path.exists(path))

    def test_socket_file_of_a_killed_process_is_replaced(self):
        folder = tempfile.mkdtemp(prefix="larder-test-socket-")
        self.addCleanup(os.rmdir, folder)
        port = free_port()
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(os.path.join(folder, f".s.PGSQL.{port}"))

        class HereOnly(Larder):
            def command(self, database, settings):
                self.port = port
                self.server = self.upstream.at(port)
                return super().command(database, settings)
        larder = HereOnly(self.cluster.server, (f"listen.unix_socket_dir={folder}",))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.path.join(folder, f".s.PGSQL.{port}"))
            client.sendall(wire.SSL_REQUEST)
            self.assertEqual(client.recv(1), b"N")  # as PostgreSQL: no TLS over a Unix socket
        larder.stop()

    # -- cancel

    def wait_until_asleep(self):
        eventually(lambda: self.cluster.run("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(1000)' AND pid <> pg_backend_pid()"),
                   "the statement sleeps")

    def cancelled(self, larder, connection, cancel):
        connection.send(wire.query("SELECT pg_sleep(1000)"))
        self.wait_until_asleep()
        cancel(connection.pid, connection.secret)
        self.assertEqual(error_of(connection.read_until((b"Z",))).get("C"), "57014")
        self.assertEqual(connection.values(READ), [("42",)])
        self.assertTrue(larder.is_running())

    def cancel_over_tls(self, larder, pid, secret):
        with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as connection:
            self.assertEqual(connection.start_tls(), b"S")
            connection.send(wire.cancel_request(pid, secret))
            self.assertEqual(connection.read_to_end(), b"")

    def test_cancel(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = make_certificate(folder, "server")
            larder = self.larder(f"listen.tls_cert_file={certificate}", f"listen.tls_key_file={key}")
        for tls in (False, True):
            connection = self.client(larder, tls=tls)
            self.cancelled(larder, connection, lambda pid, secret: wire.send_cancel("127.0.0.1", larder.port, pid, secret))
            self.cancelled(larder, connection, lambda pid, secret: self.cancel_over_tls(larder, pid, secret))

    def test_who_cancels_is_held_until_the_server_has_been_told(self):
        """Clients wait for the end of that connection, and rely on it that no later statement of theirs is hit."""
        larder = self.larder()
        connection = self.client(larder)
        connection.send(wire.query("SELECT pg_sleep(1000)"))
        self.wait_until_asleep()
        postmaster = self.cluster.processes()[0]
        os.kill(postmaster, signal.SIGSTOP)  # it takes no connection now, so that no cancel can be delivered
        try:
            with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as canceller:
                canceller.send(wire.cancel_request(connection.pid, connection.secret))
                # Larder gives up after ten seconds; an end that does not wait for anything shows in the first.
                self.assertEqual(select.select([canceller.sock], [], [], 1)[0], [])
                os.kill(postmaster, signal.SIGCONT)
                self.assertEqual(canceller.read_to_end(), b"")
        finally:
            os.kill(postmaster, signal.SIGCONT)
        self.assertEqual(error_of(connection.read_until((b"Z",))).get("C"), "57014")
        self.assertEqual(connection.values(READ), [("42",)])

    def test_cancel_with_a_wrong_key_does_nothing(self):
        larder = self.larder()
        connection = self.client(larder)
        backend = int(connection.values("SELECT pg_backend_pid()")[0][0])
        connection.send(wire.query("SELECT pg_sleep(1000)"))
        self.wait_until_asleep()
        wrong = bytes(255 - byte for byte in connection.secret)
        for pid, secret in ((connection.pid, wrong), (connection.pid, b""), (connection.pid, connection.secret + b"\0"), (connection.pid ^ 1, connection.secret),
                            (backend, connection.secret), (0, b"\0\0\0\0"), (-1, b"\xff" * 256)):
            wire.send_cancel("127.0.0.1", larder.port, pid, secret)
        self.wait_until_asleep()
        wire.send_cancel("127.0.0.1", larder.port, connection.pid, connection.secret)
        self.assertEqual(error_of(connection.read_until((b"Z",))).get("C"), "57014")

    def test_cancel_of_a_session_that_is_served_from_the_cache(self):
        """It must not hit a later statement, whatever the moment: the session has no server that works for it."""
        larder = self.larder()
        connection = self.client(larder)
        wait_for_hit(larder, lambda: connection.values(READ))
        stop = threading.Event()

        def cancel():
            while not stop.is_set():
                wire.send_cancel("127.0.0.1", larder.port, connection.pid, connection.secret)
        canceller = threading.Thread(target=cancel)
        canceller.start()
        try:
            before = larder.hits()
            for _ in range(500):
                self.assertEqual(connection.values(READ), [("42",)])
            self.assertGreater(larder.hits(), before)
        finally:
            stop.set()
            canceller.join()
        self.assertEqual(connection.values("SELECT 7"), [("7",)])

    def test_cancel_reaches_a_full_house(self):
        larder = self.larder("listen.clients_max=1")
        self.cancelled(larder, self.client(larder), lambda pid, secret: wire.send_cancel("127.0.0.1", larder.port, pid, secret))

    # -- limits

    def test_a_silent_client_is_probed(self):
        larder = self.larder()
        connection = self.client(larder)
        connection.values(READ)

        def timers():
            with open("/proc/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table.readlines()[1:]]
            # Established at Larder's port: what its timer is set for; 02 is keepalive.
            return {row[5].split(":")[0] for row in rows if int(row[1].split(":")[1], 16) == larder.port and row[3] == "01"}
        eventually(lambda: timers() == {"02"}, "the accepted socket has a keepalive timer")

    def test_login_clients_max(self):
        larder = self.larder("listen.login_clients_max=3")
        served = self.client(larder)
        silent = [socket.create_connection(("127.0.0.1", larder.port)) for _ in range(3)]

        def hits():
            return larder.metrics_by_label("larder_limit_hits_total", "limit").get("login_clients_max", 0)

        def is_refused():
            with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as client:
                return error_of(client.login("postgres", "postgres")).get("C") == "53300"
        eventually(is_refused, "there are too many that have not logged in")
        self.assertGreaterEqual(hits(), 1)
        self.assertEqual(served.values("SELECT 7 /* larder: off */"), [("7",)])
        silent.pop().close()
        eventually(lambda: not is_refused(), "a place that became free is given away")
        for _ in range(10):  # who has logged in takes none
            eventually(lambda: not is_refused(), "and again")
        self.client(larder)
        self.client(larder)
        for connection in silent:
            connection.close()

    def test_clients_max(self):
        larder = self.larder("listen.clients_max=3")
        kept = [self.client(larder) for _ in range(3)]
        for _ in range(5):
            with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as refused:
                self.assertEqual(error_of(refused.login("postgres", "postgres")).get("C"), "53300")
        done = subprocess.run(["psql", "-X", "-d", f"host=127.0.0.1 port={larder.port} user=postgres dbname=postgres", "-c", "SELECT 1"],
                              capture_output=True, text=True, check=False, timeout=120)
        self.assertIn("too many clients", done.stderr)
        self.assertGreaterEqual(larder.metric("larder_limit_hits_total"), 6)
        self.assertEqual(kept[0].values(READ), [("42",)])
        kept.pop().close()

        def comes_in():
            with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as next_client:
                return next_client.login("postgres", "postgres")[-1][0] == b"Z"
        eventually(comes_in, "a place that became free is given away")

    def test_login_timeout(self):
        larder = self.larder("listen.login_timeout=1s")

        def log_in():
            connection = wire.Connection("127.0.0.1", larder.port, seconds_max=60)
            self.addCleanup(connection.close)
            try:
                return connection if connection.login("postgres", "postgres")[-1][0] == b"Z" else None
            except wire.Closed:  # a busy machine needed a second
                return None
        logged_in = eventually(log_in, "a login succeeds")
        wait_for_hit(larder, lambda: logged_in.values(READ))  # whatever Larder opens for itself is open now
        before = steady_descriptors(larder)
        startup = wire.startup("postgres", "postgres")
        slow_ones = []
        for words in (b"", startup[:3], startup[:-1], wire.SSL_REQUEST, struct.pack("!i", 9000) + b"x" * 100):
            slow = wire.Connection("127.0.0.1", larder.port, seconds_max=60)
            self.addCleanup(slow.close)
            slow.send(words)
            slow_ones.append(slow)
        for slow in slow_ones:
            slow.read_to_end()  # ended by Larder; a TimedOut would fail the test
        self.assertEqual(logged_in.values(READ), [("42",)])  # a session that is logged in may be idle
        wait_for_descriptors(larder, before)

    def test_clients_that_leave_take_everything_along(self):
        larder = self.larder()
        reader = self.client(larder)
        wait_for_hit(larder, lambda: reader.values(READ))
        before = steady_descriptors(larder)
        for round_number in range(30):
            connection = wire.Connection("127.0.0.1", larder.port, seconds_max=60)
            connection.login("postgres", "postgres")
            if round_number % 3 == 0:
                connection.send(wire.query("SELECT pg_sleep(0.2)"))
            elif round_number % 3 == 1:
                connection.send(wire.query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)"))
            else:
                connection.query("BEGIN")
                connection.query("SELECT * FROM t FOR UPDATE")
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        wait_for_descriptors(larder, before)
        eventually(lambda: len(self.cluster.client_backends()) <= 1, "the server connections are closed")

    # -- many

    def test_many_idle_clients(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < IDLE_CLIENTS + 500:
            self.skipTest(f"only {hard} files may be open")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        larder = self.larder("listen.login_timeout=600s", f"listen.login_clients_max={2 * IDLE_CLIENTS}")
        reader = self.client(larder)
        wait_for_hit(larder, lambda: reader.values(READ))
        files, memory = steady_descriptors(larder), larder.resident_bytes()
        idle = []
        try:
            for _ in range(IDLE_CLIENTS):
                idle.append(socket.create_connection(("127.0.0.1", larder.port), timeout=60))
                idle[-1].sendall(wire.SSL_REQUEST)
            for connection in idle:
                self.assertEqual(connection.recv(1), b"N")
            self.assertEqual(larder.metric("larder_client_connections"), IDLE_CLIENTS + 1)
            each = (larder.resident_bytes() - memory) / IDLE_CLIENTS
            print(f"{IDLE_CLIENTS} idle clients before their login: {each / 1024:.1f} KiB each", file=sys.stderr)
            self.assertLess(each, IDLE_BYTES_MAX)
            self.assertEqual(hits_of(larder, lambda: reader.values(READ)), 20)
            rows = subprocess.run(["psql", "-X", "-A", "-t", "-d", f"host=127.0.0.1 port={larder.port} user=postgres dbname=larder", "-c", "SHOW LISTS"],
                                  capture_output=True, text=True, check=True, timeout=120).stdout
            self.assertIn(f"used_clients|{IDLE_CLIENTS + 2}", rows)
        finally:
            for connection in idle:
                connection.close()
        wait_for_descriptors(larder, files)

    def test_many_logged_in_clients(self):
        count = 80  # the server's max_connections is 100
        larder = self.larder()
        reader = self.client(larder)
        wait_for_hit(larder, lambda: reader.values(READ))
        files, memory = steady_descriptors(larder), larder.resident_bytes()
        clients = [self.client(larder) for _ in range(count)]
        for client in clients:
            self.assertEqual(client.values(READ), [("42",)])
        each = (larder.resident_bytes() - memory) / count
        print(f"{count} idle sessions: {each / 1024:.1f} KiB each", file=sys.stderr)
        self.assertLess(each, IDLE_BYTES_MAX)
        for client in clients:
            client.close()
        wait_for_descriptors(larder, files)


if __name__ == "__main__":
    unittest.main()
