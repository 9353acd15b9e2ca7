"""The bench's own programs: what bench_load counts is what was sent, and it sees answers that are wrong or stale."""
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(os.environ.get("LARDER_BUILD", os.path.join(ROOT, "build")), "bench")
LOAD, RESPONDER, RELAY = (os.path.join(BENCH, "bench_" + name) for name in ("load", "responder", "relay"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def load(port, *arguments):
    """Exit status and the figures."""
    done = subprocess.run([LOAD, "--port", str(port), "--warmup", "0", "--duration", "60", *arguments], capture_output=True, text=True,
                          timeout=120, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def started(program, port, *arguments):
    """The process, once it listens."""
    process = subprocess.Popen([program, "--port", str(port), *arguments])
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        if process.poll() is not None:
            raise RuntimeError(f"{program} ended")


class RespondingTest(unittest.TestCase):
    """bench_load against bench_responder."""

    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.responder = started(RESPONDER, cls.port)

    @classmethod
    def tearDownClass(cls):
        cls.responder.terminate()
        cls.responder.wait()

    def test_every_mode_counts_its_requests(self):
        for mode in ("simple", "extended", "prepared"):
            for workload, queries in (("read", 1), ("block", 4), ("pipeline", 16)):
                with self.subTest(mode=mode, workload=workload):
                    status, seen = load(self.port, "--mode", mode, "--workload", workload, "--connections", "7", "--count", "500", "--canned")
                    self.assertEqual((status, seen["requests"], seen["queries"]), (0, 500, 500 * queries))
                    self.assertEqual((seen["errors"], seen["wrong"], seen["stale"], seen["lost"], seen["stuck"]), (0, 0, 0, 0, False))
                    self.assertLessEqual(seen["p50_us"], seen["p99_us"])
                    self.assertLessEqual(seen["p99_us"], seen["max_us"])

    def test_short_connections_and_stampedes(self):
        status, seen = load(self.port, "--workload", "connect", "--connections", "5", "--count", "200", "--sources", "3", "--canned")
        self.assertEqual((status, seen["requests"], seen["lost"]), (0, 200, 0))
        status, seen = load(self.port, "--workload", "stampede", "--text", "select {n}", "--connections", "50", "--count", "150", "--canned")
        self.assertEqual((status, seen["requests"]), (0, 150))

    def test_the_relay_passes_everything_on(self):
        port = free_port()
        relay = started(RELAY, port, "--upstream", str(self.port))
        try:
            for workload in ("read", "pipeline", "connect"):
                status, seen = load(port, "--workload", workload, "--connections", "9", "--count", "900", "--canned")
                self.assertEqual((status, seen["requests"], seen["lost"]), (0, 900, 0))
        finally:
            relay.terminate()
            relay.wait()

    def test_answers_to_another_question_are_wrong(self):
        status, seen = load(self.port, "--count", "100")
        self.assertEqual((status, seen["wrong"]), (3, 100))


class Server(threading.Thread):
    """A server of one connection that keeps the table in a dictionary. Answers simple queries alone.

    forgets: reads see the table as it was when the server started."""

    def __init__(self, forgets=False, refuses_login=False):
        super().__init__(daemon=True)
        self._forgets, self._refuses = forgets, refuses_login
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._rows = {}
        self.start()

    def run(self):
        with self._socket:
            connection, _ = self._socket.accept()
        with connection, connection.makefile("rb") as stream:
            stream.read(struct.unpack("!i", stream.read(4))[0] - 4)
            if self._refuses:
                connection.sendall(message(b"E", b"SFATAL\0C28000\0Mnot you\0\0"))
                return
            connection.sendall(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I"))
            while (kind := stream.read(1)) == b"Q":
                text = stream.read(struct.unpack("!i", stream.read(4))[0] - 4).rstrip(b"\0").decode()
                connection.sendall(self._answer(text.split()) + message(b"Z", b"I"))

    def _answer(self, words):
        key = words[-1]
        if words[0] in ("BEGIN", "COMMIT", "INSERT"):
            return message(b"C", words[0].encode() + b"\0")
        if words[0] == "UPDATE":
            self._rows[key] = words[words.index("v") + 2]
            return message(b"C", b"UPDATE 1\0")
        value = "1" if self._forgets else self._rows.get(key, "1")
        row = struct.pack("!h", 3) + b"".join(struct.pack("!i", len(column)) + column.encode() for column in (key, value, "pad"))
        return message(b"D", row) + message(b"C", b"SELECT 1\0")


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


class StaleTest(unittest.TestCase):
    MIXED = ("--workload", "mixed", "--write-percent", "50", "--keys", "3", "--count", "400")

    def test_an_honest_server_is_not_accused(self):
        status, seen = load(Server().port, *self.MIXED)
        self.assertEqual((status, seen["wrong"], seen["stale"]), (0, 0, 0))
        self.assertGreater(seen["writes"], 100)

    def test_transactions_acknowledge_their_writes_with_their_commit(self):
        transactions = ("--workload", "orm", *self.MIXED[2:])
        status, seen = load(Server().port, *transactions)
        self.assertEqual((status, seen["wrong"], seen["stale"]), (0, 0, 0))
        self.assertGreater(seen["writes"], 100)
        status, seen = load(Server(forgets=True).port, *transactions)
        self.assertEqual((status, seen["wrong"]), (3, 0))
        self.assertGreater(seen["stale"], 100)

    def test_inserts_are_writes_and_other_conditions_reads(self):
        status, seen = load(Server().port, *self.MIXED, "--insert-percent", "100", "--where", "k BETWEEN {k} AND {k}")
        self.assertEqual((status, seen["wrong"], seen["stale"]), (0, 0, 0))
        self.assertGreater(seen["writes"], 100)

    def test_reads_older_than_an_acknowledged_write_are_stale(self):
        status, seen = load(Server(forgets=True).port, *self.MIXED)
        self.assertEqual((status, seen["wrong"]), (3, 0))
        self.assertGreater(seen["stale"], 100)

    def test_a_refused_login_is_reported(self):
        status, seen = load(Server(refuses_login=True).port)
        self.assertEqual(status, 1)
        self.assertIn("not you", seen)


if __name__ == "__main__":
    if not os.path.exists(LOAD):
        print(f"skipped: {LOAD} is not built")
        sys.exit(77)
    unittest.main()
