// Clients and server connections by database and user, as SHOW POOLS and /api/v1/pools give them.
// Threads: any.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/snapshot.h"

namespace larder::admin {

struct PoolSummary {
    std::string database, user;
    std::uint64_t clients_active = 0, clients_waiting = 0;
    std::uint64_t servers_active = 0, servers_idle = 0, servers_logging_in = 0;
    std::int64_t max_wait_us = 0;            // of the client that waits longest
    std::map<std::string, int> pinned;       // clients that keep their server connection, by reason

    std::string pinned_text() const;         // "2 listen, 1 temp_objects"; empty: none
};

std::vector<PoolSummary> pool_summaries(const SnapshotSource& source);  // by database and user; clients as of the last second

}  // namespace larder::admin
