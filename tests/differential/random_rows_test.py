#!/usr/bin/python3
"""Rows written and read in every form that was thought of, drawn at random: after each write what is read through Larder is what PostgreSQL says.

Tables with keys of many types and kinds (composite, nullable, partial, on expressions, deferrable, collated, of a domain), foreign keys that act, triggers,
views, partitions; read by simple query, with parameters in text and binary, prepared, in lists, arrays and joins; written by every statement that writes, inside of blocks,
behind savepoints, and by two sessions in turn. The seeds are fixed; LARDER_TEST_SEEDS=FIRST-LAST draws others.
"""
import os
import random
import sys
import unittest
import uuid

import psycopg

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

FIRST, LAST = (int(number) for number in os.environ.get("LARDER_TEST_SEEDS", "1-6").split("-"))
STEPS = 300
READS_EACH = 4          # after each write, of those drawn for the seed
POOL = 60               # different reads of a seed

SETUP = """
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN code AS text CHECK (length(VALUE) < 20);
CREATE TABLE a (id int PRIMARY KEY, small int2, big int8, name text UNIQUE, word varchar(4), padded char(4), flag bool, u uuid UNIQUE, ci text COLLATE folded, c code, n int, num numeric, opt int UNIQUE, gen int GENERATED ALWAYS AS (n * 2) STORED);
CREATE INDEX a_small ON a (small); CREATE INDEX a_big ON a (big); CREATE INDEX a_flag ON a (flag); CREATE INDEX a_word ON a (word); CREATE INDEX a_padded ON a (padded);
CREATE UNIQUE INDEX a_ci ON a (ci);
CREATE TABLE b (x int, y int, z int, s text, PRIMARY KEY (x, y), CONSTRAINT b_z UNIQUE (z) DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX b_lower ON b (lower(s)); CREATE UNIQUE INDEX b_part ON b (x) WHERE z > 50;
CREATE TABLE child (id serial PRIMARY KEY, a_id int REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE, a_name text REFERENCES a (name) ON DELETE SET NULL ON UPDATE CASCADE, n int);
CREATE INDEX child_a ON child (a_id); CREATE INDEX child_name ON child (a_name);
CREATE TABLE logged (id int PRIMARY KEY, n int);
CREATE TABLE log (id int PRIMARY KEY, n int);
CREATE TABLE settled (id int PRIMARY KEY, n int);
INSERT INTO log SELECT i, 0 FROM generate_series(1, 6) i;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE log SET n = log.n + 1 WHERE log.id = NEW.id; NEW.n = NEW.n + 1; RETURN NEW; END';
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON logged FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE part (id int, k int, n int, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (3); CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (3) TO (100);
CREATE TABLE parent (id int PRIMARY KEY, n int); CREATE TABLE heir (more int) INHERITS (parent);
CREATE VIEW a_flagged AS SELECT id, name, n FROM a WHERE flag;
CREATE VIEW joined AS SELECT a.id, a.n, c.n AS child_n FROM a JOIN child c ON c.a_id = a.id;
CREATE RULE flagged_less AS ON DELETE TO a_flagged DO INSTEAD UPDATE a SET flag = false WHERE id = OLD.id;
"""

IDS = range(1, 7)
NAMES = [f"n{i}" for i in IDS]
UUIDS = [str(uuid.UUID(int=i)) for i in IDS]
PLACE = "%s"
# A constant that one side of a join is compared with holds for the other as well: for both of an inner join, for the nullable one of an outer.
JOINS = (
    "SELECT c.n FROM child c JOIN a ON a.id = c.a_id WHERE a.id = {} ORDER BY 1", "SELECT a.n, c.n FROM child c JOIN a ON a.id = c.a_id WHERE c.a_id = {} ORDER BY 1, 2",
    "SELECT a.n, c.n FROM a LEFT JOIN child c ON c.a_id = a.id AND c.n > 2 WHERE a.id = {} ORDER BY 1, 2", "SELECT a.n, c.n FROM child c LEFT JOIN a ON a.id = c.a_id WHERE c.a_id = {} ORDER BY 1, 2",
    "SELECT a.n, c.n FROM child c RIGHT JOIN a ON a.id = c.a_id WHERE a.id = {} ORDER BY 1, 2", "SELECT a.n, c.n FROM a FULL JOIN child c ON c.a_id = a.id WHERE a.id = {} ORDER BY 1, 2",
    "SELECT id, a.n, l.n FROM a JOIN logged l USING (id) WHERE id = {}", "SELECT id, a.n, l.n FROM a LEFT JOIN logged l USING (id) WHERE id = {}", "SELECT id, a.n, l.n FROM a RIGHT JOIN logged l USING (id) WHERE id = {}",
    "SELECT id, a.n, l.n, o.n FROM a JOIN logged l USING (id) LEFT JOIN log o USING (id) WHERE a.id = {}", "SELECT a.n, b.z FROM a JOIN b ON b.y = a.id AND b.x = 1 WHERE a.id = {}",
    "SELECT a.n, b.z FROM a, b WHERE b.y = a.id AND b.x = 1 AND b.y = {}", "SELECT a.n, c.n, x.n FROM a LEFT JOIN (child c JOIN logged x ON x.id = c.a_id) ON c.a_id = a.id WHERE a.id = {} ORDER BY 1, 2",
    "SELECT c.n FROM child c JOIN a ON a.name = c.a_name WHERE a.name = 'n' || {} ORDER BY 1", "SELECT c.n FROM child c JOIN a ON a.big = c.a_id WHERE a.big = {} ORDER BY 1", "SELECT c.n FROM child c JOIN a ON a.num = c.a_id WHERE a.num = {} ORDER BY 1",
    "SELECT a.n FROM a LEFT JOIN child c ON c.a_id = a.id WHERE a.id = {} AND c.id IS NULL", "SELECT count(c.id) FROM a LEFT JOIN child c ON c.a_id = a.id WHERE a.id = {}", "SELECT p.n, a.n FROM part p JOIN a ON a.id = p.id AND a.small = p.k WHERE p.id = {} ORDER BY 1, 2",
    "SELECT a.n FROM a WHERE a.id = {} AND EXISTS (SELECT FROM child c WHERE c.a_id = a.id)", "SELECT a.n, c.n FROM a JOIN LATERAL (SELECT n FROM child WHERE a_id = a.id ORDER BY n LIMIT 1) c ON true WHERE a.id = {}")


def fill():
    rows = ", ".join(f"({i}, {i}, {i}, 'n{i}', 'w{i}', 'p{i}', {str(i % 2 == 0).lower()}, '{UUIDS[i - 1]}', 'C{i}', 'c{i}', {i}, {i}.0, {'NULL' if i % 3 == 0 else i})" for i in IDS)
    return ["TRUNCATE a, b, child, logged, part, parent CASCADE", f"INSERT INTO a (id, small, big, name, word, padded, flag, u, ci, c, n, num, opt) VALUES {rows}",
            "INSERT INTO b SELECT i % 3, i, i * 10, 'S' || i FROM generate_series(1, 6) i", "INSERT INTO child (a_id, a_name, n) SELECT i, 'n' || i, i FROM generate_series(1, 6) i",
            "INSERT INTO logged SELECT i, i FROM generate_series(1, 6) i", "INSERT INTO part SELECT i, i, i FROM generate_series(1, 6) i",
            "INSERT INTO parent SELECT i, i FROM generate_series(1, 3) i", "INSERT INTO heir SELECT i, i, i FROM generate_series(4, 6) i", "UPDATE log SET n = 0"]


class Drawer:
    """Statements as (text, values): values are sent as parameters, or written in."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.next_id = 100

    def id(self):
        return self.random.choice(IDS) if self.random.random() < 0.85 else self.random.choice((0, 7, 100, 101, 102))

    def key_of_a(self):
        """A condition on one key of table a, and its value."""
        i = self.id()
        return self.random.choice((
            ("id = {}", i), ("{} = id", i), ("id = {}::int8", i), ("small = {}", i), ("big = {}", i), ("small = {}::int4", i), ("name = {}", f"n{i}"), ("name = {}::text", f"n{i}"),
            ("word = {}", f"w{i}"), ("padded = {}", f"p{i}"), ("padded = {}", f"p{i}  "), ("flag = {}", i % 2 == 0), ("u = {}", UUIDS[i % 6]), ("u = {}::uuid", UUIDS[i % 6].upper()),
            ("ci = {}", f"c{i}"), ("c = {}", f"c{i}"), ("opt = {}", i), ("num = {}", i), ("id = {}::numeric", i), ("id::text = {}", str(i)), ("id IN ({}, 3)", i), ("id = ANY (ARRAY[{}, 2])", i),
            ("name IN ({}, 'n2')", f"n{i}"), ("id = ANY ({})", [i, 2]), ("id = ANY ({}::int8[])", [i, None, i]), ("name = ANY ({}::text[])", [f"n{i}", "n,\"4"]), ("id = ANY ({}::int[]) AND n > 0", [i]), ("id = ANY ({}::int[])", []), ("u = ANY ({}::uuid[])", [UUIDS[i % 6]]), ("id = {} AND n > 0", i), ("id = {} OR id = 1", i), ("NOT id <> {}", i), ("id BETWEEN {} AND 4", i), ("id = {} + 0", i), ("coalesce(id, 0) = {}", i),
            ("(id, small) = ({}, 2)", i), ("id = {} AND name = 'n1'", i), ("opt IS NULL AND id = {}", i), ("lower(name) = {}", f"n{i}"), ("name LIKE {}", f"n{i}"), ("gen = {}", 2 * i)))

    def value(self, value):
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return "'{" + ",".join("NULL" if one is None else '"' + str(one).replace('"', '\\"') + '"' for one in value) + "}'"
        return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"

    def read(self):
        condition, value = self.key_of_a()
        i = self.id()
        text, value = self.random.choice((
            (f"SELECT id, n, gen, name FROM a WHERE {condition} ORDER BY id", value), (f"SELECT n FROM a WHERE {condition} ORDER BY id", value), (f"SELECT count(*) FROM a WHERE {condition}", value),
            (f"SELECT max(n) FROM a WHERE {condition}", value), (f"SELECT a.n, c.n FROM a JOIN child c ON c.a_id = a.id WHERE a.{condition if condition.startswith(('id = {}', 'small', 'big', 'opt = ')) else 'id = 1 AND ' + self.value(value).replace('{', '{{').replace('}', '}}') + ' = {}'} ORDER BY 1, 2",
             value), (f"SELECT EXISTS (SELECT FROM a WHERE {condition})", value), (f"SELECT (SELECT n FROM a WHERE {condition} ORDER BY id LIMIT 1)", value),
            ("SELECT z, s FROM b WHERE x = {} AND y = 4", i), ("SELECT z FROM b WHERE x = 1 AND y = {}", i), ("SELECT x, y FROM b WHERE z = {}", i * 10), ("SELECT x FROM b WHERE lower(s) = {}", f"s{i}"), ("SELECT y FROM b WHERE x = {} AND z > 50 ORDER BY y", i),
            ("SELECT n, a_name FROM child WHERE a_id = {} ORDER BY id", i), ("SELECT n, a_id FROM child WHERE a_name = {} ORDER BY id", f"n{i}"), ("SELECT n FROM child WHERE id = {}", i), ("SELECT a.n FROM a LEFT JOIN child c ON c.a_id = a.id WHERE a.id = {} ORDER BY 1", i),
            ("SELECT c.n FROM a LEFT JOIN child c ON c.a_id = a.id AND c.id = {} ORDER BY a.id, 1", i), ("SELECT a.n, b.z FROM a, b WHERE a.id = {} AND b.x = 1 AND b.y = 4", i), ("SELECT n FROM logged WHERE id = {}", i), ("SELECT n FROM log WHERE id = {}", i),
            ("SELECT n FROM part WHERE id = {} AND k = 2", i), ("SELECT n FROM part_2 WHERE id = {} ORDER BY k", i), ("SELECT n FROM parent WHERE id = {} ORDER BY 1", i), ("SELECT n FROM ONLY parent WHERE id = {}", i), ("SELECT n FROM heir WHERE id = {}", i),
            ("SELECT name, n FROM a_flagged WHERE id = {}", i), ("SELECT child_n FROM joined WHERE id = {} ORDER BY 1", i), ("SELECT sum(n) FROM a WHERE id > {}", i), ("WITH one AS (SELECT n FROM a WHERE id = {}) SELECT n FROM one", i),
            *((join, i) for join in JOINS), ("SELECT n FROM a WHERE id = {} UNION ALL SELECT n FROM logged WHERE id = 2", i), ("SELECT x.n FROM (SELECT id, n FROM a) AS x WHERE x.id = {}", i), ("SELECT n FROM a WHERE id = {} FOR SHARE", i)))
        form = self.random.choice(("simple", "simple", "text", "text", "binary", "prepared"))
        return (text, value, form)

    def write(self):
        condition, value = self.key_of_a()
        condition = condition.format(self.value(value))
        i, j = self.id(), self.id()
        self.next_id += 1
        fresh = self.random.choice((self.next_id, self.id()))
        name = f"n{self.random.choice((i, self.next_id))}"
        step = self.random.randint(1, 50)
        new_row = f"({fresh}, {fresh % 100}, {fresh}, '{name}', 'w{i}', 'p{i}', true, '{uuid.UUID(int=fresh)}', 'C{fresh}', 'c{i}', {step}, {step}, NULL)"
        columns = "(id, small, big, name, word, padded, flag, u, ci, c, n, num, opt)"
        return self.random.choice((
            f"UPDATE a SET n = n + {step} WHERE {condition}", f"UPDATE a SET n = n + {step} WHERE {condition}", f"UPDATE a SET n = {step} WHERE id = {i} RETURNING n", f"UPDATE a SET n = n + 1", f"UPDATE a SET n = n + 1 WHERE n % 2 = {i % 2}",
            f"UPDATE a SET id = {fresh} WHERE id = {i}", f"UPDATE a SET name = '{name}' WHERE id = {i}", f"UPDATE a SET name = '{name}', n = {step} WHERE {condition}", f"UPDATE a SET small = {j} WHERE {condition}", f"UPDATE a SET big = big + 1 WHERE id = {i}",
            f"UPDATE a SET flag = NOT flag WHERE {condition}", f"UPDATE a SET opt = NULL WHERE opt = {i}", f"UPDATE a SET opt = {j} WHERE id = {i}", f"UPDATE a SET word = 'w{j}', padded = 'p{j}' WHERE id = {i}", f"UPDATE a SET u = '{uuid.UUID(int=fresh)}' WHERE id = {i}",
            f"UPDATE a SET ci = upper(ci) || 'X' WHERE id = {i}", f"UPDATE a SET (id, n) = ({fresh}, {step}) WHERE id = {i}", f"UPDATE a SET n = b.z FROM b WHERE b.x = 1 AND b.y = a.id AND a.id = {i}", f"UPDATE a SET id = 7 - id WHERE id IN ({i}, {j})",
            f"INSERT INTO a {columns} VALUES {new_row}", f"INSERT INTO a {columns} VALUES {new_row} ON CONFLICT DO NOTHING", f"INSERT INTO a {columns} VALUES {new_row} ON CONFLICT (id) DO UPDATE SET n = a.n + {step}",
            f"INSERT INTO a {columns} VALUES {new_row} ON CONFLICT (name) DO UPDATE SET n = EXCLUDED.n, id = a.id", f"INSERT INTO a {columns} VALUES {new_row} ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name || 'y', small = {j}", f"INSERT INTO a {columns} VALUES {new_row} ON CONFLICT ON CONSTRAINT a_name_key DO UPDATE SET id = EXCLUDED.id",
            f"INSERT INTO a {columns} VALUES {new_row} ON CONFLICT (ci) DO UPDATE SET n = {step}", f"INSERT INTO a (id, name, n) SELECT {fresh}, '{name}', max(n) FROM a", f"DELETE FROM a WHERE {condition}", f"DELETE FROM a WHERE id = {i} RETURNING id", f"DELETE FROM a USING child c WHERE c.a_id = a.id AND c.n = {i}",
            f"WITH gone AS (DELETE FROM a WHERE id = {i} RETURNING *) INSERT INTO logged SELECT id + 1000, n FROM gone ON CONFLICT (id) DO UPDATE SET n = 5", f"WITH w AS (UPDATE a SET n = n + 1 WHERE id = {i} RETURNING n) SELECT n FROM w",
            f"MERGE INTO a USING (VALUES ({i}, {step})) AS v (id, n) ON a.id = v.id WHEN MATCHED THEN UPDATE SET n = v.n WHEN NOT MATCHED THEN INSERT (id, name, n) VALUES (v.id, 'm' || v.id, v.n)",
            f"UPDATE b SET z = z + {step} WHERE x = {i % 3} AND y = {i}", f"UPDATE b SET y = {fresh} WHERE x = {i % 3} AND y = {i}", f"UPDATE b SET x = {j} WHERE y = {i}", f"UPDATE b SET s = 'S{fresh}' WHERE y = {i}", f"UPDATE b SET z = z + 1", f"INSERT INTO b VALUES ({i % 3}, {fresh}, {self.next_id * 10}, 'S{self.next_id}') ON CONFLICT (x, y) DO UPDATE SET z = EXCLUDED.z",
            f"INSERT INTO b VALUES ({i % 3}, {fresh}, {self.next_id * 10}, 'S{i}') ON CONFLICT (lower(s)) DO UPDATE SET z = EXCLUDED.z", f"DELETE FROM b WHERE z = {i * 10}", f"INSERT INTO child (a_id, n) VALUES ({i}, {step})", f"INSERT INTO child (a_id, a_name, n) SELECT id, name, n FROM a WHERE id = {i}",
            f"UPDATE child SET a_id = {j} WHERE a_id = {i}", f"UPDATE child SET n = n + 1 WHERE id = {i}", f"UPDATE child SET a_name = NULL WHERE a_name = 'n{i}'", f"DELETE FROM child WHERE a_id = {i}", f"UPDATE logged SET n = 0 WHERE id = {i}", f"INSERT INTO logged VALUES ({fresh}, 1) ON CONFLICT (id) DO UPDATE SET n = 9",
            f"UPDATE part SET n = n + 1 WHERE id = {i}", f"UPDATE part SET k = {j} WHERE id = {i}", f"UPDATE part_2 SET n = n + 1 WHERE id = {i} AND k = {i}", f"INSERT INTO part VALUES ({i}, {j}, {step}) ON CONFLICT (id, k) DO UPDATE SET n = {step}", f"UPDATE parent SET n = n + 1 WHERE id = {i}", f"UPDATE ONLY parent SET id = {fresh} WHERE id = {i}",
            f"UPDATE heir SET n = {step} WHERE id = {i}", f"DELETE FROM a_flagged WHERE id = {i}", f"UPDATE a_flagged SET n = {step} WHERE id = {i}", f"COPY:{fresh}", "TRUNCATE child", "REFILL", f"DO $$BEGIN UPDATE a SET n = n + 1 WHERE id = {i}; END$$",
            f"UPDATE a SET n = %s WHERE id = %s|{step},{i}", f"UPDATE a SET id = %s WHERE name = %s|{fresh},n{i}", f"INSERT INTO child (a_id, n) VALUES (%s, %s)|{i},{step}", f"DELETE FROM a WHERE name = %s|n{i}", f"INSERT INTO a (id, name, n) VALUES (%s, %s, 5) ON CONFLICT (id) DO UPDATE SET n = 6|{fresh},{name}"))


def ask(connection, text, value, form):
    """Rows, or the SQLSTATE."""
    with connection.cursor(binary=form == "binary") as cursor:
        try:
            if form == "simple":
                cursor.execute(text.format(Drawer.value(None, value)))
            else:
                cursor.execute(text.format(PLACE), (value,), prepare=form == "prepared")
            return cursor.fetchall()
        except psycopg.Error as error:
            return error.sqlstate


def run(connection, text):
    """The rest of a write that is no plain text."""
    with connection.cursor() as cursor:
        try:
            if text.startswith("COPY:"):
                with cursor.copy("COPY child (a_id, n) FROM STDIN") as copy:
                    copy.write(f"1\t{text[5:]}\n2\t{text[5:]}\n")
            elif text == "REFILL":
                for one in fill():
                    cursor.execute(one)
            elif "|" in text and "%s" in text:
                statement, values = text.split("|")
                cursor.execute(statement, [int(v) if v.isdigit() else v for v in values.split(",")])
            else:
                cursor.execute(text)
            return None
        except psycopg.Error as error:
            return error.sqlstate


def write(connection, drawer):
    """One write, or a few in a block; what was tried, for the report."""
    kind = drawer.random.random()
    if kind < 0.6:
        text = drawer.write()
        return [text, run(connection, text)]
    done, begin = [], drawer.random.choice(("BEGIN", "BEGIN ISOLATION LEVEL SERIALIZABLE"))
    steps = [begin]
    for _ in range(drawer.random.randint(1, 3)):
        steps += drawer.random.choice(([drawer.write()], ["SAVEPOINT s", drawer.write(), "ROLLBACK TO s"], ["SAVEPOINT s", drawer.write(), "RELEASE s"]))
    steps.append(drawer.random.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")))
    for text in steps:
        done += [text, run(connection, text)]
    run(connection, "ROLLBACK")
    return done


@unittest.skipIf(DIRECT, "compares Larder with PostgreSQL")
class RandomRows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.addClassCleanup(cls.cluster.remove)
        with psycopg.connect(cls.cluster.server.uri("postgres"), autocommit=True) as connection:
            for statement in SETUP.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
        cls.larder = Larder(cls.cluster.server)
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)

    def through(self):
        return psycopg.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="postgres", autocommit=True)

    def wait_for_facts(self, connection):
        """Code that is not understood has the catalogue read anew; nothing is found in the cache meanwhile."""
        def is_hit():
            ask(connection, "SELECT n FROM settled WHERE id = {}", 1, "simple")
            before = self.larder.hits()
            ask(connection, "SELECT n FROM settled WHERE id = {}", 1, "simple")
            return self.larder.hits() > before
        eventually(is_hit, "the catalogue is known again")

    def play(self, seed, direct):
        with self.through() as first, self.through() as second, self.through() as third, self.through() as fourth:
            self.compare(seed, (first, second), (third, fourth), direct)

    def compare(self, seed, readers, writers, direct):
        drawer = Drawer(seed)
        run(writers[0], "REFILL")
        pool = [drawer.read() for _ in range(POOL)]
        history = []
        for step in range(STEPS):
            history = history[-5:] + [write(drawer.random.choice(writers), drawer)]
            self.wait_for_facts(readers[0])
            for text, value, form in drawer.random.sample(pool, READS_EACH):
                for reader in readers:
                    got, wanted = ask(reader, text, value, form), ask(direct, text, value, form)
                    self.assertEqual(got, wanted, f"seed {seed}, step {step}: {text} with {value!r}, {form}; written before: {history}")

    def test_what_is_read_is_what_is_there(self):
        with psycopg.connect(self.cluster.server.uri("postgres"), autocommit=True) as direct:
            for seed in range(FIRST, LAST + 1):
                before, misses = self.larder.hits(), self.larder.metric("larder_cache_misses_total")
                with self.subTest(seed=seed):
                    self.play(seed, direct)
                hits, misses = self.larder.hits() - before, self.larder.metric("larder_cache_misses_total") - misses
                print(f"seed {seed}: {hits:.0f} hits, {misses:.0f} misses", flush=True)
                # The second reader would hit even without rows; so much more shows that answers outlive writes to other rows.
                self.assertGreater(hits, 0.5 * (hits + misses))


if __name__ == "__main__":
    unittest.main(verbosity=2)
