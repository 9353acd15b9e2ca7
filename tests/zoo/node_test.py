#!/usr/bin/python3
"""Node's two usual clients, pg and postgres. They come from npm (package.json); where they cannot be fetched, this is skipped."""
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT  # noqa: E402
from support.zoo import ZooCase, require  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77


def modules():
    """The folder of the installed packages: as NODE_PATH says, else the build's own, fetched when it is missing."""
    if os.environ.get("NODE_PATH"):
        return os.environ["NODE_PATH"]
    folder = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "zoo")
    packages = os.path.join(folder, "node_modules")
    if not os.path.isdir(packages):
        os.makedirs(folder, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), folder)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, timeout=600)
    return packages


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
    try:
        PACKAGES = modules()
    except (OSError, subprocess.SubprocessError) as failure:
        print(f"skipped: the packages of npm could not be had: {failure}")
        sys.exit(SKIPPED)
    unittest.main()
