#!/usr/bin/python3
"""The project's files speak of the project: no path of somebody's machine, no host of a package registry, no key."""
import re

from source_files import ROOT, all_files, fail_if

# Written in pieces, so that this file passes its own test.
WORDS = (
    (r"(?<![\w.~-])/" r"work/", "a path of one machine"),
    (r"(?<![\w.~-])/" r"(?:root|home)/\w", "a path of one machine"),
    (r"/tmp/" r"(?:brief|bash_jobs|claude)", "a path of one machine"),
    (r"registry\." r"npmjs|registry\." r"yarnpkg|py" r"pi\.org|pythonhosted\." r"org|proxy\." r"golang\.org|static\.crates" r"\.io|index\.crates" r"\.io|"
     r"repo1?\.maven" r"\.(?:org|apache)|gcr" r"\.io", "a package registry's host"),
    (r"-----BEGIN [A-Z ]*PRIVATE" r" KEY-----", "a private key"),
    (r"[ \t]+$", "a space at the end of a line"),
)
PATTERNS = [(re.compile(pattern, re.MULTILINE), what) for pattern, what in WORDS]


def problems():
    for path in all_files():
        if path.startswith("tests/fuzz/corpus/"):
            continue
        with open(f"{ROOT}/{path}", "rb") as file:
            data = file.read()
        if b"\0" in data:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            yield f"{path}: is not UTF-8"
            continue
        for pattern, what in PATTERNS:
            for match in pattern.finditer(text):
                yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {what}"
        if text and not text.endswith("\n"):
            yield f"{path}: its last line has no end"


fail_if(list(problems()))
