// Keeps each database's catalogue facts loaded: when a session asks for them, and by comparing now and then, for DDL from
// elsewhere.
//
// A load is a read like any other: `server` and `catalogue` are noted first, none in flight, and the facts are published
// under those words; if one moved meanwhile the load is made again. The connection must have reached the server that holds
// the control connection's instance lock.
//
// Threads: one of its own, since a load may take long and must not delay the control thread; the public calls from any.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "proxy/pg_connection.h"
#include "proxy/shared.h"

namespace larder::proxy {

class CatalogueService {
public:
    explicit CatalogueService(Shared& shared);
    ~CatalogueService();
    CatalogueService(const CatalogueService&) = delete;
    CatalogueService& operator=(const CatalogueService&) = delete;

    void start();
    void stop();

    struct Status {
        std::string database, load_error;
        std::uint64_t loads = 0;
        double unknown_in_flight_seconds = 0;  // for which `any` or `catalogue` was in flight
    };
    std::vector<Status> status() const;

private:
    struct Database {
        session::DatabaseState* state = nullptr;
        session::ServerPlace place;            // of the connection: a paused database has none, not even this one
        std::unique_ptr<PgConnection> connection;
        std::string state_digest;              // of the facts that are published
        std::int32_t checked_instance = 0;     // under which the connection was found to be with the right server
        Instant used, retry_at, poll_at;
        Instant check_at, files_at;            // not before these, however much the change feed wants it
        Backoff backoff{std::chrono::milliseconds{100}, std::chrono::milliseconds{30'000}};
        Status status;
    };

    void run();
    void sample_in_flight(std::chrono::microseconds passed);
    void visit(Database& database);
    bool may_load() const;
    enum class Look { made, in_flight, unreachable };
    Look load(Database& database, bool is_poll);
    void load_files(Database& database);
    void load_anew(Database& database);
    void check(Database& database);
    bool connect(Database& database, std::string& error);
    static void close(Database& database);
    static bool leaves_to_gate(Database& database);
    void note_success(Database& database, Instant begun);
    void note_failure(Database& database, const std::string& error);
    void note_change_from_elsewhere(Database& database);
    void close_oldest();

    Shared& shared_;
    std::thread thread_;
    Wakeup stop_wakeup_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> busy_socket_{-1};                       // of a load under way, which waits without a timeout
    std::map<session::DatabaseState*, Database> databases_;  // the loader thread's
    mutable Mutex mutex_;
    std::map<session::DatabaseState*, Status> published_ LARDER_GUARDED_BY(mutex_);
};

}  // namespace larder::proxy
