// What the clients of one database did, as PgBouncer's SHOW STATS counts it: one of these for each worker and database.
// Times are by the worker's tick, which is a few milliseconds wide: single ones are rough, their sum is right on average.
// Threads: written by the worker, read by any.
#pragma once

#include "base/metrics.h"

namespace larder::session {

class DatabaseState;

struct DatabaseCounts {
    Count transactions, statements;    // hits among them
    Count received, sent;              // bytes from and to clients
    Count transaction_us, query_us;    // on the server: from the first message of a transaction, of a statement, to its end
    Count wait_us;                     // of clients for a server connection
    Count assignments;                 // server connections given to clients
};

class DatabaseCountsTable {
public:
    // Stays where it is. Called by the worker, once for each client.
    virtual DatabaseCounts& of(const DatabaseState& database) = 0;

protected:
    ~DatabaseCountsTable() = default;
};

}  // namespace larder::session
