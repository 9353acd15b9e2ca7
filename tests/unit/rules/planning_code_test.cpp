#include "rules/planning_code.h"

#include <catch2/catch.hpp>

#include "sql/analyse.h"
#include "unit/rules/world.h"

using namespace larder::rules;
using namespace larder::rules::test;
using Catch::Matchers::Contains;
using larder::Oid;

namespace {

constexpr Oid kOwn = 20001, kUnderstood = 20002, kTrigger = 20003;

Rows rows() {
    Rows all;
    all.relation(1, "t");
    all.function(kOwn, "own", 'i', "mallory");
    auto& understood = all.function(kUnderstood, "understood", 'i', "mallory");
    understood.body = "SELECT lower('X')";
    all.function(kTrigger, "act", 'v', "mallory").returns_trigger = true;
    return all;
}

std::string why_not(const Rows& all, const std::string& text) {
    const auto facts = larder::sql::analyse(text);
    REQUIRE(facts.is_single());
    return why_not_planned(facts.statements.front(), *all.build());
}

bool is_opaque(const Rows& all, Oid relation) { return all.build()->find_relation(relation)->planning_is_opaque; }

}  // namespace

TEST_CASE("PostgreSQL's own functions may be planned, the database's own may not, whatever their label or body") {
    CHECK(why_not(rows(), "SELECT lower('X') FROM t").empty());
    CHECK(why_not(rows(), "SELECT nextval('s') FROM t").empty());  // VOLATILE: planning runs none of them
    CHECK(why_not(rows(), "INSERT INTO t VALUES (1)").empty());
    CHECK_THAT(why_not(rows(), "SELECT mallory.own() FROM t"), Contains("it calls mallory.own"));
    CHECK_THAT(why_not(rows(), "SELECT own() FROM t"), Contains("it calls own"));
    CHECK_THAT(why_not(rows(), "SELECT mallory.understood() FROM t"), Contains("it calls mallory.understood"));
    CHECK_THAT(why_not(rows(), "SELECT nobody() FROM t"), Contains("it calls nobody"));
    CHECK_FALSE(why_not(rows(), "SELECT query_to_xml('SELECT 1', true, true, '')").empty());
}

TEST_CASE("a function that stands in for one of PostgreSQL's is found in any schema") {
    auto all = rows();
    all.function(20010, "lower", 'i', "mallory");
    CHECK_THAT(why_not(all, "SELECT lower('X') FROM t"), Contains("it calls lower"));
    CHECK(why_not(all, "SELECT pg_catalog.lower('X') FROM t").empty());
}

TEST_CASE("operators, types and casts that run the database's own code are refused, also where that is understood") {
    for (const Oid function : {kOwn, kUnderstood}) {
        auto all = rows();
        all.rows.user_operators = {{"mallory", "===", function}};
        all.rows.user_types = {{"mallory", "d", function}};
        CHECK_THAT(why_not(all, "SELECT 1 OPERATOR(mallory.===) 2"), Contains("operator mallory.==="));
        CHECK_THAT(why_not(all, "SELECT 5::mallory.d"), Contains("type mallory.d"));
        CHECK(why_not(all, "SELECT 5::int = 5").empty());
        // To plan is not to cache: what is understood may be.
        CHECK((all.build()->operator_verdict({"mallory", "==="}) == Reason::none) == (function == kUnderstood));
        CHECK((all.build()->type_verdict({"mallory", "d"}) == Reason::none) == (function == kUnderstood));
        auto casts = rows();
        casts.rows.implicit_functions = {function};
        CHECK_THAT(why_not(casts, "SELECT 1"), Contains("a cast, an operator class or a range"));
    }
}

TEST_CASE("code that hangs on a relation is folded while planning, in its whole tree; triggers are not") {
    for (const Oid function : {kOwn, kUnderstood, Oid{0}}) {
        auto all = rows();
        all.relation(2, "child");
        all.rows.inheritance = {{2, 1}};
        all.rows.code_uses = {{.relation = 2, .function = function, .on_maintenance = true}};
        CHECK(is_opaque(all, 1));
        CHECK(is_opaque(all, 2));
        CHECK_THAT(why_not(all, "SELECT 1 FROM t"), Contains("it names public.t"));
        CHECK_THAT(why_not(all, "DELETE FROM child"), Contains("it names public.child"));
    }
    auto ranges = rows();
    ranges.rows.code_uses = {{.relation = 0, .function = kUnderstood}};
    CHECK_THAT(why_not(ranges, "SELECT 1"), Contains("a cast, an operator class or a range"));
    CHECK_FALSE(ranges.build()->has_user_casts());
    auto all = rows();
    all.rows.code_uses = {{.relation = 1, .function = kTrigger, .on_insert = true}};
    CHECK_FALSE(is_opaque(all, 1));
    CHECK(why_not(all, "INSERT INTO t VALUES (1)").empty());
}

TEST_CASE("rules and foreign tables are not planned with") {
    auto all = rows();
    all.relation(3, "ruled").runs_code_on_insert = true;
    all.relation(4, "remote", RelationKind::foreign_table);
    all.relation(5, "above");
    all.rows.inheritance = {{4, 5}};
    CHECK_THAT(why_not(all, "INSERT INTO ruled VALUES (1)"), Contains("public.ruled"));
    CHECK_THAT(why_not(all, "SELECT 1 FROM remote"), Contains("foreign table public.remote"));
    CHECK_THAT(why_not(all, "SELECT 1 FROM above"), Contains("public.above"));
}

TEST_CASE("views are planned with all that is below them") {
    auto all = rows();
    all.relation(3, "ruled").runs_code_on_insert = true;
    all.view(10, "plain", "SELECT t.a FROM public.t");
    all.view(11, "calls", "SELECT mallory.own() FROM public.t");
    all.view(12, "understood_calls", "SELECT mallory.understood() FROM public.t");
    all.view(13, "above", "SELECT calls.a FROM public.calls");
    all.view(14, "on_ruled", "SELECT ruled.a FROM public.ruled");
    all.view(15, "nowhere", "SELECT x.a FROM public.x");
    all.view(16, "itself", "SELECT itself.a FROM public.itself");
    all.view(17, "broken", "SELEC");
    CHECK_FALSE(is_opaque(all, 10));
    for (const Oid view : {11, 12, 13, 14, 15, 16, 17}) CHECK(is_opaque(all, view));
    // A materialised view is read as a table is.
    auto& materialised = all.view(18, "kept", "SELECT mallory.own() FROM public.t");
    materialised.kind = RelationKind::materialized_view;
    CHECK_FALSE(is_opaque(all, 18));
    all.rows.code_uses = {{.relation = 18, .function = kOwn, .on_maintenance = true}};
    CHECK(is_opaque(all, 18));
}

TEST_CASE("what a policy asks is planned as well") {
    auto all = rows();
    all.relation(2, "asked");
    all.relation(3, "asked_by_that");
    all.rows.policy_reads = {{1, 2}, {2, 3}};
    CHECK_FALSE(is_opaque(all, 1));
    all.rows.code_uses = {{.relation = 3, .function = kOwn, .on_maintenance = true}};
    CHECK(is_opaque(all, 1));
}

TEST_CASE("a name without a schema stands for every relation that has it, and one that is not known is refused") {
    auto all = rows();
    all.view(10, "t", "SELECT mallory.own()").schema = "mallory";
    CHECK_THAT(why_not(all, "SELECT 1 FROM t"), Contains("mallory.t"));
    CHECK(why_not(all, "SELECT 1 FROM public.t").empty());
    CHECK_THAT(why_not(all, "SELECT 1 FROM pg_temp.t"), Contains("not known"));
    CHECK_THAT(why_not(all, "SELECT 1 FROM gone"), Contains("not known"));
    CHECK(why_not(all, "WITH gone AS (SELECT 1) SELECT * FROM gone").empty());
}
