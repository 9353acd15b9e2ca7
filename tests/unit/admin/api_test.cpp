// The documents of /api/v1, what they take, and the OpenAPI document that describes them.
#include <set>

#include <catch2/catch.hpp>

#include <boost/json.hpp>

#include "admin/endpoints.h"
#include "admin/relation_use.h"
#include "admin/routes.h"
#include "fake_checks.h"
#include "fake_source.h"
#include "fake_traffic.h"

using namespace larder;
using namespace larder::admin;
namespace json = boost::json;

namespace {

constexpr const char* kToken = "Bearer token";

struct Fixture {
    FakeSource source;
    FakeTraffic traffic;
    FakeAdvice advice;
    FakeSettings settings;
    FakeChecks checks;
    EventBus events{100, 1};
    Sources sources{source, &traffic, &advice, nullptr, "token"};

    Fixture() {
        sources.settings = &settings;
        sources.checks = &checks;
        sources.events = &events;
        events.publish({.kind = EventKind::purge, .source = "cache"}, 1);
        traffic.rows = {FakeTraffic::row("1", 1, 1, 1)};
        source.client_rows.resize(3);
        for (std::uint64_t id = 1; id <= 3; ++id) source.client_rows[id - 1].id = id;
    }
    HttpReply get(std::string_view target) { return answer("GET", target, sources); }
    json::object document(std::string_view target) {
        const auto reply = get(target);
        INFO(target);
        CHECK(reply.status == 200);
        return json::parse(reply.body).as_object();
    }
    json::object changed(std::string_view method, std::string_view target, int status) {
        const auto reply = answer(method, target, sources, kToken);
        INFO(target);
        CHECK(reply.status == status);
        return json::parse(reply.body).as_object();
    }
};

// A path that the template stands for.
std::string filled(std::string path) {
    if (path == "/assets/{name}") return "/assets/app.js";
    for (auto at = path.find('{'); at != std::string::npos; at = path.find('{')) path.replace(at, path.find('}') - at + 1, "1");
    return path;
}

bool is_rule_path(std::string_view path) { return path.starts_with("/api/v1/rules"); }  // rules_test.cpp

}  // namespace

TEST_CASE_METHOD(Fixture, "what is described is there, and answers as described") {
    const auto described = document("/api/v1/openapi.json");
    CHECK(described.at("openapi") == "3.1.0");
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& path : described.at("paths").as_object()) {
        for (const auto& [key, operation] : path.value().as_object()) {
            std::string method(key);
            for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
            seen.emplace(method, path.key());
            if (is_rule_path(path.key())) continue;
            const auto reply = answer(method, filled(path.key()), sources, kToken, path.key() == "/api/v1/explain" ? R"({"database": "shop", "statement": "SELECT 1"})" : "");
            INFO(method << " " << path.key());
            const auto& responses = operation.as_object().at("responses").as_object();
            REQUIRE(responses.contains(std::to_string(reply.status)));
            if (responses.contains("101"))
                CHECK(reply.status == 426);  // a WebSocket: events_test.py
            else
                CHECK(reply.status / 100 == 2);
            const auto* content = responses.at(std::to_string(reply.status)).as_object().if_contains("content");
            if (content == nullptr || !content->as_object().contains("application/json")) continue;
            const auto body = json::parse(reply.body).as_object();
            for (const auto& member : content->at("application/json").at("schema").at("required").as_array()) CHECK(body.contains(member.as_string()));
        }
    }
    // And the other way round.
    for (const auto& endpoint : endpoints()) CHECK(seen.contains({std::string(endpoint.method), std::string(endpoint.path)}));
    CHECK(seen.size() == endpoints().size());
}

TEST_CASE_METHOD(Fixture, "a method that is not described is not allowed, and the answer names those that are") {
    for (const auto& endpoint : endpoints()) {
        const auto path = filled(std::string(endpoint.path));
        for (const auto* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE", ""}) {
            bool is_there = false;
            for (const auto* one : endpoints_of(path)) is_there |= one->method == (std::string_view(method) == "HEAD" ? "GET" : method);
            if (is_there) continue;
            const auto reply = answer(method, path, sources, kToken);
            INFO(method << " " << path);
            CHECK(reply.status == 405);
            CHECK(reply.allow.find(endpoint.is_change() ? endpoint.method : std::string_view("GET, HEAD")) != std::string::npos);
        }
    }
}

TEST_CASE_METHOD(Fixture, "nothing is changed without the token, by any endpoint") {
    int changes = 0;
    for (const auto& endpoint : endpoints()) {
        if (!endpoint.is_change()) continue;
        ++changes;
        const auto path = filled(std::string(endpoint.path));
        INFO(endpoint.method << " " << path);
        for (const auto* shown : {"", "Bearer", "Bearer ", "Bearer wrong", "Bearer tokentoken", "bearer token", "Basic dG9rZW4=", "token"}) CHECK(answer(endpoint.method, path, sources, shown, "{}").status == 401);
        const Sources without(source, &traffic, &advice, nullptr, "");
        for (const auto* shown : {"", "Bearer ", "Bearer token"}) CHECK(answer(endpoint.method, path, without, shown, "{}").status == 403);
    }
    CHECK(changes >= 10);
    CHECK(source.purges == 0);
    CHECK(source.purged.empty());
    CHECK(source.killed.empty());
    CHECK(settings.reloads == 0);
    CHECK(advice.deployed.empty());
    CHECK(advice.reverted.empty());
    CHECK(advice.budgets.empty());
}

TEST_CASE_METHOD(Fixture, "what is read carries a tag, and is not sent again to who has it") {
    const auto first = get("/api/v1/clients");
    REQUIRE(first.etag.size() == 18);
    CHECK(get("/api/v1/clients").etag == first.etag);
    for (const auto& known : {first.etag, "\"other\", W/" + first.etag, std::string("*")}) {
        const auto reply = if_changed(first, known);
        CHECK(reply.status == 304);
        CHECK(reply.body.empty());
        CHECK(reply.etag == first.etag);
    }
    CHECK(if_changed(first, "").status == 200);
    CHECK(if_changed(first, "\"0000000000000000\"").status == 200);
    source.client_rows.pop_back();
    CHECK(get("/api/v1/clients").etag != first.etag);
    CHECK(if_changed(get("/api/v1/clients"), first.etag).status == 200);
    CHECK(get("/nothing").etag.empty());
    CHECK(answer("DELETE", "/api/v1/cache", sources, kToken).etag.empty());
}

TEST_CASE_METHOD(Fixture, "lists come in pages that fit together") {
    auto page = document("/api/v1/clients?limit=2");
    CHECK(page.at("total") == 3);
    REQUIRE(page.at("clients").as_array().size() == 2);
    CHECK(page.at("clients").at(1).at("id") == 2);
    page = document("/api/v1/clients?limit=2&offset=2");
    REQUIRE(page.at("clients").as_array().size() == 1);
    CHECK(page.at("clients").at(0).at("id") == 3);
    CHECK(document("/api/v1/clients?offset=3").at("clients").as_array().empty());
    for (const auto* path : {"/api/v1/clients", "/api/v1/pools", "/api/v1/relations", "/api/v1/cache/entries", "/api/v1/queries"}) {
        for (const auto* query : {"?limit=0", "?limit=1001", "?limit=-1", "?limit=a", "?limit=", "?limit=99999999999999999999", "?offset=-1", "?offset=1.5", "?page=2", "?limit=5&x"}) {
            INFO(path << query);
            CHECK(get(std::string(path) + query).status == 400);
        }
    }
}

TEST_CASE_METHOD(Fixture, "cached answers by size, hits, age or relation") {
    source.entry_rows = {{"a", "shop", {"public.t"}, 10, 1, 5, 0, 3, 2.0, true}, {"b", "shop", {"public.t", "public.u"}, 30, 1, 1, 0, 3, 1.0, true}, {"c", "", {}, 20, 1, 9, 0, 3, 3.0, true}};
    const auto keys = [&](const char* target) {
        std::string all;
        const auto page = document(target);
        for (const auto& entry : page.at("entries").as_array()) all += entry.at("key").as_string().c_str();
        return all;
    };
    CHECK(keys("/api/v1/cache/entries") == "bca");
    CHECK(keys("/api/v1/cache/entries?sort=hits") == "cab");
    CHECK(keys("/api/v1/cache/entries?sort=age") == "cab");
    CHECK(keys("/api/v1/cache/entries?relation=public.u") == "b");
    CHECK(keys("/api/v1/cache/entries?relation=public%2Et&limit=1") == "b");
    CHECK(get("/api/v1/cache/entries?sort=key").status == 400);
    CHECK(get("/api/v1/cache/entries?relation=%zz").status == 400);
    CHECK(source.entries_asked == kEntriesWeighedMax);
}

TEST_CASE_METHOD(Fixture, "purging all, or what depends on one relation") {
    source.now.cache.entries = 7;
    CHECK(changed("DELETE", "/api/v1/cache", 200).at("dropped") == 7);
    CHECK(source.purges == 1);
    CHECK(changed("DELETE", "/api/v1/cache?relation=public.t", 200).at("dropped") == 3);
    CHECK(changed("DELETE", "/api/v1/cache?relation=a%20b&database=shop", 200).at("dropped") == 3);
    CHECK(source.purged == std::vector<std::pair<std::string, std::string>>{{"", "public.t"}, {"shop", "a b"}});
    changed("DELETE", "/api/v1/cache?relation=none", 404);
    // A parameter that is misspelled must not drop everything.
    for (const auto* query : {"?table=t", "?relation=", "?database=shop", "?relation=%", "?Relation=t"}) changed("DELETE", std::string("/api/v1/cache") + query, 400);
    CHECK(source.purges == 1);
}

TEST_CASE_METHOD(Fixture, "a client is ended by its id") {
    changed("DELETE", "/api/v1/clients/1", 202);
    for (const auto* id : {"2", "x", "-1", "1x", "%31", "99999999999999999999"}) changed("DELETE", std::string("/api/v1/clients/") + id, 404);
    CHECK(source.killed == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE_METHOD(Fixture, "the configuration is shown and read again") {
    CHECK(document("/api/v1/config").at("settings").at(0).at("value") == "\"1h\"");
    settings.outcome.needs_restart = {"pool.size"};
    settings.outcome.changed = {"cache.ttl"};
    const auto told = changed("POST", "/api/v1/config/reload", 200);
    CHECK(told.at("needs_restart").at(0) == "pool.size");
    CHECK(told.at("changed").at(0) == "cache.ttl");
    settings.outcome = {"larder.toml:3: no", {}, {}};
    CHECK(changed("POST", "/api/v1/config/reload", 409).at("detail") == "larder.toml:3: no");
    CHECK(settings.reloads == 2);
    sources.settings = nullptr;
    CHECK(get("/api/v1/config").status == 404);
}

TEST_CASE_METHOD(Fixture, "the promise follows who else may write") {
    CHECK(document("/api/v1/status").at("promise").at("level") == "bounded");
    source.now.writers = "only-larder";
    CHECK(document("/api/v1/status").at("promise").at("level") == "strict");
}

TEST_CASE_METHOD(Fixture, "reads and writes are counted for each relation that a statement touches") {
    source.relation_rows = {{"shop", "public.t", 10, 0, 0, 2, 300}, {"other", "public.t", 10, 0, 0, 0, 0}};
    traffic.rows = {FakeTraffic::row("1", 6, 4, 1), FakeTraffic::row("2", 0, 3, 1)};
    traffic.rows[0].reads = {10, 11};
    traffic.rows[1].reads = {10};
    traffic.rows[1].writes = {10};
    const auto rows = document("/api/v1/relations").at("relations").as_array();
    CHECK(rows.at(0).at("reads") == 13);
    CHECK(rows.at(0).at("hits") == 6);
    CHECK(rows.at(0).at("writes") == 3);
    CHECK(rows.at(0).at("entry_bytes") == 300);
    CHECK(rows.at(1).at("reads") == 0);  // of another database
    CHECK(relation_uses(source, nullptr).at(0).reads == 0);
}

TEST_CASE_METHOD(Fixture, "pools by database and user, with who waits") {
    source.client_rows[0].state = "waiting";
    source.client_rows[1].has_server = true;
    source.client_rows[1].pinned_by = "listen";
    source.pool_rows = {{"", "", 4, 5, 1, 2'500'000, {}}};
    const auto pool = document("/api/v1/pools").at("pools").at(0);
    CHECK(pool.at("clients_waiting") == 1);
    CHECK(pool.at("clients_active") == 2);
    CHECK(pool.at("servers_active") == 1);
    CHECK(pool.at("servers_idle") == 4);
    CHECK(pool.at("max_wait_seconds") == 2.5);
    CHECK(pool.at("pinned").at("listen") == 1);
}

TEST_CASE_METHOD(Fixture, "the dashboard and its files") {
    CHECK(get("/").content_type == "text/html; charset=utf-8");
    CHECK(get("/assets/app.js").content_type == "text/javascript; charset=utf-8");
    CHECK(get("/assets/style.css").content_type == "text/css; charset=utf-8");
    for (const auto* path : {"/assets/", "/assets/none.js", "/assets/../app.js", "/assets/app.js/", "/app.js"}) CHECK(get(path).status == 404);
    // Every file that the page names is there, and nothing of it comes from elsewhere.
    const auto page = get("/").body;
    for (auto at = page.find("\"/assets/"); at != std::string::npos; at = page.find("\"/assets/", at + 1)) {
        CHECK(get(page.substr(at + 1, page.find('"', at + 1) - at - 1)).status == 200);
    }
    CHECK(page.find("://") == std::string::npos);
}

