#include "admin/routes.h"

#include <catch2/catch.hpp>

#include <boost/json.hpp>

#include "admin/json_text.h"
#include "admin/metrics.h"
#include "fake_source.h"
#include "fake_traffic.h"

using namespace larder;
using namespace larder::admin;
namespace json = boost::json;

namespace {

json::object document(std::string_view path, SnapshotSource& source) {
    const HttpReply reply = answer("GET", path, source);
    CHECK(reply.status == 200);
    CHECK(reply.content_type == "application/json");
    return json::parse(reply.body).as_object();
}

// How often `text` stands in `where`.
std::size_t count(std::string_view where, std::string_view text) {
    std::size_t found = 0;
    for (auto at = where.find(text); at != std::string_view::npos; at = where.find(text, at + 1)) ++found;
    return found;
}

}  // namespace

TEST_CASE("numbers are written as people write them, and text always as UTF-8") {
    CHECK(json_text(0.5) == "0.5");
    CHECK(json_text(0.0) == "0");
    CHECK(json_text(1234567.25) == "1234567.25");
    CHECK(json_text(-2.5) == "-2.5");
    CHECK(json::parse(json_text(1e300)).as_double() == 1e300);
    CHECK(json::parse(json_text(1e-300)).as_double() == 1e-300);
    CHECK(json_text(1.0 / 0.0) == "null");
    CHECK(json_text(std::uint64_t{18'446'744'073'709'551'615u}) == "18446744073709551615");
    CHECK(json_text(json::value(nullptr)) == "null");
    CHECK(json_text(json::object{}) == "{}");
    CHECK(json_text(json::array{}) == "[]");
    CHECK(json_text(json::array{1, true, "a\"b\\c\n"}) == "[1,true,\"a\\\"b\\\\c\\n\"]");
    CHECK(json_text(json::value("\xff" "a")) == "\"?a\"");
    CHECK(json_text(json::object{{"é", 1}, {"b", json::array{json::object{}}}}) == "{\"é\":1,\"b\":[{}]}");
}

TEST_CASE("what may be asked, and how") {
    FakeSource source;
    CHECK(answer("GET", "/healthz", source).body == "ok\n");
    CHECK(answer("HEAD", "/healthz?x=/nothing", source).status == 200);
    CHECK(answer("GET", "/", source).content_type == "text/html; charset=utf-8");
    const HttpReply posted = answer("POST", "/healthz", source);
    CHECK(posted.status == 405);
    CHECK(posted.allow == "GET, HEAD");
    for (const auto* path : {"", "/nothing", "//", "/metrics/", "/healthz#", "/%2e"}) {
        const HttpReply reply = answer("GET", path, source);
        CHECK(reply.status == 404);
        CHECK(reply.content_type == "application/problem+json");
        CHECK(json::parse(reply.body).at("status").as_int64() == 404);
    }
    CHECK(answer("POST", "/nothing", source).status == 404);
}

TEST_CASE("ready means that clients can be sent here, whether or not there is a cache for them") {
    FakeSource source;
    CHECK(answer("GET", "/readyz", source).body == "ready\n");
    source.now.not_serving = "another_larder";
    source.now.not_serving_explained = "another one is there";
    CHECK(answer("GET", "/readyz", source).status == 200);
    CHECK(answer("GET", "/readyz", source).body == "ready; not serving from the cache: another one is there\n");
    source.now.not_serving = "no_upstream";
    CHECK(answer("GET", "/readyz", source).status == 503);
    source.now.not_serving.clear();
    source.now.is_upstream_reachable = false;
    CHECK(answer("GET", "/readyz", source).status == 503);
    source.now.has_upstream_login = false;
    CHECK(answer("GET", "/readyz", source).status == 200);
}

TEST_CASE("the documents") {
    FakeSource source;
    source.now.hits = 1;
    source.now.misses = 3;
    source.now.uptime_seconds = 12.9;
    source.now.databases.push_back({"shop", true, false, 10, 20, 30, 0.25, "no way in"});
    source.reason_rows = {{"writes", "it writes", 2}, {"replica", "a standby", 0}};
    source.client_rows.emplace_back();
    source.relation_rows.push_back({"shop", "", 16384, 7, 1, 0, 0});
    source.entry_rows.push_back({"00ff", "shop", {"public.t"}, 1, 2, 3, 1500, 5, 0.5, true});

    const auto status = document("/api/v1/status", source);
    CHECK(status.at("serving") == true);
    CHECK(status.at("not_serving_reason").is_null());
    CHECK(status.at("uptime_seconds") == 12);
    CHECK(status.at("cache").at("hit_ratio") == 0.25);
    CHECK(status.at("bypasses").as_array().size() == 1);
    CHECK(status.at("databases").at(0).at("facts") == "old");
    CHECK(status.at("databases").at(0).at("load_error") == "no way in");

    CHECK(document("/api/v1/reasons", source).at("reasons").as_array().size() == 2);
    CHECK(document("/api/v1/clients", source).at("clients").at(0).at("server_pid").is_null());
    CHECK(document("/api/v1/relations", source).at("relations").at(0).at("relation").is_null());
    CHECK(document("/api/v1/cache/entries", source).at("entries").at(0).at("server_seconds") == 0.0015);
}

TEST_CASE("metrics: one HELP and TYPE per family, labels escaped") {
    FakeSource source;
    source.now.hits = 12;
    source.now.bypasses = {{"writes", 3}, {"replica", 0}};
    source.now.databases.push_back({"a\"b\\c", true, true, 0, 0, 0, 1.5, ""});
    const std::string text = metrics_text(source.now);
    CHECK(count(text, "\nlarder_cache_hits_total 12\n") == 1);
    CHECK(count(text, "larder_cache_bypasses_total{reason=\"writes\"} 3\n") == 1);
    CHECK(count(text, "larder_cache_bypasses_total{reason=\"replica\"} 0\n") == 1);
    CHECK(count(text, "# TYPE larder_cache_bypasses_total counter\n") == 1);
    CHECK(count(text, "larder_unknown_in_flight_seconds_total{database=\"a\\\"b\\\\c\"} 1.5\n") == 1);
    CHECK(count(text, "larder_cache_serving 1\n") == 1);
    source.now.not_serving = "replica";
    CHECK(count(metrics_text(source.now), "larder_cache_serving 0\n") == 1);
    CHECK(count(text, "larder_advisor_") == 0);
    const AdvisorCounts counts{7, 2, 1.5, 3};
    const std::string with_advisor = metrics_text(source.now, &counts);
    CHECK(count(with_advisor, "\nlarder_advisor_analyses_total 7\n") == 1);
    CHECK(count(with_advisor, "\nlarder_advisor_failed_analyses_total 2\n") == 1);
    CHECK(count(with_advisor, "\nlarder_advisor_analysis_seconds_total 1.5\n") == 1);
    CHECK(count(with_advisor, "\nlarder_advice 3\n") == 1);
}
