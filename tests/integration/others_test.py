#!/usr/bin/python3
"""Writers that go round Larder, with freshness.writers = "others": what they wrote is seen once the bound is over, and hits there are before."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE id = 1"
BOUND_SECONDS = 2
TICK_SECONDS = 0.25  # a worker's clock may be behind by a tick


@unittest.skipIf(DIRECT, "tests Larder's own bound")
class Others(unittest.TestCase):
    def test_no_answer_outlives_the_bound(self):
        cluster = OwnCluster()
        cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 0)")
        larder = Larder(cluster.server, ("freshness.writers=others", f"freshness.others_ttl_max={BOUND_SECONDS}s"))
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        connection = larder.server.connect("postgres")
        self.addCleanup(connection.close)

        def read():
            with connection.cursor() as cursor:
                cursor.execute(READ)
                return cursor.fetchone()[0]
        for number in range(1, 6):
            self.assertEqual(wait_for_hit(larder, read), number - 1)
            cluster.run(f"UPDATE t SET n = {number}")
            written = time.monotonic()
            # Whatever is read until then may be old; what is asked for later may not, however long this took.
            while time.monotonic() < written + BOUND_SECONDS + TICK_SECONDS:
                self.assertIn(read(), (number - 1, number))
                time.sleep(0.05)
            self.assertEqual(read(), number)


if __name__ == "__main__":
    unittest.main()
