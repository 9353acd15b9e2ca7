"""A PostgreSQL cluster that a test may stop, kill and damage: nobody else uses it.

One per test file, usually. It is stopped and removed at the end of the process, whatever state it is in.
"""
import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time

from .postgres_server import BINARIES, Server, as_postgres, free_port

SECONDS_MAX = 120


class Failed(AssertionError):
    """What was waited for did not come. The limits are far beyond anything usual: none tests speed."""


def eventually(check, what, seconds_max=SECONDS_MAX):
    """Calls `check` until it returns something true, which is returned."""
    deadline = time.monotonic() + seconds_max
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds_max} s: {what}")
        time.sleep(0.02)


def make_certificate(folder, name, subject="localhost", authority=None):
    """A key and a certificate as NAME.key and NAME.crt, self-signed or signed by `authority` (an earlier NAME)."""
    key, certificate = os.path.join(folder, name + ".key"), os.path.join(folder, name + ".crt")
    command = ["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
               "-subj", f"/CN={subject}", "-addext", f"subjectAltName=DNS:{subject}", "-out", certificate, "-keyout", key]
    if authority:
        command += ["-CA", os.path.join(folder, authority + ".crt"), "-CAkey", os.path.join(folder, authority + ".key")]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


class OwnCluster:
    """`server` says how to reach it; `folder` holds its Unix socket, data and log."""

    def __init__(self, settings=(), tls=None):
        self.folder = tempfile.mkdtemp(prefix="larder-test-own-")
        os.chmod(self.folder, 0o755)
        self.data, port = os.path.join(self.folder, "data"), free_port()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder, "fsync": "off",
                   "max_connections": 100, "max_prepared_transactions": 5}
        options.update(settings)
        if tls:
            for source, name in zip(tls, ("server.crt", "server.key")):
                target = os.path.join(self.data, name)
                shutil.copy(source, target)
                os.chmod(target, 0o600)
                if os.geteuid() == 0:
                    shutil.chown(target, "postgres")
            options["ssl"] = "on"
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in options.items())
        self.server = Server(f"postgres://postgres@127.0.0.1:{port}/postgres")
        atexit.register(self.remove)
        self.start()

    def _run(self, program, *arguments, check=True):
        return subprocess.run(as_postgres(f"{BINARIES}/{program}", *arguments), check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              cwd="/").returncode

    def start(self):
        # After a kill the last backends may still hold the shared memory for a moment, and the server rightly refuses.
        eventually(lambda: self._run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(self.folder, "log"), "start", check=False) == 0,
                   "PostgreSQL starts")

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop", check=False)

    def processes(self):
        """The postmaster first, then its children."""
        with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as lines:
            postmaster = int(lines.readline())
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True, check=False).stdout.split()
        return [postmaster, *map(int, children)]

    def signal(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """As if the machine had lost its power, but for the kernel's closing of the sockets."""
        self.signal(signal.SIGKILL)

    def run(self, *statements, database="postgres"):
        return self.server.run(database, *statements)

    def client_backends(self):
        """Backends of clients, without Larder's own and the one that asks."""
        return self.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                        " AND application_name NOT IN ('larder_control', 'larder_catalogue', 'larder_feed', 'larder_feed_probe')")

    def no_client_backends(self):
        return not self.client_backends()

    def remove(self):
        try:
            self.signal(signal.SIGCONT)
        except OSError:
            pass
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
