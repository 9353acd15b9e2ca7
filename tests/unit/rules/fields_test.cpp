// t.f calls f(t) where t has no column f: a function that no call in the text shows.
#include <catch2/catch.hpp>

#include "unit/rules/world.h"

using namespace larder::rules;
using namespace larder::rules::test;

namespace {

Rows people() {
    Rows rows;
    rows.relation(1, "people");
    rows.function(20001, "full_name", 's').takes_row = true;
    rows.function(20002, "initials", 'i');                     // of a text, say
    rows.function(20003, "touch", 'v').takes_row = true;
    rows.function(20004, "archive", 'v');
    auto& pure = rows.member(20005, "x", "outline", 'i');
    pure.takes_row = true;
    rows.builtin("age", 's');
    rows.builtin("generate_series", 'i');
    rows.rows.user_types = {{"public", "positive"}};
    return rows;
}

}  // namespace

TEST_CASE("a function of a row that is written like a column keeps the answer out") {
    const World world(people());
    CHECK(world.reason("SELECT p.full_name FROM people p") == Reason::user_function);
    CHECK(world.reason("SELECT people.full_name FROM people") == Reason::user_function);
    CHECK(world.reason("SELECT public.people.full_name FROM people") == Reason::user_function);
    CHECK(world.reason("SELECT id FROM people p WHERE p.full_name = 'x'") == Reason::user_function);
    CHECK(world.reason("SELECT (p).full_name FROM people p") == Reason::user_function);
    CHECK(world.reason("SELECT p.name, p.age, p.archive, p.initials, p.outline FROM people p") == Reason::none);
    CHECK(world.reason("SELECT full_name FROM people") == Reason::none);  // without a row before it, it can only be a column
}

TEST_CASE("a field of a value of any type may be any function or cast") {
    const World world(people());
    CHECK(world.reason("SELECT (p.born).age FROM people p") == Reason::time_dependent);
    CHECK(world.reason("SELECT d.age FROM generate_series(1, 2) d") == Reason::time_dependent);
    CHECK(world.reason("SELECT (p.name).archive FROM people p") == Reason::user_function);
    CHECK(world.reason("SELECT (p.n).positive FROM people p") == Reason::user_type);
    CHECK(world.reason("SELECT (p.name).regclass FROM people p") == Reason::system_catalog);
    CHECK(world.reason("SELECT (p.address).street FROM people p") == Reason::none);
}

TEST_CASE("such a function may write, and change the session") {
    World world(people());
    CHECK(show(world.writes("SELECT p.touch FROM people p")) == "any catalogue");
    CHECK(world.plan("SELECT p.touch FROM people p").changes_environment);
    CHECK(show(world.writes("SELECT p.archive FROM people p")) == "");
    CHECK(show(world.writes("SELECT (p.name).archive FROM people p")) == "any catalogue");
    CHECK(world.plan("SELECT set_config('application_name', 'a', false), ('x'::text).archive").may_release_locks);
    world.knows_catalogue = false;
    CHECK(show(world.writes("SELECT ('x'::text).archive")) == "any catalogue");
}
