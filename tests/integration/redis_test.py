#!/usr/bin/python3
"""The second level in Redis: what memory has no room for comes back from it, and nothing that it does makes an answer old or wrong.

Answers are pushed out of a memory of 1 MB by others. The statements are heavy on the server (tens of milliseconds), so that they are
worth a round trip on any machine; what each test waits for may take as long as it likes.
"""
import json
import os
import shutil
import signal
import sys
import tempfile
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually, make_certificate  # noqa: E402
from support.postgres_server import free_port  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

SETTINGS = ("freshness.writers=only-larder", "cache.bytes_max=1MB", "cache.entry_bytes_max=100kB", "redis.min_cost=1ms", "redis.timeout=1s", "listen.workers=1")
KEYS = 40          # answers of 50 kB: twice what memory takes
SOME = 10          # of them, that have to be in Redis before a test goes on

SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, n int, body text);
INSERT INTO items SELECT i, 0, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 1500) j) FROM generate_series(1, 100) i;
CREATE TABLE digits AS SELECT i FROM generate_series(1, 300) i;
"""


# Heavy, and its answer holds the row's number twice, so that another key's answer shows.
def heavy(key):
    return f"SELECT {key}, items.id, items.n, body, (SELECT count(*) FROM digits a, digits b WHERE a.i + b.i > 0) FROM items WHERE id = {key}"


@unittest.skipIf(DIRECT, "Larder is what is tested")
class Redis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        connection = psycopg2.connect(cls.cluster.server.uri("postgres"))
        connection.autocommit = True
        connection.cursor().execute(SCHEMA)
        connection.close()

    def setUp(self):
        self.larder = self.redis = None
        self.direct = self.open(self.cluster.server)

    def tearDown(self):
        self.direct.close()
        if self.larder:
            self.client.close()
            self.larder.stop()
        if self.redis:
            self.redis.remove()

    def open(self, server):
        connection = psycopg2.connect(server.uri("postgres"))
        connection.autocommit = True
        return connection.cursor()

    def start(self, *settings, redis=None):
        self.redis = redis or RedisServer()
        self.larder = Larder(self.cluster.server, (*SETTINGS, f"redis.url={self.redis.url}", *settings))
        self.client = self.open(self.larder.server)
        wait_until_serving(self.larder)

    def wait_until_up(self):
        eventually(lambda: self.larder.metric("larder_redis_up") == 1, "Redis is in use")

    def read(self, key):
        """What Larder says, which has to be what PostgreSQL says."""
        self.client.execute(heavy(key))
        got = self.client.fetchall()
        self.direct.execute(heavy(key))
        self.assertEqual(got, self.direct.fetchall())
        return got

    def fill(self, count):
        """Reads all keys, until so many answers are in Redis."""
        self.wait_until_up()

        def once():
            for key in range(1, KEYS + 1):
                self.read(key)
            # Those of an earlier process count in the second.
            return self.larder.metric("larder_redis_stored_total") >= SOME and len(self.redis.keys()) >= count
        eventually(once, f"{count} answers are in Redis")

    def wait_for_redis_hit(self):
        def once():
            before = self.larder.metric("larder_redis_hits_total")
            for key in range(1, KEYS + 1):
                self.read(key)
            return self.larder.metric("larder_redis_hits_total") > before
        eventually(once, "an answer came from Redis")

    def test_what_memory_lost_comes_back(self):
        self.start()
        self.fill(SOME)
        before = self.larder.metric("larder_cache_hits_total")
        self.wait_for_redis_hit()
        self.assertGreater(self.larder.metric("larder_cache_hits_total"), before)
        self.assertEqual(self.larder.metric("larder_redis_bad_values_total"), 0)
        self.assertTrue(all(key.startswith(b"larder:") for key in self.redis.keys()))
        for key in self.redis.keys():
            self.assertGreater(self.redis.run("PTTL", key), 0)      # its life is bounded there as well

    def test_prepared_statements_and_blocks(self):
        self.start()
        self.fill(SOME)
        self.client.execute("BEGIN")
        try:
            for key in range(1, KEYS + 1):
                self.read(key)
        finally:
            self.client.execute("COMMIT")
        self.wait_for_redis_hit()

    def test_a_write_is_seen(self):
        self.start()
        self.fill(SOME)
        for round_ in range(1, 4):
            self.client.execute("UPDATE items SET n = %s", (round_,))
            for key in range(1, KEYS + 1):
                self.assertEqual(self.read(key)[0][2], round_)
        self.assertGreater(self.larder.metric("larder_redis_stale_total"), 0)

    def test_an_old_value_that_is_put_back(self):
        self.start()
        self.fill(SOME)
        connection = self.redis.connect()
        old = {key: connection.run("GET", key) for key in self.redis.keys()}
        self.client.execute("UPDATE items SET n = n + 1")
        for _ in range(3):
            for key in range(1, KEYS + 1):
                self.read(key)
                for name, value in old.items():
                    connection.run("SET", name, value)
        connection.close()
        self.assertGreater(self.larder.metric("larder_redis_stale_total"), 0)

    def test_values_of_other_keys(self):
        self.start()
        self.fill(SOME)
        connection = self.redis.connect()
        for _ in range(3):
            names = [name for name in self.redis.keys()]
            values = [connection.run("GET", name) for name in names]
            for name, value in zip(names, values[1:] + values[:1]):
                if value:
                    connection.run("SET", name, value)
            for key in range(1, KEYS + 1):
                self.read(key)
        connection.close()
        self.assertGreater(self.larder.metrics_by_label("larder_redis_bad_values_total", "kind").get("other_key", 0), 0)

    def test_damaged_values(self):
        self.start()
        self.fill(SOME)
        connection = self.redis.connect()
        harm = [lambda v, i: v[:i] + bytes([v[i] ^ 1]) + v[i + 1:], lambda v, i: v[:i], lambda v, i: v + b"x", lambda v, i: b"", lambda v, i: v[i:]]
        done = 0
        def once():
            nonlocal done
            for name in self.redis.keys():
                value = connection.run("GET", name)
                if value:
                    connection.run("SET", name, harm[done % len(harm)](value, done * 7919 % len(value)))
                    done += 1
            for key in range(1, KEYS + 1):
                self.read(key)
            faults = self.larder.metrics_by_label("larder_redis_bad_values_total", "kind")
            return faults.get("damaged", 0) > 2 and faults.get("not_a_value", 0) > 0
        eventually(once, "damaged values were found")
        connection.close()

    def test_a_key_of_another_type(self):
        self.start()
        self.fill(SOME)
        for name in self.redis.keys():
            self.redis.run("DEL", name)
            self.redis.run("LPUSH", name, "x")
        for key in range(1, KEYS + 1):
            self.read(key)
        self.assertGreater(self.larder.metrics_by_label("larder_redis_errors_total", "kind").get("other", 0), 0)
        self.assertEqual(self.larder.metric("larder_redis_up"), 1)

    def test_wiped(self):
        self.start()
        self.fill(SOME)
        self.redis.run("FLUSHALL")
        for key in range(1, KEYS + 1):
            self.read(key)
        self.assertGreater(self.larder.metric("larder_redis_misses_total"), 0)
        self.wait_for_redis_hit()

    def test_another_process_takes_nothing_of_an_earlier_one(self):
        self.start()
        self.fill(SOME)
        names = self.redis.keys()
        connection = self.redis.connect()
        old = [connection.run("GET", name) for name in names]
        self.client.close()
        self.larder.stop()
        self.direct.execute("UPDATE items SET n = n + 1")      # nobody saw it
        self.start(redis=self.redis)
        self.fill(len(names) + SOME)
        for name, value in zip([n for n in self.redis.keys() if n not in names], old):
            connection.run("SET", name, value)
        connection.close()
        for key in range(1, KEYS + 1):
            self.read(key)
        eventually(lambda: [self.read(key) for key in range(1, KEYS + 1)] and self.larder.metric("larder_redis_hits_total") > 0, "what this process put there is used")
        self.assertGreater(self.larder.metrics_by_label("larder_redis_bad_values_total", "kind").get("other_epoch", 0), 0)

    def test_killed_and_back(self):
        self.start()
        self.fill(SOME)
        self.redis.kill()
        for key in range(1, KEYS + 1):
            self.read(key)
        eventually(lambda: self.larder.metric("larder_redis_up") == 0, "Larder knows that Redis is gone")
        self.redis.start()
        self.fill(SOME)
        self.wait_for_redis_hit()
        self.assertIn("Redis cannot be used", self.larder.output())

    def test_hung(self):
        """A Redis that is stopped costs one timeout for all, and not one for each read."""
        self.start()
        self.fill(SOME)
        self.redis.signal(signal.SIGSTOP)
        try:
            for key in list(range(1, KEYS + 1)) * 2:
                self.read(key)
            eventually(lambda: self.larder.metric("larder_redis_up") == 0, "Larder goes on without Redis")
            errors = self.larder.metrics_by_label("larder_redis_errors_total", "kind")
            reads = self.larder.metric("larder_redis_connections_total")
            for key in list(range(1, KEYS + 1)) * 2:
                self.read(key)
            more = self.larder.metrics_by_label("larder_redis_errors_total", "kind")["timeout"] - errors["timeout"]
            # No read waits for a Redis that does not answer: each further timeout is one of a new connection's PING.
            self.assertLessEqual(more, self.larder.metric("larder_redis_connections_total") - reads + 1)
        finally:
            self.redis.signal(signal.SIGCONT)
        self.wait_until_up()
        self.wait_for_redis_hit()

    def test_full(self):
        self.start(redis=RedisServer("--maxmemory", "1100000", "--maxmemory-policy", "noeviction"))
        self.wait_until_up()
        def once():
            for key in range(1, KEYS + 1):
                self.read(key)
            return self.larder.metrics_by_label("larder_redis_errors_total", "kind").get("full", 0) > 0
        eventually(once, "Redis is full")
        self.assertEqual(self.larder.metric("larder_redis_up"), 1)
        self.redis.run("CONFIG", "SET", "maxmemory", "0")
        self.wait_for_redis_hit()
        self.assertIn("maxmemory-policy", self.larder.output())

    def password_file(self, text):
        path = os.path.join(self.redis.folder, "password")
        with open(path, "w", encoding="ascii") as file:
            file.write(text + "\n")
        return path

    def test_wrong_password(self):
        self.redis = RedisServer(password="right")
        self.start("redis.password_file=" + self.password_file("wrong"), redis=self.redis)
        eventually(lambda: self.larder.metrics_by_label("larder_redis_errors_total", "kind").get("refused", 0) > 1, "the password is refused, and tried again")
        for key in range(1, 4):
            self.read(key)
        self.assertEqual(self.larder.metric("larder_redis_up"), 0)
        self.assertIn("redis.password_file", self.larder.output())

    def test_user_and_database(self):
        self.redis = RedisServer()
        self.redis.run("ACL", "SETUSER", "larder", "on", ">secret", "~larder:*", "+get", "+set", "+ping", "+select")
        self.larder = Larder(self.cluster.server, (*SETTINGS, f"redis.url={self.redis.url}/3", "redis.username=larder", "redis.password_file=" + self.password_file("secret")))
        self.client = self.open(self.larder.server)
        wait_until_serving(self.larder)
        self.wait_until_up()
        self.wait_for_redis_hit()
        self.assertEqual(self.redis.keys(), [])                 # database 0
        connection = self.redis.connect()
        connection.run("SELECT", 3)
        self.assertTrue(connection.run("KEYS", "larder:*"))
        connection.close()

    def test_tls(self):
        folder = tempfile.mkdtemp(prefix="larder-test-redis-tls-")
        try:
            authority, _ = make_certificate(folder, "authority", "test authority")
            certificate, key = make_certificate(folder, "redis", "localhost", "authority")
            port = free_port()
            self.redis = RedisServer("--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority, "--tls-auth-clients", "no")
            self.larder = Larder(self.cluster.server, (*SETTINGS, f"redis.url=rediss://localhost:{port}", f"redis.tls_ca_file={authority}"))
            self.client = self.open(self.larder.server)
            wait_until_serving(self.larder)
            self.wait_for_redis_hit()
            self.client.close()
            self.larder.stop()
            # Without the authority's certificate, or under another name, it is not taken.
            for settings in ((f"redis.url=rediss://localhost:{port}",), (f"redis.url=rediss://127.0.0.1:{port}", f"redis.tls_ca_file={authority}")):
                self.larder = Larder(self.cluster.server, (*SETTINGS, *settings))
                self.client = self.open(self.larder.server)
                eventually(lambda: self.larder.metrics_by_label("larder_redis_errors_total", "kind").get("unreachable", 0) > 0, "the certificate is refused")
                self.assertEqual(self.larder.metric("larder_redis_up"), 0)
                self.read(1)
                self.client.close()
                self.larder.stop()
            self.larder = None
        finally:
            shutil.rmtree(folder)

    def test_console_and_http(self):
        self.start()
        self.fill(SOME)
        console = psycopg2.connect(self.larder.server.uri("larder"))
        console.autocommit = True
        cursor = console.cursor()
        cursor.execute("SHOW REDIS")
        row = dict(zip([column[0] for column in cursor.description], cursor.fetchone()))
        console.close()
        self.assertEqual((row["address"], int(row["workers_up"])), (self.redis.url + "/0", 1))
        self.assertGreaterEqual(int(row["stored"]), SOME)
        shown = json.loads(self.larder.http("/api/v1/redis"))
        self.assertEqual(shown["address"], row["address"])
        self.assertGreaterEqual(shown["stored"], SOME)
        self.assertGreater(shown["round_trip_seconds"], 0)

    def test_purge(self):
        self.start()
        self.fill(SOME)
        console = psycopg2.connect(self.larder.server.uri("larder"))
        console.autocommit = True
        console.cursor().execute("PURGE ALL")
        console.close()
        before = self.larder.metric("larder_redis_hits_total")
        for key in range(1, 4):
            self.read(key)
        self.assertEqual(self.larder.metric("larder_redis_hits_total"), before)

    def test_nothing_cheap_is_put_there(self):
        self.start("redis.min_cost=1h")
        self.wait_until_up()
        for key in range(1, KEYS + 1):
            self.read(key)
        eventually(lambda: self.larder.metrics_by_label("larder_redis_not_stored_total", "reason").get("cheap", 0) > 0, "answers were too cheap")
        self.assertEqual(self.redis.keys(), [])


if __name__ == "__main__":
    unittest.main()
