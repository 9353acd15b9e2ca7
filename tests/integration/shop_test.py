#!/usr/bin/python3
"""The sample shop: it loads, the same scale gives the same rows, and its twenty statements answer the same through Larder."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import postgres_server  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLES = ("users", "addresses", "categories", "products", "product_variants", "product_images", "inventory", "stock_movements", "orders", "order_items",
          "reviews", "cart_items")


def load(name):
    server = postgres_server.server()
    server.create_database(name)
    subprocess.run([os.path.join(ROOT, "scripts/load_shop"), server.uri(name), "0.01"], check=True, stdout=subprocess.DEVNULL)
    return server


def ask(server, database):
    """All twenty statements in one psql, rolled back at the end."""
    done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-P", "pager=off", "-f", os.path.join(ROOT, "examples/shop/queries.sql"), server.uri(database)],
                          check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


class Shop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.direct = load("shop_test")

    @classmethod
    def tearDownClass(cls):
        cls.direct.drop_database("shop_test")

    def test_every_table_has_rows_and_they_are_always_the_same(self):
        load("shop_again")
        for table in TABLES:
            # An id that a sequence gave depends on the order of the inserts alone, and so is the same as well.
            digest = f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
            first, again = self.direct.run("shop_test", digest), self.direct.run("shop_again", digest)
            self.assertGreater(first[0][0], 0, table)
            self.assertEqual(first, again, table)
        self.direct.drop_database("shop_again")

    def test_its_statements_answer_the_same_through_larder(self):
        wanted = ask(self.direct, "shop_test")
        self.assertIn("-- 20 the office", wanted)
        larder = Larder(self.direct, database="shop_test")
        try:
            for _ in range(4):
                self.assertEqual(ask(larder.server, "shop_test"), wanted)
            # The block ends with writes, after which little is left to hit; a page that is only read has to.
            page = "SELECT id, slug, name, rating, review_count FROM product_overview WHERE category_id = 31 ORDER BY price, id"
            wanted = self.direct.run("shop_test", page)
            reader = larder.server.connect("shop_test")
            cursor = reader.cursor()
            for _ in range(2000):
                cursor.execute(page)
                self.assertEqual(cursor.fetchall(), wanted)
                if DIRECT or larder.hits() > 0:
                    break
            else:
                self.fail(f"no hit: {larder.bypass_reasons()}")
            reader.close()
        finally:
            larder.stop()


if __name__ == "__main__":
    unittest.main()
