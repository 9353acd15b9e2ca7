#!/usr/bin/python3
"""Scores `larder advise` on the shop's slow queries: score.py URI LARDER [NAME…]

The database that URI names must hold the shop (scripts/load_shop) and may hold HypoPG. Each advised index is really built, each
rewrite really run; both in a transaction that is rolled back.
  useful  the plan uses what was advised, and the cost falls by at least half of what the best known answer saves
  best    the cost is at most 1.25 times that of the best known answer
Prints one line a query and a summary; exit code 1 if the targets are missed (--floor USEFUL BEST sets others).
"""
import argparse
import json
import re
import subprocess
import sys
import time

import psycopg2

import more_queries
import shop_queries

USEFUL, BEST = 0.9, 0.8


def values_of(sql, params):
    """The parameters as EXECUTE's list: NULLs if there are no values for them, "" if there are no parameters."""
    if not params:
        params = [None] * max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)
    return ", ".join("NULL" if p is None else "'" + p.replace("'", "''") + "'" for p in params)


def plan_of(cursor, sql, params):
    text = "EXPLAIN (FORMAT JSON) " + sql
    values = values_of(sql, params)
    if values:
        # Bind values as the driver of an application would send them: planned with their values, or for any if there are none.
        cursor.execute("PREPARE asked AS " + sql)
        cursor.execute("SET LOCAL plan_cache_mode = " + ("force_custom_plan" if params else "force_generic_plan"))
        text = "EXPLAIN (FORMAT JSON) EXECUTE asked (" + values + ")"
    cursor.execute(text)
    plan = cursor.fetchone()[0][0]["Plan"]
    if values:
        cursor.execute("DEALLOCATE asked")
    return plan


def indexes_in(plan):
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    for child in plan.get("Plans", []):
        found |= indexes_in(child)
    return found


def index_names(cursor):
    cursor.execute("SELECT relname FROM pg_class WHERE relkind IN ('i', 'I')")
    return {name for name, in cursor.fetchall()}


def snapshot(connection):
    """What must be the same before and after: every relation, its size in rows, every sequence, every extension."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT c.oid::regclass::text, c.relkind, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'public' ORDER BY 1")
        found = cursor.fetchall()
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        found += cursor.fetchall()
        cursor.execute("SELECT extname FROM pg_extension ORDER BY 1")
        found += cursor.fetchall()
        for table in ("users", "orders", "order_items", "cart_items", "reviews", "inventory", "stock_movements", "products"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            found += cursor.fetchall()
    connection.rollback()
    return found


def measure(cursor, sql, params, answer):
    """(cost, is every new index used) with this answer in force."""
    text = sql
    before = index_names(cursor)
    cursor.execute("SAVEPOINT answer")
    try:
        for step in answer:
            if isinstance(step, tuple):
                text = step[1]
            else:
                cursor.execute(step)
                if "(" in step and " ON " in step:
                    cursor.execute("ANALYZE " + step.split(" ON ", 1)[1].split()[0].split("(")[0])
        plan = plan_of(cursor, text, params)
        new = index_names(cursor) - before
        used = indexes_in(plan) & new
        return plan["Total Cost"], not new or bool(used)
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT answer")


def same_rows(cursor, entry, other):
    """The statement itself may take hours as it is: the best known indexes and much memory help it, and change no row."""
    sql, params = entry["sql"], entry["params"]
    helpers = [step for best in entry["best"] for step in best if isinstance(step, str) and "gin_trgm" not in step]

    def rows(text):
        cursor.execute("SAVEPOINT rows")
        try:
            cursor.execute("SET LOCAL work_mem = '512MB'")
            cursor.execute("SET LOCAL statement_timeout = '120s'")
            for step in helpers:
                cursor.execute(step)
            if not values_of(text, params):
                cursor.execute(f"SELECT count(*), sum(hashtextextended(s::text, 0)) FROM ({text.rstrip().rstrip(';')}) AS s")
            else:
                cursor.execute("PREPARE asked AS " + text)
                cursor.execute("EXECUTE asked (" + values_of(text, params) + ")")
                found = sorted(map(str, cursor.fetchall()))
                cursor.execute("DEALLOCATE asked")
                return found
            return cursor.fetchall()
        finally:
            cursor.execute("ROLLBACK TO SAVEPOINT rows")
    return rows(sql) == rows(other)


class Advisor:
    def __init__(self, larder, uri):
        self.process = subprocess.Popen([larder, "advise", "--json", "--upstream", uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, entry):
        begin = time.monotonic()
        self.process.stdin.write(json.dumps({"id": entry["id"], "sql": entry["sql"], "params": entry["params"], "calls_per_min": 60}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"larder advise ended at {entry['id']}"
        answer = json.loads(line)
        assert answer["id"] == entry["id"]
        return answer, time.monotonic() - begin

    def close(self):
        self.process.stdin.close()
        return self.process.wait(30)


def answer_of(advice):
    answer = list(advice["ddl"])
    if advice["rewrite"]:
        answer.append(("rewrite", advice["rewrite"]))
    return answer


def judge(cursor, entry, advice):
    """(useful, best, what to say); None where it does not count."""
    answer = answer_of(advice)
    if not entry["best"] and not entry["kinds"]:
        return (None, None, "control: " + ("ok" if not answer else "WRONG, it advises something"))
    if advice["rewrite"] and not same_rows(cursor, entry, advice["rewrite"]):
        return (False, False, "WRONG: the rewrite gives other rows")
    if not entry["best"]:
        is_right = advice["kind"] in entry["kinds"]
        return (is_right, is_right, "" if is_right else "wanted " + " or ".join(entry["kinds"]))
    before = plan_of(cursor, entry["sql"], entry["params"])["Total Cost"]
    known = min(measure(cursor, entry["sql"], entry["params"], [f"CREATE EXTENSION IF NOT EXISTS {e}" for e in entry["extensions"]] + best)[0] for best in entry["best"])
    if known > 0.75 * before and not answer:
        return (None, None, "too small to matter here")
    cost, used = measure(cursor, entry["sql"], entry["params"], answer) if answer else (before, False)
    useful = used and before - cost >= 0.5 * (before - known)
    # An answer that is better than the best known one is the best; what was known is said, so that it can be written down.
    return (useful, useful and cost <= 1.25 * known, f"{before:.0f} -> {cost:.0f}, known {known:.0f}" + ("" if used else ", not used"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("larder")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--floor", nargs=2, type=float, default=(USEFUL, BEST))
    options = parser.parse_args()
    entries = [entry for entry in shop_queries.ALL + more_queries.MORE if not options.names or any(name in entry["id"] for name in options.names)]
    connection = psycopg2.connect(options.uri)
    before = snapshot(connection)
    results, times = [], []
    advisor = Advisor(options.larder, options.uri)
    for entry in entries:
        with connection.cursor() as cursor:
            for step in entry["setup"]:
                cursor.execute(step)
            if entry["setup"]:
                connection.commit()  # the advisor has to see it
            advice, seconds = advisor.ask(entry)
            times.append(seconds)
            try:
                useful, best, note = judge(cursor, entry, advice)
            except psycopg2.Error as error:
                useful, best, note = False, False, "WRONG: " + str(error).splitlines()[0]
            connection.rollback()
            for step in reversed(entry["setup"]):
                words = step.split()
                if words[:2] in (["CREATE", "TABLE"], ["CREATE", "SCHEMA"], ["CREATE", "INDEX"]) and words[2] != "ON":
                    cursor.execute(f"DROP {words[1]} IF EXISTS {words[2]} CASCADE")
            connection.commit()
        results.append((entry, useful, best, note))
        mark = "  " if useful is None else "**" if best else "* " if useful else "- "
        print(f"{mark} {entry['id']:24} {advice['kind']:18} {1000 * seconds:6.0f} ms  {note}", flush=True)
        if not best and (useful is not None or "WRONG" in note):
            print(f"       {json.dumps(answer_of(advice))} {advice['why'][:200]}", flush=True)
    assert advisor.close() == 0
    changed = before != snapshot(connection)
    judged = [result for result in results if result[1] is not None]
    wrong = [result[0]["id"] for result in results if "WRONG" in result[3]]
    useful = sum(bool(result[1]) for result in judged) / max(len(judged), 1)
    best = sum(bool(result[2]) for result in judged) / max(len(judged), 1)
    print(f"{len(judged)} queries: useful {useful:.2f}, best {best:.2f}; {len(results) - len(judged)} controls; wrong: {wrong or 'none'}; "
          f"median {1000 * sorted(times)[len(times) // 2]:.0f} ms; side effects: {'YES' if changed else 'none'}")
    return 0 if useful >= options.floor[0] and best >= options.floor[1] and not wrong and not changed else 1


if __name__ == "__main__":
    sys.exit(main())
