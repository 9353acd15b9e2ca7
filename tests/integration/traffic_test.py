#!/usr/bin/python3
"""Statements that go through Larder: counted by shape, found slow, advised on, deployed, watched, and taken back where that does harm."""
import contextlib
import http.client
import json
import os
import sys
import tempfile
import time
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402
from support import wire  # noqa: E402

ROWS = 100_000
SECRET = "s3cret-value"
SLOW = "SELECT count(*), max(note) FROM orders WHERE customer = %s"
TOKEN = "token-of-the-test"


class Base(unittest.TestCase):
    SETTINGS = ()

    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run(f"CREATE TABLE orders AS SELECT i AS id, i % 5000 AS customer, md5(i::text) AS note FROM generate_series(1, {ROWS}) i",
                         "CREATE TABLE items (id int PRIMARY KEY, name text)", "INSERT INTO items SELECT i, 'name ' || i FROM generate_series(1, 1000) i", "ANALYZE")
        self.token = tempfile.NamedTemporaryFile("w", suffix=".token")
        self.addCleanup(self.token.close)
        self.token.write(TOKEN + "\n")
        self.token.flush()
        self.larder = self.start()
        self.connection = self.connect()

    def start(self, **more):
        larder = Larder(self.cluster.server, ("freshness.writers=only-larder", "advisor.slow=1ms", "advisor.share_percent=0", "advisor.watch=2s", f"admin.token_file={self.token.name}",
                                              *self.SETTINGS), **more)
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        return larder

    def connect(self, database="postgres"):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname=database)
        connection.autocommit = True
        self.addCleanup(connection.close)
        return connection

    def run_sql(self, text, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(text, values or None)
            return cursor.fetchall() if cursor.description else None

    def run_pipelined(self, texts):
        """Simple queries without waiting for each answer: one after the other would take minutes."""
        with wire.Connection("127.0.0.1", self.larder.port) as talk:
            talk.login("postgres", "postgres")
            talk.send(*(wire.query(text) for text in texts))
            talk.read_until(b"Z", len(texts))

    def console(self, text):
        connection = self.connect("larder")
        with connection.cursor() as cursor:
            cursor.execute(text)
            names = [column.name for column in cursor.description] if cursor.description else []
            return [dict(zip(names, row)) for row in cursor.fetchall()] if names else []

    def api(self, path):
        return json.loads(self.larder.http(path))

    def get_with_token(self, path):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)) as connection:
            connection.request("GET", path, headers={"Authorization": "Bearer " + TOKEN})
            return json.loads(connection.getresponse().read())

    def post(self, path, token=TOKEN):
        connection = http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)
        connection.request("POST", path, headers={"Authorization": "Bearer " + token})
        with connection.getresponse() as answer:
            status, body = answer.status, json.loads(answer.read())
        connection.close()
        return status, body

    def shape(self, part):
        found = [row for row in self.api("/api/v1/queries?limit=1000")["queries"] if part in row["query"]]
        self.assertLessEqual(len(found), 1, found)
        return found[0] if found else None

    def advice_on(self, part):
        def find():
            return next((row for row in self.api("/api/v1/advice")["advice"] if part in row["query"]), None)
        return eventually(find, f"there is advice on {part}")

    def indexes(self):
        return {row[0] for row in self.cluster.run("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'orders'::regclass")}

    def ask_orders(self, first, count=30):
        for customer in range(first, first + count):
            self.run_sql(SLOW, customer)


@unittest.skipIf(DIRECT, "tests what Larder counts")
class Counted(Base):
    def test_hits_misses_and_rows_are_counted_by_shape(self):
        # The first text of a shape may not be counted: what is counted is compared with a difference.
        def read():
            return self.run_sql("SELECT name FROM items WHERE id = 7")
        eventually(lambda: read() and (self.shape("FROM items") or {}).get("hits", 0) > 0, "a hit is counted")
        before = self.shape("FROM items")
        self.assertEqual(before["query"], "SELECT name FROM items WHERE id = $1")
        for _ in range(50):
            self.assertEqual(read(), [("name 7",)])
        after = self.shape("FROM items")
        self.assertEqual(after["hits"] - before["hits"], 50)
        self.assertEqual(after["rows"] - before["rows"], 50)
        self.assertEqual(after["server_calls"], before["server_calls"])
        self.run_sql("UPDATE items SET name = name WHERE id = 7")
        read()
        self.assertEqual(self.shape("FROM items")["misses"], after["misses"] + 1)
        with self.assertRaises(psycopg2.Error):
            for _ in range(2):
                try:
                    self.run_sql("SELECT 1 / (id - id) FROM items")
                except psycopg2.Error:
                    pass
            self.run_sql("SELECT 1 / (id - id) FROM items")
        failing = self.shape("(id - id)")
        self.assertGreaterEqual(failing["errors"], 2)
        self.assertEqual(failing["server_calls"], 0)

    def test_memory_is_bounded_whatever_the_shapes(self):
        def flood(first, count):
            for number in range(first, first + count):
                text = f"SELECT c{number} FROM (SELECT id AS c{number} FROM items WHERE id = 1) AS one"
                self.run_sql(text), self.run_sql(text)
        flood(0, 6000)
        totals = len(self.api("/api/v1/queries?limit=1000")["queries"])
        self.assertEqual(totals, 1000)
        filled = self.larder.resident_bytes()
        flood(6000, 6000)
        self.assertLessEqual(self.api("/api/v1/queries?limit=1")["total"], 2 * 2000)
        self.assertLess(self.larder.resident_bytes() - filled, 64 << 20)

    def test_a_hundred_thousand_shapes(self):
        def flood(first, count, at_once=500):
            for start in range(first, first + count, at_once):
                texts = [f"SELECT c{number} FROM (SELECT 1 AS c{number}) AS one" for number in range(start, start + at_once)]
                self.run_pipelined(texts * 2)
        flood(0, 20_000)
        filled = self.larder.resident_bytes()
        flood(20_000, 80_000)
        self.assertLessEqual(self.api("/api/v1/queries?limit=1")["total"], 2 * 2000)
        self.assertGreater(self.larder.metrics_by_label("larder_limit_hits_total", "limit").get("statements_max", 0), 90_000)
        self.assertLess(self.larder.resident_bytes() - filled, 64 << 20)
        # What is asked again after it was dropped is counted again.
        text = "SELECT c0 FROM (SELECT 1 AS c0) AS one"
        for _ in range(50):
            self.run_sql(text)
        most = self.api("/api/v1/queries?limit=1000&sort=calls")["queries"]
        self.assertGreater(next(row["calls"] for row in most if "SELECT c0 FROM" in row["query"]), 45)

    def test_a_loop_with_the_values_written_into_the_text_is_told(self):
        connection = self.connect()
        connection.autocommit = False
        with connection.cursor() as cursor:
            for customer in range(8):
                cursor.execute("SELECT id FROM items ORDER BY id LIMIT 20")
                for number in range(20 * customer, 20 * customer + 20):
                    cursor.execute(f"SELECT name FROM items WHERE id = {number}")
                    cursor.execute("SELECT note FROM orders WHERE id = %s LIMIT 1", (number,))
                connection.commit()
        self.assertEqual(self.advice_on("SELECT name FROM items")["found_by"], "sequence")

    def test_who_asks_now_and_then_is_in_no_loop(self):
        for _ in range(60):
            self.run_sql("SELECT count(*) FROM items")
            time.sleep(0.3)
        row = self.api("/api/v1/queries/" + self.shape("FROM items")["id"])
        self.assertEqual(row["sequences"], 0)

    def test_long_rows_of_one_statement_are_told(self):
        for _ in range(8):
            self.run_sql("SELECT id FROM items ORDER BY id LIMIT 20")
            for number in range(1, 21):
                self.run_sql("SELECT name FROM items WHERE id = %s", number)
        row = self.advice_on("SELECT name FROM items")
        self.assertEqual(row["found_by"], "sequence")
        self.assertIn("in a row", row["options"][0]["why"])


@unittest.skipIf(DIRECT, "tests what Larder advises")
class Advised(Base):
    def test_a_slow_statement_is_found_advised_deployed_and_kept(self):
        self.ask_orders(0)
        row = self.advice_on("FROM orders")
        self.assertTrue(row["options"][0]["kind"].startswith("btree"), row)
        slow = next(one for one in self.console("SHOW SLOW QUERIES") if "FROM orders" in one["query"])
        self.assertEqual(slow["advice"], str(row["id"]))
        told = "\n".join(line["ADVICE"] for line in self.console(f"EXPLAIN ADVICE {row['id']}"))
        self.assertIn("CREATE INDEX CONCURRENTLY", told)
        self.assertIn("costs most", told)
        self.run_sql("SET larder.trace = on")
        self.run_sql(SLOW, 4000)
        self.run_sql("UPDATE orders SET note = note WHERE id = -1")
        self.run_sql(SLOW, 4000)
        self.assertTrue(any("could be cheaper" in notice for notice in self.connection.notices), self.connection.notices)

        self.assertEqual(self.post(f"/api/v1/advice/{row['id']}/deploy", "wrong")[0], 401)
        self.assertEqual(self.indexes(), set())
        status, answer = self.post(f"/api/v1/advice/{row['id']}/deploy")
        self.assertEqual(status, 202, answer)

        def judged():
            self.run_sql("UPDATE orders SET note = note WHERE id = -1")  # so that the next reads go to the server
            self.ask_orders(1000)
            state = self.console("SHOW DEPLOYMENTS")[0]
            return state if state["state"] in ("kept", "reverted", "unproven", "failed") else None
        state = eventually(judged, "the deployment is judged")
        self.assertEqual(state["state"], "kept", state)
        self.assertEqual(len(self.indexes()), 1)
        self.assertIn(": kept", self.larder.http("/api/v1/deployments.md"))

        def told(kind):
            return [event["text"] for event in self.api(f"/api/v1/events?kind={kind}")["events"] if event["source"] == "advisor" and event["database"] == "postgres"]
        title = row["options"][0]["title"]
        self.assertIn(f"advice {row['id']} was made: {title}", told("advice"))
        eventually(lambda: f"deployment 1 is kept: {title}" in told("deployment"), "what became of it is told")

        # The history outlives the process, and what it deployed can still be taken back.
        state_folder = tempfile.TemporaryDirectory()
        self.addCleanup(state_folder.cleanup)
        os.system(f"cp {self.larder.state}/* {state_folder.name}/")
        self.connection.close()
        self.larder.stop()
        self.larder = self.start(state=state_folder.name)
        self.assertEqual(self.console("SHOW DEPLOYMENTS")[0]["state"], "kept")
        self.console("REVERT DEPLOYMENT 1")
        eventually(lambda: self.console("SHOW DEPLOYMENTS")[0]["state"] == "reverted", "it is reverted")
        self.assertEqual(self.indexes(), set())

    def test_what_costs_the_writers_more_than_it_saves_is_taken_back_unasked(self):
        self.ask_orders(0)
        for _ in range(60):
            self.run_sql("UPDATE orders SET note = note WHERE id = -1")
        # Not slow enough to be found by itself; but each write of this table now pays for whatever it has to keep.
        row = self.advice_on("FROM orders")
        self.cluster.run("CREATE FUNCTION pay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02) WHERE EXISTS (SELECT FROM pg_index WHERE indrelid = TG_RELID); RETURN NULL; END'",
                         "CREATE TRIGGER pay AFTER UPDATE ON orders FOR EACH STATEMENT EXECUTE FUNCTION pay()")
        self.console(f"DEPLOY ADVICE {row['id']}")

        def judged():
            self.ask_orders(2000, 10)
            for _ in range(30):
                self.run_sql("UPDATE orders SET note = note WHERE id = -1")
            state = self.console("SHOW DEPLOYMENTS")[0]
            return state if state["state"] in ("kept", "reverted", "unproven", "failed") else None
        state = eventually(judged, "the deployment is judged")
        self.assertEqual(state["state"], "reverted", self.larder.http("/api/v1/deployments.md"))
        self.assertEqual(self.indexes(), set())

    def test_all_statements_are_weighed_together_when_that_is_wanted(self):
        self.cluster.run("CREATE INDEX orders_id ON orders (id)", "CREATE INDEX orders_id_again ON orders (id)")
        self.run_sql("DISCARD PLANS")
        for number in range(20):
            self.run_sql(SLOW, number)
            self.run_sql("SELECT id FROM orders WHERE note = %s", str(number))
        self.console("ADVISE WORKLOAD BUDGET 1GB")

        def found():
            rows = [row for row in self.console("SHOW ADVICE") if row["found_by"] == "workload"]
            return rows if any("orders_id" in row["run"] for row in rows) else None
        rows = eventually(found, "the workload was looked at")
        runs = "\n".join(row["run"] for row in rows)
        self.assertIn("(note)", runs)
        self.assertIn("(customer", runs)
        self.assertIn("DROP INDEX CONCURRENTLY", runs)
        spare = next(row["advice"] for row in rows if "DROP INDEX" in row["run"])
        self.console(f"DEPLOY ADVICE {spare}")
        eventually(lambda: len(self.indexes()) == 1, "the double is dropped")
        self.console("REVERT DEPLOYMENT 1")
        eventually(lambda: len(self.indexes()) == 2, "it is made again")

    def test_what_is_advised_under_a_search_path_is_deployed_in_that_schema(self):
        """Each tenant has a schema with the same names, and the one of public is not the advised one."""
        self.cluster.run("CREATE SCHEMA tenant", "CREATE TABLE tenant.orders AS SELECT * FROM public.orders",
                         "CREATE INDEX orders_a ON tenant.orders (id)", "CREATE INDEX orders_b ON tenant.orders (id)",
                         "CREATE INDEX orders_a ON public.orders (customer)", "CREATE UNIQUE INDEX orders_b ON public.orders (id)", "ANALYZE")
        before = self.all_indexes()
        self.run_sql("SET search_path = tenant")
        for number in range(20):
            self.run_sql(SLOW, number)
            self.run_sql("SELECT count(*) FROM orders WHERE lower(note) = %s", str(number))

        def advised():
            self.console("ADVISE WORKLOAD")  # again, since it may have come before the statements were counted
            rows = self.api("/api/v1/advice")["advice"]
            wanted = ("DROP INDEX CONCURRENTLY tenant.orders_", "ON tenant.orders (customer", "(lower(note))")
            found = [next((row for row in rows if any(part in run for run in row["options"][0]["run"])), None) for part in wanted]
            return found if all(found) else None
        for row in eventually(advised, "there is advice of each kind"):
            option = row["options"][0]
            self.assertTrue(all("tenant." in one for one in option["run"] + option["undo"]), option)
            self.assertEqual(self.post(f"/api/v1/advice/{row['id']}/deploy")[0], 202)
            deployment = eventually(lambda: next((one for one in self.api("/api/v1/deployments")["deployments"][-1:] if one["state"] not in ("waiting", "building")), None), "it is done")
            self.assertNotIn(deployment["state"], ("failed", "reverted"), deployment)
            public = lambda rows: {one for one in rows if one[0] == "public"}  # noqa: E731
            self.assertEqual(public(self.all_indexes()), public(before))
            self.assertNotEqual(self.all_indexes(), before)
            self.console(f"REVERT DEPLOYMENT {deployment['id']}")
            eventually(lambda: self.api("/api/v1/deployments")["deployments"][-1]["state"] == "reverted", "it is reverted")
            self.assertEqual(self.all_indexes(), before)

    def all_indexes(self):
        return set(self.cluster.run("SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE tablename = 'orders'"))

    def test_values_in_advice_are_for_superusers_and_for_who_shows_the_token(self):
        self.cluster.run(f"UPDATE orders SET note = '{SECRET}' WHERE id % 1000 = 0", "ANALYZE orders", "CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher")
        for number in range(20):
            self.run_sql(f"SELECT count(*) FROM orders WHERE note = '{SECRET}' AND id > {471100 + number}")
        row = self.advice_on("FROM orders")
        path = f"/api/v1/advice/{row['id']}"
        self.assertIn(SECRET, json.dumps(self.get_with_token(path)))
        self.assertIn("note = $", json.dumps(row["plan"]))
        watcher = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="watcher", dbname="larder")
        watcher.autocommit = True
        self.addCleanup(watcher.close)
        explain = f"EXPLAIN ADVICE {row['id']}"
        self.assertIn(SECRET, json.dumps(self.console(explain)))
        with watcher.cursor() as cursor:
            for command in (explain, "SHOW ADVICE", "SHOW QUERIES", "SHOW SLOW QUERIES", "SHOW DEPLOYMENTS"):
                cursor.execute(command)
                shown = json.dumps(cursor.fetchall())
                self.assertNotIn(SECRET, shown)
                self.assertNotIn("4711", shown)
        for one in (path, "/api/v1/advice", "/api/v1/queries", f"/api/v1/queries/{row['statement']}", "/api/v1/slow-queries", "/api/v1/deployments", "/api/v1/deployments.md"):
            shown = self.larder.http(one)
            self.assertNotIn(SECRET, shown)
            self.assertNotIn("4711", shown)

    def test_what_spoils_the_cache_is_named(self):
        for _ in range(600):
            self.run_sql("SELECT count(*) FROM orders")
            self.run_sql("UPDATE orders SET note = note WHERE id = -1")
        row = eventually(lambda: next((one for one in self.api("/api/v1/advice")["advice"] if one["found_by"] == "cache"), None), "caching is advised")
        best = row["options"][0]
        self.assertEqual(best["kind"], "cache")
        self.assertIn("UPDATE orders SET note = note WHERE id = ", best["why"])
        self.assertGreater(best["gain"], 0.9)
        self.assertEqual(self.api(f"/api/v1/advice/{row['key']}")["id"], row["id"])

    def test_caching_advice_is_put_into_force_watched_and_taken_back(self):
        writer = self.connect()

        def ask(count):
            for _ in range(count):
                self.run_sql("SELECT count(*) FROM orders")
                with writer.cursor() as cursor:
                    cursor.execute("UPDATE orders SET note = note WHERE id = -1")
        ask(600)
        row = eventually(lambda: next((one for one in self.api("/api/v1/advice")["advice"] if one["found_by"] == "cache"), None), "caching is advised")
        best = row["options"][0]
        self.assertIn("max_stale", best["run"][0])
        self.assertIsNone(best["why_not_deployed"])
        self.assertEqual(self.console("SHOW RULES"), [])
        status, answer = self.post(f"/api/v1/advice/{row['id']}/deploy")
        self.assertEqual(status, 202, answer)
        rule = eventually(lambda: self.console("SHOW RULES"), "the rule is in force")[0]
        self.assertEqual((rule["database"], rule["role"]), ("postgres", "postgres"))
        old = self.larder.metric("larder_cache_stale_hits_total")

        def judged():
            ask(50)
            state = self.console("SHOW DEPLOYMENTS")[0]
            return state if state["state"] in ("kept", "reverted", "unproven", "failed") else None
        state = eventually(judged, "the deployment is judged")
        self.assertEqual(state["state"], "kept", state)
        self.assertGreater(self.larder.metric("larder_cache_stale_hits_total"), old)
        self.console("REVERT DEPLOYMENT 1")
        eventually(lambda: self.console("SHOW RULES") == [], "the rule is gone")
        self.assertEqual(self.console("SHOW DEPLOYMENTS")[0]["state"], "reverted")

    def test_nothing_is_deployed_unasked(self):
        self.ask_orders(0)
        self.advice_on("FROM orders")
        self.assertEqual(self.indexes(), set())
        self.assertEqual(self.console("SHOW DEPLOYMENTS"), [])


@unittest.skipIf(DIRECT, "tests what Larder shows")
class Hidden(Base):
    SETTINGS = ("advisor.show_values=false", "log.level=debug")

    def test_constants_are_never_shown(self):
        self.run_sql("CREATE PROCEDURE swallow(text) LANGUAGE sql AS 'SELECT 1'")
        for number in range(20):
            self.run_sql(f"CALL swallow('{SECRET}{number}')")
            self.run_sql(f"CREATE TEMP TABLE kept{number} AS SELECT '{SECRET}{number}'::text AS a")
            self.run_sql(f"SELECT max(note) FROM orders WHERE customer = {number} -- {SECRET}")
            self.run_sql(f"/* {SECRET} */ SELECT max(note) FROM orders WHERE customer = {number}")
            self.run_sql(f"SELECT count(*) FROM orders WHERE note = '{SECRET}{number}'")
            self.run_sql("SELECT count(*) FROM orders WHERE note LIKE %s", f"%{SECRET}{number}%")
        row = self.advice_on("note = $")
        shown = "\n".join((json.dumps(self.api("/api/v1/advice")), json.dumps(self.api("/api/v1/queries")), json.dumps(self.api("/api/v1/slow-queries")), self.larder.output(),
                           str(self.console(f"EXPLAIN ADVICE {row['id']}")), str(self.console("SHOW QUERIES"))))
        self.assertNotIn(SECRET, shown)
        for query in self.api("/api/v1/queries?limit=1000")["queries"]:
            self.assertNotIn(SECRET, query["query"])
            self.assertEqual(self.get_with_token("/api/v1/queries/" + query["id"])["samples"], [])


if __name__ == "__main__":
    unittest.main()
