#include "rules/function_code.h"

#include <catch2/catch.hpp>

#include "rules/statement_code.h"
#include "unit/rules/world.h"

using namespace larder::rules;
using namespace larder::rules::test;

namespace {

const std::vector<std::string> kPath{"pg_catalog", "public"};

std::string verdict(const Rows& rows, const std::string& name, const std::string& schema = {}) {
    const auto found = rows.build()->function_verdict({schema, name}, kPath);
    return std::string(larder::rules::name(found.reason)) + (found.may_write ? " writes" : "") + (found.may_change_session ? " session" : "");
}

}  // namespace

TEST_CASE("builtin functions") {
    const Rows rows;
    CHECK(verdict(rows, "lower") == "none");
    CHECK(verdict(rows, "to_char") == "none");
    CHECK(verdict(rows, "format") == "none");
    CHECK(verdict(rows, "ts_debug") == "stable_function");
    CHECK(verdict(rows, "now") == "time_dependent");
    CHECK(verdict(rows, "age") == "time_dependent");  // the worse of its overloads
    CHECK(verdict(rows, "clock_timestamp") == "time_dependent");
    CHECK(verdict(rows, "current_setting") == "session_dependent");
    CHECK(verdict(rows, "txid_current") == "session_dependent");
    CHECK(verdict(rows, "pg_get_viewdef") == "system_catalog");
    CHECK(verdict(rows, "nextval") == "sequence");
    CHECK(verdict(rows, "random") == "volatile_function");
    CHECK(verdict(rows, "lo_get") == "volatile_function");
    CHECK(verdict(rows, "set_config") == "volatile_function session");
    CHECK(verdict(rows, "pg_advisory_lock") == "volatile_function session");
    CHECK(verdict(rows, "query_to_xml") == "volatile_function writes session");
    CHECK(verdict(rows, "no_such_function") == "unknown_function writes session");
    CHECK(verdict(rows, "lower", "public") == "unknown_function writes session");
}

TEST_CASE("AT TIME ZONE is fine unless the database has timetz") {
    Rows rows;
    CHECK(verdict(rows, "timezone") == "none");
    rows.rows.has_timetz_columns = true;
    CHECK(verdict(rows, "timezone") == "time_dependent");
}

TEST_CASE("functions that build rows of any type are fine unless some type runs code") {
    Rows rows;
    CHECK(verdict(rows, "json_populate_record") == "none");
    rows.rows.user_types.push_back({"public", "checked"});
    CHECK(verdict(rows, "json_populate_record") == "user_type writes session");
}

TEST_CASE("native members of extensions are believed their labels") {
    Rows rows;
    rows.member(20001, "citext", "ci_eq", 'i');
    rows.member(20002, "pg_trgm", "similarity", 's');
    rows.member(20003, "dblink", "dblink_exec", 'v');
    rows.member(20004, "uuid-ossp", "uuid_generate_v4", 'v');
    rows.member(20005, "tablefunc", "crosstab", 's');
    rows.member(20006, "postgis", "st_transform", 'i');
    rows.rows.extensions_with_relations = {"postgis"};
    CHECK(verdict(rows, "ci_eq") == "none");
    CHECK(verdict(rows, "similarity") == "stable_function");
    CHECK(verdict(rows, "dblink_exec") == "volatile_function writes session");
    CHECK(verdict(rows, "uuid_generate_v4") == "volatile_function");
    CHECK(verdict(rows, "crosstab") == "user_function writes session");
    CHECK(verdict(rows, "st_transform") == "user_function");  // it reads spatial_ref_sys
}

TEST_CASE("other functions are not understood, whatever their label") {
    Rows rows;
    rows.function(20001, "sql_immutable", 'i');
    rows.function(20002, "native_alone", 'i').is_native = true;
    rows.function(20003, "member_in_sql", 'i').is_extension_member = true;
    rows.member(20004, "x", "a_procedure", 'i').is_procedure = true;
    for (const auto* name : {"sql_immutable", "native_alone", "member_in_sql", "a_procedure"}) {
        INFO(name);
        CHECK(verdict(rows, name) == "user_function writes session");
    }
}

TEST_CASE("functions in SQL without relations do what their expressions do") {
    Rows rows;
    const auto judge = [&](const std::string& body) {
        Rows with = rows;
        with.function(20001, "f", 'v').body = body;
        with.function(20002, "writer");
        return verdict(with, "f");
    };
    CHECK(judge("SELECT pg_catalog.lower($1) || 'x'") == "none");
    CHECK(judge("SELECT upper(name) ORDER BY 1;") == "none");
    CHECK(judge("SELECT E'\\x'") == "none");
    CHECK(judge("SELECT now()") == "time_dependent");
    CHECK(judge("SELECT current_user") == "session_dependent");
    CHECK(judge("SELECT nextval('s')") == "sequence");
    for (const auto* body : {"", "SELECT writer()", "SELECT f($1)", "SELECT a FROM t", "INSERT INTO t VALUES (1)", "SELECT 1; SELECT 2", "SELECT set_config('a', 'b', true)",
                             "SELECT '\\' || 'x'", "SELECT 1 FOR UPDATE; DELETE FROM t", "BEGIN", "SELECT $1::pg_temp.t", "SELEC"}) {
        INFO(body);
        CHECK(judge(body) == "user_function writes session");
    }
    rows.rows.user_operators = {{"public", "||", 20002}};
    CHECK(judge("SELECT pg_catalog.lower($1) || 'x'") == "user_function writes session");
}

TEST_CASE("one overload spoils a name, in whatever schema it is") {
    Rows rows;
    rows.function(20001, "upper", 'v', "hidden");
    CHECK(verdict(rows, "upper") == "user_function writes session");
    CHECK(verdict(rows, "upper", "pg_catalog") == "none");
    CHECK(verdict(rows, "upper", "hidden") == "user_function writes session");
}

TEST_CASE("operators and types follow their functions") {
    Rows rows;
    rows.function(20001, "plus");
    rows.member(20002, "ltree", "lt", 'i');
    rows.rows.user_operators = {{"public", "+", 20001}, {"public", "~", 20002}, {"hidden", "%%", 0}};
    rows.rows.user_types = {{"public", "checked", 20001}, {"public", "ltree", 20002}};
    const auto catalogue = rows.build();
    CHECK(catalogue->operator_verdict({"", "+"}) == Reason::user_operator);
    CHECK(catalogue->operator_code({"", "+"}).may_write);
    CHECK(catalogue->operator_verdict({"pg_catalog", "+"}) == Reason::none);
    CHECK(catalogue->operator_verdict({"", "~"}) == Reason::none);
    CHECK(catalogue->operator_verdict({"", "%%"}) == Reason::user_operator);
    CHECK(catalogue->operator_verdict({"", "="}) == Reason::none);
    CHECK(catalogue->operator_verdict({"pg_temp", "="}) == Reason::user_operator);
    CHECK(catalogue->type_verdict({"", "checked"}) == Reason::user_type);
    CHECK(catalogue->type_verdict({"", "ltree"}) == Reason::none);
    CHECK(catalogue->type_verdict({"pg_temp", "x"}) == Reason::user_type);
    CHECK(catalogue->type_verdict({"pg_catalog", "int4"}) == Reason::none);
    CHECK(catalogue->type_verdict({"", "regclass"}) == Reason::system_catalog);
    CHECK(catalogue->type_verdict({"", "regconfig"}) == Reason::none);
    CHECK(catalogue->type_verdict({"pg_catalog", "timetz"}) == Reason::time_dependent);
}

TEST_CASE("casts through code that is not understood concern every statement") {
    Rows rows;
    rows.member(20001, "hstore", "hstore_to_json", 'i');
    rows.rows.implicit_functions = {20001};
    CHECK_FALSE(rows.build()->has_user_casts());
    rows.member(20002, "x", "stable_cast", 's');
    rows.rows.implicit_functions = {20002};
    CHECK(rows.build()->has_user_casts());
    rows.function(20003, "plain_cast", 'i');
    rows.rows.implicit_functions = {20003};
    CHECK(rows.build()->has_user_casts());
    rows.rows.implicit_functions = {};
    rows.rows.has_user_casts = true;
    CHECK(rows.build()->has_user_casts());
}

TEST_CASE("values that dates read as the present") {
    for (const auto* value : {"now", "NOW", " today ", "tomorrow 10:00", "{now,2020-01-01}", "{\"d\":\"Yesterday\"}"}) {
        INFO(value);
        CHECK(names_present_time(value));
    }
    for (const auto* value : {"", "n", "know", "nowhere", "snow now_", "2020-01-01", "epoch", "infinity", "to day"}) {
        INFO(value);
        CHECK_FALSE(names_present_time(value));
    }
}

TEST_CASE("every reason has a name of its own and a sentence") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < static_cast<std::size_t>(Reason::count_); ++i) {
        CHECK(names.insert(name(static_cast<Reason>(i))).second);
        CHECK_FALSE(explain(static_cast<Reason>(i)).empty());
    }
    CHECK(name(Reason::count_) == "invalid");
    CHECK_FALSE(explain(Reason::count_).empty());
}
