#!/usr/bin/python3
"""The JDBC driver in its modes: simple, extended, server-prepared, binary, autosave and batched."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT  # noqa: E402
from support.zoo import ZooCase, require  # noqa: E402

DRIVER = "/usr/share/java/postgresql.jar"


@require("java")
@unittest.skipUnless(os.path.exists(DRIVER), "not installed: libpostgresql-jdbc-java")
class Jdbc(ZooCase):
    database = "larder_zoo_jdbc"

    def test_all_modes(self):
        before = self.larder.hits()
        url = f"jdbc:postgresql://{self.through.host}:{self.through.port}/{self.database}"
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "JdbcZoo.java")
        done = subprocess.run(["java", "-cp", DRIVER, source, url, self.through.user], capture_output=True, text=True, check=False, timeout=400)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(DIRECT or self.larder.hits() > before, f"no hit; bypassed: {self.larder.bypass_reasons()}")
        sums = "SELECT sum(stock), (SELECT sum(pieces) FROM sale) FROM item"
        self.assertEqual(self.through.run(self.database, sums), self.truth(sums))


if __name__ == "__main__":
    unittest.main()
