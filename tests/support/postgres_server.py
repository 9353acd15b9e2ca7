"""The PostgreSQL that the tests use: the one named by LARDER_TEST_PGURI, else a scratch cluster of this process's own."""
import atexit
import os
import random
import shutil
import socket
import subprocess
import tempfile
from urllib.parse import unquote, urlsplit

import psycopg2

BINARIES = "/usr/lib/postgresql/15/bin"


def free_port():
    """Below the range that the kernel gives to outgoing connections: one of those must not take it before its server does."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given_ports:
            _given_ports.add(port)
            return port


_given_ports = set()


class Server:
    """Where a server listens and who its superuser is."""

    def __init__(self, uri):
        parts = urlsplit(uri)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 5432
        self.user, self.password = unquote(parts.username or "postgres"), unquote(parts.password or "")

    def at(self, port):
        """The same users and databases behind another port: how a test goes through Larder."""
        other = Server.__new__(Server)
        other.__dict__.update(self.__dict__, host="127.0.0.1", port=port)
        return other

    def uri(self, database, scheme="postgres", user=None):
        login = (user or self.user) + (":" + self.password if self.password else "")
        return f"{scheme}://{login}@{self.host}:{self.port}/{database}"

    def connect(self, database, **more):
        """A psycopg2 connection in autocommit mode."""
        connection = psycopg2.connect(self.uri(database), **more)
        connection.autocommit = True
        return connection

    def run(self, database, *statements):
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def create_database(self, name):
        """A fresh, empty database. Its locale is C, so that order and case do not depend on the machine."""
        self.drop_database(name)
        self.run("postgres", f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")

    def drop_database(self, name):
        self.run("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def environment(self, database):
        """For programs that use libpq's variables."""
        return dict(os.environ, PGHOST=self.host, PGPORT=str(self.port), PGUSER=self.user, PGPASSWORD=self.password, PGDATABASE=database,
                    PGSSLMODE="prefer", PGCONNECT_TIMEOUT="20")


def as_postgres(*command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


def start_scratch(settings=()):
    """A cluster in a temporary folder that lives as long as this process. Any local user may log in as anybody."""
    folder = tempfile.mkdtemp(prefix="larder-test-pg-")
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data, port = os.path.join(folder, "data"), free_port()
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(as_postgres(f"{BINARIES}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"), **quiet)
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off", "max_connections": 200,
               "max_prepared_transactions": 20, "wal_level": "replica"}
    options.update(settings)
    flags = " ".join(f"-c {name}={value}" for name, value in options.items())
    subprocess.run(as_postgres(f"{BINARIES}/pg_ctl", "-D", data, "-w", "-l", os.path.join(folder, "log"), "-o", flags, "start"), **quiet)

    def stop():
        subprocess.run(as_postgres(f"{BINARIES}/pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"), check=False,
                       stdout=subprocess.DEVNULL, cwd="/")
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return Server(f"postgres://postgres@127.0.0.1:{port}/postgres")


_server = None


def server():
    """The test server; the same one at every call."""
    global _server
    if _server is None:
        uri = os.environ.get("LARDER_TEST_PGURI")
        _server = Server(uri) if uri else start_scratch()
    return _server


