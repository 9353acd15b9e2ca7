#!/usr/bin/python3
"""The console: the database `larder`, for superusers and members of pg_monitor, over both query protocols."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.postgres_server import as_postgres, free_port  # noqa: E402
from support.serving import hits_of, wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE id = 1"
POOLER_TABLES = ("STATS", "STATS_TOTALS", "STATS_AVERAGES", "TOTALS", "CLIENTS", "SERVERS", "SOCKETS", "ACTIVE_SOCKETS", "POOLS", "DATABASES", "USERS", "LISTS", "MEM", "DNS_HOSTS",
                 "DNS_ZONES", "CONFIG", "VERSION")
# PgBouncer's own newer versions have another name for these.
RENAMED = {"DATABASES": {"reserve_pool": "reserve_pool_size"}}
TABLES = (*(f"SHOW {table}" for table in POOLER_TABLES), "SHOW STATE", "SHOW PEERS", "SHOW PEER_POOLS", "SHOW HELP", "SHOW CACHE", "SHOW CACHE ENTRIES", "SHOW REASONS", "SHOW RELATIONS", "SHOW QUERIES", "SHOW SLOW QUERIES", "SHOW ADVICE", "SHOW DEPLOYMENTS", "SHOW RULES", "SHOW FEED", "SHOW EVENTS", "SHOW WEBHOOKS", "SHOW REDIS", "SHOW VERIFY", "SHOW VERIFY FINDINGS", "SHOW QUARANTINE")
# traffic_test.py has those of the advisor, rules_test.py those of rules, verify_test.py those of checks, control_test.py those by which databases are paused.
CONTROL = ("PAUSE", "PAUSE n", "RESUME", "RESUME n", "RECONNECT", "RECONNECT n", "WAIT_CLOSE", "WAIT_CLOSE n", "KILL", "KILL n", "DISABLE n", "ENABLE n", "SHUTDOWN", "SHUTDOWN n")
COMMANDS = (*CONTROL, "PURGE ALL", "PURGE TABLE n", "PURGE TAG n", "PURGE FINGERPRINT n", "KILL_CLIENT n", "RELOAD", "EXPLAIN RULE n", "CREATE RULE n WITH (…)", "ALTER RULE n SET (…)", "DROP RULE n", "EXPLAIN ADVICE n", "ADVISE WORKLOAD", "ADVISE WORKLOAD BUDGET n", "DEPLOY ADVICE n", "DEPLOY ADVICE n OPTION n", "REVERT DEPLOYMENT n",
            "VERIFY CACHE", "VERIFY CACHE n", "LIFT QUARANTINE n", "LIFT QUARANTINE n n", "EXPLAIN LARDER IN n AS n …")


@unittest.skipIf(DIRECT, "tests Larder's own console")
class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)", "CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher",
                        "CREATE ROLE nobody LOGIN", "CREATE ROLE \"Odd \"\"name\" LOGIN SUPERUSER")
        cls.larder = Larder(cls.cluster.server)
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)

    def psql(self, command, user="postgres"):
        return subprocess.run(["psql", "-X", "-A", "-v", "VERBOSITY=verbose", "-h", "127.0.0.1", "-p", str(self.larder.port), "-U", user, "-d", "larder", "-c", command],
                              capture_output=True, text=True, check=False, timeout=120)

    def table(self, command, user="postgres"):
        """Rows as dictionaries."""
        done = self.psql(command, user)
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        lines = done.stdout.splitlines()
        return [dict(zip(lines[0].split("|"), line.split("|"))) for line in lines[1:-1]]

    def client(self, user="postgres", database="postgres"):
        connection = wire.Connection("127.0.0.1", self.larder.port, seconds_max=60)
        self.addCleanup(connection.close)
        self.assertEqual(connection.login(user, database)[-1][0], b"Z")
        return connection

    def test_every_table_can_be_shown(self):
        offered = {row["command"] for row in self.table("SHOW HELP")}
        self.assertEqual(offered, {*TABLES, *COMMANDS})
        for command in TABLES:
            for spelling in (command, command.lower() + ";", f"  {command} -- why\n", f"/* a comment */ {command} ;"):
                self.table(spelling)

    def test_what_the_tables_say(self):
        client = self.client()
        wait_for_hit(self.larder, lambda: client.values(READ))
        cache = {row["name"]: row["value"] for row in self.table("SHOW CACHE")}
        self.assertEqual(cache["serving"], "yes")
        self.assertEqual(float(cache["hits"]), self.larder.hits())
        self.assertGreaterEqual(int(cache["entries"]), 1)
        self.assertIn("public.t", [row["relation"] for row in self.table("SHOW RELATIONS")])
        self.assertEqual([row["facts"] for row in self.table("SHOW DATABASES") if row["name"] == "postgres"], ["valid"])
        # Rows of clients are up to a second old.
        eventually(lambda: any(row["database"] == "postgres" and row["state"] == "idle" for row in self.table("SHOW CLIENTS")), "the client is shown")
        backend = client.values("SELECT pg_backend_pid()")[0][0]
        eventually(lambda: any(row["remote_pid"] == backend for row in self.table("SHOW SERVERS")), "its server is shown")
        eventually(lambda: any(row["database"] == "postgres" and row["cl_active"] == "1" for row in self.table("SHOW POOLS")), "its pool is shown")
        entries = self.table("SHOW CACHE ENTRIES")
        self.assertNotIn("SELECT", str(entries), "keys hold statements with their values, and are not to be shown")

    def test_what_is_counted_by_database(self):
        before = {row["database"]: row for row in self.table("SHOW STATS")}.get("postgres")
        count = lambda column: int(before[column]) if before else 0  # noqa: E731
        with self.client() as client:
            client.values("SELECT pg_sleep(0.2)")
            client.query("BEGIN")
            client.values("SELECT txid_current()")
            client.query("COMMIT")
            wait_for_hit(self.larder, lambda: client.values(READ))
        after = next(row for row in self.table("SHOW STATS") if row["database"] == "postgres")
        self.assertGreaterEqual(int(after["total_query_count"]) - count("total_query_count"), 6)
        self.assertGreaterEqual(int(after["total_xact_count"]) - count("total_xact_count"), 4)
        self.assertLess(int(after["total_xact_count"]) - count("total_xact_count"), int(after["total_query_count"]) - count("total_query_count"))
        self.assertGreaterEqual(int(after["total_query_time"]) - count("total_query_time"), 100_000)
        self.assertGreaterEqual(int(after["total_xact_time"]) - count("total_xact_time"), 100_000)
        self.assertGreater(int(after["total_received"]), count("total_received"))
        self.assertGreater(int(after["total_sent"]), count("total_sent"))
        self.assertGreater(int(after["total_server_assignment_count"]), count("total_server_assignment_count"))
        totals = {row["name"]: row["value"] for row in self.table("SHOW TOTALS")}
        self.assertGreaterEqual(int(totals["total_query_count"]), int(after["total_query_count"]))
        client = self.client()
        client.values("SELECT 1")
        own = eventually(lambda: next((row for row in self.table("SHOW CLIENTS") if row["database"] == "postgres" and row["state"] == "idle"), None), "the client is shown")
        self.assertEqual((own["local_addr"], own["local_port"], own["wait"], own["close_needed"], own["id"]), ("127.0.0.1", str(self.larder.port), "0", "0", own["ptr"]))
        self.assertLessEqual(own["connect_time"], own["request_time"])
        server = next(row for row in self.table("SHOW SERVERS") if row["id"] == own["link"])
        self.assertEqual((server["link"], server["port"], server["local_addr"]), (own["id"], str(self.cluster.server.port), "127.0.0.1"))

    def test_tables_have_pgbouncers_columns_in_its_order(self):
        """The columns of the PgBouncer that is installed; newer ones have more, and so has Larder."""
        program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            self.skipTest("no pgbouncer: scripts/install_packages bench")
        with tempfile.TemporaryDirectory() as folder:
            port, configuration = free_port(), os.path.join(folder, "pgbouncer.ini")
            os.chmod(folder, 0o755)
            with open(configuration, "w", encoding="ascii") as file:
                file.write(f"[databases]\npostgres = host=127.0.0.1 port={self.cluster.server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
                           "auth_type = any\nadmin_users = postgres\nunix_socket_dir =\nignore_startup_parameters = extra_float_digits\n")
            pooler = subprocess.Popen(as_postgres(program, "-q", configuration), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                theirs = eventually(lambda: self.columns_at(port, "pgbouncer"), "PgBouncer is there")
                ours = self.columns_at(self.larder.port, "larder")
            finally:
                pooler.terminate()
                pooler.wait(60)
        for table, columns in theirs.items():
            wanted = [RENAMED.get(table, {}).get(column, column) for column in columns]
            with self.subTest(table):
                self.assertEqual([column for column in ours[table] if column in wanted], wanted)

    @staticmethod
    def columns_at(port, database):
        """The columns of each table, or nothing while nobody answers."""
        try:
            connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname=database)
        except psycopg2.OperationalError:
            return None
        found = {}
        connection.autocommit = True
        with connection.cursor() as cursor:
            for table in POOLER_TABLES:
                cursor.execute(f"SHOW {table}")
                found[table] = [column.name for column in cursor.description]
        connection.close()
        return found

    def test_purge(self):
        client = self.client()
        wait_for_hit(self.larder, lambda: client.values(READ))
        done = self.psql("PURGE ALL")
        self.assertEqual((done.stdout.strip(), done.stderr), ("PURGE", ""))
        self.assertEqual({row["name"]: row["value"] for row in self.table("SHOW CACHE")}["entries"], "0")
        before = self.larder.hits()
        self.assertEqual(client.values(READ), [("42",)])
        self.assertEqual(self.larder.hits(), before)
        wait_for_hit(self.larder, lambda: client.values(READ))

    def test_what_psql_asks_of_the_catalogue_finds_nothing_and_is_no_error(self):
        for text in ("\\d", "\\d+", "\\dt", "\\dv", "\\di", "\\df", "\\dn", "\\du", "\\l", "\\dx", "\\dp", "\\d orders", "\\conninfo", "\\encoding"):
            done = self.psql(text)
            said = done.stderr.strip()
            self.assertTrue(said == "" or said.startswith("Did not find any"), (text, said))
        self.assertTrue(self.psql("\\l").stdout.splitlines()[1].startswith("Name|Owner|Encoding|Collate|Ctype|"))
        with wire.Connection("127.0.0.1", self.larder.port) as connection:
            connection.login("postgres", "larder")
            question = "SELECT t.oid, pg_catalog.format_type(t.oid, NULL) AS \"Name\", count(*) FROM pg_catalog.pg_type t WHERE t.typname = $1"
            connection.send(wire.parse("", question), wire.bind("", "", [b"x"]), wire.describe_portal(), wire.execute(), wire.sync())
            self.assertEqual([kind for kind, _ in connection.read_until((b"Z",))], [b"1", b"2", b"T", b"C", b"Z"])
        for text in ("SELECT 1", "SELECT * FROM orders", "SELECT relname FROM pg_catalog.pg_class, orders"):
            self.assertIn("42601", self.psql(text).stderr)

    def test_purge_by_tag_and_by_shape(self):
        client = self.client()
        tagged = "/* larder: tag=Home */ " + READ
        shape = eventually(lambda: client.values(READ) and next((row["fingerprint"] for row in self.table("SHOW QUERIES") if row["query"] == READ.replace("1", "$1")), None), "its shape is known")
        for purge, is_tagged_kept, is_other_kept in (("PURGE TAG \"Home\"", False, True), ("PURGE TAG home", True, True), (f"PURGE FINGERPRINT {shape}", False, False)):
            for text in (tagged, READ):
                wait_for_hit(self.larder, lambda: client.values(text))  # noqa: B023
            done = self.psql(purge)
            self.assertEqual((done.stdout.strip(), done.stderr), ("PURGE", ""))
            for text, is_kept in ((tagged, is_tagged_kept), (READ, is_other_kept)):
                self.assertEqual(hits_of(self.larder, lambda: client.values(text), times=1), int(is_kept), (purge, text))  # noqa: B023
        self.assertIn("22P02", self.psql("PURGE FINGERPRINT none").stderr)

    def test_a_table_is_purged_and_a_client_ended(self):
        client = self.client()
        wait_for_hit(self.larder, lambda: client.values(READ))
        self.assertIn("42P01", self.psql("PURGE TABLE not_there").stderr)
        self.assertEqual(self.psql("purge table public.\"t\"").stdout.strip(), "PURGE")
        before = self.larder.hits()
        self.assertEqual(client.values(READ), [("42",)])
        self.assertEqual(self.larder.hits(), before)
        backend = client.values("SELECT pg_backend_pid()")[0][0]
        pointer = eventually(lambda: next((row["link"] for row in self.table("SHOW SERVERS") if row["remote_pid"] == backend), None), "the client is shown")
        self.assertEqual(self.psql(f"KILL_CLIENT {pointer}").stdout.strip(), "KILL_CLIENT")
        error = next(wire.error_fields(body) for kind, body in client.read_messages_to_end() if kind == b"E")
        self.assertEqual((error["S"], error["C"]), ("FATAL", "57P01"))
        self.assertEqual(self.psql("RELOAD").stdout.strip(), "RELOAD")

    def test_rights_that_are_taken_away_are_not_kept_by_those_who_stay(self):
        self.cluster.run("CREATE ROLE boss LOGIN SUPERUSER", "CREATE ROLE guest LOGIN", "GRANT pg_monitor TO guest")
        boss, guest = self.client("boss", "larder"), self.client("guest", "larder")
        error_of = lambda client, text: next((wire.error_fields(body)["C"] for kind, body in client.query(text) if kind == b"E"), None)  # noqa: E731
        self.assertEqual((error_of(boss, "PURGE ALL"), error_of(guest, "SHOW VERSION"), error_of(guest, "PURGE ALL")), (None, None, "42501"))
        self.cluster.run("ALTER ROLE boss NOSUPERUSER", "GRANT pg_monitor TO boss")
        eventually(lambda: error_of(boss, "PURGE ALL") == "42501", "the right to change is gone")
        self.assertIsNone(error_of(boss, "SHOW VERSION"))
        self.cluster.run("ALTER ROLE guest SUPERUSER")
        eventually(lambda: error_of(guest, "PURGE ALL") is None, "and a new one is there")
        self.cluster.run("REVOKE pg_monitor FROM boss")

        def is_sent_away():
            boss.send(wire.query("SHOW VERSION"))
            kind, body = boss.read()
            if kind == b"E":
                return wire.error_fields(body)
            boss.read_until((b"Z",))
            return None
        error = eventually(is_sent_away, "who has no right at all is sent away")
        self.assertEqual((error["S"], error["C"]), ("FATAL", "42501"))

    def test_a_message_that_is_too_long_is_an_error_and_not_the_end(self):
        client = self.client(database="larder")
        for text in ("SHOW VERSION /*" + "x" * 70_000 + "*/", "CREATE RULE r WITH (regex = '" + "x" * 10_000_000 + "')"):
            messages = client.query(text)
            self.assertEqual([kind for kind, _ in messages], [b"E", b"Z"])
            self.assertEqual(wire.error_fields(messages[0][1])["C"], "54000")
            client.send(wire.parse("", text), wire.bind(), wire.execute(), wire.sync())
            self.assertEqual([kind for kind, _ in client.read_until((b"Z",))], [b"E", b"Z"])
        self.assertEqual(client.values("SHOW VERSION")[0][0][:6], "Larder")

    def test_roles(self):
        self.assertIn("version", self.psql("SHOW VERSION", "watcher").stdout)
        self.assertIn("42501", self.psql("PURGE ALL", "watcher").stderr)
        self.assertIn("42501", self.psql("purge all;", "watcher").stderr)
        refused = self.psql("SHOW VERSION", "nobody")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("FATAL", refused.stderr)
        with wire.Connection("127.0.0.1", self.larder.port) as connection:
            error = next(wire.error_fields(body) for kind, body in connection.login("nobody", "larder") if kind == b"E")
        self.assertEqual(error["C"], "42501")
        self.assertEqual(self.psql("PURGE ALL", 'Odd "name').stdout.strip(), "PURGE")
        # Who may do what is decided at the login, from the database: a role that is made up is refused by the server itself.
        with wire.Connection("127.0.0.1", self.larder.port) as connection:
            error = next(wire.error_fields(body) for kind, body in connection.login("not_there", "larder") if kind == b"E")
        self.assertEqual(error["C"], "28000")

    def test_what_is_no_command(self):
        for text in ("SELECT 1", "SHOW", "SHOW NOTHING", "PURGE", "PURGE ALL; PURGE ALL", "SHOW VERSION; DROP TABLE t", "DROP TABLE t", "x" * 5000, "é"):
            with self.client(database="larder") as connection:
                messages = connection.query(text)
                error = next(wire.error_fields(body) for kind, body in messages if kind == b"E")
                self.assertEqual(error["C"], "42601", text[:40])
                self.assertIn("SHOW HELP", error["H"])
                self.assertEqual(connection.query("SHOW VERSION")[-2][1], b"SHOW\0")
        self.assertEqual(self.cluster.run("SELECT count(*) FROM t")[0][0], 1)

    def test_extended_protocol(self):
        with self.client(database="larder") as connection:
            connection.send(wire.parse("", "SHOW VERSION"), wire.bind(), wire.describe_portal(), wire.execute(), wire.sync())
            kinds = [kind for kind, _ in connection.read_until((b"Z",))]
            self.assertEqual(kinds, [b"1", b"2", b"T", b"D", b"C", b"Z"])
            connection.send(wire.parse("", "NONSENSE"), wire.bind(), wire.describe_portal(), wire.execute(), wire.sync())
            kinds = [kind for kind, _ in connection.read_until((b"Z",))]
            self.assertEqual(kinds[-2:], [b"E", b"Z"])
            self.assertEqual(kinds.count(b"E"), 1)
            self.assertEqual([kind for kind, _ in connection.query("")], [b"I", b"Z"])

    def test_drivers(self):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="larder")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SHOW STATS")
            self.assertEqual(cursor.description[0].name, "database")
            self.assertEqual(len(cursor.fetchall()), len(self.table("SHOW STATS")))
        connection.close()


if __name__ == "__main__":
    unittest.main()
