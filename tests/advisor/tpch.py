#!/usr/bin/python3
"""TPC-H and the choice of indexes under a budget: tpch.py URI LARDER [--scale S] [--floor RELATIVE]

Makes a database of its own on the server that URI names, with TPC-H's tables at this scale, and asks `larder advise --workload` for the
best indexes at five budgets (shares of the tables' size). Each set is really built; the cost is the planner's, summed over the 22
queries, relative to none but the primary keys. Beside them stands one index on each column. Exit code 1 if a set is larger than its
budget by more than a fifth, if more budget makes it worse, or if the largest budget leaves more than --floor.
"""
import argparse
import json
import os
import subprocess
import sys
import time

import psycopg2

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tpch")
DATABASE = "larder_tpch"
BUDGETS = (0.05, 0.1, 0.25, 0.5, 1.0)
TABLES = ("region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem")


def queries():
    with open(os.path.join(HERE, "queries.sql")) as file:
        return [text.strip() for text in file.read().split(";\n") if text.strip()]


def connect(uri):
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    return connection


def vacuum(cursor):
    for table in TABLES:
        cursor.execute("VACUUM (ANALYZE) " + table)


def cost(cursor):
    """The planner's cost of each query, with whatever indexes are there."""
    found = []
    for sql in queries():
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql)
        found.append(cursor.fetchone()[0][0]["Plan"]["Total Cost"])
    return found


def index_bytes(cursor):
    cursor.execute("SELECT coalesce(sum(pg_relation_size(indexrelid)), 0) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
                   "WHERE NOT indisprimary AND c.relnamespace = 'public'::regnamespace")
    return int(cursor.fetchone()[0])


def drop_indexes(cursor):
    cursor.execute("SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE NOT indisprimary AND c.relnamespace = 'public'::regnamespace")
    for name, in cursor.fetchall():
        cursor.execute("DROP INDEX " + name)


def with_indexes(cursor, ddl):
    """(the queries' costs, bytes) of these indexes, really built."""
    for statement in ddl:
        cursor.execute(statement)
    vacuum(cursor)
    found = cost(cursor), index_bytes(cursor)
    drop_indexes(cursor)
    return found


def relative(before, after):
    """(of the sums, the mean of the queries' own): a few queries hold most of the sum."""
    return sum(after) / sum(before), sum(min(a / b, 1) for b, a in zip(before, after)) / len(before)


def ask(larder, uri, budget):
    lines = "".join(json.dumps({"id": f"q{n + 1}", "sql": sql, "calls_per_min": 1}) + "\n" for n, sql in enumerate(queries()))
    begin = time.monotonic()
    done = subprocess.run([larder, "advise", "--workload", "--json", "--budget", str(int(budget)), "--upstream", uri], input=lines, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), time.monotonic() - begin


def single_columns(cursor):
    cursor.execute("SELECT format('CREATE INDEX ON %%I (%%I)', table_name, column_name) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY (%s)",
                   [list(TABLES)])
    return [ddl for ddl, in cursor.fetchall()]


def score(uri, larder, floor):
    cursor = connect(uri).cursor()
    vacuum(cursor)
    cursor.execute("SELECT sum(pg_table_size(c.oid)) FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
    data = int(cursor.fetchone()[0])
    before = cost(cursor)
    print(f"tables {data / 1e6:.1f} MB, primary keys only: 1.000", flush=True)
    is_fine, last = True, 1.0
    for share in BUDGETS:
        advice, seconds = ask(larder, uri, share * data)
        after, size = with_indexes(cursor, [ddl for index in advice["indexes"] for ddl in index["ddl"]])
        whole, mean = relative(before, after)
        print(f"budget {share:4.0%} {share * data / 1e6:8.1f} MB: {whole:.4f} (said {advice['after'] / advice['before']:.4f}), each query's mean {mean:.3f}, with "
              f"{len(advice['indexes'])} indexes of {size / 1e6:.1f} MB (said {advice['bytes'] / 1e6:.1f}), asked for {seconds:.1f} s", flush=True)
        is_fine = is_fine and size <= 1.2 * share * data and whole <= last + 0.02
        last = whole
    after, size = with_indexes(cursor, single_columns(cursor))
    print("one index on each column: {:.4f}, each query's mean {:.3f}, with {:.1f} MB".format(*relative(before, after), size / 1e6), flush=True)
    return is_fine and last <= floor


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("larder")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--floor", type=float, default=0.8)
    options = parser.parse_args()
    server = connect(options.uri).cursor()
    server.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
    server.execute(f"CREATE DATABASE {DATABASE}")
    uri = options.uri.rsplit("/", 1)[0] + "/" + DATABASE
    try:
        files = [part for name in ("schema.sql", "data.sql") for part in ("-f", os.path.join(HERE, name))]
        subprocess.run(["psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-v", "scale=" + options.scale, *files, uri], check=True, timeout=3600)
        cursor = connect(uri).cursor()
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'hypopg'")
        if cursor.fetchone():
            cursor.execute("CREATE EXTENSION hypopg")
        return 0 if score(uri, options.larder, options.floor) else 1
    finally:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


if __name__ == "__main__":
    sys.exit(main())
