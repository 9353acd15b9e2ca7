// One client's conversation: from its first packet to its last, with the server connection that is lent to it.
//
// Sans-io: bytes and events come in by on_…() calls, bytes go out through `Outputs`, and what only the I/O layer can do
// is asked for as `Needs`. A session opens no socket, reads no clock (context.now) and takes no lock but a cache shard's,
// so the same code runs over sockets, in tests split at every byte, in fuzzing and in the simulation.
//
// Input is passed as the whole unconsumed buffer; a session consumes whole frames from its front and leaves what it
// cannot decide yet: half a frame, an extended batch whose end is still on the way, or everything while it is paused
// (waiting for another session's flight or for its environment). The caller keeps the rest, appends what it reads, and
// calls again, also after any event if is_paused() has become false.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/console.h"
#include "cache/cache.h"
#include "proxy/session/context.h"
#include "proxy/session/database_counts.h"
#include "proxy/session/database_gate.h"
#include "proxy/session/output_queue.h"
#include "proxy/session/server_link.h"
#include "protocol/cancel_key.h"

namespace larder::session {

struct Outputs {
    OutputQueue& client;
    OutputQueue& server;
};

// What the I/O layer must do after the call that set it, in this order, once `Outputs` were written or queued.
struct Needs {
    bool start_client_tls = false;   // the 'S' is in Outputs.client: flush it, then handshake; no byte may be buffered from before
    bool look_up_user = false;       // user() is to be asked for at the server; then on_user_looked_up()
    bool ask_second_level = false;   // second_level_request() is what for; then on_second_level()
    bool connect_server = false;     // to the upstream, TLS by its sslmode; then on_server_connected() or on_server_failed()
    bool route_cancel = false;       // a CancelRequest came: cancel_request() has the key; then the client is closed
    bool cancel_server = false;      // send a CancelRequest with server_key() to the server on a connection of its own
    bool close_server = false;       // at once; the connection is never lent again
    bool release_server = false;     // take_link() tells what it is; it may be lent to others
    bool acquire_server = false;     // one like pool_key(): on_server_lent(), or connect_server's events, or on_no_server()
    bool login_refused = false;      // the new connection let nobody in: queue for another, or on_no_server()
    bool leave_queue = false;        // the connection that was asked for is not needed any more
    bool pinned = false;             // pinned_by() says why: it will not be given back soon
    bool reconsider = false;         // call reconsider() in a while
    bool await_barrier = false;      // begin a wait for the change feed now, and say by on_barrier() how it ended
    bool close_client = false;       // after Outputs.client is flushed
    bool any() const {
        return start_client_tls || look_up_user || ask_second_level || connect_server || route_cancel || cancel_server || close_server || close_client || release_server || acquire_server ||
               login_refused || leave_queue || pinned || reconsider || await_barrier;
    }
    void merge(const Needs& more);
};

// The client's side of the connection, as far as it matters.
struct ClientInfo {
    std::uint64_t id = 0;            // unique in this process; in every log line
    std::string address;             // "127.0.0.1:5123" or "unix"
    bool tls_available = false;      // a certificate is configured
    bool tls_required = false;       // listen.tls = require
    bool is_same_os_user = false;    // over a Unix socket, by the user whom Larder runs as
    protocol::CancelKey key;         // what Larder gives the client in BackendKeyData (pid, 4-byte secret; longer for 3.2)
    std::string key_secret_long;     // 32 random bytes for protocol 3.2 clients
};

// Of a wait for the change feed: it has told of all that was committed before the wait began; it took too long; there is no feed any more.
enum class BarrierOutcome : std::uint8_t { passed, late, refused };

class Session {
public:
    // `waiter` must outlive the session's use of it: the I/O layer hands its calls to on_flight() on the session's thread.
    Session(Context& context, ClientInfo client, cache::FlightWaiter& waiter);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // `in` is everything unconsumed; returns how many bytes of its front were consumed. Outputs may borrow from `in`.
    std::size_t on_client_bytes(Bytes in, Outputs& out);
    std::size_t on_server_bytes(Bytes in, Outputs& out);

    // The pooled modes. A connection that was given back by another session, which was like pool_key().
    void on_server_lent(std::unique_ptr<ServerLink> link, Outputs& out);
    void on_connecting();                      // no idle one was there: a new connection is being opened for this session
    void on_no_server(std::string_view sqlstate, std::string_view message, Outputs& out);  // none came in time, or can
    void on_cancel_sent(std::uint64_t link_number, Outputs& out);  // a CancelRequest has reached the server, or never will
    void reconsider(Outputs& out);             // gives the connection back if nothing keeps it any more; ends what was idle too long in a block
    std::unique_ptr<ServerLink> take_link();   // with Needs.release_server
    bool awaits_server() const;                // it is in the queue, and no connection is being opened for it
    const std::string& pool_key() const;
    std::uint64_t link_number() const;         // counts the connections that this session has held
    std::string_view pinned_by() const;        // empty: not pinned

    // `certificate_name`: the CN of the client's certificate, which was verified; empty: it has shown none.
    void on_client_tls_ready(std::string certificate_name = {});
    void on_user_looked_up(const LookedUpUser& user, Outputs& out);
    void on_server_connected(bool over_tls, Outputs& out);
    // Could not connect: the client gets a FATAL error (08001, or what `sqlstate` says) with `message`.
    void on_server_failed(std::string_view sqlstate, std::string_view message, Outputs& out);
    // The database was paused before the login had come so far as to need the server, and still is.
    void on_held_too_long(std::string_view sqlstate, std::string_view message, Outputs& out);
    void on_server_closed(Outputs& out);       // EOF or a read or write error
    void on_client_closed(Outputs& out);       // EOF or error: the server is told to stop, marks go where they must
    // The flight that this session waited for has ended (from FlightWaiter, on the session's thread).
    void on_flight(cache::ResultRef result, bool leads);
    // The wait of Needs.await_barrier has ended. Nothing happens if it was given up meanwhile (by a cancel): a later wait must
    // not be told of the end of an earlier one.
    void on_barrier(BarrierOutcome outcome, std::chrono::microseconds waited);
    // What the second level has for the question of this number; null: nothing. A question that is over is let go.
    void on_second_level(std::uint64_t number, cache::ResultRef result);
    // A CancelRequest with this session's key came.
    void on_cancel(Outputs& out);
    // Larder stops: 57P01 if the session is idle now, else when it is.
    void on_shutdown(Outputs& out);

    Needs take_needs();
    bool is_paused() const;
    bool is_logged_in() const;
    // Between statements and outside a block: it can be closed without harm.
    bool is_idle() const;
    // True while an answer is captured for others: read from the server although the client is slow (bounded by the entry limit).
    bool must_read_server() const;

    SecondLevelRequest second_level_request() const;      // with Needs.ask_second_level
    const protocol::CancelKey& cancel_request() const;   // with Needs.route_cancel
    const protocol::CancelKey& server_key() const;       // of the lent server connection
    DatabaseGate* gate() const;                           // of its database; null: not known yet, or the console
    DatabaseCounts* counts() const;                       // the same; null: nobody counts
    bool is_replication() const;
    std::size_t prepared_statements() const;              // named ones
    std::size_t server_statements() const;                // those on the lent server connection
    std::string_view database() const;
    std::string_view user() const;
    std::string_view application_name() const;
    std::string_view state_name() const;                  // for SHOW CLIENTS: "login", "idle", "active", "waiting", "console" …
    const ClientInfo& client() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::session
