// One socket of a connection, client's or server's: non-blocking reads and writes, waiting for readiness, what is still
// to be sent, and input that was not consumed.
//
// Reads go straight into the worker's buffer, so an idle connection holds none. The wait for readability is always pending
// and free (readiness.h): a request costs epoll_wait, one read and one write.
//
// An edge may stand for data and end of stream at once, and a short read then looks like all there is: unless a socket is
// read until it would block, its owner calls it readable again once in a while (`end_unseen`).
//
// Lifetime: counted; its owner may drop it in any call.
// Threads: the worker's.
#pragma once

#include <memory>
#include <string>

#include "proxy/readiness.h"
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

class Peer final : public Readiness {
public:
    // Takes the descriptor over: a connected, non-blocking stream socket. It is closed if this throws.
    Peer(asio::io_context& io, int descriptor, bool is_client) : Readiness(io, descriptor), is_client_(is_client) {}

    void set_owner(PeerOwner* owner) { owner_ = owner; }  // before the first watch()
    void watch() { wait_readable(); }            // from now on the owner is called
    void close();                                // the owner is not called any more
    // Takes the open socket out of this object: its descriptor and TLS, which go on elsewhere.
    int detach(std::unique_ptr<TlsSession>& tls);

    void start_tls(std::unique_ptr<TlsSession> tls) { tls_ = std::move(tls); }
    TlsSession* tls() { return tls_.get(); }

    IoResult read(char* into, std::size_t size);
    // Writes from the front of `queue` until it is empty or the socket takes no more. Borrowed ranges stay borrowed.
    IoStatus write(session::OutputQueue& queue);
    session::OutputQueue pending;                // what the socket did not take
    std::string rest;                            // input that the session did not consume
    bool readable = false;                       // an edge was seen and the socket not read empty since
    bool end_unseen = false;                     // the last read was short, and did not see if the stream has ended
    bool failed = false;                         // a write failed: nothing more is sent

private:
    ~Peer() override = default;
    void on_readable() override;
    void on_writable() override;
    ssize_t gather(const session::OutputQueue& queue);  // one write of many pieces
    IoStatus write_records(session::OutputQueue& queue);

    std::unique_ptr<TlsSession> tls_;
    PeerOwner* owner_ = nullptr;
    const bool is_client_;
};

using PeerRef = boost::intrusive_ptr<Peer>;

}  // namespace larder::proxy
