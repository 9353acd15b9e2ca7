// Opens connections to the upstream: addresses in turn, a timeout each, TLS by sslmode.
//
// The answer to SSLRequest must be one byte, 'S' or 'N', and nothing behind it: bytes sent before the handshake could be an
// attacker's (CVE-2021-23222). An ErrorResponse instead ('E') comes from nobody who was authenticated and is never shown
// to the client (CVE-2024-10977).
// Threads: immutable; calls from any worker with its own io_context, on which `done` is called.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "protocol/cancel_key.h"
#include "proxy/asio.h"
#include "proxy/peer.h"
#include "proxy/tls.h"

namespace larder::proxy {

struct ConnectResult {
    PeerRef peer;                  // null: failed, and then:
    bool over_tls = false;
    std::string sqlstate, message;
};

class ServerConnector {
public:
    // Throws std::runtime_error for certificates that cannot be loaded.
    explicit ServerConnector(const config::Upstream& upstream);
    // To a server of another kind at the same sort of address: with TLS, if there is any, from the first byte on.
    ServerConnector(const config::Upstream& server, bool starts_with_tls);

    // Calls `done` exactly once, later, unless the io_context ends first.
    void connect(asio::io_context& io, std::function<void(ConnectResult)> done) const;

private:
    friend struct ConnectAttempt;
    config::Upstream upstream_;
    std::shared_ptr<const TlsContext> tls_;  // null: sslmode disable or allow
    bool starts_with_tls_ = false;
};

// Sends a CancelRequest to the server at `address` and waits until it has closed the connection, as libpq does: only then
// is it sure that the signal was sent. `done` is called exactly once.
void send_cancel(asio::io_context& io, const asio::generic::stream_protocol::endpoint& address, const protocol::CancelKey& key,
                 std::chrono::milliseconds timeout, std::function<void()> done);

}  // namespace larder::proxy
