#!/usr/bin/python3
"""Webhooks: what happened is told at least once and in order, to one who is down, slow, refuses or was killed as well; what could not be told is told as a gap."""
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.http_receiver import Receiver  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE n > 0"
CHANGES = int(os.environ.get("LARDER_TEST_CHANGES", "1000"))
SECRET = "a secret that nobody sees"


@unittest.skipIf(DIRECT, "tests Larder's own webhooks")
class Webhooks(unittest.TestCase):
    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)", "CREATE TABLE u AS SELECT 7 AS n")
        self.folder = tempfile.TemporaryDirectory(prefix="larder-webhooks-")
        self.addCleanup(self.folder.cleanup)
        self.secret_file = self.path("secret")
        self.write(self.secret_file, SECRET + "\n")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def receive(self, answer=200, **more):
        receiver = Receiver(answer, **more)
        self.addCleanup(receiver.stop)
        return receiver

    def configure(self, **options):
        lines = ["[freshness]", 'writers = "only-larder"', "[events]", "newest_max = 10000", 'interval = "10ms"']
        for name, more in options.items():
            lines += ["[[webhook]]", f"name = {json.dumps(name)}", *(f"{key} = {json.dumps(value)}" for key, value in more.items())]
        self.write(self.path("larder.toml"), "\n".join(lines) + "\n")

    def start(self, settings=(), **options):
        self.configure(**options)
        self.larder = Larder(self.cluster.server, settings, extra=("--config", self.path("larder.toml")))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.connection = self.connect()
        wait_for_hit(self.larder, lambda: self.run_sql(READ))
        wait_for_hit(self.larder, lambda: self.run_sql("SELECT n FROM u"))

    def connect(self, database="postgres"):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname=database)
        connection.autocommit = True
        self.addCleanup(connection.close)
        return connection

    def run_sql(self, text, connection=None):
        with (connection or self.connection).cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None

    def console(self, text):
        return self.run_sql(text, self.connect("larder"))

    def events_of(self, receiver):
        return [event for request in receiver.taken() for event in json.loads(request.body)["events"]]

    def status(self):
        return {one["name"]: one for one in json.loads(self.larder.http("/api/v1/webhooks"))["webhooks"]}

    def written(self, receiver, relation):
        """How many writes to it were told, each event once."""
        events = {event["id"]: event["count"] for event in self.events_of(receiver) if event["relation"] == relation and event["kind"] == "invalidation"}
        return sum(events.values())

    def wait_until_all_is_sent(self, name="a"):
        newest = json.loads(self.larder.http("/api/v1/events?limit=1"))["next"]
        eventually(lambda: self.status()[name]["last_id"] >= newest, "all events were settled")

    def test_told_in_order_and_signed(self):
        receiver = self.receive()
        self.start(a={"url": receiver.url("/hook?who=larder"), "secret_file": self.secret_file})
        for i in range(30):
            self.run_sql(f"UPDATE t SET n = {i + 1}")
            self.run_sql(f"UPDATE u SET n = {i + 1}")
        eventually(lambda: self.written(receiver, "public.t") == 30 and self.written(receiver, "public.u") == 30, "every write was told")
        requests = receiver.taken()
        ids = [event["id"] for event in self.events_of(receiver)]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual(self.events_of(receiver)[0]["kind"], "gap")  # the process began
        self.assertEqual([event["kind"] for event in self.events_of(receiver)].count("gap"), 1)
        for request in requests:
            self.assertEqual((request.method, request.path, request.headers["Content-Type"]), ("POST", "/hook?who=larder", "application/json"))
            parts = dict(part.split("=", 1) for part in request.headers["Larder-Signature"].split(","))
            wanted = hmac.new(SECRET.encode(), f"{parts['t']}.{request.body}".encode(), hashlib.sha256).hexdigest()
            self.assertEqual(parts["v1"], wanted)
            told = json.loads(request.body)["events"]
            self.assertEqual(request.headers["Larder-Events"], f"{told[0]['id']}-{told[-1]['id']}")
        status = self.status()["a"]
        self.assertEqual((status["dead"], status["dropped"], status["retries"], status["problem"]), (0, 0, 0, None))
        row, = self.console("SHOW WEBHOOKS")
        self.assertEqual(row[0:2], ("a", "events"))
        self.assertEqual(self.larder.metric("larder_webhook_up"), 1)
        self.assertGreaterEqual(self.larder.metric("larder_webhook_sent_total"), 2)
        self.assertNotIn(SECRET, self.larder.output())
        # What happened last is told as well, though nobody looks for it any more.
        self.run_sql("UPDATE t SET n = 99")
        self.larder.stop()
        self.assertEqual(self.written(receiver, "public.t"), 31)

    def test_killed_and_resumed(self):
        receiver = self.receive()
        self.start(a={"url": receiver.url()})
        told, changes = [], 0
        enough = threading.Event()

        def write():
            nonlocal changes
            connection = self.connect()
            while changes < CHANGES or not enough.is_set():
                changes += 1
                self.run_sql(f"UPDATE t SET n = {changes}", connection)

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            eventually(lambda: self.written(receiver, "public.t") > 0, "something was told")
            receiver.stop()
            told += self.events_of(receiver)
            retries = self.status()["a"]["retries"]
            eventually(lambda retries=retries: self.status()["a"]["retries"] > retries, "it is tried again")
            receiver = Receiver(200, port=receiver.port)
        enough.set()
        writer.join()
        self.wait_until_all_is_sent()
        told += self.events_of(receiver)
        receiver.stop()
        by_id = {event["id"]: event for event in told}
        self.assertEqual(sum(event["count"] for event in by_id.values() if event["relation"] == "public.t" and event["kind"] == "invalidation"), changes)
        self.assertEqual([event["kind"] for event in by_id.values()].count("gap"), 1)
        self.assertEqual((self.status()["a"]["dead"], self.status()["a"]["dropped"]), (0, 0))

    def test_refused_and_told_again(self):
        answers = [None, 500, (503, {"Retry-After": "1"}), 429, 403, 200]
        receiver = self.receive(lambda _: answers.pop(0) if len(answers) > 1 else 200)
        self.start(a={"url": receiver.url()})
        self.run_sql("UPDATE t SET n = 1")
        eventually(lambda: self.status()["a"]["sent"] > 0 and self.written(receiver, "public.t") == 1, "it is told in the end")
        # The same ids again: who takes them can tell.
        ids = [request.headers["Larder-Events"].split("-")[0] for request in receiver.taken()[:6]]
        self.assertEqual(len(set(ids)), 1, ids)
        self.assertEqual((self.status()["a"]["retries"], self.status()["a"]["dead"]), (5, 0))
        eventually(lambda: "a webhook takes events again" in self.larder.output(), "the log says so")

    def test_given_up(self):
        refuses = [True]
        receiver = self.receive(lambda request: 400 if refuses[0] and "public.t" in request.body else 200)
        self.start(a={"url": receiver.url(), "dead_letter_file": self.path("dead")}, b={"url": receiver.url("/b")})
        eventually(lambda: self.status()["a"]["requests"] > 0, "the start was told")
        self.wait_until_all_is_sent()
        dead_before = self.status()["a"]["dead"]
        self.run_sql("UPDATE t SET n = 1")
        eventually(lambda: self.status()["a"]["dead"] > dead_before, "it was given up")
        refuses[0] = False
        with open(self.path("dead"), encoding="utf-8") as file:
            letters = [json.loads(line) for line in file]
        self.assertEqual(os.stat(self.path("dead")).st_mode & 0o777, 0o600)
        self.assertIn("public.t", [event["relation"] for event in letters[-1]["events"]])
        self.assertEqual((letters[-1]["webhook"], letters[-1]["problem"]), ("a", "it answered with status 400"))
        before = len(receiver.taken())
        self.run_sql("UPDATE u SET n = 9")
        eventually(lambda: any("public.u" in request.body for request in receiver.taken()[before:] if request.path == "/"), "the next is told")
        # Whoever was not told of something hears that he was not.
        kinds = [event["kind"] for request in receiver.taken() if request.path == "/" for event in json.loads(request.body)["events"]]
        self.assertGreaterEqual(kinds.count("gap"), 2)
        self.assertTrue(os.path.exists(os.path.join(self.larder.state, f"webhook-{self.larder.port}-b.jsonl")))
        self.assertIn("events were given up; the webhook is told of a gap", self.larder.output())

    def test_too_old(self):
        receiver = self.receive(500)
        self.start(a={"url": receiver.url(), "retry_for": "0", "dead_letter_file": self.path("dead")})
        self.run_sql("UPDATE t SET n = 1")
        eventually(lambda: self.status()["a"]["dead"] > 0, "it is given up after one attempt")
        self.assertEqual(self.status()["a"]["retries"], 0)

    def test_redirects_are_not_followed(self):
        elsewhere = self.receive()
        receiver = self.receive((307, {"Location": elsewhere.url("/stolen")}))
        self.start(a={"url": receiver.url(), "secret_file": self.secret_file})
        self.run_sql("UPDATE t SET n = 1")
        eventually(lambda: self.status()["a"]["dead"] > 0, "it is given up")
        self.assertEqual(elsewhere.taken(), [])

    def test_one_who_hangs_holds_up_nobody(self):
        released = threading.Event()
        self.addCleanup(released.set)
        hanging = self.receive(lambda _: 200 if released.wait(120) else None)
        receiver = self.receive()
        self.start(a={"url": hanging.url(), "timeout": "5min"}, b={"url": receiver.url()}, settings=("events.newest_max=100",))
        for i in range(200):
            self.run_sql(f"UPDATE t SET n = {i + 1}")
            self.assertEqual(self.run_sql("SELECT n FROM t"), [(i + 1,)])
        eventually(lambda: self.written(receiver, "public.t") == 200, "the other one has all")
        self.assertEqual(hanging.taken(), [])
        # Until the ring has lost events for the hanging one: counted, and told as a gap.
        for _ in range(150):
            self.console("PURGE ALL")
        released.set()
        eventually(lambda: self.status()["a"]["dropped"] > 0, "what left the ring is counted")
        self.wait_until_all_is_sent("a")
        self.assertGreaterEqual([event["kind"] for event in self.events_of(hanging)].count("gap"), 2)
        self.assertGreater(self.larder.metrics_by_label("larder_events_dropped_total", "sink")["webhook"], 0)
        self.assertEqual(self.status()["b"]["dropped"], 0)

    def test_no_answer_in_time(self):
        released = threading.Event()
        self.addCleanup(released.set)
        first = [True]

        def answer(_):
            if first:
                first.clear()
                released.wait(120)
            return 200

        receiver = self.receive(answer)
        self.start(a={"url": receiver.url(), "timeout": "200ms"})
        eventually(lambda: self.status()["a"]["retries"] >= 1, "it is tried again")
        self.assertIn("there was no answer in time", self.larder.output())
        self.run_sql("UPDATE t SET n = 1")
        eventually(lambda: self.written(receiver, "public.t") == 1, "it is told")

    def test_reload(self):
        first, second = self.receive(), self.receive()
        self.start(a={"url": first.url()}, b={"url": first.url("/b")})
        self.run_sql("UPDATE t SET n = 1")
        eventually(lambda: self.written(first, "public.t") == 1, "told")
        self.wait_until_all_is_sent("a")
        self.wait_until_all_is_sent("b")
        # What cannot be read changes nothing.
        self.configure(a={"url": second.url(), "secret_file": self.path("none")})
        with self.assertRaises(psycopg2.Error):
            self.console("RELOAD")
        self.configure(a={"url": second.url()}, c={"url": second.url("/c")})
        sent = self.status()["a"]["sent"]
        self.console("RELOAD")
        self.assertEqual(set(self.status()), {"a", "c"})
        wait_for_hit(self.larder, lambda: self.run_sql(READ))
        before = len(first.taken())
        self.run_sql("UPDATE t SET n = 2")
        eventually(lambda: any("public.t" in request.body for request in second.taken() if request.path == "/"), "told to the new place")
        self.assertEqual(len(first.taken()), before)
        # It went on where it was: no gap, while the new one begins with one.
        kinds = {path: [event["kind"] for request in second.taken() if request.path == path for event in json.loads(request.body)["events"]] for path in ("/", "/c")}
        self.assertNotIn("gap", kinds["/"])
        eventually(lambda: any(request.path == "/c" for request in second.taken()), "the new one is told of its start")
        self.assertGreater(self.status()["a"]["sent"], sent)

    def test_filters(self):
        receiver = self.receive()
        self.start(a={"url": receiver.url(), "relation": "public.u", "kinds": ["invalidation"]})
        self.run_sql("UPDATE t SET n = 1")
        self.run_sql("UPDATE u SET n = 1")
        eventually(lambda: self.written(receiver, "public.u") == 1, "told")
        self.assertEqual(self.written(receiver, "public.t"), 0)
        self.assertLessEqual({event["kind"] for event in self.events_of(receiver)}, {"gap", "invalidation"})

    def test_tls(self):
        for name, subject in (("good", "localhost"), ("other", "elsewhere.example")):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", self.path(name + ".key"),
                            "-out", self.path(name + ".crt"), "-subj", f"/CN={subject}", "-addext", f"subjectAltName=DNS:{subject}"], check=True, capture_output=True)
        good = self.receive(tls=(self.path("good.crt"), self.path("good.key")))
        other = self.receive(tls=(self.path("other.crt"), self.path("other.key")))
        self.start(good={"url": good.url(scheme="https", host="localhost"), "tls_ca_file": self.path("good.crt")},
                   unknown={"url": good.url(scheme="https", host="localhost")},
                   name={"url": other.url(scheme="https", host="localhost"), "tls_ca_file": self.path("other.crt")})
        self.run_sql("UPDATE t SET n = 1")
        eventually(lambda: self.written(good, "public.t") == 1, "told over TLS")
        for refused in ("unknown", "name"):
            eventually(lambda refused=refused: "certificate verify failed" in (self.status()[refused]["problem"] or ""), "the certificate is not taken")
            self.assertEqual(self.status()[refused]["sent"], 0)
        self.assertEqual(other.taken(), [])


if __name__ == "__main__":
    unittest.main()
