#include "rules/session_env.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "unit/rules/world.h"

using namespace larder::rules;
using test::default_columns;

namespace {

std::size_t column_of(std::string_view setting) {
    const auto found = std::find(kKeyedSettings.begin(), kKeyedSettings.end(), setting);
    REQUIRE(found != kKeyedSettings.end());
    return 4 + static_cast<std::size_t>(found - kKeyedSettings.begin());
}

std::shared_ptr<SessionEnv> with(std::size_t column, const std::string& value) {
    auto columns = default_columns();
    columns.at(column) = value;
    return parse_environment("shop", columns);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("an environment as the server answers it") {
    const auto env = parse_environment("shop", default_columns());
    REQUIRE(env);
    CHECK(env->database == "shop");
    CHECK(env->current_user == "app");
    CHECK(env->search_path == Names{"pg_catalog", "public"});
    CHECK(env->schemas == Names{"pg_catalog", "public", "app"});
    CHECK_FALSE(env->owns_temp_objects);
    CHECK(env->setting("client_encoding") == "UTF8");
    CHECK(env->setting("CLIENT_ENCODING") == "UTF8");
    CHECK(env->setting("work_mem").empty());
    CHECK(env->is_lexing_safe());
    CHECK(env->is_default_isolation_servable());
}

TEST_CASE("a malformed answer is refused") {
    auto columns = default_columns();
    columns.pop_back();
    CHECK_FALSE(parse_environment("shop", columns));
    CHECK_FALSE(with(0, ""));
    CHECK_FALSE(with(1, ""));
    for (const auto* path : {"", "{", "pg_catalog", "{\"open}"}) CHECK_FALSE(with(2, path));
    for (const auto* temp : {"", "t", "maybe"}) CHECK_FALSE(with(3, temp));
    CHECK_FALSE(with(column_of("search_path"), "\"open"));
}

TEST_CASE("schema names with every kind of quoting") {
    CHECK(with(2, R"({pg_catalog,"a,b","q\"q","back\\slash",plain})")->search_path == Names{"pg_catalog", "a,b", "q\"q", "back\\slash", "plain"});
    CHECK(with(2, "{}")->search_path.empty());
    CHECK(with(column_of("search_path"), R"(Mixed , "Mixed", "d""q", "$user")")->schemas == Names{"pg_catalog", "public", "mixed", "Mixed", "d\"q", "app"});
    CHECK(with(column_of("search_path"), R"("")")->schemas == Names{"pg_catalog", "public"});
}

TEST_CASE("temporary objects, with and without code") {
    CHECK(with(3, "data")->owns_temp_objects);
    CHECK_FALSE(with(3, "data")->temp_objects_run_code);
    CHECK(with(3, "code")->owns_temp_objects);
    CHECK(with(3, "code")->temp_objects_run_code);
}

TEST_CASE("lexing is safe only as libpg_query assumes it") {
    CHECK_FALSE(with(column_of("standard_conforming_strings"), "off")->is_lexing_safe());
    CHECK_FALSE(with(column_of("backslash_quote"), "on")->is_lexing_safe());
    CHECK_FALSE(with(column_of("transform_null_equals"), "on")->is_lexing_safe());
    CHECK(with(column_of("client_encoding"), "LATIN1")->is_lexing_safe());
    for (const auto* encoding : {"SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004", ""}) {
        CHECK_FALSE(with(column_of("client_encoding"), encoding)->is_lexing_safe());
    }
}

TEST_CASE("default isolation levels") {
    const auto column = column_of("default_transaction_isolation");
    CHECK(with(column, "read uncommitted")->is_default_isolation_servable());
    CHECK_FALSE(with(column, "repeatable read")->is_default_isolation_servable());
    CHECK_FALSE(with(column, "repeatable read")->is_default_isolation_serializable());
    CHECK(with(column, "serializable")->is_default_isolation_serializable());
}

TEST_CASE("which settings are part of the environment") {
    for (const auto* name : {"search_path", "DateStyle", "datestyle", "TimeZone", "role", "session_authorization", "row_security", "client_min_messages"}) {
        INFO(name);
        CHECK(is_environment_setting(name));
    }
    for (const auto* name : {"work_mem", "statement_timeout", "application_name", "app.tenant", "transaction_isolation", ""}) {
        INFO(name);
        CHECK_FALSE(is_environment_setting(name));
    }
}

TEST_CASE("equal environments are one, different ones differ in every field") {
    EnvironmentPool pool;
    const auto first = pool.intern(parse_environment("shop", default_columns()));
    CHECK(pool.intern(parse_environment("shop", default_columns())) == first);
    CHECK(pool.intern(parse_environment("other", default_columns()))->id != first->id);
    for (std::size_t column = 0; column < default_columns().size(); ++column) {
        INFO(column);
        const char* value = column == 2 ? "{other}" : column == 3 ? "data" : "other";
        const auto other = pool.intern(with(column, value));
        CHECK(other->id != first->id);
    }
    // The same text split otherwise between two fields is another environment.
    auto a = default_columns(), b = default_columns();
    a[0] = "ab", a[1] = "c", b[0] = "a", b[1] = "bc";
    CHECK(pool.intern(parse_environment("shop", a)) != pool.intern(parse_environment("shop", b)));
}

TEST_CASE("an id is never used twice, though its environment was forgotten") {
    EnvironmentPool pool;
    std::vector<std::uint64_t> ids;
    for (int round = 0; round < 1000; ++round) {
        auto columns = default_columns();
        columns[0] = "user" + std::to_string(round % 300);
        ids.push_back(pool.intern(parse_environment("shop", columns))->id);
    }
    std::sort(ids.begin(), ids.end());
    CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

TEST_CASE("an environment is found as long as a session has it") {
    EnvironmentPool pool;
    auto first = pool.intern(parse_environment("shop", default_columns()));
    auto columns = default_columns();
    columns[0] = "bob";
    const auto second = pool.intern(parse_environment("shop", columns));
    const auto id = first->id;
    CHECK(pool.find(id) == first);
    CHECK(pool.find("shop", "app") == first);
    CHECK(pool.find("shop", "bob") == second);
    CHECK(pool.find("shop", "") == second);
    CHECK_FALSE(pool.find("other", ""));
    CHECK_FALSE(pool.find("shop", "nobody"));
    first.reset();
    CHECK_FALSE(pool.find(id));
    CHECK_FALSE(pool.find("shop", "app"));
}
