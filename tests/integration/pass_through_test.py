#!/usr/bin/python3
"""Without a login of its own Larder passes everything through, and says so once."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.postgres_server import Server  # noqa: E402
from support.serving import hits_of  # noqa: E402


class NoLogin(Server):
    def uri(self, database, scheme="postgres", user=None):
        return f"{scheme}://{self.host}:{self.port}/{database}"


@unittest.skipIf(DIRECT, "tests Larder without a login")
class PassThrough(unittest.TestCase):
    def test_everything_passes(self):
        cluster = OwnCluster()
        cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")
        larder = Larder(NoLogin(cluster.server.uri("postgres")))
        self.addCleanup(larder.stop)
        with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as connection:
            self.assertEqual(connection.login("postgres", "postgres")[-1][0], b"Z")
            read = lambda: connection.values("SELECT n FROM t WHERE id = 1")  # noqa: E731
            self.assertEqual(hits_of(larder, read), 0)
            connection.query("UPDATE t SET n = 43")
            self.assertEqual(read(), [("43",)])
            connection.query("BEGIN")
            connection.query("UPDATE t SET n = 44")
            self.assertEqual(connection.query("ROLLBACK")[-1], (b"Z", b"I"))
            self.assertEqual(read(), [("43",)])
            connection.send(wire.parse("s", "SELECT n FROM t WHERE id = $1", 23), wire.bind("", "s", (1,)), wire.execute(), wire.sync())
            self.assertIn((b"D", b"\0\1\0\0\0\2" + b"43"), connection.read_until((b"Z",)))
            connection.send(wire.query("SELECT pg_sleep(1000)"))
            eventually(lambda: cluster.run("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)' AND state = 'active'"), "it sleeps")
            wire.send_cancel("127.0.0.1", larder.port, connection.pid, connection.secret)
            error = next(wire.error_fields(body) for kind, body in connection.read_until((b"Z",)) if kind == b"E")
            self.assertEqual(error["C"], "57014")
        self.assertEqual(larder.hits(), 0)
        self.assertEqual(larder.output().count("no upstream user is configured"), 1)
        self.assertEqual(cluster.run("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder_%'")[0][0], 0)
        # It can be sent clients, and says what it does with them.
        self.assertIn("passed through", larder.http("/readyz"))


if __name__ == "__main__":
    unittest.main()
