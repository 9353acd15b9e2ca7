#include <catch2/catch.hpp>

#include "unit/rules/world.h"

using namespace larder::rules;
using namespace larder::rules::test;

namespace {

Rows shop() {
    Rows rows;
    rows.relation(1, "orders");
    rows.relation(2, "triggered").runs_code_on_insert = true;
    rows.view(3, "evil", "SELECT public.writer() AS w");
    rows.function(20001, "writer");
    return rows;
}

// E environment changes, L and may revert, R releases locks, C commits inside, B ends the block, M touches modes.
std::string effects(const World& world, const std::string& text) {
    const auto plan = world.plan(text);
    std::string out;
    if (plan.changes_environment) out += 'E';
    if (plan.changes_environment_locally) out += 'L';
    if (plan.may_release_locks) out += 'R';
    if (plan.may_commit_inside) out += 'C';
    if (plan.ends_block) out += 'B';
    if (plan.touches_transaction_modes) out += 'M';
    return out;
}

}  // namespace

TEST_CASE("what statements do to their session and transaction") {
    const World world(shop());
    const std::pair<const char*, const char*> cases[] = {
        {"SELECT id FROM orders", ""},
        {"INSERT INTO orders VALUES (1)", ""},
        {"BEGIN", ""},
        {"BEGIN ISOLATION LEVEL SERIALIZABLE", ""},
        {"COMMIT", "B"},
        {"ROLLBACK", "B"},
        {"COMMIT AND CHAIN", "B"},
        {"PREPARE TRANSACTION 'x'", "B"},
        {"SAVEPOINT s", ""},
        {"RELEASE s", ""},
        {"ROLLBACK TO s", "EL"},
        {"SET work_mem = '1MB'", ""},
        {"SET app.tenant = '1'", ""},
        {"SET search_path = a", "EL"},
        {"SET LOCAL datestyle = 'ISO'", "EL"},
        {"SET TIME ZONE 'UTC'", "EL"},
        {"SET NAMES 'UTF8'", "EL"},
        {"SET ROLE app", "EL"},
        {"SET SESSION AUTHORIZATION app", "EL"},
        {"RESET search_path", "EL"},
        {"RESET ALL", "ELM"},
        {"SHOW search_path", ""},
        {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "M"},
        {"SET transaction_read_only = on", "M"},
        {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "EL"},
        {"SELECT set_config('work_mem', '1MB', false)", ""},
        {"SELECT set_config('search_path', 'a', true)", "EL"},
        {"SELECT set_config('transaction_read_only', 'on', true)", "M"},
        {"DISCARD ALL", "ELRM"},
        {"DISCARD TEMP", "EL"},
        {"DISCARD PLANS", ""},
        {"CREATE TABLE x (a int)", "ELRM"},
        {"CREATE TEMP TABLE x (a int)", "EL"},
        {"CREATE ROLE x", "EL"},
        {"DO $$ BEGIN END $$", "ELRCM"},
        {"CALL p()", "ELRCM"},
        {"EXECUTE s", "ELRCM"},
        {"SELECT writer()", "ELRM"},
        {"SELECT * FROM evil", "ELRM"},
        {"INSERT INTO triggered VALUES (1)", "ELRM"},
        {"SELECT pg_advisory_lock(1)", "ELRM"},
        {"SELECT 1; COMMIT; SELECT 2", "CB"},
        {"BEGIN; INSERT INTO orders VALUES (1)", "CB"},
        {"SELECT 1; SET search_path = a", "EL"},
        {"not sql", "ELRCBM"},
        {"LISTEN x", ""},
        {"FETCH c", ""},
        {"", ""},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(effects(world, text) == expected);
    }
}

TEST_CASE("temporary objects are made with event triggers") {
    auto rows = shop();
    rows.rows.event_functions = {20001};
    CHECK(effects(World(rows), "CREATE TEMP TABLE x (a int)") == "ELRM");
}

TEST_CASE("without a catalogue, what only controls the session is understood") {
    World world(shop());
    world.knows_catalogue = false;
    for (const auto* text : {"BEGIN", "SET work_mem = '1MB'", "SHOW search_path", "LISTEN x", "SAVEPOINT s"}) {
        INFO(text);
        CHECK(effects(world, text).empty());
        CHECK(world.writes(text).empty());
    }
    CHECK(effects(world, "COMMIT") == "B");
    CHECK(world.writes("COMMIT").empty());
}

TEST_CASE("set_config of a name that is not constant may set anything") {
    const World world(shop());
    CHECK(effects(world, "SELECT set_config($1, 'x', false)").starts_with("EL"));
    CHECK(effects(world, "SELECT set_config('work_' || 'mem', 'x', false)").find('M') != std::string::npos);
}

TEST_CASE("without a catalogue any call may change the session") {
    World world(shop());
    world.knows_catalogue = false;
    CHECK(effects(world, "SELECT lower('x')") == "ELRM");
    CHECK(effects(world, "SELECT 1").empty());
}
