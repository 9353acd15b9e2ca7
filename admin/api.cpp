#include "admin/api.h"

#include <boost/json.hpp>

#include "admin/json_text.h"

namespace larder::admin {
namespace {

namespace json = boost::json;

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object client_object(const ClientRow& client) {
    return {
        {"id", client.id},
        {"user", client.user},
        {"database", client.database},
        {"application_name", client.application_name},
        {"address", client.address},
        {"state", client.state},
        {"connected", static_cast<double>(client.connected_us) / 1e6},
        {"tls", client.is_tls},
        {"server_pid", client.has_server ? json::value(client.server_pid) : json::value(nullptr)},
        {"pending_bytes", client.pending_bytes},
    };
}

json::object entry_object(const CacheEntryRow& entry) {
    return {
        {"key", entry.key},
        {"bytes", entry.bytes},
        {"rows", entry.rows},
        {"hits", entry.hits},
        {"server_seconds", static_cast<double>(entry.server_us) / 1e6},
        {"age_seconds", entry.age_seconds},
        {"counters", entry.counters},
        {"fresh", entry.is_fresh},
    };
}

json::object reason_object(const ReasonRow& reason) {
    return {{"reason", reason.name}, {"count", reason.count}, {"explanation", reason.explanation}};
}

json::object database_object(const Snapshot::Database& database) {
    return {
        {"name", database.name},
        {"facts", database.facts_valid ? "valid" : (database.has_facts ? "old" : "none")},
        {"relations", database.relations},
        {"catalogue_loads", database.catalogue_loads},
        {"catalogue_bytes", database.catalogue_bytes},
        {"unknown_in_flight_seconds", database.unknown_in_flight_seconds},
        {"load_error", text_or_null(database.load_error)},
    };
}

json::object cache_object(const Snapshot& s) {
    const std::uint64_t looked_up = s.hits + s.misses;
    return {
        {"hits", s.hits},
        {"misses", s.misses},
        {"hit_ratio", looked_up == 0 ? 0.0 : static_cast<double>(s.hits) / static_cast<double>(looked_up)},
        {"joined_flights", s.joined_flights},
        {"stale_hits", s.stale_hits},
        {"hit_bytes", s.hit_bytes},
        {"saved_server_seconds", static_cast<double>(s.saved_server_us) / 1e6},
        {"entries", s.cache.entries},
        {"bytes", s.cache.bytes},
        {"bytes_max", s.cache.bytes_max},
        {"stored", s.cache.stored},
        {"evicted", s.cache.evicted},
        {"expired", s.cache.expired},
        {"found_stale", s.cache.found_stale},
    };
}

// One object with one array: a document can grow other members without breaking who reads it.
template <class Rows, class Object>
std::string list_document(const char* name, const Rows& rows, Object object) {
    json::array all;
    for (const auto& row : rows) all.push_back(object(row));
    return json_text(json::object{{name, std::move(all)}}) + "\n";
}

json::object operation(const char* summary, const char* content_type) {
    return {{"get", json::object{
        {"summary", summary},
        {"responses", json::object{{"200", json::object{{"description", summary}, {"content", json::object{{content_type, json::object{}}}}}}}},
    }}};
}

json::object response(const char* description) { return {{"description", description}}; }

// What changes something, and its answer where all went well.
json::object with_token(const char* summary, const char* status, const char* done) {
    return {{"summary", summary},
            {"security", json::array{json::object{{"bearer", json::array{}}}}},
            {"responses", json::object{{status, response(done)}, {"401", response("The token is missing or wrong")}, {"403", response("No token is configured")},
                                       {"409", response("It cannot be done; the answer says why")}}}};
}

json::object change(const char* summary) { return {{"post", with_token(summary, "202", "It was begun; the answer names the deployment")}}; }

json::object with_rule(json::object operation, const char* description) {
    operation["requestBody"] = json::object{{"required", true}, {"description", description}, {"content", json::object{{"application/json", json::object{{"schema", json::object{{"type", "object"}}}}}}}};
    operation["responses"].as_object()["422"] = response("It is no rule; the answer says why");
    return operation;
}

json::object rules_operations() {
    auto out = operation("The rules in force, in the order in which they are tried", "application/json");
    out["post"] = with_rule(with_token("Make a rule; with dry_run=true only say what it would match", "201", "It is in force"), "name, before, and the keys of CREATE RULE");
    return out;
}

json::object rule_operations() {
    auto out = operation("One rule, and what it matches of the statements that were counted so far", "application/json");
    out["put"] = with_rule(with_token("Make the rule or replace all of it; with dry_run=true only say what it would match", "200", "It is in force"), "the keys of CREATE RULE");
    out["patch"] = with_rule(with_token("Change the keys that are given; null takes one away", "200", "It is in force"), "keys of CREATE RULE");
    out["delete"] = with_token("Take the rule away", "204", "It is gone");
    return out;
}

}  // namespace

std::string status_document(const SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    json::array bypasses, databases;
    for (const auto& reason : source.reasons()) {
        if (reason.count > 0) bypasses.push_back(reason_object(reason));
    }
    for (const auto& database : s.databases) databases.push_back(database_object(database));
    return json_text(json::object{
        {"version", s.version},
        {"listen", s.listen},
        {"upstream", s.upstream},
        {"server_version", s.server_version},
        {"uptime_seconds", static_cast<std::uint64_t>(s.uptime_seconds)},
        {"serving", s.not_serving.empty()},
        {"not_serving_reason", text_or_null(s.not_serving)},
        {"not_serving_explained", text_or_null(s.not_serving_explained)},
        {"clients", json::object{{"now", s.clients}, {"max", s.clients_max}, {"refused", s.refused_clients}, {"logins", s.logins}}},
        {"servers", s.servers},
        {"statements", s.statements},
        {"cache", cache_object(s)},
        {"write_marks", s.write_marks},
        {"unknown_outcomes_open", s.unknown_outcomes_open},
        {"bypasses", std::move(bypasses)},
        {"databases", std::move(databases)},
    }) + "\n";
}

std::string clients_document(const SnapshotSource& source) { return list_document("clients", source.clients(), client_object); }
std::string entries_document(const SnapshotSource& source) { return list_document("entries", source.cache_entries(kApiEntriesMax), entry_object); }
std::string reasons_document(const SnapshotSource& source) { return list_document("reasons", source.reasons(), reason_object); }

std::string relations_document(const SnapshotSource& source) {
    return list_document("relations", source.relations(), [](const RelationRow& relation) {
        return json::object{
            {"database", relation.database},
            {"relation", text_or_null(relation.relation)},
            {"oid", relation.oid},
            {"version", relation.version},
            {"in_flight", relation.in_flight},
        };
    });
}

std::string openapi_document(const SnapshotSource& source) {
    constexpr const char* kJson = "application/json";
    return json_text(json::object{
        {"openapi", "3.0.3"},
        {"info", json::object{{"title", "Larder"}, {"version", source.snapshot().version}, {"description", "What changes something wants the bearer token of admin.token_file. Errors are application/problem+json."}}},
        {"components", json::object{{"securitySchemes", json::object{{"bearer", json::object{{"type", "http"}, {"scheme", "bearer"}}}}}}},
        {"paths", json::object{
            {"/healthz", operation("The process answers", "text/plain")},
            {"/readyz", operation("Clients can be sent here; 503 while PostgreSQL cannot be reached", "text/plain")},
            {"/metrics", operation("Metrics in Prometheus' text format", "text/plain")},
            {"/api/v1/status", operation("The numbers of the status page", kJson)},
            {"/api/v1/clients", operation("Client connections, as of the last second", kJson)},
            {"/api/v1/relations", operation("Freshness counters of each relation read or written so far", kJson)},
            {"/api/v1/entries", operation("Up to 1000 cached answers; keys are digests", kJson)},
            {"/api/v1/queries", operation("Statements by shape; parameters: limit (1 to 1000), offset, sort (server_time, mean, calls, hit_rate, saved)", kJson)},
            {"/api/v1/queries/{id}", operation("One of them, with the relations it touches; examples with their values are null without the token", kJson)},
            {"/api/v1/slow-queries", operation("Statements that are slow or take much of the server's time", kJson)},
            {"/api/v1/advice", operation("What would make statements cheaper", kJson)},
            {"/api/v1/advice/{id}", operation("One advice, by its number or its key", kJson)},
            {"/api/v1/deployments", operation("What was deployed and what came of it", kJson)},
            {"/api/v1/deployments.md", operation("The same as a document", "text/markdown")},
            {"/api/v1/advice/{id}/deploy", change("Run what an advice says and watch what comes of it; parameter: option (from 1)")},
            {"/api/v1/advice/workload", change("Look at all statements together; the advice is soon in /api/v1/advice. Parameter: budget (bytes)")},
            {"/api/v1/deployments/{id}/revert", change("Take back what was deployed")},
            {"/api/v1/rules", rules_operations()},
            {"/api/v1/rules/{name}", rule_operations()},
            {"/api/v1/reasons", operation("Every reason for not answering from the cache, and how often it was met", kJson)},
        }},
    }) + "\n";
}

}  // namespace larder::admin
