#!/usr/bin/python3
"""What systemd is told, that the watchdog is fed, and sockets that systemd opened: clients wait in them while Larder is started again."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, binary  # noqa: E402
from support.own_cluster import OwnCluster  # noqa: E402
from support.postgres_server import free_port  # noqa: E402

# The pid that the sockets are for is known only once the process is there.
WITH_SOCKETS = 'first=$1; second=$2; shift 2; exec 3<&"$first" 4<&"$second"; LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'


class Told:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="larder-notify-")
        self.path = os.path.join(self.folder, "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(60)

    def next(self):
        """A message as a dict; those of the watchdog are left out."""
        while True:
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))
            if message != {"WATCHDOG": "1"}:
                return message

    def close(self):
        self.socket.close()
        shutil.rmtree(self.folder)


@unittest.skipIf(DIRECT, "tests Larder's own process")
class ServiceManager(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()

    def setUp(self):
        self.told = Told()
        self.addCleanup(self.told.close)
        self.state = tempfile.mkdtemp(prefix="larder-state-")
        self.addCleanup(shutil.rmtree, self.state)

    def start(self, arguments=(), prefix=(), pass_fds=(), **variables):
        self.admin_port = free_port()
        command = [*prefix, binary(), "--admin", f"127.0.0.1:{self.admin_port}", "--upstream", self.cluster.server.uri("postgres"), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=pass_fds,
                                   env={**os.environ, "NOTIFY_SOCKET": self.told.path, "STATE_DIRECTORY": self.state, **variables})

        def end():
            process.kill()
            process.wait()
        self.addCleanup(end)
        return process

    def test_life(self):
        port = free_port()
        config = os.path.join(self.state, "larder.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[listen]\naddress = "127.0.0.1:{port}"\n')
        process = self.start(("--config", config))
        ready = {"READY": "1", "STATUS": f"listening on 127.0.0.1:{port}"}
        self.assertEqual(self.told.next(), ready)
        self.assertEqual(self.values(port), [("1",)])  # as soon as it says so

        process.send_signal(signal.SIGHUP)
        reloading = self.told.next()
        self.assertEqual(reloading.pop("RELOADING"), "1")
        self.assertTrue(reloading.pop("MONOTONIC_USEC").isdigit())
        self.assertEqual(self.told.next(), ready)
        with open(config, "a", encoding="utf-8") as file:
            file.write("nonsense = 1\n")
        process.send_signal(signal.SIGHUP)
        self.assertEqual(self.told.next()["RELOADING"], "1")
        self.assertEqual(self.told.next(), {"READY": "1", "STATUS": ready["STATUS"] + "; the last reload failed, see the log"})

        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.told.next()["STOPPING"], "1")
        self.assertEqual(process.wait(60), 0)

    def test_watchdog(self):
        self.start(("--listen", f"127.0.0.1:{free_port()}"), WATCHDOG_USEC="1000000")
        self.assertEqual(self.told.next()["READY"], "1")
        for _ in range(3):
            self.assertEqual(self.told.socket.recv(4096), b"WATCHDOG=1")

    def test_nobody_is_told_of_a_start_that_failed(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        process = self.start(("--listen", f"127.0.0.1:{taken.getsockname()[1]}"))
        self.assertEqual(process.wait(60), 1)
        self.told.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.told.socket.recv(4096)

    @staticmethod
    def values(port, connection=None):
        with connection or wire.Connection("127.0.0.1", port, seconds_max=60) as client:
            client.login("postgres", "postgres")
            return client.values("SELECT 1")

    def test_sockets_that_were_passed(self):
        listening = socket.create_server(("127.0.0.1", free_port()))
        self.addCleanup(listening.close)
        path = os.path.join(self.state, ".s.PGSQL.1")
        local = socket.socket(socket.AF_UNIX)
        local.bind(path)
        local.listen()
        self.addCleanup(local.close)
        port = listening.getsockname()[1]
        descriptors = (listening.fileno(), local.fileno())
        prefix = ("sh", "-c", WITH_SOCKETS, "sh", *map(str, descriptors))
        for _ in range(3):
            early = wire.Connection("127.0.0.1", port, seconds_max=60)  # before there is anybody
            process = self.start(("--listen", "127.0.0.1:1"), prefix, descriptors)  # an address that it could not have
            self.assertEqual(self.told.next(), {"READY": "1", "STATUS": f"listening on 127.0.0.1:{port}"})
            self.assertEqual(self.values(port, early), [("1",)])
            self.assertEqual(self.values(port), [("1",)])
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.settimeout(60)
                client.sendall(wire.startup("postgres", "postgres"))
                self.assertEqual(client.recv(1), b"R")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(self.told.next()["STOPPING"], "1")
            self.assertEqual(process.wait(60), 0)
        self.assertTrue(os.path.exists(path), "a socket that was passed is not Larder's to remove")

    def test_what_was_passed_has_to_listen(self):
        with open("/dev/null", "rb") as first:
            process = self.start((), ("sh", "-c", WITH_SOCKETS, "sh", str(first.fileno()), str(first.fileno())), (first.fileno(),))
            self.assertEqual(process.wait(60), 1)


if __name__ == "__main__":
    unittest.main()
