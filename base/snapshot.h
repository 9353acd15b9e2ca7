// What admin/ may know about the running proxy: plain numbers and rows, taken at one moment, read only.
//
// Implemented by proxy/, used by the HTTP server and the console, wired by main.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration_counts.h"
#include "base/verification.h"

namespace larder {

struct Snapshot {
    std::string version, upstream, server_version, listen;
    std::string not_serving;               // empty: answers are served from the cache; else the reason's name
    std::string not_serving_explained;     // one sentence
    std::string writers = "others";        // freshness.writers: "others" or "only-larder"
    double others_seconds_max = 0;         // with "others": a write from elsewhere may go unseen for so long; else 0
    // How Larder learns of writes from elsewhere.
    struct Feed {
        std::string state = "off";         // off, waiting, refused, catching up, current, behind
        std::string why;                   // it waits or was refused
        double lag_seconds = 0, lag_seconds_max = 0;
        std::string received, applied, flushed;  // places in the write-ahead log; empty: there is no stream
        std::uint64_t pending = 0;         // commits that are not visible yet
        std::uint64_t commits = 0, own_commits = 0, dropped_relations = 0, dropped_databases = 0, catalogue_checks = 0, streams = 0;
        // Hits that waited for it (freshness barrier): by how long, in the buckets of DurationCounts; those for which it took too long; how
        // many questions to the server that took.
        std::vector<std::uint64_t> barrier_waits_by_time = std::vector<std::uint64_t>(DurationCounts::kBuckets);
        std::uint64_t barrier_wait_us = 0, barrier_late = 0, barrier_questions = 0;
        std::uint64_t barrier_waits() const {
            return std::accumulate(barrier_waits_by_time.begin(), barrier_waits_by_time.end(), std::uint64_t{0});
        }
    } feed;
    bool has_upstream_login = false;       // without one everything is passed through
    bool is_upstream_reachable = false;    // by the control connection
    double uptime_seconds = 0;
    bool last_reload_failed = false;       // of the configuration: the one before is still in force

    // Sums over all workers since the start.
    std::uint64_t hits = 0, misses = 0, stored = 0, joined_flights = 0, stale_hits = 0, hit_bytes = 0, saved_server_us = 0;
    std::uint64_t statements = 0, write_marks = 0, opaque_marks = 0, environment_reads = 0;
    std::uint64_t deferred_begins = 0, deferred_begins_made_real = 0;
    std::uint64_t known_logins = 0;
    std::uint64_t slow_statements = 0;
    std::uint64_t user_lookups = 0, user_lookup_failures = 0;  // questions to the server by listen.auth_query
    std::uint64_t logins = 0, login_failures = 0, protocol_errors = 0, broken_invariants = 0;
    std::uint64_t client_bytes_in = 0, client_bytes_out = 0;
    std::uint64_t refused_logins = 0;      // over listen.login_clients_max
    std::uint64_t refused_clients = 0;     // over listen.clients_max
    std::uint64_t unknown_outcomes_kept = 0, unknown_outcomes_open = 0;
    std::vector<std::pair<std::string, std::uint64_t>> bypasses;  // by reason, all reasons

    VerifyCounts verify;                   // checks of kept answers against the server's
    std::uint64_t quarantined = 0;         // shapes of statements that are kept out of the cache for what such a check found

    struct CacheNumbers {
        bool is_enabled = true;
        std::uint64_t bytes_max = 0, entries = 0, bytes = 0, stored = 0, evicted = 0, expired = 0;
        std::uint64_t refused_admission = 0, found_stale = 0;
        std::uint64_t flights = 0, waiters = 0;  // misses that others could join, and who did, since the start
    } cache;

    // The second level of the cache, summed over the workers' connections.
    struct Redis {
        std::string address;               // empty: there is none
        int workers_up = 0;                // of `workers`, those whose connection is in use
        std::uint64_t connections = 0, found = 0, not_found = 0, kept = 0, found_bytes = 0, kept_bytes = 0;
        std::uint64_t hits = 0, stale = 0; // of what was found: given to a client; older than a write, or than the reader allows
        std::vector<std::pair<std::string, std::uint64_t>> errors;     // by kind
        std::vector<std::pair<std::string, std::uint64_t>> refused;    // evicted answers that were not put there, by reason
        std::vector<std::pair<std::string, std::uint64_t>> faults;     // bytes that were no answer of this process, by kind
        std::vector<std::pair<double, std::uint64_t>> round_trips;     // by upper bound in seconds; the last has the rest
        double round_trip_seconds_sum = 0, round_trip_seconds = 0;     // the mean of late
    } redis;

    std::uint64_t clients = 0, clients_max = 0;
    std::uint64_t servers = 0;             // connections to the upstream, lent to clients
    int workers = 0;

    struct Database {
        std::string name;
        bool has_facts = false, facts_valid = false;
        std::uint64_t relations = 0, catalogue_bytes = 0, catalogue_loads = 0;
        double unknown_in_flight_seconds = 0;  // for which `any` or `catalogue` was in flight, sampled
        std::string load_error;                // why the last load failed
        bool is_paused = false, is_disabled = false;   // by the console
        std::uint64_t servers = 0;             // connections to it that are open or being opened, Larder's own among them
    };
    std::vector<Database> databases;
    bool is_paused = false;                    // all of them, by PAUSE without a name

    std::string pool_mode = "session";
    std::uint64_t pool_size = 0, pool_lifetime_seconds = 0;
    std::vector<std::pair<std::string, std::uint64_t>> pinned;  // server connections that are pinned to their client, by reason
    std::uint64_t idle_servers = 0;                             // in the pools
    std::uint64_t waiting_clients = 0;                          // for a server connection
    std::uint64_t wait_timeouts = 0;                            // clients that got none within pool.max_wait
    std::uint64_t statement_shapes = 0;                         // counted by the advisor now
    std::uint64_t events_published = 0;
    std::vector<std::pair<std::string, std::uint64_t>> events_dropped = {};  // by sink, those that have lost any
    std::uint64_t dropped_shapes = 0;  // those that were dropped, since advisor.statements_max was met
};

// What the clients of one database did, summed over the workers: totals since the start, or means over a period.
struct DatabaseTraffic {
    std::uint64_t transactions = 0, statements = 0, received = 0, sent = 0, assignments = 0;
    std::uint64_t transaction_us = 0, query_us = 0, wait_us = 0;
};
struct DatabaseTrafficRow {
    std::string database;
    DatabaseTraffic totals, means;
};

// One server connection. `id` is never given twice; 0: it is not counted (replication has one, too; the console's login has none).
struct ServerRow {
    std::uint64_t id = 0;
    std::int32_t pid = 0;
    std::int64_t connected_us = 0, used_us = 0;  // wall clock: when it was opened; when it was last given back or borrowed
    bool is_tls = false;
    bool must_close = false;               // it will not be lent again
    std::uint64_t prepared_statements = 0;
    std::string local_address;             // "127.0.0.1:5123" or "unix"
};

// Shared server connections of one database and role that are alike. Strings are printable.
struct PoolRow {
    std::string database, user;
    std::uint64_t idle = 0, counted = 0, waiting = 0;
    std::int64_t max_wait_us = 0;          // of the client that waits longest
    std::vector<ServerRow> idle_servers;
};

// Strings are printable: names and addresses come from clients.
struct ClientRow {
    std::uint64_t id = 0;
    std::string user, database, application_name, address, state;
    std::int64_t connected_us = 0;         // wall clock, microseconds since 1970
    std::int64_t request_us = 0;           // the same: when something came from the client last
    std::int64_t wait_us = 0;              // for which it has waited for a server connection; 0: it does not
    bool is_tls = false, has_server = false, is_replication = false;
    ServerRow server;                      // with has_server
    std::string local_address;             // Larder's end of its connection
    std::uint64_t prepared_statements = 0;
    std::string pinned_by;                 // why its server connection stays with it; empty: it does not
    std::uint64_t pending_bytes = 0;       // waiting to be sent to the client
};

struct RelationRow {
    std::string database, relation;
    std::uint32_t oid = 0;
    std::uint64_t version = 0;             // writes begun and ended since the start
    std::uint64_t in_flight = 0;
    std::uint64_t entries = 0, entry_bytes = 0;  // cached answers that depend on it; one that depends on several counts for each
};

struct CacheEntryRow {
    std::string key;                       // a digest: keys hold statement texts with values
    std::string database;                  // empty: it depends on no relation
    std::vector<std::string> relations;    // whose writes drop it; roots of their trees
    std::uint64_t bytes = 0, rows = 0, hits = 0, server_us = 0, counters = 0;
    double age_seconds = 0;
    bool is_fresh = false;
};

struct ReasonRow {
    std::string name, explanation;
    std::uint64_t count = 0;
};

// Threads: any. None blocks on I/O or waits for a worker. Entries are weighed one by one in cache_entries() and relations(), at most
// kEntriesWeighedMax of them: what one request may cost is bounded.
inline constexpr std::size_t kEntriesWeighedMax = 100'000;

class SnapshotSource {
public:
    virtual ~SnapshotSource() = default;
    virtual Snapshot snapshot() const = 0;
    virtual std::vector<ClientRow> clients() const = 0;               // up to a second old
    virtual std::vector<RelationRow> relations() const = 0;
    virtual std::vector<CacheEntryRow> cache_entries(std::size_t max) const = 0;
    virtual std::vector<ReasonRow> reasons() const = 0;
    virtual std::vector<PoolRow> pools() const = 0;
    virtual std::vector<DatabaseTrafficRow> traffic() const = 0;
    // Drops every answer, and keeps those out that are being read now.
    virtual void purge_cache() = 0;
    // Drops every answer that depends on this relation, and keeps those out that are being read now, as a write to all its rows would.
    // `relation`: "schema.name", or a name that is looked for in all schemas; case does not matter. `database` empty: in all of them.
    // How many answers were dropped; nothing if no such relation was read or written so far.
    virtual std::optional<std::size_t> purge_relation(const std::string& database, const std::string& relation) = 0;
    // The same for answers of statements that carry this tag now, by their comment or by the rule that they fall under; and for those of
    // statements of this shape, 16 hexadecimal digits as SHOW QUERIES has them (in either case). `database` empty: in all of them. How many answers were
    // dropped; nothing for what is no fingerprint. Each answer's text is looked into: some ten microseconds for each that is in the cache.
    virtual std::size_t purge_tag(const std::string& database, const std::string& tag) = 0;
    virtual std::optional<std::size_t> purge_fingerprint(const std::string& database, const std::string& fingerprint) = 0;
    // Ends a client's session as pg_terminate_backend() would. False: there is none with this id (ClientRow::id).
    virtual bool kill_client(std::uint64_t id) = 0;
};

}  // namespace larder
