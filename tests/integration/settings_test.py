#!/usr/bin/python3
"""Every setting that a session may change is either part of the cache key or known to be harmless: a new one has to be looked at."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import postgres_server  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def keyed():
    with open(os.path.join(ROOT, "rules/keyed_settings.cpp"), encoding="utf-8") as source:
        return {name.lower() for name in re.findall(r'"(\w+)"', source.read().split("kKeyedSettings = {")[1].split("};")[0])}


def harmless():
    with open(os.path.join(HERE, "harmless_settings.txt"), encoding="utf-8") as lines:
        return {line.strip().lower() for line in lines if line.strip() and not line.startswith("#")}


class Settings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The others change with a restart or a reload, or before the session begins, and a reload moves a counter of its own.
        cls.settable = {name.lower() for (name,) in postgres_server.server().run(
            "postgres", "SELECT name FROM pg_settings WHERE context IN ('user', 'superuser') AND name NOT LIKE '%.%'")}

    def test_every_setting_was_looked_at(self):
        self.assertGreater(len(self.settable), 100)
        self.assertGreater(len(keyed()), 20)
        self.assertEqual(sorted(self.settable - keyed() - harmless()), [])

    def test_none_is_in_both(self):
        self.assertEqual(sorted(keyed() & harmless()), [])


if __name__ == "__main__":
    unittest.main()
