#!/usr/bin/python3
"""A page that Varnish keeps, made by an application over Larder, is gone after the row has changed; the configuration is the one in docs/events.md."""
import http.client
import http.server
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.postgres_server import free_port  # noqa: E402
from support.serving import wait_for_hit, wait_until_serving  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VARNISH = "/usr/sbin/varnishd"
PRICE = "SELECT price FROM products WHERE id = 1"
NAME = "SELECT name FROM customers WHERE id = 1"


class Application:
    """Two pages, each with the keys of what it was made from, and one without."""

    def __init__(self, larder_port):
        outer, self.made = self, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.made += 1
                statement, keys = {"/price": (PRICE, "public.products home"), "/name": (NAME, "public.customers"), "/fixed": ("SELECT 'fixed'", "")}[self.path]
                connection = psycopg2.connect(host="127.0.0.1", port=larder_port, user="postgres", dbname="postgres")
                try:
                    connection.autocommit = True
                    with connection.cursor() as cursor:
                        cursor.execute(statement)
                        body = str(cursor.fetchone()[0]).encode()
                finally:
                    connection.close()
                self.send_response(200)
                self.send_header("Cache-Control", "max-age=3600")
                if keys:
                    self.send_header("Larder-Keys", keys)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@unittest.skipIf(DIRECT, "tests Larder's own webhooks")
@unittest.skipUnless(os.access(VARNISH, os.X_OK), "no Varnish (package varnish)")
class Varnish(unittest.TestCase):
    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run("CREATE TABLE products (id int PRIMARY KEY, price int)", "INSERT INTO products VALUES (1, 10)",
                         "CREATE TABLE customers (id int PRIMARY KEY, name text)", "INSERT INTO customers VALUES (1, 'Ada')")
        self.folder = tempfile.TemporaryDirectory(prefix="larder-varnish-")
        self.addCleanup(self.folder.cleanup)
        self.port = free_port()
        config = os.path.join(self.folder.name, "larder.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[freshness]\nwriters = "only-larder"\n'
                       '[[rule]]\nname = "front"\nmatch = { table = "public.products" }\ntags = ["home"]\n'
                       f'[[webhook]]\nname = "pages"\nurl = "http://127.0.0.1:{self.port}/"\npreset = "varnish"\n')
        self.larder = Larder(self.cluster.server, (), extra=("--config", config))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.application = Application(self.larder.port)
        self.addCleanup(self.application.stop)
        self.start_varnish()
        self.connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="postgres")
        self.connection.autocommit = True
        self.addCleanup(self.connection.close)
        for statement in (PRICE, NAME):
            wait_for_hit(self.larder, lambda statement=statement: self.run_sql(statement))
        # What concerns everything, as the start does, is over.
        eventually(lambda: self.larder.metric("larder_webhook_sent_total") > 0 and self.larder.metric("larder_webhook_up") == 1, "Varnish was told of the start")

    def start_varnish(self):
        with open(os.path.join(ROOT, "docs", "events.md"), encoding="utf-8") as file:
            vcl = re.search(r"```vcl\n(.*?)```", file.read(), re.DOTALL).group(1)
        self.assertIn('.port = "8080"', vcl)
        path = os.path.join(self.folder.name, "default.vcl")
        with open(path, "w", encoding="utf-8") as file:
            file.write(vcl.replace('.port = "8080"', f'.port = "{self.application.port}"'))
        os.chmod(self.folder.name, 0o755)
        log = tempfile.TemporaryFile()
        self.addCleanup(log.close)
        process = subprocess.Popen([VARNISH, "-F", "-j", "none", "-n", os.path.join(self.folder.name, "varnish"), "-a", f"127.0.0.1:{self.port}", "-f", path, "-s", "malloc,32m"],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

        def stop():
            process.terminate()
            process.wait(60)

        self.addCleanup(stop)

        def is_up():
            if process.poll() is not None:
                log.seek(0)
                self.fail("Varnish ended: " + log.read().decode(errors="replace"))
            try:
                return self.page("/fixed") == "fixed"
            except OSError:
                return False

        eventually(is_up, "Varnish answers")

    def run_sql(self, text):
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else None

    def page(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            self.assertIsNone(answer.headers["Larder-Keys"])  # nobody else has to know
            return answer.read().decode()
        finally:
            connection.close()

    def keep(self, *paths):
        """Until Varnish has the pages."""
        for path in paths:
            def is_kept(path=path):
                before = self.application.made
                self.page(path)
                return self.application.made == before
            eventually(is_kept, f"Varnish keeps {path}")

    def is_kept(self, path):
        before = self.application.made
        self.page(path)
        return self.application.made == before

    def test_a_page_is_gone_after_a_write(self):
        self.keep("/price", "/name", "/fixed")
        self.run_sql("UPDATE products SET price = 11 WHERE id = 1")
        eventually(lambda: self.page("/price") == "11", "the page is the new one")
        self.assertTrue(self.is_kept("/name") and self.is_kept("/fixed"), "no other page was dropped")
        self.run_sql("UPDATE customers SET name = 'Grace' WHERE id = 1")
        eventually(lambda: self.page("/name") == "Grace", "the page is the new one")
        self.assertEqual(self.larder.metric("larder_webhook_dead_total"), 0)

    def console(self, text):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user="postgres", dbname="larder")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)
        finally:
            connection.close()

    def test_purges(self):
        self.keep("/price", "/name", "/fixed")
        self.console("PURGE TAG home")
        eventually(lambda: not self.is_kept("/price"), "what carries the tag is gone")
        self.assertTrue(self.is_kept("/name"))
        self.keep("/price")
        self.console("PURGE ALL")
        eventually(lambda: not self.is_kept("/name"), "everything with keys is gone")
        self.assertTrue(self.is_kept("/fixed"), "what has none has nothing to do with it")

    def test_odd_names(self):
        before = self.larder.metric("larder_webhook_sent_total")
        self.keep("/price", "/name")
        self.console("PURGE TAG \"x|.*) && obj.status ~ 2\"")
        eventually(lambda: self.larder.metric("larder_webhook_sent_total") > before, "it was told")
        self.assertTrue(self.is_kept("/price") and self.is_kept("/name"))
        self.assertEqual(self.larder.metric("larder_webhook_dead_total"), 0)


if __name__ == "__main__":
    unittest.main()
