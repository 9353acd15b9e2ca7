#!/usr/bin/python3
"""The dashboard in Chromium, in front of the shop with traffic: light and dark, on a phone, by keyboard, and nothing from any other host.

LARDER_PICTURES names a folder that keeps the pictures. Skipped where Chromium or playwright-core (npm) is missing.
"""
import os
import random
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
TOKEN = "token-of-the-test"
CLIENTS = 4
READS = ("SELECT name, price FROM products WHERE id = %s", "SELECT sku, price FROM product_variants WHERE product_id = %s", "SELECT url, alt FROM product_images WHERE product_id = %s ORDER BY position",
         "SELECT on_hand - reserved FROM inventory WHERE variant_id = %s", "SELECT avg(rating), count(*) FROM reviews WHERE product_id = %s")
LISTS = ("SELECT id, slug, name FROM categories WHERE parent_id IS NULL ORDER BY position", "SELECT id, name, price FROM products WHERE brand = 'Fjord' ORDER BY price DESC LIMIT 10",
         "SELECT id, total FROM orders ORDER BY total DESC LIMIT 10", "SELECT now()", "SELECT count(*) FROM order_items WHERE variant_id = 11")


@unittest.skipIf(DIRECT, "tests Larder's own page")
class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        load = os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts", "load_shop")
        subprocess.run([load, cls.cluster.server.uri("postgres"), "0.05"], check=True, stdout=subprocess.DEVNULL, timeout=600)
        cls.token = tempfile.NamedTemporaryFile("w", suffix=".token")
        cls.token.write(TOKEN + "\n")
        cls.token.flush()
        cls.larder = Larder(cls.cluster.server, ("freshness.writers=only-larder", "pool.mode=auto", "advisor.slow=1ms", f"admin.token_file={cls.token.name}"))
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)

    def setUp(self):
        self.is_over = threading.Event()
        threads = [threading.Thread(target=self.shop, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()

        def end():
            self.is_over.set()
            for thread in threads:
                thread.join()
        self.addCleanup(end)

    def shop(self, number):
        """A visitor: mostly reads of few products, now and then a list, and a purchase."""
        chance = random.Random(number)
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="postgres", application_name=f"shop {number}")
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not self.is_over.is_set():
                dice = chance.random()
                if dice < 0.85:
                    cursor.execute(chance.choice(READS), (int(1 + chance.paretovariate(1.2)) % 500 + 1,))
                elif dice < 0.97:
                    cursor.execute(chance.choice(LISTS))
                else:
                    cursor.execute("UPDATE product_images SET alt = %s WHERE product_id = %s", (f"picture {chance.random()}", chance.randint(1, 50)))
                time.sleep(0.02 * chance.random())
        connection.close()

    def test_in_a_browser(self):
        kept = os.environ.get("LARDER_PICTURES")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["node", os.path.join(HERE, "dashboard_browser.js"), f"http://127.0.0.1:{self.larder.admin_port}", TOKEN, shutil.which("chromium"), kept or folder],
                                  env={**os.environ, "NODE_PATH": PACKAGES, "HOME": folder}, capture_output=True, text=True, check=False, timeout=800)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    if shutil.which("chromium") is None or shutil.which("node") is None:
        print("skipped: chromium or node is not installed")
        sys.exit(SKIPPED)
    PACKAGES = modules_or_skip()
    unittest.main()
