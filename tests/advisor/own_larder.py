"""A Larder in front of a database, for what measures the advisor."""
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import psycopg2
import psycopg2.extensions

TOKEN = "token-of-the-measurement"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OwnLarder:
    """`with` it: stopped at the end, with what it kept."""

    def __init__(self, binary, uri, *settings):
        self.uri, self.port, self.admin = uri, free_port(), free_port()
        self.folder = tempfile.mkdtemp(prefix="larder-measured-")
        token_file = f"{self.folder}/token"
        with open(token_file, "w", encoding="utf-8") as file:
            file.write(TOKEN + "\n")
        settings = (f"advisor.history_file={self.folder}/deployments.jsonl", f"admin.token_file={token_file}", *settings)
        command = [binary, "--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin}", "--upstream", uri]
        self.process = subprocess.Popen(command + [word for setting in settings for word in ("--set", setting)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while self.process.poll() is None:
            try:
                self.read("/readyz")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise RuntimeError("larder ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self):
        return psycopg2.extensions.make_dsn(self.uri, host="127.0.0.1", port=self.port)

    def connect(self):
        connection = psycopg2.connect(self.dsn())
        connection.autocommit = True
        return connection

    def read(self, path, method="GET"):
        """The body's text."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", method=method, headers={"Authorization": "Bearer " + TOKEN})
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read().decode()

    def api(self, path, method="GET"):
        return json.loads(self.read("/api/v1" + path, method))
