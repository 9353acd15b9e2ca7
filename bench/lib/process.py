"""Servers of the bench: free ports, start as an unprivileged user, wait until they answer, stop."""
import os
import pwd
import resource
import signal
import socket
import subprocess
import time

SERVER_USER = "postgres"
DESCRIPTORS = 16_384


class BenchError(Exception):
    """Something that the bench needs does not work. The text is for the user."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_server_user():
    """Arguments for subprocess: PostgreSQL, PgBouncer and Pgpool-II refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": SERVER_USER, "group": pwd.getpwnam(SERVER_USER).pw_gid, "extra_groups": []}


def own(path):
    """Gives a file or folder to the server user."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(SERVER_USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def allow_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Server:
    """A child process that listens on a port. Its output goes to a log file."""

    def __init__(self, name, command, port, log, privileged=False, cwd="/"):
        self.name, self.port, self.log = name, port, log
        with open(log, "ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd,
                                             **({} if privileged else as_server_user()))
        self.pid = self._process.pid
        self._wait_until_listening()

    def _wait_until_listening(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise BenchError(f"{self.name} does not listen on port {self.port}:\n{self.last_lines(15)}")

    def is_alive(self):
        return self._process.poll() is None

    def status(self):
        return self._process.returncode

    def last_lines(self, count):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-count:]).strip()

    def stop(self, signal_number=signal.SIGTERM):
        if self._process.poll() is None:
            self._process.send_signal(signal_number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
