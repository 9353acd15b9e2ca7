#include "admin/routes.h"

#include <array>

#include <boost/json.hpp>

#include "admin/api.h"
#include "admin/json_text.h"
#include "admin/metrics.h"
#include "admin/rules_api.h"
#include "admin/status_page.h"
#include "admin/traffic_api.h"

namespace larder::admin {
namespace {

namespace json = boost::json;

constexpr const char* kText = "text/plain; charset=utf-8";

HttpReply healthz(const SnapshotSource&) { return {200, kText, "ok\n", {}}; }

// Ready: clients can be sent here. That does not need the cache: a Larder that only passes through, or that stands aside
// for another one, must not be taken out of service for it.
HttpReply readyz(const SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    if (!s.has_upstream_login) return {200, kText, "ready; no upstream user is configured, so everything is passed through\n", {}};
    if (!s.is_upstream_reachable || s.not_serving == "no_upstream")
        return problem(503, "Not ready", "the server cannot be reached, or was not looked at yet");
    if (s.not_serving.empty()) return {200, kText, "ready\n", {}};
    return {200, kText, "ready; not serving from the cache: " + s.not_serving_explained + "\n", {}};
}

template <std::string (*document)(const SnapshotSource&)>
HttpReply api(const SnapshotSource& source) {
    return {200, "application/json", document(source), {}};
}

struct Route {
    std::string_view path;
    HttpReply (*answer)(const SnapshotSource&);
};

constexpr std::array<Route, 10> kRoutes{{
    {"/", [](const SnapshotSource&) { return HttpReply{200, "text/html; charset=utf-8", std::string(kStatusPage), {}}; }},
    {"/healthz", healthz},
    {"/readyz", readyz},
    {"/metrics", [](const SnapshotSource& source) { return HttpReply{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(source.snapshot()), {}}; }},
    {"/api/v1/status", api<status_document>},
    {"/api/v1/clients", api<clients_document>},
    {"/api/v1/relations", api<relations_document>},
    {"/api/v1/entries", api<entries_document>},
    {"/api/v1/reasons", api<reasons_document>},
    {"/api/v1/openapi.json", api<openapi_document>},
}};

}  // namespace

HttpReply not_allowed(const char* allow) {
    HttpReply reply = problem(405, "Method not allowed", "this resource knows these methods only: " + std::string(allow));
    reply.allow = allow;
    return reply;
}

HttpReply problem(int status, std::string_view title, std::string_view detail) {
    return {status, "application/problem+json", json_text(json::object{{"title", title}, {"status", status}, {"detail", detail}}) + "\n", {}};
}

HttpReply answer(std::string_view method, std::string_view target, const Sources& sources, std::string_view authorization, std::string_view body) {
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = path.size() == target.size() ? std::string_view() : target.substr(path.size() + 1);
    for (const Route& route : kRoutes) {
        if (route.path != path) continue;
        if (method == "GET" || method == "HEAD") return route.answer(sources.snapshot);
        return not_allowed("GET, HEAD");
    }
    const HttpRequest request{method, path, query, authorization, body};
    if (auto reply = answer_of_rules(request, sources)) return *reply;
    if (auto reply = answer_of_traffic(request, sources)) return *reply;
    return problem(404, "Not found", "there is nothing here; try /, /metrics, /healthz, /readyz or /api/v1/openapi.json");
}

}  // namespace larder::admin
