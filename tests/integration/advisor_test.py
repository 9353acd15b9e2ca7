#!/usr/bin/python3
"""`larder advise` on the shop at a tenth of its size: its answers scored with and without HypoPG, and nothing changed by it, whatever it is asked."""
import json
import os
import subprocess
import sys

import psycopg2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "advisor"))
import rewrite_rows  # noqa: E402

URI = os.environ.get("LARDER_TEST_PGURI")
LARDER = os.environ.get("LARDER_BINARY")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATABASE = "larder_advisor_test"
# useful, best. Without HypoPG there is no planner to ask, only formulas.
FLOORS = {True: ("0.90", "0.80"), False: ("0.75", "0.65")}


def server(sql, *names):
    connection = psycopg2.connect(URI)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql, names)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def ask(uri, sql):
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def advise(uri, *lines, arguments=("--json",)):
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run([LARDER, "advise", *arguments, "--upstream", uri], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()] if "--json" in arguments else done.stdout


def check_that_nothing_is_changed(uri):
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE notes (n int); CREATE SEQUENCE counter")
    # Labelled wrongly on purpose: the planner calls them.
    for label in ("IMMUTABLE", "STABLE", "VOLATILE"):
        cursor.execute(f"CREATE FUNCTION write_{label}(int) RETURNS int LANGUAGE plpgsql {label} AS $$ BEGIN INSERT INTO notes VALUES ($1); RETURN $1; END $$")
        cursor.execute(f"CREATE FUNCTION count_{label}(int) RETURNS bigint LANGUAGE plpgsql {label} AS $$ BEGIN RETURN nextval('counter'); END $$")
        cursor.execute(f"CREATE FUNCTION free_{label}(int) RETURNS int LANGUAGE plpgsql {label} AS $$ BEGIN SET transaction_read_only = off; INSERT INTO notes VALUES ($1); RETURN 1; END $$")
    statements = [f"SELECT * FROM orders WHERE id = {name}_{label}(5)" for name in ("write", "count", "free") for label in ("IMMUTABLE", "STABLE", "VOLATILE")]
    statements += ["DELETE FROM notes", "INSERT INTO notes SELECT id FROM orders", "UPDATE orders SET total = 0", "TRUNCATE orders", "DROP TABLE notes", "SELECT 1; DROP TABLE notes",
                   "SELECT nextval('counter')", "SELECT * INTO other FROM orders", "CREATE TABLE other AS SELECT 1", "EXPLAIN ANALYZE DELETE FROM orders", "DO $$ BEGIN DELETE FROM orders; END $$",
                   "COPY orders TO PROGRAM 'false'", "CALL nobody()", "COMMIT; DELETE FROM orders", "SELECT 1) AS x; DROP TABLE notes; --", "", "SELEC", "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d",
                   "SELECT * FROM orders WHERE id = $1", "MERGE INTO notes USING orders ON n = id WHEN NOT MATCHED THEN INSERT VALUES (id)", "SELECT pg_advisory_lock(7)", "SELECT * FROM nowhere"]
    cursor.execute("INSERT INTO notes VALUES (1)")
    cursor.execute("SELECT count(*), sum(total) FROM orders")
    before = cursor.fetchall()
    answers = advise(uri, *({"id": n, "sql": sql} for n, sql in enumerate(statements)))
    assert [answer["id"] for answer in answers] == list(range(len(statements)))
    cursor.execute("SELECT count(*), sum(total) FROM orders")
    assert cursor.fetchall() == before
    cursor.execute("SELECT n FROM notes")
    assert cursor.fetchall() == [(1,)], "a function that the planner called has written"
    cursor.execute("SELECT is_called FROM counter")
    assert cursor.fetchone() == (False,), "a sequence moved"
    cursor.execute("SELECT to_regclass('other')")
    assert cursor.fetchone() == (None,)
    connection.close()


def check_that_fresh_statistics_are_fresh(uri):
    """A table made, analysed and asked about at once: its rows are counted as changes only after the ANALYZE that saw them."""
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE made AS SELECT n AS id, n % 5000 AS a FROM generate_series(1, 60000) AS n")
    cursor.execute("ALTER TABLE made SET (autovacuum_enabled = off)")
    cursor.execute("ANALYZE made")
    connection.close()   # reports the counters
    [made] = advise(uri, {"id": 1, "sql": "SELECT * FROM made WHERE a = 5"})
    assert made["kind"] == "btree_single", made
    server_of = psycopg2.connect(uri)
    server_of.autocommit = True
    server_of.cursor().execute("INSERT INTO made SELECT n, n FROM generate_series(1, 100000) AS n")
    server_of.close()
    [grown] = advise(uri, {"id": 2, "sql": "SELECT * FROM made WHERE a = 5"})
    assert grown["kind"] == "analyze", grown
    again = psycopg2.connect(uri)
    again.cursor().execute("DROP TABLE made")
    again.commit()
    again.close()


def check_the_command_line(uri):
    odd = advise(uri, "no json", {"sql": "SELECT 1"}, {"id": 2}, {"id": "x", "sql": "SELECT * FROM orders WHERE total = $1", "params": [None]},
                 {"id": 4, "sql": "SELECT * FROM orders WHERE total > $1 ORDER BY total LIMIT 3", "params": [2800]})
    assert [answer["id"] for answer in odd] == [None, None, 2, "x", 4]
    assert all(answer["kind"] == "none" and answer["ddl"] == [] and answer["rewrite"] is None and answer["others"] == [] for answer in odd[:3])
    assert odd[4]["kind"] == "btree_single" and 0.5 < odd[4]["gain"] <= 1
    wrong = advise(uri, {"id": 1, "sql": "SELECT $1", "params": {"a": 1}}, {"id": 2, "sql": "SELECT $1", "params": ["a\0b"]}, {"id": 3, "sql": "SELECT 1", "calls_per_min": "often"},
                   {"id": 4, "sql": "SELECT * FROM orders WHERE total = 5", "params": None, "calls_per_min": None})
    assert ["is not a list" in wrong[0]["why"], "NUL" in wrong[1]["why"], "is not a number" in wrong[2]["why"], wrong[3]["kind"] == "btree_single"] == [True] * 4, wrong
    text = advise(uri, "SELECT *\nFROM orders WHERE total = 5;\nSELECT 1;", arguments=())
    assert "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_total_idx ON public.orders (total)" in text and "Nothing to do" in text
    assert "DROP INDEX CONCURRENTLY public.orders_total_idx" in text and "costs most" in text
    assert subprocess.run([LARDER, "advise", "--nonsense"], capture_output=True, timeout=30).returncode == 2
    assert subprocess.run([LARDER, "advise", "--upstream", "postgres://127.0.0.1:1/x", "SELECT 1"], capture_output=True, timeout=30).returncode == 1


def check_that_it_deploys_when_told(uri):
    deploy = lambda *statement: subprocess.run([LARDER, "advise", "--deploy", "--upstream", uri, *statement], capture_output=True, text=True, timeout=120)  # noqa: E731
    indexes = lambda: {row[0] for row in ask(uri, "SELECT indexrelid::regclass::text FROM pg_index")}  # noqa: E731
    before = indexes()
    done = deploy("SELECT * FROM orders WHERE total = 5")
    assert done.returncode == 0 and "In force: the plan's cost fell" in done.stdout, done
    assert indexes() - before == {"orders_total_idx"}
    ask(uri, "DROP INDEX orders_total_idx")
    none = deploy("SELECT * FROM orders WHERE id = 5")
    assert none.returncode == 1 and "not for Larder to do" in none.stderr, none
    assert deploy().returncode == 2 and indexes() == before


def check_the_workload(uri, has_hypopg):
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE INDEX reviews_again ON reviews (product_id, created_at DESC)")
    reads = [{"id": "variant", "sql": "SELECT * FROM order_items WHERE variant_id = $1", "params": ["47"], "calls_per_min": 100},
             {"id": "variant_sum", "sql": "SELECT sum(quantity) FROM order_items WHERE variant_id BETWEEN 5 AND 9", "calls_per_min": 5},
             {"id": "big", "sql": "SELECT id FROM orders WHERE total > 2500"}, {"id": "words", "sql": "SELECT id FROM products WHERE tags @> '{limited,recycled,summer}'"},
             {"id": "review", "sql": "SELECT * FROM reviews WHERE order_id = 77"}, {"id": "wrong", "sql": "SELECT nothing FROM orders"}, {"id": "drop", "sql": "DROP TABLE orders"}]
    run = lambda statements, *more: advise(uri, *statements, arguments=("--workload", "--json", *more))[0]  # noqa: E731
    free = run(reads)
    assert free["kind"] == "workload" and free["after"] < 0.3 * free["before"] and free["budget"] is None
    ddl = [one for index in free["indexes"] for one in index["ddl"]]
    assert any("order_items (variant_id)" in one for one in ddl) and any("orders (total)" in one for one in ddl) and any("reviews (order_id)" in one for one in ddl), ddl
    assert free["indexes"][0]["serves"] and abs(sum(index["gain"] for index in free["indexes"]) - free["gain"]) < 0.01
    whys = {one["id"]: one.get("why", "") for one in free["statements"]}
    assert "refuses" in whys["wrong"] and whys["drop"] and not whys["big"]
    assert any("reviews_again" in one["ddl"][0] for one in free["drop"]) and not any("pkey" in one["ddl"][0] for one in free["drop"])
    assert any("order_items_variant_id_fkey" in one["why"] for one in run(reads[2:3] + [{"id": 1, "sql": "SELECT 1 FROM order_items"}])["foreign_keys"])
    assert not any("order_items_variant_id_fkey" in one["why"] for one in free["foreign_keys"]), "a chosen index serves this key"
    # What is chosen fits, is what was said when it is there, and more room is never worse.
    half = run(reads, "--budget", str(int(free["bytes"] * 0.6)))
    assert half["bytes"] <= half["budget"] and free["after"] <= half["after"] < half["before"]
    assert run(reads, "--budget=1B")["indexes"] == []
    for one in ddl:
        cursor.execute(one)
    cursor.execute("ANALYZE")
    again = run(reads)
    assert again["before"] < 1.3 * free["after"] + 50 if has_hypopg else again["before"] < free["before"], (again["before"], free["after"])
    assert not any("CREATE INDEX" in one and "variant_id" in one for index in again["indexes"] for one in index["ddl"])
    for one in [undo for index in free["indexes"] for undo in index["undo"]]:
        cursor.execute(one)
    # A table that is written much more than read is left alone.
    writes = [{"id": "w", "sql": "INSERT INTO order_items SELECT id, 99, 5, 1, 1 FROM orders WHERE id < 2000", "calls_per_min": 5000}]
    assert not any("order_items" in one for index in run(reads + writes)["indexes"] for one in index["ddl"])
    text = advise(uri, *(one["sql"].replace("$1", "47") + ";" for one in reads[:5]), arguments=("--workload",))
    assert "save" in text and "CREATE INDEX CONCURRENTLY" in text and "now and then" in text, text
    for wrong in (("--budget", "many"), ("--workload", "--budget", "-5"), ("--budget", "5MB")):
        assert subprocess.run([LARDER, "advise", *wrong, "--upstream", uri], input="", capture_output=True, text=True, timeout=30).returncode == 2, wrong
    cursor.execute("DROP INDEX reviews_again")
    connection.close()


def main():
    if not URI or not LARDER:
        return 77
    has_hypopg = server("SELECT 1 FROM pg_available_extensions WHERE name = 'hypopg'") != []
    server(f"DROP DATABASE IF EXISTS {DATABASE}")
    server(f"CREATE DATABASE {DATABASE}")
    uri = URI.rsplit("/", 1)[0] + "/" + DATABASE
    try:
        subprocess.run([os.path.join(ROOT, "scripts/load_shop"), uri, "0.1"], check=True, stdout=subprocess.DEVNULL, timeout=300)
        vacuum = psycopg2.connect(uri)
        vacuum.autocommit = True
        vacuum.cursor().execute("VACUUM (ANALYZE)")
        vacuum.close()
        for with_hypopg in (False, True)[:1 + has_hypopg]:
            if with_hypopg:
                made = psycopg2.connect(uri)
                made.autocommit = True
                made.cursor().execute("CREATE EXTENSION hypopg")
                made.close()
            score = [sys.executable, os.path.join(ROOT, "tests/advisor/score.py"), uri, LARDER, "--floor", *FLOORS[with_hypopg]]
            done = subprocess.run(score, capture_output=True, text=True, timeout=600)
            print(f"HypoPG {with_hypopg}:", done.stdout.splitlines()[-1] if done.stdout else "", flush=True)
            assert done.returncode == 0, done.stdout + done.stderr
            check_the_workload(uri, with_hypopg)
        check_that_nothing_is_changed(uri)
        check_that_fresh_statistics_are_fresh(uri)
        check_the_command_line(uri)
        check_that_it_deploys_when_told(uri)
        if has_hypopg:
            tpch = [sys.executable, os.path.join(ROOT, "tests/advisor/tpch.py"), URI, LARDER, "--scale", "0.005", "--floor", "0.3"]
            done = subprocess.run(tpch, capture_output=True, text=True, timeout=600)
            print(done.stdout, flush=True)
            assert done.returncode == 0, done.stdout + done.stderr
        rewrite_rows.check(uri, advise)
    finally:
        server(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
