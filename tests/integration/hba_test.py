#!/usr/bin/python3
"""Logins by listen.hba_file: methods, addresses, certificates and maps, with real clients; and a PgBouncer's configuration imported."""
import os
import signal
import subprocess
import sys
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import Larder, binary  # noqa: E402
from support.own_cluster import eventually, make_certificate  # noqa: E402
from support.own_logins import OwnLogins  # noqa: E402


class Rules(OwnLogins):
    def ruled(self, rules, *settings):
        self.hba = os.path.join(self.folder.name, "hba.conf")
        self.rewrite(rules)
        return self.larder(f"listen.hba_file={self.hba}", *settings)

    def rewrite(self, rules):
        with open(self.hba, "w", encoding="utf-8") as file:
            file.write(rules)

    def refused(self, port, user, password="pencil", **parameters):
        with self.assertRaises(psycopg2.OperationalError) as caught:
            self.connect(port, user, password, **parameters)
        return str(caught.exception).split("FATAL:", 1)[-1].strip()

    def user(self, port, role, password="pencil", **parameters):
        return self.value(self.connect(port, role, password, **parameters), "SELECT current_user")

    def test_each_method(self):
        larder = self.ruled("host all scram 127.0.0.1/32 scram-sha-256\nhost all plain all password\nhost all digest all md5\nhost all boss all reject\n")
        for role in ("scram", "plain", "digest"):
            self.assertEqual(self.user(larder.port, role), role)
            self.assertIn("password authentication failed", self.refused(larder.port, role, "eraser"))
        self.assertEqual(self.refused(larder.port, "boss"), 'pg_hba.conf rejects connection for host "127.0.0.1", user "boss", database "postgres", no encryption')
        self.assertEqual(self.refused(larder.port, "other"), 'no pg_hba.conf entry for host "127.0.0.1", user "other", database "postgres", no encryption')

    def test_a_password_in_clear_opens_the_server_whatever_it_asks_for(self):
        larder = self.ruled("host all all all password\n", "pool.mode=transaction")
        for role in ("scram", "plain", "digest"):
            self.assertEqual(self.user(larder.port, role), role)
            self.cluster.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
            eventually(lambda r=role: self.server_connections(r) == 0, "the server connections are gone")
            self.assertEqual(self.user(larder.port, role), role)

    def test_a_digest_does_not_pass_where_scram_is_demanded(self):
        larder = self.ruled("host all all all scram-sha-256\n")
        self.assertIn("password authentication failed", self.refused(larder.port, "digest"))
        self.assertEqual(self.user(larder.port, "plain"), "plain")

    def test_trust_lets_in_and_the_server_still_asks(self):
        larder = self.ruled("host all all all trust\n")
        self.assertEqual(self.user(larder.port, "plain", "eraser"), "plain")   # the secret of the file answers the server
        self.assertIn("the server asks for a secret", self.refused(larder.port, "scram", "eraser"))
        self.assertEqual(self.user(larder.port, "postgres", None), "postgres")  # the server trusts it itself

    def test_the_first_rule_that_matches_counts_and_a_reload_changes_them(self):
        larder = self.ruled("host postgres scram 10.0.0.0/8 reject\nhost postgres scram 127.0.0.0/8 md5\nhost all all all reject\n")
        self.assertEqual(self.user(larder.port, "scram"), "scram")
        self.rewrite("host all scram all reject\n")
        larder.process.send_signal(signal.SIGHUP)
        eventually(lambda: "configuration reloaded" in larder.output(), "the rules are read again")
        self.assertIn("pg_hba.conf rejects", self.refused(larder.port, "scram"))
        self.rewrite("host all scram all nonsense\n")
        larder.process.send_signal(signal.SIGHUP)
        eventually(lambda: f"{self.hba}:1: invalid authentication method" in larder.output(), "the mistake is told with its line")
        self.assertIn("pg_hba.conf rejects", self.refused(larder.port, "scram"))

    def test_a_mistake_ends_the_start_with_its_line(self):
        self.hba = os.path.join(self.folder.name, "hba.conf")
        self.write(self.secrets)
        for rules, problem in (("host all all all md5\nhost all +staff all md5\n", ":2: members of a role"), ("", ":0: "), ("include gone\n", ":1: cannot read")):
            self.rewrite(rules)
            done = subprocess.run([binary(), "--check", "--set", f"listen.auth_file={self.path}", "--set", f"listen.hba_file={self.hba}"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(problem.replace(":0", ""), done.stderr)
        done = subprocess.run([binary(), "--check", "--set", f"listen.hba_file={self.hba}"], capture_output=True, text=True, check=False)
        self.assertIn("needs listen.auth_file or listen.auth_user", done.stderr)

    def test_certificates_and_their_maps(self):
        folder = self.folder.name
        authority = make_certificate(folder, "authority")
        server = make_certificate(folder, "server")
        people = {name: make_certificate(folder, name, subject, "authority") for name, subject in (("plain", "plain"), ("person", "plain@example.com"), ("stranger", "stranger"))}
        ident = os.path.join(folder, "ident.conf")
        with open(ident, "w", encoding="utf-8") as file:
            file.write("people /^(.*)@example\\.com$ \\1\n")
        larder = self.ruled("hostssl all plain all cert map=people\nhostssl all scram all scram-sha-256 clientcert=verify-ca\nhostssl all digest all md5 clientcert=verify-full\nhost all all all reject\n",
                            f"listen.ident_file={ident}", f"listen.tls_cert_file={server[0]}", f"listen.tls_key_file={server[1]}", f"listen.tls_ca_file={authority[0]}")

        def shown(name):
            os.chmod(people[name][1], 0o600)
            return {"sslmode": "require", "sslcert": people[name][0], "sslkey": people[name][1]}

        self.assertEqual(self.user(larder.port, "plain", None, **shown("person")), "plain")
        self.assertIn('certificate authentication failed for user "plain"', self.refused(larder.port, "plain", None, **shown("plain")))
        self.assertIn("requires a valid client certificate", self.refused(larder.port, "plain", sslmode="require", sslcert="", sslkey=""))
        self.assertEqual(self.user(larder.port, "scram", **shown("stranger")), "scram")
        self.assertIn("password authentication failed", self.refused(larder.port, "scram", "eraser", **shown("stranger")))
        self.assertIn("certificate authentication failed", self.refused(larder.port, "digest", **shown("stranger")))
        self.assertIn("pg_hba.conf rejects", self.refused(larder.port, "plain", None, sslmode="disable"))


class Import(OwnLogins):
    def test_a_pgbouncers_configuration_becomes_larders_and_works(self):
        self.write({"plain": "pencil", "asker": "quill"})
        ini = os.path.join(self.folder.name, "pgbouncer.ini")
        with open(ini, "w", encoding="utf-8") as file:
            file.write(f"[databases]\n* = host=127.0.0.1 port={self.cluster.server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nauth_type = md5\nauth_file = {self.path}\npool_mode = transaction\n"
                       "default_pool_size = 3\nreserve_pool_size = 2\nadmin_users = plain\n")
        done = subprocess.run([binary(), "import", ini], capture_output=True, text=True, check=True)
        self.assertIn("reserve_pool_size = 2: no counterpart", done.stdout)
        toml = os.path.join(self.folder.name, "larder.toml")
        with open(toml, "w", encoding="utf-8") as file:
            file.write(done.stdout)
        larder = Larder(self.cluster.server, (), extra=("--config", toml))
        self.addCleanup(larder.stop)
        self.assertEqual(self.value(self.connect(larder.port, "plain"), "SELECT current_user"), "plain")
        console = psycopg2.connect(host="127.0.0.1", port=larder.port, user="plain", password="pencil", dbname="larder")
        self.addCleanup(console.close)
        console.autocommit = True
        with console.cursor() as cursor:
            cursor.execute("SHOW CONFIG")
            values = {row[0]: row[1] for row in cursor.fetchall()}
            self.assertEqual((values["pool.size"], values["pool.mode"]), ("3", '"transaction"'))
            cursor.execute("RELOAD")
        missing = subprocess.run([binary(), "import", ini + ".gone"], capture_output=True, text=True, check=False)
        self.assertEqual(missing.returncode, 2)
        self.assertIn("cannot read", missing.stderr)


if __name__ == "__main__":
    unittest.main()
