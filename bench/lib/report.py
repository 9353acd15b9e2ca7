"""Medians over the rounds, tables in Markdown, ratios, and the comparison with a baseline and the last run."""
import statistics

KEEP = ("qps", "p50_us", "p99_us", "p999_us", "client_cpu_us", "proxy_cpu_us", "postgres_cpu_us", "total_cpu_us", "proxy_bytes", "postgres_bytes", "hit_share")
SUM = ("requests", "errors", "wrong", "stale", "writes", "lost")

NOTE = """Read the CPU per query and the ratios, not queries per second: client, proxy and PostgreSQL share {cpus} CPUs with
whatever else runs here (load average {before} before, {after} after). Peers take turns within each round, and every figure is
the median of {rounds} rounds of {seconds} s. CPU is the kernel's account of all processes of a server, in microseconds per
query; what the kernel does for a packet on loopback is charged to its sender. The responder is a canned server that parses
nothing: the limit for a hit. PgBouncer 1.18 runs prepared statements in session mode, all else in transaction mode."""


def medians(runs):
    """One dictionary from those of all rounds; None where no round gave the figure."""
    figures = {}
    for name in KEEP:
        values = [run[name] for run in runs if run.get(name) is not None]
        if values:
            figures[name] = statistics.median(values)
    if len(runs) > 1:
        totals = [run["total_cpu_us"] for run in runs if run.get("total_cpu_us") is not None]
        if totals:
            figures["total_cpu_spread"] = (max(totals) - min(totals)) / max(statistics.median(totals), 1e-9)
    for name in SUM:
        figures[name] = sum(run.get(name, 0) for run in runs)
    errors = [run["first_error"] for run in runs if run.get("first_error")]
    if errors:
        figures["first_error"] = errors[0]
    return figures


def ratios(results, subject="larder"):
    """CPU of the subject and PostgreSQL together against that of each other peer, per workload. Below 1 is cheaper."""
    found = {}
    for workload, peers in results.items():
        own = peers.get(subject, {}).get("total_cpu_us")
        if not own:
            continue
        others = {name: own / figures["total_cpu_us"] for name, figures in peers.items() if name != subject and figures.get("total_cpu_us")}
        if others:
            found[workload] = {name: round(value, 3) for name, value in others.items()}
    return found


def regressions(now, then, bound):
    """(workload, peer, then, now) of each ratio that grew by more than the bound (0.25: a quarter)."""
    return [(workload, peer, then[workload][peer], ratio) for workload, peers in now.items() for peer, ratio in peers.items()
            if peer in then.get(workload, {}) and ratio > then[workload][peer] * (1 + bound)]


def markdown(record, workloads):
    results = record["results"]
    names = record["peers"]
    titles = {w.name: w for w in workloads}
    parts = [f"# Larder bench, {record['time']}", "", NOTE.format(**record["machine"], rounds=record["rounds"], seconds=record["seconds"]), ""]
    timed = {n: p for n, p in results.items() if titles[n].tool != "memory"}
    if timed:
        parts += ["## CPU per query, us: proxy + PostgreSQL", "", *_table(timed, names, titles, _cpu_cell), ""]
        parts += ["## Queries per second; latency p50 / p99, us", "", *_table(timed, names, titles, _speed_cell), ""]
    rated = {n: p for n, p in timed.items() if n.startswith("rate-")}
    if rated:
        parts += ["## Share of the reads that came from the cache", "", *_table(rated, names, titles, _hit_cell), ""]
    if record["ratios"]:
        others = [n for n in names if any(n in r for r in record["ratios"].values())]
        parts += ["## Larder's total CPU as a multiple of the others' (below 1: Larder is cheaper)", "",
                  *_rows(["workload", *others], [[titles[w].title, *(f"{r[o]:.2f}" if o in r else "" for o in others)] for w, r in record["ratios"].items()]), ""]
    memory = {n: p for n, p in results.items() if titles[n].tool == "memory"}
    if memory:
        parts += ["## Memory per idle client, KB: proxy + PostgreSQL", "", *_table(memory, names, titles, _memory_cell), ""]
    findings = _findings(results, titles)
    parts += ["## Answers", "", *(findings or ["No error; no answer was wrong or stale."]), ""]
    if record["refused"]:
        parts += ["## Not run", "", *(f"- {titles[workload].title}: {peer}: {why}" for workload, peer, why in record["refused"]), ""]
    return "\n".join(parts)


def _findings(results, titles):
    lines = []
    for workload, peers in results.items():
        for peer, figures in peers.items():
            if "failed" in figures:
                lines.append(f"- {titles[workload].title}: {peer} did not run: {figures['failed']}")
                continue
            bad = {name: figures[name] for name in ("errors", "lost", "wrong", "stale") if figures.get(name)}
            if bad:
                text = ", ".join(f"{count} {name}" for name, count in bad.items())
                reason = f" ({figures['first_error']})" if figures.get("first_error") else ""
                lines.append(f"- {titles[workload].title}: {peer}: {text} in {figures['requests']} requests{reason}")
    return lines


def _table(results, names, titles, cell):
    return _rows(["workload", *names], [[titles[w].title, *(cell(peers.get(n), n, titles[w]) for n in names)] for w, peers in results.items()])


def _rows(head, rows):
    return ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|", *("| " + " | ".join(row) + " |" for row in rows)]


def _cpu_cell(figures, peer, _):
    if not figures:
        return "–"
    if "failed" in figures:
        return "failed"
    if peer == "responder":
        return f"{figures['proxy_cpu_us']:.1f}"
    if "proxy_cpu_us" not in figures:
        return f"{figures['postgres_cpu_us']:.1f}" if peer == "direct" else f"? + {figures['postgres_cpu_us']:.1f}"
    return f"{figures['proxy_cpu_us']:.1f} + {figures['postgres_cpu_us']:.1f}"


def _speed_cell(figures, _, workload):
    if not figures or "failed" in figures:
        return "–"
    if workload.tool == "pgbench":
        return f"{figures['qps']:,.0f}"
    return f"{figures['qps']:,.0f}; {figures['p50_us']:,.0f} / {figures['p99_us']:,.0f}"


def _hit_cell(figures, _, __):
    return f"{figures['hit_share']:.1%}" if figures and "hit_share" in figures else "–"


def _memory_cell(figures, _, __):
    if not figures:
        return "–"
    if "failed" in figures:
        return "failed"
    postgres = f"{figures['postgres_bytes'] / 1024:.1f}"
    return f"{figures['proxy_bytes'] / 1024:.1f} + {postgres}" if "proxy_bytes" in figures else postgres
