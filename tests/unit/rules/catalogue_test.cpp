#include "rules/catalogue.h"

#include <catch2/catch.hpp>

#include "rules/write_closure.h"
#include "unit/rules/world.h"

using namespace larder::rules;
using namespace larder::rules::test;
using larder::Oid;
using larder::sql::Name;

namespace {

const std::vector<std::string> kPath{"pg_catalog", "public"};

const Relation& get(const std::shared_ptr<const Catalogue>& catalogue, const std::string& name) {
    const auto* relation = catalogue->find_relation({"public", name}, kPath);
    REQUIRE(relation != nullptr);
    return *relation;
}

}  // namespace

TEST_CASE("names are found by schema, or by the first schema of the path") {
    Rows rows;
    rows.relation(20, "t");
    rows.relation(21, "t", RelationKind::table, "other");
    const auto catalogue = rows.build();
    CHECK(catalogue->find_relation({"", "t"}, {"other", "public"})->oid == 21);
    CHECK(catalogue->find_relation({"", "t"}, {"public", "other"})->oid == 20);
    CHECK(catalogue->find_relation({"other", "t"}, {"public"})->oid == 21);
    CHECK(catalogue->find_relation({"", "t"}, {"nowhere"}) == nullptr);
    CHECK(catalogue->find_relation({"", "missing"}, kPath) == nullptr);
    CHECK(catalogue->find_relation(21)->schema == "other");
    CHECK(catalogue->find_candidates({"", "t"}, {"other", "nowhere", "public"}).size() == 2);
    CHECK(catalogue->qualified_name(21) == "other.t");
    CHECK(catalogue->qualified_name(99).empty());
    CHECK(catalogue->relation_count() == 2);
    CHECK(catalogue->bytes() > 0);
}

TEST_CASE("partitions and inheritance share the smallest OID as root") {
    Rows rows;
    rows.relation(30, "parent", RelationKind::partitioned_table);
    rows.relation(31, "part_a");
    rows.relation(29, "part_b", RelationKind::partitioned_table);
    rows.relation(32, "leaf");
    rows.relation(33, "alone");
    rows.rows.inheritance = {{31, 30}, {29, 30}, {32, 29}, {99, 30}};
    const auto catalogue = rows.build();
    for (const auto* name : {"parent", "part_a", "part_b", "leaf"}) {
        INFO(name);
        CHECK(get(catalogue, name).root == 29);
        CHECK(show(get(catalogue, name).reads) == "29");
        CHECK(show(get(catalogue, name).on_update) == "29");
    }
    CHECK(get(catalogue, "alone").root == 33);
}

TEST_CASE("multiple inheritance joins whole trees, whatever the order") {
    TreeRoots roots;
    roots.join(5, 6);
    roots.join(8, 7);
    roots.join(9, 6);
    roots.join(9, 8);
    for (const Oid oid : {5, 6, 7, 8, 9}) CHECK(roots.root(oid) == 5);
    CHECK(roots.has_other_members(9));
    CHECK(roots.root(10) == 10);
    CHECK_FALSE(roots.has_other_members(10));
}

TEST_CASE("foreign-key actions are followed at every level") {
    Rows rows;
    for (const Oid oid : {41, 42, 43, 44}) rows.relation(oid, "t" + std::to_string(oid));
    // 42 is deleted with 41; 43 is set to null by that; 44 follows updates of 43 alone. 41 follows 42, a cycle.
    rows.rows.foreign_keys = {{42, 41, 'c', 'a'}, {43, 42, 'n', 'a'}, {44, 43, 'a', 'c'}, {41, 42, 'r', 'd'}};
    const auto catalogue = rows.build();
    const auto& top = get(catalogue, "t41");
    CHECK(show(top.on_insert) == "41");
    CHECK(show(top.on_delete) == "41 42 43 44");
    CHECK(show(top.on_update) == "41");
    CHECK(show(top.on_truncate_cascade) == "41 42 43 44");
    CHECK(show(get(catalogue, "t42").on_update) == "41 42");
    CHECK(show(get(catalogue, "t43").on_update) == "43 44");
    CHECK(show(get(catalogue, "t43").on_delete) == "43");
}

TEST_CASE("an update that moves a row between partitions sets off what a delete does") {
    Rows rows;
    rows.relation(50, "p", RelationKind::partitioned_table);
    rows.relation(51, "p1");
    rows.relation(52, "child");
    rows.rows.inheritance = {{51, 50}};
    rows.rows.foreign_keys = {{52, 50, 'c', 'a'}};
    CHECK(show(get(rows.build(), "p").on_update) == "50 52");
}

TEST_CASE("code that a write sets off makes it opaque, for all of its tree and all that cascades there") {
    Rows rows;
    rows.relation(60, "parent");
    rows.relation(61, "child").runs_code_on_insert = true;
    rows.relation(62, "referenced");
    rows.relation(63, "plain");
    rows.function(20001, "trigger_code");
    rows.builtin("tsvector_update_trigger", 'v').oid = 3752;
    rows.rows.inheritance = {{61, 60}};
    rows.rows.foreign_keys = {{60, 62, 'c', 'a'}};
    rows.rows.code_uses = {{.relation = 61, .function = 20001, .on_delete = true}, {.relation = 63, .function = 3752, .on_insert = true, .on_update = true}};
    const auto catalogue = rows.build();
    const auto& parent = get(catalogue, "parent");
    CHECK(parent.insert_is_opaque);
    CHECK(parent.delete_is_opaque);
    CHECK(parent.update_is_opaque);  // a row may move between partitions
    CHECK_FALSE(parent.truncate_is_opaque);
    CHECK(get(catalogue, "referenced").delete_is_opaque);
    CHECK_FALSE(get(catalogue, "referenced").update_is_opaque);
    const auto& plain = get(catalogue, "plain");
    CHECK_FALSE((plain.insert_is_opaque || plain.update_is_opaque || plain.delete_is_opaque));
}

TEST_CASE("views read what is below them, through other views") {
    Rows rows;
    rows.relation(70, "a");
    rows.relation(71, "b");
    rows.view(72, "inner_view", "SELECT a.x, b.y FROM public.a JOIN public.b ON a.id = b.id");
    rows.view(69, "outer_view", "SELECT lower(v.x) AS l FROM public.inner_view v WHERE EXISTS (SELECT 1 FROM public.a)");
    const auto catalogue = rows.build();
    CHECK(show(get(catalogue, "outer_view").reads) == "70 71");
    CHECK(get(catalogue, "outer_view").read_reason == Reason::none);
    CHECK_FALSE(get(catalogue, "outer_view").reading_is_opaque);
    CHECK(show(get(catalogue, "inner_view").on_delete) == "70 71");
}

TEST_CASE("views inherit the reasons of what is in them") {
    Rows rows;
    rows.relation(80, "t");
    rows.relation(81, "secret").has_row_security = true;
    rows.relation(82, "far", RelationKind::foreign_table);
    rows.relation(83, "counter", RelationKind::sequence);
    rows.function(20001, "writer");
    const std::pair<const char*, Reason> cases[] = {
        {"SELECT random() AS r FROM public.t", Reason::volatile_function},
        {"SELECT now() AS n", Reason::time_dependent},
        {"SELECT CURRENT_DATE AS d", Reason::time_dependent},
        {"SELECT CURRENT_USER AS u", Reason::session_dependent},
        {"SELECT 1 FROM public.t FOR UPDATE", Reason::locks_rows},
        {"SELECT 1 FROM public.t TABLESAMPLE system (10)", Reason::samples},
        {"SELECT 1 FROM public.secret", Reason::row_security},
        {"SELECT 1 FROM public.far", Reason::foreign_table},
        {"SELECT last_value FROM public.counter", Reason::sequence},
        {"SELECT 1 FROM public.missing", Reason::unknown_relation},
        {"SELECT public.writer()", Reason::user_function},
        {"SELECT public.missing()", Reason::unknown_function},
        {"not a query", Reason::not_understood},
        {"", Reason::not_understood},
        {"SELECT (t.xmin)::text AS x FROM public.t", Reason::system_catalog},
    };
    Oid oid = 90;
    for (const auto& [definition, reason] : cases) {
        rows.view(oid, "v" + std::to_string(oid), definition);
        ++oid;
    }
    const auto catalogue = rows.build();
    oid = 90;
    for (const auto& [definition, reason] : cases) {
        INFO(definition);
        CHECK(catalogue->find_relation(oid++)->read_reason == reason);
    }
    CHECK(catalogue->find_relation(100)->reading_is_opaque);  // public.writer()
    CHECK(catalogue->find_relation(102)->reading_is_opaque);  // not understood
    CHECK_FALSE(catalogue->find_relation(90)->reading_is_opaque);
}

TEST_CASE("a name without schema in a view's definition is pg_catalog's, whatever else is called so") {
    Rows rows;
    rows.function(20001, "lower");
    rows.relation(85, "t");
    rows.view(86, "v", "SELECT lower(t.x) AS l FROM public.t");
    const auto catalogue = rows.build();
    CHECK(get(catalogue, "v").read_reason == Reason::none);
    CHECK(catalogue->function_verdict({"", "lower"}, kPath).reason == Reason::user_function);
    CHECK(catalogue->function_verdict({"pg_catalog", "lower"}, kPath).reason == Reason::none);
}

TEST_CASE("views within themselves and towers of views end") {
    Rows rows;
    rows.relation(100, "v0");
    for (Oid level = 1; level < 300; ++level) rows.view(100 + level, "v" + std::to_string(level), "SELECT 1 FROM public.v" + std::to_string(level - 1));
    rows.view(500, "a", "SELECT 1 FROM public.b");
    rows.view(501, "b", "SELECT 1 FROM public.a");
    const auto catalogue = rows.build();
    CHECK(get(catalogue, "v5").read_reason == Reason::none);
    CHECK(show(get(catalogue, "v5").reads) == "100");
    CHECK(get(catalogue, "a").read_reason == Reason::not_understood);
    CHECK(get(catalogue, "b").reading_is_opaque);
}

TEST_CASE("a materialised view is read as a table, but refreshed as a query") {
    Rows rows;
    rows.relation(110, "t");
    rows.function(20001, "writer");
    rows.relation(111, "m", RelationKind::materialized_view).view_definition = "SELECT random() AS r, public.writer() AS w FROM public.t";
    rows.view(112, "over", "SELECT r FROM public.m");
    const auto catalogue = rows.build();
    CHECK(get(catalogue, "m").read_reason == Reason::none);
    CHECK(show(get(catalogue, "m").reads) == "111");
    CHECK(get(catalogue, "m").reading_is_opaque);
    CHECK(show(get(catalogue, "over").reads) == "111");
    CHECK_FALSE(get(catalogue, "over").reading_is_opaque);
}

TEST_CASE("a foreign partition spoils its whole tree") {
    Rows rows;
    rows.relation(120, "p", RelationKind::partitioned_table);
    rows.relation(121, "near");
    rows.relation(122, "far", RelationKind::foreign_table);
    rows.rows.inheritance = {{121, 120}, {122, 120}};
    CHECK(get(rows.build(), "p").read_reason == Reason::foreign_table);
    CHECK(get(rows.build(), "near").read_reason == Reason::foreign_table);
}

TEST_CASE("updatable views hand writes on; triggers and rules on them are opaque") {
    Rows rows;
    rows.relation(130, "t");
    rows.relation(131, "child");
    rows.rows.foreign_keys = {{131, 130, 'c', 'a'}};
    rows.view(132, "v", "SELECT id FROM public.t");
    rows.view(133, "ruled", "SELECT id FROM public.t").runs_code_on_insert = true;
    const auto catalogue = rows.build();
    CHECK(show(get(catalogue, "v").on_delete) == "130 131");
    CHECK(show(get(catalogue, "v").on_insert) == "130");
    CHECK_FALSE(get(catalogue, "v").insert_is_opaque);
    CHECK(get(catalogue, "ruled").insert_is_opaque);
    CHECK_FALSE(get(catalogue, "ruled").update_is_opaque);
}

TEST_CASE("a policy with a user function makes reading opaque") {
    Rows rows;
    rows.relation(140, "t").has_row_security = true;
    rows.function(20001, "policy_code");
    rows.rows.code_uses = {{.relation = 140, .function = 20001, .on_read = true}};
    rows.view(141, "v", "SELECT 1 FROM public.t");
    CHECK(get(rows.build(), "t").reading_is_opaque);
    CHECK(get(rows.build(), "v").reading_is_opaque);
}

TEST_CASE("a policy through a view is code that is not understood") {
    Rows rows;
    rows.relation(145, "t").has_row_security = true;
    rows.rows.code_uses = {{.relation = 145, .function = 0, .on_read = true, .on_insert = true}};
    CHECK(get(rows.build(), "t").reading_is_opaque);
    CHECK(get(rows.build(), "t").insert_is_opaque);
}

TEST_CASE("views that somebody put into a system schema are read as system ones, but may run code") {
    Rows rows;
    rows.function(20001, "writer");
    rows.relation(146, "smuggled", RelationKind::view, "information_schema").view_definition = "SELECT public.writer() AS w";
    rows.relation(147, "tables", RelationKind::view, "information_schema");
    const auto catalogue = rows.build();
    CHECK(catalogue->find_relation(146)->reading_is_opaque);
    CHECK(catalogue->find_relation(146)->read_reason == Reason::system_catalog);
    CHECK_FALSE(catalogue->find_relation(147)->reading_is_opaque);
}

TEST_CASE("what has a column of type timetz depends on the date") {
    Rows rows;
    rows.relation(148, "t").has_timetz = true;
    rows.view(149, "v", "SELECT 1 FROM public.t");
    CHECK(get(rows.build(), "t").read_reason == Reason::time_dependent);
    CHECK(get(rows.build(), "v").read_reason == Reason::time_dependent);
}

TEST_CASE("the digest tells a changed row from an unchanged load") {
    Rows rows;
    rows.relation(150, "t");
    rows.relation(151, "u");
    const auto digest = rows.build()->digest();
    CHECK(rows.build()->digest() == digest);
    auto reordered = rows;
    std::swap(reordered.rows.relations[0], reordered.rows.relations[1]);
    CHECK(reordered.build()->digest() == digest);
    const auto changed = [&](auto&& change) {
        auto copy = rows;
        change(copy.rows);
        return copy.build()->digest() != digest;
    };
    CHECK(changed([](auto& r) { r.relations[0].name = "w"; }));
    CHECK(changed([](auto& r) { r.relations[0].has_row_security = true; }));
    CHECK(changed([](auto& r) { r.relations[0].view_definition = "x"; }));
    CHECK(changed([](auto& r) { r.functions[0].volatility = 'v'; }));
    CHECK(changed([](auto& r) { r.inheritance.push_back({151, 150}); }));
    CHECK(changed([](auto& r) { r.foreign_keys.push_back({151, 150, 'a', 'a'}); }));
    CHECK(changed([](auto& r) { r.code_uses.push_back({.relation = 150, .function = 1, .on_read = true}); }));
    CHECK(changed([](auto& r) { r.user_operators.push_back({"public", "+"}); }));
    CHECK(changed([](auto& r) { r.user_types.push_back({"public", "d"}); }));
    CHECK(changed([](auto& r) { r.implicit_functions.push_back(1); }));
    CHECK(changed([](auto& r) { r.event_functions.push_back(1); }));
    CHECK(changed([](auto& r) { r.relations[0].has_timetz = true; }));
    CHECK(changed([](auto& r) { r.has_timetz_columns = true; }));
    CHECK(changed([](auto& r) { r.state_digest = "a GRANT"; }));
    CHECK(changed([](auto& r) { r.encoding = "LATIN1"; }));
}
