// What the sessions of one worker share. One thread: the worker's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/console.h"
#include "base/duration_counts.h"
#include "base/metrics.h"
#include "cache/cache.h"
#include "proxy/session/pin.h"
#include "proxy/session/second_level.h"
#include "proxy/session/upstream_state.h"
#include "proxy/session/user_directory.h"
#include "protocol/login_rules.h"
#include "protocol/user_file.h"
#include "rules/reason.h"
#include "rules/session_env.h"
#include "rules/user_rules.h"

namespace larder::session {

class DatabaseCountsTable;
class KnownLogins;
class SharedServers;
class SlowLog;
class StatementMemo;
class TrafficRecords;

// Written by the worker, read by whoever scrapes.
struct SessionMetrics {
    Count hits, misses, stored, joined_flights;
    DurationCounts barrier_waits;                        // for the change feed, before a hit
    Count stale_hits;                                    // of the hits, those that a write had made old (max_stale)
    Count second_level_hits, second_level_misses, second_level_stale;  // of lookups there; its hits are hits, too
    std::array<Count, static_cast<std::size_t>(rules::Reason::count_)> bypasses;    // by reason
    Count hit_bytes, saved_server_us;                    // what hits spared the server
    Count client_connections, logins, login_failures;
    Count known_logins;                                  // of the logins, those for which the server was not asked
    Count server_connections;
    Count statements, write_marks, opaque_marks;         // opaque: moved `any` or `catalogue`
    Count deferred_begins, deferred_begins_made_real;
    Count environment_reads, broken_invariants, protocol_errors;
    std::array<Count, static_cast<std::size_t>(Pin::count_)> pinned;  // server connections that are pinned now, by reason
    Count queries_hit_us;                                // unused by hits themselves; kept for the dashboard
};

struct SessionLimits {
    std::uint32_t memo_statements_max = 10'000;
    std::uint64_t memo_bytes_max = 64u << 20;
    std::uint32_t prepared_statements_max = 10'000;      // named statements that one session may keep known
    std::uint32_t owed_max = 100'000;                    // replies owed in one pipeline before the client has to wait
};

struct Context {
    Instant now;                          // the worker's tick, a few milliseconds old at most
    UpstreamState& upstream;
    cache::Cache& cache;
    rules::EnvironmentPool& environments;
    UnknownOutcomes& unknown_outcomes;
    ConsoleHandler* console = nullptr;    // null: no virtual database `larder`
    std::string console_database = {};         // the upstream's database to which console logins are relayed
    std::string default_database = {};         // unused if the client names one
    std::vector<std::string> console_admins = {}, console_readers = {};  // users who may change things there; who may look
    std::shared_ptr<const rules::UserRules> rules = {};   // replaced on reload by the worker's own thread
    bool has_upstream_login = false;      // Larder can log in itself; else everything is passed through
    std::string server_version = {};           // "15.18": for `larder` SHOW VERSION and console logins
    PoolMode pool_mode = PoolMode::session;
    bool deferred_begin = false;          // a BEGIN waits until something needs the server
    SessionLimits limits = {};
    SessionMetrics metrics = {};
    StatementMemo* memo = nullptr;        // owned by the worker
    TrafficRecords* traffic = nullptr;    // the same; null: statements are not counted by shape
    SlowLog* slow_log = nullptr;          // the same; null: slow statements are not logged. It needs `traffic`
    // The time as it is now, in us like `now`: for statistics of what goes to the server. Null: `now` has to do.
    std::int64_t (*clock_us)() = nullptr;
    std::shared_ptr<const protocol::UserFile> users = {};  // null: there is no user file; replaced on reload as the rules are
    UserDirectory* directory = nullptr;           // of users who are not in the file; null: the server is not asked for them
    std::shared_ptr<const protocol::LoginRules> login_rules = {};  // null: everybody is asked for a secret; replaced on reload as well
    std::string salt_secret = {};                 // of logins that Larder judges
    bool judges_logins() const { return users != nullptr || directory != nullptr || login_rules != nullptr; }   // else they are relayed
    KnownLogins* known_logins = nullptr;          // owned by the worker
    const SharedServers* shared_servers = nullptr;  // null: nobody is let in without the server
    SecondLevel* second_level = nullptr;          // null: there is none
    DatabaseCountsTable* counts = nullptr;        // null: what clients do is not counted by database
};

}  // namespace larder::session
