// What the metrics and the console show of Redis.
#include <algorithm>
#include <limits>

#include "proxy/proxy.h"

namespace larder::proxy {
namespace {

void add(Snapshot::Redis& out, const RedisNumbers& n) {
    out.workers_up += static_cast<int>(n.is_up.value());
    out.connections += n.connections.value();
    out.found += n.found.value();
    out.not_found += n.not_found.value();
    out.kept += n.kept.value();
    out.found_bytes += n.found_bytes.value();
    out.kept_bytes += n.kept_bytes.value();
    for (std::size_t i = 0; i < out.errors.size(); ++i) out.errors[i].second += n.errors[i + 1].value();
    for (std::size_t i = 0; i < out.faults.size(); ++i) out.faults[i].second += n.faults[i + 1].value();
    for (std::size_t i = 0; i < out.round_trips.size(); ++i) out.round_trips[i].second += n.round_trips[i].value();
    out.refused[0].second += n.cheap.value();
    out.refused[1].second += n.unplaced.value();
    out.refused[2].second += n.there_already.value();
    out.round_trip_seconds_sum += static_cast<double>(n.round_trip_us_sum.value()) / 1e6;
    out.round_trip_seconds = std::max(out.round_trip_seconds, static_cast<double>(n.round_trip_us.value()) / 1e6);
}

}  // namespace

Snapshot::Redis Proxy::redis_numbers() const {
    Snapshot::Redis out;
    out.address = shared_.redis->address;
    for (std::size_t i = 1; i < static_cast<std::size_t>(RedisError::count_); ++i) out.errors.emplace_back(name(static_cast<RedisError>(i)), 0);
    for (std::size_t i = 1; i < static_cast<std::size_t>(cache::RemoteFault::count_); ++i) out.faults.emplace_back(cache::name(static_cast<cache::RemoteFault>(i)), 0);
    for (const auto bound : kRedisRoundTripUs) out.round_trips.emplace_back(static_cast<double>(bound) / 1e6, 0);
    out.round_trips.emplace_back(std::numeric_limits<double>::infinity(), 0);
    out.refused = {{"cheap", 0}, {"no_room", 0}, {"there_already", 0}};
    for (const auto& worker : workers_) {
        if (const auto* numbers = worker->redis_numbers()) add(out, *numbers);
        out.hits += worker->metrics().second_level_hits.value();
        out.stale += worker->metrics().second_level_stale.value();
    }
    return out;
}

}  // namespace larder::proxy
