#!/usr/bin/python3
"""The advisor asks with Larder's own rights. A role that has none must not get them by what she makes PostgreSQL run while a statement is planned; nor can she hold the advisor up.

Each case leaves a mark when its code is run by a superuser, and no case may."""
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, Larder, binary  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

TOKEN = "token-of-the-test"
END_SECONDS_MAX = 300

TABLES = """
CREATE ROLE mallory LOGIN;
CREATE TABLE t AS SELECT i AS id, i AS n FROM generate_series(1, 100000) i;
CREATE TABLE innocent AS SELECT i AS id, i AS n FROM generate_series(1, 100000) i;
CREATE TABLE docs AS SELECT i AS id, to_tsvector('simple', md5(i::text)) AS v FROM generate_series(1, 30000) i;
CREATE SCHEMA mallory AUTHORIZATION mallory;
GRANT SELECT ON t, innocent, docs TO mallory;
"""

# By mallory. A wrapper that is labelled IMMUTABLE or STABLE calls what is VOLATILE; only a superuser's call leaves the mark.
PROVE = """
CREATE FUNCTION mallory.prove(what text) RETURNS int LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$ BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE format('COPY (SELECT 1) TO %L', '{folder}/mark_' || what); END IF;
  RETURN 5; END $$"""


def wrapper(name, arguments="", result="int", body=None, label="IMMUTABLE"):
    body = body or f"(SELECT mallory.prove('{name}'))"
    return f"CREATE FUNCTION mallory.f_{name}({arguments}) RETURNS {result} LANGUAGE plpgsql {label} AS $$ BEGIN RETURN {body}; END $$"


def proving(name, value):
    return f"(SELECT CASE WHEN mallory.prove('{name}') = 5 THEN {value} END)"


MADE = [
    wrapper("immutable"), wrapper("stable", label="STABLE"), wrapper("operator", "int, int", "bool", proving("operator", "true")), wrapper("domain", "int", "bool", proving("domain", "true")),
    "CREATE OPERATOR mallory.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = mallory.f_operator)",
    "CREATE DOMAIN mallory.d AS int CHECK (mallory.f_domain(VALUE))",
    wrapper("view"), "CREATE VIEW mallory.v AS SELECT * FROM public.t WHERE n = mallory.f_view()", "CREATE VIEW mallory.vv AS SELECT * FROM mallory.v WHERE id > 5",
    wrapper("index", "int"), "CREATE TABLE mallory.indexed AS SELECT * FROM public.t", "CREATE INDEX ON mallory.indexed ((n + mallory.f_index(1)))",
    wrapper("predicate", "int"), "CREATE TABLE mallory.partly AS SELECT * FROM public.t", "CREATE INDEX ON mallory.partly (n) WHERE id > mallory.f_predicate(1)",
    wrapper("check", "int"), "CREATE TABLE mallory.parent AS SELECT * FROM public.t", "CREATE TABLE mallory.child (CHECK (n > mallory.f_check(1))) INHERITS (mallory.parent)",
    wrapper("policy", "int"), "CREATE TABLE mallory.guarded AS SELECT * FROM public.t", "ALTER TABLE mallory.guarded ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON mallory.guarded USING (n > mallory.f_policy(1))",
    wrapper("default"), "CREATE TABLE mallory.defaulted (id int, n int DEFAULT mallory.f_default())",
    wrapper("rule"), "CREATE TABLE mallory.ruled (id int)", "CREATE TABLE mallory.log (n int)", "CREATE RULE r AS ON INSERT TO mallory.ruled DO ALSO INSERT INTO mallory.log VALUES (mallory.f_rule())",
    "CREATE FUNCTION mallory.to_tsquery(text) RETURNS tsquery LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM mallory.prove('to_tsquery'); RETURN pg_catalog.to_tsquery('simple', $1); END $$",
    "CREATE FUNCTION mallory.quote_ident(name) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM mallory.prove('quote_ident'); RETURN pg_catalog.quote_ident($1::text); END $$",
    wrapper("rows", "", "SETOF int", None).replace("RETURN (SELECT", "RETURN QUERY (SELECT"),
]

# The planner may meet it in any expression, so that nothing is planned in a database that has it.
DIFFERENCE = [
    wrapper("difference", "int, int", "float8", proving("difference", "($1 - $2)::float8")), "CREATE TYPE mallory.span AS RANGE (subtype = int4, subtype_diff = mallory.f_difference)",
    "CREATE TABLE mallory.spans AS SELECT mallory.span(i, i + i % 9 + 1) AS s FROM generate_series(1, 50000) i", "ANALYZE mallory.spans",
]

# What she sends, by the case. Whatever it is, it takes more than a millisecond.
CASES = {
    "immutable": "SELECT count(*), pg_sleep(0.005) FROM public.t WHERE n = mallory.f_immutable()",
    "stable": "SELECT count(*), pg_sleep(0.005) FROM public.t WHERE n = mallory.f_stable()",
    "operator": "SELECT count(*), pg_sleep(0.005) FROM public.t WHERE n = 5 AND 1 OPERATOR(mallory.===) 2",
    "domain": "SELECT count(*), pg_sleep(0.005) FROM public.t WHERE n = 5::mallory.d",
    "view": "SELECT count(*), pg_sleep(0.005) FROM mallory.v",
    "view below": "SELECT count(*), pg_sleep(0.005) FROM mallory.vv",
    "index": "SELECT count(*), pg_sleep(0.005) FROM mallory.indexed WHERE n + 5 = 7",
    "predicate": "SELECT count(*), pg_sleep(0.005) FROM mallory.partly WHERE n = 7 AND id > 6",
    "check": "SELECT count(*), pg_sleep(0.005) FROM mallory.parent WHERE n = 3",
    "policy": "SELECT count(*), pg_sleep(0.005) FROM mallory.guarded WHERE n = 3",
    "default": "INSERT INTO mallory.defaulted (id) SELECT id FROM public.t WHERE id < 20000",
    "rule": "INSERT INTO mallory.ruled SELECT id FROM public.t WHERE id < 20000",
    "to_tsquery": "SELECT count(*), pg_sleep(0.005) FROM public.docs WHERE v @@ mallory.to_tsquery('abc')",
    "understood": "SELECT count(*), pg_sleep(0.005) FROM public.t WHERE n = mallory.f_understood()",
    "rows": "SELECT count(*), pg_sleep(0.005) FROM public.t JOIN mallory.f_rows() r ON r = n",
}
# Nothing of hers stands in it: it is looked at, and her function of that name is not meant.
SHADOWED = "SELECT count(*) FROM t WHERE n = 5"


def ask(connection, text):
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall() if cursor.description else None


class SafetyTest(unittest.TestCase):
    def setUp(self):
        self.cluster = OwnCluster()
        self.addCleanup(self.cluster.remove)
        self.cluster.run(*(one for one in TABLES.split(";\n") if one.strip()))
        # A superuser's connection that only another superuser can end.
        self.victim = self.cluster.server.connect("postgres")
        self.addCleanup(self.victim.close)
        with contextlib.closing(self.cluster.server.connect("postgres", user="mallory")) as mallory:
            ask(mallory, PROVE.format(folder=self.cluster.folder))
            for one in MADE:
                ask(mallory, one)
            # It is understood, has no relations, and calls PostgreSQL's own functions only; yet it acts.
            ask(mallory, f"CREATE FUNCTION mallory.f_understood() RETURNS int LANGUAGE sql IMMUTABLE AS"
                         f" 'SELECT CASE WHEN current_user = ''postgres'' THEN pg_terminate_backend({self.victim.info.backend_pid})::int ELSE 5 END'")
        self.cluster.run("ANALYZE")
        self.remove_marks()  # of what the superuser's own ANALYZE ran

    def marks(self):
        return sorted(name[len("mark_"):] for name in os.listdir(self.cluster.folder) if name.startswith("mark_"))

    def remove_marks(self):
        for name in self.marks():
            os.remove(os.path.join(self.cluster.folder, "mark_" + name))

    def assert_nothing_ran(self):
        self.assertEqual(self.marks(), [], "code of a role without rights was run by the superuser")
        self.assertEqual(ask(self.victim, "SELECT 1"), [(1,)], "a superuser's connection was ended by it")

    def start(self, *settings):
        token = tempfile.NamedTemporaryFile("w", suffix=".token")
        self.addCleanup(token.close)
        token.write(TOKEN)
        token.flush()
        self.larder = Larder(self.cluster.server, ("freshness.writers=only-larder", "advisor.slow=1ms", "advisor.share_percent=0", f"admin.token_file={token.name}", *settings))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)

    def connect(self, user="mallory", **more):
        connection = psycopg2.connect(host="127.0.0.1", port=self.larder.port, user=user, dbname="postgres", **more)
        connection.autocommit = True
        return connection

    def slow(self):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.larder.admin_port, timeout=60)) as connection:
            connection.request("GET", "/api/v1/slow-queries", headers={"Authorization": "Bearer " + TOKEN})
            return json.loads(connection.getresponse().read())["slow_queries"]

    def wait_until_all_are_looked_at(self, count):
        def all_of_them():
            rows = self.slow()
            return rows if len(rows) >= count and not any(row["state"].startswith("waits") for row in rows) else None
        return eventually(all_of_them, "every slow statement was looked at")

    def advise(self, lines, *arguments, options=""):
        text = "".join(json.dumps({"id": number, "sql": sql}) + "\n" for number, sql in enumerate(lines))
        done = subprocess.run([binary(), "advise", "--json", *arguments, "--upstream", self.cluster.server.uri("postgres")], input=text, capture_output=True, text=True,
                              timeout=END_SECONDS_MAX, env={**os.environ, "PGOPTIONS": options}, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_beside_a_running_larder(self):
        self.start()
        with contextlib.closing(self.connect()) as mallory:
            for _ in range(2):
                for text in CASES.values():
                    ask(mallory, text)
            ask(mallory, "SET search_path = mallory, public")
            for _ in range(2):
                ask(mallory, SHADOWED)
                ask(mallory, "SELECT count(*) FROM innocent WHERE n = 7")
        rows = self.wait_until_all_are_looked_at(len(CASES) + 2)
        self.assert_nothing_ran()
        states = {row["query"]: row["state"] for row in rows}
        looked_at = [text for text, state in states.items() if state == "looked at"]
        self.assertEqual(len([text for text in looked_at if "innocent" in text or "FROM t " in text]), 2, states)
        self.assertEqual(len([state for state in states.values() if "code of the database's own" in state]), len(CASES), states)

    def test_on_the_command_line(self):
        lines = [*CASES.values(), "SELECT count(*) FROM innocent WHERE n = 7"]
        for arguments in ((), ("--analyze",)):
            answers = self.advise(lines, *arguments)
            self.assert_nothing_ran()
            self.assertEqual([answer["id"] for answer in answers], list(range(len(lines))))
            for (case, _), answer in zip(CASES.items(), answers):
                self.assertEqual(answer["kind"], "none", case)
                self.assertIn("code of the database's own", answer["why"], case)
            self.assertEqual(answers[-1]["kind"], "btree_single")
        [workload] = self.advise(lines, "--workload")
        self.assert_nothing_ran()
        self.assertEqual(len([one for one in workload["statements"] if "code of the database's own" in one.get("why", "")]), len(CASES))
        self.assertTrue(workload["indexes"])
        [shadowed] = self.advise([SHADOWED], options="-c search_path=mallory,public")
        self.assert_nothing_ran()
        self.assertEqual(shadowed["kind"], "btree_single")
        deploy = subprocess.run([binary(), "advise", "--deploy", "--upstream", self.cluster.server.uri("postgres"), CASES["immutable"]], capture_output=True, text=True,
                                timeout=END_SECONDS_MAX, check=False)
        self.assertEqual(deploy.returncode, 1)
        self.assert_nothing_ran()

    def test_operators_of_hers_do_not_stand_in_for_postgresqls(self):
        with contextlib.closing(self.cluster.server.connect("postgres", user="mallory")) as mallory:
            for number, (left, right) in enumerate((("oid", "oid"), ("name", "name"), ("\"char\"", "\"char\""), ("int2", "int2"))):
                ask(mallory, wrapper(f"equals{number}", f"{left}, {right}", "bool", proving("equals", "$1 OPERATOR(pg_catalog.=) $2"), "STABLE"))
                ask(mallory, f"CREATE OPERATOR mallory.= (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = mallory.f_equals{number})")
        options = "-c search_path=mallory,pg_catalog,public"
        answers = self.advise(["SELECT count(*) FROM innocent WHERE n > 99990", "SELECT count(*) FROM innocent WHERE n = 7"], options=options)
        self.assert_nothing_ran()
        self.assertEqual(answers[0]["kind"], "btree_single")
        self.assertIn("code of the database's own", answers[1]["why"])
        self.assertIn("there is one in schema mallory", answers[1]["why"])

    def test_the_difference_of_a_range_is_not_run(self):
        with contextlib.closing(self.cluster.server.connect("postgres", user="mallory")) as mallory:
            for one in DIFFERENCE:
                ask(mallory, one)
        for arguments in ((), ("--analyze",)):
            for answer in self.advise(["SELECT count(*) FROM mallory.spans WHERE s && '[5,900)'", "SELECT 1"], *arguments):
                self.assertIn("code of the database's own", answer["why"])
            self.assert_nothing_ran()

    def test_larder_ends_whatever_a_function_does(self):
        with contextlib.closing(self.cluster.server.connect("postgres", user="mallory")) as mallory:
            ask(mallory, "CREATE FUNCTION mallory.never() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN IF current_user = 'mallory' THEN RETURN 5; END IF;"
                         " LOOP BEGIN PERFORM pg_sleep(10000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$")
            ask(mallory, wrapper("hang", body="(SELECT mallory.never())"))
        self.start()
        with contextlib.closing(self.connect()) as mallory:
            for _ in range(3):
                ask(mallory, "SELECT count(*) FROM public.t WHERE n = mallory.f_hang()")
        eventually(lambda: any(row["state"] != "waits" for row in self.slow()) or self.cluster.run(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'larder_advisor' AND now() - query_start > interval '2 s'"), "the advisor has begun")
        with contextlib.closing(self.connect("postgres")) as other:
            for _ in range(3):
                ask(other, "SELECT count(*) FROM innocent WHERE n = 7")
        eventually(lambda: any(row["state"] == "looked at" for row in self.slow()), "another statement is looked at")
        self.larder.process.send_signal(signal.SIGTERM)
        try:
            self.assertEqual(self.larder.process.wait(END_SECONDS_MAX), 0)
        finally:
            if self.larder.process.poll() is None:
                self.larder.process.kill()
            self.larder.process = None

    def test_a_lost_connection_costs_one_line(self):
        ends_itself = "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"
        answers = self.advise(["SELECT 1", ends_itself, "SELECT count(*) FROM innocent WHERE n = 7", ends_itself, "SELECT count(*) FROM innocent WHERE n = 8"], "--analyze")
        self.assertEqual([answer["id"] for answer in answers], [0, 1, 2, 3, 4])
        self.assertIn("connection was lost", answers[1]["why"])
        self.assertIn("connection was lost", answers[3]["why"])
        self.assertEqual([answers[2]["kind"], answers[4]["kind"]], ["btree_single", "btree_single"])

    def test_what_is_made_between_two_questions_is_known(self):
        process = subprocess.Popen([binary(), "advise", "--json", "--upstream", self.cluster.server.uri("postgres")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def answer_to(sql):
            process.stdin.write(json.dumps({"id": 1, "sql": sql}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        self.assertEqual(answer_to("SELECT count(*) FROM innocent WHERE n = abs(7)")["kind"], "btree_single")
        self.cluster.run("CREATE TABLE later AS SELECT * FROM innocent", "ANALYZE later", "SET ROLE mallory", wrapper("abs", "int").replace("mallory.f_abs", "mallory.abs"))
        self.assertEqual(answer_to("SELECT count(*) FROM later WHERE n = 7")["kind"], "btree_single")
        self.assertIn("it calls abs", answer_to("SELECT count(*) FROM innocent WHERE n = abs(7)")["why"])
        process.stdin.close()
        self.assertEqual(process.wait(END_SECONDS_MAX), 0)
        process.stdout.close()
        self.assert_nothing_ran()

    def test_ddl_under_way_makes_the_advisor_wait_and_not_guess(self):
        self.start()
        with contextlib.closing(self.connect("postgres")) as owner, contextlib.closing(self.connect()) as mallory:
            owner.autocommit = False
            ask(owner, "CREATE TABLE later (n int)")  # until it commits nobody knows what the catalogue says
            for _ in range(3):
                ask(mallory, "SELECT count(*) FROM public.innocent WHERE n = 7")
            state = eventually(lambda: next((row["state"] for row in self.slow() if row["state"] != "waits"), None), "the advisor has begun")
            self.assertTrue(state.startswith("waits: "), state)
            owner.commit()
            self.assertEqual(self.wait_until_all_are_looked_at(1)[0]["state"], "looked at")


if __name__ == "__main__":
    if DIRECT or not os.environ.get("LARDER_BINARY"):
        sys.exit(77)
    unittest.main(verbosity=2)
