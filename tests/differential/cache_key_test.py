#!/usr/bin/python3
"""What has to be part of a cache key: names, settings, roles, types and formats. Same script, directly and through Larder."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.differential import test_case  # noqa: E402
from support.script import Script, close, cold, open_as, q, sql, warm, warm_x, x  # noqa: E402

TWO_SCHEMAS = ("CREATE SCHEMA a", "CREATE SCHEMA b",
               "CREATE TABLE a.t (id int PRIMARY KEY, v text)", "CREATE TABLE b.t (id int PRIMARY KEY, v text)",
               "INSERT INTO a.t VALUES (1, 'from a')", "INSERT INTO b.t VALUES (1, 'from b')")
R = "SELECT v FROM t WHERE id = $1"
BOTH_WAYS = (sql("A", R, 1), sql("A", R, 1))

SEARCH_PATH = (
    Script("search_path_set", cases=(1,), setup=TWO_SCHEMAS, steps=(
        sql("A", "SET search_path = a"), warm("A", R, 1), sql("A", "SET search_path = b"), *BOTH_WAYS, warm("A", R, 1),
        sql("A", "RESET search_path"), sql("A", R, 1), sql("A", "SET search_path = a"), sql("A", R, 1))),
    Script("search_path_in_startup_options", cases=(2,), setup=TWO_SCHEMAS, steps=(
        open_as("A", options="-c search_path=a"), open_as("B", options="-c search_path=b"), open_as("C", search_path="b,a"),
        warm("A", R, 1), sql("B", R, 1), sql("C", R, 1), warm("B", R, 1), sql("A", R, 1), sql("A", "RESET ALL"), sql("A", R, 1))),
    Script("search_path_of_role", cases=(3,), setup=(*TWO_SCHEMAS, "CREATE ROLE zoo_a SUPERUSER LOGIN", "CREATE ROLE zoo_b SUPERUSER LOGIN",
                                                     "ALTER ROLE zoo_a SET search_path = a", "ALTER ROLE zoo_b SET search_path = b"), steps=(
        open_as("A", "zoo_a"), open_as("B", "zoo_b"), warm("A", R, 1), *(sql("B", R, 1),) * 2, warm("B", R, 1), sql("A", R, 1),
        sql("B", "ALTER ROLE zoo_a SET search_path = b"), sql("A", R, 1), open_as("C", "zoo_a"), sql("C", R, 1), warm("C", R, 1))),
    Script("search_path_in_multi_statement", cases=(4,), setup=TWO_SCHEMAS, steps=(
        sql("A", "SET search_path = a"), warm("A", R, 1), q("A", "SET work_mem = '1MB'; SET search_path = b"), *BOTH_WAYS,
        q("A", "SET search_path = a; SELECT v FROM t; SET search_path = b; SELECT v FROM t"), *BOTH_WAYS,
        q("A", "SET search_path = a; SELECT 1/0"), *BOTH_WAYS)),
    Script("search_path_by_set_config", cases=(5,), setup=TWO_SCHEMAS, steps=(
        sql("A", "SET search_path = a"), warm("A", R, 1), sql("A", "SELECT set_config('search_path', 'b', false)"), *BOTH_WAYS,
        sql("A", "SELECT set_config('search_' || 'path', 'a', false) FROM generate_series(1, 2)"), *BOTH_WAYS, sql("A", "BEGIN"),
        sql("A", "SELECT set_config('search_path', 'b', true)"), sql("A", R, 1), sql("A", "COMMIT"), *BOTH_WAYS,
        sql("A", "UPDATE pg_settings SET setting = 'b' WHERE name = 'search_path'"), *BOTH_WAYS,
        sql("A", "SELECT set_config('search_path', '', false)"), sql("A", R, 1), sql("A", "SELECT v FROM a.t"))),
    Script("search_path_local_and_in_functions", cases=(6,), setup=(
        *TWO_SCHEMAS,
        "CREATE FUNCTION a.hop() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('search_path', 'b', false); END$$",
        "CREATE FUNCTION a.look() RETURNS text LANGUAGE plpgsql STABLE SET search_path = b AS $$BEGIN RETURN (SELECT v FROM t); END$$"), steps=(
        sql("A", "SET search_path = a"), warm("A", R, 1), sql("A", "BEGIN"), sql("A", "SET LOCAL search_path = b"), sql("A", R, 1),
        sql("A", "COMMIT"), *BOTH_WAYS, sql("A", "BEGIN"), sql("A", "SET search_path = b"), sql("A", R, 1), sql("A", "ROLLBACK"), *BOTH_WAYS,
        sql("A", "BEGIN"), sql("A", "SAVEPOINT p"), sql("A", "SET search_path = b"), sql("A", "ROLLBACK TO p"), sql("A", R, 1), sql("A", "COMMIT"),
        sql("A", R, 1), sql("A", "SELECT a.look()"), *BOTH_WAYS, sql("A", "SELECT a.hop()"), *BOTH_WAYS,
        sql("A", "SET LOCAL search_path = a"), *BOTH_WAYS, q("A", "SET LOCAL search_path = a; SELECT v FROM t"), *BOTH_WAYS)),
    Script("temporary_table_shadows", cases=(7,), setup=("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'real')"), steps=(
        warm("A", R, 1), sql("A", "CREATE TEMP TABLE t AS SELECT 1 AS id, 'mine'::text AS v"), *BOTH_WAYS, sql("B", R, 1),
        sql("A", "UPDATE t SET v = 'mine too'"), *BOTH_WAYS, sql("B", R, 1), sql("A", "DROP TABLE t"), *BOTH_WAYS,
        sql("A", "SELECT 1 AS id, 'third'::text AS v INTO TEMP t"), *BOTH_WAYS, sql("A", "DISCARD TEMP"), *BOTH_WAYS, warm("B", R, 1),
        sql("A", "BEGIN"), sql("A", "CREATE TEMP TABLE t (id int, v text) ON COMMIT DROP"), sql("A", R, 1), sql("A", "COMMIT"), *BOTH_WAYS,
        sql("A", "CREATE TEMP VIEW t AS SELECT 1 AS id, 'view'::text AS v"), *BOTH_WAYS, sql("A", "DISCARD ALL"), sql("A", "SELECT v FROM t WHERE id = 1"),
        sql("A", "DO $$BEGIN CREATE TEMP TABLE t AS SELECT 1 AS id, 'hidden'::text AS v; END$$"), sql("A", "SELECT v FROM t WHERE id  = 1"), sql("B", R, 1))),
)

VALUES = ("CREATE TABLE t (id int PRIMARY KEY, d date, ts timestamptz, b bytea, f float8, i interval, m money, x text, a date[], fs float8[], j jsonb)",
          "INSERT INTO t VALUES (1, '2024-02-03', '2024-02-03 04:05:06+00', '\\x00ff61', 0.1::float8 + 0.2::float8, '1 year 2 mons 3 days 04:05:06', 1234.5,"
          " 'gr\u00fc\u00df', '{2024-02-03}', '{0.30000000000000004}', '{\"a\": 1}')")


def setting(name, numbers, read, *changes):
    """A read made a hit, then repeated under other values of a setting that change its bytes; another session keeps the first value."""
    steps = [warm("A", read, 1)]
    for change in changes:
        steps += [sql("A", change), sql("A", read, 1), sql("A", read, 1), sql("B", read, 1)]
    last = changes[-1].replace("SET ", "SET LOCAL ", 1)
    steps += [sql("A", "RESET ALL"), sql("A", read, 1), sql("A", "BEGIN"), sql("A", last), sql("A", read, 1), sql("A", "ROLLBACK"), sql("A", read, 1)]
    return Script(f"setting_{name}", cases=numbers, setup=VALUES, steps=tuple(steps))


SETTINGS = (
    setting("datestyle", (8,), "SELECT d, a FROM t WHERE id = $1", "SET DateStyle = 'German'", "SET DateStyle = 'SQL, DMY'", "SET datestyle TO postgres"),
    setting("timezone", (9,), "SELECT ts FROM t WHERE id = $1", "SET TimeZone = 'Asia/Tokyo'", "SET TIME ZONE INTERVAL '+05:30' HOUR TO MINUTE", "SET TIME ZONE 3"),
    setting("timezone_in_conversion", (9,), "SELECT ts::date, ts::text, date_trunc('day', ts) FROM t WHERE id = $1", "SET TimeZone = 'America/Adak'"),
    setting("bytea_output", (10,), "SELECT b, b::text FROM t WHERE id = $1", "SET bytea_output = 'escape'"),
    setting("extra_float_digits", (11,), "SELECT f, fs, f::text FROM t WHERE id = $1", "SET extra_float_digits = 0", "SET extra_float_digits = -3"),
    setting("intervalstyle", (12,), "SELECT i, i::text FROM t WHERE id = $1", "SET IntervalStyle = 'iso_8601'", "SET IntervalStyle = sql_standard"),
    setting("client_encoding", (13,), "SELECT x FROM t WHERE id = $1", "SET client_encoding = 'LATIN1'", "SET NAMES 'SQL_ASCII'", "SET client_encoding TO WIN1252"),
    setting("conforming_strings", (14,), "SELECT id, '\\n', E'\\n' FROM t WHERE id = $1", "SET standard_conforming_strings = off"),
    setting("money", (14,), "SELECT m FROM t WHERE id = $1", "SET lc_monetary = 'C'", "SET lc_monetary = 'POSIX'"),
    setting("quote_all", (14,), "SELECT quote_ident(x) FROM t WHERE id = $1", "SET quote_all_identifiers = on"),
    setting("xmlbinary", (14,), "SELECT xmlforest(b AS b) FROM t WHERE id = $1", "SET xmlbinary = 'hex'"),
    setting("array_nulls", (14,), "SELECT '{NULL}'::text[] FROM t WHERE id = $1", "SET array_nulls = off"),
    setting("search_config", (14,), "SELECT to_tsvector('running') FROM t WHERE id = $1", "SET default_text_search_config = 'pg_catalog.english'"),
    Script("settings_in_startup", cases=(8, 9, 13), setup=VALUES, steps=(
        warm("A", "SELECT d, ts FROM t WHERE id = 1"), open_as("B", DateStyle="German", TimeZone="Asia/Tokyo"), sql("B", "SELECT d, ts FROM t WHERE id = 1"),
        open_as("C", client_encoding="LATIN1"), warm("A", "SELECT x FROM t WHERE id = 1"), sql("C", "SELECT x FROM t WHERE id = 1"),
        open_as("D", options="-c datestyle=SQL\\ ,\\ DMY -cTimeZone=UTC"), sql("D", "SELECT d, ts FROM t WHERE id = 1"), sql("D", "SHOW datestyle"))),
)

T = ("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, NULL), (4, '')")


def bound(text, *types, values=(), formats=(), results=()):
    return (wire.parse("", text, *types), wire.bind(values=values, formats=formats, result_formats=results), wire.describe_portal(), wire.execute(), wire.sync())


FORMATS = (
    Script("text_and_binary_results", cases=(15,), setup=T, forms=("simple",), steps=(
        warm_x("A", *bound("SELECT id, v FROM t WHERE id = $1", 23, values=("1",))),
        *(x("A", *bound("SELECT id, v FROM t WHERE id = $1", 23, values=("1",), results=r)) for r in ((1,), (0,), (1, 0), (0, 1), (1, 1), (0, 0)) for _ in range(2)),
        warm_x("A", *bound("SELECT id, v FROM t WHERE id = $1", 23, values=("1",), results=(1, 0))),
        x("A", *bound("SELECT id, v FROM t WHERE id = $1", 23, values=("1",))))),
    Script("parameter_formats", cases=(15,), setup=T, forms=("simple",), steps=(
        warm_x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=("1",))),
        x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=(wire.int4(1),), formats=(1,))),
        x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=(wire.int4(2),), formats=(1,))),
        x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=("2",), formats=(0,))),
        x("A", *bound("SELECT v FROM t WHERE id = $1", 20, values=("2",))), x("A", *bound("SELECT v FROM t WHERE id = $1", 20, values=(bytes(7) + b"\1",), formats=(1,))),
        x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=(None,))), x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=(" 1 ",))),
        x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=("01",))), x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=(b"\0\0",), formats=(1,))),
        x("A", *bound("SELECT v FROM t WHERE id = $1", 23, values=("x",))), x("A", *bound("SELECT v FROM t WHERE id = $1", 23)))),
    Script("parameter_types_of_parse", cases=(16,), setup=T, forms=("simple",), steps=(
        warm_x("A", *bound("SELECT $1 / 2, id FROM t WHERE id = 1", 23, values=("5",))),
        *(x("A", *bound("SELECT $1 / 2, id FROM t WHERE id = 1", oid, values=("5",))) for oid in (1700, 701, 20, 0, 23, 21) for _ in range(2)))),
    Script("parameters_that_differ_in_case_or_space", cases=(17,), setup=(
        "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE t (k text COLLATE nocase PRIMARY KEY, v int)", "INSERT INTO t VALUES ('key', 1)"), steps=(
        warm("A", "SELECT k, $1::text FROM t WHERE k = $1", "key"), sql("A", "SELECT k, $1::text FROM t WHERE k = $1", "KEY"),
        sql("A", "SELECT k, $1::text FROM t WHERE k = $1", "Key"), sql("A", "SELECT k, $1::text FROM t WHERE k = $1", "key "),
        warm("A", "SELECT v FROM t WHERE k = $1", "KEY"), sql("B", "UPDATE t SET v = 2 WHERE k = $1", "kEy"), sql("A", "SELECT v FROM t WHERE k = $1", "KEY"),
        sql("A", "SELECT v FROM t WHERE k = $1", "key"))),
    Script("texts_that_only_look_alike", cases=(22, 116), setup=T, steps=(
        warm("A", "SELECT v FROM t WHERE id = 1"), sql("A", "SELECT v FROM t WHERE id = 2"), sql("A", "SELECT v FROM t WHERE id = 1 "),
        sql("A", "SELECT V FROM t WHERE id = 1"), sql("A", 'SELECT v AS "V" FROM t WHERE id = 1'), sql("A", "SELECT v FROM t WHERE id = 1 -- 2"),
        warm("A", "SELECT $1::text || $2::text, id FROM t WHERE id = 1", "ab", "c"), sql("A", "SELECT $1::text || $2::text, id FROM t WHERE id = 1", "a", "bc"),
        warm("A", "SELECT $1::text, $2::text, id FROM t WHERE id = 1", "ab", "c"), sql("A", "SELECT $1::text, $2::text, id FROM t WHERE id = 1", "a", "bc"),
        sql("A", "SELECT $1::text, $2::text, id FROM t WHERE id = 1", "", "abc"), sql("A", "SELECT $1::text, $2::text, id FROM t WHERE id = 1", None, "abc"))),
)

ROLES = ("CREATE ROLE zoo_reader LOGIN", "CREATE ROLE zoo_other LOGIN", "CREATE ROLE zoo_group", *T,
         "GRANT SELECT ON t TO zoo_reader", "GRANT SELECT ON t TO zoo_group", "GRANT zoo_group TO zoo_other")
PRIVATE = (*ROLES, "ALTER TABLE t ADD owner text DEFAULT 'zoo_reader'", "UPDATE t SET owner = 'zoo_other' WHERE id > 1", "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
           "CREATE POLICY own ON t FOR SELECT USING (owner = current_user)")
ALL = "SELECT id, v FROM t ORDER BY id"

PRIVILEGES = (
    Script("functions_of_the_session", cases=(18,), setup=ROLES, steps=(
        sql("A", "SET app.tenant = 'x'"), *(sql("A", "SELECT current_setting('app.tenant'), id FROM t WHERE id = 1"),) * 3, sql("A", "SET app.tenant = 'y'"),
        *(sql("A", "SELECT current_setting('app.tenant'), id FROM t WHERE id = 1"),) * 2,
        *(sql("A", "SELECT current_user, session_user, user, id FROM t WHERE id = 1"),) * 3, sql("A", "SET ROLE zoo_reader"),
        *(sql("A", "SELECT current_user, session_user, user, id FROM t WHERE id = 1"),) * 2,
        *(sql("A", "SELECT current_schema(), current_schemas(true), id FROM t WHERE id = 1"),) * 2, sql("A", "SET search_path = pg_catalog, public"),
        sql("A", "SELECT current_schema(), current_schemas(true), id FROM t WHERE id = 1"))),
    Script("row_security_reads_a_setting", cases=(18,), setup=(
        *ROLES, "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON t USING (id = current_setting('app.tenant')::int)"), steps=(
        open_as("R", "zoo_reader"), sql("R", "SET app.tenant = '1'"), *(sql("R", ALL),) * 3, sql("R", "SET app.tenant = '2'"), *(sql("R", ALL),) * 2,
        open_as("S", "zoo_reader", options="-c app.tenant=4"), sql("S", ALL), sql("R", ALL), sql("R", "BEGIN"), sql("R", "SET LOCAL app.tenant = '4'"), sql("R", ALL),
        sql("R", "COMMIT"), sql("R", ALL))),
    # A table with row security is not cached at all.
    Script("row_security_and_other_roles", cases=(19,), setup=PRIVATE, steps=(
        cold("A", ALL), open_as("R", "zoo_reader"), open_as("O", "zoo_other"), *(sql("R", ALL),) * 3, *(sql("O", ALL),) * 3, sql("A", ALL),
        sql("A", "SET ROLE zoo_reader"), *(sql("A", ALL),) * 2, sql("A", "RESET ROLE"), sql("A", ALL), sql("A", "SET row_security = off"), sql("A", ALL),
        sql("R", "SET row_security = off"), sql("R", ALL))),
    Script("row_security_changed_later", cases=(19,), setup=PRIVATE, steps=(
        open_as("R", "zoo_reader"), *(sql("R", ALL),) * 3, sql("A", "CREATE POLICY more ON t FOR SELECT USING (id = 3)"), *(sql("R", ALL),) * 2,
        sql("A", "ALTER POLICY more ON t USING (id = 4)"), *(sql("R", ALL),) * 2, sql("A", "DROP POLICY more ON t"), *(sql("R", ALL),) * 2,
        sql("A", "ALTER ROLE zoo_reader BYPASSRLS"), *(sql("R", ALL),) * 2, sql("A", "ALTER ROLE zoo_reader NOBYPASSRLS"), *(sql("R", ALL),) * 2,
        sql("A", "ALTER TABLE t DISABLE ROW LEVEL SECURITY"), *(sql("R", ALL),) * 2, sql("A", "ALTER TABLE t ENABLE ROW LEVEL SECURITY"), *(sql("R", ALL),) * 2)),
    Script("row_security_through_views", cases=(19,), setup=(
        *PRIVATE, "CREATE VIEW v_owner AS SELECT * FROM t", "CREATE VIEW v_invoker WITH (security_invoker) AS SELECT * FROM t",
        "GRANT SELECT ON v_owner, v_invoker TO zoo_reader, zoo_other"), steps=(
        open_as("R", "zoo_reader"), open_as("O", "zoo_other"), *(sql(who, f"SELECT id FROM {view} ORDER BY id") for view in ("v_owner", "v_invoker") for who in "RORO"),
        sql("A", "ALTER VIEW v_owner SET (security_invoker = true)"), *(sql(who, "SELECT id FROM v_owner ORDER BY id") for who in "RORO"),
        sql("A", "ALTER VIEW v_owner OWNER TO zoo_other"), *(sql(who, "SELECT id FROM v_owner ORDER BY id") for who in "RORO"))),
    Script("refused_set_role", cases=(20,), setup=ROLES, steps=(
        open_as("R", "zoo_reader"), warm("R", ALL), sql("R", "SET ROLE zoo_other"), sql("R", ALL), sql("R", "SELECT current_user"), sql("R", "SET ROLE nobody"), sql("R", ALL),
        sql("R", "SET SESSION AUTHORIZATION zoo_other"), sql("R", ALL), open_as("O", "zoo_other"), warm("O", ALL), sql("O", "SET ROLE zoo_group"), sql("O", ALL),
        sql("O", "SELECT current_user"), sql("O", "RESET ROLE"), sql("O", "SELECT current_user"), sql("A", "SET SESSION AUTHORIZATION zoo_reader"), sql("A", ALL),
        sql("A", "SELECT session_user, current_user"), sql("A", "RESET SESSION AUTHORIZATION"), sql("A", "SELECT session_user"), sql("A", ALL),
        sql("A", "BEGIN"), sql("A", "SET LOCAL ROLE zoo_reader"), sql("A", ALL), sql("A", "ROLLBACK"), sql("A", "SELECT current_user"))),
    Script("revoked_from_role", cases=(21,), setup=ROLES, steps=(
        open_as("R", "zoo_reader"), warm("R", ALL), sql("A", "REVOKE SELECT ON t FROM zoo_reader"), sql("R", ALL), sql("R", ALL), sql("A", "GRANT SELECT ON t TO zoo_reader"),
        sql("R", ALL), warm("R", ALL), sql("A", "BEGIN"), sql("A", "REVOKE SELECT ON t FROM zoo_reader"), sql("A", "ROLLBACK"), sql("R", ALL),
        sql("A", "REVOKE SELECT ON t FROM zoo_reader"), sql("A", "GRANT SELECT (id) ON t TO zoo_reader"), sql("R", ALL), warm("R", "SELECT id FROM t ORDER BY id"),
        sql("A", "REVOKE SELECT (id) ON t FROM zoo_reader"), sql("R", "SELECT id FROM t ORDER BY id"))),
    Script("revoked_membership", cases=(21,), setup=ROLES, steps=(
        open_as("O", "zoo_other"), warm("O", ALL), sql("A", "REVOKE zoo_group FROM zoo_other"), sql("O", ALL), sql("A", "GRANT zoo_group TO zoo_other"), sql("O", ALL),
        warm("O", ALL), sql("A", "ALTER ROLE zoo_other NOINHERIT"), sql("O", ALL), sql("O", "SET ROLE zoo_group"), sql("O", ALL), sql("O", "RESET ROLE"), sql("O", ALL),
        sql("A", "DO $$BEGIN ALTER ROLE zoo_other INHERIT; END$$"), sql("O", ALL), warm("O", ALL), sql("A", "DO $$BEGIN REVOKE zoo_group FROM zoo_other; END$$"),
        sql("O", ALL))),
    Script("revoked_schema_and_superuser", cases=(21,), setup=(*ROLES, "CREATE SCHEMA s", "CREATE TABLE s.t AS SELECT 1 AS id, 'in s' AS v",
                                                              "GRANT USAGE ON SCHEMA s TO zoo_reader", "GRANT SELECT ON s.t TO zoo_reader"), steps=(
        open_as("R", "zoo_reader"), warm("R", "SELECT v FROM s.t"), sql("A", "REVOKE USAGE ON SCHEMA s FROM zoo_reader"), sql("R", "SELECT v FROM s.t"),
        sql("A", "ALTER ROLE zoo_reader SUPERUSER"), sql("R", "SELECT v FROM s.t"), warm("R", "SELECT v FROM s.t"), sql("A", "ALTER ROLE zoo_reader NOSUPERUSER"),
        sql("R", "SELECT v FROM s.t"), sql("A", "ALTER TABLE s.t OWNER TO zoo_reader"), sql("R", "SELECT v FROM s.t"), sql("R", ALL))),
    Script("role_that_may_not_log_in", cases=(21,), setup=ROLES, steps=(
        open_as("R", "zoo_reader"), warm("R", ALL), close("R"), sql("A", "ALTER ROLE zoo_reader NOLOGIN"), open_as("S", "zoo_reader"),
        sql("A", "ALTER ROLE zoo_reader LOGIN"), open_as("T", "zoo_reader"), sql("T", ALL), close("T"), sql("A", "DROP OWNED BY zoo_reader"), sql("A", "DROP ROLE zoo_reader"),
        open_as("U", "zoo_reader"), open_as("V", "zoo_nobody"))),
    Script("default_privileges", cases=(21,), setup=ROLES, steps=(
        open_as("R", "zoo_reader"), sql("A", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO zoo_reader"), sql("A", "CREATE TABLE u AS SELECT 1 AS id"),
        warm("R", "SELECT id FROM u"), sql("A", "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM zoo_reader"), sql("R", "SELECT id FROM u"), sql("A", "DROP TABLE u"),
        sql("A", "CREATE TABLE u AS SELECT 2 AS id"), sql("R", "SELECT id FROM u"))),
    Script("another_database", cases=(23,), setup=T, steps=(
        warm("A", "SELECT v FROM t WHERE id = 1"), open_as("P", database="postgres"), sql("P", "SELECT v FROM t WHERE id = 1"), sql("P", "SELECT current_database()"),
        cold("P", "SELECT current_database()"))),
)

SCRIPTS = (*SEARCH_PATH, *SETTINGS, *FORMATS, *PRIVILEGES)
CacheKey = test_case(SCRIPTS, "larder_cache_key")

if __name__ == "__main__":
    unittest.main()
