// Triggers whose bodies are understood: what a write reaches through them, and when they count as code that may do anything.
#include <catch2/catch.hpp>

#include "unit/rules/world.h"

using namespace larder;
using namespace larder::rules;
using namespace larder::rules::test;

namespace {

constexpr Oid kFunction = 20'001;

// Table 1 `t` (id, n) with a trigger of this body; tables 2 `log`, 3 `other`; a view over 3.
Rows rows_with(const std::string& body) {
    Rows rows;
    for (const auto& [oid, name] : {std::pair{1u, "t"}, {2u, "log"}, {3u, "other"}}) rows.relation(oid, name);
    rows.view(4, "v", "SELECT other.id FROM public.other");
    rows.builtin("now", 's');
    rows.function(20'002, "user_code");
    rows.function(kFunction, "act").trigger_body = body;
    auto& all = rows.rows;
    all.columns = {{1, "id", 23}, {1, "n", 23}};
    all.indexes = {{1, {"id"}, true}};
    all.triggers = {{1, true, true, false, kFunction}};
    all.code_uses = {{.relation = 1, .function = kFunction, .on_insert = true, .on_update = true}};
    return rows;
}

std::string writes(const std::string& body, const std::string& text = "UPDATE t SET n = 2 WHERE id = 1") { return show(World(rows_with(body)).writes(text)); }

}  // namespace

TEST_CASE("a write moves what its triggers write, at any level") {
    CHECK(writes("BEGIN NEW.n := 5; RETURN NEW; END") == "1");
    CHECK(writes("BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END") == "1 2");
    CHECK(writes("BEGIN INSERT INTO public.log VALUES (NEW.id); DELETE FROM other; RETURN NULL; END") == "1 2 3");
    CHECK(writes("BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END", "DELETE FROM t WHERE id = 1") == "1");  // not for deletes
    CHECK(writes("BEGIN INSERT INTO elsewhere.log VALUES (NEW.id); RETURN NULL; END") == "1");
    auto rows = rows_with("BEGIN UPDATE log SET n = 1; RETURN NULL; END");
    rows.rows.foreign_keys = {{3, 2, 'a', 'c'}};
    CHECK(show(World(rows).writes("UPDATE t SET n = 2 WHERE id = 1")) == "1 2 3");
}

TEST_CASE("a body that may do what is not known counts as everything") {
    for (const char* body : {"BEGIN EXECUTE 'x'; RETURN NULL; END", "BEGIN PERFORM user_code(); RETURN NULL; END", "BEGIN PERFORM unknown_code(); RETURN NULL; END",
                             "BEGIN SET LOCAL work_mem = '1MB'; RETURN NULL; END", "BEGIN PERFORM set_config('work_mem', '1MB', true); RETURN NULL; END",
                             "BEGIN CREATE TEMP TABLE x (); RETURN NULL; END", "BEGIN TRUNCATE log; RETURN NULL; END", "BEGIN LOCK log; RETURN NULL; END",
                             "BEGIN INSERT INTO v VALUES (1); RETURN NULL; END", "BEGIN PERFORM id FROM v; RETURN NULL; END", "BEGIN DROP TABLE log; RETURN NULL; END"}) {
        INFO(body);
        CHECK(writes(body) == "1 any catalogue");
    }
    auto typed = rows_with("DECLARE x checked; BEGIN RETURN NEW; END");
    typed.rows.user_types = {{"public", "checked", 20'002}};
    CHECK(show(World(typed).writes("UPDATE t SET n = 2 WHERE id = 1")) == "1 any catalogue");
}

TEST_CASE("names in a body may be those of temporary objects") {
    World world(rows_with("BEGIN INSERT INTO log VALUES (1); RETURN NULL; END"));
    world.env.owns_temp_objects = true;
    CHECK(show(world.writes("UPDATE t SET n = 2 WHERE id = 1")).find("any catalogue") != std::string::npos);
    world.knows_env = false;
    CHECK(show(world.writes("UPDATE t SET n = 2 WHERE id = 1")).find("any catalogue") != std::string::npos);
}

TEST_CASE("a trigger that leaves the keys alone leaves other rows valid") {
    const auto all_of_keys = [](const std::string& body, const std::string& text) {
        const auto plan = World(rows_with(body)).plan(text);
        return std::any_of(plan.writes.keys.begin(), plan.writes.keys.end(), [](const KeyMove& move) { return move.key.root == 1 && move.counter == KeyCounter::all; });
    };
    const std::string update = "UPDATE t SET n = 2 WHERE id = 1", insert = "INSERT INTO t VALUES (1, 2)";
    CHECK_FALSE(all_of_keys("BEGIN NEW.n := 5; RETURN NEW; END", update));
    CHECK(all_of_keys("BEGIN NEW.id := 5; RETURN NEW; END", update));
    CHECK(all_of_keys("DECLARE r t; BEGIN RETURN r; END", update));
    CHECK_FALSE(all_of_keys("BEGIN INSERT INTO log VALUES (1); RETURN NULL; END", update));
    CHECK(all_of_keys("BEGIN UPDATE t SET n = 1; RETURN NULL; END", update));
    CHECK(all_of_keys("BEGIN UPDATE t SET n = 1; RETURN NULL; END", insert));
    CHECK_FALSE(all_of_keys("BEGIN NEW.n := 5; RETURN NEW; END", insert));
}

TEST_CASE("what an INSTEAD OF trigger writes stays with its view") {
    auto rows = rows_with("BEGIN INSERT INTO log VALUES (1); RETURN NEW; END");
    rows.rows.code_uses = {{.relation = 4, .function = kFunction, .on_update = true}};
    const auto shown = show(World(rows).writes("UPDATE v SET id = 2"));
    CHECK(shown == "2 3");
}
