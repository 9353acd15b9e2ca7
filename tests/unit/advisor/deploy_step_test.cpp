#include "advisor/deploy_step.h"

#include <catch2/catch.hpp>

#include "advisor/builder.h"

using namespace larder::advisor;

TEST_CASE("an index is built and dropped concurrently, whatever the statement says") {
    const auto plain = read_step("CREATE INDEX orders_total_idx ON shop.orders (total)");
    CHECK(plain.kind == StepKind::create_index);
    CHECK(plain.sql.find("CREATE INDEX CONCURRENTLY orders_total_idx ON shop.orders") == 0);
    CHECK(plain.schema == "shop");
    CHECK(plain.table == "orders");
    CHECK(plain.name == "orders_total_idx");
    const std::string concurrent = "CREATE INDEX CONCURRENTLY \"Total\" ON orders (total)";
    CHECK(read_step(concurrent).sql == concurrent);
    CHECK(read_step(concurrent).name == "Total");
    const auto drop = read_step("DROP INDEX shop.orders_total_idx");
    CHECK(drop.kind == StepKind::drop_index);
    CHECK(drop.sql == "DROP INDEX CONCURRENTLY shop.orders_total_idx");
    CHECK(drop.schema == "shop");
}

TEST_CASE("statistics, ANALYZE and extensions are steps too") {
    CHECK(read_step("CREATE STATISTICS s (dependencies, mcv) ON a, b FROM t").kind == StepKind::create_statistics);
    CHECK(read_step("DROP STATISTICS s").kind == StepKind::drop_statistics);
    const auto analyze = read_step("ANALYZE shop.orders");
    CHECK(analyze.kind == StepKind::analyze);
    CHECK(analyze.table == "orders");
    CHECK(read_step("CREATE EXTENSION IF NOT EXISTS pg_trgm").name == "pg_trgm");
}

TEST_CASE("nothing else is a step") {
    for (const char* sql : {"DROP TABLE t", "DROP INDEX a CASCADE", "DROP INDEX a, b", "CREATE INDEX ON t (a)", "VACUUM t", "ANALYZE", "ANALYZE a, b", "SELECT 1", "", "nonsense",
                            "CREATE INDEX i ON t (a); DROP TABLE t", "CREATE TABLE t AS SELECT 1", "CREATE MATERIALIZED VIEW m AS SELECT 1", "DELETE FROM t", "ALTER TABLE t ADD b int",
                            "DROP INDEX a.b.c"}) {
        const auto step = read_step(sql);
        INFO(sql);
        CHECK(step.kind == StepKind::refused);
        CHECK(!step.why_refused.empty());
    }
}

TEST_CASE("what makes an index is deployed only with what drops it again") {
    const std::string create = "CREATE INDEX CONCURRENTLY i ON t (a)";
    CHECK(why_not_deployed({create}, {"DROP INDEX CONCURRENTLY i"}).empty());
    CHECK(!why_not_deployed({create}, {}).empty());
    CHECK(!why_not_deployed({create}, {"DROP INDEX CONCURRENTLY j"}).empty());
    CHECK(!why_not_deployed({create}, {"DROP INDEX CONCURRENTLY s.i"}).empty());
    CHECK(!why_not_deployed({create}, {"DROP TABLE t", "DROP INDEX CONCURRENTLY i"}).empty());
    CHECK(!why_not_deployed({"CREATE STATISTICS s ON a, b FROM t"}, {}).empty());
    CHECK(why_not_deployed({"ANALYZE t"}, {}).empty());
    CHECK(!why_not_deployed({}, {}).empty());
    const std::string rule = "CREATE RULE r WITH (ttl = '1s')";
    CHECK(why_not_deployed({rule}, {"DROP RULE IF EXISTS r"}).empty());
    CHECK(!why_not_deployed({rule}, {}).empty());
    CHECK(!why_not_deployed({rule}, {"DROP RULE s"}).empty());
    CHECK(!why_not_deployed({rule, create}, {"DROP RULE r", "DROP INDEX CONCURRENTLY i"}).empty());
    CHECK(!why_not_deployed({"CREATE RULE r AS ON INSERT TO t DO NOTHING"}, {"DROP RULE r"}).empty());
    CHECK(!why_not_deployed({"ALTER RULE r SET (ttl = '1s')"}, {"DROP RULE r"}).empty());
}
