#include "admin/api.h"

#include "admin/documents.h"

namespace larder::admin {
namespace {

json::object reason_object(const ReasonRow& reason) {
    return {{"reason", reason.name}, {"count", reason.count}, {"explanation", reason.explanation}};
}

// What a reader may rely on. "strict": no answer is older than the newest write that was acknowledged before it was asked.
json::object promise_object(const Snapshot& s) {
    const bool is_strict = s.writers == "only-larder";
    return {{"level", is_strict ? "strict" : "bounded"}, {"writers", s.writers}, {"unseen_writes_seconds_max", s.others_seconds_max}, {"feed", s.feed.state}};
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

}  // namespace

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
        {"promise", promise_object(s)},
        {"clients", json::object{{"now", s.clients}, {"max", s.clients_max}, {"refused", s.refused_clients}, {"logins", s.logins}}},
        {"servers", s.servers},
        {"idle_servers", s.idle_servers},
        {"waiting_clients", s.waiting_clients},
        {"wait_timeouts", s.wait_timeouts},
        {"pool_mode", s.pool_mode},
        {"statements", s.statements},
        {"cache", cache_object(s)},
        {"write_marks", s.write_marks},
        {"unknown_outcomes_open", s.unknown_outcomes_open},
        {"bypasses", std::move(bypasses)},
        {"databases", std::move(databases)},
    }) + "\n";
}

std::string reasons_document(const SnapshotSource& source) { return json_text(list_object("reasons", source.reasons(), reason_object)) + "\n"; }

}  // namespace larder::admin
