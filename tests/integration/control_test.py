#!/usr/bin/python3
"""PAUSE, RESUME, RECONNECT, WAIT_CLOSE, KILL, DISABLE, ENABLE and SHUTDOWN: what clients notice of them, and what they lose (nothing)."""
import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import psycopg2  # noqa: E402
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.own_logins import OwnLogins  # noqa: E402

WRITERS = 12
# In mode auto a client that inserts keeps its connection, for currval(), and a pause waits for it.
SHARED = ("pool.mode=transaction", "pool.size=4", "freshness.writers=only-larder")


class Writer(threading.Thread):
    """Inserts row after row, every other one in a block of two statements, and keeps those that were acknowledged."""

    def __init__(self, port, number):
        super().__init__()
        self.number, self.acknowledged, self.error, self.stopping = number, 0, None, False
        self.connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres")
        self.start()

    def run(self):
        try:
            self.connection.autocommit = True
            with self.connection.cursor() as cursor:
                while not self.stopping:
                    insert = f"INSERT INTO written VALUES ({self.number}, {self.acknowledged + 1})"
                    if self.acknowledged % 2:
                        cursor.execute("BEGIN")
                        cursor.execute(insert)
                        cursor.execute("COMMIT")
                    else:
                        cursor.execute(insert)
                    self.acknowledged += 1
        except psycopg2.Error as error:
            self.error = error


@unittest.skipIf(DIRECT, "tests Larder's own console")
class Control(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE written (writer int, number int)", "CREATE DATABASE shop")
        cls.addClassCleanup(cls.cluster.remove)

    def larder(self, *settings):
        self.running = Larder(self.cluster.server, (*SHARED, *settings))
        self.addCleanup(self.running.stop)
        return self.running

    def psql(self, command, user="postgres", host="127.0.0.1"):
        return ["psql", "-X", "-A", "-t", "-v", "VERBOSITY=verbose", "-h", host, "-p", str(self.running.port), "-U", user, "-d", "larder", "-c", command]

    def console(self, command, expected=None):
        done = subprocess.run(self.psql(command), capture_output=True, text=True, check=False, timeout=120)
        if expected is not None:
            self.assertIn(expected, done.stderr, command)
            return None
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        return done.stdout.strip()

    def start_console(self, command):
        process = subprocess.Popen(self.psql(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def finished(self, process, expected):
        out, error = process.communicate(timeout=120)
        self.assertEqual((out.strip(), error), (expected, ""))

    def connect(self, database="postgres", **parameters):
        connection = psycopg2.connect(host="127.0.0.1", port=self.running.port, user="postgres", dbname=database, **parameters)
        self.addCleanup(connection.close)
        connection.autocommit = True
        return connection

    def wire_client(self, database):
        connection = wire.Connection("127.0.0.1", self.running.port, seconds_max=60)
        self.addCleanup(connection.close)
        self.assertEqual(connection.login("postgres", database)[-1][0], b"Z")
        return connection

    def fatal(self, connection):
        """The error with which a connection ends."""
        error = next(wire.error_fields(body) for kind, body in connection.read_messages_to_end() if kind == b"E")
        self.assertEqual(error["S"], "FATAL")
        return error["C"], error["M"]

    @staticmethod
    def value(connection, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def backends(self, database):
        return int(self.cluster.run(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
                                    " AND application_name <> 'larder_control'")[0][0])

    def paused(self, database):
        return self.running.metrics_by_label("larder_database_paused", "database").get(database, 0) == 1

    def test_a_restart_of_the_server_between_pause_and_resume_costs_writers_nothing(self):
        larder = self.larder("advisor.enabled=false")
        writers = [Writer(larder.port, number) for number in range(WRITERS)]
        try:
            eventually(lambda: all(writer.acknowledged > 20 for writer in writers), "the writers write")
            for restarts in (False, True):
                self.assertEqual(self.console("PAUSE"), "PAUSE")
                self.assertEqual(self.backends("postgres"), 0)
                self.assertIn("paused|yes", self.console("SHOW STATE"))
                before = [writer.acknowledged for writer in writers]
                if restarts:
                    self.cluster.stop()
                    self.cluster.start()
                self.assertEqual([writer.acknowledged for writer in writers], before)
                # The console's login needs the server, which a paused Larder asks all the same.
                self.assertEqual(self.console("RESUME"), "RESUME")
                eventually(lambda: all(writer.acknowledged > count + 20 or writer.error for writer, count in zip(writers, before)), "the writers go on")
        finally:
            for writer in writers:
                writer.stopping = True
            for writer in writers:
                writer.join()
        self.assertEqual([writer.error for writer in writers], [None] * WRITERS)
        rows = dict(self.cluster.run("SELECT writer, count(*) FROM written GROUP BY 1"))
        self.assertEqual([rows[str(n)] if str(n) in rows else rows[n] for n in range(WRITERS)], [writer.acknowledged for writer in writers])
        self.assertEqual(len(self.cluster.run("SELECT writer, number FROM written GROUP BY 1, 2 HAVING count(*) > 1")), 0)

    def test_pause_waits_for_the_open_transaction_and_new_clients_wait_for_resume(self):
        self.larder()
        client = self.connect()
        with client.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT txid_current()")
            pause = self.start_console("PAUSE postgres")
            eventually(lambda: self.paused("postgres"), "the database is paused")
            self.assertIsNone(pause.poll())
            cursor.execute("SELECT 1")   # the block goes on
            self.assertIsNone(pause.poll())
            cursor.execute("COMMIT")
        self.finished(pause, "PAUSE")
        self.assertEqual(self.console("SHOW STATE").split("\n")[1], "paused|no")
        arrived = []
        newcomer = threading.Thread(target=lambda: arrived.append(self.value(self.connect(), "SELECT 42")))
        newcomer.start()
        shop = self.connect("shop")   # another database is not concerned
        self.assertEqual(self.value(shop, "SELECT 1"), 1)
        eventually(lambda: self.running.metric("larder_client_connections") >= 3, "the newcomer is there")
        eventually(lambda: any(row["database"] == "postgres" and row["cl_waiting"] == "1" for row in self.pools()), "it is shown to wait")
        self.assertEqual(arrived, [])
        self.console("RESUME", "55000")
        self.console("RESUME shop", "55000")
        self.assertEqual(self.console("RESUME postgres"), "RESUME")
        newcomer.join(120)
        self.assertEqual(arrived, [42])
        self.assertEqual(self.value(client, "SELECT 43"), 43)

    def test_who_waits_for_longer_than_max_wait_is_told_that_the_database_is_paused(self):
        self.larder("pool.max_wait=500ms")
        client = self.wire_client("postgres")
        self.assertEqual(self.console("PAUSE postgres"), "PAUSE")
        client.send(wire.query("SELECT txid_current()"))
        self.assertEqual(self.fatal(client), ("57P03", "the database is paused, and was not resumed within pool.max_wait"))
        newcomer = wire.Connection("127.0.0.1", self.running.port, seconds_max=60)
        self.addCleanup(newcomer.close)
        newcomer.send(wire.startup("postgres", "postgres"))
        self.assertEqual(self.fatal(newcomer), ("57P03", "the database is paused, and was not resumed within pool.max_wait"))

    def test_a_cancelled_pause_is_none(self):
        self.larder()
        client = self.connect()
        with client.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT txid_current()")
            console = self.connect("larder")
            result = []

            def pause():
                with self.assertRaises(psycopg2.Error) as caught, console.cursor() as other:
                    other.execute("PAUSE postgres")
                result.append(caught.exception.pgcode)

            waiting = threading.Thread(target=pause)
            waiting.start()
            eventually(lambda: self.paused("postgres"), "the database is paused")
            console.cancel()
            waiting.join(120)
            self.assertEqual(result, ["57014"])
            self.assertFalse(self.paused("postgres"))
            cursor.execute("COMMIT")
        self.assertEqual(self.value(console, "SHOW VERSION").split()[0], "Larder")

    def test_a_database_can_be_renamed_and_another_put_in_its_place_while_it_is_paused(self):
        self.larder("advisor.enabled=false")
        self.cluster.run("CREATE TABLE label (t text)", "INSERT INTO label VALUES ('old')", database="shop")
        self.cluster.run("CREATE DATABASE next TEMPLATE shop")
        self.cluster.run("UPDATE label SET t = 'new'", database="next")
        shop = self.connect("shop")
        hits = self.running.hits()
        eventually(lambda: self.value(shop, "SELECT t FROM label") and self.running.hits() > hits, "it is served from the cache")
        self.assertEqual(self.console("PAUSE shop"), "PAUSE")
        self.cluster.run("ALTER DATABASE shop RENAME TO last", "ALTER DATABASE next RENAME TO shop")
        self.assertEqual(self.console("RESUME shop"), "RESUME")
        self.assertEqual(self.value(shop, "SELECT t FROM label"), "new")
        self.cluster.run("DROP DATABASE last")
        self.cluster.run("DROP TABLE label", database="shop")

    def test_reconnect_gives_clients_new_server_connections_between_transactions(self):
        self.larder()
        clients = [self.connect() for _ in range(3)]
        old = {self.value(client, "SELECT pg_backend_pid()") for client in clients}
        with clients[0].cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_backend_pid()")
            kept = cursor.fetchone()[0]
            self.assertIn(kept, old)
            self.assertEqual(self.console("RECONNECT postgres"), "RECONNECT")
            waiting = self.start_console("WAIT_CLOSE postgres")
            cursor.execute("SELECT pg_backend_pid()")
            self.assertEqual(cursor.fetchone()[0], kept)
            self.assertIsNone(waiting.poll())
            cursor.execute("COMMIT")
        self.finished(waiting, "WAIT_CLOSE")
        self.assertEqual(self.console("WAIT_CLOSE"), "WAIT_CLOSE")
        self.assertEqual(old & {self.value(client, "SELECT pg_backend_pid()") for client in clients}, set())

    def test_kill_ends_the_clients_of_one_database_and_holds_up_new_ones(self):
        self.larder()
        shop, other = self.wire_client("shop"), self.connect()
        self.assertEqual((shop.values("SELECT 1"), self.value(other, "SELECT 1")), ([("1",)], 1))
        self.assertEqual(self.console("KILL shop"), "KILL")
        eventually(lambda: self.backends("shop") == 0, "the server connections are closed")
        self.assertEqual(self.fatal(shop), ("57P01", "terminating connection due to administrator command"))
        self.assertEqual(self.value(other, "SELECT 1"), 1)
        self.assertTrue(self.paused("shop"))
        self.assertEqual(self.console("RESUME shop"), "RESUME")
        self.assertEqual(self.value(self.connect("shop"), "SELECT 2"), 2)

    def test_commands_in_quick_succession_under_load_leave_no_connection_behind(self):
        larder = self.larder("advisor.enabled=false", "listen.workers=2")
        stop, errors = threading.Event(), []

        def work(number):
            while not stop.is_set():
                try:
                    connection = psycopg2.connect(host="127.0.0.1", port=larder.port, user="postgres", dbname="postgres" if number % 3 else "shop")
                    connection.autocommit = True
                    with connection.cursor() as cursor:
                        for turn in range(20):
                            cursor.execute("BEGIN; SELECT txid_current(); COMMIT" if turn % 2 else "SELECT 1")
                    connection.close()
                except psycopg2.OperationalError:
                    pass  # KILL
                except Exception as error:  # pylint: disable=broad-except
                    errors.append(error)
                    return

        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        console = self.connect("larder")
        try:
            with console.cursor() as cursor:
                eventually(lambda: {row["database"] for row in self.pools()} >= {"postgres", "shop"}, "both databases are in use")
                for turn in range(25):
                    for command in ("RECONNECT", "PAUSE shop", "RECONNECT shop", "RESUME shop", "PAUSE", "RESUME", "KILL postgres", "WAIT_CLOSE postgres", "RESUME postgres", "DISABLE shop", "KILL shop",
                                    "ENABLE shop", "RESUME shop", "WAIT_CLOSE"):
                        if turn % 5 and command.startswith("KILL"):
                            continue
                        if turn % 5 and command in ("RESUME postgres", "RESUME shop") and not self.paused(command.split()[1]):
                            continue
                        cursor.execute(command)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])
        with console.cursor() as cursor:
            cursor.execute("PAUSE")
            self.assertEqual((self.backends("postgres"), self.backends("shop")), (0, 0))
            cursor.execute("SHOW DATABASES")
            names = [column.name for column in cursor.description]
            self.assertEqual({row[names.index("name")]: row[names.index("current_connections")] for row in cursor.fetchall()}, {"postgres": "0", "shop": "0"})
            cursor.execute("RESUME")
        self.assertEqual(larder.metric("larder_broken_invariants_total"), 0)
        for database in ("postgres", "shop"):
            self.assertEqual(self.value(self.connect(database), "SELECT 1"), 1)

    def pools(self):
        lines = subprocess.run([argument for argument in self.psql("SHOW POOLS") if argument != "-t"], capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
        return [dict(zip(lines[0].split("|"), line.split("|"))) for line in lines[1:-1]]

    def test_a_disabled_database_lets_nobody_in_and_throws_nobody_out(self):
        self.larder()
        shop = self.connect("shop")
        self.assertEqual(self.console("DISABLE shop"), "DISABLE")
        self.assertEqual(self.running.metrics_by_label("larder_database_disabled", "database"), {"shop": 1})
        self.assertEqual(self.value(shop, "SELECT 1"), 1)
        newcomer = wire.Connection("127.0.0.1", self.running.port, seconds_max=60)
        self.addCleanup(newcomer.close)
        newcomer.send(wire.startup("postgres", "shop"))
        self.assertEqual(self.fatal(newcomer), ("08P01", "database does not allow connections: shop"))
        self.assertEqual(self.console("ENABLE shop"), "ENABLE")
        self.assertEqual(self.value(self.connect("shop"), "SELECT 1"), 1)

    def test_what_cannot_be_done(self):
        self.larder()
        self.connect()
        for command in ("PAUSE shpo", "RESUME shpo", "KILL shpo", "RECONNECT shpo", "WAIT_CLOSE shpo", "DISABLE shpo", "ENABLE shpo", "PAUSE POSTGRES"):
            self.console(command, "3D000")
        for command in ("ENABLE", "DISABLE", "PAUSE a b", "SHUTDOWN soon"):
            self.console(command, "42601")
        self.assertEqual(self.console('PAUSE "postgres"'), "PAUSE")
        self.assertEqual(self.console("RESUME postgres;"), "RESUME")
        self.assertEqual(self.console("PAUSE"), "PAUSE")
        self.console("PAUSE", "55000")
        self.assertEqual(self.console("KILL"), "KILL")
        self.assertEqual(self.console("RESUME"), "RESUME")

    def test_shutdown_waits_for_clients(self):
        larder = self.larder()
        client = self.connect()
        self.assertEqual(self.console("SHUTDOWN WAIT_FOR_CLIENTS"), "SHUTDOWN")
        def is_refused():
            try:
                self.connect().close()
            except psycopg2.OperationalError:
                return True
            return False
        eventually(is_refused, "nobody is let in any more")
        for number in range(3):
            self.assertEqual(self.value(client, f"SELECT {number}"), number)
        client.close()
        self.assertEqual(larder.process.wait(120), 0)
        larder.process = None

    def test_shutdown_waits_for_servers(self):
        larder = self.larder()
        busy, idle, waiting = self.connect(), self.connect(), self.connect("shop")
        self.assertEqual(self.value(waiting, "SELECT 1"), 1)
        self.assertEqual(self.console("PAUSE shop"), "PAUSE")
        waiting.close()
        with busy.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT txid_current()")
            self.start_console("SHUTDOWN WAIT_FOR_SERVERS")
            eventually(lambda: larder.metric("larder_client_connections") == 1, "the idle ones are gone")
            cursor.execute("SELECT 7")
            self.assertEqual(cursor.fetchone()[0], 7)
            self.assertIsNone(larder.process.poll())
            cursor.execute("COMMIT")
        self.assertEqual(larder.process.wait(120), 0)
        larder.process = None
        with self.assertRaises(psycopg2.Error):
            self.value(idle, "SELECT 1")

    def test_shutdown_ends_at_once(self):
        larder = self.larder()
        client = self.connect()
        with client.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT txid_current()")
        self.start_console("SHUTDOWN")
        self.assertEqual(larder.process.wait(120), 0)
        larder.process = None

    def test_the_owner_of_the_process_comes_in_through_the_unix_socket_while_there_is_no_server(self):
        folder = self.cluster.folder
        self.larder(f"listen.unix_socket_dir={folder}")
        self.connect()
        self.cluster.stop()
        try:
            done = subprocess.run(self.psql("PAUSE", "larder", folder), capture_output=True, text=True, check=False, timeout=120)
            self.assertEqual((done.stdout.strip(), done.stderr), ("PAUSE", ""))
        finally:
            self.cluster.start()
        done = subprocess.run(self.psql("RESUME", "larder", folder), capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual((done.stdout.strip(), done.stderr), ("RESUME", ""))
        # Over TCP the name alone opens nothing.
        done = subprocess.run(self.psql("SHOW VERSION", "larder"), capture_output=True, text=True, check=False, timeout=120)
        self.assertIn('role "larder" does not exist', done.stderr)


class Roles(OwnLogins):
    def test_the_lists_of_the_configuration_let_in_without_the_server(self):
        larder = self.larder("admin.admin_users=plain, nobody", "admin.stats_users= scram ,digest", "advisor.enabled=false")
        self.cluster.stop()
        try:
            for user, may_pause in (("plain", True), ("scram", False), ("digest", False)):
                connection = psycopg2.connect(host="127.0.0.1", port=larder.port, user=user, password="pencil", dbname="larder")
                self.addCleanup(connection.close)
                connection.autocommit = True
                self.assertEqual(self.value(connection, "SHOW VERSION").split()[0], "Larder")
                with connection.cursor() as cursor:
                    if may_pause:
                        cursor.execute("PAUSE")
                        cursor.execute("RESUME")
                        continue
                    for command in ("PAUSE", "RESUME", "KILL", "SHUTDOWN", "RECONNECT", "WAIT_CLOSE", "DISABLE postgres", "ENABLE postgres", "PURGE ALL"):
                        with self.assertRaises(psycopg2.Error) as caught:
                            cursor.execute(command)
                        self.assertEqual(caught.exception.pgcode, "42501")
            with self.assertRaises(psycopg2.OperationalError) as refused:
                psycopg2.connect(host="127.0.0.1", port=larder.port, user="plain", password="eraser", dbname="larder")
            self.assertIn("password authentication failed", str(refused.exception))
        finally:
            self.cluster.start()


if __name__ == "__main__":
    unittest.main()
