#!/usr/bin/python3
"""Ten thousand conversations that no client should hold: afterwards Larder is alive, as small as before, and serves.

The conversations are drawn from a fixed seed (LARDER_TEST_SEED), so that a failure can be repeated: valid ones that were
mutated, random bytes, truncated messages, lengths that lie, messages out of order, half-open TLS, and clients that leave or stop reading.
"""
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import postgres_server, wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402

CONVERSATIONS = int(os.environ.get("LARDER_TEST_CONVERSATIONS", "10000"))
SEED = int(os.environ.get("LARDER_TEST_SEED", "20240203"))
THREADS = 4
DATABASE = "larder_bad_input"
GROWTH_BYTES_MAX = 64 << 20     # what allocators keep; ten thousand leaked sessions are far more
DESCRIPTORS_MORE_MAX = 8        # Larder's own connections come and go; one conversation in a hundred that leaks is more
SETTLE_SECONDS_MAX = 60
READ = "SELECT n FROM t WHERE id = 1"

VALID = (
    lambda: wire.query(READ), lambda: wire.query("SELECT 1; SELECT 2"), lambda: wire.query(""), lambda: wire.query("BEGIN"), lambda: wire.query("ROLLBACK"), lambda: wire.parse("", READ), lambda: wire.parse("s", "SELECT $1::int", 23),
    lambda: wire.bind(), lambda: wire.bind("", "s", (1,)), lambda: wire.bind("p", "", (b"x" * 100,), (1,), (1,)), lambda: wire.describe_statement(), lambda: wire.describe_portal(), lambda: wire.execute(), lambda: wire.execute("p", 1),
    wire.sync, wire.flush, lambda: wire.close_statement("s"), lambda: wire.close_portal(), lambda: wire.copy_data(b"1\t2\n"), wire.copy_done, lambda: wire.copy_fail("x"), lambda: wire.function_call(177, (b"\0\0\0\1", b"\0\0\0\2")),
    lambda: wire.query("COPY t FROM STDIN"), lambda: wire.query("SELECT 1/0"), lambda: wire.query("SELECT repeat('x', 100000)"), lambda: wire.message(b"p", b"password\0"), wire.terminate,
)


class Talker:
    """One thread's conversations."""

    def __init__(self, host, port, user, seed):
        self.host, self.port, self.user = host, port, user
        self.chance = random.Random(seed)

    def startup(self):
        return wire.startup(self.user, DATABASE)

    def mutated(self, data):
        data = bytearray(data)
        for _ in range(self.chance.randint(1, 4)):
            kind, at = self.chance.randrange(5), self.chance.randrange(len(data)) if data else 0
            if not data:
                break
            if kind == 0:
                data[at] = self.chance.randrange(256)
            elif kind == 1:
                del data[at:at + self.chance.randint(1, 8)]
            elif kind == 2:
                data[at:at] = self.chance.randbytes(self.chance.randint(1, 8))
            elif kind == 3:
                data[at:at + 4] = struct.pack("!I", self.chance.choice((0, 1, 3, 4, 5, 0x7fffffff, 0xffffffff, 0x80000000, 0x40000000, 65536)))
            else:
                data = data[:at]
        return bytes(data)

    def batch(self):
        return b"".join(self.chance.choice(VALID)() for _ in range(self.chance.randint(1, 12)))

    def pieces(self):
        """What one conversation sends, in pieces, and whether its client then reads."""
        kind, chance = self.chance.randrange(10), self.chance
        if kind == 0:
            return [chance.randbytes(chance.randint(0, 400))]
        if kind == 1:
            return [self.mutated(self.startup()), self.batch()]
        if kind == 2:
            return [self.startup(), chance.randbytes(chance.randint(1, 300))]
        if kind == 3:
            return [self.startup(), self.mutated(self.batch())]
        if kind == 4:
            return [self.startup() + self.batch()]           # nothing waited for
        if kind == 5:
            whole = self.startup() + self.batch()
            return [whole[:chance.randrange(len(whole) + 1)]]
        if kind == 6:
            return [wire.SSL_REQUEST, chance.choice((b"", b"\x16\x03\x01\x02\x00\x01", chance.randbytes(50), self.startup()))]
        if kind == 7:
            return [struct.pack("!i", chance.choice((0, 1, 4, 7, 8, 9, 10001, -1, 0x7fffffff))) + chance.randbytes(chance.randint(0, 40))]
        if kind == 8:
            lie = chance.choice(b"QPBDECSHFdcfpX") .to_bytes(1, "big") + struct.pack("!I", chance.choice((0, 1, 3, 0x7fffffff, 0xffffffff, 0x3fffffff, 100000)))
            return [self.startup(), self.batch(), lie + chance.randbytes(chance.randint(0, 30))]
        return [chance.choice((wire.GSSENC_REQUEST, wire.cancel_request(chance.randrange(1 << 31), chance.randbytes(4)), wire.cancel_request(1, b""), wire.SSL_REQUEST * 3))]

    def converse(self):
        chance = self.chance
        with socket.create_connection((self.host, self.port), timeout=30) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                pieces = self.pieces()
                for piece in pieces:
                    if chance.random() < 0.2:
                        for i in range(0, len(piece), 7):
                            sock.sendall(piece[i:i + 7])
                    else:
                        sock.sendall(piece)
                    if chance.random() < 0.3:
                        sock.settimeout(0.01)
                        try:
                            sock.recv(chance.choice((1, 100, 65536)))
                        except (socket.timeout, TimeoutError):
                            pass
                        sock.settimeout(30)
                end = chance.random()
                if end < 0.3:
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
                elif end < 0.5:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset instead of a close
            except (socket.timeout, TimeoutError) as failure:
                raise AssertionError(f"a connection was kept open for 30 s after its client sent {pieces} and closed its side") from failure
            except OSError:
                pass  # the other side was right to end it first


class BadInput(unittest.TestCase):
    settings = ("freshness.writers=only-larder",)
    conversations = CONVERSATIONS

    @classmethod
    def setUpClass(cls):
        cls.direct = postgres_server.server()
        cls.direct.create_database(DATABASE)
        cls.direct.run(DATABASE, "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")
        cls.folder = tempfile.TemporaryDirectory()
        cls.larder = Larder(cls.direct, cls.settings + cls.more_settings())
        cls.through = cls.larder.server

    @classmethod
    def more_settings(cls):
        return ()

    @classmethod
    def tearDownClass(cls):
        try:
            cls.larder.stop()
        finally:
            cls.direct.drop_database(DATABASE)
            cls.folder.cleanup()

    def reads_well(self):
        with wire.Connection(self.through.host, self.through.port) as connection:
            self.assertEqual(connection.login(self.direct.user, DATABASE)[-1][0], b"Z")
            for _ in range(3):
                self.assertEqual(connection.values(READ), [("42",)])
            connection.send(wire.terminate())
            connection.read_to_end()

    def sizes(self):
        return (0, 0) if DIRECT else (self.larder.open_descriptors(), self.larder.resident_bytes())

    def talk(self, conversations, seed):
        failures = []

        def run(number):
            talker = Talker(self.through.host, self.through.port, self.direct.user, seed + number)
            try:
                for _ in range(conversations // THREADS):
                    talker.converse()
            except Exception as failure:  # told by the main thread
                failures.append(f"thread {number}: {failure!r}")
        threads = [threading.Thread(target=run, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertTrue(self.larder.is_running(), "Larder ended")

    def settled(self, descriptors):
        """Clients that left are noticed a moment later, and so are their servers."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while self.sizes()[0] > descriptors and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.sizes()

    def steady(self):
        """The sizes once no descriptor was closed for a second."""
        sizes = self.sizes()
        while True:
            time.sleep(1)
            now = self.sizes()
            if now[0] >= sizes[0]:
                return now
            sizes = now

    def test_conversations(self):
        self.reads_well()
        self.talk(self.conversations // 10, SEED + 1000)   # buffers and pools grow to their working size first
        self.reads_well()
        before = self.steady()
        self.talk(self.conversations, SEED)
        self.reads_well()
        descriptors, memory = self.settled(before[0] + DESCRIPTORS_MORE_MAX)
        self.assertLessEqual(descriptors, before[0] + DESCRIPTORS_MORE_MAX, "open files are left over")
        self.assertLess(memory - before[1], GROWTH_BYTES_MAX, f"memory grew from {before[1]} to {memory}")
        self.reads_well()
        print(f"{self.conversations} conversations with seed {SEED}; open files {before[0]} -> {descriptors}, memory {before[1] >> 20} -> {memory >> 20} MB", file=sys.stderr)

    def test_client_that_stops_reading(self):
        """A large answer nobody reads is held by PostgreSQL, not by Larder, and holds up no one else."""
        before = self.sizes()[1]
        stuck = wire.Connection(self.through.host, self.through.port)
        stuck.login(self.direct.user, DATABASE)
        stuck.send(wire.query("SELECT repeat('x', 1000) FROM generate_series(1, 400000)"))
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            self.reads_well()
        self.assertLess(self.sizes()[1] - before, 100 << 20)
        count = sum(kind == b"D" for kind, _ in stuck.read_until((b"Z",)))
        self.assertEqual(count, 400000)
        stuck.close()
        self.reads_well()


@unittest.skipIf(DIRECT, "the scratch server has no certificate")
class BadInputWithTls(BadInput):
    """The same against a listener that offers TLS."""

    conversations = CONVERSATIONS // 10

    @classmethod
    def more_settings(cls):
        certificate, key = (os.path.join(cls.folder.name, name) for name in ("server.crt", "server.key"))
        subprocess.run(["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost", "-out", certificate, "-keyout", key], check=True, capture_output=True)
        return f"listen.tls_cert_file={certificate}", f"listen.tls_key_file={key}"

    def test_garbage_inside_tls(self):
        chance = random.Random(SEED)
        for _ in range(200):
            with wire.Connection(self.through.host, self.through.port) as connection:
                self.assertEqual(connection.start_tls(), b"S")
                try:
                    connection.sock.sendall(chance.choice((b"", wire.startup(self.direct.user, DATABASE)[:20], chance.randbytes(100), wire.startup(self.direct.user, DATABASE) + chance.randbytes(50))))
                except (ssl.SSLError, ConnectionError):
                    pass
        self.reads_well()


if __name__ == "__main__":
    unittest.main()
