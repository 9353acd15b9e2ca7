#!/usr/bin/python3
"""Every numbered point has a script that claims it, or a sentence that says why not; `case_map_test.py --list` prints the table."""
import importlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import case_map  # noqa: E402

SUITES = ("cache_key_test", "cacheable_test", "writes_test", "dependencies_test", "schema_changes_test", "transactions_test", "protocol_test")


def scripts_by_point(field="cases"):
    found = {}
    for suite in SUITES:
        for script in importlib.import_module(suite).SCRIPTS:
            for number in getattr(script, field):
                found.setdefault(number, []).append(f"{suite}:{script.name}")
    return found


class CaseMap(unittest.TestCase):
    def test_every_point_has_an_answer(self):
        found, sentences = scripts_by_point(), {**case_map.ELSEWHERE, **case_map.OTHER_TESTS}
        numbers = set(range(1, case_map.LAST + 1))
        self.assertEqual(set(case_map.POINTS), numbers)
        self.assertEqual(numbers - set(found) - set(sentences), set(), "neither a script nor a reason")
        self.assertEqual(set(found) & set(sentences), set(), "both a script and a reason why there is none")

    def test_every_protocol_case_has_an_answer(self):
        found = scripts_by_point("wire_cases")
        self.assertEqual(set(case_map.PROTOCOL) - set(found) - set(case_map.PROTOCOL_ELSEWHERE), set(), "neither a script nor a reason")
        self.assertEqual(set(found) - set(case_map.PROTOCOL), set(), "no such protocol case")

    def test_scripts_have_names_of_their_own(self):
        for suite in SUITES:
            names = [script.name for script in importlib.import_module(suite).SCRIPTS]
            self.assertEqual(len(names), len(set(names)), suite)


def print_table():
    found, sentences = scripts_by_point(), {**case_map.ELSEWHERE, **case_map.OTHER_TESTS}
    for number, meaning in case_map.POINTS.items():
        print(f"{number:4} {meaning}: {', '.join(found.get(number, ())) or sentences[number]}")
    found = scripts_by_point("wire_cases")
    for number, meaning in case_map.PROTOCOL.items():
        print(f"P{number:3} {meaning}: {', '.join((*found.get(number, ()), *filter(None, [case_map.PROTOCOL_ELSEWHERE.get(number)])))}")


if __name__ == "__main__":
    if "--list" in sys.argv:
        print_table()
    else:
        unittest.main()
