#!/usr/bin/python3
"""A Larder that is killed while PostgreSQL builds an index for it: the next one ends the build, drops what it left, and says what is so."""
import os
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT  # noqa: E402
from support.own_cluster import eventually  # noqa: E402
from traffic_test import SLOW, Base  # noqa: E402

OVER = ("reverted", "failed", "watching", "kept", "unproven")


@unittest.skipIf(DIRECT, "tests what Larder deploys")
class Killed(Base):
    SETTINGS = ("advisor.watch=1h",)

    def newest(self):
        return self.api("/api/v1/deployments")["deployments"][-1:]

    def test_nothing_is_left_of_a_build_that_was_killed(self):
        self.cluster.run("INSERT INTO orders SELECT i, i % 5000, md5(i::text) FROM generate_series(1, 500000) i", "ANALYZE orders")
        state = tempfile.TemporaryDirectory()
        self.addCleanup(state.cleanup)
        self.connection.close()
        self.larder.stop()
        self.larder = self.start(state=state.name)
        cut_off = 0
        for number, delay in enumerate((0, 0.1, 0.3, 0.6)):
            self.connection = self.connect()
            self.ask_orders(20 * number, 15)
            advice = self.advice_on("FROM orders")
            self.assertEqual(self.post(f"/api/v1/advice/{advice['id']}/deploy")[0], 202)
            eventually(self.indexes, "the build has begun")
            time.sleep(delay)
            self.connection.close()
            self.larder.process.kill()
            self.larder.process.wait()
            self.larder.process = None
            self.larder = self.start(state=state.name)
            last = eventually(lambda: next((one for one in self.newest() if one["state"] in OVER), None), "it is over")
            builds = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'"
            eventually(lambda: not self.cluster.run(builds), "no build goes on")
            if last["state"] == "watching":
                # It was done before the kill.
                self.console(f"REVERT DEPLOYMENT {last['id']}")
                eventually(lambda: self.newest()[0]["state"] == "reverted", "it is reverted")
            else:
                self.assertEqual((last["state"], last["last_event"]), ("reverted", "Everything is as it was."))
                cut_off += 1
            self.assertEqual(self.indexes(), set(), last)
        self.assertGreater(cut_off, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
