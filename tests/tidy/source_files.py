"""The project's files, as the tidy tests read them."""
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Longest first, so that a file of proxy/session is not taken for one of proxy.
MODULES = ("proxy/session", "base", "protocol", "sql", "config", "rules", "cache", "proxy", "admin", "advisor")


def module_of(path):
    """The module that a path relative to the root lies in, or None."""
    for module in MODULES:
        if path.startswith(module + "/") and "/" not in path[len(module) + 1:]:
            return module
    return None


def module_sources():
    """Paths, relative to the root, of every .h and .cpp of the modules."""
    found = []
    for module in MODULES:
        folder = os.path.join(ROOT, module)
        if os.path.isdir(folder):
            found += [f"{module}/{name}" for name in sorted(os.listdir(folder)) if name.endswith((".h", ".cpp"))]
    assert found, "no sources found: is this the project's folder?"
    return found


def all_files():
    """Every file that belongs to the project: what git tracks or would take; in an unpacked archive whatever lies there."""
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True,
                                capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [os.path.relpath(os.path.join(folder, name), ROOT) for folder, _, names in os.walk(ROOT) for name in names]
        listed = [path for path in listed if not path.startswith(("build/", ".git/"))]
    return sorted(path for path in set(listed) if path and os.path.isfile(os.path.join(ROOT, path)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


_TOKEN = re.compile(r'''//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+\'''', re.DOTALL)


def blank(text, keep_comments=False):
    """The text without what is written in string literals and comments; lines stay where they are."""
    def replace(match):
        token = match.group()
        if keep_comments and token.startswith("/"):
            return token
        return ("" if token.startswith("/") else '""') + "\n" * token.count("\n")
    return _TOKEN.sub(replace, text)


def fail_if(problems):
    """Ends the test: with every problem named, or silently."""
    for problem in problems:
        print(problem)
    raise SystemExit(1 if problems else 0)
