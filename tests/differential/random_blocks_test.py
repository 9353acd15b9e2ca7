#!/usr/bin/python3
"""Transactions drawn at random, of two sessions in turn: reads that may be hits, writes, savepoints, settings, errors, modes, ends of every kind.

Each session writes a table of its own, so that none waits for the other. The seeds are fixed; LARDER_TEST_SEEDS=FIRST-LAST draws others.
"""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.differential import test_case  # noqa: E402
from support.script import Script, sql, x  # noqa: E402

FIRST, LAST = (int(number) for number in os.environ.get("LARDER_TEST_SEEDS", "1-25").split("-"))
STEPS = 60
SETUP = ("CREATE TABLE ta (id int PRIMARY KEY, n int)", "CREATE TABLE tb (id int PRIMARY KEY, n int)", "INSERT INTO ta SELECT i, i FROM generate_series(1, 5) i", "INSERT INTO tb SELECT i, i FROM generate_series(1, 5) i",
         "CREATE VIEW both_sums AS SELECT (SELECT sum(n) FROM ta) AS a, (SELECT sum(n) FROM tb) AS b")
READS = ("SELECT n FROM ta WHERE id = {k}", "SELECT n FROM tb WHERE id = {k}", "SELECT sum(n) FROM ta", "SELECT count(*) FROM tb", "SELECT * FROM both_sums", "SELECT a.n, b.n FROM ta a JOIN tb b ON a.id = b.id ORDER BY 1, 2")
WRITES = ("UPDATE {t} SET n = n + 1 WHERE id = {k}", "UPDATE {t} SET n = -n", "INSERT INTO {t} VALUES ({k} + 5, 0) ON CONFLICT (id) DO UPDATE SET n = {t}.n + 10", "DELETE FROM {t} WHERE id = {k} + 5", "UPDATE {t} SET id = id + 100 WHERE id = {k} + 5")
BEGINS = ("BEGIN", "BEGIN", "BEGIN", "START TRANSACTION", "BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN READ ONLY", "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN; SELECT 1")
ENDS = ("COMMIT", "COMMIT", "END", "ROLLBACK", "ABORT", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN")
OTHERS = ("SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "SET LOCAL work_mem = '1MB'", "SHOW work_mem", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION READ ONLY", "SHOW transaction_isolation", "SHOW transaction_read_only",
          "SELECT 1 / 0", "SELECT nothing", "BEGIN", "COMMIT", "SELECT set_config('transaction_isolation', 'repeatable read', true)", "SELECT 1 WHERE random() < 2", "DO $$BEGIN NULL; END$$", "")


def jdbc(text):
    """BEGIN's messages before those of a statement, with one Sync."""
    return x("", wire.parse("", "BEGIN"), wire.bind(), wire.execute(), wire.parse("", text), wire.bind(), wire.describe_portal(), wire.execute(), wire.sync())


def draw(random_, who):
    key = random_.randint(1, 5)
    kind = random_.choices(("read", "write", "begin", "end", "other", "jdbc", "burst"), (50, 10, 14, 12, 10, 2, 2))[0]
    read = random_.choice(READS).format(k=key)
    if kind == "read":
        return sql(who, read)
    if kind == "write":
        return sql(who, random_.choice(WRITES).format(t="ta" if who == "A" else "tb", k=key))
    if kind == "jdbc":
        return x(who, *jdbc(read).messages)
    if kind == "burst":
        return x(who, wire.query("BEGIN"), wire.query(read), wire.query(read), wire.query(random_.choice(("COMMIT", "ROLLBACK"))))
    return sql(who, random_.choice({"begin": BEGINS, "end": ENDS, "other": OTHERS}[kind]))


def script(seed):
    random_ = random.Random(seed)
    steps = [sql(who, text.format(k=key)) for who in "AB" for text in READS for key in (1, 2) for _ in range(2)]
    for _ in range(STEPS):
        steps.append(draw(random_, random_.choice("AAB")))
    steps += [sql(who, "ROLLBACK") for who in "AB"] + [sql(who, text.format(k=1)) for who in "AB" for text in READS]
    return Script(f"seed_{seed}", cases=(78, 79, 89, 95), setup=SETUP, steps=tuple(steps))


SCRIPTS = tuple(script(seed) for seed in range(FIRST, LAST + 1))
RandomBlocks = test_case(SCRIPTS, "larder_random_blocks")

if __name__ == "__main__":
    unittest.main()
