#!/usr/bin/python3
"""Writes that do not name the table that changes, or name it in a way that is easily missed. After each, reads that were hits must be right."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.differential import test_case  # noqa: E402
from support.script import Script, q, receive, send, sql, wait_blocked, warm, x  # noqa: E402

T = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')",
     "CREATE TABLE log (id serial PRIMARY KEY, what text)", "CREATE SEQUENCE ids START 100")
READS = ("SELECT sum(n), count(*) FROM t", "SELECT id, n, v FROM t ORDER BY id", "SELECT n FROM t WHERE id = 1", "SELECT n FROM t WHERE id = 2", "SELECT n FROM t WHERE id = 7")


def script(name, cases, *writes, setup=(), reads=READS, base=T, forms=None, teardown=(), begin=()):
    """Reads made hits, then each write by another session followed by all reads, twice: once as a single statement, once in a block that
    another session looks into, once rolled back."""
    reads_of = lambda who: tuple(sql(who, read) for read in reads)  # noqa: E731
    steps = [*begin]
    for write in writes:
        steps += [*(warm("A", read) for read in reads), write if not isinstance(write, str) else sql("B", write), *reads_of("A"), *reads_of("A"), *reads_of("B")]
    for write in writes:
        if isinstance(write, str) and "VACUUM" not in write and "CONCURRENTLY" not in write:
            # Who reads what an open block has locked would wait for it.
            meanwhile = () if re.match("TRUNCATE|ALTER|DROP|CREATE|CLUSTER|REINDEX", write) else reads_of("A")
            steps += [*(warm("A", read) for read in reads[:2]), sql("B", "BEGIN"), sql("B", write), *reads_of("B"), *meanwhile, sql("B", "ROLLBACK"), *reads_of("A"), *reads_of("B")]
            steps += [*(warm("A", read) for read in reads[:2]), sql("B", "BEGIN"), sql("B", write), *meanwhile, sql("B", "COMMIT"), *reads_of("A"), *reads_of("B")]
    more = {"forms": forms} if forms else {}
    return Script(name, cases=cases, setup=(*base, *setup), steps=tuple(steps), teardown=teardown, **more)


FAMILY = ("CREATE TABLE p (id int PRIMARY KEY, k int UNIQUE)", "INSERT INTO p VALUES (1, 11), (2, 12), (3, 13), (4, 14)",
          "CREATE TABLE c (id int PRIMARY KEY, p_id int DEFAULT 4 REFERENCES p ON UPDATE CASCADE ON DELETE {action})", "INSERT INTO c VALUES (1, 1), (2, 1), (3, 2), (4, 3)",
          "CREATE TABLE g (id int PRIMARY KEY, c_id int REFERENCES c ON DELETE CASCADE)", "INSERT INTO g VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
FAMILY_READS = ("SELECT id, p_id FROM c ORDER BY id", "SELECT count(*) FROM g", "SELECT p_id FROM c WHERE id = 1", "SELECT id FROM g WHERE c_id = 1", "SELECT id FROM c WHERE p_id = 1 ORDER BY id",
                "SELECT c_id FROM g WHERE id = 1")


def family(action):
    return tuple(part.format(action=action) for part in FAMILY)


def triggered(when, body, name="tr", table="t", each="ROW"):
    function = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} END$$"
    return function, f"CREATE TRIGGER {name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()"


LOG_READS = ("SELECT what FROM log ORDER BY id", "SELECT count(*) FROM log", *READS)

INDIRECT = (
    script("cascade_delete", (43,), "DELETE FROM p WHERE id = 1", "DELETE FROM p WHERE k = 12", base=family("CASCADE"), reads=FAMILY_READS),
    script("cascade_update", (43,), "UPDATE p SET id = id + 10 WHERE id = 1", "UPDATE p SET id = 22 WHERE k = 12", base=family("CASCADE"), reads=FAMILY_READS),
    script("cascade_set_null", (43,), "DELETE FROM p WHERE id = 1", "DELETE FROM p WHERE id = 2", base=family("SET NULL"), reads=FAMILY_READS),
    script("cascade_set_default", (43,), "DELETE FROM p WHERE id = 1", "DELETE FROM p WHERE id = 2", base=family("SET DEFAULT"), reads=FAMILY_READS),
    script("cascade_by_a_function", (43, 52), "DO $$BEGIN DELETE FROM p WHERE id = 1; END$$", base=family("CASCADE"), reads=FAMILY_READS),
    script("after_row_trigger", (44,), "UPDATE t SET n = n + 1 WHERE id = 1", "INSERT INTO t VALUES (nextval('ids'), 1, 'x')", "DELETE FROM t WHERE id = 3",
           setup=triggered("AFTER INSERT OR UPDATE OR DELETE", "INSERT INTO log (what) VALUES (TG_OP); RETURN NULL;"), reads=LOG_READS),
    script("after_statement_trigger", (44,), "UPDATE t SET n = n WHERE false", "DELETE FROM t WHERE id = 99",
           setup=triggered("AFTER UPDATE OR DELETE", "INSERT INTO log (what) VALUES (TG_OP); RETURN NULL;", each="STATEMENT"), reads=LOG_READS),
    script("before_trigger_changes_the_row", (44,), "UPDATE t SET n = n + 1 WHERE id = 1", "INSERT INTO t VALUES (5, 1, 'x') ON CONFLICT (id) DO UPDATE SET n = t.n + 1",
           setup=triggered("BEFORE INSERT OR UPDATE", "NEW.n = NEW.n * 2; IF TG_OP = 'INSERT' THEN NEW.id = NEW.id + 2; END IF; RETURN NEW;")),
    script("trigger_writes_another_row", (44,), "UPDATE t SET n = n + 1 WHERE id = 1",
           setup=triggered("AFTER UPDATE", "IF NEW.id = 1 THEN UPDATE t SET n = n + 5 WHERE id = 2; END IF; RETURN NULL;")),
    script("trigger_with_dynamic_sql", (44, 55), "UPDATE t SET n = n + 1 WHERE id = 1",
           setup=triggered("AFTER UPDATE", "EXECUTE format('INSERT INTO %I (what) VALUES (%L)', 'lo' || 'g', TG_OP); RETURN NULL;"), reads=LOG_READS),
    script("deferred_constraint_trigger", (44,), "UPDATE t SET n = n + 1 WHERE id = 1", setup=(
        "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO log (what) VALUES (TG_OP); RETURN NULL; END$$",
        "CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION later()"), reads=LOG_READS),
    script("instead_of_trigger", (44,), "UPDATE w SET n = n + 1 WHERE id = 1", "DELETE FROM w WHERE id = 1", "INSERT INTO w VALUES (1, 2)", setup=(
        "CREATE VIEW w AS SELECT id, sum(n) AS n FROM t GROUP BY id", "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN UPDATE t SET n = n + 100; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END$$",
        "CREATE TRIGGER act INSTEAD OF INSERT OR UPDATE OR DELETE ON w FOR EACH ROW EXECUTE FUNCTION act()")),
    script("instead_of_trigger_that_writes_elsewhere", (44,), "UPDATE w SET n = n + 1 WHERE id = 1", setup=(
        "CREATE VIEW w AS SELECT id, sum(n) AS n FROM t GROUP BY id", "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN INSERT INTO log (what) VALUES (TG_OP); DELETE FROM t WHERE id = OLD.id + 1; RETURN NEW; END$$",
        "CREATE TRIGGER act INSTEAD OF UPDATE ON w FOR EACH ROW EXECUTE FUNCTION act()"), reads=LOG_READS),
    script("trigger_with_every_construct", (44,), "UPDATE t SET n = n + 1 WHERE id = 1", "INSERT INTO t VALUES (nextval('ids'), 1, 'x')", setup=triggered(
        "AFTER INSERT OR UPDATE", "BEGIN IF TG_OP = 'UPDATE' AND OLD.n IS DISTINCT FROM NEW.n THEN FOR i IN 1..2 LOOP INSERT INTO log (what) VALUES ('loop ' || i); END LOOP; "
        "ELSE CASE NEW.n WHEN 1 THEN UPDATE log SET what = what || '!'; ELSE NULL; END CASE; END IF; PERFORM 1 / (NEW.n - NEW.n); "
        "EXCEPTION WHEN division_by_zero THEN INSERT INTO log (what) SELECT v FROM t WHERE id = 2; END; PERFORM pg_notify('seen', NEW.id::text); RETURN NULL;"), reads=LOG_READS),
    script("trigger_that_upserts", (44, 56), "UPDATE t SET n = n + 1 WHERE id = 1", setup=triggered(
        "AFTER UPDATE", "INSERT INTO log (id, what) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET what = log.what || '+'; "
        "MERGE INTO log USING (SELECT 1 AS i) s ON log.id = s.i WHEN MATCHED THEN UPDATE SET what = log.what || '*'; RETURN NULL;"), reads=LOG_READS),
    script("truncate_trigger", (44, 51), "TRUNCATE log", setup=triggered("AFTER TRUNCATE", "UPDATE t SET n = n + 1; RETURN NULL;", table="log", each="STATEMENT"), reads=LOG_READS),
    script("trigger_that_calls_a_function", (44,), "UPDATE t SET n = n + 1 WHERE id = 1", setup=(
        "CREATE FUNCTION deep(what text) RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO log (what) VALUES (deep.what); RETURN 1; END$$",
        *triggered("AFTER UPDATE", "IF deep(TG_OP) > 0 THEN NULL; END IF; RETURN NULL;")), reads=LOG_READS),
    script("trigger_and_a_temporary_view_of_the_same_name", (44,), "UPDATE t SET n = n + 1 WHERE id = 1", setup=(
        "CREATE TABLE shadowed (id serial PRIMARY KEY, what text)", *triggered("AFTER UPDATE", "INSERT INTO log (what) VALUES (TG_OP); RETURN NULL;")),
        begin=(sql("B", "CREATE TEMP VIEW log AS SELECT id, what FROM shadowed"),), reads=("SELECT what FROM shadowed ORDER BY id", *READS), teardown=()),
    script("event_trigger", (44,), "CREATE TABLE anything ()", "DROP TABLE anything", "ALTER TABLE log ADD x int", setup=(
        "CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN UPDATE t SET n = n + 1; END$$",
        "CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION ddl()"), teardown=("DROP EVENT TRIGGER IF EXISTS ddl",)),
    script("rule_also", (45,), "UPDATE t SET n = n + 1 WHERE id = 1", "INSERT INTO t VALUES (nextval('ids'), 1, 'x')",
           setup=("CREATE RULE a AS ON UPDATE TO t DO ALSO INSERT INTO log (what) VALUES ('u')", "CREATE RULE b AS ON INSERT TO t DO ALSO UPDATE log SET what = what || '!'"), reads=LOG_READS),
    script("rule_instead", (45,), "DELETE FROM t WHERE id = 1", "UPDATE log SET what = 'x'",
           setup=("CREATE RULE a AS ON DELETE TO t DO INSTEAD UPDATE t SET n = n - 1 WHERE id = OLD.id + 1", "CREATE RULE b AS ON UPDATE TO log DO INSTEAD DELETE FROM t WHERE id = 3"),
           reads=LOG_READS),
    script("updatable_view", (46,), "UPDATE w SET n = n + 1 WHERE id = 1", "INSERT INTO w VALUES (7, 1, 'x') ON CONFLICT (id) DO UPDATE SET n = w.n + 1", "DELETE FROM ww WHERE id = 7",
           setup=("CREATE VIEW w AS SELECT * FROM t WHERE n < 1000", "CREATE VIEW ww AS SELECT id, n AS m FROM w"), reads=(*READS, "SELECT sum(m) FROM ww")),
    script("view_read_base_written", (46, 67), "UPDATE t SET n = n + 1 WHERE id = 1", "DELETE FROM t WHERE id = 2",
           setup=("CREATE VIEW w AS SELECT t.id, t.n, (SELECT count(*) FROM log) AS c FROM t", "CREATE VIEW ww AS SELECT sum(n) FROM w"),
           reads=("SELECT * FROM w ORDER BY id", "SELECT * FROM ww", "SELECT n FROM w WHERE id = 1")),
)

PARTS = ("CREATE TABLE t (id int, n int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)", "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (3)",
         "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (3) TO (10) PARTITION BY RANGE (id)", "CREATE TABLE t21 PARTITION OF t2 FOR VALUES FROM (3) TO (10)",
         "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')", "CREATE TABLE spare (LIKE t)", "INSERT INTO spare VALUES (12, 1, 'spare')")
PART_READS = (*READS, "SELECT sum(n) FROM t1", "SELECT sum(n) FROM t2", "SELECT n FROM t21 WHERE id = 3", "SELECT n FROM t1 WHERE id = 1")
HEIRS = ("CREATE TABLE t (id int PRIMARY KEY, n int, v text)", "CREATE TABLE heir (extra int) INHERITS (t)", "CREATE TABLE grandchild () INHERITS (heir)",
         "INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two')", "INSERT INTO heir VALUES (1, 100, 'h', 0), (3, 30, 'three', 0)", "INSERT INTO grandchild VALUES (4, 40, 'g', 0)")

TREES = (
    script("partition_by_parent", (47,), "UPDATE t SET n = n + 1 WHERE id = 1", "UPDATE t SET n = n + 1", "DELETE FROM t WHERE id = 3", "INSERT INTO t VALUES (7, 1, 'x') ON CONFLICT (id) DO UPDATE SET n = t.n + 1",
           base=PARTS, reads=PART_READS),
    script("partition_by_child", (48,), "UPDATE t1 SET n = n + 1 WHERE id = 1", "UPDATE t21 SET n = n + 1", "INSERT INTO t2 VALUES (7, 1, 'x') ON CONFLICT (id) DO UPDATE SET n = t2.n + 1", "DELETE FROM t21 WHERE id = 3",
           base=PARTS, reads=PART_READS),
    script("row_moves_between_partitions", (49,), "UPDATE t SET id = id + 3 WHERE id = 2", "UPDATE t SET id = 2 WHERE id = 5", "UPDATE t SET id = 7 WHERE id = 1", base=PARTS, reads=PART_READS),
    script("attach_and_detach", (49,), "ALTER TABLE t ATTACH PARTITION spare FOR VALUES FROM (10) TO (20)", "UPDATE spare SET n = n + 1", "ALTER TABLE t DETACH PARTITION spare", "DROP TABLE t2",
           base=PARTS, reads=(*READS, "SELECT sum(n) FROM spare"), forms=("simple", "prepared")),
    script("inheritance", (50,), "UPDATE heir SET n = n + 1", "UPDATE t SET n = n + 1 WHERE id = 1", "UPDATE ONLY t SET n = n + 1", "DELETE FROM grandchild", "INSERT INTO heir VALUES (1, 1000, 'again', 0)",
           base=HEIRS, reads=(*READS, "SELECT sum(n) FROM ONLY t", "SELECT count(*) FROM heir", "SELECT n FROM t WHERE id = 1 ORDER BY n")),
    script("inheritance_begun_later", (50,), "ALTER TABLE late INHERIT t", "UPDATE late SET n = n + 1", "ALTER TABLE late NO INHERIT t", "UPDATE late SET n = n + 1",
           base=(*HEIRS, "CREATE TABLE late (id int NOT NULL, n int, v text)", "INSERT INTO late VALUES (1, 5, 'l')"), reads=(*READS, "SELECT sum(n) FROM late"), forms=("simple", "prepared")),
    script("truncate_cascade", (51,), "TRUNCATE p CASCADE", "INSERT INTO p VALUES (1, 1)", base=family("CASCADE"), reads=(*FAMILY_READS, "SELECT count(*) FROM p"), forms=("simple", "prepared")),
    script("truncate", (51,), "TRUNCATE t", "TRUNCATE TABLE ONLY t RESTART IDENTITY", "TRUNCATE log, t", setup=("INSERT INTO log (what) VALUES ('x')",), reads=(*READS, "SELECT count(*) FROM log"), forms=("simple", "binary")),
    Script("truncate_of_many", cases=(51,), forms=("simple",), setup=(
        *T, "DO $$BEGIN FOR i IN 1..150 LOOP EXECUTE format('CREATE TABLE many%s AS SELECT %s AS n', i, i); END LOOP; END$$"), steps=(
        warm("A", "SELECT count(*) FROM many150"), warm("A", "SELECT count(*) FROM many1"), warm("A", "SELECT count(*) FROM t"),
        sql("B", "TRUNCATE " + ", ".join(f"many{i}" for i in range(1, 151))), sql("A", "SELECT count(*) FROM many150"), sql("A", "SELECT count(*) FROM many1"), sql("A", "SELECT count(*) FROM t"))),
)


def own_reads(who="A"):
    return tuple(sql(who, read) for read in READS)


def warm_reads(who="A"):
    return tuple(warm(who, read) for read in READS)


CODE = (
    script("do_block", (52,), "DO $$BEGIN UPDATE t SET n = n + 1 WHERE id = 1; END$$", "DO $$DECLARE s text := 'UPDATE t SET n = n + 1'; BEGIN EXECUTE s; END$$", "DO LANGUAGE plpgsql 'BEGIN DELETE FROM t WHERE id = 3; END'"),
    script("call", (53,), "CALL bump(1)", setup=("CREATE PROCEDURE bump(int) LANGUAGE plpgsql AS 'BEGIN UPDATE t SET n = n + 1 WHERE id = $1; END'",)),
    Script("call_that_commits", cases=(53,), setup=(
        *T, "CREATE PROCEDURE steps() LANGUAGE plpgsql AS 'BEGIN UPDATE t SET n = n + 1; COMMIT; UPDATE t SET n = n + 10 WHERE id = 1; ROLLBACK; UPDATE t SET n = n + 100 WHERE id = 2; END'",
        "CREATE PROCEDURE fails() LANGUAGE plpgsql AS 'BEGIN UPDATE t SET n = n + 1; COMMIT; PERFORM 1 / 0; END'"), steps=(
        *warm_reads(), sql("B", "CALL steps()"), *own_reads(), *warm_reads(), sql("B", "CALL fails()"), *own_reads(), *own_reads("B"), sql("B", "BEGIN"), sql("B", "CALL steps()"), *own_reads(), sql("B", "ROLLBACK"),
        *own_reads(), sql("B", "DO $$BEGIN UPDATE t SET n = 0; COMMIT; UPDATE t SET n = 1; ROLLBACK; END$$"), *own_reads())),
    Script("call_that_commits_while_others_read", cases=(53, 96), setup=(
        *T, "CREATE PROCEDURE wait_in_middle() LANGUAGE plpgsql AS 'BEGIN UPDATE t SET n = n + 1; COMMIT; PERFORM pg_advisory_lock(77); PERFORM pg_advisory_unlock(77); UPDATE t SET n = n + 10; END'"),
        forms=("simple", "prepared"), steps=(
            *warm_reads(), sql("C", "SELECT pg_advisory_lock(77)"), send("B", sql="CALL wait_in_middle()"), wait_blocked(), *own_reads(), *own_reads(), sql("C", "SELECT pg_advisory_unlock(77)"), receive("B"),
            *own_reads(), *own_reads("C"))),
    Script("prepared_in_sql", cases=(54,), setup=T, steps=(
        sql("B", "PREPARE w (int) AS UPDATE t SET n = n + 1 WHERE id = $1"), sql("B", "PREPARE r AS SELECT n FROM t WHERE id = 1"), *warm_reads(), *(step for n in (1, 2) for step in (
            sql("B", f"EXECUTE w ({n})"), *own_reads(), sql("B", "EXECUTE r"), *warm_reads())), sql("B", "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE w (1)"), *own_reads(),
        sql("B", "CREATE TABLE made AS EXECUTE r"), sql("B", "SELECT n FROM made"), sql("B", "DEALLOCATE w"), sql("B", "EXECUTE w (1)"), *own_reads(), sql("B", "PREPARE w (int) AS DELETE FROM t WHERE id = $1"), sql("B", "EXECUTE w (1)"),
        *own_reads(), x("B", wire.parse("named", "UPDATE t SET n = n + 1"), wire.sync()), q("B", "EXECUTE named"), *own_reads())),
    script("function_with_dynamic_sql", (55,), "SELECT dyn('t')", "SELECT dyn('log')", setup=(
        "CREATE FUNCTION dyn(text) RETURNS int LANGUAGE plpgsql AS $$BEGIN IF $1 = 't' THEN EXECUTE format('UPDATE %I SET n = n + 1', $1); END IF; RETURN 1; END$$",)),
    script("query_in_text", (55,), "SELECT query_to_xml('UPDATE t SET n = n + 1 RETURNING n', true, false, '')"),
    script("merge", (56,), "MERGE INTO t USING (VALUES (1, 5), (7, 6)) s (id, n) ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = t.n + s.n WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.n, 'm')",
           "MERGE INTO t AS x USING log ON x.id = log.id WHEN NOT MATCHED THEN DO NOTHING", "MERGE INTO t USING (VALUES (3)) s (id) ON t.id = s.id WHEN MATCHED THEN DELETE"),
    script("insert_select", (57,), "INSERT INTO t SELECT nextval('ids'), 1, 'x' FROM t LIMIT 1", "INSERT INTO t (id) VALUES (nextval('ids')), (nextval('ids'))"),
    script("on_conflict", (57,), "INSERT INTO t VALUES (1, 5, 'x') ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n", "INSERT INTO t VALUES (1, 5, 'x') ON CONFLICT DO NOTHING",
           "INSERT INTO t AS y VALUES (7, 0, 'x') ON CONFLICT ON CONSTRAINT t_pkey DO UPDATE SET n = y.n + 1 WHERE y.id = 7", "INSERT INTO t VALUES (2, 0, 'x') ON CONFLICT (id) DO UPDATE SET id = 7 + t.id"),
    script("update_from", (57,), "UPDATE t SET n = t.n + x.n FROM t AS x WHERE x.id = 2 AND t.id = 1", "UPDATE ONLY public.t AS y SET n = n + 1 WHERE y.id = 2", "UPDATE t AS log SET n = n + 1"),
    script("delete_using", (57,), "DELETE FROM t USING (VALUES (3)) x (id) WHERE t.id = x.id", "DELETE FROM public.t AS y WHERE y.id = 2"),
    script("update_of_the_key", (57,), "UPDATE t SET id = 7 WHERE id = 1", "UPDATE t SET id = 1 WHERE n = 10", "UPDATE t SET id = id + 5 WHERE id = 2", "UPDATE t SET (id, n) = (2, 99) WHERE id = 7"),
    script("returning", (57,), "UPDATE t SET n = n + 1 WHERE id = 1 RETURNING *", "INSERT INTO t VALUES (nextval('ids'), 0, '') RETURNING id, n", "DELETE FROM t WHERE id = 3 RETURNING t.*"),
    script("multi_row_key_lists", (57,), "UPDATE t SET n = n + 1 WHERE id IN (1, 2)", "UPDATE t SET n = n + 1 WHERE id = ANY ('{1,7}')", "DELETE FROM t WHERE id BETWEEN 2 AND 3"),
    Script("where_current_of", cases=(58,), setup=T, steps=(
        *warm_reads(), sql("B", "BEGIN"), sql("B", "DECLARE c CURSOR FOR SELECT * FROM t ORDER BY id FOR UPDATE"), sql("B", "FETCH 2 FROM c"), sql("B", "UPDATE t SET n = 777 WHERE CURRENT OF c"), *own_reads(),
        sql("B", "FETCH 1 FROM c"), sql("B", "DELETE FROM t WHERE CURRENT OF c"), sql("B", "COMMIT"), *own_reads(), *own_reads("B"))),
    Script("multi_statement_writes", cases=(59, 78), setup=T, steps=(
        *warm_reads(), q("B", "SELECT 1; UPDATE t SET n = n + 1"), *own_reads(), *warm_reads(), q("B", "SELECT n FROM t WHERE id = 1; UPDATE t SET n = n + 1; SELECT n FROM t WHERE id = 1"), *own_reads(), *warm_reads(),
        q("B", "BEGIN; UPDATE t SET n = n + 1; COMMIT"), *own_reads(), *warm_reads(), q("B", "UPDATE t SET n = 0; SELECT 1 / 0"), *own_reads(), *own_reads("B"), *warm_reads(),
        q("B", "BEGIN; UPDATE t SET n = n + 1; COMMIT; UPDATE t SET n = n + 10; SELECT 1 / 0"), *own_reads(), *own_reads("B"), *warm_reads(), q("B", "BEGIN; UPDATE t SET n = n + 1"), *own_reads(), *own_reads("B"),
        q("B", "SELECT 1; COMMIT; BEGIN"), *own_reads(), q("B", "UPDATE t SET n = 5; ROLLBACK; SELECT sum(n) FROM t"), *own_reads(), q("B", "UPDATE t SET n = n + 1; ; /* x */ ;"), *own_reads(),
        q("B", "INSERT INTO t VALUES (7, 7, ';'); SELECT ';UPDATE t SET n = 1;'"), *own_reads())),
    Script("unparsable_text_may_write", cases=(59,), setup=T, forms=("simple",), steps=(
        *warm_reads(), q("B", "UPDATE t SET n = n + 1; SELECT FROM WHERE"), *own_reads(), q("B", "SELEC 1"), *own_reads(), q("B", "SELECT 'unended"), *own_reads(), q("B", "UPDATE t SET n = n + 1 /* unended"), *own_reads())),
    script("housekeeping_flushes_nothing_wrongly", (61,), "VACUUM t", "ANALYZE t", "REINDEX TABLE t", "CLUSTER t USING t_pkey", "VACUUM (FULL, ANALYZE) t", "CREATE INDEX CONCURRENTLY i ON t (n)", "DROP INDEX i", "CREATE INDEX i ON t (n)",
           "DROP INDEX CONCURRENTLY i", "CHECKPOINT", "COMMENT ON TABLE t IS 'x'", setup=(), forms=("simple", "extended")),
    script("names_in_all_spellings", (66,), 'UPDATE "public"."t" SET n = n + 1', "UPDATE T SET N = N + 1", "UPDATE pUblic.T SET n = n + 1 WHERE ID = 1", 'DELETE FROM "Mixed Case" WHERE "Id" = 1', "UPDATE U&\"\\0074\" SET n = n + 1",
           "update only(t) set n = n + 1", setup=('CREATE TABLE "Mixed Case" ("Id" int PRIMARY KEY, "t" int)', 'INSERT INTO "Mixed Case" VALUES (1, 1), (2, 2)'), reads=(*READS, 'SELECT count(*) FROM "Mixed Case"')),
    script("key_literals_in_many_spellings", (57,), "UPDATE t SET n = n + 1 WHERE id = '1'", "UPDATE t SET n = n + 1 WHERE id = 1::int8", "UPDATE t SET n = n + 1 WHERE id = 1.0", "UPDATE t SET n = n + 1 WHERE 1 = id",
           "UPDATE t SET n = n + 1 WHERE id = 0 + 1", "UPDATE t SET n = n + 1 WHERE id = '+1'", "UPDATE t SET n = n + 1 WHERE (id, n) = (1, n)", "UPDATE t SET n = n + 1 WHERE id = 1 OR id = 2", "UPDATE t SET n = n + 1 WHERE id = +1",
           "UPDATE t SET n = n + 1 WHERE NOT id <> 1", "UPDATE t SET n = n + 1 WHERE id = - -1", "UPDATE t SET n = n + 1 WHERE (id = 1) IS TRUE", "UPDATE t SET n = n + 1 WHERE id = (SELECT 1)", "UPDATE t SET n = n + 1 WHERE id = 1 AND n IS NOT NULL",
           forms=("simple", "prepared")),
)
SCRIPTS = (*INDIRECT, *TREES, *CODE)
Writes = test_case(SCRIPTS, "larder_writes")

if __name__ == "__main__":
    unittest.main()
