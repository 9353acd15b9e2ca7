"""A scratch PostgreSQL with the bench's tables. Durability is off: what is measured is CPU, not disks."""
import os
import signal
import subprocess
import time

from lib.process import BenchError, Server, as_server_user, free_port, own

BIN = os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin")
ROWS = 1_200_000
HOT_KEYS = 1_000
ZIPF_KEYS = 100_000
LARGE_ROWS = 10_000
CONNECTIONS_MAX = 2600  # the memory workload: Larder has a connection per client, and the pools keep theirs
PASSWORD = "bench-password"

SETTINGS = {
    "listen_addresses": "'127.0.0.1'", "max_connections": str(CONNECTIONS_MAX), "shared_buffers": "'512MB'", "fsync": "off", "synchronous_commit": "off",
    "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "'4GB'", "checkpoint_timeout": "'1h'", "log_min_messages": "fatal",
    "jit": "off", "max_parallel_workers_per_gather": "0",
}

HBA = """local all all trust
host replication bench 127.0.0.0/8 trust
host all bench_md5 127.0.0.0/8 md5
host all bench_scram 127.0.0.0/8 scram-sha-256
host all bench_plain 127.0.0.0/8 password
host all all 127.0.0.0/8 trust
"""

# bench_rows: the hot keys, the cold ones and the mixes. bench_uncached: the same rows under a name that Pgpool-II is
# told not to cache; for Larder the statement's comment says it. bench_zipf: hit rates under writes, and what is joined to it. bench_large:
# 1.14 MB as an answer.
TABLES = f"""
CREATE TABLE bench_rows (k int PRIMARY KEY, v bigint NOT NULL, pad text NOT NULL);
INSERT INTO bench_rows SELECT k, k, rpad(k::text, 80, 'x') FROM generate_series(1, {ROWS}) k;
CREATE TABLE bench_uncached (k int PRIMARY KEY, v bigint NOT NULL, pad text NOT NULL);
INSERT INTO bench_uncached SELECT k, v, pad FROM bench_rows WHERE k <= {HOT_KEYS};
CREATE TABLE bench_mixed (k int PRIMARY KEY, v bigint NOT NULL, pad text NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench_mixed SELECT k, v, pad FROM bench_rows WHERE k <= {HOT_KEYS};
CREATE TABLE bench_zipf (k serial PRIMARY KEY, v bigint NOT NULL, pad text NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench_zipf SELECT k, v, pad FROM bench_rows WHERE k <= {ZIPF_KEYS};
SELECT setval('bench_zipf_k_seq', {ZIPF_KEYS});
CREATE TABLE bench_joined (k int PRIMARY KEY, joined text NOT NULL);
INSERT INTO bench_joined SELECT k, 'joined to ' || k FROM bench_zipf;
CREATE TABLE bench_large (id int PRIMARY KEY, pad text NOT NULL);
INSERT INTO bench_large SELECT k, rpad('', 95, 'large ') FROM generate_series(1, {LARGE_ROWS}) k;
CREATE TABLE bench_large_uncached (id int PRIMARY KEY, pad text NOT NULL);
INSERT INTO bench_large_uncached SELECT id, pad FROM bench_large;
SET password_encryption = 'md5';
CREATE ROLE bench_md5 LOGIN PASSWORD '{PASSWORD}';
SET password_encryption = 'scram-sha-256';
CREATE ROLE bench_scram LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE bench_plain LOGIN PASSWORD '{PASSWORD}';
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO bench_md5, bench_scram, bench_plain;
VACUUM ANALYZE;
"""


class Cluster:
    """Started by the constructor; stop() ends it. The folder is the caller's to remove."""

    def __init__(self, folder, port=None, pgbench_scale=10):
        self.port = port or free_port()
        self._data = os.path.join(folder, "pgdata")
        self._run([f"{BIN}/initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"])
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": f"'{folder}'"}
        with open(os.path.join(self._data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in settings.items())
        with open(os.path.join(self._data, "pg_hba.conf"), "w", encoding="utf-8") as hba:
            hba.write(HBA)
        own(os.path.join(self._data, "pg_hba.conf"))
        self.server = Server("PostgreSQL", [f"{BIN}/postgres", "-D", self._data], self.port, os.path.join(folder, "postgresql.log"))
        try:
            self._wait_until_ready()
            self.sql("CREATE ROLE bench LOGIN SUPERUSER", database="postgres")
            self.sql("CREATE DATABASE bench OWNER bench", database="postgres")
            self.sql(TABLES)
            self._run([f"{BIN}/pgbench", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-i", "-q", "-s", str(pgbench_scale), "bench"])
            self.sql("CHECKPOINT")
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self):
        # The port is open before the start-up process has finished.
        deadline = time.monotonic() + 60
        while subprocess.run([f"{BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode != 0:
            if time.monotonic() > deadline or not self.server.is_alive():
                raise BenchError("PostgreSQL does not get ready")
            time.sleep(0.05)

    @property
    def pid(self):
        return self.server.pid

    @property
    def uri(self):
        return f"postgres://bench@127.0.0.1:{self.port}/bench"

    def sql(self, text, database="bench"):
        """Each statement of its own, in order; the answer's rows as text."""
        user = "postgres" if database == "postgres" else "bench"
        command = [f"{BIN}/psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1"]
        return self._run(command, text)

    def user_file(self):
        """The verifiers that the server keeps, as a file for poolers."""
        return self.sql("SELECT format('\"%s\" \"%s\"', rolname, rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL")

    def stop(self):
        self.server.stop(signal.SIGINT)

    @staticmethod
    def _run(command, text=None):
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd="/", check=False, **as_server_user())
        if done.returncode != 0:
            raise BenchError(f"{os.path.basename(command[0])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
