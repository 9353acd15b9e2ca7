"""Who is measured. Every peer listens on 127.0.0.1 (or says where) and takes the same statements."""
import os
import shutil
import sys
import urllib.request

from lib.cluster import CONNECTIONS_MAX, LARGE_ROWS, PASSWORD
from lib.process import Server, free_port, own

# Sizes of the caches of those that have one. "small" is for the workload that does not fit.
CACHE_BYTES = {"normal": 256 << 20, "small": 16 << 20}
ENTRY_BYTES = 4 << 20
PGPOOL_CHILDREN = 256


class Peer:
    """name: of tables and files. roots: the processes that are the proxy (empty: not ours to account)."""
    name = ""
    has_cache = False
    is_canned = False

    def __init__(self, host, port, roots):
        self.host, self.port, self.roots = host, port, roots
        self.server = None

    def database(self, workload):  # pylint: disable=unused-argument
        return "bench"

    def refuses(self, workload):  # pylint: disable=unused-argument
        """Why this peer cannot run the workload; None if it can."""
        return None

    def another(self, workload):  # pylint: disable=unused-argument
        """A fresh process of the same kind, with the workload's size of its cache and way of logins; itself where there is no process of its own."""
        return self

    def enter(self):
        """Called before each run: the peer must be up when it returns."""

    def hits(self):
        """How many statements its cache has answered so far; None if it does not say."""
        return None

    def obituary(self):
        """Its last words, if the process has ended; else None."""
        if not self.server or self.server.is_alive():
            return None
        return f"ended with status {self.server.status()}: {self.server.last_lines(1)}"

    def stop(self):
        if self.server:
            self.server.stop()


class Responder(Peer):
    """One answer: a row as long as those of bench_rows, or as many as bench_large has."""
    name = "responder"
    is_canned = True

    def __init__(self, tools, folder, rows=1):
        self._tools, self._folder = tools, folder
        self._large = None
        super().__init__("127.0.0.1", free_port(), [])
        command = [tools.responder, "--port", str(self.port), "--rows", str(rows), "--row-bytes", "91" if rows == 1 else "103"]
        self.server = Server(self.name, command, self.port, os.path.join(folder, "responder.log"))
        self.roots = [self.server.pid]

    def refuses(self, workload):
        return None if workload.on_responder else "the responder has one answer only"

    def another(self, workload):
        return Responder(self._tools, self._folder)

    def for_large_answers(self):
        if not self._large:
            self._large = Responder(self._tools, self._folder, LARGE_ROWS)
        return self._large

    def stop(self):
        super().stop()
        if self._large:
            self._large.stop()


class Relay(Peer):
    """Passes bytes on without a look at them: the limit for what passes through."""
    name = "relay"

    def __init__(self, tools, cluster, folder):
        self._arguments = (tools, cluster, folder)
        super().__init__("127.0.0.1", free_port(), [])
        self.server = Server(self.name, [tools.relay, "--port", str(self.port), "--upstream", str(cluster.port)], self.port, os.path.join(folder, "relay.log"))
        self.roots = [self.server.pid]

    def refuses(self, workload):
        return None if workload.group in ("pass-through", "large answers") and not workload.is_hit else "of interest for what passes through"

    def another(self, workload):
        return Relay(*self._arguments)


class Direct(Peer):
    name = "direct"

    def __init__(self, cluster):
        super().__init__("127.0.0.1", cluster.port, [])

    def refuses(self, workload):
        return "more than max_connections" if workload.connections > CONNECTIONS_MAX - 50 else None


class PgBouncer(Peer):
    """Transaction mode. Version 1.18 has no prepared statements there, so that mode is run in session mode."""
    name = "pgbouncer"

    CONF = """[databases]
bench = host=127.0.0.1 port={upstream} dbname=bench
bench_session = host=127.0.0.1 port={upstream} dbname=bench pool_mode=session pool_size=256
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = hba
auth_hba_file = {folder}/pgbouncer_hba.conf
auth_file = {folder}/pgbouncer_users-{port}.txt
pool_mode = transaction
max_client_conn = 12000
default_pool_size = 20
ignore_startup_parameters = extra_float_digits,options
log_connections = 0
log_disconnections = 0
log_stats = 0
"""

    def __init__(self, cluster, folder, users=None):
        self._arguments = (cluster, folder)
        super().__init__("127.0.0.1", free_port(), [])
        users = users or "".join(f'"bench_{kind}" "{PASSWORD}"\n' for kind in ("md5", "scram", "plain"))
        files = {
            f"pgbouncer-{self.port}.ini": self.CONF.format(upstream=cluster.port, port=self.port, folder=folder),
            "pgbouncer_hba.conf": "host all bench_md5 127.0.0.0/8 md5\nhost all bench_scram 127.0.0.0/8 scram-sha-256\n"
                                  "host all bench_plain 127.0.0.0/8 password\nhost all all 127.0.0.0/8 trust\n",
            f"pgbouncer_users-{self.port}.txt": '"bench" ""\n' + users,
        }
        for name, text in files.items():
            _write(os.path.join(folder, name), text)
        self.server = Server(self.name, ["/usr/sbin/pgbouncer", os.path.join(folder, f"pgbouncer-{self.port}.ini")], self.port,
                             os.path.join(folder, "pgbouncer.log"))
        self.roots = [self.server.pid]

    def another(self, workload):
        return PgBouncer(*self._arguments, users=self._arguments[0].user_file() if workload.user_file else None)

    def database(self, workload):
        return "bench_session" if workload.mode == "prepared" or workload.pool == "session" else "bench"


class Pgpool(Peer):
    """With its query cache in shared memory. A process per client: more clients than children have to wait. In the
    extended protocol it sends Parse and Bind to PostgreSQL for a hit too, and saves the Execute alone."""
    name = "pgpool"
    has_cache = True

    CONF = """backend_clustering_mode = 'raw'
listen_addresses = '127.0.0.1'
port = {port}
pcp_port = {pcp_port}
unix_socket_directories = '{folder}'
pcp_socket_dir = '{folder}'
wd_ipc_socket_dir = '{folder}'
pid_file_name = '{folder}/pgpool.pid'
logdir = '{folder}'
work_dir = '{folder}'
memqcache_oiddir = '{folder}/oiddir'
backend_hostname0 = '127.0.0.1'
backend_port0 = {upstream}
backend_weight0 = 1
enable_pool_hba = off
num_init_children = {children}
max_pool = 1
load_balance_mode = off
sr_check_period = 0
health_check_period = 0
connection_cache = on
reset_query_list = 'DISCARD ALL'
log_min_messages = 'error'
memory_cache_enabled = on
memqcache_method = 'shmem'
memqcache_total_size = {cache}
memqcache_max_num_cache = 1000000
memqcache_cache_block_size = {entry}
memqcache_maxcache = {entry}
memqcache_expire = 0
memqcache_auto_cache_invalidation = on
cache_unsafe_memqcache_table_list = 'bench_uncached,bench_large_uncached'
"""

    def __init__(self, cluster, folder, cache="normal"):
        self._cluster, self._folder = cluster, folder
        super().__init__("127.0.0.1", free_port(), [])
        home = os.path.join(folder, f"pgpool-{cache}-{self.port}")
        for path in (home, os.path.join(home, "oiddir")):
            os.mkdir(path)
            own(path)
        conf = os.path.join(home, "pgpool.conf")
        _write(conf, self.CONF.format(port=self.port, pcp_port=free_port(), upstream=cluster.port, folder=home, cache=CACHE_BYTES[cache],
                                      entry=ENTRY_BYTES, children=PGPOOL_CHILDREN if cache == "normal" else 16))
        for name in ("pcp.conf", "pool_hba.conf"):
            _write(os.path.join(home, name), "")
        command = ["/usr/sbin/pgpool", "-n", "-D", "-f", conf, "-a", os.path.join(home, "pool_hba.conf"), "-F", os.path.join(home, "pcp.conf")]
        self.server = Server(self.name, command, self.port, os.path.join(home, "log"), cwd=home)
        self.roots = [self.server.pid]

    def refuses(self, workload):
        if workload.connections >= PGPOOL_CHILDREN:
            return f"one process per client, {PGPOOL_CHILDREN} allowed here"
        if workload.mode == "prepared" and workload.group == "mixes":
            return "updates by prepared statements deadlock in 4.3.5 and hang"
        return "needs its own copy of the passwords" if workload.password else None

    def another(self, workload):
        return Pgpool(self._cluster, self._folder, workload.cache)


class Larder(Peer):
    """Two Larders in front of one server rightly do not trust each other, so only one lives at a time: enter() ends the other."""
    name = "larder"
    has_cache = True
    _current = None

    def __init__(self, cluster, folder, binary, settings, cache="normal", name="larder"):
        super().__init__("127.0.0.1", free_port(), [])
        self._arguments = (cluster, folder, binary, settings)
        self.name = name
        self._log = os.path.join(folder, f"{name}-{self.port}.log")
        self._admin = f"127.0.0.1:{free_port()}"
        self._command = [binary, "--listen", f"127.0.0.1:{self.port}", "--admin", self._admin, "--upstream", cluster.uri]
        for setting in ["freshness.writers=only-larder", f"cache.bytes_max={CACHE_BYTES[cache]}", f"cache.entry_bytes_max={ENTRY_BYTES}",
                        "listen.clients_max=12000", *settings]:
            self._command += ["--set", setting]

    def enter(self):
        if Larder._current is self and self.server.is_alive():
            return
        if Larder._current:
            Larder._current.stop()
        self.server = Server(self.name, self._command, self.port, self._log, privileged=True)
        self.roots = [self.server.pid]
        Larder._current = self

    def hits(self):
        with urllib.request.urlopen(f"http://{self._admin}/metrics", timeout=60) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("larder_cache_hits_total"))

    def stop(self):
        super().stop()
        if Larder._current is self:
            Larder._current = None

    def another(self, workload):
        cluster, folder, binary, settings = self._arguments
        if workload.user_file:
            users = os.path.join(folder, "larder_users.txt")
            _write(users, cluster.user_file())
            settings = [*settings, f"listen.auth_file={users}", f"pool.mode={workload.pool}"]
        return Larder(cluster, folder, binary, settings, cache=workload.cache, name=self.name)


class External(Peer):
    """NAME=HOST:PORT[@PID]: a proxy that somebody else started in front of this cluster. Without a PID its CPU is unknown."""
    has_cache = True

    def __init__(self, text):
        name, _, address = text.partition("=")
        address, _, pid = address.partition("@")
        host, _, port = address.rpartition(":")
        if not name or not host or not port.isdigit() or (pid and not pid.isdigit()):
            sys.exit(f"--peer wants NAME=HOST:PORT[@PID], not {text!r}")
        self.name = name
        super().__init__(host, int(port), [int(pid)] if pid else [])


def available(path_or_name):
    return os.path.exists(path_or_name) or shutil.which(path_or_name) is not None


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    own(path)
