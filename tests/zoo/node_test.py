#!/usr/bin/python3
"""Node's two usual clients, pg and postgres. They come from npm (package.json); where they cannot be fetched, this is skipped."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT  # noqa: E402
from support.node import modules_or_skip  # noqa: E402
from support.zoo import ZooCase, require  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


@require("node")
class Node(ZooCase):
    database = "larder_zoo_node"

    def run_client(self, name):
        before = self.larder.hits()
        done = subprocess.run(["node", os.path.join(HERE, "node_zoo.js"), name, self.through.uri(self.database)], env=dict(os.environ, NODE_PATH=PACKAGES), capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(DIRECT or self.larder.hits() > before, f"no hit; bypassed: {self.larder.bypass_reasons()}")

    def test_pg(self):
        self.run_client("pg")

    def test_postgres(self):
        self.run_client("postgres")


if __name__ == "__main__":
    PACKAGES = modules_or_skip()
    unittest.main()
