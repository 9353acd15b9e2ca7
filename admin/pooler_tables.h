// PgBouncer's SHOW tables, with its column names, order and units (those of 1.25), for programs that read them. Columns of Larder's
// own follow behind. What PgBouncer measures and Larder does not is NULL; what Larder has nothing of has no rows.
// Threads: any.
#pragma once

#include "base/console.h"
#include "base/settings.h"
#include "base/snapshot.h"

namespace larder::admin {

// All databases have one row: SHOW STATS has both halves, the others one of them under shorter names.
enum class StatsPart : unsigned char { all, totals, averages };
ConsoleReply show_stats(const SnapshotSource& source, StatsPart part);
ConsoleReply show_totals(const SnapshotSource& source);     // SHOW STATS summed over the databases, one number a row

ConsoleReply show_clients(const SnapshotSource& source);
ConsoleReply show_servers(const SnapshotSource& source);
ConsoleReply show_sockets(const SnapshotSource& source);    // both
ConsoleReply show_pools(const SnapshotSource& source);
ConsoleReply show_databases(const SnapshotSource& source);
ConsoleReply show_users(const SnapshotSource& source);
ConsoleReply show_lists(const SnapshotSource& source);
ConsoleReply show_memory(const SnapshotSource& source);

// Larder looks a server's name up at each connection, and knows no other Larder.
ConsoleReply show_dns_hosts(const SnapshotSource& source);
ConsoleReply show_dns_zones(const SnapshotSource& source);
ConsoleReply show_peers(const SnapshotSource& source);
ConsoleReply show_peer_pools(const SnapshotSource& source);

}  // namespace larder::admin
