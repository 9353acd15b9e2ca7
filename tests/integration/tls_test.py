#!/usr/bin/python3
"""TLS to clients and to the server: what is demanded is enforced, and nothing that was sent in the clear is taken for protected."""
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
from urllib.parse import urlencode

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually, make_certificate  # noqa: E402
from support.postgres_server import Server  # noqa: E402
from support.serving import steady_descriptors, wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE id = 1"


class WithParameters(Server):
    """The same server; the URI ends in libpq's parameters."""

    def __init__(self, server, **parameters):
        super().__init__(server.uri("postgres"))
        self.parameters = parameters

    def uri(self, database, scheme="postgres", user=None):
        return super().uri(database, scheme, user) + "?" + urlencode(self.parameters)


def psql(port, sslmode, sql, host="127.0.0.1", **environment):
    return subprocess.run(["psql", "-X", "-A", "-t", "-d", f"host={host} port={port} user=postgres dbname=postgres sslmode={sslmode} connect_timeout=60", "-c", sql],
                          capture_output=True, text=True, check=False, env=dict(os.environ, **environment), timeout=120)


@unittest.skipIf(DIRECT, "tests Larder's own TLS")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        make_certificate(cls.folder.name, "authority", "test authority")
        make_certificate(cls.folder.name, "stranger", "another authority")
        cls.signed = make_certificate(cls.folder.name, "server", "localhost", authority="authority")
        cls.cluster = OwnCluster(tls=cls.signed)
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def larder(self, *settings, serves=True, **parameters):
        larder = Larder(WithParameters(self.cluster.server, **parameters), ("freshness.writers=only-larder", *settings))
        self.addCleanup(larder.stop)
        if serves:
            wait_until_serving(larder)
        return larder

    def larder_with_tls(self, *more):
        return self.larder(f"listen.tls_cert_file={self.signed[0]}", f"listen.tls_key_file={self.signed[1]}", *more)

    # -- to clients

    def test_psql_over_tls(self):
        larder = self.larder_with_tls()
        for mode in ("require", "verify-ca"):
            done = psql(larder.port, mode, READ, PGSSLROOTCERT=self.path("authority.crt"))
            self.assertEqual((done.stdout.strip(), done.stderr), ("42", ""), mode)
        done = psql(larder.port, "verify-full", READ, host="localhost", PGSSLROOTCERT=self.path("authority.crt"))
        self.assertEqual((done.stdout.strip(), done.stderr), ("42", ""))
        self.assertNotEqual(psql(larder.port, "verify-ca", READ, PGSSLROOTCERT=self.path("stranger.crt")).returncode, 0)
        self.assertEqual(psql(larder.port, "disable", READ).stdout.strip(), "42")

    def test_hits_over_tls(self):
        larder = self.larder_with_tls()
        with wire.Connection("127.0.0.1", larder.port) as connection:
            connection.start_tls()
            connection.login("postgres", "postgres")
            self.assertEqual(wait_for_hit(larder, lambda: connection.values(READ)), [("42",)])
            # Answers that are longer than a TLS record, in both directions.
            for size in (16383, 16384, 16385, 1 << 20):
                self.assertEqual(connection.values(f"SELECT length('{'x' * size}'), repeat('y', {size})"), [(str(size), "y" * size)])
            rows = [kind for kind, _ in connection.query("SELECT repeat('z', 1000) FROM generate_series(1, 20000)") if kind == b"D"]
            self.assertEqual(len(rows), 20000)

    def test_plain_is_refused_where_tls_is_demanded(self):
        larder = self.larder_with_tls("listen.tls=require")
        done = psql(larder.port, "disable", READ)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("FATAL", done.stderr)
        self.assertEqual(psql(larder.port, "require", READ).stdout.strip(), "42")
        self.assertEqual(psql(larder.port, "prefer", READ).stdout.strip(), "42")

    def test_without_certificate_tls_is_declined(self):
        larder = self.larder()
        self.assertNotEqual(psql(larder.port, "require", READ).returncode, 0)
        self.assertEqual(psql(larder.port, "prefer", READ).stdout.strip(), "42")

    def test_plain_text_behind_the_request_is_never_obeyed(self):
        """Somebody in the middle can put bytes between SSLRequest and the handshake; obeyed, they would be the client's first words."""
        larder = self.larder_with_tls()
        for injected in (wire.startup("postgres", "postgres"), wire.query("SELECT 1"), b"\0"):
            with wire.Connection("127.0.0.1", larder.port) as connection:
                connection.send(wire.SSL_REQUEST + injected)
                answer = connection.read_to_end()
                self.assertLessEqual(len(answer), 1, "an answer came to what was sent in the clear")
        self.assertEqual(psql(larder.port, "require", READ).stdout.strip(), "42")

    def test_hello_without_request(self):
        """Without SSLRequest a ClientHello is no start-up packet; nothing is served, and nobody else is harmed."""
        larder = self.larder_with_tls()
        context = wire.trusting_context()
        with socket.create_connection(("127.0.0.1", larder.port), timeout=60) as plain:
            try:
                with context.wrap_socket(plain) as encrypted:
                    encrypted.sendall(wire.startup("postgres", "postgres"))
                    self.assertNotEqual(encrypted.recv(1), b"R", "a login without ALPN")
            except (ssl.SSLError, OSError):
                pass  # refused
        self.assertEqual(psql(larder.port, "require", READ).stdout.strip(), "42")

    def test_broken_handshakes_leave_nothing(self):
        larder = self.larder_with_tls()
        with wire.Connection("127.0.0.1", larder.port) as connection:
            connection.login("postgres", "postgres")
            wait_for_hit(larder, lambda: connection.values(READ))  # whatever Larder opens for itself is open now
        before = steady_descriptors(larder)
        for junk in (b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 600, b"GET / HTTP/1.0\r\n\r\n"):
            for _ in range(10):
                with wire.Connection("127.0.0.1", larder.port) as connection:
                    connection.send(wire.SSL_REQUEST)
                    self.assertEqual(connection.read_bytes(1), b"S")
                    connection.send(junk)
        eventually(lambda: larder.open_descriptors() <= before, "the connections are closed")
        self.assertEqual(psql(larder.port, "require", READ).stdout.strip(), "42")

    # -- to the server

    def over_tls(self, larder):
        with wire.Connection("127.0.0.1", larder.port) as connection:
            connection.login("postgres", "postgres")
            return connection.values("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0][0] == "t"

    def everything_is_encrypted(self):
        return self.cluster.run("SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name LIKE 'larder_%'")[0][0]

    def test_to_the_server(self):
        for mode in ("require", "verify-ca"):
            with self.subTest(mode):
                more = {"sslrootcert": self.path("authority.crt")} if mode == "verify-ca" else {}
                larder = self.larder(sslmode=mode, **more)
                self.assertTrue(self.over_tls(larder))
                self.assertTrue(self.everything_is_encrypted())
                with wire.Connection("127.0.0.1", larder.port) as connection:
                    connection.login("postgres", "postgres")
                    self.assertEqual(wait_for_hit(larder, lambda c=connection: c.values(READ)), [("42",)])
                larder.stop()

    def test_disable_is_plain(self):
        larder = self.larder(sslmode="disable")
        self.assertFalse(self.over_tls(larder))

    def refuses_the_server(self, **parameters):
        larder = self.larder(serves=False, **parameters)
        done = psql(larder.port, "disable", READ)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("could not connect to the server", done.stderr)
        self.assertEqual(larder.metric("larder_cache_serving"), 0)
        eventually(lambda: "not serving from the cache" in larder.output(), "the log says that nothing is served")

    def test_stranger_is_refused(self):
        self.refuses_the_server(sslmode="verify-ca", sslrootcert=self.path("stranger.crt"))

    def test_wrong_name_is_refused(self):
        # The certificate is for localhost, the address is 127.0.0.1.
        self.refuses_the_server(sslmode="verify-full", sslrootcert=self.path("authority.crt"))


@unittest.skipIf(DIRECT, "tests Larder's own TLS")
class ServerWithoutTls(unittest.TestCase):
    def test_demanded_and_not_there(self):
        cluster = OwnCluster()
        larder = Larder(WithParameters(cluster.server, sslmode="require"))
        self.addCleanup(larder.stop)
        done = psql(larder.port, "disable", "SELECT 1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("does not speak TLS", done.stderr)


if __name__ == "__main__":
    unittest.main()
