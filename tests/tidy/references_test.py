#!/usr/bin/python3
"""What a document or a comment points to has to be there: links between documents with their headings, and files of the project named in text."""
import functools
import os
import re

from source_files import ROOT, all_files, fail_if, read

LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
# A heading of a document, named outside of a link, as in an alert.
HEADING_NAMED = re.compile(r"\b(docs/[\w/-]+\.md)#([\w-]+)")
# A path of ours, with its folder, in a comment or in running text.
NAMED = re.compile(r"(?<![\w/.$@{-])((?:docs|base|protocol|sql|config|rules|cache|proxy|admin|advisor|scripts|tests|bench|examples|docker|packaging|cmake)"
                   r"/[\w./-]*\w\.(?:md|h|cpp|py|sql|toml|txt|yaml|cmake|sh))\b")
SUFFIXES = (".md", ".h", ".cpp", ".py", ".cmake", "CMakeLists.txt", ".sql", "Makefile", ".yaml", ".service", ".socket")


@functools.cache
def headings(path):
    """The anchors of a document, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", read(path), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def broken_links(path, text):
    for target, heading in LINK.findall(text):
        if "://" in target:
            continue
        leads_to = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(os.path.join(ROOT, leads_to)):
            yield f"the link to {target} leads nowhere"
        elif heading and leads_to.endswith(".md") and heading not in headings(leads_to):
            yield f"{leads_to} has no heading #{heading}"


def problems():
    for path in all_files():
        if not path.endswith(SUFFIXES) and not path.startswith("scripts/"):
            continue
        text = read(path)
        if path.endswith(".md"):
            yield from (f"{path}: {broken}" for broken in broken_links(path, text))
        for document, heading in HEADING_NAMED.findall(text):
            if os.path.exists(os.path.join(ROOT, document)) and heading not in headings(document):
                yield f"{path}: {document} has no heading #{heading}"
        for named in NAMED.findall(text):
            inside = os.path.join(ROOT, os.path.dirname(path), named)
            if not os.path.exists(os.path.join(ROOT, named)) and not os.path.exists(inside):
                yield f"{path}: names {named}, which is not there"


fail_if(sorted(set(problems())))
