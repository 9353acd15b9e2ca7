#!/usr/bin/python3
"""Fails on names that this project does not use, and says what to use instead."""
import re

from source_files import all_files, blank, fail_if, module_of, read

# (pattern, where it counts, what instead). Strings and comments are not looked at, but for the last group.
EVERYWHERE = lambda path: True                                       # noqa: E731
HEADERS = lambda path: path.endswith(".h")                           # noqa: E731
MODULES = lambda path: module_of(path) is not None                   # noqa: E731
# Where time is passed in: these must run the same in a simulation.
TIMELESS = lambda path: module_of(path) in ("proxy/session", "protocol", "sql", "rules", "cache")  # noqa: E731
BANNED = (
    (r"std::w?regex\b|<regex>", EVERYWHERE, "RE2: std::regex recurses and backtracks on hostile input"),
    (r"\bstd::endl\b", EVERYWHERE, r"'\n': nobody here wants a flush per line"),
    (r"\busing\s+namespace\b", HEADERS, "names: a header's using namespace is everybody's"),
    (r"\busing\s+namespace\s+std\s*;", EVERYWHERE, "std::"),
    (r"(?<![\w.>:])s?rand\s*\(", EVERYWHERE, "<random>, or OpenSSL's RAND_bytes for secrets"),
    (r"\b(?:std::this_thread::sleep_(?:for|until)|usleep|nanosleep|(?<![\w.>])sleep\s*\()", MODULES, "a timer of the worker's io_context"),
    (r"\bawaitable_operators\b", EVERYWHERE, "the worker's tick: a timer per request costs more than the request"),
    (r"\b(?:strcpy|strncpy|strcat|strncat|sprintf|vsprintf|gets|strtok)\s*\(", EVERYWHERE, "std::string, std::to_chars or fmt"),
    (r"\b(?:atoi|atol|atoll|atof)\s*\(", MODULES, "std::from_chars, which can fail"),
    (r"\b(?:malloc|calloc|realloc)\s*\(", MODULES, "a container or unique_ptr"),
    (r"\b(?:steady|system|high_resolution)_clock::now\b|\bclock_gettime\s*\(|(?<![\w.>:])time\s*\(\s*(?:NULL|nullptr|0|&)", TIMELESS, "the time that is passed in"),
    (r"\bstd::getenv\b|(?<![\w.>:])getenv\s*\(", TIMELESS, "config"),
)
NAKED_NEW = re.compile(r"(?<![\w:])new\s+(?:\(|[A-Za-z_])|(?<![\w:=] )(?<!= )\bdelete\s+[A-Za-z_*(]|\bdelete\s*\[\]")
OWNED_AT_ONCE = re.compile(r"(?:_ptr<[^;]*>[^;(]*|\w+Ref)\(new\b")
OPERATOR = re.compile(r"operator\s+(?:new|delete)")
UNFINISHED = re.compile(r"\b(?:FIX" r"ME|TO" r"DO|XX" r"X|HA" r"CK)\b(?!\d)")
SOURCES = (".h", ".cpp")


def problems():
    for path in all_files():
        if not path.endswith((*SOURCES, ".py", ".sh", ".cmake", "CMakeLists.txt", ".md", ".sql", ".js", ".html", ".css")):
            continue
        text = read(path)
        for number, line in enumerate(text.splitlines(), 1):
            # XX000 and the like are SQLSTATEs.
            if UNFINISHED.search(line):
                yield f"{path}:{number}: a note to finish it later: finish it, or write down why not"
        if not path.endswith(SOURCES):
            continue
        lines = text.splitlines()
        for number, line in enumerate(blank(text).splitlines(), 1):
            for pattern, counts, instead in BANNED:
                if counts(path) and re.search(pattern, line):
                    yield f"{path}:{number}: {line.strip()[:60]} -- use {instead}"
            # A naked new is fine inside of a smart pointer's constructor, and where a comment on the line or above says who deletes it.
            if MODULES(path) and NAKED_NEW.search(OWNED_AT_ONCE.sub("", OPERATOR.sub("", line))):
                nearby = lines[number - 1] + (lines[number - 2] if number > 1 else "")
                if "owned by" not in nearby:
                    yield f"{path}:{number}: naked new or delete -- use make_unique, or say '// owned by ...'"
        if path.endswith(".h") and "#pragma once" not in text:
            yield f"{path}: no #pragma once"


fail_if(list(problems()))
