#!/usr/bin/python3
"""libpqxx, and with it libpq, from C++."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.compile import compiled  # noqa: E402
from support.larder_process import DIRECT  # noqa: E402
from support.zoo import ZooCase  # noqa: E402


class Libpqxx(ZooCase):
    database = "larder_zoo_libpqxx"

    def test_all_ways_of_running(self):
        program = compiled(os.path.join(os.path.dirname(os.path.abspath(__file__)), "libpqxx_zoo.cpp"), "libpqxx", "libpq")
        before = self.larder.hits()
        done = subprocess.run([program, self.through.uri(self.database)], capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(DIRECT or self.larder.hits() > before, f"no hit; bypassed: {self.larder.bypass_reasons()}")
        total = "SELECT sum(stock) FROM item"
        self.assertEqual(self.through.run(self.database, total), self.truth(total))


if __name__ == "__main__":
    unittest.main()
