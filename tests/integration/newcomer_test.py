#!/usr/bin/python3
"""What a newcomer does: run Larder, connect, see hits on the dashboard, make a rule with the button and take it back, purge, stop PostgreSQL and see it said, start it and see it served again.

Pictures of all steps are kept in build/newcomer, or in the folder that LARDER_PICTURES names. Skipped where Chromium or playwright-core (npm) is missing.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.node import modules_or_skip  # noqa: E402
from support.own_cluster import OwnCluster  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77
TOKEN = "token-of-the-newcomer"
STATEMENTS = ("SELECT name, price FROM dishes WHERE id = %d", "SELECT count(*) FROM dishes WHERE price < %d", "SELECT now()")


@unittest.skipIf(DIRECT, "tests Larder's own page")
class Newcomer(unittest.TestCase):
    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run("CREATE TABLE dishes (id int PRIMARY KEY, name text, price int)", "INSERT INTO dishes SELECT i, 'dish ' || i, i % 40 FROM generate_series(1, 1000) i", "ANALYZE")
        self.token = tempfile.NamedTemporaryFile("w", suffix=".token")
        self.addCleanup(self.token.close)
        self.token.write(TOKEN + "\n")
        self.token.flush()
        self.larder = Larder(self.cluster.server, (f"admin.token_file={self.token.name}",))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.is_over = threading.Event()
        application = threading.Thread(target=self.application)
        application.start()

        def end():
            self.is_over.set()
            application.join()
        self.addCleanup(end)
        self.folder = os.environ.get("LARDER_PICTURES") or os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "newcomer")
        os.makedirs(self.folder, exist_ok=True)

    def application(self):
        """Asks the same few things again and again, and comes back when its connection breaks."""
        while not self.is_over.is_set():
            try:
                connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="postgres", connect_timeout=10)
                connection.autocommit = True
                with connection.cursor() as cursor:
                    number = 0
                    while not self.is_over.is_set():
                        number += 1
                        text = STATEMENTS[number % len(STATEMENTS)]
                        cursor.execute(text % (number % 7 + 1) if "%d" in text else text)
                        time.sleep(0.01)
                connection.close()
            except psycopg2.Error:
                time.sleep(0.1)

    def test_the_first_day(self):
        with tempfile.TemporaryDirectory() as home, subprocess.Popen(
                ["node", os.path.join(HERE, "newcomer_browser.js"), f"http://127.0.0.1:{self.larder.admin_port}", TOKEN, shutil.which("chromium"), self.folder],
                env={**os.environ, "NODE_PATH": PACKAGES, "HOME": home}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as browser:
            def step(name):
                browser.stdin.write(name + "\n")
                browser.stdin.flush()
                if browser.stdout.readline() != "done\n":
                    browser.stdin.close()
                    self.fail(f"{name}: {browser.stderr.read()}")
            for name in ("run", "hits", "rule", "undo", "purge"):
                step(name)
            self.cluster.stop("immediate")
            step("broken")
            self.cluster.start()
            step("fixed")
            browser.stdin.close()
            self.assertEqual(browser.wait(120), 0)


if __name__ == "__main__":
    if shutil.which("chromium") is None or shutil.which("node") is None:
        print("skipped: chromium or node is not installed")
        sys.exit(SKIPPED)
    PACKAGES = modules_or_skip()
    unittest.main()
