// What is told of the second level of the cache: SHOW REDIS, /api/v1/redis.
// Threads: any.
#pragma once

#include "admin/documents.h"
#include "base/console.h"

namespace larder::admin {

// No row if there is none.
ConsoleReply show_redis(SnapshotSource& source);
json::object redis_object(const Snapshot& snapshot);

}  // namespace larder::admin
