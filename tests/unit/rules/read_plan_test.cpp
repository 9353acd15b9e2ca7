#include <catch2/catch.hpp>

#include "sql/analyse.h"
#include "unit/rules/world.h"

using namespace larder::rules;
using namespace larder::rules::test;

namespace {

Rows shop() {
    Rows rows;
    rows.relation(1, "orders");
    rows.relation(2, "items");
    rows.relation(3, "orders", RelationKind::table, "archive");
    rows.relation(4, "secret").has_row_security = true;
    rows.relation(5, "far", RelationKind::foreign_table);
    rows.relation(6, "counter", RelationKind::sequence);
    rows.relation(7, "pg_class", RelationKind::table, "pg_catalog");
    rows.relation(8, "tables", RelationKind::view, "information_schema");
    rows.view(9, "open_orders", "SELECT orders.id FROM public.orders");
    rows.relation(10, "orders_id_idx", RelationKind::index);
    rows.relation(11, "unlogged").is_unlogged = true;
    rows.function(20001, "price");
    rows.rows.user_operators = {{"public", "@@@"}};
    rows.rows.user_types = {{"public", "positive"}};
    return rows;
}

std::string set(SessionEnv& env, const std::string& name, const std::string& value) {
    for (auto& [known, current] : env.settings) {
        if (known == name) return current = value;
    }
    throw std::logic_error("no such setting: " + name);
}

larder::config::Config with_rule(const larder::config::Rule& rule) {
    larder::config::Config config;
    config.rules.push_back(rule);
    return config;
}

}  // namespace

TEST_CASE("a plain SELECT may be cached and depends on what it reads") {
    const World world(shop());
    const auto plan = world.plan("SELECT o.id, count(*) FROM orders o JOIN items i ON i.id = o.id WHERE o.id = $1 GROUP BY o.id");
    CHECK(plan.reason == Reason::none);
    CHECK(show(plan.reads) == "1 2");
    CHECK(plan.writes.empty());
    CHECK(plan.ttl == std::chrono::hours(1));
    CHECK_FALSE((plan.changes_environment || plan.may_release_locks || plan.may_commit_inside || plan.ends_block || plan.touches_transaction_modes));
    CHECK(show(world.plan("SELECT id FROM open_orders").reads) == "1");
    CHECK(show(world.plan("SELECT id FROM archive.orders").reads) == "3");
    CHECK(show(world.plan("SELECT id FROM unlogged").reads) == "11");
    CHECK(show(world.plan("TABLE orders").reads) == "1");
    CHECK(show(world.plan("SELECT 1 FROM orders UNION SELECT 2 FROM items WHERE EXISTS (SELECT 3 FROM archive.orders)").reads) == "1 2 3");
    CHECK(world.reason("SELECT 1") == Reason::none);
    CHECK(world.reason("VALUES (1), (2)") == Reason::none);
    CHECK(world.reason("WITH missing AS (SELECT 1) SELECT * FROM missing") == Reason::none);
}

TEST_CASE("why a statement is not cached: its text") {
    const World world(shop());
    const std::pair<const char*, Reason> cases[] = {
        {"SELEC 1", Reason::not_parsed},
        {"", Reason::not_a_select},
        {"-- nothing", Reason::not_a_select},
        {"INSERT INTO orders VALUES (1)", Reason::not_a_select},
        {"SHOW work_mem", Reason::not_a_select},
        {"EXPLAIN SELECT 1", Reason::not_a_select},
        {"SELECT 1; SELECT 2", Reason::multi_statement},
        {"SELECT * FROM orders FOR UPDATE", Reason::locks_rows},
        {"SELECT * FROM (SELECT * FROM orders FOR SHARE) x", Reason::locks_rows},
        {"SELECT * FROM orders TABLESAMPLE system (1)", Reason::samples},
        {"SELECT xmin, id FROM orders", Reason::system_catalog},
        {"SELECT id FROM orders WHERE ctid = '(0,1)'", Reason::system_catalog},
        {"SELECT xmin(orders) FROM orders", Reason::unknown_function},
        {"WITH d AS (DELETE FROM orders RETURNING id) SELECT * FROM d", Reason::writes},
        {"SELECT random()", Reason::volatile_function},
        {"SELECT ts_debug('x')", Reason::stable_function},
        {"SELECT price(id) FROM orders", Reason::user_function},
        {"SELECT no_such(id) FROM orders", Reason::unknown_function},
        {"SELECT id @@@ 1 FROM orders", Reason::user_operator},
        {"SELECT 1::positive", Reason::user_type},
        {"SELECT now()", Reason::time_dependent},
        {"SELECT current_date", Reason::time_dependent},
        {"SELECT localtimestamp(3)", Reason::time_dependent},
        {"SELECT 'today'::date", Reason::time_dependent},
        {"SELECT id FROM orders WHERE at > 'yesterday'", Reason::time_dependent},
        {"SELECT '10:00'::timetz", Reason::time_dependent},
        {"SELECT current_user", Reason::session_dependent},
        {"SELECT current_setting('app.tenant')", Reason::session_dependent},
        {"SELECT nextval('counter')", Reason::sequence},
        {"SELECT last_value FROM counter", Reason::sequence},
        {"SELECT relname FROM pg_class", Reason::system_catalog},
        {"SELECT * FROM information_schema.tables", Reason::system_catalog},
        {"SELECT 'orders'::regclass", Reason::system_catalog},
        {"SELECT * FROM far", Reason::foreign_table},
        {"SELECT * FROM secret", Reason::row_security},
        {"SELECT * FROM missing", Reason::unknown_relation},
        {"SELECT * FROM orders_id_idx", Reason::unknown_relation},
        {"SELECT * FROM pg_temp.x", Reason::temp_table},
        {"/* larder: off */ SELECT 1", Reason::hint_off},
        {"/* larder: ttl=banana */ SELECT 1", Reason::hint_off},
    };
    for (const auto& [text, reason] : cases) {
        INFO(text);
        CHECK(name(world.reason(text)) == name(reason));
        CHECK(world.plan(text).reads.empty());
    }
}

TEST_CASE("why a statement is not cached: its session and the catalogue") {
    World world(shop());
    SECTION("no catalogue") {
        world.knows_catalogue = false;
        CHECK(world.reason("SELECT 1") == Reason::no_catalogue);
    }
    SECTION("no environment") {
        world.knows_env = false;
        CHECK(world.reason("SELECT 1") == Reason::settings_unknown);
        CHECK(world.reason("SELECT '\\'") == Reason::settings_unknown);
    }
    SECTION("temporary objects") {
        world.env.owns_temp_objects = true;
        CHECK(world.reason("SELECT 1") == Reason::temp_table);
    }
    SECTION("another way to read texts") {
        set(world.env, "standard_conforming_strings", "off");
        CHECK(world.reason("SELECT 1") == Reason::unsafe_lexing);
        CHECK(world.reason("SELECT '\\'") == Reason::unsafe_lexing);
    }
    SECTION("debug messages") {
        for (const auto* level : {"debug5", "debug1", "log", "info"}) {
            set(world.env, "client_min_messages", level);
            CHECK(world.reason("SELECT 1") == Reason::debug_messages);
        }
        set(world.env, "client_min_messages", "error");
        CHECK(world.reason("SELECT 1") == Reason::none);
    }
    SECTION("casts that are not understood") {
        auto rows = shop();
        rows.rows.has_user_casts = true;
        CHECK(World(rows).reason("SELECT 1") == Reason::user_type);
    }
}

TEST_CASE("names in another encoding than the server's are not looked for") {
    World world(shop());
    const std::string text = "SELECT '\xC3\xA9' FROM orders";
    CHECK(world.reason(text) == Reason::none);
    set(world.env, "client_encoding", "LATIN1");
    CHECK(world.reason(text) == Reason::unsafe_lexing);
    CHECK(show(world.writes(text)) == "any catalogue");
    CHECK(world.reason("SELECT 'e' FROM orders") == Reason::none);
    set(world.env, "client_encoding", "SQL_ASCII");
    CHECK(world.reason(text) == Reason::none);
}

TEST_CASE("a name that several schemas of the path have depends on each") {
    World world(shop());
    world.env.schemas = {"pg_catalog", "archive", "public"};
    CHECK(show(world.plan("SELECT id FROM orders").reads) == "1 3");
    world.env.schemas = {"pg_catalog", "archive"};
    CHECK(show(world.plan("SELECT id FROM orders").reads) == "3");
}

TEST_CASE("comments go before rules, rules before defaults") {
    World world(shop());
    larder::config::Rule rule;
    rule.name = "r";
    rule.match.table = "public.orders";
    SECTION("ttl and tags") {
        rule.ttl = std::chrono::seconds(5);
        rule.tags = {"home"};
        world.user_rules = UserRules(with_rule(rule));
        const auto plan = world.plan("SELECT 1 FROM orders");
        CHECK(plan.ttl == std::chrono::seconds(5));
        CHECK(plan.rule == "r");
        CHECK(plan.tags == std::vector<std::string>{"home"});
        CHECK(world.plan("SELECT 1 FROM items").rule.empty());
        CHECK(world.plan("SELECT 1 FROM open_orders").rule == "r");  // through the view
        const auto hinted = world.plan("/* larder: ttl=7s, tag=x */ SELECT 1 FROM orders");
        CHECK(hinted.ttl == std::chrono::seconds(7));
        CHECK(hinted.tags == std::vector<std::string>{"home", "x"});
    }
    SECTION("off") {
        rule.cache = false;
        world.user_rules = UserRules(with_rule(rule));
        CHECK(world.reason("SELECT 1 FROM orders") == Reason::rule_off);
        CHECK(world.plan("SELECT 1 FROM orders").rule == "r");
        CHECK(world.reason("SELECT 1 FROM items") == Reason::none);
        CHECK(world.reason("/* larder: ttl=7s */ SELECT 1 FROM orders") == Reason::none);
    }
    SECTION("a rule makes nothing cacheable that is not") {
        rule.match = {};
        rule.cache = true;
        rule.ttl = std::chrono::seconds(5);
        world.user_rules = UserRules(with_rule(rule));
        CHECK(world.reason("/* larder: ttl=1h */ SELECT now()") == Reason::time_dependent);
    }
}

TEST_CASE("rules match by database, role, regex and fingerprint; the first counts") {
    larder::config::Config config;
    const auto add = [&](const std::string& name, const larder::config::RuleMatch& match) {
        larder::config::Rule rule;
        rule.name = name;
        rule.match = match;
        config.rules.push_back(rule);
    };
    add("database", {.table = {}, .fingerprint = {}, .regex = {}, .role = {}, .database = "other"});
    add("role", {.table = {}, .fingerprint = {}, .regex = {}, .role = "admin", .database = {}});
    add("regex", {.table = {}, .fingerprint = {}, .regex = "(?i)from\\s+items", .role = {}, .database = {}});
    add("print", {.table = {}, .fingerprint = "00000000000000ff", .regex = {}, .role = {}, .database = {}});
    add("rest", {});
    const UserRules rules(config);
    CHECK(rules.needs_fingerprint());
    CHECK_FALSE(rules.empty());
    CHECK(UserRules().empty());
    const std::vector<std::string> tables;
    const auto matched = [&](std::string_view text, std::uint64_t fingerprint, std::string_view database, std::string_view role) {
        return rules.match({text, fingerprint, database, role, tables})->name;
    };
    CHECK(matched("x FROM  items", 255, "other", "admin") == "database");
    CHECK(matched("x FROM  items", 255, "shop", "admin") == "role");
    CHECK(matched("x FROM  items", 255, "shop", "app") == "regex");
    CHECK(matched("x", 255, "shop", "app") == "print");
    CHECK(matched("x", 1, "shop", "app") == "rest");
}

TEST_CASE("rules that cannot work are refused with their line") {
    larder::config::Rule rule;
    rule.name = "broken";
    rule.line = 12;
    rule.match.regex = "(";
    CHECK_THROWS_WITH(UserRules(with_rule(rule)), Catch::Contains("line 12") && Catch::Contains("broken"));
    rule.match.regex = "(a{1000}){1000}";
    CHECK_THROWS_AS(UserRules(with_rule(rule)), larder::config::ConfigError);
    rule.match.regex.clear();
    for (const auto* fingerprint : {"xyz", "0", "fffffffffffffffff", "12 "}) {
        rule.match.fingerprint = fingerprint;
        CHECK_THROWS_AS(UserRules(with_rule(rule)), larder::config::ConfigError);
    }
}

TEST_CASE("what is quarantined is not cached, whatever rules and comments say") {
    World world(shop());
    world.user_rules = UserRules({}, {{"shop", 42}});
    CHECK(world.user_rules.needs_fingerprint());
    const auto reason = [&](const char* text, std::uint64_t fingerprint) {
        const auto facts = larder::sql::analyse(text);
        return make_plan({facts, text, fingerprint, world.catalogue.get(), &world.env, world.user_rules}).reason;
    };
    CHECK(reason("SELECT 1 FROM orders", 42) == Reason::quarantined);
    CHECK(reason("/* larder: ttl=60s */ SELECT 1 FROM orders", 42) == Reason::quarantined);
    CHECK(reason("SELECT 1 FROM orders", 43) == Reason::none);
    CHECK(reason("SELECT 1 FROM orders", 0) == Reason::none);
    world.user_rules = UserRules({}, {{"other", 42}, {"other", 0}});
    CHECK(reason("SELECT 1 FROM orders", 42) == Reason::none);
    world.user_rules = UserRules({}, {{"shop", 0}});
    CHECK(reason("SELECT 1 FROM orders", 0) == Reason::quarantined);
    CHECK(reason("DELETE FROM orders", 0) == Reason::not_a_select);
}
