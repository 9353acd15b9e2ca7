#!/usr/bin/python3
"""Runs torture.cpp (its head says what it checks) through Larder for LARDER_TORTURE_SECONDS (default 20) and looks that there were hits."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import postgres_server  # noqa: E402
from support.compile import compiled  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402

SECONDS = int(os.environ.get("LARDER_TORTURE_SECONDS", "20"))
SEED = int(os.environ.get("LARDER_TEST_SEED", "1"))
DATABASE = "larder_torture"
ATTEMPTS_MAX = 4


class Torture(unittest.TestCase):
    def test_no_read_is_wrong(self):
        program = compiled(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torture", "torture.cpp"), "libpq")
        # On a machine with other work to do, hits need longer calms than fit into one short run.
        for attempt in range(ATTEMPTS_MAX):
            if self.run_once(program, SECONDS << attempt) > 0 or DIRECT:
                return
        self.fail("not one hit: nothing was proved")

    def run_once(self, program, seconds):
        server = postgres_server.server()
        server.create_database(DATABASE)
        larder = Larder(server)
        try:
            done = subprocess.run([program, larder.server.uri(DATABASE), str(seconds), str(SEED)], capture_output=True, text=True, check=False, timeout=seconds + 120)
            hits, bypasses = larder.hits(), larder.bypass_reasons()
            print(f"{done.stdout.strip()}\n{hits:.0f} hits; bypasses: {bypasses}", file=sys.stderr)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertTrue(larder.is_running())
            return hits
        finally:
            larder.stop()
            server.drop_database(DATABASE)


if __name__ == "__main__":
    unittest.main()
