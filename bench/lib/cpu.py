"""What processes cost, from the kernel's own accounting: CPU time in nanoseconds and proportional memory.

A process is named by its root: the whole tree below it counts, so that servers with a process per connection are
measured as fairly as those with threads. CPU of a child that has ended is in its parent's "children" time once the
parent has waited for it; that figure has the resolution of the clock tick (10 ms), all others have nanoseconds.
"""
import os
import time

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def process_cpu_ns(pid):
    """User and system time of all threads, ended ones included: the kernel's CPU clock of that process."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def _stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
        return file.read().rpartition(")")[2].split()


def process_tree(roots):
    """The roots and all their descendants that live now."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(int(_stat_fields(name)[1]), []).append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, todo = [], [pid for pid in roots if os.path.exists(f"/proc/{pid}")]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def tree_cpu_ns(roots):
    total = 0
    for pid in process_tree(roots):
        try:
            total += process_cpu_ns(pid)
            fields = _stat_fields(pid)
            total += (int(fields[13]) + int(fields[14])) * TICK_NS  # cutime, cstime
        except (FileNotFoundError, ProcessLookupError, OSError):
            continue  # ended meanwhile: its parent has its time now
    return total


def tree_memory_bytes(roots):
    """Proportional set size: memory that processes share is counted once. Resident size where the kernel refuses it."""
    total = 0
    for pid in process_tree(roots):
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except PermissionError:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                total += int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (FileNotFoundError, ProcessLookupError, StopIteration):
            continue
    return total


class Meter:
    """CPU of named groups of processes between start() and stop()."""

    def __init__(self, groups):
        self._groups = groups
        self._before = {}

    def start(self):
        self._before = self._read()

    def stop(self):
        after = self._read()
        return {name: after[name] - self._before[name] for name in after}

    def _read(self):
        return {name: tree_cpu_ns(roots) for name, roots in self._groups.items() if roots}
