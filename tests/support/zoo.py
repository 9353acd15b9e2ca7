"""The frame of the client zoo: a fresh database, a Larder in front of it, and reads that have to become hits and stay right."""
import shutil
import time
import unittest

from . import postgres_server
from .larder_process import DIRECT, Larder

HIT_SECONDS_MAX = 20
SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric(10, 2), stock int NOT NULL, made date, tags text[], note jsonb, raw bytea, score float8, at timestamptz);
INSERT INTO item SELECT i, 'item ' || i, i * 1.25, 10, date '2024-01-01' + i, ARRAY['a', 'b' || i], jsonb_build_object('i', i), decode(lpad(to_hex(i), 4, '0'), 'hex'), i / 3.0,
  timestamptz '2024-01-01 00:00:00+00' + i * interval '1 hour' FROM generate_series(1, 50) i;
CREATE TABLE sale (id serial PRIMARY KEY, item_id int NOT NULL REFERENCES item ON DELETE CASCADE, pieces int NOT NULL);
INSERT INTO sale (item_id, pieces) SELECT 1 + i % 50, i % 7 FROM generate_series(1, 200) i;
CREATE VIEW sold AS SELECT item.id, item.name, coalesce(sum(pieces), 0) AS pieces FROM item LEFT JOIN sale ON item_id = item.id GROUP BY item.id;
"""


class ZooCase(unittest.TestCase):
    """Set `database`. self.through is where the client under test goes, self.direct is PostgreSQL itself (to be read only)."""

    database = None

    @classmethod
    def setUpClass(cls):
        cls.direct = postgres_server.server()
        cls.direct.create_database(cls.database)
        cls.direct.run(cls.database, SCHEMA)
        cls.larder = Larder(cls.direct)
        cls.through = cls.larder.server

    @classmethod
    def tearDownClass(cls):
        try:
            cls.larder.stop()
        finally:
            cls.direct.drop_database(cls.database)

    def truth(self, sql):
        """The rows that PostgreSQL itself gives."""
        return self.direct.run(self.database, sql)

    def read_until_hit(self, read):
        """Calls read() until it was answered from the cache; every answer is the same."""
        deadline, before, first = time.monotonic() + HIT_SECONDS_MAX, self.larder.hits(), read()
        while True:
            self.assertEqual(read(), first)
            if DIRECT or self.larder.hits() > before:
                return first
            self.assertLess(time.monotonic(), deadline, f"no hit; bypassed: {self.larder.bypass_reasons()}")
            time.sleep(0.02)

    def cycle(self, read, write, truth, rounds=3):
        """Read until it is a hit, write, read again: always what PostgreSQL itself says. truth is SQL or a function."""
        told = (lambda: self.truth(truth)) if isinstance(truth, str) else truth
        for _ in range(rounds):
            self.assertEqual(self.read_until_hit(read), told())
            write()
            self.assertEqual(read(), told())


def require(*programs):
    """Skips a test case where the programs of a client are not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")
