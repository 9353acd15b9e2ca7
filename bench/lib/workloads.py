"""What is measured, by name. A workload is a command line of bench_load (or pgbench) and what its figures mean."""
from dataclasses import dataclass, field
from typing import Optional

from lib.cluster import HOT_KEYS, PASSWORD, ROWS, ZIPF_KEYS

MODES = ("simple", "extended", "prepared")
# The comment switches Larder's cache off for the statement; to all others it is a comment.
HINT = "/* larder: off */"
# Cold reads take their keys above the hot ones, a range per round.
COLD_KEYS = 60_000
LARGE_BYTES = 1_140_000
STAMPEDE_CLIENTS = 200


@dataclass
class Workload:
    name: str
    title: str
    group: str
    mode: str = "simple"
    connections: int = 1
    arguments: list = field(default_factory=list)
    tool: str = "load"                  # load, pgbench or memory
    prime: list = field(default_factory=list)   # arguments of an unmeasured run before each round
    is_hit: bool = False                # answered from the cache: the responder is the limit
    on_responder: bool = True
    is_large: bool = False
    is_cold: bool = False
    writes_alone: bool = True           # a write is a request of its own, and not a part of one that also reads
    password: Optional[str] = None
    user: str = "bench"
    cache: str = "normal"
    user_file: bool = False             # the proxy judges logins, by the server's own verifiers
    pool: str = "transaction"           # of those
    seconds: Optional[float] = None     # None: as the command line says
    warmup: Optional[float] = None
    quick: bool = False
    unit: str = "query"


def _hot(mode, clients, distribution="uniform"):
    suffix = "" if distribution == "uniform" else f"-{distribution}"
    return Workload(f"hot{suffix}-{mode}-{clients}", f"hot read{suffix.replace('-', ', ')}, {mode}, {clients} clients", "hits", mode, clients,
                    ["--workload", "read", "--distribution", distribution, "--keys", str(HOT_KEYS)],
                    prime=["--workload", "read", "--distribution", "sequential", "--keys", str(HOT_KEYS), "--count", str(HOT_KEYS)],
                    is_hit=True, quick=distribution == "uniform" and clients in (8,) or (mode, clients) == ("simple", 1))


def _pass(mode, clients):
    return Workload(f"pass-{mode}-{clients}", f"pass-through, {mode}, {clients} clients", "pass-through", mode, clients,
                    ["--workload", "read", "--table", "bench_uncached", "--hint", HINT, "--keys", str(HOT_KEYS)], on_responder=False, quick=clients == 8)


def _cold(mode):
    return Workload(f"cold-{mode}-8", f"cold read, {mode}, 8 clients", "misses", mode, 8,
                    ["--workload", "read", "--distribution", "sequential", "--keys", str(COLD_KEYS)], is_cold=True, on_responder=False, quick=mode == "simple")


def _block(mode):
    return Workload(f"block-{mode}-8", f"BEGIN, 2 hot reads, COMMIT, {mode}, 8 clients", "hits", mode, 8,
                    ["--workload", "block", "--keys", str(HOT_KEYS)],
                    prime=["--workload", "read", "--distribution", "sequential", "--keys", str(HOT_KEYS), "--count", str(HOT_KEYS)],
                    is_hit=True, quick=mode == "simple")


def _mixed(mode, write_percent, distribution):
    return Workload(f"mixed{write_percent}-{distribution}-{mode}-8", f"{100 - write_percent}/{write_percent} reads/writes, {distribution}, {mode}, 8 clients",
                    "mixes", mode, 8, ["--workload", "mixed", "--table", "bench_mixed", "--write-percent", str(write_percent),
                                       "--distribution", distribution, "--keys", str(HOT_KEYS)],
                    on_responder=False, quick=write_percent == 5 and distribution == "zipf" and mode == "simple")


def _rate(name, title, mode, arguments, kind="mixed", primed=()):
    of_table = ["--table", "bench_zipf", "--keys", str(ZIPF_KEYS), *primed]
    return Workload(f"rate-{name}-{mode}-64", f"hit rate, {title}, {mode}, 64 clients", "mixes", mode, 64,
                    ["--workload", kind, "--distribution", "zipf", "--write-percent", "5", *of_table, *arguments],
                    prime=["--workload", "read", "--distribution", "sequential", "--count", str(ZIPF_KEYS), *of_table],
                    on_responder=False, writes_alone=kind == "mixed", seconds=8)


def _rates(mode):
    join, between = ["--join", "bench_joined"], ["--where", "k BETWEEN {k} AND {k}"]
    return [_rate("rows", "5 % updates of the rows that are read", mode, []),
            _rate("inserts", "the same, a fifth of the writes inserts", mode, ["--insert-percent", "20"]),
            _rate("joins", "the same, reads with a join", mode, ["--insert-percent", "20"], primed=join),
            _rate("orm", "transactions of a read, 5 % of them with an update", mode, [], kind="orm"),
            _rate("tables", "reads by a range, for comparison: by table", mode, [], primed=between)]


def _large(mode, cached):
    table = "bench_large" if cached else "bench_large_uncached"
    text = ("" if cached else HINT + " ") + f"SELECT id, pad FROM {table}"
    return Workload(f"large-{'hit' if cached else 'pass'}-{mode}-4", f"1.14 MB answer, {'hit' if cached else 'pass-through'}, {mode}, 4 clients", "large answers",
                    mode, 4, ["--workload", "text", "--text", text], is_hit=cached, is_large=True, on_responder=cached, quick=mode == "simple")


def _pipeline(mode):
    return Workload(f"pipeline-{mode}-4", f"hits, 16 per write, {mode}, 4 clients", "hits", mode, 4,
                    ["--workload", "pipeline", "--depth", "16", "--keys", str(HOT_KEYS)],
                    prime=["--workload", "read", "--distribution", "sequential", "--keys", str(HOT_KEYS), "--count", str(HOT_KEYS)],
                    is_hit=True, quick=mode == "prepared")


def _login(kind):
    user = "bench" if kind == "trust" else f"bench_{kind}"
    return Workload(f"connect-{kind}", f"connect ({kind}), SELECT 1, close, 8 clients", "connections", "simple", 8,
                    ["--workload", "connect", "--sources", "200"], user=user, password=None if kind == "trust" else PASSWORD,
                    on_responder=kind == "trust", quick=kind == "trust", unit="connection")


def _user_file_login(kind, pool):
    return Workload(f"connect-userfile-{kind}-{pool}", f"connect (user file, {kind}, {pool} mode), SELECT 1, close, 8 clients", "connections", "simple", 8,
                    ["--workload", "connect", "--sources", "200"], user=f"bench_{kind}", password=PASSWORD, user_file=True, pool=pool, on_responder=False,
                    quick=(kind, pool) == ("scram", "transaction"), unit="connection")


def _user_file_idle(pool):
    return Workload(f"idle-userfile-2000-{pool}", f"memory per idle client (user file, scram, {pool} mode), 2 000 clients", "memory", "simple", 2000, tool="memory",
                    user="bench_scram", password=PASSWORD, user_file=True, pool=pool, on_responder=False, unit="client")


def _pgbench(mode, hot):
    return Workload(f"pgbench-{'hot' if hot else 'S'}-{mode}-8", f"pgbench {'hot keys' if hot else '-S'}, {mode}, 8 clients", "pgbench cross-check", mode, 8,
                    ["hot"] if hot else ["-S"], tool="pgbench", is_hit=hot, on_responder=hot, quick=hot and mode == "prepared")


def all_workloads():
    found = [_hot(mode, clients) for mode in MODES for clients in (1, 8, 64)]
    found += [_hot(mode, 8, distribution) for mode in ("prepared",) for distribution in ("zipf", "single")]
    found += [_block(mode) for mode in ("simple", "prepared")]
    found += [_pipeline(mode) for mode in MODES]
    found += [_pass(mode, clients) for mode in MODES for clients in (1, 8, 64)]
    found += [_cold(mode) for mode in MODES]
    found += [_mixed(mode, 5, distribution) for mode in ("simple", "prepared") for distribution in ("uniform", "zipf")]
    found += [_mixed("simple", 50, "zipf")]
    found += _rates("simple") + _rates("prepared")
    found += [_large(mode, cached) for mode in ("simple", "prepared") for cached in (False, True)]
    # Answers that the small cache of 16 MB holds a quarter of: the smallest share that a proxy can spend on one is the row itself, 0.1 KB.
    found.append(Workload("working-set-4x", "working set 4 times the cache, Zipf 0.99, 8 clients", "misses", "prepared", 8,
                          ["--workload", "read", "--distribution", "zipf", "--keys", "160000"], cache="small", on_responder=False, warmup=4.0))
    found.append(Workload("stampede", f"{STAMPEDE_CLIENTS} clients ask the same cold, expensive question", "stampede", "simple", STAMPEDE_CLIENTS,
                          ["--workload", "stampede", "--count", str(STAMPEDE_CLIENTS), "--text",
                           "SELECT count(*), sum(length(pad)) FROM bench_rows WHERE k <= 50000 AND k <> {n}"],
                          on_responder=False, seconds=60, warmup=0, quick=True))
    found += [_login(kind) for kind in ("trust", "md5", "scram", "plain")]
    found += [_user_file_login(kind, pool) for kind in ("md5", "scram") for pool in ("transaction", "session")]
    found.append(_user_file_idle("transaction"))
    found.append(Workload("idle-2000", "memory per idle client, 2 000 clients", "memory", "simple", 2000, tool="memory", on_responder=True, quick=True, unit="client"))
    found.append(Workload("idle-200", "memory per idle client, 200 clients", "memory", "simple", 200, tool="memory", on_responder=True, unit="client"))
    found += [_pgbench(mode, True) for mode in MODES] + [_pgbench(mode, False) for mode in MODES]
    return found


def cold_range(round_number):
    """The first key of a round's cold reads: ranges that earlier rounds have not touched, as long as there are any."""
    ranges = (ROWS - 100_000) // COLD_KEYS
    return 100_000 + round_number % ranges * COLD_KEYS
