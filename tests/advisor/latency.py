#!/usr/bin/python3
"""What the advisor's work costs those who pass: latency.py URI LARDER BENCH_LOAD [ROUNDS]

The database that URI names must hold the shop (scripts/load_shop). In turns, a Larder with the advisor on and one with it off stand in front of
it; one client keeps asking the slow queries of shop_queries.py in shapes that were never seen before, so that a running advisor always has one
to look at, while four others read rows by key past the cache. Prints their p50 and p99 of each round, how many statements were analysed in it,
and the medians. Judges nothing: a figure of time belongs to the machine that it was taken on.
"""
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time

import psycopg2.extensions

import shop_queries
from own_larder import OwnLarder

SECONDS = 10


def analysed(larder):
    lines = larder.read("/metrics").splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("larder_advisor_analyses_total"))


def ask_slow_queries(larder, stop, asked):
    connection = larder.connect()
    numbers = itertools.count()
    with connection.cursor() as cursor:
        while not stop.is_set():
            for case in shop_queries.INDEXES:
                if stop.is_set() or case["setup"] or not case["sql"].lstrip().upper().startswith("SELECT") or "$1" in case["sql"]:
                    continue
                cursor.execute(f"SELECT count(*) AS shape_{next(numbers)} FROM ({case['sql']}) shape")
                asked.append(1)
    connection.close()


def round_of(binary, uri, load, is_on):
    with OwnLarder(binary, uri, f"advisor.enabled={str(is_on).lower()}", "advisor.slow=1ms", "advisor.statements_max=100000") as larder:
        parts = psycopg2.extensions.parse_dsn(uri)
        stop, asked = threading.Event(), []
        feeder = threading.Thread(target=ask_slow_queries, args=(larder, stop, asked))
        feeder.start()
        time.sleep(2)
        before = analysed(larder)
        done = subprocess.run([load, "--port", str(larder.port), "--user", parts["user"], "--database", parts["dbname"], "--connections", "4", "--mode", "prepared", "--workload",
                               "text", "--text", "/* larder: off */ SELECT id, email FROM users WHERE id = {n}", "--duration", str(SECONDS), "--warmup", "1"],
                              capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout)
        figures["analysed"] = analysed(larder) - before
        stop.set()
        feeder.join()
        return figures


def main():
    uri, binary, load = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    seen = {True: [], False: []}
    for number in range(rounds):
        for is_on in (True, False):
            figures = round_of(binary, uri, load, is_on)
            seen[is_on].append(figures)
            print(f"round {number + 1}, advisor {'on ' if is_on else 'off'}: p50 {figures['p50_us']:7.0f} us, p99 {figures['p99_us']:7.0f} us, {figures['qps']:7.0f}/s, analysed {figures['analysed']:.0f}",
                  flush=True)
    for is_on, name in ((True, "on"), (False, "off")):
        print(f"advisor {name:3}: p50 {statistics.median(f['p50_us'] for f in seen[is_on]):.0f} us, p99 {statistics.median(f['p99_us'] for f in seen[is_on]):.0f} us,"
              f" analysed {sum(f['analysed'] for f in seen[is_on]):.0f}")


if __name__ == "__main__":
    main()
