#!/usr/bin/python3
"""The change feed: writes that go round Larder are seen, whatever kind they are of; own ones are told apart; and what is lost is said.

Each write is made directly, behind a read that is proven to be a hit, and then the read has to become what PostgreSQL says.
`feed.lag_max` and `others_ttl_max` are a minute, so that nothing but the feed can have dropped the old answer.
"""
import os
import signal
import socket
import sys
import threading
import time
import unittest

import psycopg
import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

LONG = ("freshness.others_ttl_max=1min", "feed.lag_max=1min", "freshness.catalogue_poll=1h")

SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, name text, n int);
INSERT INTO items SELECT i, 'item ' || i, 0 FROM generate_series(1, 20) i;
CREATE TABLE wide (id int PRIMARY KEY, body text);
INSERT INTO wide SELECT i, string_agg(md5(i::text || j), '') FROM generate_series(1, 3) i, generate_series(1, 400) j GROUP BY i;
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO parents SELECT generate_series(1, 9);
INSERT INTO children SELECT i, i FROM generate_series(1, 9) i;
CREATE TABLE measures (day int, n int) PARTITION BY RANGE (day);
CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM (0) TO (10);
CREATE TABLE measures_2 PARTITION OF measures FOR VALUES FROM (10) TO (20);
INSERT INTO measures SELECT i, 0 FROM generate_series(0, 19) i;
CREATE TABLE base (n int);
CREATE TABLE derived (m int) INHERITS (base);
INSERT INTO base VALUES (1);
CREATE VIEW item_names AS SELECT id, name FROM items WHERE n < 1000;
CREATE MATERIALIZED VIEW item_sums AS SELECT sum(n) AS n FROM items;
CREATE UNLOGGED TABLE fast (n int);
INSERT INTO fast VALUES (1);
CREATE TABLE audited (id int PRIMARY KEY, n int);
CREATE TABLE audit (id int, n int);
INSERT INTO audited VALUES (1, 1);
CREATE FUNCTION note_audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (NEW.id, NEW.n); RETURN NEW; END';
CREATE TRIGGER note_audit AFTER UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION note_audit();
CREATE ROLE reader LOGIN;
CREATE ROLE readers;
GRANT SELECT ON items TO readers;
GRANT readers TO reader;
"""

# What is read, and how somebody else changes it.
WRITES = {
    "insert": ("SELECT count(*) FROM items", "INSERT INTO items VALUES (100, 'new', 1)"),
    "update by key": ("SELECT n FROM items WHERE id = 1", "UPDATE items SET n = n + 1 WHERE id = 1"),
    "update of an index's column": ("SELECT id FROM items WHERE id = 2 OR id = 2000", "UPDATE items SET id = 2000 WHERE id = 2"),
    "delete": ("SELECT count(*) FROM items WHERE id > 0", "DELETE FROM items WHERE id = 3"),
    "upsert": ("SELECT n FROM items WHERE id = 4", "INSERT INTO items VALUES (4, 'x', 0) ON CONFLICT (id) DO UPDATE SET n = items.n + 7"),
    "merge": ("SELECT n FROM items WHERE id = 5", "MERGE INTO items USING (SELECT 5 AS id) s ON items.id = s.id WHEN MATCHED THEN UPDATE SET n = 55"),
    "many rows": ("SELECT sum(n) FROM items WHERE id < 1000", "UPDATE items SET n = n + 1"),
    "a value in TOAST alone": ("SELECT length(body) FROM wide WHERE id = 1", "UPDATE wide SET body = body || body WHERE id = 1"),
    "cascade of a delete": ("SELECT count(*) FROM children", "DELETE FROM parents WHERE id = 1"),
    "cascade of an update": ("SELECT max(parent) FROM children", "UPDATE parents SET id = 1000 WHERE id = 9"),
    "partition by its parent": ("SELECT sum(n) FROM measures", "UPDATE measures SET n = n + 1 WHERE day = 1"),
    "partition by its own name": ("SELECT sum(n) FROM measures WHERE day > 9", "UPDATE measures_2 SET n = n + 1 WHERE day = 11"),
    "parent, read by the partition": ("SELECT sum(n) FROM measures_1", "UPDATE measures SET n = n + 1 WHERE day = 2"),
    "row that moves to another partition": ("SELECT count(*) FROM measures_1", "UPDATE measures SET day = 15 WHERE day = 3"),
    "child of an inheritance tree": ("SELECT count(*) FROM base", "INSERT INTO derived VALUES (1, 1)"),
    "table below a view": ("SELECT name FROM item_names WHERE id = 6", "UPDATE items SET name = 'seen through the view' WHERE id = 6"),
    "view": ("SELECT count(*) FROM item_names", "DELETE FROM item_names WHERE id = 7"),
    "refresh": ("SELECT n FROM item_sums", "REFRESH MATERIALIZED VIEW item_sums"),
    "trigger": ("SELECT count(*) FROM audit", "UPDATE audited SET n = n + 1"),
    "function": ("SELECT n FROM items WHERE id = 8", "DO $$ BEGIN EXECUTE 'UPDATE items SET n = 88 WHERE id = 8'; END $$"),
    "two-phase commit": ("SELECT n FROM items WHERE id = 9", "BEGIN; UPDATE items SET n = 99 WHERE id = 9; PREPARE TRANSACTION 'feed'; COMMIT PREPARED 'feed'"),
    "savepoint": ("SELECT n FROM items WHERE id = 10", "BEGIN; SAVEPOINT a; UPDATE items SET n = 1010 WHERE id = 10; RELEASE a; COMMIT"),
    "alter": ("SELECT n FROM audited", "ALTER TABLE audited ALTER n TYPE bigint USING n + 1000"),
    "write to a file that is new": ("SELECT n FROM audited", "UPDATE audited SET n = 5"),
    "write after VACUUM FULL": ("SELECT n FROM items WHERE id = 12", "VACUUM FULL items; UPDATE items SET n = 1212 WHERE id = 12"),
    "write after CLUSTER": ("SELECT n FROM items WHERE id = 12", "CLUSTER items USING items_pkey; UPDATE items SET n = 1213 WHERE id = 12"),
    "truncate": ("SELECT count(*) FROM audit", "TRUNCATE audit"),
    "write after truncate": ("SELECT count(*) FROM audit", "INSERT INTO audit VALUES (1, 1)"),
    "view that is replaced": ("SELECT name FROM item_names WHERE id = 13", "CREATE OR REPLACE VIEW item_names AS SELECT id, 'all alike'::text AS name FROM items"),
    "column default": ("SELECT count(z) FROM wide", "ALTER TABLE wide ADD z int DEFAULT 1"),
    "partition that is detached": ("SELECT count(*) FROM measures", "ALTER TABLE measures DETACH PARTITION measures_2"),
    "partition that is attached": ("SELECT count(*) FROM measures", "ALTER TABLE measures ATTACH PARTITION measures_2 FOR VALUES FROM (10) TO (20)"),
    "write to a partition that came back": ("SELECT sum(n) FROM measures", "UPDATE measures_2 SET n = n + 5"),
    "COPY": ("SELECT count(*) FROM children", "COPY children FROM PROGRAM 'echo 500,1000' CSV"),
    "unlogged table": ("SELECT n FROM fast", "UPDATE fast SET n = n + 1"),
}


class Fork:
    """A port behind which replication is another server than all else."""

    def __init__(self, port, replication_port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.ports = self.listener.getsockname()[1], (port, replication_port)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        with client:
            begin = client.recv(65536)
            if begin[4:8] == b"\x04\xd2\x16\x2f":  # SSLRequest
                client.sendall(b"N")
                begin = client.recv(65536)
            with socket.create_connection(("127.0.0.1", self.ports[b"replication\0" in begin])) as server:
                server.sendall(begin)
                back = threading.Thread(target=self.pipe, args=(server, client), daemon=True)
                back.start()
                self.pipe(client, server)
                back.join()

    @staticmethod
    def pipe(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


@unittest.skipIf(DIRECT, "PostgreSQL needs no feed")
class FeedTest(unittest.TestCase):
    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run(SCHEMA)
        self.larder = None

    def start(self, *settings, wait=True):
        self.larder = Larder(self.cluster.server, settings or LONG)
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        if wait:
            self.wait_for("current")

    def state(self):
        return self.feed()["state"]

    def feed(self):
        console = self.larder.server.connect("larder")
        try:
            with console.cursor() as cursor:
                cursor.execute("SHOW FEED")
                return dict(zip([column.name for column in cursor.description], cursor.fetchone()))
        finally:
            console.close()

    def wait_for(self, state):
        eventually(lambda: self.state() == state, f"the feed is {state}")

    def reader(self, user="postgres"):
        connection = self.larder.server.connect("postgres", user=user)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def ask(connection, text):
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall()

    def write(self, text):
        connection = self.cluster.server.connect("postgres")
        try:
            with connection.cursor() as cursor:
                for statement in [text] if text.startswith("DO ") else text.split("; "):
                    cursor.execute(statement)
        finally:
            connection.close()

    def test_every_kind_of_write(self):
        self.start("freshness.others_ttl_max=2s", "feed.lag_max=1min", "freshness.catalogue_poll=1h")
        connection = self.reader()
        for name, (read, write) in WRITES.items():
            with self.subTest(name):
                if name == "column default":
                    read = "SELECT count(body) FROM wide"
                old = wait_for_hit(self.larder, lambda read=read: self.ask(connection, read))
                self.write(write)
                if name == "refresh":
                    self.write("REFRESH MATERIALIZED VIEW item_sums")
                new = self.cluster.run(read)
                if name not in ("column default", "refresh", "partition that is attached"):
                    self.assertNotEqual(new, old, "the write changes what is read")
                eventually(lambda read=read, new=new: self.ask(connection, read) == new, f"{name}: the read has the write")
        self.assertEqual(self.feed()["own_commits"], "0")

    def test_answers_outlive_the_bound_that_counts_without_a_feed(self):
        self.start("freshness.others_ttl_max=10ms")
        connection = self.reader()
        wait_for_hit(self.larder, lambda: self.ask(connection, "SELECT count(*) FROM items"))
        time.sleep(0.2)  # twenty times the bound
        before = self.larder.hits()
        self.ask(connection, "SELECT count(*) FROM items")
        self.assertEqual(self.larder.hits(), before + 1)
        # Writes of an unlogged table are not in the log.
        self.ask(connection, "SELECT n FROM fast")
        time.sleep(0.2)
        before = self.larder.hits()
        self.ask(connection, "SELECT n FROM fast")
        self.assertEqual(self.larder.hits(), before)

    def test_privileges_and_memberships_from_elsewhere(self):
        self.start()
        connection = self.reader("reader")
        for take, give in (("REVOKE readers FROM reader", "GRANT readers TO reader"), ("REVOKE SELECT ON items FROM readers", "GRANT SELECT ON items TO readers")):
            wait_for_hit(self.larder, lambda: self.ask(connection, "SELECT count(*) FROM items"))
            self.write(take)

            def is_refused():
                try:
                    self.ask(connection, "SELECT count(*) FROM items")
                    return False
                except psycopg2.errors.InsufficientPrivilege:
                    return True
            eventually(is_refused, take)
            self.write(give)

    def test_own_writes_leave_other_rows_alone(self):
        self.start()
        reader, writer = self.reader(), psycopg.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="postgres", autocommit=True)
        self.addCleanup(writer.close)

        def write_and_wait(write):
            commits = int(self.feed()["commits"])
            write()
            eventually(lambda: int(self.feed()["commits"]) > commits, "the feed has the commit")

        def write_in_a_block():
            with writer.transaction():
                writer.execute("UPDATE items SET n = n + 1 WHERE id = %s", (3,))

        def count_hits(write):
            wait_for_hit(self.larder, lambda: self.ask(reader, "SELECT n FROM items WHERE id = 1"))
            write_and_wait(write)
            before = self.larder.hits()
            self.ask(reader, "SELECT n FROM items WHERE id = 1")
            return self.larder.hits() - before

        extended = lambda: writer.execute("UPDATE items SET n = n + 1 WHERE id = %s", (2,))  # noqa: E731
        wait_for_hit(self.larder, lambda: self.ask(reader, "SELECT n FROM items WHERE id = 1"))
        extended()  # the first of a session may come before its environment is known
        self.assertEqual(count_hits(extended), 1)
        self.assertEqual(count_hits(write_in_a_block), 1)
        self.assertGreaterEqual(int(self.feed()["own_commits"]), 2)
        # Somebody else's write of the same row is not told apart by the row.
        self.assertEqual(count_hits(lambda: self.write("UPDATE items SET n = n + 1 WHERE id = 2")), 0)
        # Nor is a prepared transaction anybody's own: who commits it may go round Larder.
        def two_phases():
            writer.execute("BEGIN")
            writer.execute("UPDATE items SET n = 4242 WHERE id = %s", (1,))
            writer.execute("PREPARE TRANSACTION 'other'")
            self.assertEqual(wait_for_hit(self.larder, lambda: self.ask(reader, "SELECT n FROM items WHERE id = 1")), [(0,)])
            self.write("COMMIT PREPARED 'other'")
        write_and_wait(two_phases)
        eventually(lambda: self.ask(reader, "SELECT n FROM items WHERE id = 1") == [(4242,)], "the prepared transaction's write is seen")

    def test_own_writes_under_a_catalogue_that_others_changed(self):
        """What a session marks is what the facts say, which may be old: then its commit is nobody's own."""
        self.start()
        reader, writer = self.reader(), psycopg.connect(self.larder.server.uri("postgres"), autocommit=True)
        self.addCleanup(writer.close)
        writer.execute("UPDATE items SET n = n + 1 WHERE id = %s", (2,))
        self.cluster.run("CREATE FUNCTION note_item() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (NEW.id, 5); RETURN NEW; END'")
        for lasts in (True, False):
            with self.subTest("a trigger that stays" if lasts else "a trigger that is gone at once"):
                old = wait_for_hit(self.larder, lambda: self.ask(reader, "SELECT count(*) FROM audit"))
                slow = threading.Thread(target=lambda lasts=lasts: writer.execute("UPDATE items SET n = n + 1 WHERE id = %s AND pg_sleep(%s) IS NOT NULL", (2, 1.5 if lasts else 0.0)))
                self.write("CREATE TRIGGER note_item AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION note_item()")
                slow.start()
                while lasts and slow.is_alive():
                    self.ask(reader, "SELECT count(*) FROM audit")  # by which facts this is noted, the next line does not care
                slow.join()
                self.write("DROP TRIGGER note_item ON items")
                eventually(lambda: self.ask(reader, "SELECT count(*) FROM audit") == self.cluster.run("SELECT count(*) FROM audit"), "what the trigger wrote is seen")
                self.assertEqual(self.ask(reader, "SELECT count(*) FROM audit"), [(old[0][0] + 1,)])

    def test_a_right_that_was_given_for_a_moment(self):
        self.start()
        self.cluster.run("CREATE TABLE secrets AS SELECT 1 AS n", "CREATE ROLE holders", "GRANT SELECT ON secrets TO holders")
        connection = self.reader("reader")
        self.write("GRANT holders TO reader")
        wait_for_hit(self.larder, lambda: self.ask(connection, "SELECT n FROM secrets"))
        self.write("REVOKE holders FROM reader")

        def is_refused():
            try:
                self.ask(connection, "SELECT n FROM secrets")
                return False
            except psycopg2.errors.InsufficientPrivilege:
                return True
        eventually(is_refused, "the right is gone")

    def test_a_commit_that_was_only_parsed(self):
        """A question is asked for a COMMIT that never runs, and then the transaction is prepared, and committed by somebody else."""
        self.start()
        reader, writer = self.reader(), psycopg.connect(self.larder.server.uri("postgres"), autocommit=True)
        self.addCleanup(writer.close)
        writer.execute("BEGIN")
        writer.execute("UPDATE items SET n = 4711 WHERE id = %s", (1,))
        writer.pgconn.prepare(b"end", b"COMMIT")
        writer.execute("PREPARE TRANSACTION 'parsed'")
        self.assertEqual(wait_for_hit(self.larder, lambda: self.ask(reader, "SELECT n FROM items WHERE id = 1")), [(0,)])
        self.write("COMMIT PREPARED 'parsed'")
        eventually(lambda: self.ask(reader, "SELECT n FROM items WHERE id = 1") == [(4711,)], "the commit is seen")

    def test_who_may_not_ask_is_not_made_to(self):
        self.cluster.run("REVOKE EXECUTE ON FUNCTION pg_current_xact_id_if_assigned() FROM PUBLIC", "GRANT ALL ON items TO reader")
        self.start()
        wait_for_hit(self.larder, lambda: self.ask(self.reader(), "SELECT n FROM items WHERE id = 1"))
        writer = psycopg.connect(self.larder.server.uri("postgres", user="reader"), autocommit=True)
        self.addCleanup(writer.close)
        writer.execute("UPDATE items SET n = n + 1 WHERE id = %s", (2,))
        with writer.transaction():
            writer.execute("UPDATE items SET n = n + 1 WHERE id = %s", (2,))
        self.assertEqual(writer.execute("SELECT n FROM items WHERE id = 2").fetchone(), (2,))

    def test_more_subtransactions_than_are_told_apart(self):
        self.start()
        connection = self.reader()
        wait_for_hit(self.larder, lambda: self.ask(connection, "SELECT n FROM items WHERE id = 1"))
        self.write("DO $$ BEGIN FOR i IN 1..100100 LOOP BEGIN INSERT INTO audit VALUES (i, 1); EXCEPTION WHEN others THEN NULL; END; END LOOP; END $$")
        eventually(lambda: self.ask(connection, "SELECT count(*) FROM audit") == [(100100,)], "it is seen")
        eventually(lambda: self.feed()["streams"] == "2" and self.state() == "current", "there is a new stream")
        commits = int(self.feed()["commits"])
        self.write("UPDATE audited SET n = n + 1")
        eventually(lambda: int(self.feed()["commits"]) > commits, "all commits before this one were dealt with")
        wait_for_hit(self.larder, lambda: self.ask(connection, "SELECT n FROM items WHERE id = 1"))
        before, commits = self.larder.hits(), int(self.feed()["commits"])
        self.write("UPDATE audited SET n = n + 1")
        eventually(lambda: int(self.feed()["commits"]) > commits, "the feed has the commit")
        self.ask(connection, "SELECT n FROM items WHERE id = 1")
        self.assertEqual(self.larder.hits(), before + 1, "another relation's commit drops nothing")

    def test_a_rolled_back_write_is_none(self):
        self.start()
        connection = self.reader()
        wait_for_hit(self.larder, lambda: self.ask(connection, "SELECT n FROM items WHERE id = 1"))
        self.write("BEGIN; UPDATE items SET n = 5; ROLLBACK")
        commits = int(self.feed()["commits"])
        self.write("INSERT INTO audit VALUES (2, 2)")
        eventually(lambda: int(self.feed()["commits"]) > commits, "a later commit was dealt with")
        before = self.larder.hits()
        self.ask(connection, "SELECT n FROM items WHERE id = 1")
        self.assertEqual(self.larder.hits(), before + 1)

    def walsender(self):
        return eventually(lambda: self.cluster.run("SELECT pid FROM pg_stat_replication WHERE application_name = 'larder_feed'"), "there is a walsender")[0][0]

    def test_a_stream_that_breaks_drops_all_and_begins_anew(self):
        self.start()
        connection = self.reader()
        read = "SELECT n FROM items WHERE id = 1"
        for how in ("terminate", "restart", "crash"):
            with self.subTest(how):
                old = wait_for_hit(self.larder, lambda: self.ask(connection, read))
                streams = int(self.feed()["streams"])
                if how == "terminate":
                    self.cluster.run(f"SELECT pg_terminate_backend({self.walsender()})")
                else:
                    connection.close()
                    self.cluster.stop("fast") if how == "restart" else self.cluster.kill()
                    self.cluster.start()
                self.write("UPDATE items SET n = n + 1 WHERE id = 1")
                eventually(lambda streams=streams: int(self.feed()["streams"]) > streams and self.state() == "current", "the stream is there again")
                connection = self.reader()
                self.assertEqual(self.ask(connection, read), [(old[0][0] + 1,)])
                wait_for_hit(self.larder, lambda: self.ask(connection, read))

    def test_log_that_was_removed_before_it_was_read(self):
        self.cluster.run("ALTER SYSTEM SET wal_keep_size = 0", "ALTER SYSTEM SET max_wal_size = '32MB'", "ALTER SYSTEM SET min_wal_size = '32MB'", "SELECT pg_reload_conf()")
        self.start()
        connection, read = self.reader(), "SELECT n FROM items WHERE id = 1"
        wait_for_hit(self.larder, lambda: self.ask(connection, read))
        pid, streams = self.walsender(), int(self.feed()["streams"])
        os.kill(pid, signal.SIGSTOP)
        try:
            self.write("UPDATE items SET n = 78 WHERE id = 1")
            first = self.cluster.run("SELECT pg_walfile_name(pg_current_wal_lsn())")[0][0]

            def is_removed():
                self.cluster.run("SELECT txid_current()", "SELECT pg_switch_wal()", "CHECKPOINT")
                return self.cluster.run(f"SELECT count(*) FROM pg_ls_waldir() WHERE name = '{first}'") == [(0,)]
            eventually(is_removed, "the log is gone")
        finally:
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: int(self.feed()["streams"]) == streams + 1 and self.state() == "current", "the stream is there again")
        self.assertEqual(self.ask(connection, read), [(78,)])
        log = self.larder.last_output()
        self.assertEqual(log.count("wal_keep_size"), 1, log)
        wait_for_hit(self.larder, lambda: self.ask(connection, read))
        self.write("UPDATE items SET n = 79 WHERE id = 1")
        eventually(lambda: self.ask(connection, read) == [(79,)], "what is written now is seen")

    def test_a_stream_of_another_cluster(self):
        other = OwnCluster()
        self.addCleanup(other.remove)
        fork = Fork(self.cluster.server.port, other.server.port)
        self.addCleanup(fork.close)
        self.larder = Larder(self.cluster.server.at(fork.port), LONG)
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        eventually(lambda: self.state() == "waiting" and "another cluster" in (self.feed()["why"] or ""), "the stream is refused")

    def test_a_name_that_stood_before_another_for_a_moment(self):
        """What was kept meanwhile is of the relation that is gone, and no comparison finds anything."""
        self.start()
        self.cluster.run("CREATE SCHEMA first", "CREATE TABLE first.spare AS SELECT -1 AS n", "CREATE SCHEMA spare", "CREATE TABLE spare.items AS SELECT -1 AS n")
        connection, writer = self.reader(), self.cluster.server.connect("postgres")
        self.addCleanup(writer.close)
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = ahead, first, public")
        moments = {"table": ("CREATE TABLE first.items AS SELECT -1 AS n", "DROP TABLE first.items"),
                   "rename": ("ALTER TABLE first.spare RENAME TO items", "ALTER TABLE first.items RENAME TO spare"),
                   "other schema": ("ALTER TABLE spare.items SET SCHEMA first", "ALTER TABLE first.items SET SCHEMA spare"),
                   "schema": ("ALTER SCHEMA spare RENAME TO ahead", "ALTER SCHEMA ahead RENAME TO spare"),
                   "view": ("CREATE VIEW first.items AS SELECT -1 AS n", "DROP VIEW first.items")}
        for name, (begins, ends) in moments.items():
            with self.subTest(name):
                reads = []
                for number in range(40):
                    read = f"SELECT min(n) FROM items /* {name} {number} */"
                    wait_for_hit(self.larder, lambda: self.ask(connection, "SELECT min(n) FROM public.items"))
                    with writer.cursor() as cursor:
                        cursor.execute(begins)
                        self.assertIn(self.ask(connection, read), ([(-1,)], [(0,)]))
                        cursor.execute(ends)
                    reads.append(read)
                commits = int(self.feed()["commits"])
                self.write("INSERT INTO audit VALUES (7, 7)")
                eventually(lambda commits=commits: int(self.feed()["commits"]) > commits, "a later commit was dealt with")
                self.assertEqual([read for read in reads if self.ask(connection, read) != [(0,)]], [])

    def test_temporary_tables_of_others_drop_nothing(self):
        self.start()
        connection, read = self.reader(), "SELECT n FROM items WHERE id = 1"
        for statement in ("CREATE TEMP TABLE passing (id serial PRIMARY KEY, body text DEFAULT 'x', CHECK (id > 0))", "CREATE TEMP TABLE passing AS SELECT n, 'x' AS t FROM items"):
            with self.subTest(statement):
                wait_for_hit(self.larder, lambda: self.ask(connection, read))
                hits, commits = self.larder.hits(), int(self.feed()["commits"])
                self.write(statement)
                eventually(lambda commits=commits: int(self.feed()["commits"]) > commits + 1, "it was made, and dropped with its session")
                self.ask(connection, read)
                self.assertEqual(self.larder.hits(), hits + 1)

    def test_a_database_that_was_made_again_under_its_name(self):
        self.start()
        read = "SELECT n FROM things WHERE id = 1"
        for number in (1, 2, 3):
            self.cluster.run("DROP DATABASE IF EXISTS shop WITH (FORCE)", "CREATE DATABASE shop")
            self.cluster.run("CREATE TABLE things (id int PRIMARY KEY, n int)", f"INSERT INTO things VALUES (1, {number})", database="shop")
            connection = self.larder.server.connect("shop")
            self.assertEqual(wait_for_hit(self.larder, lambda connection=connection: self.ask(connection, read)), [(number,)])
            self.cluster.run("UPDATE things SET n = n + 100", database="shop")
            eventually(lambda number=number, connection=connection: self.ask(connection, read) == [(number + 100,)], "the write is seen")
            connection.close()

    def test_a_stream_that_stands_still_is_not_relied_on(self):
        self.start("freshness.others_ttl_max=10ms", "feed.lag_max=200ms")
        connection = self.reader()
        read = "SELECT n FROM items WHERE id = 1"
        wait_for_hit(self.larder, lambda: self.ask(connection, read))
        pid = self.walsender()
        os.kill(pid, signal.SIGSTOP)
        try:
            self.write("UPDATE items SET n = 77 WHERE id = 1")
            self.wait_for("behind")
            eventually(lambda: self.ask(connection, read) == [(77,)], "the bound counts")
            self.assertGreater(float(self.feed()["lag_seconds"]), 0.2)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.wait_for("current")

    def test_without_the_right_it_says_what_is_missing(self):
        self.cluster.run("CREATE ROLE larder LOGIN", "GRANT pg_read_all_data, pg_read_all_stats TO larder")
        server = self.cluster.server.at(self.cluster.server.port)
        server.user = "larder"
        self.larder = Larder(server, ("freshness.others_ttl_max=10ms",))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)

        def shown():
            console = self.larder.server.connect("larder", user="postgres")
            try:
                return self.ask(console, "SHOW FEED")[0]
            finally:
                console.close()
        state, why = eventually(lambda: shown()[:2] if shown()[0] == "refused" else None, "the feed is refused")
        self.assertEqual(state, "refused")
        self.assertIn("REPLICATION", why)
        self.assertEqual(self.larder.metric("larder_feed_up"), 0)

    def test_it_is_no_synchronous_standby(self):
        self.cluster.run("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        self.cluster.run("ALTER SYSTEM RESET synchronous_standby_names")
        self.start()
        eventually(lambda: self.cluster.run("SELECT write_lsn FROM pg_stat_replication WHERE application_name = 'larder_feed'") != [(None,)], "it reports what it has read")
        self.assertEqual(self.cluster.run("SELECT sync_state, flush_lsn FROM pg_stat_replication WHERE application_name = 'larder_feed'"), [("async", None)])
        self.cluster.run("SELECT pg_reload_conf()")

    def test_readers_and_writers_at_once(self):
        """Whatever is read is never older than the bound: each row's number only grows, and after the writers end all is as PostgreSQL says."""
        self.start()
        end = time.monotonic() + 8
        failures, counts = [], {"reads": 0, "writes": 0}

        def write(number, through):
            server = self.larder.server if through else self.cluster.server
            connection = psycopg.connect(server.uri("postgres"), autocommit=True)
            try:
                while time.monotonic() < end:
                    connection.execute("UPDATE items SET n = n + 1 WHERE id = %s", (number % 4 + 1,))
                    counts["writes"] += 1
                    time.sleep(0.01)
            finally:
                connection.close()

        def read(number):
            connection = psycopg.connect(self.larder.server.uri("postgres"), autocommit=True)
            newest = {}
            try:
                while time.monotonic() < end:
                    key = number % 4 + 1
                    value = connection.execute("SELECT n FROM items WHERE id = %s", (key,)).fetchone()[0]
                    if value < newest.get(key, 0):
                        failures.append(f"row {key}: {value} after {newest[key]}")
                    newest[key] = value
                    counts["reads"] += 1
            except Exception as error:  # pylint: disable=broad-except
                failures.append(repr(error))
            finally:
                connection.close()

        before = self.larder.hits()
        threads = [threading.Thread(target=write, args=(i, i % 2 == 0)) for i in range(4)] + [threading.Thread(target=read, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(self.larder.hits(), before)
        connection = self.reader()
        for key in range(1, 5):
            read_one = f"SELECT n FROM items WHERE id = {key}"
            self.assertEqual(eventually(lambda r=read_one: self.ask(connection, r) == self.cluster.run(r), "the last write is seen"), True)
        print(f"{counts['reads']} reads, {counts['writes']} writes, {self.larder.hits() - before:.0f} hits; {self.feed()}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
