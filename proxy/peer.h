// One socket of a connection, client's or server's: non-blocking reads and writes, waiting for readiness, what is still
// to be sent, and input that was not consumed.
//
// Reading costs one system call besides epoll_wait: Asio arms a lone async_wait with an epoll_ctl, and a lone
// async_read_some tries a read that mostly fails. So two waits are always queued: epoll reports edges, each edge completes
// one of them, and the next is put behind the other without a system call. Reads go straight into the worker's buffer, so
// an idle connection holds none.
//
// An edge may stand for data and end of stream at once, and a short read then looks like all there is: unless a socket is
// read until it would block, its owner calls it readable again once in a while (`end_unseen`).
//
// Lifetime: pending handlers keep a Peer alive (it is counted), so its owner may drop it in any call.
// Threads: the worker's.
#pragma once

#include <memory>
#include <string>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "proxy/asio.h"
#include "proxy/session/output_queue.h"
#include "proxy/tls.h"

namespace larder::proxy {

// Told by its peers when a socket is ready. Called from the event loop only, never from within a Peer's own call.
class PeerOwner {
public:
    virtual void on_readable(bool is_client) = 0;
    virtual void on_writable(bool is_client) = 0;

protected:
    ~PeerOwner() = default;
};

class Peer {
public:
    // Takes the descriptor over: a connected, non-blocking stream socket of `family`. It is closed if this throws.
    Peer(asio::io_context& io, int descriptor, int family, bool is_client);

    void set_owner(PeerOwner* owner) { owner_ = owner; }  // before the first watch()
    void watch();                                // starts the read waits; from now on the owner is called
    void close();                                // the owner is not called any more
    bool is_open() const { return socket_.is_open(); }
    int descriptor() { return socket_.native_handle(); }
    Socket& socket() { return socket_; }

    void start_tls(std::unique_ptr<TlsSession> tls) { tls_ = std::move(tls); }
    TlsSession* tls() { return tls_.get(); }

    IoResult read(char* into, std::size_t size);
    // Writes from the front of `queue` until it is empty or the socket takes no more. Borrowed ranges stay borrowed.
    IoStatus write(session::OutputQueue& queue);
    void wait_writable();                        // one on_writable() later; no more than one is pending

    session::OutputQueue pending;                // what the socket did not take
    std::string rest;                            // input that the session did not consume
    bool readable = false;                       // an edge was seen and the socket not read empty since
    bool end_unseen = false;                     // the last read was short, and did not see if the stream has ended
    bool failed = false;                         // a write failed: nothing more is sent

private:
    friend void intrusive_ptr_add_ref(Peer* peer) { ++peer->references_; }
    friend void intrusive_ptr_release(Peer* peer) {
        if (--peer->references_ == 0) delete peer;  // owned by its references
    }
    ~Peer() = default;
    void arm();

    Socket socket_;
    std::unique_ptr<TlsSession> tls_;
    PeerOwner* owner_ = nullptr;
    int references_ = 0;
    bool is_client_;
    bool waits_writable_ = false;
};

using PeerRef = boost::intrusive_ptr<Peer>;

}  // namespace larder::proxy
