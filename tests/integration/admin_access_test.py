#!/usr/bin/python3
"""Who may read and change what on the admin port: by a token or a certificate, over TLS, and from elsewhere only where reading needs one of them."""
import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder, binary  # noqa: E402
from support.node import modules  # noqa: E402
from support.own_cluster import OwnCluster, eventually, make_certificate  # noqa: E402
from support.postgres_server import free_port  # noqa: E402
from support.web_socket import Refused, WebSocket  # noqa: E402

CHANGE, READ, WRONG = "token-that-changes", "token=that/reads", "token-of-nobody"
OPEN = ("/", "/assets/app.js", "/healthz")
SECRET = ("/metrics", "/api/v1/status", "/api/v1/config", "/api/v1/clients", "/api/v1/events", "/api/v1/openapi.json")


@unittest.skipIf(DIRECT, "tests Larder's own admin port")
class AdminAccess(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.addClassCleanup(cls.cluster.remove)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        for name, token in (("change", CHANGE), ("read", READ)):
            with open(os.path.join(cls.folder, name), "w", encoding="ascii") as file:
                file.write(token + "\n")
        cls.server_files = make_certificate(cls.folder, "server")
        make_certificate(cls.folder, "authority", "authority")
        make_certificate(cls.folder, "elsewhere", "elsewhere")
        for name in ("anna", "bert", "carl"):
            make_certificate(cls.folder, name, name, "authority")
        make_certificate(cls.folder, "forged", "anna", "elsewhere")

    def file(self, name):
        return os.path.join(self.folder, name)

    def tls(self, name=None):
        context = ssl.create_default_context(cafile=self.server_files[0])
        context.check_hostname = False
        if name is not None:
            context.load_cert_chain(self.file(name + ".crt"), self.file(name + ".key"))
        return context

    def start(self, *settings, tls=False, host="127.0.0.1"):
        if tls:
            settings += (f"admin.tls_cert_file={self.server_files[0]}", f"admin.tls_key_file={self.server_files[1]}")
        larder = Larder(self.cluster.server, ("freshness.writers=only-larder", *settings), admin_host=host, admin_tls=self.tls() if tls else None)
        self.addCleanup(larder.stop)
        return larder

    def ask(self, larder, method, path, token=None, tls=None, **headers):
        made = http.client.HTTPConnection("127.0.0.1", larder.admin_port, timeout=60) if tls is None else http.client.HTTPSConnection("127.0.0.1", larder.admin_port, timeout=60, context=tls)
        with contextlib.closing(made) as connection:
            connection.request(method, path, headers={**headers, **({"Authorization": "Bearer " + token} if token else {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def test_reading_by_a_token(self):
        larder = self.start(f"admin.read_token_file={self.file('read')}", f"admin.token_file={self.file('change')}")
        for path in OPEN:
            self.assertEqual(self.ask(larder, "GET", path), 200, path)
        for path in SECRET:
            self.assertEqual([self.ask(larder, method, path, token) for method in ("GET", "HEAD") for token in (None, WRONG, READ[:-1], READ, CHANGE)], [401, 401, 401, 200, 200] * 2, path)
        self.assertEqual([self.ask(larder, "DELETE", "/api/v1/cache", token) for token in (None, WRONG, READ, CHANGE)], [401, 401, 403, 200])
        self.assertEqual(self.ask(larder, "GET", "/metrics", READ, Host="larder.example"), 200, "a page from elsewhere has no token, whatever its name")

    def test_a_web_socket_needs_it_as_well(self):
        larder = self.start(f"admin.read_token_file={self.file('read')}")
        for headers in ({}, {"Authorization": "Bearer " + WRONG}, {"Sec-WebSocket-Protocol": "larder"}, {"Sec-WebSocket-Protocol": "larder, bearer." + WRONG.encode().hex()},
                        {"Sec-WebSocket-Protocol": "larder, bearer.zz"}, {"Sec-WebSocket-Protocol": "larder, bearer." + READ}):
            with self.assertRaises(Refused) as refused:
                WebSocket(larder.admin_port, "/events", headers)
            self.assertIn(refused.exception.status, (400, 401), headers)
        for headers, protocol in (({"Authorization": "Bearer " + READ}, None), ({"Sec-WebSocket-Protocol": "larder, bearer." + READ.encode().hex()}, "larder")):
            stream = WebSocket(larder.admin_port, "/events?from=0", headers)
            self.assertEqual(stream.protocol, protocol)
            self.assertIn("kind", stream.read())
            stream.close()

    def test_tls_and_certificates(self):
        larder = self.start(f"admin.tls_ca_file={self.file('authority.crt')}", "admin.admin_users=anna", "admin.stats_users=bert", f"admin.token_file={self.file('change')}", tls=True)
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.ask(larder, "GET", "/healthz")
        self.assertEqual([self.ask(larder, "GET", path, tls=self.tls()) for path in OPEN], [200] * len(OPEN))
        for name, reads, changes in ((None, 401, 401), ("anna", 200, 200), ("bert", 200, 403), ("carl", 401, 401)):
            tls = self.tls(name)
            self.assertEqual([self.ask(larder, "GET", path, tls=tls) for path in SECRET], [reads] * len(SECRET), name)
            self.assertEqual(self.ask(larder, "DELETE", "/api/v1/cache", tls=tls), changes, name)
            self.assertEqual(self.ask(larder, "DELETE", "/api/v1/cache", CHANGE, tls=tls), 200, "a token does it as well")
        with self.assertRaises((ssl.SSLError, OSError)):
            self.ask(larder, "GET", "/healthz", tls=self.tls("forged"))
        # A page from elsewhere has its visitor's certificate sent along, and says where it is from.
        own = f"https://127.0.0.1:{larder.admin_port}"
        for origin, changes in ((own, 200), ("https://elsewhere.example", 401), ("null", 401)):
            self.assertEqual(self.ask(larder, "DELETE", "/api/v1/cache", tls=self.tls("anna"), Origin=origin), changes, origin)
        with self.assertRaises(Refused):
            WebSocket(larder.admin_port, "/events", {"Origin": "https://elsewhere.example"}, tls=self.tls("anna"))
        stream = WebSocket(larder.admin_port, "/events?from=0", tls=self.tls("bert"))
        self.assertIn("kind", stream.read())
        stream.close()
        self.assertIn(f"admin https://127.0.0.1:{larder.admin_port}", larder.output())

    def test_certificates_alone_let_nobody_else_change_anything(self):
        larder = self.start(f"admin.tls_ca_file={self.file('authority.crt')}", "admin.admin_users=anna", tls=True)
        self.assertEqual([self.ask(larder, "DELETE", "/api/v1/cache", tls=self.tls(name)) for name in (None, "carl", "anna")], [401, 401, 200])

    def test_many_over_tls_at_once_and_those_that_say_nothing(self):
        larder = self.start(tls=True)
        silent = [self.tls().wrap_socket(socket.create_connection(("127.0.0.1", larder.admin_port)), server_hostname="localhost") for _ in range(300)]
        self.assertEqual([self.ask(larder, "GET", "/metrics", tls=self.tls()) for _ in range(20)], [200] * 20)
        for connection in silent:
            connection.close()
        eventually(lambda: larder.http("/healthz") == "ok\n", "it goes on")

    def test_from_elsewhere_only_with_a_secret(self):
        for settings, said in (((), "admin.read_token_file"), ((f"admin.token_file={self.file('change')}",), "admin.read_token_file"), ((f"admin.tls_ca_file={self.file('authority.crt')}",), "needs admin.tls_cert_file"),
                               ((f"admin.tls_cert_file={self.server_files[0]}", f"admin.tls_key_file={self.file('anna.key')}", f"admin.read_token_file={self.file('read')}"), "admin.tls_key_file"),
                               ((f"admin.tls_cert_file={self.file('nothing')}", f"admin.read_token_file={self.file('read')}"), "admin.tls_cert_file")):
            command = [binary(), "--listen", f"127.0.0.1:{free_port()}", "--admin", f"0.0.0.0:{free_port()}", "--upstream", self.cluster.server.uri("postgres")]
            for setting in settings:
                command += ["--set", setting]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            self.assertNotEqual(ended.returncode, 0)
            self.assertIn(said, ended.stderr)
        larder = self.start(f"admin.read_token_file={self.file('read')}", host="0.0.0.0")
        self.assertIn("tokens can be read on their way", larder.output())
        self.assertEqual([self.ask(larder, "GET", "/metrics", token) for token in (None, READ)], [401, 200])
        self.assertEqual(json.loads(self.config(larder))["settings"][0].keys() >= {"name", "value"}, True)

    def test_the_dashboard_asks_for_the_token(self):
        if shutil.which("chromium") is None or shutil.which("node") is None:
            self.skipTest("chromium or node is not installed")
        larder = self.start(f"admin.read_token_file={self.file('read')}", tls=True)
        with tempfile.TemporaryDirectory() as folder:
            picture = os.path.join(os.environ.get("LARDER_PICTURES", folder), "dashboard-token.png")
            done = subprocess.run(["node", os.path.join(os.path.dirname(os.path.abspath(__file__)), "access_browser.js"), f"https://127.0.0.1:{larder.admin_port}", READ, shutil.which("chromium"), picture],
                                  env={**os.environ, "NODE_PATH": modules(), "HOME": folder}, capture_output=True, text=True, check=False, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def config(self, larder):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", larder.admin_port, timeout=60)) as connection:
            connection.request("GET", "/api/v1/config", headers={"Authorization": "Bearer " + READ})
            return connection.getresponse().read()


if __name__ == "__main__":
    unittest.main()
