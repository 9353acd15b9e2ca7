#!/usr/bin/python3
"""PostgreSQL's own programs through Larder: psql, pg_dump and pgbench."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT  # noqa: E402
from support.zoo import ZooCase, require  # noqa: E402


@require("psql")
class Psql(ZooCase):
    database = "larder_zoo_psql"

    def psql(self, server, *arguments, script=None, check=True):
        done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=0", *arguments], input=script, env=server.environment(self.database), capture_output=True, text=True, check=False, timeout=120)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def same(self, *arguments, script=None):
        self.assertEqual(self.psql(self.through, *arguments, script=script, check=False), self.psql(self.direct, *arguments, script=script, check=False))

    def test_meta_commands(self):
        for command in (r"\d", r"\d item", r"\d+ sale", r"\dt+ item", r"\dv", r"\df", r"\dn", r"\du", r"\l larder_zoo_psql", r"\d sold", r"\sv sold", r"\dp", r"\conninfo_nothing", r"\ds", r"\di"):
            self.same("-c", command)

    def test_reads_and_writes(self):
        self.cycle(lambda: self.psql(self.through, "-Atc", "SELECT name, stock FROM item WHERE id = 7"), lambda: self.psql(self.through, "-c", "UPDATE item SET stock = stock + 1 WHERE id = 7"),
                   lambda: self.psql(self.direct, "-Atc", "SELECT name, stock FROM item WHERE id = 7"))

    def test_script_with_errors_and_blocks(self):
        self.same(script="""SELECT * FROM item ORDER BY id LIMIT 3; SELECT 1/0; BEGIN; SELECT count(*) FROM item; SELECT nothing; SELECT 2; ROLLBACK;
\\set n 5\nSELECT name FROM item WHERE id = :n \\g\nSELECT name FROM item WHERE id = 5 \\gx\nSELECT 1 AS a, 2 AS b \\gset\nSELECT :a + :b;\n\\gdesc\nSELECT 1; SELECT 2\\; SELECT 3;
SELECT name FROM item WHERE id = 1 \\gdesc\nPREPARE p AS SELECT $1::int; EXECUTE p(5); \\errverbose\nSELECT format('SELECT %s', i) FROM generate_series(1, 2) i \\gexec\nSET FETCH_COUNT 2;\n\\set FETCH_COUNT 2\nSELECT id FROM item ORDER BY id LIMIT 5;
\\crosstabview\n\\encoding LATIN1\nSELECT 'x';""")
        self.same("-1", "-c", "SELECT count(*) FROM item", "-c", "SELECT 1/0")

    def test_copy(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "items")
            count = "SELECT count(*), sum(stock) FROM item"
            total = lambda server: self.psql(server, "-Atc", count)  # noqa: E731
            self.psql(self.through, "-c", f"\\copy item TO '{path}'")
            with open(path, encoding="utf-8") as rows:
                self.assertEqual(len(rows.readlines()), self.truth("SELECT count(*) FROM item")[0][0])
            self.read_until_hit(lambda: total(self.through))
            self.psql(self.through, "-c", "BEGIN", "-c", "CREATE TEMP TABLE i (LIKE item)", "-c", f"\\copy i FROM '{path}'", "-c", "INSERT INTO item (id, name, stock) SELECT id + 1000, name, 1 FROM i", "-c", "COMMIT")
            self.assertEqual(total(self.through), total(self.direct))
            self.read_until_hit(lambda: total(self.through))
            self.psql(self.through, script="COPY item (id, name, stock) FROM STDIN;\n5001\tfrom standard input\t3\n5002\tx\t4\n\\.\n")
            self.assertEqual(total(self.through), total(self.direct))

    def test_interrupt_cancels(self):
        psql = subprocess.Popen(["psql", "-X", "-c", "SELECT pg_sleep(300)"], env=self.through.environment(self.database), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        control = self.direct.connect("postgres")
        self.addCleanup(control.close)
        with control.cursor() as cursor:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND query LIKE 'SELECT pg_sleep(300)%%' AND state = 'active'", (self.database,))
                if cursor.fetchone()[0]:
                    break
        psql.send_signal(signal.SIGINT)
        _, err = psql.communicate(timeout=60)
        self.assertIn("canceling statement due to user request", err)


@require("pg_dump", "psql")
class PgDump(ZooCase):
    database = "larder_zoo_dump"
    restored = "larder_zoo_restored"

    def program(self, server, database, *command, script=None):
        done = subprocess.run(command, input=script, env=server.environment(database), capture_output=True, text=True, check=False, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Newer releases write a random word around a dump, so that nobody can end it early.
        return re.sub(r"(?m)^\\(un)?restrict .*$", "", done.stdout)

    def load_sample(self):
        """The project's sample shop if it is there, in the same database as the zoo's own tables."""
        script = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts", "load_shop")
        if os.access(script, os.X_OK):
            subprocess.run([script, self.through.uri(self.database), "0.01"], check=True, capture_output=True, timeout=300)

    def test_dump_and_restore(self):
        self.load_sample()
        self.direct.create_database(self.restored)
        self.addCleanup(self.direct.drop_database, self.restored)
        through = self.program(self.through, self.database, "pg_dump")
        direct = self.program(self.direct, self.database, "pg_dump")
        self.assertTrue(through == direct, "the dump through Larder differs")  # too large for a message with both
        self.program(self.through, self.restored, "psql", "-X", "-v", "ON_ERROR_STOP=1", "-q", script=through)
        self.assertTrue(self.program(self.direct, self.restored, "pg_dump") == direct, "what was restored through Larder differs")
        # After a dump has set its search_path and settings, other sessions are as they were.
        self.cycle(lambda: self.through.run(self.database, "SELECT sum(stock) FROM item"), lambda: self.through.run(self.database, "UPDATE item SET stock = stock + 1 WHERE id = 3"), "SELECT sum(stock) FROM item")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "d")
            self.program(self.through, self.database, "pg_dump", "-Fd", "-j2", "-f", path)
            self.direct.create_database(self.restored)
            self.program(self.through, self.restored, "pg_restore", "-j2", "-d", self.restored, path)
            dumps = [self.program(self.direct, name, "pg_dump") for name in (self.restored, self.database)]
            self.assertTrue(dumps[0] == dumps[1], "what pg_restore made through Larder differs")


PGBENCH = "/usr/lib/postgresql/15/bin/pgbench"


@require(PGBENCH)
class Pgbench(ZooCase):
    database = "larder_zoo_pgbench"

    def pgbench(self, *arguments):
        done = subprocess.run([PGBENCH, *arguments, self.database], env=self.through.environment(self.database), capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
        self.assertEqual(failed.group(1) if failed else "0", "0", done.stdout)
        processed = re.search(r"number of transactions actually processed: (\d+)", done.stdout)
        self.assertTrue("-i" in arguments or int(processed.group(1)) > 0, done.stdout)

    def test_initialise_and_run(self):
        self.pgbench("-i", "-q")
        for protocol in ("simple", "extended", "prepared"):
            with self.subTest(protocol):
                before = self.larder.hits()
                self.pgbench("-n", "-S", "-M", protocol, "-c", "4", "-T", "3")
                self.assertTrue(DIRECT or self.larder.hits() > before, f"no hit; bypassed: {self.larder.bypass_reasons()}")
                self.pgbench("-n", "-M", protocol, "-c", "4", "-T", "3")
                self.check_sums()
        # Blocks of several statements in one pipeline.
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write("\\set id random(1, 1000)\n\\startpipeline\nSELECT abalance FROM pgbench_accounts WHERE aid = :id;\nUPDATE pgbench_accounts SET abalance = abalance WHERE aid = :id;\n"
                         "SELECT abalance FROM pgbench_accounts WHERE aid = :id;\n\\endpipeline\n")
            script.flush()
            for protocol in ("extended", "prepared"):
                self.pgbench("-n", "-M", protocol, "-c", "4", "-T", "2", "-f", script.name)
                self.pgbench("-n", "-M", protocol, "-c", "4", "-T", "2", "-b", "select-only@5", "-b", "simple-update@1")
                self.check_sums(balanced=False)

    def check_sums(self, balanced=True):
        """TPC-B moves the same sums in three tables and writes them down in a fourth; read through Larder and directly."""
        sums = [f"SELECT coalesce(sum({column}), 0) FROM pgbench_{table}" for table, column in (("accounts", "abalance"), ("tellers", "tbalance"), ("branches", "bbalance"), ("history", "delta"))]
        through, direct = ([server.run(self.database, query) for query in sums] for server in (self.through, self.direct))
        self.assertEqual(through, direct)
        if balanced:
            self.assertEqual(len(set(map(str, direct))), 1, direct)


if __name__ == "__main__":
    unittest.main()
