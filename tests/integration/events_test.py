#!/usr/bin/python3
"""Events: each thing that happens is told once, by WebSocket, API, console and log alike; who comes back gets what he missed or hears of the gap; who is too slow or from elsewhere is turned away."""
import contextlib
import http.client
import json
import os
import sys
import tempfile
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402
from support.web_socket import Closed, Refused, WebSocket  # noqa: E402

TOKEN = "token-of-the-test"
READ = "SELECT n FROM t WHERE n > 0"
MEMBERS = {"id", "time", "kind", "database", "relation", "key", "lsn", "tags", "source", "count", "text"}


class Base(unittest.TestCase):
    SETTINGS = ()

    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)", "CREATE TABLE u AS SELECT 7 AS n")
        self.token = tempfile.NamedTemporaryFile("w", suffix=".token")
        self.addCleanup(self.token.close)
        self.token.write(TOKEN + "\n")
        self.token.flush()
        self.larder = Larder(self.cluster.server, (f"admin.token_file={self.token.name}", *self.SETTINGS))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.connection = self.connect(self.larder.port)

    def connect(self, port, database="postgres"):
        connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname=database)
        connection.autocommit = True
        self.addCleanup(connection.close)
        return connection

    def run_sql(self, text, connection=None):
        with (connection or self.connection).cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None

    def ask(self, method, path, body=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)) as connection:
            connection.request(method, path, body, {"Authorization": "Bearer " + TOKEN})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def events(self, query=""):
        status, body = self.ask("GET", "/api/v1/events" + query)
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def listen(self, query="", **more):
        made = WebSocket(self.larder.admin_port, "/events" + query, **more)
        self.addCleanup(made.close)
        return made

    def read_until(self, stream, kind, relation=None, source=None):
        """The first such event; all before it are others."""
        while True:
            event = stream.read()
            self.assertEqual(set(event), MEMBERS)
            if event["kind"] == kind and relation in (None, event["relation"]) and source in (None, event["source"]):
                return event

    def know(self, *texts):
        """Reads, so that Larder has the relations' counters and names."""
        for text in texts:
            wait_for_hit(self.larder, lambda text=text: self.run_sql(text))


@unittest.skipIf(DIRECT, "tests Larder's own events")
class Events(Base):
    SETTINGS = ("freshness.writers=only-larder", "events.newest_max=100", "events.log=true")

    def test_writes(self):
        self.know(READ, "SELECT n FROM u")
        stream, of_u = self.listen(), self.listen("?relation=public.u&kind=invalidation")
        for i in range(50):
            self.run_sql(f"UPDATE t SET n = {i + 1} WHERE id = 1")
        self.run_sql("UPDATE u SET n = 8")
        first = self.read_until(of_u, "invalidation", "public.u")  # one for the whole database may come before: what was asked while nothing was known
        self.assertEqual((first["relation"], first["database"], first["source"], first["lsn"], first["count"]), ("public.u", "postgres", "write", None, 1))
        # All fifty are told, in fewer events or as many, and each once.
        told = 0
        while told < 50:
            told += self.read_until(stream, "invalidation", "public.t")["count"]
        self.assertEqual(told, 50)
        # Nobody hears of a write before it is over: whoever reads now finds what was written.
        self.run_sql("BEGIN")
        self.run_sql("UPDATE u SET n = 9")
        before = self.events()["next"]
        self.run_sql("UPDATE t SET n = 0 WHERE id = 1", self.connect(self.larder.port))
        self.read_until(stream, "invalidation", "public.t")
        self.assertEqual([event for event in self.events(f"?from={before}")["events"] if event["relation"] == "public.u"], [])
        self.run_sql("COMMIT")
        self.assertEqual(self.read_until(of_u, "invalidation", "public.u")["count"], 1)

    def test_what_people_do(self):
        self.know(READ)
        stream = self.listen()
        status, body = self.ask("POST", "/api/v1/rules", json.dumps({"name": "r", "table": "t", "ttl": "30s", "tags": ["home", "shop"]}))
        self.assertEqual(status, 201, body)
        made = self.read_until(stream, "rule")
        self.assertEqual((made["relation"], made["tags"], made["text"]), ("public.t", ["home", "shop"], 'rule "r" was made'))
        tagged = self.listen("?tag=shop&kind=invalidation")
        self.run_sql("UPDATE t SET n = 1")
        self.assertEqual(self.read_until(tagged, "invalidation", "public.t")["tags"], ["home", "shop"])
        self.assertEqual(self.ask("DELETE", "/api/v1/rules/r")[0], 204)
        self.assertEqual(self.read_until(stream, "rule")["text"], 'rule "r" was dropped')
        self.assertEqual(self.ask("DELETE", "/api/v1/cache?relation=public.t")[0], 200)
        purge = self.read_until(stream, "purge")
        self.assertEqual((purge["relation"], purge["source"]), ("public.t", "cache"))
        self.assertEqual(self.ask("DELETE", "/api/v1/cache")[0], 200)
        # The purge moved the counters as a write would; it is not told of as one.
        self.assertEqual(stream.read()["kind"], "purge")
        self.assertEqual(self.ask("POST", "/api/v1/config/reload")[0], 200)
        self.read_until(stream, "reload")
        self.run_sql("CREATE TABLE v (n int)")
        self.read_until(stream, "schema")

    def test_one_source_for_all(self):
        self.assertEqual(self.ask("DELETE", "/api/v1/cache")[0], 200)
        eventually(lambda: any(event["kind"] == "upstream" for event in self.events()["events"]), "it is told that PostgreSQL can be reached")
        listed = self.events("?limit=1000")["events"]
        shown = self.run_sql("SHOW EVENTS", self.connect(self.larder.port, "larder"))
        self.assertEqual([(event["id"], event["kind"], event["text"]) for event in listed], [(int(row[0]), row[2], row[10]) for row in shown][: len(listed)])
        self.assertEqual([event["kind"] for event in self.events("?kind=purge,rule")["events"]], ["purge"])
        ids = [event["id"] for event in listed]
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))))
        eventually(lambda: str(ids[-1]) in self.larder.output(), "the log has the newest event")

    def test_coming_back(self):
        start = self.events()["next"]
        self.assertEqual(self.ask("DELETE", "/api/v1/cache")[0], 200)
        # In the ring: what was missed comes first, and nothing twice.
        event = self.read_until(self.listen(f"?from={start}"), "purge")
        self.assertGreater(event["id"], start)
        for _ in range(150):
            self.ask("DELETE", "/api/v1/cache")
        for missed in (event["id"], 7, event["id"] + 10**9):
            stream = self.listen(f"?from={missed}")
            gap, first = stream.read(), stream.read()
            self.assertEqual(gap["kind"], "gap")
            self.assertEqual(first["id"], gap["id"] + 1)
            page = self.events(f"?from={missed}&limit=1000")
            self.assertEqual((page["gap"], page["events"][0]["id"], len(page["events"])), (True, first["id"], 100))
        # A process that is started later has later ids.
        newest = self.events()["next"]
        self.larder.stop()
        self.larder = Larder(self.cluster.server, self.SETTINGS)
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        again = self.listen(f"?from={newest}")
        self.assertEqual(again.read()["kind"], "gap")
        self.assertGreater(again.read()["id"], newest)

    def test_the_slow_and_those_from_elsewhere(self):
        port = self.larder.admin_port
        for headers, status in (({"Origin": "http://elsewhere.example"}, 403), ({"Origin": "null"}, 403), ({"Host": "elsewhere.example"}, 403)):
            with self.assertRaises(Refused) as refused:
                WebSocket(port, "/events", headers)
            self.assertEqual(refused.exception.status, status)
        self.listen(headers={"Origin": f"http://127.0.0.1:{port}"})
        for path, status in (("/events?kind=nonsense", 400), ("/events?x=1", 400), ("/events?from=-1", 400), ("/live?x=1", 400), ("/api/v1/status", 200)):
            with self.assertRaises(Refused) as refused:
                WebSocket(port, path)
            self.assertEqual(refused.exception.status, status, path)
        status, body = self.ask("GET", "/events")
        self.assertEqual((status, json.loads(body)["status"]), (426, 426))
        # It takes nothing, until what it has not taken is more than its socket and the ring hold.
        slow = self.listen(receive_bytes=4096)
        code = None
        while 'larder_events_dropped_total{sink="websocket"} 0' in self.larder.http("/metrics"):
            for _ in range(200):
                self.ask("DELETE", "/api/v1/cache")
            # Now and then a little is taken, so that the server gets to look again.
            try:
                for _ in range(20):
                    slow.read()
            except Closed as end:
                code = end.code
                break
        try:
            while code is None:
                slow.read()
        except Closed as end:
            code = end.code
        self.assertEqual(code, 1013)
        self.assertNotIn('larder_events_dropped_total{sink="websocket"} 0', self.larder.http("/metrics"))
        self.assertIn("ok", self.larder.http("/healthz"))

    def test_no_more_streams_than_there_may_be(self):
        streams = [self.listen() for _ in range(32)]
        with self.assertRaises(Refused) as refused:
            WebSocket(self.larder.admin_port, "/live")
        self.assertEqual(refused.exception.status, 429)
        streams[0].close()

        def has_room():
            with contextlib.suppress(Refused):
                self.listen()
                return True
            return False
        eventually(has_room, "a stream that was closed makes room for another")

    def test_live_statements(self):
        live = WebSocket(self.larder.admin_port, "/live")
        self.addCleanup(live.close)
        self.assertEqual(live.read()["statements"], [])
        self.know(READ)
        rows = []
        while not any(row["hits"] > 0 for row in rows):
            self.run_sql("SELECT n FROM t WHERE n > 0 AND n <> 123456")
            self.run_sql(READ)
            rows = [row for row in live.read()["statements"] if "FROM t" in row["query"]]
        self.assertNotIn("123456", json.dumps(rows))

    def test_the_server_goes_and_comes(self):
        eventually(lambda: self.events("?kind=upstream")["events"], "it is told that PostgreSQL can be reached")
        stream = self.listen()
        self.cluster.stop()
        self.assertIn("cannot", self.read_until(stream, "upstream")["text"])
        eventually(lambda: "nothing is served" in self.events("?kind=serving")["events"][-1]["text"], "it is told that nothing is served")
        self.cluster.start()
        self.assertEqual(self.read_until(stream, "upstream")["text"], "PostgreSQL can be reached")


@unittest.skipIf(DIRECT, "tests Larder's own events")
class OfOthers(Base):
    SETTINGS = ("freshness.writers=others",)

    def test_what_the_feed_finds(self):
        eventually(lambda: any(event["text"] == "the change feed is current" for event in self.events()["events"]), "the feed is current")
        self.know(READ)
        stream = self.listen("?kind=invalidation")
        self.cluster.run("UPDATE t SET n = 43")
        event = self.read_until(stream, "invalidation", "public.t")
        self.assertEqual(event["source"], "feed")
        self.assertRegex(event["lsn"], r"^[0-9A-F]+/[0-9A-F]+$")
        # One's own write is told of once, and not as somebody else's.
        before = self.events()["next"]
        self.run_sql("UPDATE t SET n = 44")
        self.assertEqual(self.read_until(stream, "invalidation", "public.t")["source"], "write")
        self.cluster.run("UPDATE u SET n = 1")
        self.cluster.run("UPDATE t SET n = 45")
        self.assertEqual(self.read_until(stream, "invalidation", "public.t")["source"], "feed")
        sources = [event["source"] for event in self.events(f"?from={before}&relation=public.t&kind=invalidation")["events"] if event["relation"] == "public.t"]
        self.assertEqual(sources, ["write", "feed"])


if __name__ == "__main__":
    unittest.main()
