#!/usr/bin/python3
"""What documents name is there: settings, metrics, commands of the console, paths of the HTTP API, words of the Makefile, options of the command line."""
import re

from source_files import all_files, fail_if, read

SHELL = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")

documents = {path: read(path) for path in all_files() if path.endswith(".md") and not path.startswith("docs/adr/") and path != "CHANGELOG.md"}
settings = set(".".join(pair) for pair in re.findall(r'>>?\(\s*"(\w+)", "(\w+)", \w+, (?:true|false),', read("config/options.cpp")))
sections = {name.split(".")[0] for name in settings}
metrics = set(re.findall(r"^\| `(larder_\w+)` \|", read("docs/metrics.md"), re.MULTILINE))
recorded = set(re.findall(r"record: (\S+)", read("docker/prometheus/larder_rules.yaml")))
commands = [[word.strip('"') for word in re.findall(r'"[^"]*"', words)] for words in re.findall(r'^ +\{\{((?:"[^"]+"(?:, )?)+)\}, "', read("admin/console.cpp"), re.MULTILINE)]
endpoints = set(re.findall(r'\{"(GET|POST|PUT|PATCH|DELETE)",\s*"(/[^"]*)"', "".join(read(f"admin/{name}") for name in ("endpoints.cpp",))))
words_of_make = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
options = set(re.findall(r'"(--[a-z-]+)', "".join(read(path) for path in ("config/command_line.cpp", "advisor/command.cpp", "proxy/verify_command.cpp", "config/pgbouncer_import.cpp", "proxy/main.cpp"))))


def is_path(named):
    """Of the API, with a number or a name in the place of {id}."""
    pieces = named.rstrip("/").split("/")
    for _, path in endpoints:
        known = path.split("/")
        if len(known) == len(pieces) and all(a == b or a.startswith("{") or b.startswith("{") for a, b in zip(known, pieces)):
            return True
    return False


def is_command(words):
    """Whether some command begins so, or continues where the text broke off."""
    for command in commands:
        if len(words) <= len(command) and all(known == word or known == "n" or "…" in known for known, word in zip(command, words)):
            return True
    return False


def of_text(text):
    for named in re.findall(r"(?<![\w./-])/api/v1/[\w/{}.-]*[\w}]", text):
        if not is_path(named):
            yield f"there is no {named}"
    for named in re.findall(r"\blarder_\w+_(?:total|seconds|bytes|up|entries|connections)\b", text):
        base = re.sub(r"_(?:bucket|sum|count)$", "", named)
        if base not in metrics:
            yield f"there is no metric {named}"


def unknown_options(line):
    for option in re.findall(r"(?<!\S)(--[a-z][a-z-]*)", line):
        if option not in options:
            yield f"larder has no {option}"


def of_spans(text):
    for span in SPAN.findall(text):
        if span.startswith("larder "):
            yield from unknown_options(span)
        for section, key in re.findall(r"(?<![\w./-])([a-z]+)\.([a-z_]+)\b(?![.(\w/])", span):
            if section in sections and key not in ("md", "toml", "h", "cpp", "py", "sql", "yaml", "service", "socket") and f"{section}.{key}" not in settings:
                yield f"there is no setting {section}.{key}"
        if found := re.match(r"SHOW ([A-Z_]+(?: [A-Z]+)?)$", span):
            if not is_command(["SHOW", *found[1].split()]):
                yield f"the console has no {span}"
        if found := re.match(r"(PURGE|DEPLOY|REVERT|LIFT|VERIFY|ADVISE|KILL_CLIENT) ?([A-Z]*)", span):
            if not is_command([found[1], *found[2].split()]):
                yield f"the console has no {span}"


def of_shell(text):
    for line in "\n".join(SHELL.findall(text)).replace("\\\n", " ").splitlines():
        line = line.split(" #")[0].removeprefix("$ ")
        for word in re.findall(r"(?:^|[;&] *)make ([a-z]+)", line):
            if word not in words_of_make:
                yield f"make has no {word}"
        if found := re.search(r"(?:^|[\s/])larder ((?:advise |verify |import )?.*)", line):
            yield from unknown_options(found[1])


def problems():
    if min(len(settings), len(metrics), len(commands)) < 50 or len(endpoints) < 25 or len(options) < 12:
        yield f"too little was found to compare with: {len(settings)}, {len(metrics)}, {len(commands)}, {len(endpoints)}, {len(options)}"
    for path, text in documents.items():
        for part in (of_text, of_spans, of_shell):
            yield from (f"{path}: {problem}" for problem in part(text))


fail_if(sorted(set(problems())))
