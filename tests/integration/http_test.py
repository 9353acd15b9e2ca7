#!/usr/bin/python3
"""The HTTP server: its documents, what it refuses, and that Prometheus' own checker finds nothing to say about the metrics."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder, binary  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.postgres_server import free_port  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

DOCUMENTS = ("/", "/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/reasons", "/api/v1/cache", "/api/v1/config", "/api/v1/openapi.json",
             "/api/v1/slow-queries", "/api/v1/advice", "/api/v1/deployments", "/api/v1/rules")
LISTS = ("/api/v1/clients", "/api/v1/relations", "/api/v1/pools", "/api/v1/cache/entries", "/api/v1/queries")  # these take parameters, and no others than they know


@unittest.skipIf(DIRECT, "tests Larder's own HTTP server")
class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")
        cls.larder = Larder(cls.cluster.server)
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)

    def ask(self, method, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def raw(self, request):
        """Bytes in, bytes out until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.larder.admin_port), timeout=60) as sock:
            try:
                sock.sendall(request)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            data = b""
            try:
                while piece := sock.recv(65536):
                    data += piece
            except ConnectionResetError:
                pass
            return data

    def test_documents(self):
        for path in DOCUMENTS + LISTS:
            answer, body = self.ask("GET", path)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(int(answer.headers["Content-Length"]), len(body))
            self.assertGreater(len(body), 0)
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            if path.startswith("/api/"):
                self.assertEqual(answer.headers["Content-Type"], "application/json")
                self.assertIsInstance(json.loads(body), dict)
            head, nothing = self.ask("HEAD", path)
            self.assertEqual((head.status, nothing), (200, b""), path)
            self.assertEqual(self.ask("GET", path + "?x=1")[0].status, 400 if path in LISTS else self.status_of_unknown(path), path)

    @staticmethod
    def status_of_unknown(path):
        return 400 if path == "/api/v1/rules" else 200

    def test_status(self):
        connection = self.larder.server.connect("postgres", application_name='a "quoted" \\ name')
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM t")
        status = json.loads(self.ask("GET", "/api/v1/status")[1])
        self.assertTrue(status["serving"])
        self.assertIsNone(status["not_serving_reason"])
        self.assertEqual(status["clients"]["now"], 1)
        self.assertEqual([d["name"] for d in status["databases"]], ["postgres"])
        names = lambda: [c["application_name"] for c in json.loads(self.ask("GET", "/api/v1/clients")[1])["clients"]]  # noqa: E731
        eventually(lambda: 'a "quoted" \\ name' in names(), "the client is shown as it called itself")
        connection.close()

    def test_metrics_pass_promtool(self):
        checker = shutil.which("promtool")
        if checker is None:
            self.skipTest("promtool (package prometheus) is not installed")
        done = subprocess.run([checker, "check", "metrics"], input=self.larder.http("/metrics"), capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_metrics_are_all_there(self):
        self.larder.server.run("postgres", "SELECT 1")  # numbers by database are there once one is in use
        text = self.larder.http("/metrics")
        for name in ("larder_cache_hits_total", "larder_cache_misses_total", "larder_cache_bypasses_total{reason=", "larder_cache_stored_total",
                     "larder_cache_invalidations_total", "larder_cache_bytes", "larder_unknown_in_flight_seconds_total", "larder_server_connections{state=",
                     "larder_client_connections", "larder_limit_hits_total{limit="):
            self.assertIn("\n" + name, text)

    def problem(self, answer, body, status):
        self.assertEqual(answer.status, status)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        document = json.loads(body)
        self.assertEqual(document["status"], status)
        self.assertTrue(document["title"] and document["detail"])

    def test_refusals(self):
        self.problem(*self.ask("GET", "/nothing"), 404)
        self.problem(*self.ask("GET", "/metrics/"), 404)
        self.problem(*self.ask("GET", "/../../etc/passwd"), 404)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"):
            answer, body = self.ask(method, "/metrics")
            self.problem(answer, body, 405)
            self.assertEqual(answer.headers["Allow"], "GET, HEAD")
        self.problem(*self.ask("GET", "/metrics", Host="rebound.example"), 403)
        for host in ("localhost", "localhost:1", "127.0.0.1", "[::1]:80"):
            self.assertEqual(self.ask("GET", "/healthz", Host=host)[0].status, 200, host)

    def test_limits(self):
        self.assertIn(b" 413 ", self.raw(b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        self.assertIn(b" 413 ", self.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 10_000 + b"\r\n"))
        self.assertIn(b" 413 ", self.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000))
        for junk in (b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 1000, b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET"):
            answer = self.raw(junk)
            self.assertTrue(answer == b"" or b" 400 " in answer.splitlines()[0], (junk, answer))
        self.assertEqual(self.larder.http("/healthz"), "ok\n")

    def test_keep_alive_and_pipelines(self):
        answer = self.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 20)
        self.assertEqual(answer.count(b"\r\n\r\nok\n"), 20)

    def test_connections_that_say_nothing_lock_nobody_out_for_good(self):
        silent = [socket.create_connection(("127.0.0.1", self.larder.admin_port), timeout=60) for _ in range(100)]

        def answers():
            try:
                return self.larder.http("/healthz") == "ok\n"
            except OSError:
                return False
        eventually(answers, "it answers once those who say nothing were sent away")
        for sock in silent:
            sock.close()

    def open_and_say(self, text, count):
        sockets = [socket.create_connection(("127.0.0.1", self.larder.admin_port), timeout=60) for _ in range(count)]
        for sock in sockets:
            self.addCleanup(sock.close)
            try:
                sock.sendall(text)
            except OSError:
                pass
        return sockets

    def test_a_new_connection_pushes_out_the_one_that_has_waited_longest(self):
        before = self.larder.open_descriptors()
        self.open_and_say(b"", 300)
        for _ in range(5):
            self.assertEqual(self.larder.http("/healthz"), "ok\n")
            self.open_and_say(b"GET /healthz HTTP/1.1\r\n", 100)
            self.assertEqual(self.larder.http("/healthz"), "ok\n")
        self.assertLessEqual(self.larder.open_descriptors() - before, 256 + 20)

    def test_who_sends_a_byte_now_and_then_starves_nobody(self):
        stop = threading.Event()

        def send_slowly():
            while not stop.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", self.larder.admin_port), timeout=60) as sock:
                        for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1000:
                            sock.send(bytes([byte]))
                            if stop.wait(0.1):
                                return
                except OSError:
                    stop.wait(0.01)
        threads = [threading.Thread(target=send_slowly) for _ in range(150)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: self.larder.open_descriptors() > 60, "they are there")
            for _ in range(20):
                self.assertEqual(self.larder.http("/healthz"), "ok\n")
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_a_slow_head_or_body_is_cut_off(self):
        for text in (b"GET /healthz HTTP/1.1\r\nX: ", b"POST /api/v1/rules HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"):
            [sock] = self.open_and_say(text, 1)

            def is_closed(sock=sock):
                try:
                    sock.sendall(b"x")
                    sock.setblocking(False)
                    return sock.recv(1) == b""
                except BlockingIOError:
                    return False
                except OSError:
                    return True
                finally:
                    sock.setblocking(True)
            eventually(is_closed, "it is closed though bytes come")

    def test_other_addresses_are_refused(self):
        for address in ("0.0.0.0", "192.0.2.1", "[::]", "example.com"):
            done = subprocess.run([binary(), "--listen", f"127.0.0.1:{free_port()}", "--admin", f"{address}:{free_port()}", "--upstream", self.cluster.server.uri("postgres")],
                                  capture_output=True, text=True, check=False, timeout=120)
            self.assertIn(done.returncode, (1, 2), address)
            self.assertRegex(done.stderr, "loopback|not an IP address")

    def test_taken_address(self):
        done = subprocess.run([binary(), "--listen", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{self.larder.admin_port}", "--upstream", self.cluster.server.uri("postgres")],
                              capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot listen", done.stderr)


@unittest.skipIf(DIRECT, "tests Larder's own HTTP server")
class Readiness(unittest.TestCase):
    def ready(self, larder):
        connection = http.client.HTTPConnection("127.0.0.1", larder.admin_port, timeout=60)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def test_readyz_follows_the_server(self):
        cluster = OwnCluster()
        larder = Larder(cluster.server)
        self.addCleanup(larder.stop)
        eventually(lambda: self.ready(larder) == (200, b"ready\n"), "it is ready")
        cluster.stop()
        eventually(lambda: self.ready(larder)[0] == 503, "it is not ready without a server")
        self.assertEqual(larder.http("/healthz"), "ok\n")
        cluster.start()
        eventually(lambda: self.ready(larder) == (200, b"ready\n"), "it is ready again")

    def test_ready_though_nothing_is_cached(self):
        larder = Larder(OwnCluster().server, ("cache.enabled=false",))
        self.addCleanup(larder.stop)
        eventually(lambda: self.ready(larder)[0] == 200, "it is ready")
        self.assertIn(b"not serving from the cache", self.ready(larder)[1])


if __name__ == "__main__":
    unittest.main()
