#!/usr/bin/python3
"""Freshness by rows: what reads by key see after writes that name rows by this key, by another, or not at all, and what stays a hit."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.differential import test_case  # noqa: E402
from support.script import Script, sql, still, warm  # noqa: E402

SEED = int(os.environ.get("LARDER_TEST_SEED", "1"))
A, B = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"

R = ("CREATE TABLE r (id serial PRIMARY KEY, code varchar(4) UNIQUE, u uuid UNIQUE, city text, n bigint NOT NULL DEFAULT 0)", "CREATE INDEX ON r (city)",
     f"INSERT INTO r (code, u, city, n) VALUES ('a', '{A}', 'x', 10), ('b', '{B}', 'x', 20), ('c', NULL, 'y', 30)")
PAIR = ("CREATE TABLE pair (a int, b smallint, v text, PRIMARY KEY (a, b))", "INSERT INTO pair VALUES (1, 1, 'one'), (1, 2, 'two'), (2, 1, 'three')")
READS = (
    ("SELECT * FROM r ORDER BY id",), ("SELECT count(*) FROM r",),
    *(("SELECT n, code FROM r WHERE id = $1", id) for id in (1, 2, 3, 4, 5, 6)),
    *(("SELECT id, n FROM r WHERE code = $1", code) for code in "abcdef"),
    ("SELECT id, n FROM r WHERE u = $1", A), ("SELECT id, n FROM r WHERE u = $1", B),
    *(("SELECT id, n FROM r WHERE city = $1 ORDER BY id", city) for city in "xyz"),
    ("SELECT id, n FROM r WHERE id IN (1, 2, 4) ORDER BY id",), ("SELECT id FROM r WHERE id = ANY (ARRAY[2, 3]) ORDER BY id",),
    ("SELECT count(*), sum(n) FROM r WHERE id = $1", 1), ("SELECT r.n, p.v FROM r JOIN pair p ON p.a = 1 AND p.b = 2 WHERE r.id = $1", 1),
    ("SELECT r.n, p.v FROM r LEFT JOIN pair p ON p.a = r.id AND p.b = 1 WHERE r.id = $1 ORDER BY p.a", 2), ("SELECT v FROM pair WHERE a = $1 AND b = $2", 1, 2), ("SELECT v FROM pair WHERE a = $1 AND b = $2", 3, 3),
    ("SELECT b, v FROM pair WHERE a = $1 ORDER BY b", 1), ("SELECT n FROM r WHERE id = $1 UNION ALL SELECT n FROM r WHERE id = 2", 1), ("SELECT (SELECT n FROM r WHERE id = 1), (SELECT n FROM r WHERE code = $1)", "b"),
)


def all_reads(who):
    return tuple(sql(who, text, *values) for text, *values in READS)


def after(*writes):
    """Reads often enough to be hits, a write, and all of them again; the write alone, and in a block."""
    steps = []
    for text, *values in writes:
        steps += [*all_reads("A"), *all_reads("A"), sql("B", text, *values), *all_reads("A"), *all_reads("A")]
        steps += [sql("B", "BEGIN"), sql("B", text, *values), *all_reads("A"), sql("B", "COMMIT"), *all_reads("A"), *all_reads("A")]
    return tuple(steps)


def script(name, *writes, setup=()):
    return Script(name, cases=(57,), setup=(*R, *PAIR, *setup), steps=after(*writes))


def random_writes(seed, count):
    """Any write, of any row."""
    choose = random.Random(seed)
    ids, codes, cities, uuids = (1, 2, 3, 4, 5, 6), "abcdef", "xyz", (A, B, None)
    ways = (
        lambda: ("UPDATE r SET n = n + 1 WHERE id = $1", choose.choice(ids)),
        lambda: ("UPDATE r SET n = n + 1 WHERE code = $1", choose.choice(codes)),
        lambda: ("UPDATE r SET n = n + 1, city = $2 WHERE id = $1", choose.choice(ids), choose.choice(cities)),
        lambda: ("UPDATE r SET code = $1 WHERE id = $2", choose.choice(codes), choose.choice(ids)),
        lambda: ("UPDATE r SET id = $1 WHERE id = $2", choose.choice(ids), choose.choice(ids)),
        lambda: ("UPDATE r SET id = id % 6 + 1 WHERE id = $1", choose.choice(ids)),
        lambda: ("UPDATE r SET city = $1 WHERE city = $2", choose.choice(cities), choose.choice(cities)),
        lambda: ("UPDATE r SET u = $1 WHERE u = $2", choose.choice(uuids), choose.choice(uuids)),
        lambda: ("DELETE FROM r WHERE id = $1", choose.choice(ids)),
        lambda: ("DELETE FROM r WHERE code = $1", choose.choice(codes)),
        lambda: ("INSERT INTO r (id, code, city, n) VALUES ($1, $2, $3, 5)", choose.choice(ids), choose.choice(codes), choose.choice(cities)),
        lambda: ("INSERT INTO r (id, code, u, city) SELECT max(id) % 6 + 1, $1, NULL, 'z' FROM r", choose.choice(codes)),
        lambda: ("INSERT INTO r (id, code, city, n) VALUES ($1, $2, 'x', 1), (6, 'f', 'y', 2) ON CONFLICT DO NOTHING", choose.choice(ids), choose.choice(codes)),
        lambda: ("INSERT INTO r (id, code, city, n) VALUES ($1, $2, 'x', 1) ON CONFLICT (id) DO UPDATE SET n = r.n + 100, city = excluded.city", choose.choice(ids), choose.choice(codes)),
        lambda: ("INSERT INTO r (id, code, city, n) VALUES ($1, $2, 'y', 1) ON CONFLICT (code) DO UPDATE SET n = r.n + 100, id = excluded.id", choose.choice(ids), choose.choice(codes)),
        lambda: ("WITH gone AS (DELETE FROM r WHERE id = $1 RETURNING *) INSERT INTO r SELECT 7 - id, code, u, city, n FROM gone", choose.choice(ids)),
        lambda: ("UPDATE pair SET v = v || '!' WHERE a = $1 AND b = 2", choose.choice((1, 2, 3))),
        lambda: ("UPDATE pair SET b = $1 WHERE a = 1 AND b = $2", choose.choice((1, 2, 3)), choose.choice((1, 2, 3))),
        lambda: ("INSERT INTO pair VALUES ($1, $2, 'new') ON CONFLICT (b, a) DO UPDATE SET v = 'old'", choose.choice((1, 2, 3)), choose.choice((1, 2, 3))),
    )
    return [choose.choice(ways)() for _ in range(count)]


def random_script(number):
    steps = []
    for text, *values in random_writes(SEED * 1000 + number, 40):
        steps += [*all_reads("A"), sql("B", text, *values), *all_reads("A")]
    return Script(f"any_rows_{number}", cases=(57,), setup=(*R, *PAIR), steps=tuple(steps))


def stays(name, write, *reads, setup=()):
    """Hits that the write leaves alone."""
    text, *values = write
    made = tuple(warm("A", read, *more) for read, *more in reads)
    return Script(name, cases=(57,), setup=(*R, *PAIR, *setup), steps=(*made, sql("B", text, *values), *(still("A", read, *more) for read, *more in reads)))


def row_trigger(body, when="BEFORE INSERT OR UPDATE", declare=""):
    return (f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$DECLARE {declare} BEGIN {body} END$$", f"CREATE TRIGGER act {when} ON r FOR EACH ROW EXECUTE FUNCTION act()")


BY_ID, BY_CODE = "SELECT n FROM r WHERE id = $1", "SELECT n FROM r WHERE code = $1"

SCRIPTS = (
    script("by_one_key", ("UPDATE r SET n = n + 1 WHERE id = $1", 1), ("UPDATE r SET n = n + 1 WHERE code = $1", "b"), ("UPDATE r SET n = n + 1 WHERE u = $1", A), ("UPDATE r SET n = n + 1 WHERE city = $1", "x"), ("DELETE FROM r WHERE u = $1", B)),
    script("key_changes", ("UPDATE r SET id = $1 WHERE id = $2", 4, 1), ("UPDATE r SET code = $1 WHERE id = $2", "d", 2), ("UPDATE r SET id = id + 1 WHERE id = $1", 3), ("UPDATE r SET code = 'e' WHERE code = $1", "c"),
           ("UPDATE r SET city = CASE city WHEN 'x' THEN 'z' ELSE 'x' END WHERE id = $1", 2), ("UPDATE pair SET (a, b) = (3, 3) WHERE a = $1 AND b = $2", 1, 2)),
    script("inserts", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("INSERT INTO r (code, city) VALUES ('e', $1)", "y"), ("INSERT INTO r DEFAULT VALUES",), ("INSERT INTO r VALUES (6, 'f') ON CONFLICT DO NOTHING",), ("INSERT INTO r VALUES (' 6', 'g  ')",)),
    # A value that does not look as it is stored: blanks, signs, casts, rounding, what is cut to the column's length.
    script("odd_literals", ("UPDATE r SET n = n + 1 WHERE id = ' 1'",), ("UPDATE r SET n = n + 1 WHERE id = '+2'",), ("UPDATE r SET code = 'd   ' WHERE id = 1",), ("UPDATE r SET code = 'dddd  ' WHERE id = 1",), ("UPDATE r SET id = 4.4 WHERE id = 1",),
           ("UPDATE r SET id = '05' WHERE id = 2",), ("UPDATE r SET n = n + 1 WHERE code = 'b'::bpchar",), (f"UPDATE r SET n = n + 1 WHERE u = '{{{A.upper()}}}'",), ("UPDATE r SET n = n + 1 WHERE id = 3::numeric",), ("UPDATE r SET n = $1 WHERE id = $1", 3)),
    script("casts", ("UPDATE r SET n = n + 1 WHERE id = $1::INTEGER", 1), ("UPDATE r SET n = n + 1 WHERE id = $1::bigint", 2), ("UPDATE r SET n = n + 1 WHERE code = $1::text", "b"), ("UPDATE r SET n = n + 1 WHERE code = $1::varchar", "a"),
           ("UPDATE r SET n = n + 1 WHERE code = 'bbb'::varchar(1)",), ("UPDATE r SET n = n + 1 WHERE id = '1'::int",), ("UPDATE r SET n = n + 1 WHERE id = 1.4::int",), ("UPDATE r SET n = n + 1 WHERE code = 'a '::bpchar",), ("UPDATE r SET n = n + 1 WHERE u = $1::uuid", A)),
    script("a_trigger_moves_the_key", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE r SET n = 5 WHERE id = $1", 2), setup=(
        "CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id = NEW.id + 1; RETURN NEW; END$$", "CREATE TRIGGER shift BEFORE INSERT OR UPDATE ON r FOR EACH ROW EXECUTE FUNCTION shift()")),
    script("a_trigger_selects_into_the_key", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE r SET n = 5 WHERE id = $1", 2), setup=row_trigger(
        "SELECT NEW.id + 1 INTO NEW.id; RETURN NEW;")),
    script("a_trigger_returns_another_row", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE r SET n = 5 WHERE id = $1", 2), setup=row_trigger(
        "x := NEW; x.code := x.code || '+'; RETURN x;", declare="x r;")),
    script("a_trigger_loops_over_the_row", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE r SET n = 5 WHERE id = $1", 2), setup=row_trigger(
        "FOR NEW IN SELECT NEW.id + 1, NEW.code, NEW.u, NEW.city, NEW.n LOOP NULL; END LOOP; RETURN NEW;")),
    script("a_trigger_counts_into_the_key", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE r SET n = 5 WHERE id = $1", 2), setup=row_trigger(
        "PERFORM 1 FROM generate_series(1, 5 + NEW.id); GET DIAGNOSTICS NEW.id = ROW_COUNT; RETURN NEW;")),
    script("a_trigger_writes_other_rows_of_the_table", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE r SET n = 5 WHERE id = $1", 2), ("DELETE FROM r WHERE id = $1", 3), setup=row_trigger(
        "IF pg_trigger_depth() = 1 THEN UPDATE r SET n = n + 1000 WHERE id = 1; END IF; RETURN NULL;", when="AFTER INSERT OR UPDATE OR DELETE")),
    script("a_trigger_of_another_table_comes_back", ("INSERT INTO r (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE r SET n = 5 WHERE id = $1", 2), setup=(
        *row_trigger("UPDATE pair SET v = v || '.'; RETURN NULL;", when="AFTER INSERT OR UPDATE OF n"),
        "CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE r SET city = 'back' WHERE id = 1; RETURN NULL; END$$", "CREATE TRIGGER back AFTER UPDATE ON pair FOR EACH ROW EXECUTE FUNCTION back()")),
    script("a_foreign_key_comes_back", ("DELETE FROM tree WHERE id = $1", 1), ("DELETE FROM tree WHERE id = $1", 4), setup=(
        "CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON DELETE CASCADE, r int REFERENCES r (id) ON UPDATE CASCADE)", "INSERT INTO tree VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 3), (4, NULL, 1)")),
    script("a_case_insensitive_key", ("INSERT INTO r (id, code, city) VALUES ($1, 'A', 'x') ON CONFLICT (code) DO UPDATE SET n = 77", 9), ("UPDATE r SET n = n + 1 WHERE code = $1", "A"), ("UPDATE r SET n = n + 1 WHERE code = 'B' COLLATE ci",), setup=(
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)", "CREATE UNIQUE INDEX ON r (code COLLATE ci)")),
    script("a_column_of_any_case", ("UPDATE r SET n = n + 1 WHERE code = $1", "A"), ("INSERT INTO r (id, code) VALUES (9, $1) ON CONFLICT (code) DO UPDATE SET n = 5", "B"), setup=(
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)", "ALTER TABLE r ALTER code TYPE text COLLATE ci")),
    script("a_generated_key", ("UPDATE r SET n = $1 WHERE id = 1", 31), ("UPDATE r SET n = $1 WHERE id = 2", 41), setup=(
        "ALTER TABLE r DROP COLUMN city, ADD COLUMN city text GENERATED ALWAYS AS ((n % 10)::text) STORED", "CREATE INDEX ON r (city)")),
    script("an_equality_of_their_own", ("UPDATE r SET n = n + 1 WHERE id OPERATOR(odd.=) $1", 1), ("UPDATE r SET n = n + 1 WHERE id = $1", 1), setup=(
        "CREATE SCHEMA odd", "CREATE FUNCTION odd.alike(int, int) RETURNS bool LANGUAGE sql AS 'SELECT $1 % 2 = $2 % 2'", "CREATE OPERATOR odd.= (FUNCTION = odd.alike, LEFTARG = int, RIGHTARG = int)")),
    script("in_a_tree", ("UPDATE r SET n = n + 1 WHERE id = $1", 1), ("INSERT INTO heir (id, code, city) VALUES ($1, 'd', 'x')", 4), ("UPDATE heir SET n = n + 1 WHERE id = $1", 4), ("DELETE FROM r WHERE id = $1", 4), setup=("CREATE TABLE heir () INHERITS (r)",)),
    *(random_script(number) for number in range(3)),
    stays("an_update_of_another_row", ("UPDATE r SET n = n + 1 WHERE id = $1", 1), (BY_ID, 2), ("SELECT n FROM r WHERE id = $1", 4), ("SELECT v FROM pair WHERE a = $1 AND b = $2", 1, 1)),
    stays("an_update_with_a_cast", ("UPDATE r SET n = n + 1 WHERE id = $1::INTEGER", 1), ("SELECT n FROM r WHERE id = $1::INTEGER", 2), ("SELECT n FROM r WHERE id = '2'::bigint",)),
    stays("a_serial_insert", ("INSERT INTO r (city) VALUES ($1)", "z"), (BY_ID, 1), (BY_CODE, "a"), ("SELECT n FROM r WHERE id IN (1, 2)",), ("SELECT id FROM r WHERE city = $1", "x")),
    stays("a_delete_of_another_row", ("DELETE FROM r WHERE id = $1", 3), (BY_ID, 1), (BY_ID, 7)),
    stays("an_upsert_of_another_row", ("INSERT INTO r (id, code) VALUES ($1, 'z') ON CONFLICT (id) DO UPDATE SET n = 5", 3), (BY_ID, 1), (BY_ID, 7)),
    stays("an_update_with_a_trigger_that_touches_the_row", ("UPDATE r SET n = n + 1 WHERE id = $1", 1), (BY_ID, 2), ("SELECT n FROM r WHERE id IN (2, 3)",), setup=(
        "ALTER TABLE r ADD touched timestamptz", *row_trigger("IF NEW IS DISTINCT FROM OLD THEN NEW.touched := clock_timestamp(); END IF; RETURN NEW;", when="BEFORE UPDATE"))),
    stays("an_insert_with_a_trigger_that_notes_it", ("INSERT INTO r (city) VALUES ($1)", "z"), (BY_ID, 2), ("SELECT v FROM pair WHERE a = $1 AND b = $2", 1, 1), setup=(
        "CREATE TABLE audit (at timestamptz DEFAULT now(), row_id int, what text)", *row_trigger("INSERT INTO audit (row_id, what) VALUES (NEW.id, TG_OP); RETURN NULL;", when="AFTER INSERT OR UPDATE OR DELETE"))),
    stays("a_change_of_another_key", ("UPDATE r SET code = $1 WHERE code = $2", "z", "a"), (BY_CODE, "b"), (BY_CODE, "y")),
)
Rows = test_case(SCRIPTS, "larder_rows")

if __name__ == "__main__":
    unittest.main()
