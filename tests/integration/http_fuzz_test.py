#!/usr/bin/python3
"""Requests made from Larder's own OpenAPI document, well formed and not: none may end it, none may be answered 5xx, and each answer is one that is described.

HTTP_FUZZ_REQUESTS (default 1000), HTTP_FUZZ_SEED (default: another one each time; it is printed when something is wrong).
"""
import http.client
import json
import os
import random
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

REQUESTS = int(os.environ.get("HTTP_FUZZ_REQUESTS", "1000"))
SEED = int(os.environ.get("HTTP_FUZZ_SEED", random.SystemRandom().randrange(1 << 32)))
TOKEN = "token-of-the-test"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LOCK")
ODD = ("", "0", "-1", "1", "2", "99999999999999999999", "1e9", "NaN", "null", "true", "public.t", "t", "%", "%00", "%ff%fe", "%zz", "a b", "a;b", "'", '"', "é", "../..", "\\", "x" * 3000)
KEYS = ("name", "before", "table", "fingerprint", "regex", "role", "database", "cache", "ttl", "max_stale", "freshness", "tags", "nonsense")
VALUES = ("r1", "r2", "", "t", "public.t", "(", "(a+)+$", "[", "10s", "-1s", "1e99", True, False, None, 0, -1, 1.5, [], ["a", "b"], [1], {}, "\0", "x" * 5000, "\ud7ff")
BODIES = (b"", b"{", b"[]", b"null", b"\xff\xfe", b"{" * 2000, b'{"name": "a", "name": "b"}', b'"' + b"x" * 30000 + b'"')


@unittest.skipIf(DIRECT, "tests Larder's own HTTP server")
class Fuzz(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")
        cls.token = tempfile.NamedTemporaryFile("w", suffix=".token")
        cls.token.write(TOKEN + "\n")
        cls.token.flush()
        cls.larder = Larder(cls.cluster.server, ("freshness.writers=only-larder", f"admin.token_file={cls.token.name}"))
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)
        cls.larder.server.run("postgres", "SELECT n FROM t")
        cls.described = json.loads(cls.larder.http("/api/v1/openapi.json"))["paths"]

    def value_for(self, chance, schema):
        if chance.random() < 0.3:
            return chance.choice(ODD)
        if "enum" in schema:
            return chance.choice(schema["enum"])
        if schema["type"] == "integer":
            return str(chance.randint(schema["minimum"], min(schema.get("maximum", 1 << 40), 1 << 40)))
        return chance.choice(("true", "false") if schema["type"] == "boolean" else ("1", "r1", "t", "public.t", "workload", "app.js"))

    def request(self, chance):
        """Method, path template, target, headers, body."""
        template = chance.choice(list(self.described))
        operations = self.described[template]
        method = chance.choice([name.upper() for name in operations]) if chance.random() < 0.85 else chance.choice(METHODS)
        operation = operations.get(method.lower().replace("head", "get"), {"parameters": []})
        target, query = template, []
        for parameter in operation["parameters"]:
            value = self.value_for(chance, parameter["schema"])
            quoted = value if chance.random() < 0.1 and value.isascii() and " " not in value else urllib.parse.quote(value, safe="")
            if parameter["in"] == "path":
                target = target.replace("{" + parameter["name"] + "}", quoted)
            elif chance.random() < 0.6:
                query.append(f"{parameter['name']}={quoted}")
        if chance.random() < 0.1:
            query.append(chance.choice(("x=1", "=", "&", "limit", "limit=1&limit=2", "?", "%=%")))
        headers = {}
        if chance.random() < 0.8:
            headers["Authorization"] = "Bearer " + TOKEN
        if chance.random() < 0.1:
            headers[chance.choice(("If-None-Match", "If-Match"))] = chance.choice(("*", '""', "W/", '"x"', "x" * 500))
        body = None
        if "requestBody" in operation or chance.random() < 0.1:
            body = chance.choice(BODIES) if chance.random() < 0.3 else json.dumps({chance.choice(KEYS): chance.choice(VALUES) for _ in range(chance.randint(0, 5))}).encode()
        return method, template, target + ("?" + "&".join(query) if query else ""), headers, body

    def check(self, asked, status, headers, body):
        method, template, target = asked
        operation = self.described[template].get(method.lower().replace("head", "get"))
        where = f"seed {SEED}: {method} {target[:300]}: {status} {body[:300]}"
        self.assertLess(status, 500, where)
        # A value may be such that the path is another one, or none.
        if operation is not None and "{" not in template:
            self.assertIn(str(status), operation["responses"], where)
        if status >= 400 and method != "HEAD":
            self.assertEqual(headers["Content-Type"], "application/problem+json", where)
            self.assertEqual(json.loads(body)["status"], status, where)
        if status == 405:
            self.assertTrue(headers["Allow"], where)

    def test_requests_made_from_the_document(self):
        chance = random.Random(SEED)
        seen = set()
        connection = http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)
        self.addCleanup(connection.close)
        for _ in range(REQUESTS):
            method, template, target, headers, body = self.request(chance)
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            self.check((method, template, target), answer.status, answer.headers, text)
            seen.add((template, answer.status))
        self.assertTrue(self.larder.is_running())
        self.assertEqual(self.larder.http("/healthz"), "ok\n")
        # It was no fuzz of refusals only.
        self.assertGreater(len({template for template, status in seen if status < 300}), len(self.described) * 0.6)
        self.assertGreater(len({status for _, status in seen}), 5)


if __name__ == "__main__":
    unittest.main()
