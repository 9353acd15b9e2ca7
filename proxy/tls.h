// TLS, as far as Larder needs it: non-blocking, on a socket that Asio watches. OpenSSL's headers stay in tls.cpp.
//
// OpenSSL reads and writes the descriptor itself; a call that would block says for what to wait. So TLS and plain
// connections share one flow: try, and wait for readiness only if the try says so.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "config/config.h"

struct ssl_ctx_st;
struct ssl_st;

namespace larder::proxy {

enum class IoStatus : unsigned char {
    done,        // `bytes` were moved
    wants_read,  // wait until readable, then try again
    wants_write,
    closed,      // orderly end, or an error: `bytes` is 0
};
struct IoResult {
    IoStatus status;
    std::size_t bytes = 0;
};

// Certificates, keys and settings, for many connections. Immutable. Threads: any.
class TlsContext {
public:
    // For clients. Throws std::runtime_error that names the file and says what is wrong with it.
    static std::shared_ptr<const TlsContext> for_clients(const config::Listen& listen);
    // For the upstream; verifies as its sslmode says. Throws likewise.
    static std::shared_ptr<const TlsContext> for_upstream(const config::Upstream& upstream);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

private:
    friend class TlsSession;
    explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
    ssl_ctx_st* context_;
    bool verifies_host_ = false;
};

// One connection's TLS state. Threads: the connection's.
class TlsSession {
public:
    // `host`: the name that the certificate must be for (verify-full), and for SNI; empty towards clients.
    TlsSession(std::shared_ptr<const TlsContext> context, int descriptor, bool is_server, const std::string& host);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    IoResult handshake();                              // done, wants_…, closed (then error())
    IoResult read(char* into, std::size_t size);
    // A call that follows wants_write must offer at least the same bytes again.
    IoResult write(Bytes bytes);
    void shut_down();                                  // close_notify, best effort
    std::string peer_name() const;                     // the CN of the other side's certificate, if it was verified; else empty
    std::string error() const { return error_; }       // of a failed handshake, for people

private:
    IoResult outcome(int code);

    std::shared_ptr<const TlsContext> context_;
    ssl_st* ssl_;
    std::string error_;
};

}  // namespace larder::proxy
