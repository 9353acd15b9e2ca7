// The counts of all workers by database, and their means over the last period: what SHOW STATS shows.
// Threads: new_table() before the workers run, DatabaseCountsTable::of() its worker's, the rest any.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/snapshot.h"
#include "base/thread_annotations.h"
#include "proxy/session/database_counts.h"

namespace larder::proxy {

class Statistics {
public:
    static constexpr std::chrono::seconds kPeriod{60};   // PgBouncer's stats_period

    Statistics();
    ~Statistics();

    session::DatabaseCountsTable& new_table();           // for one more worker
    void end_period(Instant now);                        // to be called each kPeriod
    std::vector<DatabaseTrafficRow> rows(Instant now) const;  // by name; databases that nobody has used are not there

private:
    class Table;
    using Totals = std::map<std::string, DatabaseTraffic>;
    Totals totals() const;

    std::vector<std::unique_ptr<Table>> tables_;
    mutable Mutex mutex_;
    Instant started_, period_began_ LARDER_GUARDED_BY(mutex_);
    Totals at_begin_ LARDER_GUARDED_BY(mutex_);          // of the period under way
    Totals means_ LARDER_GUARDED_BY(mutex_);             // of the one before it
    bool has_means_ LARDER_GUARDED_BY(mutex_) = false;
};

}  // namespace larder::proxy
