#!/usr/bin/python3
"""What a document or a comment points to has to be there: links between documents, and files of the project named in text."""
import os
import re

from source_files import ROOT, all_files, fail_if, read

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
# A path of ours, with its folder, in a comment or in running text.
NAMED = re.compile(r"(?<![\w/.$@{-])((?:docs|base|protocol|sql|config|rules|cache|proxy|admin|advisor|scripts|tests|bench|examples|docker|cmake)"
                   r"/[\w./-]*\w\.(?:md|h|cpp|py|sql|toml|txt|yaml|cmake|sh))\b")


def problems():
    for path in all_files():
        if not path.endswith((".md", ".h", ".cpp", ".py", ".cmake", "CMakeLists.txt", ".sql", "Makefile")) and not path.startswith("scripts/"):
            continue
        text = read(path)
        if path.endswith(".md"):
            for target in LINK.findall(text):
                if "://" not in target and not os.path.exists(os.path.join(ROOT, os.path.dirname(path), target)):
                    yield f"{path}: the link to {target} leads nowhere"
        for named in NAMED.findall(text):
            inside = os.path.join(ROOT, os.path.dirname(path), named)
            if not os.path.exists(os.path.join(ROOT, named)) and not os.path.exists(inside):
                yield f"{path}: names {named}, which is not there"


fail_if(sorted(set(problems())))
