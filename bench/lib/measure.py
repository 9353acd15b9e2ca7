"""One run of one workload against one peer: what the client saw, and what it cost the proxy and PostgreSQL."""
import json
import os
import re
import select
import subprocess
import time
from types import SimpleNamespace

from lib.cluster import BIN, HOT_KEYS
from lib.cpu import Meter, tree_memory_bytes
from lib.process import BenchError
from lib.workloads import cold_range

# The load client gives up by itself after 30 seconds without an answer.
PATIENCE_S = 150


class Runner:
    """Keeps what all runs share. Not for use by two runs at a time: CPU of the servers is read around each."""

    def __init__(self, tools, cluster, folder, seconds, warmup):
        self._tools, self._cluster, self._seconds, self._warmup = tools, cluster, seconds, warmup
        self._pgbench_script = os.path.join(folder, "hot.sql")
        with open(self._pgbench_script, "w", encoding="utf-8") as script:
            script.write(f"\\set aid random(1, {HOT_KEYS})\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n")
        self._seed = 0

    def run(self, workload, peer, round_number):
        """A dictionary of figures. Raises BenchError when the run failed as a whole."""
        if peer.is_canned and workload.is_large:
            peer = peer.for_large_answers()
        self._seed += 1
        if workload.tool == "memory":
            return self._memory(workload, peer)
        meter = Meter({"proxy": peer.roots, "postgres": [self._cluster.pid]})
        seen = self._pgbench(workload, peer, meter) if workload.tool == "pgbench" else self._load(workload, peer, meter, round_number)
        queries = max(seen["queries"], 1)
        for name in ("proxy", "postgres"):
            if name in seen["cpu_ns"]:
                seen[f"{name}_cpu_us"] = seen["cpu_ns"][name] / 1e3 / queries
        # A peer whose processes are not ours has no total: half a sum would look like a good one.
        seen["total_cpu_us"] = seen.get("proxy_cpu_us", 0.0) + seen["postgres_cpu_us"] if peer.roots or peer.name == "direct" else None
        del seen["cpu_ns"]
        return seen

    def _command(self, workload, peer, arguments):
        command = [self._tools.load, "--host", peer.host, "--port", str(peer.port), "--user", workload.user, "--database", peer.database(workload),
                   "--mode", workload.mode, *arguments]
        if workload.password:
            command += ["--password", workload.password]
        return command + (["--canned"] if peer.is_canned else [])

    def _load(self, workload, peer, meter, round_number):
        if workload.prime and peer.has_cache:
            self._finish(self._start(self._command(workload, peer, [*workload.prime, "--warmup", "0", "--duration", "60"])))
        arguments = [*workload.arguments, "--connections", str(workload.connections), "--go", "--seed", str(self._seed),
                     "--duration", str(workload.seconds or self._seconds),
                     "--warmup", str(self._warmup if workload.warmup is None else workload.warmup)]
        if workload.is_cold:
            arguments += ["--first-key", str(cold_range(round_number))]
        process = self._start(self._command(workload, peer, arguments))
        self._expect_ready(process)
        before = peer.hits()
        meter.start()
        process.stdin.write("\n")
        process.stdin.flush()
        line = self._read_line(process)
        cpu = meter.stop()  # before the clients leave
        after = peer.hits()
        if not line:
            raise BenchError(self._failure(process))
        self._finish(process)
        seen = json.loads(line)
        if seen["stuck"]:
            raise BenchError(("got stuck; first error: " + seen["first_error"]) if seen["first_error"] else "got stuck: some request had no answer for 30 s")
        if seen["requests"] == 0:
            raise BenchError(seen["first_error"] or "no answer")
        reads = seen["requests"] - (seen["writes"] if workload.writes_alone else 0)
        if before is not None and after is not None and reads > 0:
            seen["hit_share"] = min(1.0, (after - before) / reads)
        seen["cpu_ns"] = cpu
        return seen

    def _pgbench(self, workload, peer, meter):
        command = [f"{BIN}/pgbench", "-h", peer.host, "-p", str(peer.port), "-U", workload.user, "-n", "-M", workload.mode, "-c", str(workload.connections),
                   "-j", "1", "-T", str(max(1, round(workload.seconds or self._seconds)))]
        command += ["-S"] if workload.arguments == ["-S"] else ["-f", self._pgbench_script]
        meter.start()
        done = subprocess.run(command + [peer.database(workload)], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        cpu = meter.stop()
        count = re.search(r"transactions actually processed: (\d+)", done.stdout)
        rate = re.search(r"tps = ([\d.]+) ", done.stdout)
        latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
        if done.returncode != 0 or not (count and rate and latency):
            raise BenchError((done.stderr.strip() or done.stdout.strip() or "pgbench failed").splitlines()[-1])
        # pgbench has no quantiles without a log: its average stands where the median does elsewhere. Its logins are in the CPU.
        return {"requests": int(count[1]), "queries": int(count[1]), "qps": float(rate[1]), "p50_us": float(latency[1]) * 1e3, "errors": 0, "wrong": 0,
                "stale": 0, "cpu_ns": cpu}

    def _memory(self, workload, peer):
        roots = {"proxy": peer.roots, "postgres": [self._cluster.pid]}
        before = {name: tree_memory_bytes(pids) for name, pids in roots.items()}
        process = self._start(self._command(workload, peer, ["--workload", "idle", "--connections", str(workload.connections)]))
        self._expect_ready(process)
        time.sleep(0.3)
        after = {name: tree_memory_bytes(pids) for name, pids in roots.items()}
        self._finish(process)
        per_client = {name: (after[name] - before[name]) / workload.connections for name in roots}
        seen = {"postgres_bytes": per_client["postgres"], "errors": 0, "wrong": 0, "stale": 0}
        if peer.roots:
            seen["proxy_bytes"] = per_client["proxy"]
        return seen

    @staticmethod
    def _start(command):
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _expect_ready(self, process):
        if self._read_line(process).strip() != "READY":
            raise BenchError(self._failure(process))

    @staticmethod
    def _read_line(process):
        # The pipe carries whole lines, one at a time: nothing of a later line is in Python's buffer when select() is asked.
        if not select.select([process.stdout], [], [], PATIENCE_S)[0]:
            process.kill()
            process.wait()
            return ""
        return process.stdout.readline()

    @staticmethod
    def _failure(process):
        process.kill()
        return process.communicate()[1].strip() or "the load client ended without a result"

    @staticmethod
    def _finish(process):
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise BenchError("the load client does not end") from None


def tools_in(build):
    return SimpleNamespace(load=os.path.join(build, "bench_load"), responder=os.path.join(build, "bench_responder"), relay=os.path.join(build, "bench_relay"))
