#!/usr/bin/python3
"""Logins of users whom Larder asks the server for: listen.auth_user and auth_query."""
import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import psycopg2  # noqa: E402
from support import wire  # noqa: E402
from support.larder_process import Larder  # noqa: E402
from support.own_cluster import eventually  # noqa: E402
from support.own_logins import ROLES, OwnLogins  # noqa: E402

FUNCTION = """CREATE FUNCTION public.user_lookup(name text, OUT n name, OUT s text) RETURNS SETOF record LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$ SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname = $1 AND rolcanlogin $$"""


class AuthQuery(OwnLogins):
    def asking(self, *settings, user="postgres", **secrets):
        """A Larder that asks the server; `secrets` stand in the user file."""
        chosen = [f"listen.auth_user={user}", "advisor.enabled=false", *settings]
        if secrets:
            self.write(secrets)
            chosen.append(f"listen.auth_file={self.path}")
        larder = Larder(self.cluster.server, chosen)
        self.addCleanup(larder.stop)
        return larder

    @staticmethod
    def lookups(larder):
        return larder.metric("larder_user_lookups_total")

    def test_users_log_in_with_the_servers_own_secrets_and_share_connections(self):
        larder = self.asking("pool.mode=transaction", "pool.size=2")
        for role in ROLES:
            clients = [self.connect(larder.port, role) for _ in range(10)]
            self.assertEqual([self.value(client, "SELECT current_user") for client in clients], [role] * 10)
            self.assertLessEqual(self.server_connections(role), 2)
            for client in clients:
                client.close()
        self.assertLessEqual(self.lookups(larder), 2 * len(ROLES))

    def test_a_wrong_password_and_an_unknown_user_cannot_be_told_apart(self):
        larder = self.asking()
        errors = {}
        for role in ("scram", "nobody", "barred"):
            for _ in range(2):   # looked up, and known
                errors.setdefault(role, []).append(self.error(larder.port, role, "eraser").replace(role, "ROLE"))
        self.assertEqual(len({text for texts in errors.values() for text in texts}), 1, errors)
        self.assertIn('password authentication failed for user "ROLE"', errors["nobody"][0])
        # A name that is no text is nobody's, and does not cost the connection by which users are looked up.
        asking = "SELECT pid FROM pg_stat_activity WHERE application_name = 'larder_users'"
        before = self.cluster.run(asking)
        self.assertEqual(self.challenge(larder.port, b"\xff\xfe")[1], "i=4096")
        self.assertEqual(self.cluster.run(asking), before)
        # The messages on the way are alike as well, and so are salts from one attempt to the next.
        challenges = {role: [self.challenge(larder.port, role) for _ in range(2)] for role in ("scram", "nobody")}
        for first, second in challenges.values():
            self.assertEqual(first, second)
        self.assertEqual({len(first[0]) for first, _ in challenges.values()}, {len(challenges["scram"][0][0])})
        self.assertEqual({first[1] for first, _ in challenges.values()}, {"i=4096"})

    def challenge(self, port, role):
        """Salt and iterations that a user is asked with."""
        with wire.Connection("127.0.0.1", port, seconds_max=60) as connection:
            connection.send(wire.startup(role, "postgres"))
            connection.read_until((b"R",))
            first = b"n,,n=,r=abcdefghijklmnopqrstuvwx"
            connection.send(wire.message(b"p", wire.cstring("SCRAM-SHA-256") + len(first).to_bytes(4, "big") + first))
            _, body = connection.read_until((b"R",))[-1]
            _, salt, iterations = body[4:].decode().split(",")
            return salt, iterations

    def test_valid_until_locks_out_and_lets_in_again(self):
        larder = self.asking("listen.auth_max_age=0ms", "pool.login_max_age=0ms")
        self.connect(larder.port, "scram").close()
        self.cluster.run("ALTER ROLE scram VALID UNTIL '2001-01-01'")
        try:
            self.assertIn("password authentication failed", self.error(larder.port, "scram", "pencil"))
        finally:
            self.cluster.run("ALTER ROLE scram VALID UNTIL 'infinity'")
        self.assertEqual(self.value(self.connect(larder.port, "scram"), "SELECT current_user"), "scram")

    def test_a_new_password_works_as_soon_as_it_is_tried_though_the_old_one_is_kept(self):
        larder = self.asking("listen.auth_max_age=1h")
        self.connect(larder.port, "plain").close()

        def is_kept():
            asked = self.lookups(larder)
            self.connect(larder.port, "plain").close()
            return self.lookups(larder) == asked

        eventually(is_kept, "the answer is kept, once the control connection has told which server this is")
        try:
            self.cluster.run("ALTER ROLE plain PASSWORD 'feather'")   # round Larder
            def lets_in():
                try:
                    self.connect(larder.port, "plain", "feather")
                    return True
                except psycopg2.OperationalError:
                    return False
            eventually(lets_in, "the new password lets in")
            with self.connect(larder.port, "boss") as boss, boss.cursor() as cursor:
                cursor.execute("ALTER ROLE plain PASSWORD 'crayon'")   # through Larder: at once
            self.connect(larder.port, "plain", "crayon")
            self.assertIn("password authentication failed", self.error(larder.port, "plain", "feather"))
        finally:
            self.cluster.run("ALTER ROLE plain PASSWORD 'pencil'")

    def test_the_user_file_goes_first(self):
        larder = self.asking(plain="pencil")
        self.connect(larder.port, "plain")
        self.assertEqual(self.lookups(larder), 0)
        self.connect(larder.port, "other")
        self.assertEqual(self.lookups(larder), 1)

    def test_a_function_and_a_role_of_its_own_with_a_password_in_the_user_file(self):
        self.cluster.run("CREATE ROLE asker LOGIN PASSWORD 'quill'", FUNCTION, "REVOKE ALL ON FUNCTION public.user_lookup FROM public", "GRANT EXECUTE ON FUNCTION public.user_lookup TO asker",
                         "CREATE DATABASE asked")
        self.cluster.run(FUNCTION, "GRANT EXECUTE ON FUNCTION public.user_lookup TO asker", database="asked")
        larder = self.asking("listen.auth_query=SELECT * FROM public.user_lookup($1)", "listen.auth_dbname=asked", user="asker", asker="quill")
        self.assertEqual(self.value(self.connect(larder.port, "scram"), "SELECT current_user"), "scram")
        self.assertIn("password authentication failed", self.error(larder.port, "nobody", "pencil"))
        asking = self.cluster.run("SELECT usename, datname FROM pg_stat_activity WHERE application_name = 'larder_users'")
        self.assertEqual([tuple(row) for row in asking], [("asker", "asked")])
        # A pause takes this connection as well.
        self.connect(larder.port, "boss")
        console = psycopg2.connect(host="127.0.0.1", port=larder.port, user="boss", password="pencil", dbname="larder")
        self.addCleanup(console.close)
        console.autocommit = True
        with console.cursor() as cursor:
            cursor.execute("PAUSE asked")
            self.assertEqual(self.cluster.run("SELECT usename FROM pg_stat_activity WHERE application_name = 'larder_users'"), [])
            self.cluster.run("ALTER DATABASE asked RENAME TO was_asked", "ALTER DATABASE was_asked RENAME TO asked")
            self.assertIn("users cannot be looked up now", self.error(larder.port, "digest", "pencil"))
            cursor.execute("RESUME asked")
        self.connect(larder.port, "digest")

    def test_without_the_right_to_ask_nobody_is_let_in_and_the_log_says_why(self):
        self.cluster.run("CREATE ROLE mere LOGIN PASSWORD 'quill'")
        larder = self.asking(user="mere", mere="quill")
        self.assertIn("users cannot be looked up now", self.error(larder.port, "scram", "pencil"))
        self.assertIn("permission denied", larder.output())
        self.assertGreaterEqual(larder.metric("larder_user_lookup_failures_total"), 1)
        self.assertNotIn("quill", larder.output())

    def test_queries_that_do_not_fit(self):
        for query in ("SELECT rolname, rolpassword FROM pg_authid WHERE $1 = $1", "SELECT rolname FROM pg_authid WHERE rolname = $1", "SELECT 'other', 'pencil' WHERE $1 = $1",
                      "SELECT nonsense($1)"):
            with self.subTest(query):
                self.assertIn("users cannot be looked up now", self.error(self.asking(f"listen.auth_query={query}").port, "scram", "pencil"))

    def test_a_storm_of_made_up_names_costs_no_memory_and_others_log_in_meanwhile(self):
        larder = self.asking()
        self.connect(larder.port, "scram").close()
        stop = threading.Event()

        def make_up(number):
            for attempt in range(2500):
                if stop.is_set():
                    return
                with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as connection:
                    connection.send(wire.startup(f"made up {number} {attempt} " + "x" * 30, "postgres"))
                    connection.read_until((b"R",))

        def storm():
            threads = [threading.Thread(target=make_up, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                self.connect(larder.port, "digest").close()
            for thread in threads:
                thread.join()

        storm()
        before = larder.resident_bytes()
        storm()
        self.assertLess(larder.resident_bytes() - before, 4 << 20)

    def test_while_the_server_is_restarted_logins_wait_if_the_database_is_paused(self):
        larder = self.asking("pool.mode=transaction", "admin.admin_users=keeper", "listen.auth_max_age=0ms", keeper="pencil")
        self.connect(larder.port, "scram")
        console = psycopg2.connect(host="127.0.0.1", port=larder.port, user="keeper", password="pencil", dbname="larder")
        self.addCleanup(console.close)
        console.autocommit = True
        arrived = []
        with console.cursor() as cursor:
            cursor.execute("PAUSE")
            self.cluster.stop()
            newcomer = threading.Thread(target=lambda: arrived.append(self.value(self.connect(larder.port, "scram"), "SELECT 42")))
            newcomer.start()
            eventually(lambda: larder.metric("larder_client_connections") >= 3, "the newcomer is there")
            self.cluster.start()
            self.assertEqual(arrived, [])
            cursor.execute("RESUME")
        newcomer.join(120)
        self.assertEqual(arrived, [42])

    def test_a_server_that_is_gone_is_said_so_at_once(self):
        larder = self.asking("listen.auth_max_age=0ms")
        self.connect(larder.port, "scram").close()
        self.cluster.stop()
        try:
            self.assertIn("users cannot be looked up now", self.error(larder.port, "scram", "pencil"))
        finally:
            self.cluster.start()
        eventually(lambda: subprocess.run(["psql", "-X", "-h", "127.0.0.1", "-p", str(larder.port), "-U", "scram", "-d", "postgres", "-c", "SELECT 1"], capture_output=True, check=False,
                                          env={**os.environ, "PGPASSWORD": "pencil"}).returncode == 0, "it is back")


if __name__ == "__main__":
    unittest.main()
