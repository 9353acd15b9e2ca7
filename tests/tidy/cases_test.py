#!/usr/bin/python3
"""docs/cases.md has each case once, with a promise that it explains, and every test that it names is there."""
import os
import re

from source_files import ROOT, fail_if, read

PAGE = "docs/cases.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.(?:py|cpp))`: ((?:`[^`]+`(?:, )?)+)")


def is_there(path, name):
    text = read(path)
    if path.endswith("_test.py") and name.startswith("test_"):
        return f"def {name}(" in text
    if path.endswith(".cpp"):
        return f'TEST_CASE("{name}")' in text or re.search(rf'TEST_CASE_METHOD\(\w+, "{re.escape(name)}"\)', text)
    # A script's name stands in quotes, or is put together of a beginning and of what stands in quotes; a star stands for any.
    def is_put_together(end):
        rest = name[end + 1:]
        return re.search(rf'f"{re.escape(name[:end + 1])}{{', text) and (rest == "*" or f'"{rest}"' in text)
    return f'"{name}"' in text or any(is_put_together(end) for end, letter in enumerate(name) if letter == "_")


def problems():
    text = read(PAGE)
    rows = ROW.findall(text)
    numbers = [int(number) for number, *_ in rows]
    if numbers != list(range(1, len(rows) + 1)) or len(rows) < 100:
        yield f"{PAGE}: the cases are not numbered from 1 on"
    promises = set(re.findall(r"^\| ([a-z ]+) \| [^|]+ \|$", text, re.MULTILINE)) - {"promise"}
    for number, _, promise, shown in rows:
        if promise not in promises:
            yield f"{PAGE}: case {number}: nothing says what the promise {promise!r} means"
        found = NAMED.findall(shown)
        if bool(found) == (promise == "cannot arise"):
            yield f"{PAGE}: case {number}: it names a test, or it says why it cannot arise"
        for path, names in found:
            if not os.path.exists(os.path.join(ROOT, path)):
                yield f"{PAGE}: case {number}: there is no {path}"
                continue
            yield from (f"{PAGE}: case {number}: {path} has no {name}" for name in re.findall(r"`([^`]+)`", names) if not is_there(path, name))


fail_if(sorted(set(problems())))
