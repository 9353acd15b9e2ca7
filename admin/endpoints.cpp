#include "admin/endpoints.h"

#include <algorithm>
#include <optional>

#include "admin/api.h"
#include "admin/cache_api.h"
#include "admin/dashboard.h"
#include "admin/event_report.h"
#include "admin/feed_report.h"
#include "admin/redis_report.h"
#include "admin/metrics.h"
#include "admin/openapi.h"
#include "admin/operations_api.h"
#include "admin/page.h"
#include "admin/rules_api.h"
#include "admin/streams.h"
#include "admin/traffic_api.h"
#include "admin/verify_report.h"
#include "admin/webhook_report.h"

namespace larder::admin {
namespace {

constexpr std::string_view kJson = "application/json", kText = "text/plain; charset=utf-8";

HttpReply healthz(const HttpRequest&, const Sources&) { return {200, std::string(kText), "ok\n"}; }

// Ready: clients can be sent here. That does not need the cache: a Larder that only passes through, or that stands aside
// for another one, must not be taken out of service for it.
HttpReply readyz(const HttpRequest&, const Sources& sources) {
    const Snapshot s = sources.snapshot.snapshot();
    const auto ready = [](const std::string& text) { return HttpReply{200, std::string(kText), text + "\n"}; };
    if (!s.has_upstream_login) return ready("ready; no upstream user is configured, so everything is passed through");
    if (!s.is_upstream_reachable || s.not_serving == "no_upstream")
        return problem(503, "Not ready", "the server cannot be reached, or was not looked at yet");
    if (s.not_serving.empty()) return ready("ready");
    return ready("ready; not serving from the cache: " + s.not_serving_explained);
}

HttpReply metrics(const HttpRequest&, const Sources& sources) {
    const auto counts = sources.advice == nullptr ? std::nullopt : std::optional(sources.advice->counts());
    return {200, "text/plain; version=0.0.4; charset=utf-8",
            metrics_text(sources.snapshot.snapshot(), counts ? &*counts : nullptr, sources.webhooks)};
}

template <std::string (*text)(const SnapshotSource&)>
HttpReply api(const HttpRequest&, const Sources& sources) {
    return {200, std::string(kJson), text(sources.snapshot)};
}

HttpReply openapi(const HttpRequest&, const Sources& sources) { return {200, std::string(kJson), openapi_document(sources.snapshot.snapshot().version)}; }

// Of a part that is off, nothing is there.
template <std::optional<HttpReply> (*part)(const HttpRequest&, const Sources&)>
HttpReply of(const HttpRequest& request, const Sources& sources) {
    const auto reply = part(request, sources);
    return reply ? *reply : problem(404, "Not found", "there is nothing here, or the part of Larder that it belongs to is off");
}

constexpr auto rules = of<answer_of_rules>;
constexpr auto traffic = of<answer_of_traffic>;

const Parameter kLimit{"limit", "integer", "", "how many rows at most", 1, static_cast<long>(kPageMax)};
const Parameter kOffset{"offset", "integer", "", "how many rows to leave out", 0, static_cast<long>(kPageOffsetMax)};
const Parameter kDryRun{"dry_run", "boolean", "", "change nothing, and say what the rule would match"};
const Parameter kRelation{"relation", "string", "", "schema.name"};

std::vector<Endpoint> pages() {
    return {
        {"GET", "/", "The dashboard", "text/html", "", dashboard_asset, {}, 200, "", true},
        {"GET", "/assets/{name}", "What the dashboard is made of", "", "", dashboard_asset, {}, 200, "", true},
        {"GET", "/healthz", "The process answers", "text/plain", "", healthz, {}, 200, "", true},
        {"GET", "/readyz", "Clients can be sent here; 503 while PostgreSQL cannot be reached", "text/plain", "", readyz, {}, 200, "", true},
        {"GET", "/metrics", "Metrics in Prometheus' text format", "text/plain", "", metrics},
        {"GET", "/api/v1/openapi.json", "This document", kJson, "openapi info paths", openapi},
    };
}

std::vector<Endpoint> state() {
    return {
        {"GET", "/api/v1/status", "Is it up, what does it promise, how much does the cache save", kJson, "version serving promise cache clients bypasses databases", api<status_document>},
        {"GET", "/api/v1/reasons", "Every reason for not answering from the cache, and how often it was met", kJson, "reasons", api<reasons_document>},
        {"GET", "/api/v1/redis", "The second level of the cache: whether it is in use, how long it takes, what came from it and what went there", kJson,
         "address workers_up hits errors", [](const HttpRequest&, const Sources& sources) { return document(redis_object(sources.snapshot.snapshot())); }},
        {"GET", "/api/v1/feed", "The change feed, which tells of writes that go round Larder: its state, how far it is behind, what it dropped", kJson,
         "state lag_seconds commits", [](const HttpRequest&, const Sources& sources) { return document(feed_object(sources.snapshot.snapshot())); }},
        {"GET", "/api/v1/webhooks", "Where events are sent to: what was taken, tried again, given up and lost, and how far it is behind", kJson, "webhooks", answer_webhooks},
        {"GET", "/api/v1/cache", "The numbers of the cache", kJson, "hits misses entries bytes bytes_max", answer_cache},
        {"DELETE", "/api/v1/cache", "Drop every cached answer, or those that depend on one relation, carry a tag or are of one shape", kJson, "dropped", answer_cache_purge,
         {kRelation, {"tag", "string", "", "of a rule or a comment"}, {"fingerprint", "string", "", "of a statement, as in /api/v1/queries"}, {"database", "string", "", "only there"}},
         200, "", false, true},
        {"GET", "/api/v1/cache/entries", "Cached answers; keys are digests", kJson, "entries total offset limit", answer_cache_entries,
         {kLimit, kOffset, {"sort", "string", "bytes|hits|age", "what is largest first"}, kRelation}},
        {"GET", "/api/v1/relations", "Each relation read or written so far: statements that read and write it, and what the cache keeps of it", kJson,
         "relations total offset limit", answer_relations, {kLimit, kOffset}},
        {"GET", "/api/v1/pools", "Clients and server connections by database and user", kJson, "pools total offset limit", answer_pools, {kLimit, kOffset}},
        {"GET", "/api/v1/clients", "Client connections, as of the last second", kJson, "clients total offset limit", answer_clients, {kLimit, kOffset}},
        {"DELETE", "/api/v1/clients/{id}", "End a client's session", kJson, "killed", answer_client_kill, {}, 202},
        {"GET", "/api/v1/config", "The configuration in force; passwords are ***", kJson, "settings", answer_config},
        {"POST", "/api/v1/config/reload", "Read the configuration again, as SIGHUP does", kJson, "needs_restart", answer_config_reload},
    };
}

const std::vector<Parameter>& of_events() {
    static const std::vector<Parameter> all{
        {"from", "integer", "",
         "the id of the last event that is known; what came after it is given. Without it: the newest, and of the stream those to come", 0,
         0},
        {"kind", "string", "", "only these kinds, with commas between"},
        {"relation", "string", "", "only those that concern schema.name"},
        {"tag", "string", "", "only those that concern this tag of a rule"}};
    return all;
}

std::vector<Endpoint> events() {
    auto with_limit = of_events();
    with_limit.push_back(kLimit);
    return {
        {"GET", "/api/v1/events", "The newest events, or those after one that is known", kJson, "events next gap", answer_events,
         with_limit},
        {"GET", "/events", "A WebSocket: each event as it comes, as a text in JSON; 426 for a request that wants none", "", "",
         answer_of_stream, of_events(), 101},
        {"GET",
         "/live",
         "A WebSocket: once a second, the shapes of statements that were executed since",
         "",
         "",
         answer_of_stream,
         {},
         101},
    };
}

std::vector<Endpoint> of_statements() {
    const Parameter sort{"sort", "string", "server_time|mean|calls|hit_rate|saved", "what is largest first"};
    return {
        {"GET", "/api/v1/queries", "Statements by shape, and why they are not cached", kJson, "queries total offset limit", traffic, {kLimit, kOffset, sort}},
        {"GET", "/api/v1/queries/{id}", "One of them, with the relations it touches; examples with their values are null without the token", kJson, "id query reads", traffic},
        {"GET", "/api/v1/slow-queries", "Statements that are slow or take much of the server's time", kJson, "slow_queries", traffic},
        {"GET", "/api/v1/advice", "What would make statements cheaper", kJson, "advice", traffic},
        {"POST", "/api/v1/advice/workload", "Look at all statements together; the advice is soon in /api/v1/advice", kJson, "advice", traffic,
         {{"budget", "integer", "", "bytes that the indexes may take; 0: no limit", 0, 0}}, 202},
        {"GET", "/api/v1/advice/{id}", "One advice, by its number or its key", kJson, "id key options", traffic},
        {"POST", "/api/v1/advice/{id}/deploy", "Run what an advice says and watch what comes of it", kJson, "deployment", traffic,
         {{"option", "integer", "", "which of its options", 1, 100}}, 202},
        {"GET", "/api/v1/deployments", "What was deployed and what came of it", kJson, "deployments", traffic},
        {"GET", "/api/v1/deployments.md", "The same as a document", "text/markdown", "", traffic},
        {"POST", "/api/v1/deployments/{id}/revert", "Take back what was deployed", kJson, "deployment", traffic, {}, 202},
    };
}

std::vector<Endpoint> of_checks() {
    return {
        {"GET", "/api/v1/verify", "Kept answers that were compared with the server's, what was found, and what is in quarantine for it; the rows that differ are null without the token", kJson,
         "share_ppm rate_max counts run findings quarantined", answer_verify},
        {"POST", "/api/v1/verify", "Compare the answers that were given most often, now", kJson, "run", answer_verify_start,
         {{"entries", "integer", "", "how many", 1, static_cast<long>(Verification::kEntriesMax)}}, 202},
        {"DELETE", "/api/v1/verify/quarantine/{fingerprint}", "Let a statement into the cache again", kJson, "lifted", answer_lift, {{"database", "string", "", "only there"}}},
        {"POST", "/api/v1/explain", "Would a statement be cached, why not, on what does its answer depend and what does it drop; it is not run", kJson,
         "verdict cacheable reasons promise reads counters key writes", answer_explain, {}, 200, "statement and database; role, and settings as an object, if they are not those of Larder's own login", false, true},
    };
}

std::vector<Endpoint> of_rules() {
    constexpr std::string_view kKeys = "the keys of CREATE RULE";
    return {
        {"GET", "/api/v1/rules", "The rules in force, in the order in which they are tried", kJson, "rules", rules},
        {"POST", "/api/v1/rules", "Make a rule", kJson, "", rules, {kDryRun}, 201, "name, before, and the keys of CREATE RULE"},
        {"GET", "/api/v1/rules/{name}", "One rule, and what it matches of the statements that were counted so far", kJson, "name matches", rules},
        {"PUT", "/api/v1/rules/{name}", "Make the rule or replace all of it", kJson, "", rules, {kDryRun}, 200, kKeys},
        {"PATCH", "/api/v1/rules/{name}", "Change the keys that are given; null takes one away", kJson, "", rules, {}, 200, kKeys},
        {"DELETE", "/api/v1/rules/{name}", "Take the rule away", "", "", rules, {}, 204},
    };
}

// Segment by segment; {…} is any that is not empty.
bool fits(std::string_view pattern, std::string_view path) {
    for (;;) {
        const auto end = std::min(pattern.find('/'), pattern.size()), path_end = std::min(path.find('/'), path.size());
        const auto wanted = pattern.substr(0, end), segment = path.substr(0, path_end);
        if (wanted.starts_with('{') ? segment.empty() : wanted != segment) return false;
        if (end == pattern.size() || path_end == path.size()) return end == pattern.size() && path_end == path.size();
        pattern.remove_prefix(end + 1), path.remove_prefix(path_end + 1);
    }
}

}  // namespace

std::span<const Endpoint> endpoints() {
    static const std::vector<Endpoint> all = [] {
        std::vector<Endpoint> out;
        for (auto part : {pages(), state(), of_statements(), of_checks(), events(), of_rules()}) out.insert(out.end(), part.begin(), part.end());
        return out;
    }();
    return all;
}

std::vector<const Endpoint*> endpoints_of(std::string_view path) {
    std::vector<const Endpoint*> found;
    for (const Endpoint& endpoint : endpoints()) {
        if (found.empty() ? fits(endpoint.path, path) : endpoint.path == found.front()->path) found.push_back(&endpoint);
    }
    return found;
}

bool takes_time(std::string_view method, std::string_view path) {
    const auto found = endpoints_of(path);
    return std::any_of(found.begin(), found.end(), [&](const Endpoint* one) { return one->takes_time && one->method == method; });
}

}  // namespace larder::admin
