// What the loader and the rules say of a real database with every construct that hides reads, writes or code.
#include "proxy/catalogue_loader.h"

#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "integration/catalogue_schema.h"
#include "rules/builtin_functions.h"
#include "rules/function_code.h"
#include "rules/plan.h"
#include "rules/session_env.h"
#include "rules/user_rules.h"
#include "sql/analyse.h"

using namespace larder;
using namespace larder::rules;

namespace {

struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, Finish>;

const char* server_uri() {
    const char* uri = std::getenv("LARDER_TEST_PGURI");
    if (uri == nullptr || *uri == '\0') {
        std::cout << "LARDER_TEST_PGURI names no server\n";
        std::exit(77);
    }
    return uri;
}

Connection connect(const std::string& database = {}) {
    const char* keys[] = {"dbname", "dbname", nullptr};
    const char* values[] = {server_uri(), database.empty() ? nullptr : database.c_str(), nullptr};
    Connection connection(PQconnectdbParams(keys, values, 1));
    if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
    return connection;
}

std::vector<std::vector<std::string>> run(PGconn* connection, const std::string& text) {
    PGresult* result = PQexec(connection, text.c_str());
    const auto status = PQresultStatus(result);
    std::vector<std::vector<std::string>> rows(static_cast<std::size_t>(PQntuples(result)));
    for (int i = 0; i < PQntuples(result); ++i) {
        for (int j = 0; j < PQnfields(result); ++j) rows[static_cast<std::size_t>(i)].emplace_back(PQgetvalue(result, i, j));
    }
    PQclear(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw std::runtime_error(text.substr(0, 80) + ": " + PQerrorMessage(connection));
    return rows;
}

// A database of its own with the schema, dropped at the end.
class Scratch {
public:
    explicit Scratch(const std::string& schema = test::kCatalogueSchema) : admin_(connect()) {
        run(admin_.get(), "DROP DATABASE IF EXISTS " + name_);
        run(admin_.get(), "CREATE DATABASE " + name_ + " TEMPLATE template0");
        connection_ = connect_to_it();
        run(connection_.get(), "SET client_min_messages = error");
        run(connection_.get(), schema);
        load();
    }
    ~Scratch() {
        connection_.reset();
        PQclear(PQexec(admin_.get(), ("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)").c_str()));
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    void sql(const std::string& text) {
        run(connection_.get(), text);
        load();
    }
    void load() {
        rows = load_rows();
        catalogue = Catalogue::build(rows);
        environment = parse_environment(name_, run(connection_.get(), environment_query()).at(0));
        REQUIRE(environment);
    }
    CatalogueRows load_rows() { return proxy::load_catalogue_rows(connection_.get()); }
    PGconn* raw() { return connection_.get(); }
    Connection connect_to_it() const {
        // The same server and login with another database: libpq takes the last dbname that is no URI.
        PQconninfoOption* options = PQconninfoParse(server_uri(), nullptr);
        std::vector<const char*> keys, values;
        for (auto* option = options; option->keyword != nullptr; ++option) {
            if (option->val == nullptr || std::string_view(option->keyword) == "dbname") continue;
            keys.push_back(option->keyword);
            values.push_back(option->val);
        }
        keys.push_back("dbname");
        values.push_back(name_.c_str());
        keys.push_back(nullptr);
        values.push_back(nullptr);
        Connection connection(PQconnectdbParams(keys.data(), values.data(), 0));
        PQconninfoFree(options);
        if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
        return connection;
    }

    Plan plan(const std::string& text) const {
        static const UserRules kNoRules;
        const auto facts = sql::analyse(text);
        return make_plan({facts, text, 0, catalogue.get(), environment.get(), kNoRules});
    }
    // The names of what it reads, or the reason why it is not cached.
    std::string reads(const std::string& text) const {
        const auto found = plan(text);
        return found.reason == Reason::none ? names(found.reads) : "!" + std::string(name(found.reason));
    }
    std::string writes(const std::string& text) const {
        const auto found = plan(text).writes;
        auto out = names(found.scans);
        if (found.any) out += " any";
        if (found.catalogue) out += " catalogue";
        if (found.exclusive) out += " exclusive";
        return out.starts_with(' ') ? out.substr(1) : out;
    }

    CatalogueRows rows;
    std::shared_ptr<const Catalogue> catalogue;
    std::shared_ptr<SessionEnv> environment;

private:
    std::string names(const std::vector<Oid>& oids) const {
        std::set<std::string> sorted;
        for (const Oid oid : oids) sorted.insert(catalogue->qualified_name(oid));
        std::string out;
        for (const auto& one : sorted) out += (out.empty() ? "" : " ") + (one.starts_with("public.") ? one.substr(7) : one);
        return out;
    }

    std::string name_ = "larder_catalogue_test";
    Connection admin_, connection_;
};

using Cases = std::vector<std::pair<const char*, const char*>>;

}  // namespace

TEST_CASE("what statements read in a real database", "[catalogue]") {
    Scratch db;
    const Cases cases = {
        {"SELECT * FROM orders", "orders"},
        {"SELECT * FROM v_deep", "customers items orders"},
        {"SELECT * FROM v_simple", "customers"},
        {"SELECT * FROM v_now", "!time_dependent"},
        {"SELECT * FROM v_writer", "!user_function"},
        {"SELECT * FROM v_over_writer", "!user_function"},
        {"SELECT * FROM v_locks", "!locks_rows"},
        {"SELECT * FROM v_catalog", "!system_catalog"},
        {"SELECT * FROM v_user", "!session_dependent"},
        {"SELECT * FROM v_functions", "!user_function"},
        {"SELECT c.total FROM customers c", "!user_function"},
        {"SELECT c.name FROM customers c", "customers"},
        {"SELECT * FROM information_schema.v_smuggled", "!system_catalog"},
        {"SELECT * FROM information_schema.tables", "!system_catalog"},
        {"SELECT * FROM m_orders", "m_orders"},
        {"SELECT * FROM parted", "parted"},
        {"SELECT * FROM parted_1", "parted"},
        {"SELECT * FROM parted_2a", "parted"},
        {"SELECT * FROM ducks", "animals"},
        {"SELECT * FROM swimmers", "animals"},
        {"SELECT * FROM geese", "animals"},
        {"SELECT * FROM secret", "!row_security"},
        {"SELECT * FROM v_secret", "!row_security"},
        {"SELECT * FROM other.orders", "other.orders"},
        {"SELECT * FROM counter", "!sequence"},
        {"SELECT * FROM scratch", "scratch"},
        {"SELECT * FROM zoned", "!time_dependent"},
        {"SELECT * FROM far", "!foreign_table"},
        {"SELECT * FROM tree_with_far", "!foreign_table"},
        {"SELECT * FROM \"Mixed\"", "Mixed"},
        {"SELECT * FROM Mixed", "!unknown_relation"},
        {"SELECT * FROM moods WHERE m = 'sad'", "moods"},
        {"SELECT upper(name) FROM customers", "!user_function"},
        {"SELECT pg_catalog.upper(name) FROM customers", "customers"},
        {"SELECT lower(name) FROM customers", "!user_function"},
        {"SELECT 1 @+@ 2", "!user_operator"},
        {"SELECT 1 + 2", ""},
        {"SELECT collect(id) FROM orders", "!user_function"},
        {"SELECT own_sum(id) FROM orders", "!user_function"},
        {"SELECT 1::code_domain", "!user_type"},
        {"SELECT '{1}'::over_domain[]", "!user_type"},
        {"SELECT '(1,1)'::code_row", "!user_type"},
        {"SELECT null::domain_row", "!user_type"},
        {"SELECT 1::plain_domain", ""},
        {"SELECT price_range(1, 2), '{[1,2]}'::price_multirange", ""},
        {"SELECT * FROM json_to_record('{}') AS x(d code_domain)", "!user_type"},
        {"SELECT x.* FROM xmltable('/r' PASSING '<r/>' COLUMNS d over_domain) AS x", "!user_type"},
        {"SELECT * FROM orders ORDER BY total USING <", "orders"},
        {"SELECT sum(total) OVER (PARTITION BY customer ORDER BY at) FROM orders", "orders"},
        {"SELECT * FROM customers NATURAL JOIN items", "customers items"},
        {"SELECT to_tsvector('english', name) @@ to_tsquery('x') FROM customers", "customers"},
        {"SELECT 'orders'::regclass", "!system_catalog"},
        {"SELECT ('counter'::text).nextval", "!sequence"},
        {"SELECT pg_relation_size('orders')", "!volatile_function"},
        {"SELECT ctid FROM orders", "!system_catalog"},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(db.reads(text) == expected);
    }
}

TEST_CASE("what statements write in a real database", "[catalogue]") {
    Scratch db;
    const Cases cases = {
        {"INSERT INTO customers VALUES (1)", "customers"},
        {"DELETE FROM customers", "customers items notes orders"},  // as if setting "order" to null could change items.id
        {"UPDATE customers SET id = 2", "customers orders"},
        {"UPDATE items SET id = 2", "items notes"},
        {"DELETE FROM items", "items"},
        {"TRUNCATE customers CASCADE", "customers items notes orders exclusive"},
        {"TRUNCATE notes", "notes exclusive"},
        {"INSERT INTO serial_only DEFAULT VALUES", "serial_only"},
        {"INSERT INTO parted_2a VALUES (1, 2, 3)", "parted"},
        {"DELETE FROM parted_1", "parted parted_child"},
        {"UPDATE parted SET region = 2", "parted parted_child"},
        {"INSERT INTO animals VALUES ('x')", "animals any catalogue"},  // by its tree; coarse
        {"UPDATE ducks SET depth = 1", "animals any catalogue"},        // an update may be an insert in a tree of partitions
        {"DELETE FROM triggered", "triggered any catalogue"},
        {"INSERT INTO triggered VALUES (1)", "triggered"},
        {"TRUNCATE triggered CASCADE", "triggered triggered_child any catalogue exclusive"},
        {"UPDATE harmless_trigger SET body = 'x'", "harmless_trigger"},
        {"UPDATE conditional_trigger SET id = 1", "conditional_trigger any catalogue"},
        {"DELETE FROM ruled", "ruled any catalogue"},
        {"INSERT INTO ruled VALUES (1)", "ruled"},
        {"INSERT INTO defaulted DEFAULT VALUES", "defaulted any catalogue"},
        {"INSERT INTO generated VALUES (1)", "generated any catalogue"},
        {"UPDATE checked SET id = 1", "checked any catalogue"},
        {"UPDATE indexed SET id = 1", "indexed any catalogue"},
        {"INSERT INTO part_indexed VALUES (1)", "part_indexed any catalogue"},
        {"DELETE FROM indexed", "indexed"},
        {"INSERT INTO part_keyed VALUES (1)", "part_keyed any catalogue"},
        {"INSERT INTO domain_array VALUES ('{1}')", "domain_array any catalogue"},
        {"UPDATE domain_row SET r = '(1,1)'", "domain_row any catalogue"},
        {"INSERT INTO domain_plain VALUES (1)", "domain_plain"},
        {"INSERT INTO domain_default DEFAULT VALUES", "domain_default any catalogue"},
        {"INSERT INTO domain_in_default DEFAULT VALUES", "domain_in_default any catalogue"},
        {"INSERT INTO domain_in_check VALUES (1)", "domain_in_check any catalogue"},
        {"INSERT INTO moods VALUES ('sad')", "moods"},
        {"INSERT INTO v_simple VALUES (1)", "customers"},
        {"DELETE FROM v_simple", "customers items notes orders"},
        {"INSERT INTO v_ruled VALUES (1)", "customers any catalogue"},
        {"UPDATE v_instead SET id = 1", "customers orders any catalogue"},
        {"INSERT INTO secret_code VALUES (1)", "secret_code any catalogue"},
        {"SELECT * FROM secret_code", "any catalogue"},
        {"SELECT * FROM secret_view", "any catalogue"},
        {"COPY secret_view TO STDOUT", "any catalogue"},
        {"SELECT * FROM secret", ""},
        {"SELECT * FROM v_over_writer", "any catalogue"},
        {"SELECT * FROM information_schema.v_smuggled", "any catalogue"},
        {"SELECT * FROM information_schema.tables", ""},
        {"SELECT c.total FROM customers c", "any catalogue"},
        {"SELECT collect(id) FROM orders", "any catalogue"},
        {"SELECT 1 @+@ 2", "any catalogue"},
        {"SELECT 1 OPERATOR(other.@+@) 2", "any catalogue"},
        {"SELECT 1::over_domain", "any catalogue"},
        {"SELECT pg_temp.f()", "any catalogue"},
        {"REFRESH MATERIALIZED VIEW m_orders", "m_orders exclusive"},
        {"REFRESH MATERIALIZED VIEW m_writer", "m_writer any catalogue exclusive"},
        {"SELECT * FROM m_writer", ""},
        {"SELECT nextval('counter')", ""},
        {"ANALYZE indexed", "any catalogue"},
        {"ANALYZE statted", "any catalogue"},
        {"ANALYZE", "any catalogue"},
        {"VACUUM orders", ""},
        {"REINDEX TABLE part_indexed", "any catalogue"},
        {"CREATE INDEX ON orders (total)", ""},
        {"CREATE TEMP TABLE x (a int)", ""},
        {"COPY defaulted FROM STDIN", "defaulted any catalogue"},
        {"MERGE INTO orders USING items ON false WHEN NOT MATCHED THEN INSERT VALUES (1)", "items notes orders"},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(db.writes(text) == expected);
    }
}

TEST_CASE("event triggers run with every DDL, also that of temporary objects", "[catalogue]") {
    Scratch db(R"sql(
        CREATE TABLE log (what text);
        CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (tg_tag); END $$;
        CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION on_ddl();
    )sql");
    CHECK(db.writes("CREATE TEMP TABLE x (a int)") == "any catalogue");
    CHECK(db.plan("CREATE TEMP TABLE x (a int)").may_release_locks);
    CHECK(db.writes("CREATE INDEX ON log (what)") == "any catalogue");
    db.sql("ALTER EVENT TRIGGER ddl DISABLE");
    CHECK(db.writes("CREATE TEMP TABLE x (a int)") == "");
}

TEST_CASE("casts and operator classes of users run in any expression", "[catalogue]") {
    Scratch db(R"sql(
        CREATE TYPE pair AS (a int, b int);
        CREATE TABLE t (p pair, a int);
    )sql");
    CHECK(db.reads("SELECT * FROM t ORDER BY p") == "t");
    SECTION("an operator class for ORDER BY and DISTINCT") {
        db.sql(R"sql(
            CREATE FUNCTION pair_cmp(pair, pair) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1.a - $2.a';
            CREATE FUNCTION pair_lt(pair, pair) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1.a < $2.a';
            CREATE OPERATOR <<<< (LEFTARG = pair, RIGHTARG = pair, FUNCTION = pair_lt);
            CREATE OPERATOR CLASS pair_ops DEFAULT FOR TYPE pair USING btree AS OPERATOR 1 <<<<, FUNCTION 1 pair_cmp(pair, pair);
        )sql");
        CHECK(db.reads("SELECT * FROM t ORDER BY p") == "!user_type");
    }
    SECTION("a range over a domain, which has a cast of its own") {
        db.sql("CREATE DOMAIN d AS int CHECK (value > 0); CREATE TYPE d_range AS RANGE (SUBTYPE = d)");
        CHECK(db.reads("SELECT a FROM t") == "!user_type");
    }
    SECTION("an assignment cast") {
        db.sql(R"sql(
            CREATE FUNCTION to_int(pair) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1.a; END $$;
            CREATE CAST (pair AS int) WITH FUNCTION to_int(pair) AS ASSIGNMENT;
        )sql");
        CHECK(db.reads("SELECT a FROM t") == "!user_type");
    }
}

TEST_CASE("functions in SQL are read, so that citext spoils no builtin names", "[catalogue]") {
    Scratch db(R"sql(
        CREATE EXTENSION citext;
        CREATE TABLE t (a citext, b text);
        CREATE DOMAIN checked AS int CHECK (random() > -1);
        CREATE DOMAIN dated AS int CHECK (current_date > '2020-01-01');
        CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
        CREATE FUNCTION rows_of(int) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t';
        CREATE FUNCTION with_default(int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT $1';
        CREATE FUNCTION of_domain(checked) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION with_setting(int) RETURNS text LANGUAGE sql SET datestyle = 'German' AS 'SELECT to_char($1, ''9'')';
        CREATE FUNCTION with_path(int) RETURNS int LANGUAGE sql SET search_path = public AS 'SELECT twice(1) + $1';
        CREATE FUNCTION atomic(int) RETURNS int LANGUAGE sql RETURN $1 + 1;
    )sql");
    const Cases cases = {
        {"SELECT replace(b, 'x', 'y'), strpos(b, 'x'), split_part(b, ',', 1), translate(b, 'x', 'y'), regexp_replace(b, 'x', 'y') FROM t WHERE a = 'z'", "t"},
        {"SELECT twice(2)", ""},
        {"SELECT rows_of(2)", "!user_function"},
        {"SELECT with_default()", "!user_function"},
        {"SELECT of_domain(1)", "!user_function"},
        {"SELECT 1::checked", "!user_type"},
        {"SELECT 1::dated", "!user_type"},
        {"SELECT with_setting(1)", "!user_function"},
        {"SELECT with_path(1)", "!user_function"},  // it calls another, which was not judged yet
        {"SELECT atomic(1)", "!user_function"},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        CHECK(db.reads(text) == expected);
    }
}

TEST_CASE("extensions leave reads that do not use them alone", "[catalogue]") {
    Scratch db("CREATE TABLE t (a int PRIMARY KEY, b text)");
    for (const char* extension : {"pg_trgm", "btree_gin", "btree_gist", "hstore", "citext", "intarray", "ltree", "cube", "earthdistance", "unaccent", "fuzzystrmatch", "\"uuid-ossp\"",
                                  "pgcrypto", "tablefunc", "seg", "isn", "pg_stat_statements", "bloom", "tsm_system_rows"}) {
        INFO(extension);
        db.sql(std::string("CREATE EXTENSION ") + extension);
        CHECK(db.reads("SELECT a, b FROM t WHERE a > 1 AND b LIKE 'x%' ORDER BY b") == "t");
        if (extension == std::string("pg_trgm")) CHECK(db.reads("SELECT a FROM t WHERE b % 'x'") == "!user_operator");  // its threshold is a setting
    }
}

TEST_CASE("an operator by which rows may be sorted is code in any statement", "[catalogue]") {
    Scratch db(R"sql(
        CREATE TABLE t (a int);
        CREATE TYPE pair AS (a int, b int);
        CREATE FUNCTION less(pair, pair) RETURNS bool STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1.a < $2.a; END $$;
        CREATE OPERATOR <<< (FUNCTION = less, LEFTARG = pair, RIGHTARG = pair);
        CREATE FUNCTION compare(pair, pair) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1.a - $2.a';
    )sql");
    CHECK(db.reads("SELECT a FROM t") == "t");
    db.sql("CREATE OPERATOR CLASS odd FOR TYPE pair USING btree AS OPERATOR 1 <<<, FUNCTION 1 compare(pair, pair)");
    CHECK(db.reads("SELECT a FROM t") == "!user_type");
}

TEST_CASE("temporary objects of the session", "[catalogue]") {
    Scratch db;
    run(db.raw(), "CREATE TEMP TABLE plain (id int DEFAULT nextval('counter'), at timestamptz DEFAULT now(), m mood)");
    db.load();
    CHECK(db.environment->owns_temp_objects);
    CHECK_FALSE(db.environment->temp_objects_run_code);
    CHECK(db.reads("SELECT * FROM orders") == "!temp_table");
    CHECK(db.writes("DELETE FROM notes") == "notes");
    const auto has_code = [&](const std::string& text) {
        run(db.raw(), "DISCARD TEMP");
        run(db.raw(), text);
        db.load();
        const bool found = db.environment->temp_objects_run_code;
        CHECK((db.writes("DELETE FROM public.notes") == "notes any catalogue") == found);
        return found;
    };
    for (const auto* text : {"CREATE TEMP VIEW v AS SELECT 1", "CREATE TEMP TABLE c (a int DEFAULT writer())", "CREATE TEMP TABLE c (d code_domain)",
                             "CREATE TEMP TABLE c (d code_domain[])", "CREATE TEMP TABLE c (r code_row)", "CREATE TEMP TABLE c (a int CHECK (a > 0))",
                             "CREATE DOMAIN pg_temp.d AS int", "CREATE TEMP TABLE c () INHERITS (notes); CREATE TRIGGER t AFTER DELETE ON c FOR EACH ROW EXECUTE FUNCTION audit()"}) {
        INFO(text);
        CHECK(has_code(text));
    }
    CHECK_FALSE(has_code("CREATE TEMP TABLE c (a int PRIMARY KEY, b text DEFAULT 'x')"));
    run(db.raw(), "DISCARD TEMP");
    db.load();
    CHECK_FALSE(db.environment->owns_temp_objects);
}

TEST_CASE("every change of the catalogue changes the digest, maintenance does not", "[catalogue]") {
    Scratch db;
    auto before = proxy::load_catalogue_digest(db.raw());
    CHECK(before == db.rows.state_digest);
    for (const auto* text : {"VACUUM FULL orders", "ANALYZE", "TRUNCATE notes", "REINDEX TABLE orders", "INSERT INTO customers VALUES (7)", "SELECT nextval('counter')",
                             "CREATE TEMP TABLE x (a int)", "DISCARD TEMP", "REFRESH MATERIALIZED VIEW m_orders", "CREATE INDEX i ON orders (total)", "CLUSTER orders USING i"}) {
        INFO(text);
        run(db.raw(), text);
        CHECK(proxy::load_catalogue_digest(db.raw()) == before);
    }
    for (const auto* text : {
             "CREATE INDEX ON orders ((total + 1))", "CREATE TABLE x (a int)", "ALTER TABLE x ADD b int", "ALTER TABLE x RENAME b TO c", "ALTER TABLE x SET SCHEMA other", "ALTER TABLE other.x ALTER a TYPE bigint",
             "ALTER TABLE other.x ADD CHECK (a > 0)", "DROP TABLE other.x", "GRANT SELECT ON orders TO public", "GRANT SELECT (id) ON items TO public", "REVOKE USAGE ON SCHEMA public FROM public",
             "CREATE OR REPLACE VIEW v_simple AS SELECT id, name || '!' AS name FROM customers", "ALTER VIEW v_simple SET (security_barrier)",
             "CREATE OR REPLACE FUNCTION writer() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'", "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "ALTER DOMAIN plain_domain DROP CONSTRAINT plain_domain_check",
             "ALTER TABLE parted DETACH PARTITION parted_1", "ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1)", "ALTER TABLE ducks NO INHERIT swimmers",
             "ALTER TABLE secret DISABLE ROW LEVEL SECURITY", "DROP POLICY own ON secret", "DROP RULE also ON ruled", "DROP TRIGGER after_delete ON triggered", "ALTER TABLE triggered DISABLE TRIGGER after_truncate",
             "ALTER TABLE defaulted ALTER id SET DEFAULT 1", "CREATE CAST (int AS mood) WITH INOUT", "DROP OPERATOR other.@+@ (int, int)", "CREATE EXTENSION citext", "ALTER SCHEMA other RENAME TO another",
             "CREATE TEXT SEARCH CONFIGURATION c (COPY = english)", "ALTER TEXT SEARCH CONFIGURATION c DROP MAPPING FOR url", "CREATE COLLATION ci FROM \"C\"",
             "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER ev ON sql_drop EXECUTE FUNCTION e()", "ALTER EVENT TRIGGER ev DISABLE",
             "ALTER DATABASE larder_catalogue_test SET search_path = public", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO pg_monitor"}) {
        INFO(text);
        run(db.raw(), text);
        const auto after = proxy::load_catalogue_digest(db.raw());
        CHECK(after != before);
        before = after;
    }
    CHECK(Catalogue::build(db.load_rows())->digest() == Catalogue::build(db.load_rows())->digest());
}

TEST_CASE("builtin functions are what the lists say", "[catalogue]") {
    const auto connection = connect();
    const auto functions = run(connection.get(), "SELECT proname, provolatile, pg_get_function_arguments(oid) FROM pg_proc WHERE oid < 16384 AND pronamespace = 'pg_catalog'::regnamespace");
    REQUIRE(functions.size() > 2500);
    FunctionContext context;
    for (const auto& row : functions) {
        INFO(row[0] << "(" << row[2] << ") is " << row[1]);
        FunctionRow function{};
        function.name = row[0];
        function.schema = "pg_catalog";
        function.volatility = row[1].at(0);
        function.is_builtin = function.is_native = true;
        const auto verdict = judge_function(function, context);
        // Nothing VOLATILE is cached, and nothing that may do anything passes for harmless.
        if (function.volatility == 'v') CHECK(verdict.reason != Reason::none);
        if (builtin_trait(row[0]) == BuiltinTrait::keyed_stable) CHECK(function.volatility != 'v');
        if (verdict.may_write) CHECK(verdict.reason != Reason::none);
    }
    // Those that take a query or a relation to run as text, by the names of their arguments.
    const auto suspects = run(connection.get(),
                              "SELECT DISTINCT proname FROM pg_proc WHERE oid < 16384 AND pronamespace = 'pg_catalog'::regnamespace AND "
                              "(proargnames && '{sqlquery,cursor,tbl}' AND proname !~ '^pg_stat' OR prosrc ~ '^(ts_stat|tsquery_rewrite_query|query_to_xml|cursor_to_xml|table_to_xml|schema_to_xml|database_to_xml)')");
    for (const auto& row : suspects) {
        INFO(row[0]);
        CHECK(builtin_trait(row[0]) == BuiltinTrait::runs_sql);
    }
    CHECK(suspects.size() >= 10);
}

TEST_CASE("a load never makes DDL the victim of a deadlock", "[catalogue]") {
    Scratch scratch("CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE VIEW v AS SELECT x FROM a JOIN b USING (x)");
    const Connection loader = scratch.connect_to_it();
    run(scratch.raw(), "BEGIN; LOCK TABLE b");
    // It opens v and a, and waits for b.
    auto load = std::async(std::launch::async, [&] { return proxy::load_catalogue_rows(loader.get()); });
    load.wait_for(std::chrono::seconds(3));  // longer than deadlock_timeout: from here on, who comes to wait is the victim
    CHECK_NOTHROW(run(scratch.raw(), "DROP VIEW v"));
    run(scratch.raw(), "COMMIT");
    CHECK_THROWS_WITH(load.get(), Catch::Contains("55P03"));
    CHECK_NOTHROW(proxy::load_catalogue_rows(loader.get()));
}

TEST_CASE("loading is fast enough to be done after every DDL", "[catalogue]") {
    std::string schema;
    for (int i = 0; i < 200; ++i) schema += "CREATE TABLE t" + std::to_string(i) + " (id int PRIMARY KEY, name text, at timestamptz DEFAULT now());";
    Scratch db(schema);
    const auto begun = std::chrono::steady_clock::now();
    auto rows = db.load_rows();
    const auto loaded = std::chrono::steady_clock::now();
    const auto catalogue = Catalogue::build(std::move(rows));
    const auto built = std::chrono::steady_clock::now();
    proxy::load_catalogue_digest(db.raw());
    const auto polled = std::chrono::steady_clock::now();
    const auto ms = [](auto from, auto to) { return std::chrono::duration<double, std::milli>(to - from).count(); };
    std::cout << "load " << ms(begun, loaded) << " ms, build " << ms(loaded, built) << " ms, digest " << ms(built, polled) << " ms\n";
    CHECK(catalogue->relation_count() > 200);
}
