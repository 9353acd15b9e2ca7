"""Starts and stops Larder for a test, and reads its metrics.

LARDER_BINARY names the program. LARDER_TEST_SETTINGS holds more settings, as "pool.mode=auto pool.size=4". With LARDER_TEST_DIRECT=1 there is no Larder: the tests talk to PostgreSQL directly, which
checks the tests themselves; nothing is then said about hits.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from .postgres_server import free_port

DIRECT = os.environ.get("LARDER_TEST_DIRECT") == "1"
START_SECONDS_MAX = 60


def binary():
    path = os.environ.get("LARDER_BINARY")
    if not path or not os.access(path, os.X_OK):
        raise RuntimeError(f"LARDER_BINARY does not name a program that can be run: {path!r} (LARDER_TEST_DIRECT=1 tests without Larder)")
    return path


class Larder:
    """A running Larder in front of `upstream` (a postgres_server.Server). `server` is where clients go. `state`: a folder for what survives it; none: one of its own."""

    def __init__(self, upstream, settings=("freshness.writers=only-larder",), database="postgres", state=None, extra=(), admin_host="127.0.0.1", admin_tls=None):
        self.upstream, self.extra = upstream, extra
        self.admin_host, self.admin_tls = admin_host, admin_tls  # admin_tls: an ssl.SSLContext for the admin port
        self.process = None
        if DIRECT:
            self.server = upstream
            return
        self.port, self.admin_port = free_port(), free_port()
        self.server = upstream.at(self.port)
        self.log = tempfile.TemporaryFile()
        self.state = state or tempfile.mkdtemp(prefix="larder-state-")
        self.owns_state = state is None
        self.process = subprocess.Popen(self.command(database, settings), stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, "STATE_DIRECTORY": self.state})
        self._wait_until_healthy()

    def command(self, database, settings):
        # Two workers on whatever machine: what clients share has to hold between threads.
        command = [binary(), "--listen", f"127.0.0.1:{self.port}", "--admin", f"{self.admin_host}:{self.admin_port}", "--upstream", self.upstream.uri(database)]
        for setting in ("listen.workers=2", *settings, *os.environ.get("LARDER_TEST_SETTINGS", "").split()):
            command += ["--set", setting]
        return [*command, *self.extra]

    def _wait_until_healthy(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"Larder ended at its start with {self.process.returncode}:\n{self.last_output()}")
            try:
                self.http("/healthz")
                return
            except (OSError, urllib.error.URLError):
                if time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"Larder was not healthy within {START_SECONDS_MAX} s:\n{self.last_output()}") from None
                time.sleep(0.05)

    def http(self, path):
        scheme = "http" if self.admin_tls is None else "https"
        with urllib.request.urlopen(f"{scheme}://127.0.0.1:{self.admin_port}{path}", timeout=20, context=self.admin_tls) as answer:
            return answer.read().decode()

    def metric(self, name):
        """The sum over all label sets of one metric; 0 if it is not there yet."""
        text = self.http("/metrics")
        return sum(float(m) for m in re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})?\s+(\S+)", text, re.MULTILINE))

    def metrics_by_label(self, name, label):
        found = re.findall(rf'^{re.escape(name)}\{{[^}}]*{label}="([^"]*)"[^}}]*\}}\s+(\S+)', self.http("/metrics"), re.MULTILINE)
        return {key: float(value) for key, value in found if float(value)}

    def hits(self):
        return 0 if DIRECT else self.metric("larder_cache_hits_total")

    def bypass_reasons(self):
        return {} if DIRECT else self.metrics_by_label("larder_cache_bypasses_total", "reason")

    def is_running(self):
        return DIRECT or self.process.poll() is None

    def pid(self):
        return self.process.pid

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def output(self):
        """All that it has printed so far."""
        # Never by seek and read: the process writes at the same place in the file, and would write over its older lines.
        descriptor, pieces, size = self.log.fileno(), [], 0
        while piece := os.pread(descriptor, 1 << 20, size):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces).decode(errors="backslashreplace")

    def last_output(self):
        return self.output()[-8000:]

    def stop(self):
        """Ends it; a crash before, or an end that is not orderly, is an error."""
        if DIRECT or self.process is None:
            return
        crashed = self.process.poll()
        if crashed is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f"Larder did not stop within 30 s of SIGINT:\n{self.last_output()}") from None
        code, output = self.process.returncode, self.last_output()
        if self.owns_state:
            shutil.rmtree(self.state, ignore_errors=True)
        self.process = None
        self.log.close()
        if crashed is not None or code not in (0, -signal.SIGINT, 128 + signal.SIGINT):
            raise RuntimeError(f"Larder ended with {code}:\n{output}")
