// One client: its Session, its socket, and the server connection lent to it. The I/O half of proxy/session/session.h.
//
// Every event ends in pump(), a plain loop: read what a side has, give it to the session, write what the session said at
// once, do what it needs, until neither side can go on. Nothing is awaited on the way; a socket that takes no more gets
// the rest through its pending queue. No coroutine and no buffer is kept per connection: idle, it is this object, one or
// two sockets and the session (the coroutine frames of both directions alone would take as much again).
//
// Backpressure: a side is not read while more than kPendingBytesMax wait for the other; the client not while the session
// is paused.
// Lifetime: owned by its Worker; finish() hands it back, and it is deleted once no other thread can name it any more.
// Threads: the worker's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/snapshot.h"
#include "proxy/forwarding_waiter.h"
#include "proxy/peer.h"
#include "proxy/server_connector.h"
#include "proxy/server_pool.h"
#include "proxy/session/session.h"

namespace larder::proxy {

class Worker;

inline constexpr std::size_t kPendingBytesMax = 256 * 1024;

class ClientConnection final : public PeerOwner {
public:
    ClientConnection(Worker& worker, PeerRef client, session::ClientInfo info);
    ~ClientConnection();
    ClientConnection(const ClientConnection&) = delete;
    ClientConnection& operator=(const ClientConnection&) = delete;

    std::uint64_t id() const { return id_; }
    void start();

    void on_readable(bool is_client) override;
    void on_writable(bool is_client) override;
    void on_server(ConnectResult result);
    void on_user_looked_up(const session::LookedUpUser& user);
    void on_flight(cache::ResultRef result, bool leads);
    void on_second_level(std::uint64_t number, cache::ResultRef result);
    void on_cancel(std::function<void()> delivered);   // `delivered`: once the server has been told, or needs not be
    void on_cancel_sent(std::uint64_t link_number);    // a CancelRequest has reached the server
    // A shared server connection has come for this client; it may open one; it has waited long enough; see if it can be spared.
    void on_lent(PooledServerRef server);
    void on_may_connect(const std::string& key);
    void on_wait_deadline(std::uint64_t number);
    void on_barrier(std::uint64_t number, session::BarrierOutcome outcome, std::chrono::microseconds waited);
    void on_resumed();                                 // its database may not be paused any more
    void reconsider();
    void on_cancel_routed();                           // our own CancelRequest has been delivered: the client may go
    void on_shutdown();
    void probe();                                      // looks for an end of stream that a short read hid
    void on_login_deadline();                          // ends it if it has not logged in
    void on_linger_deadline();                         // ends it if its last bytes are still not taken
    void abort();                                      // at once, whatever is pending
    void on_kill();                                    // the same, since an administrator wants it

    bool is_over() const { return is_over_; }
    const session::DatabaseGate* gate() const { return session_->gate(); }  // of its database; null: not known yet, or the console
    ClientRow row() const;

private:
    ServerRow server_row() const;
    void pump();
    void note_login();
    bool step();                                       // one side, one read; false: nothing to do
    bool may_read_client() const;
    bool may_read_server() const;
    void read_client();
    void read_server();
    void probe_later(Peer& peer);
    struct Taken {
        IoStatus status;
        std::size_t bytes = 0;
        bool is_short = false;                         // the socket had less than there was room for
    };
    template <class Feed>
    Taken take_in(Peer& peer, Feed feed);
    template <class Call>
    void guarded(Call call);

    std::size_t feed_client(Bytes in);
    std::size_t feed_server(Bytes in);
    void feed_rest();
    template <class Call>
    void tell(Call call);                              // an event: call(outputs), then write and note needs
    void write_to(Peer* peer, session::OutputQueue& queue);
    void fail(Peer& peer);                             // a write failed

    void carry_out_needs();
    void start_client_tls();
    bool step_client_tls();
    void route_cancel();
    void cancel_server();
    void drop_server();
    void carry_out_pool_needs(const session::Needs& needs);
    void enter_pool();
    void look_up_user();
    void connect_server();
    bool is_held_up();                                 // its database is paused: on_resumed() will come
    void open_server();                                // counted from now on
    void acquire_server();
    void await_barrier();
    void take_lent(const PooledServerRef& server);
    void release_server();
    void wait_for_server();
    void stop_waiting();                               // since there is one
    void leave_queue();
    void stop_counting();
    void leave_pool();
    void close_client_when_flushed();
    void client_gone();
    void server_gone();
    void break_off(Bytes sqlstate, Bytes message, const char* what);
    void finish();
    void finish_saying(Bytes message);

    Worker& worker_;
    const std::uint64_t id_;
    PeerRef client_;
    PeerRef server_;
    ForwardingWaiter waiter_;                          // before session_, which uses it in its destructor
    std::unique_ptr<session::Session> session_;
    session::Needs needs_;
    std::function<void()> cancel_delivered_;
    Instant server_opened_;
    session::ServerPlace server_place_;                // of server_, or of the one that is being opened
    Instant request_at_;                               // when something came from the client last
    Instant waiting_since_;                            // with is_waiting_
    std::uint64_t wait_number_ = 0;
    std::uint64_t barrier_number_ = 0;                 // of the newest wait for the change feed
    bool is_waiting_ = false;                          // a deadline for wait_number_ is set
    bool is_held_ = false;                             // its database is paused, and its login needs the server
    bool wants_user_ = false;                          // with is_held_: to look its user up, and not yet a connection of its own
    bool has_entered_pool_ = false;                    // the one of session_->pool_key()
    bool is_counted_ = false;                          // the server connection, or the one being opened, counts in the pool
    std::int64_t connected_us_;                        // wall clock
    bool is_logging_in_ = true;                        // counted in Shared::logging_in
    bool rest_is_due_ = false;                         // client_->rest may hold what the session can decide now
    bool client_lost_ = false;                         // a write to the client failed
    bool is_closing_ = false;                          // only client_->pending is left to be done
    bool is_broken_ = false;                           // the session must not be called any more
    bool is_handshaking_ = false;
    bool wants_tls_ = false;                           // as soon as pending is flushed
    bool is_routing_cancel_ = false;
    bool is_over_ = false;
};

}  // namespace larder::proxy
