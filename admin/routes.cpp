#include "admin/routes.h"

#include <array>
#include <cmath>

#include <boost/json.hpp>

#include "admin/metrics.h"
#include "admin/status_page.h"

namespace larder::admin {
namespace {

namespace json = boost::json;

constexpr const char* kJson = "application/json";
constexpr const char* kText = "text/plain; charset=utf-8";

std::string status_json(const SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    const std::uint64_t looked_up = s.hits + s.misses;
    json::array bypasses;
    for (const auto& reason : source.reasons()) {
        if (reason.count > 0) bypasses.push_back(json::object{{"reason", reason.name}, {"count", reason.count}, {"explanation", reason.explanation}});
    }
    json::array databases;
    for (const auto& database : s.databases) {
        databases.push_back(json::object{
            {"name", database.name},
            {"facts", database.facts_valid ? "valid" : (database.has_facts ? "old" : "none")},
            {"relations", database.relations},
            {"catalogue_loads", database.catalogue_loads},
            {"unknown_in_flight_seconds", database.unknown_in_flight_seconds},
            {"load_error", database.load_error.empty() ? json::value(nullptr) : json::value(database.load_error)},
        });
    }
    const json::object status{
        {"version", s.version},
        {"listen", s.listen},
        {"upstream", s.upstream},
        {"server_version", s.server_version},
        {"uptime_seconds", std::floor(s.uptime_seconds)},
        {"serving", s.not_serving.empty()},
        {"not_serving_reason", s.not_serving.empty() ? json::value(nullptr) : json::value(s.not_serving)},
        {"not_serving_explained", s.not_serving.empty() ? json::value(nullptr) : json::value(s.not_serving_explained)},
        {"clients", json::object{{"now", s.clients}, {"max", s.clients_max}, {"refused", s.refused_clients}, {"logins", s.logins}}},
        {"servers", s.servers},
        {"statements", s.statements},
        {"cache", json::object{
            {"hits", s.hits},
            {"misses", s.misses},
            {"hit_ratio", looked_up == 0 ? 0.0 : static_cast<double>(s.hits) / static_cast<double>(looked_up)},
            {"joined_flights", s.joined_flights},
            {"hit_bytes", s.hit_bytes},
            {"saved_server_seconds", static_cast<double>(s.saved_server_us) / 1e6},
            {"entries", s.cache.entries},
            {"bytes", s.cache.bytes},
            {"bytes_max", s.cache.bytes_max},
            {"stored", s.cache.stored},
            {"evicted", s.cache.evicted},
            {"expired", s.cache.expired},
            {"found_stale", s.cache.found_stale},
        }},
        {"write_marks", s.write_marks},
        {"unknown_outcomes_open", s.unknown_outcomes_open},
        {"bypasses", std::move(bypasses)},
        {"databases", std::move(databases)},
    };
    return json::serialize(status) + "\n";
}

HttpReply healthz(const SnapshotSource&) { return {200, kText, "ok\n", {}}; }

HttpReply readyz(const SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    if (s.is_upstream_reachable && s.not_serving.empty()) return {200, kText, "ready\n", {}};
    return problem(503, "Not ready", s.not_serving.empty() ? "the upstream cannot be reached" : s.not_serving + ": " + s.not_serving_explained);
}

struct Route {
    std::string_view path;
    HttpReply (*answer)(const SnapshotSource&);
};

constexpr std::array<Route, 5> kRoutes{{
    {"/", [](const SnapshotSource&) { return HttpReply{200, "text/html; charset=utf-8", std::string(kStatusPage), {}}; }},
    {"/healthz", healthz},
    {"/readyz", readyz},
    {"/metrics", [](const SnapshotSource& source) { return HttpReply{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(source.snapshot()), {}}; }},
    {"/api/v1/status", [](const SnapshotSource& source) { return HttpReply{200, kJson, status_json(source), {}}; }},
}};

}  // namespace

HttpReply problem(int status, std::string_view title, std::string_view detail) {
    return {status, "application/problem+json", json::serialize(json::object{{"title", title}, {"status", status}, {"detail", detail}}) + "\n", {}};
}

HttpReply answer(std::string_view method, std::string_view target, const SnapshotSource& source) {
    const std::string_view path = target.substr(0, target.find('?'));
    for (const Route& route : kRoutes) {
        if (route.path != path) continue;
        if (method == "GET" || method == "HEAD") return route.answer(source);
        HttpReply reply = problem(405, "Method not allowed", "this resource can only be read");
        reply.allow = "GET, HEAD";
        return reply;
    }
    return problem(404, "Not found", "there is nothing here; try /, /metrics, /healthz, /readyz or /api/v1/status");
}

}  // namespace larder::admin
