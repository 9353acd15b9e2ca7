#include "admin/redis_report.h"

#include <numeric>

#include "admin/cells.h"

namespace larder::admin {
namespace {

std::uint64_t sum(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}, [](std::uint64_t so_far, const auto& entry) { return so_far + entry.second; });
}

json::object by_name(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    json::object out;
    for (const auto& [name, count] : counts) out[name] = count;
    return out;
}

}  // namespace

ConsoleReply show_redis(SnapshotSource& source) {
    const auto snapshot = source.snapshot();
    const auto& redis = snapshot.redis;
    ConsoleReply reply;
    reply.columns = {"address", "workers_up", "workers", "round_trip_us", "hits", "misses", "stale", "stored", "not_stored", "bad_values", "errors", "received_bytes", "sent_bytes"};
    if (redis.address.empty()) return reply;
    reply.rows.push_back({redis.address, number(static_cast<std::uint64_t>(redis.workers_up)), number(static_cast<std::uint64_t>(snapshot.workers)),
                          number(static_cast<std::uint64_t>(redis.round_trip_seconds * 1e6)), number(redis.hits), number(redis.not_found), number(redis.stale),
                          number(redis.kept), number(sum(redis.refused)), number(sum(redis.faults)), number(sum(redis.errors)), number(redis.found_bytes),
                          number(redis.kept_bytes)});
    return reply;
}

json::object redis_object(const Snapshot& snapshot) {
    const auto& redis = snapshot.redis;
    return {
        {"address", text_or_null(redis.address)},
        {"workers_up", redis.workers_up},
        {"workers", snapshot.workers},
        {"round_trip_seconds", redis.round_trip_seconds},
        {"connections", redis.connections},
        {"hits", redis.hits},
        {"misses", redis.not_found},
        {"stale", redis.stale},
        {"stored", redis.kept},
        {"not_stored", by_name(redis.refused)},
        {"bad_values", by_name(redis.faults)},
        {"errors", by_name(redis.errors)},
        {"received_bytes", redis.found_bytes},
        {"sent_bytes", redis.kept_bytes},
    };
}

}  // namespace larder::admin
