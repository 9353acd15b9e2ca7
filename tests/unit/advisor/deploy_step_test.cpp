#include "advisor/deploy_step.h"

#include <catch2/catch.hpp>

#include "advisor/builder.h"

using namespace larder::advisor;

TEST_CASE("an index is built and dropped concurrently, whatever the statement says") {
    const auto plain = read_step("CREATE INDEX orders_total_idx ON shop.orders (total)");
    CHECK(plain.kind == StepKind::create_index);
    CHECK(plain.sql.find("CREATE INDEX CONCURRENTLY \"orders_total_idx\" ON shop.orders") == 0);
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
    const std::string create = "CREATE INDEX CONCURRENTLY i ON s.t (a)";
    CHECK(why_not_deployed({create}, {"DROP INDEX CONCURRENTLY s.i"}).empty());
    CHECK(!why_not_deployed({create}, {}).empty());
    CHECK(!why_not_deployed({create}, {"DROP INDEX CONCURRENTLY s.j"}).empty());
    CHECK(!why_not_deployed({create}, {"DROP INDEX CONCURRENTLY public.i"}).empty());
    CHECK(!why_not_deployed({create}, {"DROP TABLE s.t", "DROP INDEX CONCURRENTLY s.i"}).empty());
    CHECK(!why_not_deployed({"CREATE STATISTICS s.s ON a, b FROM s.t"}, {}).empty());
    CHECK(why_not_deployed({"CREATE STATISTICS s.s ON a, b FROM s.t"}, {"DROP STATISTICS s.s"}).empty());
    CHECK(why_not_deployed({"ANALYZE s.t"}, {}).empty());
    CHECK(!why_not_deployed({}, {}).empty());
    const std::string rule = "CREATE RULE r WITH (ttl = '1s')";
    CHECK(why_not_deployed({rule}, {"DROP RULE IF EXISTS r"}).empty());
    CHECK(!why_not_deployed({rule}, {}).empty());
    CHECK(!why_not_deployed({rule}, {"DROP RULE s"}).empty());
    CHECK(!why_not_deployed({rule, create}, {"DROP RULE r", "DROP INDEX CONCURRENTLY s.i"}).empty());
    CHECK(!why_not_deployed({"CREATE RULE r AS ON INSERT TO t DO NOTHING"}, {"DROP RULE r"}).empty());
    CHECK(!why_not_deployed({"ALTER RULE r SET (ttl = '1s')"}, {"DROP RULE r"}).empty());
}

TEST_CASE("an index is dropped only with what makes it again, and never one that keeps doubled rows out") {
    const std::string drop = "DROP INDEX CONCURRENTLY s.i";
    CHECK(why_not_deployed({drop}, {"CREATE INDEX i ON s.t USING btree (a)"}).empty());
    CHECK(!why_not_deployed({drop}, {}).empty());
    CHECK(!why_not_deployed({drop}, {"CREATE INDEX i ON public.t USING btree (a)"}).empty());
    CHECK(why_not_deployed({drop}, {"CREATE UNIQUE INDEX i ON s.t USING btree (a)"}).find("unique") != std::string::npos);
}

TEST_CASE("what does not say in which schema it is is left to people, who are told how") {
    const std::pair<std::string, std::string> orders[] = {{"CREATE INDEX CONCURRENTLY i ON t (a)", "DROP INDEX CONCURRENTLY i"}, {"CREATE INDEX CONCURRENTLY i ON s.t (a)", "DROP INDEX CONCURRENTLY i"},
        {"DROP INDEX CONCURRENTLY i", "CREATE INDEX i ON s.t USING btree (a)"}, {"CREATE STATISTICS s ON a, b FROM s.t", "DROP STATISTICS s"},
        {"CREATE STATISTICS s.s ON a, b FROM t", "DROP STATISTICS s.s"}};
    for (const auto& [deploy, undo] : orders) {
        INFO(deploy);
        CHECK(why_not_deployed({deploy}, {undo}).find("by hand") != std::string::npos);
    }
    CHECK(!why_not_deployed({"ANALYZE t"}, {}).empty());
    CHECK(!why_not_deployed({"CREATE EXTENSION pg_trgm"}, {}).empty());
    CHECK(why_not_deployed({"CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public"}, {}).empty());
}

TEST_CASE("a name keeps its quotes when the statement is written as it is run") {
    for (const auto* name : {"\"Order_idx\"", "\"a; DROP TABLE t; --\"", "\"a\"\"b\""}) {
        const auto step = read_step(std::string("CREATE INDEX IF NOT EXISTS ") + name + " ON \"S\".\"T t\" USING btree (\"A\", lower(\"B\")) INCLUDE (\"C\") WHERE \"D\" > 5");
        INFO(step.why_refused << step.sql);
        CHECK(step.kind == StepKind::create_index);
        const auto again = read_step(step.sql);
        CHECK(step.sql.find(std::string("CREATE INDEX CONCURRENTLY ") + name + " ON \"S\".\"T t\"") == 0);
        CHECK(again.name == step.name);
        CHECK(again.shape == step.shape);
        CHECK(read_step(std::string("DROP INDEX s.") + name).sql == std::string("DROP INDEX CONCURRENTLY s.") + name);
    }
}

TEST_CASE("an index that is there is not taken for the one to be made, and two are told apart by what they are on") {
    CHECK(read_step("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a)").sql.find("EXISTS") == std::string::npos);
    const auto shape = [](const std::string& rest) { return read_step("CREATE INDEX i ON s.t " + rest).shape; };
    CHECK(shape("(a, lower(b))") == shape("USING btree (a, (lower(b)))"));
    CHECK(shape("(a) WHERE b = 'x'") == shape("USING btree (a) WHERE (b = 'x'::text)"));
    for (const auto* other : {"(b)", "(a, b)", "(a) INCLUDE (b)", "(a) WHERE b", "((a + 1))", "USING hash (a)"}) CHECK(shape("(a)") != shape(other));
    CHECK(read_step("CREATE UNIQUE INDEX i ON s.t (a)").is_unique);
}
