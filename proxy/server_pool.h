// Server connections that clients share: idle ones, how many there may be, and who waits for one.
//
// A pool holds connections that are alike (session::PoolState::key). Of those at most `size` are *counted*: idle, lent, or
// being opened. A client that logs in brings a connection of its own, which joins the pool when it is given back if there is
// room, and is closed if not; one that only a check of the login brought (ServerLink::is_spare) joins if none is idle. A connection that is pinned to its client is not counted until it is given back after all, so
// that clients who need one for themselves do not starve those who share. In mode session every lent one is such a connection.
// Who finds none idle and no room waits; a connection that is given back goes to whoever waits longest, on whichever worker.
// While its database is paused, a pool lends nothing and opens nothing: who asks waits (session::DatabaseGate).
//
// Idle sockets are watched by nobody: before one is lent it is looked at, and whatever has come (its end, or the reason) rules
// it out.
// Threads: any.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/snapshot.h"
#include "base/thread_annotations.h"
#include "config/config.h"
#include "proxy/session/database_gate.h"
#include "proxy/session/known_login.h"
#include "proxy/session/server_link.h"
#include "proxy/tls.h"

namespace larder::proxy {

// A connection without an owner. Closed with it, after a farewell to the server.
struct PooledServer {
    PooledServer(std::string pool_key, int socket, std::unique_ptr<TlsSession> tls_session, std::unique_ptr<session::ServerLink> what, Instant when)
        : key(std::move(pool_key)), descriptor(socket), tls(std::move(tls_session)), link(std::move(what)), opened(when) {}
    ~PooledServer();
    PooledServer(const PooledServer&) = delete;
    PooledServer& operator=(const PooledServer&) = delete;

    std::string key;
    int descriptor;
    std::unique_ptr<TlsSession> tls;
    std::unique_ptr<session::ServerLink> link;
    session::ServerPlace place;
    Instant opened, idle_since{};
    bool is_counted = false;
};
using PooledServerRef = std::shared_ptr<PooledServer>;

// Who serves the clients that wait: a worker. Threads: any; called with the pool's lock held, so it only posts.
class PoolClient {
public:
    virtual void post_lent(std::uint64_t connection, PooledServerRef server) = 0;
    virtual void post_may_connect(std::uint64_t connection, const std::string& key) = 0;

protected:
    ~PoolClient() = default;
};

class ServerPool final : public session::SharedServers {
public:
    explicit ServerPool(const config::Pool& limits) : limits_(limits) {}

    enum class Answer : unsigned char {
        lent,     // `server` is set
        connect,  // there is room: open one, and call closed() if that fails or when it ends
        queued,   // post_lent() or post_may_connect() will come
    };
    Answer acquire(const std::string& key, PoolClient& worker, std::uint64_t connection, Instant now, PooledServerRef& server);
    bool has_any(const std::string& key) const override;
    // False: it is in no queue (any more); what was posted to it is under way.
    bool leave(const std::string& key, std::uint64_t connection);
    void give_back(PooledServerRef server, Instant now);
    // A counted connection has ended, or is pinned.
    void closed(const std::string& key);
    // The server did not let the new connection in, which was counted. True: `connection` is in the queue now; false: there
    // is nothing to wait for.
    bool login_failed(const std::string& key, PoolClient& worker, std::uint64_t connection, Instant now);
    // Clients that use the pool: while there are any, its last connection is not closed for its age, since the server may
    // let no other one in. `gate`: of its database; it outlives the pool.
    void enter(const std::string& key, const session::DatabaseGate& gate);
    void exit(const std::string& key);

    // Closes what is idle for too long, too old, dead, or must be closed; and lets those open connections who wait although there is
    // room. Also to be called when a gate was changed.
    void sweep(Instant now);
    void close_all();

    std::vector<PoolRow> rows(Instant now) const;
    bool is_waited_for() const;   // some client waits for a server connection

private:
    struct Waiter {
        PoolClient* worker;
        std::uint64_t connection;
        Instant since;
    };
    struct Pool {
        std::vector<PooledServerRef> idle;  // the one given back last at the end
        std::deque<Waiter> waiting;
        const session::DatabaseGate* gate = nullptr;  // null: nobody has entered
        int counted = 0, clients = 0;
        bool is_paused() const { return gate != nullptr && gate->is_paused(); }
        Instant no_login_until{};
    };
    PooledServerRef take_idle(Pool& pool, std::uint64_t connection, Instant now, std::vector<PooledServerRef>& dead) LARDER_REQUIRES(mutex_);
    void let_connect(const std::string& key, Pool& pool, Instant now) LARDER_REQUIRES(mutex_);
    bool has_room(const Pool& pool) const LARDER_REQUIRES(mutex_);
    bool is_too_old(const PooledServer& server, const Pool& pool, Instant now) const LARDER_REQUIRES(mutex_);

    const config::Pool limits_;
    mutable Mutex mutex_;
    std::unordered_map<std::string, Pool> pools_ LARDER_GUARDED_BY(mutex_);
    bool is_closed_ LARDER_GUARDED_BY(mutex_) = false;
};

}  // namespace larder::proxy
