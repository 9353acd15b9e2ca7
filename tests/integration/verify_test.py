#!/usr/bin/python3
"""Kept answers are compared with PostgreSQL's: a stale one is found and its statement kept out of the cache, and right ones never are.

Writes that go round Larder while freshness.writers = "only-larder" break the promise by agreement: that is the fault that must be found.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.asking import TOKEN, Asking  # noqa: E402
from support.larder_process import DIRECT, Larder, binary  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

ALL_HITS = ("freshness.verify_share=1000000", "freshness.verify_rate_max=100")
SCHEMA = (
    "CREATE TABLE t (id int PRIMARY KEY, n int, price numeric, name text)", "INSERT INTO t SELECT i, 0, i, 'name ' || i FROM generate_series(1, 20) i",
    "CREATE TABLE f (x float8)", "INSERT INTO f SELECT 0.1 * i FROM generate_series(1, 10) i",
    "CREATE TABLE loose (v numeric)", "INSERT INTO loose VALUES (1.0), (1.00)",
    "CREATE VIEW plain AS SELECT id, n FROM t", "CREATE VIEW first_two AS SELECT id, n FROM t LIMIT 2",
    "CREATE SCHEMA other", "CREATE TABLE other.t AS SELECT id, 7 AS n FROM t",
    "CREATE ROLE reader LOGIN", "GRANT USAGE ON SCHEMA other TO reader", "GRANT SELECT ON ALL TABLES IN SCHEMA public, other TO reader", "ALTER ROLE reader SET search_path = other, public",
)


@unittest.skipIf(DIRECT, "tests Larder's own checks")
class VerifyTest(Asking, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.addClassCleanup(cls.cluster.remove)
        cls.cluster.run(*SCHEMA)

    def setUp(self):
        self.cluster.run("UPDATE t SET n = 0, price = id, name = 'name ' || id", "UPDATE other.t SET n = 7")
        self.state = tempfile.mkdtemp(prefix="larder-verify-")
        self.addCleanup(shutil.rmtree, self.state, ignore_errors=True)
        with open(os.path.join(self.state, "token"), "w", encoding="ascii") as token:
            token.write(TOKEN)
        self.larder = None

    def start(self, *settings):
        if self.larder is not None:
            self.larder.stop()
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder", f"admin.token_file={self.state}/token", f"cache.rules_file={self.state}/rules.toml", *settings), state=self.state)
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.connection = self.connect()

    def read(self, text):
        return self.ask(self.connection, text)

    def is_hit(self, text, connection=None):
        before = self.larder.hits()
        self.ask(connection or self.connection, text)
        return self.larder.hits() > before

    def warm(self, *texts, connection=None):
        for text in texts:
            eventually(lambda: self.is_hit(text, connection), "a hit: " + text)  # noqa: B023

    def outcomes(self):
        return self.larder.metrics_by_label("larder_verify_checks_total", "outcome")

    def check_all(self):
        """Has the hottest answers compared, and returns how that ended."""
        self.console("VERIFY CACHE 1000")
        return self.http("GET", "/api/v1/verify")[1]["run"]["counts"]

    def bypass(self, text):
        with contextlib.closing(self.connect()) as connection:
            self.ask(connection, "SET larder.trace = on")
            self.ask(connection, text)
            return "".join(connection.notices)

    def test_the_sampler_finds_a_stale_answer_and_its_statement_is_quarantined(self):
        self.start(*ALL_HITS)
        reads = [f"SELECT n FROM t WHERE id = {i}" for i in (1, 2, 3)]
        self.warm(*reads, "SELECT n FROM plain WHERE id = 4")
        self.cluster.run("UPDATE t SET n = 5 WHERE id = 1")  # round Larder
        self.assertEqual(self.read(reads[0]), [(0,)], "the planted fault is there")

        def is_found():
            for text in reads:
                self.read(text)
            return self.outcomes().get("different")
        eventually(is_found, "the stale answer is found")
        self.assertEqual(self.larder.metric("larder_quarantined_shapes"), 1)
        eventually(lambda: self.read(reads[0]) == [(5,)], "it is not given any more")
        # All of its shape, whatever the constant; and no hint brings it back.
        for text in (*reads, reads[1].replace("SELECT", "SELECT /* larder: ttl=60s */")):
            eventually(lambda: "bypass, quarantined" in self.bypass(text), "in quarantine: " + text)  # noqa: B023
        self.warm("SELECT n FROM plain WHERE id = 4")
        (database, fingerprint, _, shape), = self.console("SHOW QUARANTINE")
        self.assertEqual(self.told_of_quarantine(), [("postgres", f"the statement {fingerprint} is in quarantine: an answer was not the server's")])
        self.assertEqual((database, shape), ("postgres", "SELECT n FROM t WHERE id = $1"))
        finding = self.console("SHOW VERIFY FINDINGS")[0]
        self.assertEqual((finding[1], finding[4], finding[7], finding[8]), ("different", fingerprint, "(0)", "(5)"))
        self.assertIn("a kept answer is not the server's", self.larder.output())
        self.assertIn("  quarantined: ", "\n".join(row[0] for row in self.read("EXPLAIN LARDER " + reads[0])))
        # It outlives the process, and ends when an operator says so.
        self.start()
        self.assertEqual(self.console("SHOW QUARANTINE")[0][:2], (database, fingerprint))
        eventually(lambda: "bypass, quarantined" in self.bypass(reads[0]), "still in quarantine")
        with self.assertRaises(psycopg2.Error) as refused:
            self.console("LIFT QUARANTINE 1234")
        self.assertEqual(refused.exception.pgcode, "42704")
        self.console("LIFT QUARANTINE " + fingerprint)
        self.warm(reads[0])
        self.assertEqual(self.console("SHOW QUARANTINE"), [])
        self.assertEqual(self.told_of_quarantine(), [("postgres", f"the statement {fingerprint} is let into the cache again")])
        self.start()
        self.warm(reads[0])

    def test_nothing_is_compared_unasked_by_default(self):
        self.start()
        self.warm("SELECT n FROM t WHERE id = 1")
        for _ in range(2000):
            self.read("SELECT n FROM t WHERE id = 1")
        # The sampler has gone round: it looks each second. What was asked for is compared, and nothing else.
        self.assertEqual(self.check_all()["equal"], 1)
        self.assertEqual(sum(self.outcomes().values()), 1)

    def test_answers_of_every_kind_are_run_again_as_they_were(self):
        self.start()
        self.warm("SELECT * FROM t ORDER BY id", "SELECT id FROM t", "SELECT count(*), sum(n) FROM t", "SELECT name, count(*) FROM t GROUP BY name", "SELECT id FROM first_two", "SELECT sum(x) FROM f", "SELECT DISTINCT v FROM loose")
        expected = 7
        self.read("SET DateStyle = 'German'"), self.read("SET extra_float_digits = 0"), self.read("SET TimeZone = 'Asia/Tokyo'")
        self.warm("SELECT x FROM f")
        reader = self.connect(user="reader")
        self.warm("SELECT n FROM t WHERE id = 1", connection=reader)
        self.assertEqual(self.ask(reader, "SELECT n FROM t WHERE id = 1"), [(7,)], "of another schema")
        self.ask(reader, "SET client_encoding = 'LATIN1'")
        self.warm("SELECT n FROM t WHERE id = 2", connection=reader)
        expected += 3
        with contextlib.closing(wire.Connection("127.0.0.1", self.larder.port)) as client:
            client.login("postgres", "postgres")
            for values, formats, results in (((wire.int4(3),), (1,), (1,)), ((b"3",), (), ()), ((None,), (), (1,))):
                messages = (wire.parse("", "SELECT id, n, name FROM t WHERE id = $1", 23), wire.bind("", "", values, formats, results), wire.describe_portal(), wire.execute(), wire.sync())

                def is_hit():
                    before = self.larder.hits()
                    client.send(*messages)  # noqa: B023
                    client.read_until((b"Z",))
                    return self.larder.hits() > before
                eventually(is_hit, "a hit by parameter")
                expected += 1
            counts = self.check_all()
        self.assertEqual((counts["equal"], counts["checks"]), (expected, expected), self.http("GET", "/api/v1/verify")[1])

    def test_what_a_statement_leaves_open_condemns_nobody(self):
        self.start()
        texts = ("SELECT n FROM t WHERE id = 1 LIMIT 1", "SELECT n FROM first_two", "SELECT string_agg(n::text, ',') FROM t", "SELECT DISTINCT price FROM t", "SELECT row_number() OVER (ORDER BY n), n FROM t", "SELECT sum(n)::float8 FROM t")
        self.warm(*texts)
        self.cluster.run("UPDATE t SET n = 1, price = price + 1")
        counts = self.check_all()
        self.assertEqual((counts["undecided"], counts["different"]), (len(texts), 0), self.console("SHOW VERIFY FINDINGS"))
        self.assertEqual({row[2] for row in self.console("SHOW VERIFY FINDINGS")}, {"limit", "ordered_value", "equal_values", "window", "rounding"})
        self.assertEqual(self.console("SHOW QUARANTINE"), [])

    def test_it_finds_every_kind_of_difference(self):
        texts = ("SELECT n FROM t WHERE id = 1", "SELECT count(*) FROM t WHERE n = 0", "SELECT n FROM plain WHERE id = 2", "SELECT id FROM t WHERE n = 1", "SELECT name FROM t ORDER BY id", "SELECT sum(n), avg(price) FROM t")
        self.start()
        self.warm(*texts)
        self.cluster.run("UPDATE t SET n = 1, name = 'x' WHERE id < 3")
        counts = self.check_all()
        self.assertEqual(counts["different"], len(texts), self.console("SHOW VERIFY FINDINGS"))
        self.assertEqual(len(self.console("SHOW QUARANTINE")), len(texts))

    def test_writers_beside_it_raise_no_alarm(self):
        """Through Larder all the time, and with others beside the feed: whatever is seen is either equal or was written meanwhile."""
        for settings, pause in (((), 0.01), (("freshness.writers=others", "feed.lag_max=200ms", "freshness.others_ttl_max=200ms"), 0.5)):
            self.start(*ALL_HITS, *settings)
            stop = threading.Event()

            def write(direct):
                with contextlib.closing(self.cluster.server.connect("postgres") if direct else self.connect()) as connection:
                    number = 0
                    while not stop.is_set():  # noqa: B023
                        number += 1
                        self.ask(connection, f"UPDATE t SET n = n + 1 WHERE id = {number % 5 + 1}")
                        stop.wait(pause)  # noqa: B023
            writer = threading.Thread(target=write, args=(bool(settings),))
            writer.start()
            try:
                def is_enough():
                    for i in range(1, 10):
                        self.read(f"SELECT n FROM t WHERE id = {i}")
                    self.read("SELECT sum(n) FROM t")
                    return self.outcomes().get("equal", 0) >= 30
                eventually(is_enough, "thirty comparisons")
            finally:
                stop.set()
                writer.join()
            self.assertEqual(self.outcomes().get("different", 0), 0, self.console("SHOW VERIFY FINDINGS"))
            self.assertEqual(self.outcomes().get("undecided", 0), 0, self.console("SHOW VERIFY FINDINGS"))

    def test_a_write_while_the_statement_runs_again_is_no_fault(self):
        """The second run is held up at a lock until a write through Larder has committed: it sees more than what was kept, and rightly so."""
        self.start()
        text = "SELECT t.n, f.x FROM t, f WHERE t.id = 1 ORDER BY 2"
        self.cluster.run("INSERT INTO f VALUES (7)", "DELETE FROM f WHERE x <> 7")
        self.addCleanup(self.cluster.run, "DELETE FROM f", "INSERT INTO f SELECT 0.1 * i FROM generate_series(1, 10) i")

        def attempt():
            self.warm(text)
            with contextlib.closing(self.cluster.server.connect("postgres")) as holder, contextlib.closing(self.connect("larder")) as console:
                self.ask(holder, "BEGIN; LOCK TABLE f IN ACCESS EXCLUSIVE MODE")
                asking = threading.Thread(target=self.ask, args=(console, "VERIFY CACHE"))
                asking.start()
                eventually(lambda: self.cluster.run("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.application_name = 'larder_verify'")[0][0] == 1
                           or not asking.is_alive(), "the second run waits for the lock")
                self.read("UPDATE t SET n = n + 1 WHERE id = 1")
                self.ask(holder, "COMMIT")
                asking.join()
            counts = self.http("GET", "/api/v1/verify")[1]["run"]["counts"]
            # It waits for a lock for a second; on a machine that was slower than that it says so, and nothing is shown.
            return counts if counts["failed"] == 0 else None
        counts = eventually(attempt, "a write comes between")
        self.assertEqual((counts["checks"], counts["moved"]), (1, 1), self.console("SHOW VERIFY FINDINGS"))
        self.assertEqual(self.console("SHOW QUARANTINE"), [])

    def test_a_write_from_elsewhere_that_was_not_heard_of_yet_is_no_fault(self):
        """With writers elsewhere and no feed an answer may be old for so long: a difference counts only for what is given after that."""
        bound_seconds = 3
        self.start("freshness.writers=others", "feed.mode=off", f"freshness.others_ttl_max={bound_seconds}s", "freshness.catalogue_poll=100ms")

        def attempt():
            self.warm("SELECT n FROM t WHERE id = 1")
            self.cluster.run("UPDATE t SET n = n + 1 WHERE id = 1")
            began = time.monotonic()
            counts = self.check_all()
            # Only a difference is waited for. Where none was found, the answer's time was over before it was looked at.
            return counts if time.monotonic() - began >= bound_seconds else None
        counts = eventually(attempt, "the old answer is looked at while it may be given")
        self.assertEqual((counts["checks"], counts["moved"]), (1, 1), self.console("SHOW VERIFY FINDINGS"))
        self.assertEqual(self.console("SHOW QUARANTINE"), [])

    def test_a_role_that_cannot_be_taken_is_said_so(self):
        self.cluster.run("CREATE ROLE modest LOGIN REPLICATION", "CREATE ROLE alone LOGIN", "GRANT SELECT ON t TO modest, alone", "GRANT pg_monitor TO modest")
        modest = self.cluster.server.uri("postgres", user="modest")
        self.start("upstream.uri=" + modest)
        alone = self.connect(user="alone")
        self.warm("SELECT n FROM t WHERE id = 1", connection=alone)
        self.console("VERIFY CACHE")
        run = self.http("GET", "/api/v1/verify")[1]["run"]
        self.assertEqual((run["counts"]["failed"], run["counts"]["checks"]), (1, 1))
        self.assertIn("permission denied to set role", run["last_failure"])

    def test_who_may_ask_for_what(self):
        self.start()
        self.cluster.run("GRANT pg_monitor TO reader")
        for text in ("VERIFY CACHE", "LIFT QUARANTINE 12"):
            with self.subTest(text), self.assertRaises(psycopg2.Error) as refused:
                self.console(text, user="reader")
            self.assertEqual(refused.exception.pgcode, "42501")
        for text, sqlstate in (("VERIFY CACHE 0", "22023"), ("VERIFY CACHE many", "22023"), ("EXPLAIN LARDER SELECT 1", "42601"), ("EXPLAIN LARDER IN nowhere SELECT 1", "55000")):
            with self.subTest(text), self.assertRaises(psycopg2.Error) as refused:
                self.console(text)
            self.assertEqual(refused.exception.pgcode, sqlstate)
        self.assertEqual(self.http("POST", "/api/v1/verify", token=None)[0], 401)
        self.assertEqual(self.http("POST", "/api/v1/explain", {"database": "postgres", "statement": "SELECT 1"}, token=None)[0], 401)
        self.assertEqual(self.http("POST", "/api/v1/verify?entries=0")[0], 400)
        self.assertEqual(self.http("POST", "/api/v1/verify?entries=5")[0], 202)
        self.assertEqual(self.http("DELETE", "/api/v1/verify/quarantine/12")[0], 404)
        self.assertEqual(self.http("POST", "/api/v1/explain", {"database": "postgres"})[0], 422)
        self.assertEqual(self.http("POST", "/api/v1/explain", {"database": "nowhere", "statement": "SELECT 1"})[0], 409)

    def test_a_list_of_quarantined_statements_that_cannot_be_read_stops_the_start(self):
        with open(os.path.join(self.state, "rules.toml.quarantine"), "w", encoding="ascii") as file:
            file.write("12 0 postgres\nnonsense\n")
        done = subprocess.run([binary(), "--upstream", self.cluster.server.uri("postgres"), "--set", f"cache.rules_file={self.state}/rules.toml", "--check"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("rules.toml.quarantine:2:", done.stderr)

    def explain(self, statement, **more):
        def is_loaded():
            status, document = self.http("POST", "/api/v1/explain", {"database": "postgres", "statement": statement, **more})
            self.assertEqual(status, 200, document)
            return document if document["catalogue_loaded"] else None
        return eventually(is_loaded, "the catalogue is loaded")

    def test_explain_over_http_and_in_the_console(self):
        self.start()
        text = "SELECT n FROM t WHERE id = 1"
        self.warm(text)
        told = self.explain(text)
        self.assertEqual((told["verdict"], told["cacheable"], told["kept_now"], told["reasons"]), ("Cached", True, True, []))
        self.assertTrue(told["promise"].startswith("strict"), told)
        self.assertEqual(told["reads"], [{"relation": "public.t", "key": "id", "rows": 1}])
        versions = {counter["name"]: counter["version"] for counter in told["counters"]}
        self.assertEqual(set(versions), {"server", "catalogue of postgres", "any of postgres", "all of public.t (id)", "row of public.t (id)", "absent of public.t (id)"})
        self.read("UPDATE t SET n = 3 WHERE id = 1")
        after = self.explain(text)
        self.assertFalse(after["kept_now"])
        moved = {counter["name"] for counter in after["counters"] if counter["version"] != versions[counter["name"]]}
        self.assertEqual(moved, {"row of public.t (id)"})
        self.assertEqual(self.explain("SELECT count(*) FROM t")["counters"][-1]["name"], "scan of public.t")
        self.assertEqual(self.explain(text, settings={"search_path": "other"})["reads"], [{"relation": "other.t", "key": None, "rows": None}])
        self.assertIn("role reader", self.explain(text, role="reader")["key"][0])
        self.assertEqual([reason["name"] for reason in self.explain("SELECT now()")["reasons"]], ["time_dependent"])
        write = self.explain("DELETE FROM t WHERE id = 1")
        self.assertEqual((write["verdict"], write["cacheable"]), ("Passed on to PostgreSQL", False))
        self.assertIn("drops answers that read these rows of public.t (id)", write["writes"])
        self.assertEqual(self.read("SELECT count(*) FROM t"), [(20,)], "nothing was run")
        lines = [row[0] for row in self.console('EXPLAIN LARDER IN "postgres" AS postgres ' + text)]
        self.assertEqual([line for line in lines if "version" not in line], [line for line in (row[0] for row in self.read("EXPLAIN LARDER " + text)) if "version" not in line])
        self.assertEqual(self.http("POST", "/api/v1/explain", {"database": "postgres", "statement": "SELECT 1", "role": "nobody at all"})[0], 409)

    def test_explaining_keeps_nobody_else_waiting(self):
        self.start()
        self.warm("SELECT n FROM t WHERE id = 1")
        question = {"database": "postgres", "statement": "SELECT n FROM t WHERE id = 1"}
        answers = []
        self.cluster.signal(signal.SIGSTOP)  # so it waits for the server, until it gives up
        try:
            asked = [threading.Thread(target=lambda: answers.append(self.http("POST", "/api/v1/explain", question)[0])) for _ in range(2)]
            for thread in asked:
                thread.start()
            self.assertEqual(self.http("GET", "/api/v1/status")[0], 200)
            self.assertIn("larder_uptime_seconds", self.larder.http("/metrics"))
            self.assertEqual(answers, [], "the others are answered first")
        finally:
            self.cluster.signal(signal.SIGCONT)
        for thread in asked:
            thread.join()
        self.assertTrue(set(answers) <= {200, 409}, answers)

    def told_of_quarantine(self):
        return [(event["database"], event["text"]) for event in self.http("GET", "/api/v1/events?kind=quarantine")[1]["events"]]

    def run_command(self, *arguments):
        return subprocess.run([binary(), "verify", *arguments], capture_output=True, text=True, timeout=120, check=False)

    def test_the_command_line(self):
        self.start()
        console = self.larder.server.uri("larder")
        texts = ("SELECT n FROM t WHERE id = 1", "SELECT name FROM t")
        self.assertEqual(self.run_command("--console", console).returncode, 1, "nothing was compared")
        self.warm(*texts)
        done = self.run_command("--console", console, "--entries=10")
        self.assertEqual((done.returncode, done.stdout.splitlines()[0][:40]), (0, "2 answers were compared: 2 equal, 0 diff"), done)
        statements = os.path.join(self.state, "statements.sql")
        with open(statements, "w", encoding="utf-8") as file:
            file.write(";\n".join((*texts, "SELECT\n  count(*) FROM t", "DELETE FROM t", "SELECT nothing FROM t")) + ";\n")
        both = ("--upstream", self.cluster.server.uri("postgres"), "--through", self.larder.server.uri("postgres"), statements)
        done = self.run_command("--json", *both)
        self.assertEqual(done.returncode, 0, done)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line.get("verdict") for line in lines], ["equal", "equal", "equal", "skipped", "failed", None])
        self.assertGreater(lines[-1]["hits"], 0)
        self.assertEqual(self.read("SELECT count(*) FROM t"), [(20,)])
        self.warm(*texts)
        self.cluster.run("UPDATE t SET n = 9 WHERE id = 1")
        done = self.run_command(*both)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("statement 1: different: 1 rows were kept, the server has 1; 1 are only in the kept answer, 1 only in the server's", done.stdout)
        done = self.run_command("--json", "--console", console)
        self.assertEqual(done.returncode, 1, done)
        # The file's text ends with a semicolon, and so has an answer of its own.
        run, *findings = (json.loads(line) for line in done.stdout.splitlines())
        self.assertEqual((run["different"], len(findings)), ("2", 2))
        self.assertEqual({(finding["verdict"], finding["only_at_server"]) for finding in findings}, {("different", "(9)")})
        for wrong in (("--entries", "0"), ("--nothing", "1"), ("--upstream", "x"), ("a", "b")):
            self.assertEqual(self.run_command(*wrong).returncode, 2, wrong)


if __name__ == "__main__":
    unittest.main()
