#!/usr/bin/python3
"""The API against a real server: what it shows is so, what it changes is changed, and nobody changes anything from a page of his own."""
import contextlib
import http.client
import json
import os
import sys
import tempfile
import threading
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import hits_of, wait_for_hit, wait_until_serving  # noqa: E402

TOKEN = "token-of-the-test"
READ, OTHER = "SELECT n FROM t WHERE n > 0", "SELECT n FROM u"
BY_KEY = "SELECT n FROM t WHERE id = 1"


@unittest.skipIf(DIRECT, "tests Larder's own API")
class Api(unittest.TestCase):
    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)", "CREATE TABLE u AS SELECT 7 AS n", "ANALYZE")
        self.token = tempfile.NamedTemporaryFile("w", suffix=".token")
        self.addCleanup(self.token.close)
        self.token.write(TOKEN + "\n")
        self.token.flush()
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder", f"admin.token_file={self.token.name}"))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.connection = self.connect()

    def connect(self):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="postgres")
        connection.autocommit = True
        self.addCleanup(connection.close)
        return connection

    def read(self, text=READ, connection=None):
        with (connection or self.connection).cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None

    def ask(self, method, path, body=None, **headers):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)) as connection:
            connection.request(method, path, body and json.dumps(body), headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer, answer.read()

    def get(self, path):
        answer, body = self.ask("GET", path)
        self.assertEqual(answer.status, 200, (path, body))
        return json.loads(body)

    def change(self, method, path, status, body=None):
        answer, body = self.ask(method, path, body, Authorization="Bearer " + TOKEN)
        self.assertEqual(answer.status, status, body)
        return json.loads(body) if body else None

    def is_hit(self, text):
        return hits_of(self.larder, lambda: self.read(text), times=1) == 1

    def relation(self, name):
        return next((row for row in self.get("/api/v1/relations?limit=1000")["relations"] if row["relation"] == name), None)

    def test_what_is_kept_and_purged_by_relation(self):
        for text in (READ, BY_KEY, OTHER):
            wait_for_hit(self.larder, lambda: self.read(text))  # noqa: B023
        entries = self.get("/api/v1/cache/entries?relation=public.t")["entries"]
        self.assertEqual([(entry["relations"], entry["database"]) for entry in entries], [(["public.t"], "postgres")] * 2)
        self.assertEqual(sum(entry["bytes"] for entry in entries), self.relation("public.t")["entry_bytes"])
        self.assertGreaterEqual(self.change("DELETE", "/api/v1/cache?relation=public.t&database=nowhere", 404)["status"], 404)
        self.assertEqual(self.change("DELETE", "/api/v1/cache?relation=public.t", 200)["dropped"], 2)
        self.assertEqual(self.get("/api/v1/cache/entries?relation=public.t")["total"], 0)
        self.assertTrue(self.is_hit(OTHER), "what does not depend on it stays")
        self.assertFalse(self.is_hit(READ))
        self.assertFalse(self.is_hit(BY_KEY))
        wait_for_hit(self.larder, lambda: self.read(OTHER))
        self.change("DELETE", "/api/v1/cache", 200)
        self.assertEqual(self.get("/api/v1/cache")["entries"], 0)
        self.assertFalse(self.is_hit(OTHER))

    def test_what_is_kept_is_purged_by_tag_and_by_shape(self):
        tagged = "/* larder: tag=home */ " + READ
        self.change("POST", "/api/v1/rules", 201, {"name": "of_other", "table": "u", "tags": ["shop", "home page"]})
        self.addCleanup(self.change, "DELETE", "/api/v1/rules/of_other", 204)
        everything = (READ, BY_KEY, OTHER, tagged)
        shape = lambda text: eventually(lambda: next((row["fingerprint"] for row in self.get("/api/v1/queries?limit=1000")["queries"] if row["query"] == text), None), "its shape is known")  # noqa: E731

        def is_kept_after(path, dropped):
            for text in everything:
                wait_for_hit(self.larder, lambda: self.read(text))  # noqa: B023
            self.assertEqual(self.change("DELETE", "/api/v1/cache?" + path, 200)["dropped"], dropped)
            return [self.is_hit(text) for text in everything]
        self.assertEqual(is_kept_after("tag=home", 1), [True, True, True, False])
        self.assertEqual(is_kept_after("tag=shop", 1), [True, True, False, True])
        self.assertEqual(is_kept_after("tag=home%20page&database=postgres", 1), [True, True, False, True])
        self.assertEqual(is_kept_after("tag=shop&database=elsewhere", 0), [True] * 4)
        self.assertEqual(is_kept_after("tag=hom", 0), [True] * 4)
        self.assertEqual(is_kept_after("fingerprint=" + shape(BY_KEY.replace("1", "$1")).upper(), 1), [True, False, True, True])
        # A comment is no part of a shape.
        self.assertEqual(is_kept_after("fingerprint=" + shape(READ.replace("0", "$1")), 2), [False, True, True, False])
        for wrong in ("fingerprint=xyz", "fingerprint=0", "fingerprint=12345678901234567", "tag=", "tag=a&relation=t", "database=postgres", "tags=a"):
            self.change("DELETE", "/api/v1/cache?" + wrong, 400)

    def test_a_read_under_way_is_not_kept_after_a_purge(self):
        for text, purge in ((READ, "?relation=t"), (BY_KEY, "?relation=t"), (READ, ""), (READ, "?tag=of_nothing"), (READ, "?fingerprint=1")):
            wait_for_hit(self.larder, lambda: self.read(text))  # noqa: B023
            self.change("DELETE", "/api/v1/cache", 200)
            locker = self.cluster.server.connect("postgres")  # round Larder
            with locker.cursor() as cursor:
                cursor.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
                second = self.connect()
                reader = threading.Thread(target=self.read, args=(text, second))
                reader.start()
                eventually(lambda: self.cluster.run("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")[0][0] == 1, "the read waits for the lock")
                self.change("DELETE", "/api/v1/cache" + purge, 200)
            locker.close()
            reader.join()
            self.assertEqual(self.get("/api/v1/cache/entries?relation=public.t")["total"], 0, text + purge)
            self.assertEqual(self.read(text), [(42,)])

    def test_reads_hits_and_writes_by_relation(self):
        wait_for_hit(self.larder, lambda: self.read(READ))
        before = self.relation("public.t")
        for _ in range(5):
            self.read(READ)
        self.read("UPDATE t SET n = n + 1")
        after = self.relation("public.t")
        self.assertEqual([after[key] - before[key] for key in ("reads", "hits")], [5, 5])
        # The first text of a shape may not be counted.
        self.read("UPDATE t SET n = n + 1")
        self.assertGreaterEqual(self.relation("public.t")["writes"], 1)

    def test_a_client_is_ended(self):
        victim = self.connect()
        pid = self.read("SELECT pg_backend_pid()", victim)[0][0]
        row = eventually(lambda: next((row for row in self.get("/api/v1/clients")["clients"] if row["server_pid"] == pid), None), "the client is shown")
        self.change("DELETE", f"/api/v1/clients/{row['id']}", 202)

        def is_gone():
            try:
                self.read("SELECT 1", victim)
                return False
            except psycopg2.Error as error:
                return "administrator command" in str(error) or "closed" in str(error)
        eventually(is_gone, "its session has ended")
        eventually(lambda: not self.cluster.run(f"SELECT FROM pg_stat_activity WHERE pid = {pid}"), "its server is gone as well")
        self.assertEqual(self.read(), [(42,)])
        eventually(lambda: self.ask("DELETE", f"/api/v1/clients/{row['id']}", Authorization="Bearer " + TOKEN)[0].status == 404, "nobody is there any more")

    def test_the_configuration(self):
        settings = {row["name"]: row for row in self.get("/api/v1/config")["settings"]}
        self.assertEqual(settings["freshness.writers"]["value"], '"only-larder"')
        self.assertEqual(settings["listen.workers"]["value"], "2")
        self.assertTrue(settings["listen.workers"]["needs_restart"])
        self.assertNotIn(TOKEN, json.dumps(settings))
        self.assertEqual(self.change("POST", "/api/v1/config/reload", 200), {"changed": [], "needs_restart": []})
        self.assertEqual(self.get("/api/v1/status")["promise"]["level"], "strict")

    def test_passwords_are_not_shown(self):
        uri = self.cluster.server.uri("postgres").replace("postgres@", "postgres:se-cret@")
        larder = Larder(self.cluster.server, (f"upstream.uri={uri}", "freshness.writers=only-larder"))
        self.addCleanup(larder.stop)
        text = larder.http("/api/v1/config")
        self.assertIn("upstream.uri", text)
        self.assertNotIn("se-cret", text)

    def test_no_page_from_elsewhere_can_do_anything(self):
        wait_for_hit(self.larder, self.read)
        port = self.larder.admin_port
        for headers in ({"Origin": "https://evil.example"}, {"Origin": f"http://127.0.0.1:{port}"}, {"Cookie": f"token={TOKEN}"}, {"Origin": "null", "Authorization": "Basic " + TOKEN}):
            answer, _ = self.ask("DELETE", "/api/v1/cache", **headers)
            self.assertEqual(answer.status, 401)
            self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
        self.assertTrue(self.is_hit(READ), "nothing was dropped")
        # Nor read anything: no answer allows it, and a preflight is refused.
        for method, path in (("GET", "/api/v1/status"), ("OPTIONS", "/api/v1/cache"), ("GET", "/")):
            answer, _ = self.ask(method, path, Origin="https://evil.example", Access_Control_Request_Method="DELETE")
            self.assertFalse([name for name in answer.headers if name.lower().startswith("access-control")])
        self.assertEqual(self.ask("OPTIONS", "/api/v1/cache")[0].status, 405)
        # Not even with a name of his own that resolves to this address, token or not.
        self.assertEqual(self.ask("DELETE", "/api/v1/cache", Host=f"evil.example:{port}", Authorization="Bearer " + TOKEN)[0].status, 403)
        policy = self.ask("GET", "/")[0].headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)

    def test_what_is_known_is_not_sent_again(self):
        answer, body = self.ask("GET", "/api/v1/config")
        again, nothing = self.ask("GET", "/api/v1/config", If_None_Match=answer.headers["ETag"])
        self.assertEqual((again.status, nothing, again.headers["ETag"]), (304, b"", answer.headers["ETag"]))
        self.assertEqual(self.ask("GET", "/api/v1/config", If_None_Match='"other"')[1], body)


if __name__ == "__main__":
    unittest.main()
