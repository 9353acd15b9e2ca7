#!/usr/bin/python3
"""Logins by the user file: a server that demands passwords, clients that Larder lets in, pools that open connections in their name."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import psycopg2  # noqa: E402
from support import wire  # noqa: E402
from support.larder_process import binary  # noqa: E402
from support.own_cluster import eventually  # noqa: E402
from support.own_logins import ROLES, OwnLogins  # noqa: E402

CLIENTS = 50


class Logins(OwnLogins):
    def test_each_kind_of_secret_logs_in_at_larder_and_at_the_server(self):
        larder = self.larder()
        for role in ROLES:
            with self.subTest(role):
                self.assertEqual(self.value(self.connect(larder.port, role), "SELECT current_user"), role)

    def test_a_wrong_password_reads_as_it_does_directly_and_costs_the_server_nothing(self):
        larder = self.larder()
        for role in (*ROLES, "nobody"):
            with self.subTest(role):
                refused = self.refused_by_server()
                by_larder = self.error(larder.port, role, "eraser")
                self.assertEqual(self.refused_by_server(), refused)
                self.assertEqual(by_larder, self.error(self.cluster.server.port, role, "eraser"))
                eventually(lambda n=refused: self.refused_by_server() > n, "the server logs what it refuses")

    def test_who_is_not_in_the_file_is_not_let_in_though_the_server_would(self):
        self.assertIn('password authentication failed for user "other"', self.error(self.larder().port, "other", "pencil"))

    def test_a_role_that_may_not_log_in_gets_the_servers_own_error(self):
        self.assertEqual(self.error(self.larder().port, "barred", "pencil"), self.error(self.cluster.server.port, "barred", "pencil"))

    def test_a_verifier_that_is_not_the_servers_any_more_ends_in_the_servers_error(self):
        larder = self.larder()
        self.cluster.run("SET password_encryption = 'scram-sha-256'; ALTER ROLE scram PASSWORD 'pencil'")
        self.addCleanup(self.cluster.run, f"ALTER ROLE scram PASSWORD '{self.secrets['scram']}'")
        self.assertIn('password authentication failed for user "scram"', self.error(larder.port, "scram", "pencil"))

    def test_pools_open_further_connections_in_the_clients_name(self):
        larder = self.larder("pool.mode=transaction", "pool.size=2")
        for role in ROLES:
            with self.subTest(role):
                clients = [self.connect(larder.port, role) for _ in range(CLIENTS)]
                count = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'"
                eventually(lambda q=count: int(self.cluster.run(q)[0][0]) <= 2, "the pool is at its size")
                self.cluster.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
                eventually(lambda q=count: int(self.cluster.run(q)[0][0]) == 0, "the server connections are gone")
                self.assertEqual([self.value(client, "SELECT current_user") for client in clients], [role] * CLIENTS)
                self.assertLessEqual(int(self.cluster.run(count)[0][0]), 2)

    def test_who_comes_again_is_let_in_without_the_server_and_told_the_same(self):
        larder = self.knowing("pool.mode=transaction")
        for role in ROLES:
            with self.subTest(role):
                direct = self.connect(self.cluster.server.port, role, options="-c TimeZone=Europe/Zurich", application_name="it")
                known = self.let_in_without_server(larder, role, options="-c TimeZone=Europe/Zurich", application_name="it")
                for name in ("TimeZone", "application_name", "client_encoding", "DateStyle", "server_version", "is_superuser", "session_authorization"):
                    self.assertEqual(known.get_parameter_status(name), direct.get_parameter_status(name), name)
                self.assertEqual(self.value(known, "SELECT current_user || current_setting('TimeZone')"), role + "Europe/Zurich")

    def test_many_logins_leave_few_connections_at_the_server(self):
        larder = self.larder("pool.mode=transaction", "pool.login_max_age=1ms", "pool.size=10")
        for _ in range(CLIENTS):
            self.connect(larder.port, "scram").close()
        eventually(lambda: self.server_connections("scram") == 1, "what the logins brought is closed but for one")

    def test_what_a_login_gives_is_right_after_it_was_changed_through_larder(self):
        larder = self.knowing("pool.mode=transaction")
        admin = self.connect(larder.port, "boss")
        self.let_in_without_server(larder)
        self.addCleanup(self.cluster.run, "ALTER ROLE scram RESET ALL", "ALTER DATABASE postgres RESET ALL")
        for statement, name, value in (("ALTER ROLE scram SET IntervalStyle = 'iso_8601'", "IntervalStyle", "iso_8601"),
                                       ("ALTER DATABASE postgres SET TimeZone = 'Asia/Tokyo'", "TimeZone", "Asia/Tokyo"),
                                       ("DO $$ BEGIN EXECUTE 'ALTER ROLE scram SET IntervalStyle = sql_standard'; END $$", "IntervalStyle", "sql_standard")):
            with self.subTest(statement):
                admin.cursor().execute(statement)
                connection, is_known = self.let_in(larder)
                self.assertFalse(is_known)
                self.assertEqual(connection.get_parameter_status(name), value)
                again = self.let_in_without_server(larder)
                self.assertEqual(again.get_parameter_status(name), value)
                self.assertEqual(self.value(again, f"SELECT current_setting('{name}')"), value)

    def test_a_change_elsewhere_counts_for_logins_after_the_stated_age(self):
        larder = self.larder("pool.mode=transaction", "pool.login_max_age=200ms")
        self.let_in_without_server(larder)
        self.addCleanup(self.cluster.run, "ALTER ROLE scram RESET ALL")
        self.cluster.run("ALTER ROLE scram SET IntervalStyle = 'iso_8601'")
        time.sleep(0.2)
        self.assertEqual(self.connect(larder.port, "scram").get_parameter_status("IntervalStyle"), "iso_8601")

    def test_who_may_not_log_in_any_more_is_told_at_the_login_or_at_the_first_statement(self):
        larder = self.knowing("pool.mode=transaction")
        self.let_in_without_server(larder)
        self.addCleanup(self.cluster.run, "ALTER ROLE scram LOGIN")
        self.cluster.run("ALTER ROLE scram NOLOGIN")
        known = self.let_in_without_server(larder)
        self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scram'")
        eventually(lambda: self.server_connections("scram") == 0, "the server connections are gone")
        with socket.socket(fileno=os.dup(known.fileno())) as raw:  # libpq does not always show what came with the end
            raw.setblocking(True)
            raw.sendall(wire.query("SELECT 1 /* larder: off */"))
            said = b"".join(iter(lambda: raw.recv(4096), b""))
        self.assertIn(b'FATAL\0C28000\0Mrole "scram" is not permitted to log in\0', said)
        self.assertEqual(self.error(larder.port, "scram", "pencil"), self.error(self.cluster.server.port, "scram", "pencil"))

    def test_a_storm_of_wrong_passwords_starves_nobody(self):
        larder = self.larder("pool.mode=transaction", "listen.workers=1")
        served = self.connect(larder.port, "scram")
        stop = threading.Event()
        refused = [0] * 8

        def storm(index):
            while not stop.is_set():
                try:
                    psycopg2.connect(host="127.0.0.1", port=larder.port, user=(*ROLES, "nobody")[index % 4], password="eraser", dbname="postgres")
                except psycopg2.OperationalError as error:
                    refused[index] += "password authentication failed" in str(error)
        threads = [threading.Thread(target=storm, args=(index,)) for index in range(len(refused))]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: min(refused) > 0, "the storm has begun")
            before = sum(refused)
            for number in range(200):
                self.assertEqual(self.value(served, f"SELECT {number} /* larder: off */"), number)
                if number % 20 == 0:
                    self.connect(larder.port, "plain").close()
            eventually(lambda: sum(refused) >= before + 100, "the storm goes on")
            self.assertEqual(self.value(served, "SELECT 7 /* larder: off */"), 7)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_the_file_is_read_again_on_sighup_and_a_broken_one_changes_nothing(self):
        larder = self.larder()
        self.write({"scram": "eraser"})
        os.kill(larder.pid(), signal.SIGHUP)
        eventually(lambda: "configuration reloaded" in larder.output(), "the reload")
        eventually(lambda: self.lets_in(larder, "eraser") == "server", "the new secret is the one that counts")
        with open(self.path, "w", encoding="ascii") as file:
            file.write('"scram" "hush')
        os.kill(larder.pid(), signal.SIGHUP)
        eventually(lambda: f"{self.path}:1: a secret in quotation marks is missing" in larder.output(), "the error")
        self.assertEqual(self.lets_in(larder, "eraser"), "server")
        self.assertNotIn("hush", larder.output())

    def lets_in(self, larder, password):
        """Who refused it: Larder, which asks no server, or the server, which keeps another password."""
        refused = self.refused_by_server()
        self.error(larder.port, "scram", password)
        return "server" if self.refused_by_server() > refused else "larder"

    def refused_by_server(self):
        with open(os.path.join(self.cluster.folder, "log"), encoding="utf-8") as log:
            return log.read().count("password authentication failed")

    def test_a_broken_file_is_told_by_its_line_at_the_start(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write('"a" "b"\n"a" "hush"\n')
        ended = subprocess.run([binary(), "--check", "--set", f"listen.auth_file={self.path}"], capture_output=True, text=True, check=False, timeout=60)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn(f"{self.path}:2: this user has a line already", ended.stdout + ended.stderr)
        self.assertNotIn("hush", ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main()
