// What is told of the change feed: SHOW FEED, /api/v1/feed.
// Threads: any.
#pragma once

#include "admin/documents.h"
#include "base/console.h"

namespace larder::admin {

ConsoleReply show_feed(SnapshotSource& source);
json::object feed_object(const Snapshot& snapshot);

}  // namespace larder::admin
