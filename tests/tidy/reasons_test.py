#!/usr/bin/python3
"""docs/reasons.md explains every reason for not serving from the cache, and no other."""
import re

from source_files import fail_if, read

known = set(re.findall(r'Text\{Reason::\w+, "(\w+)"', read("rules/reason.cpp"))) - {"none"}
explained = re.findall(r"^\| `(\w+)` \| .+ \|$", read("docs/reasons.md"), re.MULTILINE)


def problems():
    if len(known) < 30:
        yield "rules/reason.cpp: its reasons were not found"
    for name in sorted(known - set(explained)):
        yield f"docs/reasons.md: says nothing of {name}"
    for name in sorted(set(explained) - known):
        yield f"docs/reasons.md: there is no reason {name}"
    for name in sorted({name for name in explained if explained.count(name) > 1}):
        yield f"docs/reasons.md: {name} is there twice"


fail_if(list(problems()))
