#!/usr/bin/python3
"""What makes every cached answer old at once must not turn the cache off for those who stay connected."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE id = 1"


@unittest.skipIf(DIRECT, "tests Larder itself")
class Reload(unittest.TestCase):
    def test_sessions_hit_again_after_a_reload_of_the_server(self):
        cluster = OwnCluster()
        cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")
        larder = Larder(cluster.server)
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        clients = [wire.Connection("127.0.0.1", larder.port, seconds_max=60) for _ in range(2)]
        for client in clients:
            self.addCleanup(client.close)
            client.login("postgres", "postgres")
        for _ in range(3):
            for client in clients:
                self.assertEqual(wait_for_hit(larder, lambda c=client: (c.values(READ), time.sleep(0.01))[0]), [("42",)])
            seen = larder.output().count("the server's configuration was reloaded")
            cluster.run("SELECT pg_reload_conf()")
            eventually(lambda n=seen: larder.output().count("the server's configuration was reloaded") > n, "Larder notices the reload")


if __name__ == "__main__":
    unittest.main()
