#include "proxy/server_connector.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "protocol/error.h"
#include "protocol/startup.h"
#include "proxy/socket_options.h"

namespace larder::proxy {
namespace {

using Endpoint = asio::generic::stream_protocol::endpoint;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>{});

// A socket whose operations fail once `timeout` is over. Shared, because the timer's handler may run after its owner is gone.
struct TimedSocket {
    TimedSocket(asio::io_context& io, std::chrono::milliseconds timeout) : socket(io.get_executor()), timer(io.get_executor(), timeout) {}

    static std::shared_ptr<TimedSocket> make(asio::io_context& io, std::chrono::milliseconds timeout) {
        auto timed = std::make_shared<TimedSocket>(io, timeout);
        timed->timer.async_wait([weak = std::weak_ptr(timed)](const error_code& error) {
            const auto self = weak.lock();
            if (error || !self) return;
            self->is_late = true;
            error_code ignored;
            self->socket.close(ignored);
        });
        return timed;
    }
    std::string why(const error_code& error) const { return is_late ? "timeout" : error.message(); }

    Socket socket;
    Timer timer;
    bool is_late = false;
};
using TimedSocketRef = std::shared_ptr<TimedSocket>;

std::string shown(const config::Endpoint& host) {
    const bool is_v6 = host.host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host.host + "]" : host.host) + ":" + std::to_string(host.port);
}

}  // namespace

// One connection being opened, over all hosts.
struct ConnectAttempt {
    asio::io_context& io;
    const config::Upstream upstream;            // copies: the connector may be replaced by a reload meanwhile
    const std::shared_ptr<const TlsContext> tls;
    const bool starts_with_tls;
    std::string failures{};                     // what to tell the client

    void note_failure(const config::Endpoint& host, const std::string& why) {
        if (!failures.empty()) failures += "; ";
        failures += "\"" + shown(host) + "\": " + why;
    }

    Awaitable<std::vector<Endpoint>> resolve(const config::Endpoint& host) {
        std::vector<Endpoint> endpoints;
        if (host.host.starts_with('/')) {
            const std::string path = host.host + "/.s.PGSQL." + std::to_string(host.port);
            if (path.size() < sizeof(sockaddr_un::sun_path)) endpoints.emplace_back(asio::local::stream_protocol::endpoint(path));
            else note_failure(host, "the socket's path is too long");
            co_return endpoints;
        }
        error_code error;
        const auto address = asio::ip::make_address(host.host, error);
        if (!error) {
            endpoints.emplace_back(asio::ip::tcp::endpoint(address, host.port));
            co_return endpoints;
        }
        asio::ip::basic_resolver<asio::ip::tcp, Executor> resolver(io.get_executor());
        auto [failed, results] = co_await resolver.async_resolve(host.host, std::to_string(host.port), kAwait);
        if (failed) note_failure(host, failed.message());
        else for (const auto& result : results) endpoints.emplace_back(result.endpoint());
        co_return endpoints;
    }

    // Null if it failed (noted).
    Awaitable<TimedSocketRef> open(const config::Endpoint& host, const Endpoint& endpoint) {
        auto timed = TimedSocket::make(io, upstream.connect_timeout);
        auto [error] = co_await timed->socket.async_connect(endpoint, kAwait);
        if (error || timed->is_late) {
            note_failure(host, timed->why(error));
            co_return nullptr;
        }
        timed->socket.non_blocking(true, error);
        set_server_options(timed->socket.native_handle(), endpoint.protocol().family());
        co_return timed;
    }

    enum class TlsAnswer : unsigned char { yes, no, refused };
    Awaitable<TlsAnswer> ask_for_tls(const config::Endpoint& host, TimedSocketRef timed) {
        std::string request;
        protocol::SslRequest::append_to(request);
        auto [write_error, written] = co_await asio::async_write(timed->socket, asio::buffer(request), kAwait);
        if (write_error) {
            note_failure(host, timed->why(write_error));
            co_return TlsAnswer::refused;
        }
        char answer[8];  // room for more than one byte: what follows too early must be noticed
        auto [read_error, got] = co_await timed->socket.async_read_some(asio::buffer(answer), kAwait);
        if (!read_error && got == 1 && answer[0] == 'S') co_return TlsAnswer::yes;
        if (!read_error && got == 1 && answer[0] == 'N') co_return TlsAnswer::no;
        note_failure(host, read_error ? timed->why(read_error) : "the server's answer to SSLRequest is not one byte, S or N");
        co_return TlsAnswer::refused;
    }

    Awaitable<std::unique_ptr<TlsSession>> handshake(const config::Endpoint& host, TimedSocketRef timed) {
        auto session = std::make_unique<TlsSession>(tls, timed->socket.native_handle(), false, host.host);
        for (;;) {
            const IoResult step = session->handshake();
            if (step.status == IoStatus::done) co_return session;
            if (step.status == IoStatus::closed) {
                note_failure(host, "TLS handshake: " + session->error());
                co_return nullptr;
            }
            auto [error] = co_await timed->socket.async_wait(step.status == IoStatus::wants_read ? Socket::wait_read : Socket::wait_write, kAwait);
            if (error || timed->is_late) {
                note_failure(host, timed->why(error));
                co_return nullptr;
            }
        }
    }

    // Hands the descriptor from the coroutine's socket to a Peer.
    ConnectResult finish(TimedSocketRef timed, std::unique_ptr<TlsSession> session) {
        error_code error;
        timed->timer.cancel();
        const int descriptor = timed->socket.release(error);
        if (error) return {nullptr, false, std::string(protocol::sqlstate::kSqlclientUnableToEstablishSqlconnection), error.message()};
        ConnectResult result;
        result.over_tls = session != nullptr;
        result.peer = PeerRef(new Peer(io, descriptor, false));
        if (session) result.peer->start_tls(std::move(session));
        return result;
    }

    Awaitable<ConnectResult> try_endpoint(const config::Endpoint& host, const Endpoint& endpoint) {
        auto timed = co_await open(host, endpoint);
        if (!timed) co_return ConnectResult{};
        if (!tls || endpoint.protocol().family() == AF_UNIX) co_return finish(timed, nullptr);
        if (starts_with_tls) {
            auto session = co_await handshake(host, timed);
            co_return session ? finish(timed, std::move(session)) : ConnectResult{};
        }
        const bool may_be_plain = upstream.tls == config::TlsMode::prefer;
        const TlsAnswer answer = co_await ask_for_tls(host, timed);
        if (answer == TlsAnswer::no) {
            if (may_be_plain) co_return finish(timed, nullptr);
            note_failure(host, "the server does not speak TLS, and upstream.tls demands it");
            co_return ConnectResult{};
        }
        if (answer == TlsAnswer::yes) {
            auto session = co_await handshake(host, timed);
            if (session) co_return finish(timed, std::move(session));
        }
        if (!may_be_plain) co_return ConnectResult{};
        timed = co_await open(host, endpoint);  // as libpq's sslmode=prefer: once more, without
        if (!timed) co_return ConnectResult{};
        co_return finish(timed, nullptr);
    }

    Awaitable<ConnectResult> run() {
        for (const auto& host : upstream.hosts) {
            for (const Endpoint& endpoint : co_await resolve(host)) {
                ConnectResult result = co_await try_endpoint(host, endpoint);
                if (result.peer) co_return result;
            }
        }
        co_return ConnectResult{nullptr, false, std::string(protocol::sqlstate::kSqlclientUnableToEstablishSqlconnection),
                                "could not connect to the server: " + (failures.empty() ? "no address" : failures)};
    }
};

ServerConnector::ServerConnector(const config::Upstream& upstream) : upstream_(upstream) {
    const bool plain = upstream.tls == config::TlsMode::disable || upstream.tls == config::TlsMode::allow;
    if (!plain) tls_ = TlsContext::for_upstream(upstream);
}

ServerConnector::ServerConnector(const config::Upstream& server, bool starts_with_tls) : ServerConnector(server) { starts_with_tls_ = starts_with_tls; }

void ServerConnector::connect(asio::io_context& io, std::function<void(ConnectResult)> done) const {
    auto attempt = std::make_shared<ConnectAttempt>(ConnectAttempt{io, upstream_, tls_, starts_with_tls_});
    asio::co_spawn(
        io.get_executor(), [attempt] { return attempt->run(); },
        [attempt, done = std::move(done)](std::exception_ptr failure, ConnectResult result) {
            if (failure) {  // out of memory or descriptors
                result = {};
                result.sqlstate = protocol::sqlstate::kOutOfMemory;
                result.message = "could not connect to the server: out of resources";
            }
            done(std::move(result));
        });
}

void send_cancel(asio::io_context& io, const Endpoint& address, const protocol::CancelKey& key, std::chrono::milliseconds timeout,
                 std::function<void()> done) {
    asio::co_spawn(
        io.get_executor(),
        [&io, address, key, timeout]() -> Awaitable<void> {
            auto timed = TimedSocket::make(io, timeout);
            auto [connect_error] = co_await timed->socket.async_connect(address, kAwait);
            if (connect_error) co_return;
            std::string request;
            protocol::CancelRequest{key.pid, key.secret()}.append_to(request);
            auto [write_error, written] = co_await asio::async_write(timed->socket, asio::buffer(request), kAwait);
            if (write_error) co_return;
            char ignored[16];
            for (;;) {
                auto [read_error, got] = co_await timed->socket.async_read_some(asio::buffer(ignored), kAwait);
                if (read_error) co_return;
            }
        },
        [done = std::move(done)](std::exception_ptr) { done(); });
}

}  // namespace larder::proxy
