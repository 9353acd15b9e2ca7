#include <catch2/catch.hpp>

#include "unit/rules/world.h"

using namespace larder::rules;
using namespace larder::rules::test;

namespace {

Rows shop() {
    Rows rows;
    rows.relation(1, "orders");
    rows.relation(2, "items");
    rows.relation(3, "log");
    rows.relation(4, "triggered").runs_code_on_update = true;
    rows.relation(5, "orders", RelationKind::table, "archive");
    rows.relation(6, "pg_class", RelationKind::table, "pg_catalog");
    rows.view(7, "v", "SELECT orders.id FROM public.orders");
    rows.view(8, "evil", "SELECT public.writer() AS w");
    rows.relation(9, "m", RelationKind::materialized_view).view_definition = "SELECT orders.id FROM public.orders";
    rows.relation(10, "evil_m", RelationKind::materialized_view).view_definition = "SELECT public.writer() AS w";
    rows.rows.foreign_keys = {{2, 1, 'c', 'n'}};
    rows.function(20001, "writer");
    rows.rows.user_operators = {{"public", "@@@"}};
    return rows;
}

}  // namespace

TEST_CASE("what statements write") {
    const World world(shop());
    const std::pair<const char*, const char*> cases[] = {
        {"INSERT INTO orders VALUES (1)", "1"},
        {"INSERT INTO orders SELECT * FROM log", "1"},
        {"INSERT INTO orders VALUES (1) ON CONFLICT DO NOTHING", "1"},
        {"INSERT INTO orders VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1", "1 2"},
        {"INSERT INTO triggered VALUES (1)", "4"},
        {"INSERT INTO triggered VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1", "4 any catalogue"},
        {"UPDATE orders SET n = 1", "1 2"},
        {"UPDATE public.orders AS o SET n = 1 FROM log", "1 2"},
        {"UPDATE archive.orders SET n = 1", "5"},
        {"UPDATE triggered SET n = 1", "4 any catalogue"},
        {"DELETE FROM orders", "1 2"},
        {"DELETE FROM items USING orders", "2"},
        {"DELETE FROM v", "1 2"},
        {"MERGE INTO orders USING log ON true WHEN MATCHED THEN DELETE", "1 2"},
        {"COPY orders FROM STDIN", "1"},
        {"COPY orders TO STDOUT", ""},
        {"COPY (SELECT writer()) TO STDOUT", "any catalogue"},
        {"TRUNCATE orders", "1 exclusive"},
        {"TRUNCATE orders, log CASCADE", "1 2 3 exclusive"},
        {"WITH d AS (DELETE FROM items RETURNING id), u AS (UPDATE log SET n = 1) SELECT * FROM d", "2 3"},
        {"EXPLAIN DELETE FROM orders", ""},
        {"EXPLAIN ANALYZE DELETE FROM orders", "1 2"},
        {"DELETE FROM missing", "any"},
        {"INSERT INTO pg_class VALUES (1)", "any catalogue"},
        {"SELECT 1; DELETE FROM items; UPDATE log SET n = 2", "2 3"},
        {"LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", "1 exclusive"},
        {"LOCK TABLE v", "1 exclusive"},
        {"LOCK TABLE orders IN SHARE MODE", ""},
        {"REFRESH MATERIALIZED VIEW m", "9 exclusive"},
        {"REFRESH MATERIALIZED VIEW evil_m", "10 any catalogue exclusive"},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(show(world.writes(text)) == expected);
    }
}

TEST_CASE("reads that may write") {
    const World world(shop());
    for (const auto* text : {"SELECT writer()", "SELECT * FROM evil", "SELECT 1 WHERE EXISTS (SELECT 1 FROM evil)", "SELECT 1 @@@ 2", "SELECT no_such()",
                             "SELECT query_to_xml('x', true, true, '')", "INSERT INTO log SELECT writer()", "DECLARE c CURSOR FOR SELECT writer()",
                             "EXPLAIN ANALYZE SELECT writer()", "CREATE INDEX ON orders (writer())"}) {
        INFO(text);
        CHECK(world.writes(text).any);
        CHECK(world.writes(text).catalogue);
    }
    for (const auto* text : {"SELECT random()", "SELECT nextval('s')", "SELECT * FROM evil_m", "SELECT missing FROM missing", "SELECT now()", "SELECT pg_advisory_lock(1)",
                             "DECLARE c CURSOR FOR SELECT id FROM orders", "FETCH c", "CREATE INDEX ON orders (lower(n))"}) {
        INFO(text);
        CHECK(world.writes(text).empty());
    }
}

TEST_CASE("what changes the catalogue, the server, or nobody knows what") {
    const World world(shop());
    const std::pair<const char*, const char*> cases[] = {
        {"CREATE TABLE x (a int)", "catalogue exclusive"},
        {"ALTER TABLE orders ADD COLUMN x int", "catalogue exclusive"},
        {"DROP TABLE missing", "catalogue exclusive"},
        {"GRANT SELECT ON orders TO app", "catalogue exclusive"},
        {"CREATE TABLE x AS SELECT id FROM orders", "catalogue exclusive"},
        {"CREATE TABLE x AS SELECT writer()", "any catalogue exclusive"},
        {"SELECT id INTO x FROM orders", "catalogue exclusive"},
        {"CREATE TEMP TABLE x (a int)", ""},
        {"CREATE TEMP TABLE x AS SELECT id FROM orders", ""},
        {"CREATE TEMP TABLE x AS SELECT writer()", "any catalogue"},
        {"CREATE ROLE x", "catalogue server exclusive"},
        {"ALTER ROLE x SET search_path = a", "catalogue server exclusive"},
        {"ALTER SYSTEM SET work_mem = '1MB'", "catalogue server exclusive"},
        {"DO $$ BEGIN END $$", "any catalogue"},
        {"CALL p()", "any catalogue"},
        {"EXECUTE s", "any catalogue"},
        {"COMMIT PREPARED 'x'", "any catalogue"},
        {"LOAD 'x'", "any catalogue"},
        {"not sql at all", "any catalogue"},
        {"VACUUM orders", ""},
        {"ANALYZE", ""},
        {"REINDEX TABLE orders", ""},
        {"CHECKPOINT", ""},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(show(world.writes(text)) == expected);
    }
}

TEST_CASE("event triggers run with DDL, also that of temporary objects") {
    auto rows = shop();
    rows.builtin("harmless_event", 'v').oid = 3000;
    rows.rows.event_functions = {3000};
    CHECK(show(World(rows).writes("CREATE TEMP TABLE x (a int)")) == "");
    rows.rows.event_functions = {20001};
    CHECK(show(World(rows).writes("CREATE TEMP TABLE x (a int)")) == "any catalogue");
    CHECK(show(World(rows).writes("CREATE INDEX ON orders (n)")) == "any catalogue");
}

TEST_CASE("maintenance runs the code of indexes and statistics") {
    auto rows = shop();
    rows.rows.code_uses = {{.relation = 2, .function = 20001, .on_maintenance = true}};
    const World world(rows);
    for (const auto* text : {"ANALYZE items", "VACUUM orders, items", "REINDEX TABLE items", "ANALYZE", "REINDEX SCHEMA public", "VACUUM missing"}) {
        INFO(text);
        CHECK(show(world.writes(text)) == "any catalogue");
    }
    CHECK(show(world.writes("ANALYZE orders")) == "");
    CHECK(show(world.writes("DELETE FROM items")) == "2");
}

TEST_CASE("planning a prepared statement runs code that is not known") {
    const World world(shop());
    CHECK(show(world.writes("EXPLAIN EXECUTE s")) == "any catalogue");
    CHECK(show(world.writes("EXPLAIN SELECT id FROM orders")) == "");
}

TEST_CASE("what controls the session writes nothing") {
    const World world(shop());
    for (const auto* text : {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "PREPARE TRANSACTION 'x'", "ROLLBACK PREPARED 'x'", "SET work_mem = '1MB'",
                             "RESET ALL", "SHOW ALL", "DISCARD ALL", "PREPARE s AS DELETE FROM orders", "DEALLOCATE s", "CLOSE c", "LISTEN x", "UNLISTEN x", "NOTIFY x",
                             "SET TRANSACTION READ ONLY", "SET CONSTRAINTS ALL IMMEDIATE", ""}) {
        INFO(text);
        CHECK(world.writes(text).empty());
    }
}

TEST_CASE("without catalogue or environment, whatever may write may write anything") {
    World world(shop());
    const auto check = [&] {
        for (const auto* text : {"INSERT INTO orders VALUES (1)", "UPDATE public.orders SET n = 1", "TRUNCATE orders", "SELECT * FROM orders", "COPY orders FROM STDIN"}) {
            INFO(text);
            CHECK(world.writes(text).any);
            CHECK(world.writes(text).catalogue);
        }
        // Readers wait for these from now on, whatever it is that is locked.
        for (const auto* text : {"LOCK TABLE orders", "TRUNCATE orders", "TRUNCATE orders CASCADE", "REFRESH MATERIALIZED VIEW orders"}) {
            INFO(text);
            CHECK(show(world.writes(text)) == "any catalogue exclusive");
        }
        CHECK_FALSE(world.writes("LOCK TABLE orders IN SHARE MODE").exclusive);
        CHECK_FALSE(world.writes("DELETE FROM orders").exclusive);
        for (const auto* text : {"BEGIN", "SELECT 1", "SET work_mem = '1MB'"}) {
            INFO(text);
            CHECK(world.writes(text).empty());
        }
    };
    SECTION("no catalogue") {
        world.knows_catalogue = false;
        CHECK(world.writes("SELECT lower('x')").any);
        check();
    }
    SECTION("no environment") {
        world.knows_env = false;
        CHECK(world.writes("SELECT lower('x')").empty());
        CHECK(world.writes("BEGIN; -- \\").any);  // a backslash: how it is read depends on settings
        check();
    }
}

TEST_CASE("temporary objects: marks of the permanent name stay, and code in them is opaque") {
    World world(shop());
    world.env.owns_temp_objects = true;
    CHECK(show(world.writes("DELETE FROM items")) == "2");
    CHECK(show(world.writes("DELETE FROM my_temp")) == "");
    CHECK(show(world.writes("DELETE FROM pg_temp.my_temp")) == "");
    CHECK(show(world.writes("SELECT * FROM my_temp")) == "");
    world.env.temp_objects_run_code = true;
    CHECK(world.writes("DELETE FROM my_temp").any);
    CHECK(world.writes("DELETE FROM pg_temp.my_temp").catalogue);
    CHECK(world.writes("SELECT * FROM my_temp").any);
    CHECK_FALSE(world.writes("SELECT * FROM public.orders").any);
    // A temporary table may inherit from it, with triggers of its own.
    CHECK(show(world.writes("DELETE FROM public.items")) == "2 any catalogue");
}

TEST_CASE("a name that several schemas of the path have is written in each") {
    World world(shop());
    world.env.schemas = {"archive", "public"};
    CHECK(show(world.writes("INSERT INTO orders VALUES (1)")) == "1 5");
}
