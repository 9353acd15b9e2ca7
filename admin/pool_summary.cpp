#include "admin/pool_summary.h"

#include <algorithm>

namespace larder::admin {

std::string PoolSummary::pinned_text() const {
    std::string text;
    for (const auto& [reason, count] : pinned) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
    return text;
}

std::vector<PoolSummary> pool_summaries(const SnapshotSource& source) {
    std::map<std::pair<std::string, std::string>, PoolSummary> pools;
    for (const auto& client : source.clients()) {
        PoolSummary& pool = pools[{client.database, client.user}];
        if (client.state == "waiting" && !client.has_server) {
            ++pool.clients_waiting;
            pool.max_wait_us = std::max(pool.max_wait_us, client.wait_us);
        } else {
            ++pool.clients_active;
        }
        if (client.has_server) ++(client.state == "login" ? pool.servers_logging_in : pool.servers_active);
        if (!client.pinned_by.empty()) ++pool.pinned[client.pinned_by];
    }
    for (const auto& shared : source.pools()) {
        PoolSummary& pool = pools[{shared.database, shared.user}];
        pool.servers_idle += shared.idle;
        pool.max_wait_us = std::max(pool.max_wait_us, shared.max_wait_us);
    }
    std::vector<PoolSummary> all;
    for (auto& [who, pool] : pools) {
        pool.database = who.first, pool.user = who.second;
        all.push_back(std::move(pool));
    }
    return all;
}

}  // namespace larder::admin
