"""The packages of npm that tests use (tests/zoo/package.json): pinned, checked against their digests, fetched once for each build folder."""
import os
import shutil
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIPPED = 77
LISTS = ("package.json", "package-lock.json")


def modules():
    """The folder of the installed packages: as NODE_PATH says, else the build's own, fetched when it is missing. Raises OSError or SubprocessError where it cannot be had."""
    if os.environ.get("NODE_PATH"):
        return os.environ["NODE_PATH"]
    folder = os.path.join(os.path.dirname(TESTS), "build", "zoo")
    packages = os.path.join(folder, "node_modules")
    wanted = os.path.join(TESTS, "zoo", LISTS[1])
    fetched = os.path.join(folder, "installed-lock.json")
    if not os.path.isdir(packages) or not os.path.exists(fetched) or read(fetched) != read(wanted):
        os.makedirs(folder, exist_ok=True)
        for name in LISTS:
            shutil.copy(os.path.join(TESTS, "zoo", name), folder)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, timeout=600)
        shutil.copy(wanted, fetched)
    return packages


def modules_or_skip():
    """The same for a test: where the packages cannot be had it ends as skipped, and says why."""
    try:
        return modules()
    except (OSError, subprocess.SubprocessError) as failure:
        print(f"skipped: the packages of npm could not be had: {failure}")
        sys.exit(SKIPPED)


def read(path):
    with open(path, "rb") as file:
        return file.read()
