#include <algorithm>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "admin/console.h"
#include "admin/http_request.h"
#include "admin/routes.h"
#include "fake_source.h"

using namespace larder;
using namespace larder::admin;

namespace json = boost::json;

namespace {

class FakeRules final : public config::RuleBook {
public:
    std::vector<config::RuleRow> rows{{"fixed", {{"cache", "false"}, {"table", "t"}}, true}};
    std::vector<config::RuleCommand> ran;
    std::optional<config::RuleError> error;

    std::vector<config::RuleRow> rules() const override { return rows; }
    void run(const config::RuleCommand& command) override {
        if (error) throw *error;
        ran.push_back(command);
        std::erase_if(rows, [&](const auto& row) { return row.name == command.name; });
        if (command.kind != config::RuleCommand::Kind::drop) rows.push_back({command.name, command.set, false});
    }
    config::RuleMatches matches(const config::RuleOptions& options) const override {
        if (options.contains("regex")) throw config::RuleError(config::RuleError::Kind::invalid, "regex: bad");
        return {2, 30, 4, 20, 3, {"select $1"}};
    }
    std::string file() const override { return "/state/rules.toml"; }
};

struct World {
    FakeSource snapshot;
    FakeRules rules;
    Console console{snapshot, nullptr, nullptr, &rules};
    Sources sources{snapshot, nullptr, nullptr, &rules, "token"};

    HttpReply call(std::string_view method, std::string_view target, std::string_view body = {}, std::string_view authorization = "Bearer token", const Conditions& conditions = {}) {
        return answer(method, target, sources, authorization, body, conditions);
    }
};

}  // namespace

TEST_CASE_METHOD(World, "SHOW RULES lists them in order") {
    rules.rows.insert(rules.rows.begin(), {"mine", {{"max_stale", "5s"}}, false});
    const auto reply = console.run("show rules;", false);
    REQUIRE(reply.rows.size() == 2);
    CHECK(reply.columns == std::vector<std::string>{"position", "name", "made_in", "table", "fingerprint", "regex", "role", "database", "cache", "ttl", "max_stale", "freshness", "tags"});
    CHECK(reply.rows[0][1] == "mine");
    CHECK(reply.rows[0][2] == "console");
    CHECK(reply.rows[0][3] == std::nullopt);
    CHECK(reply.rows[0][10] == "5s");
    CHECK(reply.rows[1][0] == "2");
    CHECK(reply.rows[1][2] == "configuration");
}

TEST_CASE_METHOD(World, "rule commands are for superusers, and keep the case of what is quoted") {
    CHECK(console.run("create rule a with (ttl = '1s')", false).sqlstate == "42501");
    CHECK(rules.ran.empty());
    CHECK(console.run("CREATE RULE \"My Rule\" WITH (regex = 'From Orders')", true).tag == "CREATE RULE");
    CHECK(rules.ran.at(0).name == "My Rule");
    CHECK(rules.ran.at(0).set.at("regex") == "From Orders");
    CHECK(console.run("alter rule a set (ttl = '1s')", true).tag == "ALTER RULE");
    CHECK(console.run("drop rule a", true).tag == "DROP RULE");
    CHECK(console.run("create rule a", true).sqlstate == "42601");
}

TEST_CASE_METHOD(World, "each refusal has its SQLSTATE and status") {
    using Kind = config::RuleError::Kind;
    const auto kind = GENERATE(Kind::invalid, Kind::not_found, Kind::duplicate, Kind::fixed, Kind::changed_on_disk, Kind::changed_meanwhile, Kind::not_kept, Kind::not_durable);
    const std::map<Kind, std::pair<std::string, int>> expected{{Kind::invalid, {"22023", 422}}, {Kind::not_found, {"42704", 404}}, {Kind::duplicate, {"42710", 409}},
                                                                {Kind::fixed, {"55000", 409}}, {Kind::changed_on_disk, {"55000", 409}},
                                                                {Kind::changed_meanwhile, {"40001", 412}}, {Kind::not_kept, {"58030", 500}}, {Kind::not_durable, {"58030", 500}}};
    rules.error = config::RuleError(kind, "because");
    const auto reply = console.run("drop rule a", true);
    CHECK(reply.sqlstate == expected.at(kind).first);
    CHECK(reply.error == "because");
    const auto http = call("DELETE", "/api/v1/rules/a");
    CHECK(http.status == expected.at(kind).second);
    CHECK(http.content_type == "application/problem+json");
    CHECK(json::parse(http.body).at("detail") == "because");
}

TEST_CASE_METHOD(World, "EXPLAIN RULE says what it matches") {
    const auto reply = console.run("EXPLAIN RULE fixed", false);
    REQUIRE(reply.rows.size() == 1);
    CHECK(reply.rows[0][1] == "2");
    CHECK(reply.rows[0][2] == "30");
    CHECK(reply.rows[0][4] == "20");
    CHECK(reply.rows[0][5] == "3");
    CHECK(reply.rows[0][6] == "select $1");
    CHECK(console.run("EXPLAIN RULE none", false).sqlstate == "42704");
    CHECK(console.run("EXPLAIN RULE fixed, other", false).sqlstate == "42601");
}

TEST_CASE_METHOD(World, "over HTTP: made, read, replaced, changed, taken away") {
    CHECK(json::parse(call("GET", "/api/v1/rules").body).at("rules").at(0).at("cache") == false);
    CHECK(json::parse(call("GET", "/api/v1/rules").body).at("file") == "/state/rules.toml");
    const auto made = call("POST", "/api/v1/rules", R"({"name": "my rule", "before": "x", "cache": true, "tags": ["a", "b"], "ttl": "1s"})");
    CHECK(made.status == 201);
    CHECK(json::parse(made.body).at("made_in") == "console");
    CHECK(rules.ran.at(0).before == "x");
    CHECK(rules.ran.at(0).set == config::RuleOptions{{"cache", "true"}, {"tags", "a, b"}, {"ttl", "1s"}});
    CHECK(json::parse(call("GET", "/api/v1/rules/my%20rule").body).at("matches").at("calls") == 30);
    const auto replaced = call("PUT", "/api/v1/rules/my%20rule", R"({"max_stale": "5s"})");
    CHECK(replaced.status == 200);
    auto reset = rules.ran.at(1).reset;
    CHECK(reset == std::vector<std::string>{"cache", "tags", "ttl"});
    CHECK(call("PUT", "/api/v1/rules/other", R"({"ttl": "5s"})").status == 201);
    CHECK(call("PATCH", "/api/v1/rules/my%20rule", R"({"ttl": "2s", "max_stale": null})").status == 200);
    CHECK(rules.ran.at(3).reset == std::vector<std::string>{"max_stale"});
    CHECK(call("DELETE", "/api/v1/rules/my%20rule").status == 204);
    CHECK(call("GET", "/api/v1/rules/my%20rule").status == 404);
}

TEST_CASE_METHOD(World, "over HTTP a change may be made only if the rule is still what was read") {
    rules.rows.push_back({"a", {{"ttl", "1s"}}, false});
    const auto tag = call("GET", "/api/v1/rules/a").etag;
    CHECK(tag.size() == 35);
    const auto list = "\"x\", " + tag;
    const auto change = [&](std::string_view method, std::string_view if_match, std::string_view if_none_match = {}, std::string_view name = "a") {
        return call(method, "/api/v1/rules/" + std::string(name), method == "DELETE" ? "" : R"({"ttl": "2s"})", "Bearer token", {if_match, if_none_match}).status;
    };
    for (const char* method : {"PUT", "PATCH", "DELETE"}) {
        INFO(method);
        CHECK(change(method, "\"nonsense\"") == 412);
        CHECK(change(method, "*", {}, "none") == 412);
        CHECK(change(method, {}, "*") == 412);
        CHECK(change(method, {}, tag) == 412);
    }
    CHECK(rules.ran.empty());
    CHECK(change("PUT", list) == 200);
    CHECK(rules.ran.at(0).expected == config::RuleOptions{{"ttl", "1s"}});
    CHECK(change("PUT", tag) == 412);
    CHECK(change("PATCH", "*") == 200);
    CHECK(rules.ran.at(1).expected == config::RuleOptions{{"ttl", "2s"}});
    CHECK(change("PUT", {}, "*", "fresh") == 201);
    CHECK(change("PUT", {}) == 200);
    CHECK(rules.ran.at(3).expected == std::nullopt);
    CHECK(change("DELETE", call("GET", "/api/v1/rules/a").etag) == 204);
    CHECK(if_changed(call("GET", "/api/v1/rules/fresh"), call("GET", "/api/v1/rules/fresh").etag).status == 304);
}

TEST_CASE_METHOD(World, "a dry run changes nothing") {
    const auto reply = call("POST", "/api/v1/rules?dry_run=true", R"({"table": "t"})");
    CHECK(reply.status == 200);
    CHECK(json::parse(reply.body).at("matches").at("examples").at(0) == "select $1");
    CHECK(json::parse(reply.body).at("matches").at("calls_last_hour") == 20);
    CHECK(call("PUT", "/api/v1/rules/a?dry_run=true", R"({"table": "t"})").status == 200);
    CHECK(call("POST", "/api/v1/rules?dry_run=true", R"({"regex": "("})").status == 422);
    CHECK(call("DELETE", "/api/v1/rules/a?dry_run=true").status == 400);
    CHECK(call("POST", "/api/v1/rules?dry=true", "{}").status == 400);
    CHECK(rules.ran.empty());
}

TEST_CASE_METHOD(World, "who may not, and what cannot be read, changes nothing") {
    const std::string_view body = R"({"name": "a", "ttl": "1s"})";
    CHECK(call("POST", "/api/v1/rules", body, "").status == 401);
    CHECK(call("POST", "/api/v1/rules", body, "Bearer tokem").status == 401);
    CHECK(call("DELETE", "/api/v1/rules/a", {}, "").status == 401);
    sources.token.clear();
    CHECK(call("POST", "/api/v1/rules", body).status == 403);
    sources.token = "token";
    CHECK(call("DELETE", "/api/v1/rules").status == 405);
    CHECK(call("DELETE", "/api/v1/rules").allow == "GET, HEAD, POST");
    CHECK(call("POST", "/api/v1/rules/a", body).status == 405);
    for (const char* wrong : {"", "[]", "{", "1", "{\"name\": \"a\"} x", R"({"name": "a", "ttl": "1s", "ttl": "2s"})", R"({"name": "a", "\u006eame": "b"})"}) CHECK(call("POST", "/api/v1/rules", wrong).status == 400);
    for (const char* wrong : {"{}", R"({"name": "a", "ttl": 1})", R"({"name": "a", "tags": [1]})", R"({"name": "a", "ttl": null})", R"({"name": "a", "ttl": {}})", R"({"name": ["a", "b"]})", R"({"name": true})", R"({"name": "a", "table": ["t", "u"]})"}) {
        INFO(wrong);
        CHECK(call("POST", "/api/v1/rules", wrong).status == 422);
    }
    CHECK(call("PUT", "/api/v1/rules/a", R"({"name": "b", "ttl": "1s"})").status == 422);
    CHECK(count_members(R"({"a:\":": [{"b": 1}, ":"], "c\\": {"d": 2}})") == 2);
    CHECK(call("GET", "/api/v1/rules/%zz").status == 404);
    CHECK(call("GET", "/api/v1/rules/").status == 404);
    CHECK(call("GET", "/api/v1/rulesx").status == 404);
    CHECK(rules.ran.empty());
}
