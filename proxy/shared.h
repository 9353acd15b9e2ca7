// What all workers share. Filled by Proxy before the first worker starts; outlives them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/console.h"
#include "base/thread_annotations.h"
#include "cache/cache.h"
#include "config/config.h"
#include "proxy/cancel_registry.h"
#include "proxy/read_barrier.h"
#include "proxy/redis_store.h"
#include "proxy/server_connector.h"
#include "proxy/server_pool.h"
#include "proxy/statistics.h"
#include "proxy/session/slow_log.h"
#include "proxy/session/upstream_state.h"
#include "proxy/tls.h"
#include "proxy/user_query.h"
#include "protocol/login_rules.h"
#include "protocol/user_file.h"
#include "rules/session_env.h"
#include "rules/user_rules.h"

namespace larder::proxy {

// A shared pointer that a reload replaces. Read once per new connection, so a mutex is cheap enough. Threads: any.
template <class T>
class Replaceable {
public:
    std::shared_ptr<const T> get() const {
        const Lock lock(mutex_);
        return value_;
    }
    void set(std::shared_ptr<const T> value) {
        const Lock lock(mutex_);
        value_ = std::move(value);
    }

private:
    mutable Mutex mutex_;
    std::shared_ptr<const T> value_ LARDER_GUARDED_BY(mutex_);
};

// Plain values that a reload changes. Threads: any.
struct Reloadable {
    explicit Reloadable(const config::Config& config) { take_over(config); }
    void take_over(const config::Config& config) {
        is_cache_enabled = config.cache.enabled;
        clients_max = config.listen.clients_max;
        login_clients_max = config.listen.login_clients_max;
        login_timeout = config.listen.login_timeout;
        catalogue_poll = config.freshness.catalogue_poll;
        barrier_limit = config.feed.barrier_limit;
        slow_log.at_least = config.log.slow;
        slow_log.shows_values = config.log.values;
    }

    std::atomic<bool> is_cache_enabled;
    std::atomic<int> clients_max, login_clients_max;
    std::atomic<std::chrono::milliseconds> login_timeout, catalogue_poll, barrier_limit;
    session::SlowLogSettings slow_log;
};

struct Shared {
    Shared(const config::Config& configuration, std::int32_t process_number, cache::CacheLimits limits)
        : config(configuration), reloadable(configuration), upstream(process_number), cache(limits), servers(configuration.pool) {}

    const config::Config config;               // as it was at the start; what a reload changes is below
    Reloadable reloadable;
    session::UpstreamState upstream;
    cache::Cache cache;
    rules::EnvironmentPool environments;
    CancelRegistry cancels;
    ReadBarrier barrier;  // open while there is a change feed
    ServerPool servers;
    Statistics statistics;
    session::UnknownOutcomes* unknown_outcomes = nullptr;
    ConsoleHandler* console = nullptr;
    bool has_upstream_login = false;
    Replaceable<rules::UserRules> rules;
    Replaceable<protocol::UserFile> users;     // null: there is no user file
    std::unique_ptr<RedisStore> redis;         // null: there is no second level
    std::unique_ptr<UserQuery> user_query;     // null: the server is not asked for users; without both, logins are relayed
    Replaceable<protocol::LoginRules> login_rules;  // null: there are none
    Replaceable<TlsContext> client_tls;        // null: TLS is not offered
    Replaceable<ServerConnector> connector;

    std::atomic<std::uint64_t> next_connection{1};
    std::atomic<int> clients{0};               // in all workers, adopted or on their way to one
    std::atomic<int> logging_in{0};            // of them, those that have not logged in yet
    std::atomic<std::uint64_t> refused_clients{0};
    std::atomic<std::uint64_t> refused_logins{0};  // there were too many that had not logged in
    std::atomic<std::uint64_t> wait_timeouts{0};   // clients that got no server connection in time
    mutable std::atomic<std::int64_t> rows_wanted_us{0};  // when SHOW CLIENTS was last asked, on the monotonic clock
};

}  // namespace larder::proxy
