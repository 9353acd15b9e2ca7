"""A redis-server of a test's own, on a free port and in a temporary folder, and a client that speaks RESP to it."""
import atexit
import shutil
import signal
import socket
import subprocess
import tempfile

from .own_cluster import eventually
from .postgres_server import free_port


class RedisError(Exception):
    """An error reply."""


class Connection:
    """One command at a time; all bytes are bytes."""

    def __init__(self, port, password=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        if password:
            self.run("AUTH", password)

    def run(self, *arguments):
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        if not line:
            raise EOFError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return rest

    def close(self):
        self.file.close()
        self.socket.close()


class RedisServer:
    def __init__(self, *options, password=None):
        self.options, self.password = options, password
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="larder-test-redis-")
        self.process = None
        atexit.register(self.remove)
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "", "--appendonly", "no"]
        if self.password:
            command += ["--requirepass", self.password]
        self.process = subprocess.Popen([*command, *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._answers, "Redis answers")

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"redis-server ended with {self.process.returncode}")
        try:
            connection = self.connect()
        except OSError:
            return False
        connection.close()
        return True

    def connect(self):
        return Connection(self.port, self.password)

    def run(self, *arguments):
        connection = self.connect()
        try:
            return connection.run(*arguments)
        finally:
            connection.close()

    def keys(self):
        return sorted(self.run("KEYS", "*"))

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
