#!/usr/bin/python3
"""The start of a connection: negotiation, TLS, startup packets of every size and fault. Directly and through Larder where PostgreSQL
is the measure; against Larder alone where the listener's TLS is (the upstream of the tests has none)."""
import os
import ssl
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import postgres_server, wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402

DATABASE = "larder_startup"
QUERY_ANSWER = [b"T", b"D", b"C", b"Z"]


def shape(messages):
    """What a start may be compared by: everything but the cancel key and, in an error, the place in PostgreSQL's source: Larder itself
    refuses what it cannot pass on."""
    def part(kind, body):
        if kind == b"E":
            return {name: text for name, text in wire.error_fields(body).items() if name not in "FLR"}
        return len(body) if kind == b"K" else body
    return [(kind, part(kind, body)) for kind, body in messages]


def body_of_startup(*strings, version=wire.PROTOCOL_3_0, end=b"\0"):
    body = struct.pack("!i", version) + b"".join(wire.cstring(s) for s in strings) + end
    return struct.pack("!i", len(body) + 4) + body


class Startup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.direct = postgres_server.server()
        cls.direct.create_database(DATABASE)
        cls.larder = Larder(cls.direct)
        cls.through = cls.larder.server

    @classmethod
    def tearDownClass(cls):
        try:
            cls.larder.stop()
        finally:
            cls.direct.drop_database(DATABASE)

    def same(self, *packets, byte_by_byte=False, then_query=True):
        """These bytes at the start of a connection; the answers of both sides are equal."""
        answers = [self.talk(server, packets, byte_by_byte, then_query) for server in (self.direct, self.through)]
        self.assertEqual(*answers)
        self.assertTrue(self.larder.is_running())
        return answers[0]

    def talk(self, server, packets, byte_by_byte, then_query):
        with wire.Connection(server.host, server.port, byte_by_byte) as connection:
            answers = []
            for packet in packets:
                connection.send(packet)
                if packet in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
                    answers.append((connection.read_bytes(1), b""))
            try:
                answers += connection.read_until((b"Z", b"E"))
                if answers[-1][0] == b"Z" and then_query:
                    answers += connection.query("SELECT 1")
                elif answers[-1][0] == b"E":
                    answers += [(b"rest", connection.read_to_end())]
            except wire.Closed:
                answers.append((b"closed", b""))
            return shape(answers)

    def user(self, *more, **options):
        return body_of_startup("user", self.direct.user, "database", DATABASE, *more, **options)

    def test_plain_login_whole_and_byte_by_byte(self):
        for split in (False, True):
            self.same(self.user(), byte_by_byte=split)

    def test_encryption_refused_then_plain(self):
        self.same(wire.SSL_REQUEST, self.user())

    @unittest.skipIf(DIRECT, "PostgreSQL itself offers GSSAPI")
    def test_gssapi_is_refused_and_all_else_still_possible(self):
        plain = self.talk(self.direct, (self.user(),), False, True)
        for packets in ((wire.GSSENC_REQUEST,), (wire.GSSENC_REQUEST, wire.SSL_REQUEST), (wire.SSL_REQUEST, wire.GSSENC_REQUEST)):
            self.assertEqual(self.talk(self.through, (*packets, self.user()), False, True), [(b"N", b"")] * len(packets) + plain)

    def test_encryption_asked_for_twice(self):
        for server in (self.direct, self.through):
            with wire.Connection(server.host, server.port) as connection:
                connection.send(wire.SSL_REQUEST)
                self.assertEqual(connection.read_bytes(1), b"N")
                connection.send(wire.SSL_REQUEST)
                rest = connection.read_to_end()  # no hang: an error or a plain close
                self.assertFalse(rest.startswith(b"R"))

    def test_startup_options(self):
        for more in (("options", "-c search_path=x --statement_timeout=5s"), ("options", "-c\tDateStyle=German"), ("options", "-csearch_path=a\\ b"), ("options", "-c search_path=a\\\\b"),
                     ("options", "--geqo=off -c enable_seqscan=0"), ("options", ""), ("application_name", ""), ("application_name", "x" * 200), ("DateStyle", "German"), ("TimeZone", "Asia/Tokyo"),
                     ("client_encoding", "LATIN1"), ("search_path", "a,b"), ("extra_float_digits", "3"), ("options", "-c no.such=1"), ("options", "-c nonsense=1"), ("options", "-c work_mem=x"), ("options", "nonsense"),
                     ("nonsense", "1"), ("options", "-c"), ("replication", "maybe"), ("client_encoding", "nonsense"), ("user", "postgres"), ("options", "-c shared_buffers=1"), ("IntervalStyle", "iso_8601")):
            with self.subTest(more=more):
                self.same(self.user(*more))

    def test_options_hold_for_the_session_and_reset_goes_back_to_them(self):
        for server in (self.direct, self.through):
            with wire.Connection(server.host, server.port) as connection:
                connection.login(self.direct.user, DATABASE, options="-c search_path=x --statement_timeout=5s", DateStyle="German")
                self.assertEqual(connection.values("SHOW search_path"), [("x",)])
                connection.values("SET search_path = y")
                connection.values("RESET ALL")
                self.assertEqual(connection.values("SHOW search_path"), [("x",)])
                self.assertEqual(connection.values("SHOW statement_timeout"), [("5s",)])
                self.assertEqual(connection.values("SELECT date '2024-02-03'"), [("03.02.2024",)])

    def test_versions(self):
        # Larder speaks newer minor versions than the server, so that the text may differ. A client of version 2 has no error fields.
        for server in (self.direct, self.through):
            answer = self.talk(server, (self.user(version=4 << 16),), False, False)
            self.assertEqual(answer[0][0], b"E")
            self.assertEqual((answer[0][1]["S"], answer[0][1]["C"]), ("FATAL", "0A000"))
            for version in (2 << 16, 1):
                with wire.Connection(server.host, server.port) as connection:
                    connection.send(self.user(version=version))
                    answer = connection.read_to_end()
                    self.assertTrue(answer.startswith(b"E") and b"unsupported frontend protocol" in answer, answer)
        for version in ((3 << 16) + 2, (3 << 16) + 3, (3 << 16) + 9999):
            self.same(self.user(version=version))
            self.same(self.user("_pq_.nonsense", "1", "_pq_.more", "2", version=version))
        self.same(self.user("_pq_.nonsense", "1"))

    def test_names_of_every_length(self):
        for name in ("u" * 63, "u" * 64, "u" * 128, "u" * 996, "ü" * 40, "a b", "'", '"'):
            with self.subTest(name=name):
                self.same(body_of_startup("user", name, "database", DATABASE))
                self.same(body_of_startup("user", self.direct.user, "database", name))
        self.same(body_of_startup("user", self.direct.user, "database", ""))
        self.same(body_of_startup("user", "", "database", DATABASE))
        self.same(body_of_startup("database", DATABASE))

    def test_broken_startup_packets_end_in_an_error_or_a_close(self):
        long = b"x\0" * 6000
        for packet in (struct.pack("!i", 0), struct.pack("!i", 4), struct.pack("!i", 7) + b"\0\3\0", struct.pack("!i", 8) + struct.pack("!i", 1234), struct.pack("!i", 0x7fffffff) + b"abcd" * 100, struct.pack("!i", -1) + b"abcd",
                       struct.pack("!i", 10_001) + long, self.user(end=b""), body_of_startup("user"), body_of_startup("user", self.direct.user, "odd"), struct.pack("!i", 9) + struct.pack("!i", 196608) + b"\0",
                       struct.pack("!i", 13) + struct.pack("!i", 196608) + b"user\0"[:5]):
            with self.subTest(packet=packet[:40]):
                for server in (self.direct, self.through):
                    with wire.Connection(server.host, server.port) as connection:
                        connection.send(packet)
                        # Some of these announce more than they bring. The client's half is closed, so that nobody waits for the rest.
                        connection.sock.shutdown(1)
                        rest = connection.read_to_end()
                        self.assertFalse(rest.startswith(b"R"), f"{server.port} let it in: {rest!r}")
        self.assertTrue(self.larder.is_running())
        self.same(self.user())

    def test_cancel_with_a_wrong_key_is_silent(self):
        for server in (self.direct, self.through):
            with wire.Connection(server.host, server.port) as victim:
                victim.login(self.direct.user, DATABASE)
                for pid, secret in ((victim.pid, b"\0\0\0\0"), (victim.pid + 1, victim.secret), (0, b"\1\2\3\4")):
                    with wire.Connection(server.host, server.port) as connection:
                        connection.send(wire.cancel_request(pid, secret))
                        self.assertEqual(connection.read_to_end(), b"")
                self.assertEqual(victim.values("SELECT 1"), [("1",)])

    def test_a_garbled_first_byte_and_direct_tls_without_a_certificate(self):
        for first in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n", b"Q\0\0\0\x0dSELECT 1\0"):
            for server in (self.direct, self.through):
                with wire.Connection(server.host, server.port) as connection:
                    connection.send(first)
                    connection.sock.shutdown(1)
                    self.assertFalse(connection.read_to_end().startswith(b"R"))


@unittest.skipIf(DIRECT, "the scratch server has no certificate")
class TlsListener(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.direct = postgres_server.server()
        cls.direct.create_database(DATABASE)
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificate, cls.key = (os.path.join(cls.folder.name, name) for name in ("server.crt", "server.key"))
        subprocess.run(["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", cls.certificate, "-keyout", cls.key], check=True, capture_output=True)
        cls.larder = Larder(cls.direct, ("freshness.writers=only-larder", f"listen.tls_cert_file={cls.certificate}", f"listen.tls_key_file={cls.key}"))

    @classmethod
    def tearDownClass(cls):
        try:
            cls.larder.stop()
        finally:
            cls.direct.drop_database(DATABASE)
            cls.folder.cleanup()

    def connection(self, **more):
        return wire.Connection("127.0.0.1", self.larder.port, **more)

    def login(self, connection):
        self.assertEqual(connection.login(self.direct.user, DATABASE)[-1][0], b"Z")
        self.assertEqual([kind for kind, _ in connection.query("SELECT 1")], QUERY_ANSWER)

    def test_session_over_tls(self):
        context = ssl.create_default_context(cafile=self.certificate)
        with self.connection() as connection:
            self.assertEqual(connection.start_tls(context, "localhost"), b"S")
            self.login(connection)
            connection.values("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS id, 2 AS n")
            for _ in range(3):
                self.assertEqual(connection.values("SELECT n FROM t WHERE id = 1"), [("2",)])
            size = 3 << 20
            self.assertEqual(len(connection.values(f"SELECT repeat('x', {size})")[0][0]), size)
            connection.send(*(wire.query(f"SELECT {i}") for i in range(200)))
            self.assertEqual(sum(kind == b"D" for kind, _ in connection.read_until((b"Z",), 200)), 200)

    def test_plain_is_still_accepted(self):
        with self.connection() as connection:
            self.login(connection)
        with self.connection() as connection:
            connection.send(wire.GSSENC_REQUEST)
            self.assertEqual(connection.read_bytes(1), b"N")
            self.assertEqual(connection.start_tls(), b"S")
            self.login(connection)

    def test_bytes_sent_before_the_handshake_are_never_obeyed(self):
        for first in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
            with self.connection() as connection:
                connection.send(first + wire.startup(self.direct.user, DATABASE) + wire.query("SELECT 1"))
                rest = connection.read_to_end()
                self.assertNotIn(b"SELECT 1\0", rest[1:])
                self.assertFalse(any(mark in rest for mark in (b"server_version", b"R\0\0\0")), rest)

    def test_tls_within_tls_and_startup_without_the_handshake(self):
        with self.connection() as connection:
            connection.start_tls()
            connection.send(wire.SSL_REQUEST)
            self.assertFalse(connection.read_to_end().startswith(b"S"))
        with self.connection() as connection:
            connection.send(wire.SSL_REQUEST)
            self.assertEqual(connection.read_bytes(1), b"S")
            connection.send(wire.startup(self.direct.user, DATABASE))
            self.assertNotIn(b"server_version", connection.read_to_end())

    def test_cancel_over_tls_and_over_plain(self):
        for tls in (True, False):
            with self.connection() as victim:
                victim.start_tls()
                victim.login(self.direct.user, DATABASE)
                victim.send(wire.query("SELECT pg_sleep(300)"))
                control = self.direct.connect("postgres")
                with control.cursor() as cursor:
                    running = False
                    while not running:
                        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(300)'")
                        running = cursor.fetchone()[0] > 0
                control.close()
                with self.connection() as connection:
                    if tls:
                        connection.start_tls()
                    connection.send(wire.cancel_request(victim.pid, victim.secret))
                    connection.read_to_end()
                answer = victim.read_until((b"Z",))
                self.assertEqual(wire.error_fields(next(body for kind, body in answer if kind == b"E"))["C"], "57014")
                self.login_again(victim)

    def login_again(self, connection):
        self.assertEqual(connection.values("SELECT 1"), [("1",)])

    def test_half_done_handshakes_leave_nothing(self):
        for piece in (b"", b"\x16", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\xff\xff" + b"x" * 300, b"nonsense" * 10):
            with self.connection() as connection:
                connection.send(wire.SSL_REQUEST)
                self.assertEqual(connection.read_bytes(1), b"S")
                connection.send(piece)
        self.assertTrue(self.larder.is_running())
        with self.connection() as connection:
            connection.start_tls()
            self.login(connection)


if __name__ == "__main__":
    unittest.main()
