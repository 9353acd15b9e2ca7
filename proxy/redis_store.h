// What the workers' Redis clients share: where Redis is, how answers are written down, and which were put there.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "cache/counter.h"
#include "cache/remote_index.h"
#include "cache/remote_value.h"
#include "config/config.h"
#include "proxy/redis_link.h"
#include "proxy/server_connector.h"

namespace larder::proxy {

// Threads: immutable but for the index; any.
struct RedisStore {
    // Reads the password and the certificates. Throws config::ConfigError.
    RedisStore(const config::Config& config, const cache::ServerCounters& counters);

    const std::string address;               // for people: "redis://host:port/0"
    const std::string prefix;
    const std::chrono::milliseconds timeout;
    const std::chrono::microseconds min_cost;
    const RedisLinkLimits limits;
    const RedisLogin login;
    const ServerConnector connector;
    const cache::RemoteValues values;
    cache::RemoteIndex index;
};

}  // namespace larder::proxy
