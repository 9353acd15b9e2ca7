// Checks, quarantine and EXPLAIN LARDER in the console and over HTTP.
#include <catch2/catch.hpp>

#include "admin/console.h"
#include "admin/json_text.h"
#include "admin/metrics.h"
#include "admin/routes.h"
#include "fake_checks.h"
#include "fake_source.h"

using namespace larder;
using namespace larder::admin;

namespace {

struct Fixture {
    FakeSource source;
    FakeChecks checks;
    Console console{source, nullptr, nullptr, nullptr, nullptr, nullptr, &checks};

    HttpReply ask(const char* method, const char* path, const char* body = "", bool with_token = true) {
        Sources sources(source, nullptr, nullptr, nullptr, "secret");
        sources.checks = &checks;
        return answer(method, path, sources, with_token ? "Bearer secret" : "", body);
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a check answers when it is over, and is for admins") {
    CHECK(console.run("VERIFY CACHE 50", false).sqlstate == "42501");
    auto reply = console.run("verify cache 50;", true);
    CHECK(checks.asked == std::vector<std::uint64_t>{50});
    REQUIRE(reply.is_done);
    CHECK_FALSE(reply.is_done());
    checks.status.run.is_running = false;
    CHECK(reply.is_done());
    CHECK(console.run("VERIFY CACHE", true).sqlstate.empty());
    for (const auto* wrong : {"VERIFY CACHE 0", "VERIFY CACHE 10001", "VERIFY CACHE all"}) CHECK(console.run(wrong, true).sqlstate == "22023");
    checks.is_busy = true;
    CHECK(console.run("VERIFY CACHE", true).sqlstate == "55006");
    checks.status.is_available = false;
    CHECK(console.run("VERIFY CACHE", true).sqlstate == "55000");
    CHECK(ask("POST", "/api/v1/verify").status == 409);
}

TEST_CASE_METHOD(Fixture, "values of findings are for admins") {
    CHECK(console.run("SHOW VERIFY FINDINGS", true).rows[0][7] == "(0)");
    CHECK(console.run("SHOW VERIFY FINDINGS", false).rows[0][7] == std::nullopt);
    CHECK(ask("GET", "/api/v1/verify").body.find("(5)") != std::string::npos);
    CHECK(ask("GET", "/api/v1/verify", "", false).body.find("(5)") == std::string::npos);
    CHECK(ask("GET", "/api/v1/verify", "", false).body.find("00000000000000ab") != std::string::npos);
    CHECK(console.run("SHOW VERIFY", false).rows.size() == 1);
    checks.status.run = {1, false, 3, {}, "refused"};
    CHECK(console.run("SHOW VERIFY", false).rows.at(1).back() == "refused");
}

TEST_CASE_METHOD(Fixture, "a quarantine is lifted") {
    CHECK(console.run("SHOW QUARANTINE", false).rows[0][1] == "00000000000000ab");
    CHECK(console.run("LIFT QUARANTINE 00000000000000AB", true).sqlstate.empty());
    CHECK(console.run("LIFT QUARANTINE 00000000000000ab Shop", true).sqlstate.empty());
    CHECK(console.run("LIFT QUARANTINE 12", true).sqlstate == "42704");
    CHECK(console.run("LIFT QUARANTINE 12", false).sqlstate == "42501");
    CHECK(ask("DELETE", "/api/v1/verify/quarantine/00000000000000ab?database=a%20b").status == 200);
    CHECK(checks.lifted[1].first == "Shop");
    CHECK(checks.lifted.back() == std::pair<std::string, std::string>{"a b", "00000000000000ab"});
    CHECK(ask("DELETE", "/api/v1/verify/quarantine/12").status == 404);
    CHECK(ask("DELETE", "/api/v1/verify/quarantine/12?other=1").status == 400);
    CHECK(ask("DELETE", "/api/v1/verify/quarantine/00000000000000ab", "", false).status == 401);
}

TEST_CASE_METHOD(Fixture, "EXPLAIN LARDER in the console takes a database, perhaps a role, and the statement as it is written") {
    const auto reply = console.run("explain larder IN \"a \"\"b\" AS Bob  SELECT 'x;y' -- here\n;", false);
    CHECK(reply.sqlstate.empty());
    CHECK(reply.tag == "EXPLAIN");
    CHECK(checks.explained.database == "a \"b");
    CHECK(checks.explained.role == "Bob");
    CHECK(checks.explained.statement == "SELECT 'x;y' -- here");
    CHECK_FALSE(checks.may_ask);
    CHECK(reply.rows[0][0] == "Cached");
    CHECK(reply.rows[1][0] == "  depends on 1 row of public.t (id)");
    CHECK(reply.rows[2][0] == "  depends on every change of public.u");
    console.run("EXPLAIN LARDER IN shop SELECT asleep", false);
    CHECK((checks.explained.role.empty() && checks.explained.statement == "SELECT asleep"));
    CHECK(console.run("EXPLAIN LARDER SELECT 1", false).sqlstate == "42601");
    CHECK(console.run("EXPLAIN LARDER IN shop", false).sqlstate == "42601");
    CHECK(console.run("EXPLAIN LARDER IN nowhere SELECT 1", false).sqlstate == "55000");
}

TEST_CASE_METHOD(Fixture, "EXPLAIN LARDER over HTTP") {
    const auto* const question = R"({"database": "shop", "statement": "SELECT 1", "role": "bob", "settings": {"search_path": "a"}})";
    const auto reply = ask("POST", "/api/v1/explain", question);
    CHECK(reply.status == 200);
    CHECK(checks.explained.role == "bob");
    CHECK(checks.explained.settings == std::vector<std::pair<std::string, std::string>>{{"search_path", "a"}});
    CHECK(checks.may_ask);
    for (const auto* part : {R"("in_flight":1)", R"("key":"id")", R"("key":null)", R"("promise":"strict")", R"("verdict":"Cached")"}) CHECK(reply.body.find(part) != std::string::npos);
    CHECK(ask("POST", "/api/v1/explain", question, false).status == 401);
    CHECK(ask("POST", "/api/v1/explain", "{").status == 400);
    for (const auto* wrong : {R"({"database": "shop"})", R"({"database": 1, "statement": "x"})", R"({"database": "d", "statement": "x", "settings": {"a": 1}})", R"({"database": "d", "statement": "x", "role": []})"}) {
        INFO(wrong);
        CHECK(ask("POST", "/api/v1/explain", wrong).status == 422);
    }
    CHECK(ask("POST", "/api/v1/explain", R"({"database": "nowhere", "statement": "SELECT 1"})").status == 409);
}

TEST_CASE_METHOD(Fixture, "without checks there is nothing to ask") {
    Console without{source};
    for (const auto* text : {"SHOW VERIFY", "SHOW QUARANTINE", "VERIFY CACHE", "LIFT QUARANTINE 1", "EXPLAIN LARDER IN a SELECT 1"}) CHECK(without.run(text, true).sqlstate == "55000");
    CHECK(answer("GET", "/api/v1/verify", source).status == 404);
}

TEST_CASE_METHOD(Fixture, "what checks came to is in the metrics") {
    source.now.verify = {10, 5, 1, 2, 1, 1, 3};
    source.now.quarantined = 4;
    const auto text = metrics_text(source.now);
    for (const auto* line : {"larder_verify_checks_total{outcome=\"equal\"} 5", "larder_verify_checks_total{outcome=\"different\"} 1", "larder_verify_skipped_total 3", "larder_quarantined_shapes 4"}) {
        INFO(line);
        CHECK(text.find(line) != std::string::npos);
    }
}
