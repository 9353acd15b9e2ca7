"""Compiles a C++ program of the tests, once per state of its source."""
import hashlib
import os
import shlex
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")


def compiled(source, *packages):
    """The path of the program made from one source file with these packages of pkg-config."""
    with open(source, "rb") as text:
        state = hashlib.sha256(text.read()).hexdigest()[:16]
    folder = os.path.join(os.environ.get("LARDER_BUILD") or os.path.join(ROOT, "build", "zoo"), "test_programs")
    program = os.path.join(folder, f"{os.path.splitext(os.path.basename(source))[0]}-{state}")
    if not os.path.exists(program):
        os.makedirs(folder, exist_ok=True)
        flags = shlex.split(subprocess.run(["pkg-config", "--cflags", "--libs", *packages], check=True, capture_output=True, text=True).stdout)
        # The headers of a package are not ours to keep free of warnings.
        flags = [flag.replace("-I", "-isystem", 1) if flag.startswith("-I") else flag for flag in flags]
        temporary = f"{program}.{os.getpid()}"
        subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", "-O1", "-g", *WARNINGS, source, "-o", temporary, *flags, "-pthread"], check=True)
        os.rename(temporary, program)
    return program
