#!/usr/bin/python3
"""A ratchet on length: no new function over 60 lines, no new file over 500; the old ones are listed and may only shrink.

`function_length_test.py --update` takes what has shrunk out of the list; nothing adds to it but an editor, in plain sight.
"""
import os
import re
import sys

from source_files import ROOT, blank, fail_if, module_sources, read

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
BASELINE = "tests/tidy/long_functions.txt"
CONTROL = re.compile(r"^(?:else\s+)?(?:if|for|while|switch|catch|do|else|try|return)\b")
SCOPE = re.compile(r"\b(?:namespace|class|struct|enum|union|extern)\b")


def name_of(head):
    """The function that a brace opens after `head`, or None if it opens something else."""
    head = re.sub(r"#[^\n]*\n", "\n", head).strip()
    if "(" not in head or CONTROL.match(head) or head.endswith(("=", ",", "(")):
        return None
    match = re.match(r"[^(]*?((?:[\w~]+(?:<[^<>]*>)?::)*(?:operator\s*[^\s\w(]+|operator\s*\(\s*\)|~?\w+))\s*\(", head)
    if not match or (SCOPE.search(head.split("(")[0]) and not head.rstrip().endswith((")", "const", "noexcept", "override", "final"))):
        return None
    return match.group(1)


def functions(path):
    """(name, lines) of each outermost function body in the file."""
    text = blank(read(path))
    found, stack, head_start, line = [], [], 0, 1
    inside = None  # depth of the function that is open
    for position, char in enumerate(text):
        if char == "\n":
            line += 1
        elif char == "{":
            name = name_of(text[head_start:position]) if inside is None else None
            stack.append((name, line))
            if name is not None:
                inside = len(stack)
            head_start = position + 1
        elif char == "}":
            if stack:
                name, start = stack.pop()
                if name is not None:
                    found.append((name, line - start + 1))
                    inside = None
            head_start = position + 1
        elif char == ";" and (inside is not None or text[head_start:position].count("(") == text[head_start:position].count(")")):
            head_start = position + 1
    return found


def measured():
    long = {}
    for path in module_sources():
        lines = read(path).count("\n")
        if lines > FILE_LINES_MAX:
            long[f"{path} file"] = lines
        for name, lines in functions(path):
            if lines > FUNCTION_LINES_MAX:
                key = f"{path} {name}"
                long[key] = max(lines, long.get(key, 0))
    return long


def baseline():
    if not os.path.exists(os.path.join(ROOT, BASELINE)):
        return {}
    entries = [line.rsplit(" ", 1) for line in read(BASELINE).splitlines() if line and not line.startswith("#")]
    return {key: int(lines) for key, lines in entries}


def problems():
    now, before = measured(), baseline()
    for key, lines in now.items():
        most = FILE_LINES_MAX if key.endswith(" file") else FUNCTION_LINES_MAX
        if key not in before:
            yield f"{key} has {lines} lines (at most {most}): look for the second noun"
        elif lines > before[key]:
            yield f"{key} grew from {before[key]} to {lines} lines: listed ones may only shrink"
    for key in before.keys() - now.keys():
        yield f"{key} is short now: take it out of {BASELINE} (--update)"


if "--update" in sys.argv:
    now, before = measured(), baseline()
    with open(os.path.join(ROOT, BASELINE), "w", encoding="utf-8") as file:
        file.write("# Functions over 60 lines and files over 500 that are older than the rule. Lines may shrink or go, never grow or come.\n")
        for key in sorted(before.keys() & now.keys()):
            file.write(f"{key} {min(before[key], now[key])}\n")
else:
    assert sum(len(functions(path)) for path in module_sources()) > 100, "this test no longer finds the functions"
    fail_if(list(problems()))
