"""What tests of Larder's own logins share: a cluster that demands passwords, a user file, and clients who have them."""
import os
import tempfile
import unittest

import psycopg2

from .larder_process import DIRECT, Larder
from .own_cluster import OwnCluster, eventually

ROLES = ("scram", "plain", "digest")


@unittest.skipIf(DIRECT, "tests Larder's own logins")
class OwnLogins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE ROLE scram LOGIN PASSWORD 'pencil'", "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'pencil'", "CREATE ROLE plain LOGIN PASSWORD 'pencil'", "CREATE ROLE other LOGIN PASSWORD 'pencil'",
                        "CREATE ROLE barred NOLOGIN PASSWORD 'pencil'", "SET password_encryption = 'md5'; CREATE ROLE digest LOGIN PASSWORD 'pencil'")
        # Larder's own login and the tests' stay postgres, who is let in without.
        with open(os.path.join(cls.cluster.data, "pg_hba.conf"), "w", encoding="ascii") as hba:
            hba.write("local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all digest 127.0.0.1/32 md5\nhost all all 127.0.0.1/32 scram-sha-256\n")
        cls.cluster.run("SELECT pg_reload_conf()")
        cls.secrets = dict(cls.cluster.run("SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL"))
        cls.secrets["plain"] = "pencil"
        cls.secrets.pop("other")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "users.txt")

    def write(self, secrets):
        with open(self.path, "w", encoding="utf-8") as file:
            file.writelines(f'"{name}" "{secret}"\n' for name, secret in secrets.items())

    def larder(self, *settings):
        self.write(self.secrets)
        larder = Larder(self.cluster.server, (f"listen.auth_file={self.path}", *settings))
        self.addCleanup(larder.stop)
        return larder

    def connect(self, port, user, password="pencil", **parameters):
        connection = psycopg2.connect(host="127.0.0.1", port=port, user=user, password=password, dbname="postgres", connect_timeout=60, **parameters)
        self.addCleanup(connection.close)
        connection.autocommit = True
        return connection

    def error(self, port, user, password):
        with self.assertRaises(psycopg2.OperationalError) as caught:
            self.connect(port, user, password)
        return str(caught.exception).split("FATAL:", 1)[1]

    @staticmethod
    def value(connection, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def knowing(self, *settings):
        """A Larder that lets clients in without the server, as the test wishes for no longer than it does something."""
        return self.larder("pool.login_max_age=1h", "listen.workers=1", *settings)

    def let_in(self, larder, role="scram", **parameters):
        """A new connection, and whether the server was asked for it."""
        known = larder.metric("larder_known_logins_total")
        connection = self.connect(larder.port, role, **parameters)
        return connection, larder.metric("larder_known_logins_total") > known

    def let_in_without_server(self, larder, role="scram", **parameters):
        def attempt():
            connection, is_known = self.let_in(larder, role, **parameters)
            return connection if is_known else connection.close()
        return eventually(attempt, "a login that the server is not asked for")

    def server_connections(self, role):
        return int(self.cluster.run(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'")[0][0])
