#!/usr/bin/python3
"""Every numbered point has a script or a test that claims it, or a sentence that says why not, and docs/cases.md says so.

`case_map_test.py --list` prints the table, `case_map_test.py --write` makes docs/cases.md anew.
"""
import collections
import importlib
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)
import case_map  # noqa: E402

SUITES = ("cache_key_test", "cacheable_test", "writes_test", "dependencies_test", "trees_test", "schema_changes_test", "transactions_test", "protocol_test")
PAGE = os.path.join(HERE, "..", "..", "docs", "cases.md")
HEAD = """# Case by case

Where a cache in front of PostgreSQL usually goes wrong, one line each, with the promise that holds there and the tests that show it. Each script of `tests/differential` is played once directly and once through Larder, in four forms
of the protocol, and the answers must be the same bytes; reads that could be made old are shown to be hits before the write, since a pass without hits proves nothing. The page is made of `tests/differential/case_map.py` by `case_map_test.py --write`, and both tests and page are compared.

| promise | means |
|---|---|
| strict | cached, and a hit is what PostgreSQL would answer at that moment, for all that goes through Larder. For writers elsewhere: [feed.md](feed.md) |
| not cached | PostgreSQL answers each time |
| strict or not cached | the one or the other, depending on the statement or on the session's state; `EXPLAIN LARDER` says which |
| bounded | about writers that go round Larder: their commits are seen within `feed.lag_max` |
| cannot arise | Larder does not do what could go wrong there |
"""


def scripts_by_point(field="cases"):
    found = {}
    for suite in SUITES:
        for script in importlib.import_module(suite).SCRIPTS:
            for number in getattr(script, field):
                found.setdefault(number, []).append((suite, script.name))
    return found


def shortened(names):
    """Names that differ in what follows a common beginning, as their tests are made in a loop, as one with a star."""
    prefixes = collections.Counter(name[:name.rfind("_") + 1] for name in names if re.match(r"dependency_|key_of_|setting_", name))
    out = []
    for name in names:
        prefix = name[:name.rfind("_") + 1]
        shown = "dependency_*" if name.startswith("dependency_") else prefix + "*" if prefixes[prefix] > 2 else name
        if shown not in out:
            out.append(shown)
    return out


def shown_by(number, found):
    by_file = {}
    for suite, name in found.get(number, ()):
        by_file.setdefault(f"tests/differential/{suite}.py", []).append(name)
    for path, name in case_map.OTHER_TESTS.get(number, ()):
        by_file.setdefault(path, []).append(name)
    parts = [f"`{path}`: " + ", ".join(f"`{name}`" for name in shortened(names)) for path, names in by_file.items()]
    return "; ".join(parts) or case_map.ELSEWHERE[number].removeprefix("Cannot arise: ")


def page():
    found, sections = scripts_by_point(), {first: (heading, text) for first, heading, text in case_map.SECTIONS}
    lines = [HEAD]
    for number, meaning in case_map.POINTS.items():
        if number in sections:
            heading, text = sections[number]
            lines.append(f"## {heading}\n\n{text}\n\n| | case | promise | shown by |\n|---|---|---|---|")
        lines.append(f"| {number} | {meaning} | {case_map.PROMISES.get(number, 'strict')} | {shown_by(number, found)} |")
        if number + 1 in sections:
            lines.append("")
    return "\n".join(lines) + "\n"


class CaseMap(unittest.TestCase):
    def test_every_point_has_an_answer(self):
        found = scripts_by_point()
        numbers = set(range(1, case_map.LAST + 1))
        self.assertEqual(set(case_map.POINTS), numbers)
        self.assertEqual(numbers - set(found) - set(case_map.ELSEWHERE) - set(case_map.OTHER_TESTS), set(), "neither a test nor a reason")
        self.assertEqual((set(found) | set(case_map.OTHER_TESTS)) & set(case_map.ELSEWHERE), set(), "both a test and a reason why there is none")
        self.assertEqual({number for number, promise in case_map.PROMISES.items() if promise == case_map.NOT_HERE}, set(case_map.ELSEWHERE))

    def test_the_page_says_the_same(self):
        with open(PAGE, encoding="utf-8") as file:
            self.assertEqual(file.read(), page(), "run case_map_test.py --write")

    def test_every_protocol_case_has_an_answer(self):
        found = scripts_by_point("wire_cases")
        self.assertEqual(set(case_map.PROTOCOL) - set(found) - set(case_map.PROTOCOL_ELSEWHERE), set(), "neither a script nor a reason")
        self.assertEqual(set(found) - set(case_map.PROTOCOL), set(), "no such protocol case")

    def test_scripts_have_names_of_their_own(self):
        for suite in SUITES:
            names = [script.name for script in importlib.import_module(suite).SCRIPTS]
            self.assertEqual(len(names), len(set(names)), suite)


def print_table():
    found = scripts_by_point()
    for number, meaning in case_map.POINTS.items():
        print(f"{number:4} {meaning}: {shown_by(number, found)}")
    found = scripts_by_point("wire_cases")
    for number, meaning in case_map.PROTOCOL.items():
        print(f"P{number:3} {meaning}: {', '.join((*(':'.join(one) for one in found.get(number, ())), *filter(None, [case_map.PROTOCOL_ELSEWHERE.get(number)])))}")


if __name__ == "__main__":
    if "--list" in sys.argv:
        print_table()
    elif "--write" in sys.argv:
        with open(PAGE, "w", encoding="utf-8") as written:
            written.write(page())
    else:
        unittest.main()
