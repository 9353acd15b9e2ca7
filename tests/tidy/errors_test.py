#!/usr/bin/python3
"""docs/errors.md explains every error that Larder itself gives in a session, at a login and in the console, and no other."""
import re

from source_files import fail_if, module_sources, read

DOCUMENT = "docs/errors.md"
STRING = r'"(?:[^"\\]|\\.)*"'
LITERAL = rf'({STRING}(?: \+ (?:[\w.:]+(?:->\w+|\([^()]*\)(?:\.\w+)?)*|{STRING}))*)'   # "database " + name + " is not paused"
STATE = r'(?:[^;"]*?|"\w{5}")'
# Where a message is given, with its first piece.
GIVEN = [re.compile(pattern) for pattern in (
    rf'\bfail_client\(out, [^;]*?(?:kProtocolViolation|"\w{{5}}"|\w*sqlstate::\w+), (?:std::string\()?{LITERAL}',
    rf'\bsecond_login_failed\({STATE}, {LITERAL}',
    rf'\b(?:failure|refusal)\("\w{{5}}", (?:std::string\()?{LITERAL}',
    rf'\bappend_error\([^;]*?severity::\w+, protocol::sqlstate::\w+, {LITERAL}',
    rf'\bfinish_saying\({LITERAL}',
    rf'\bbreak_off\({STATE}, {LITERAL}',
    rf'\brefuse\((?:descriptor, [\w.]+|out, sqlstate::kInvalidPassword), {LITERAL}',
    rf'\bRuleError\(\w+, (?:std::string\()?{LITERAL}',
    rf'\bdecision\.refusal = {LITERAL}',
    rf'\bmessage = is_paused \? {LITERAL}',
    rf'\bmessage = is_paused \? "[^"]*" : {LITERAL}',
    rf'\boutcome\.error = {LITERAL}',
    r'("could not connect to the server: ")',
)]


def message_of(expression):
    """The text, with … where something is put in."""
    pieces = re.split(rf"({STRING})", expression)
    text = "".join(piece[1:-1].replace('\\"', '"') if piece.startswith('"') else "…" if re.search(r"\w", piece) else "" for piece in pieces)
    return text.strip(" …")


sources = {path: read(path) for path in module_sources() if path.startswith(("proxy/", "admin/", "protocol/"))}
given = {(message_of(found), path) for path, text in sources.items() for pattern in GIVEN for found in pattern.findall(text)}
given = {(message, path) for message, path in given if message}
document = read(DOCUMENT)
told = [message.strip(" …") for row in re.findall(r"^\| (`.+?`) \| ", document, re.MULTILINE) for message in re.findall(r"`([^`]+)`", row)]


def problems():
    if len(given) < 60:
        yield f"only {len(given)} messages were found in the sources"
    for message, path in sorted(given):
        if message not in told:
            yield f"{DOCUMENT}: says nothing of \"{message}\" ({path})"
    for message in told:
        if message not in {known for known, _ in given}:
            yield f"{DOCUMENT}: nothing says \"{message}\""
        if told.count(message) > 1:
            yield f"{DOCUMENT}: \"{message}\" is there twice"


fail_if(sorted(set(problems())))
