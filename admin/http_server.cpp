#include "admin/http_server.h"

#include <algorithm>
#include <list>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <utility>
#include <variant>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "admin/admin_tls.h"
#include "admin/endpoints.h"
#include "admin/routes.h"
#include "admin/streams.h"
#include "admin/web_socket.h"
#include "base/log.h"

namespace larder::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kConnectionsMax = 256;      // each holds kHeaderBytesMax + 2 * kBodyBytesMax at most, besides its answer
constexpr std::size_t kAnswerBytesMax = 64 << 20;  // of all answers that wait for clients to take them, but for the newest
constexpr int kRequestsPerConnection = 1000;
constexpr std::uint32_t kHeaderBytesMax = 8 * 1024;
constexpr std::uint64_t kBodyBytesMax = 64 * 1024;  // a rule with every text as long as it may be
// Each part of a request has its own time from its beginning: who sends a byte now and then does not get more.
constexpr std::chrono::seconds kIdleTimeout{10}, kHeaderTimeout{5}, kBodyTimeout{5}, kAnswerTimeout{10};
constexpr std::size_t kFirstReadBytes = 4096;
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kAsideMax = 16;  // requests that take time and are not answered yet

// A page from elsewhere whose name resolves to this address (DNS rebinding) must not read anything here: its requests carry
// that name. No Host at all is what simple programs send.
bool is_local_name(std::string_view host) {
    if (host.starts_with('[')) return host.find(']') != std::string_view::npos;  // an IPv6 address
    host = host.substr(0, host.find(':'));
    if (host.empty() || host == "localhost") return true;
    error_code error;
    asio::ip::make_address_v4(std::string(host), error);
    return !error;
}

std::string_view text(beast::string_view from) { return {from.data(), from.size()}; }
std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

using Response = http::response<http::string_body>;
using Parser = http::request_parser<http::string_body>;

using TlsStream = beast::ssl_stream<beast::tcp_stream>;

struct Connection {
    explicit Connection(tcp::socket socket) : stream(std::in_place_type<beast::tcp_stream>, std::move(socket)) {}
    Connection(tcp::socket socket, asio::ssl::context& tls) : stream(std::in_place_type<TlsStream>, std::move(socket), tls) {}

    // Its socket, with its timers; the bytes go through `stream`.
    beast::tcp_stream& lowest() {
        return std::visit([](auto& one) -> beast::tcp_stream& { return beast::get_lowest_layer(one); }, stream);
    }

    std::variant<beast::tcp_stream, TlsStream> stream;
    Access by_certificate = Access::none;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();  // it waits for the client, to send or to take
    std::size_t answer_bytes = 0;  // not 0: to take
    bool is_closed = false;
    bool is_stream = false;  // a WebSocket by now, or soon
};

Response make_response(const HttpReply& reply, unsigned version, bool keep_alive, bool is_head) {
    Response response{static_cast<http::status>(reply.status), version};
    if (!reply.content_type.empty()) response.set(http::field::content_type, reply.content_type);
    if (!reply.etag.empty()) response.set(http::field::etag, reply.etag);
    if (reply.status == 426) response.set(http::field::upgrade, "websocket");
    if (reply.status == 401) response.set(http::field::www_authenticate, "Bearer");
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Referrer-Policy", "no-referrer");
    // The dashboard's own files and nothing else: no script or style in the text of a page, nothing from elsewhere, no frame around it.
    response.set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    if (!reply.allow.empty()) response.set(http::field::allow, reply.allow);
    response.keep_alive(keep_alive);
    if (reply.status != 204 && reply.status != 304) response.content_length(reply.body.size());
    if (!is_head) response.body() = reply.body;
    return response;
}

}  // namespace

struct HttpServer::Impl {
    Sources sources;
    asio::io_context io{1};
    tcp::acceptor acceptor{io};
    std::unique_ptr<AdminTls> tls;  // null: there is none
    std::thread thread;
    std::list<Connection> connections;
    LiveStream live;
    asio::thread_pool aside{1};  // what takes time is answered there, one after the other
    int aside_waiting = 0;

    Impl(const config::Admin& config, const Sources& wanted) : sources(wanted) {
        error_code error;
        auto address = asio::ip::make_address(config.address.host == "localhost" ? "127.0.0.1" : config.address.host, error);
        const std::string where = config.address.host + ":" + std::to_string(config.address.port);
        if (error) throw std::runtime_error("admin.address: \"" + config.address.host + "\" is not an IP address");
        if (!address.is_loopback() && !sources.reads_need_secret)
            throw std::runtime_error("admin.address: " + where + " is not a loopback address, and whoever reaches it could read everything: set admin.read_token_file or admin.tls_ca_file"
                                     " (or reach a loopback address through an SSH tunnel)");
        if (!address.is_loopback() && config.tls_cert_file.empty()) log_warn("tokens can be read on their way to the admin port", {{"hint", "set admin.tls_cert_file and admin.tls_key_file"}});
        if (!config.tls_ca_file.empty() && config.tls_cert_file.empty()) throw std::runtime_error("admin.tls_ca_file: it needs admin.tls_cert_file, or nobody shows a certificate");
        if (!config.tls_cert_file.empty()) tls = std::make_unique<AdminTls>(config);
        const tcp::endpoint endpoint(address, config.address.port);
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) throw std::runtime_error("cannot listen on " + where + " (admin): " + error.message());
    }

    // Closes the connection that has waited longest for its client: of those that `may_go`, first those that were asked nothing.
    // So whoever is new gets in, and who asks at once is answered, however many others hold a connection and say nothing.
    template <class MayGo>
    bool push_out(MayGo may_go) {
        Connection* oldest = nullptr;
        const auto rank = [](const Connection& connection) { return std::pair(connection.answer_bytes > 0, connection.since); };
        for (auto& connection : connections) {
            if (!connection.is_closed && !connection.is_stream && may_go(connection) &&
                (oldest == nullptr || rank(connection) < rank(*oldest)))
                oldest = &connection;
        }
        if (oldest == nullptr) return false;
        oldest->is_closed = true;
        oldest->lowest().close();  // what it waits for ends with an error, and serve() with it
        return true;
    }

    std::size_t answer_bytes() const {
        return std::accumulate(connections.begin(), connections.end(), std::size_t{0},
                               [](std::size_t sum, const Connection& connection) { return sum + (connection.is_closed ? 0 : connection.answer_bytes); });
    }

    template <class Stream>
    asio::awaitable<error_code> read(Stream& stream, Connection& connection, beast::flat_buffer& buffer, Parser& parser) {
        auto& lowest = connection.lowest();
        connection.since = std::chrono::steady_clock::now();
        if (buffer.size() == 0) {
            lowest.expires_after(kIdleTimeout);
            auto [error, bytes] = co_await stream.async_read_some(buffer.prepare(kFirstReadBytes), kAwait);
            buffer.commit(bytes);
            if (error) co_return error;
        }
        lowest.expires_after(kHeaderTimeout);
        auto [header_error, header_bytes] = co_await http::async_read_header(stream, buffer, parser, kAwait);
        if (header_error || parser.is_done()) co_return header_error;
        lowest.expires_after(kBodyTimeout);
        auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kAwait);
        co_return error;
    }

    // A page from elsewhere can open a WebSocket to here without being asked (no preflight), so its origin is looked at.
    bool takes_web_socket(const WebRequest& request, Access by_certificate) const {
        if (!wants_web_socket(request) || !is_stream(path_of(text(request.target())))) return false;
        const auto host = text(request[http::field::host]);
        return is_local_name(host) && is_own_origin(text(request[http::field::origin]), host) && has_room_for_stream() &&
               reply_to(request, by_certificate).status == 426;
    }

    bool has_room_for_stream() const {
        return std::count_if(connections.begin(), connections.end(),
                             [](const Connection& one) { return one.is_stream && !one.is_closed; }) < static_cast<long>(kStreamsMax);
    }

    // A page from elsewhere may make the browser send its certificate along; what it asks for is refused.
    static Access certificate_of(const WebRequest& request, Access by_certificate) {
        return is_own_origin(text(request[http::field::origin]), text(request[http::field::host])) ? by_certificate : Access::none;
    }

    HttpReply reply_to(const WebRequest& request, Access by_certificate) const {
        const auto host = text(request[http::field::host]), target = text(request.target()),
                   known = text(request[http::field::if_none_match]);
        if (!sources.reads_need_secret && !is_local_name(host)) return problem(403, "Forbidden", "this server answers to an IP address or localhost only");
        if (wants_web_socket(request) && is_stream(path_of(target))) {
            if (!is_own_origin(text(request[http::field::origin]), host))
                return problem(403, "Forbidden", "a page from elsewhere may not listen here");
            if (!has_room_for_stream())
                return problem(429, "Too many streams", "there are " + std::to_string(kStreamsMax) + " WebSockets, and no more are taken");
        }
        const auto shown = wants_web_socket(request) ? authorization_of_stream(request) : std::string(text(request[http::field::authorization]));
        return if_changed(answer(text(request.method_string()), target, sources, shown, request.body(), {text(request[http::field::if_match]), known},
                                 certificate_of(request, by_certificate)),
                          known);
    }

    asio::awaitable<HttpReply> reply_in_time(const WebRequest& request, Access by_certificate) {
        if (!takes_time(text(request.method_string()), path_of(text(request.target())))) co_return reply_to(request, by_certificate);
        if (aside_waiting >= kAsideMax) co_return problem(503, "Busy", "too many requests like this are waiting; ask again later");
        ++aside_waiting;
        const std::shared_ptr<void> done(nullptr, [this](void*) { --aside_waiting; });
        co_return co_await asio::co_spawn(aside, [this, &request, by_certificate]() -> asio::awaitable<HttpReply> { co_return reply_to(request, by_certificate); }, asio::use_awaitable);
    }

    asio::awaitable<void> serve(Connection& connection) {
        if (auto* const plain = std::get_if<beast::tcp_stream>(&connection.stream)) {
            co_await serve_requests(*plain, connection);
        } else {
            auto& encrypted = std::get<TlsStream>(connection.stream);
            connection.lowest().expires_after(kHeaderTimeout);
            auto [failed] = co_await encrypted.async_handshake(asio::ssl::stream_base::server, kAwait);
            if (failed) co_return;  // whoever sends something else, or has a certificate of others
            connection.by_certificate = tls->access_of(encrypted.native_handle());
            co_await serve_requests(encrypted, connection);
            if (connection.is_closed || connection.is_stream) co_return;
            connection.lowest().expires_after(kAnswerTimeout);
            co_await encrypted.async_shutdown(kAwait);
        }
        error_code ignored;
        connection.lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
    }

    template <class Stream>
    asio::awaitable<void> serve_requests(Stream& stream, Connection& connection) {
        beast::flat_buffer buffer(kHeaderBytesMax + kBodyBytesMax);
        for (int i = 0; i < kRequestsPerConnection && !connection.is_closed; ++i) {
            Parser parser;
            parser.header_limit(kHeaderBytesMax);
            parser.body_limit(kBodyBytesMax);
            const auto read_error = co_await read(stream, connection, buffer, parser);
            if (read_error == http::error::header_limit || read_error == http::error::body_limit || read_error == http::error::buffer_overflow) {
                co_await write(stream, connection, make_response(problem(413, "Too large", "the request is larger than this server reads"), 11, false, false));
                break;
            }
            if (read_error && read_error != http::error::end_of_stream && read_error.category() == http::make_error_code(http::error::bad_method).category()) {
                co_await write(stream, connection, make_response(problem(400, "Bad request", "the request cannot be read"), 11, false, false));
                break;
            }
            if (read_error) break;
            const auto& request = parser.get();
            if (takes_web_socket(request, connection.by_certificate)) {
                connection.is_stream = true;
                co_await serve_web_socket(stream, request, sources, live);
                co_return;
            }
            const bool keep_alive = request.keep_alive() && i + 1 < kRequestsPerConnection;
            const auto reply = co_await reply_in_time(request, connection.by_certificate);
            if (!co_await write(stream, connection, make_response(reply, request.version(), keep_alive, request.method() == http::verb::head)) || !keep_alive)
                break;
        }
    }

    template <class Stream>
    asio::awaitable<bool> write(Stream& stream, Connection& connection, Response response) {
        connection.since = std::chrono::steady_clock::now();
        connection.answer_bytes = std::max<std::size_t>(response.body().size(), 1);
        while (answer_bytes() > kAnswerBytesMax && push_out([&](const Connection& other) { return &other != &connection && other.answer_bytes > 0; })) {}
        connection.lowest().expires_after(kAnswerTimeout);
        http::response_serializer<http::string_body> serializer(response);
        // A HEAD answer carries the length of a body that is not sent.
        if (response.body().empty()) {
            auto [error, bytes] = co_await http::async_write_header(stream, serializer, kAwait);
            connection.answer_bytes = 0;
            co_return !error;
        }
        auto [error, bytes] = co_await http::async_write(stream, serializer, kAwait);
        connection.answer_bytes = 0;
        co_return !error;
    }

    asio::awaitable<void> accept() {
        asio::steady_timer pause(io);
        for (;;) {
            auto [error, socket] = co_await acceptor.async_accept(kAwait);
            if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
            if (error) {  // out of descriptors: an accept would fail again at once
                pause.expires_after(kAcceptPause);
                co_await pause.async_wait(kAwait);
                continue;
            }
            const auto open = static_cast<std::size_t>(std::count_if(connections.begin(), connections.end(), [](const Connection& one) { return !one.is_closed; }));
            if (open >= kConnectionsMax) push_out([](const Connection&) { return true; });
            const auto place = tls ? connections.emplace(connections.end(), std::move(socket), tls->context()) : connections.emplace(connections.end(), std::move(socket));
            asio::co_spawn(io, serve(*place), [this, place](std::exception_ptr failure) {
                connections.erase(place);
                if (!failure) return;
                try {
                    std::rethrow_exception(failure);
                } catch (const std::exception& e) {
                    log_error("an HTTP request failed", {{"error", e.what()}});
                }
            });
        }
    }

    void run() {
        for (;;) {
            try {
                io.run();
                return;
            } catch (const std::exception& e) {
                log_error("the HTTP server failed and goes on", {{"error", e.what()}});
            }
        }
    }
};

HttpServer::HttpServer(const config::Admin& config, const Sources& sources) : impl_(std::make_unique<Impl>(config, sources)) {}
HttpServer::~HttpServer() { stop(); }

void HttpServer::start() {
    asio::co_spawn(impl_->io, impl_->accept(), asio::detached);
    impl_->thread = std::thread([this] { impl_->run(); });
}

void HttpServer::stop() {
    impl_->io.stop();
    impl_->aside.stop();
    impl_->aside.join();
    if (impl_->thread.joinable()) impl_->thread.join();
}

std::string HttpServer::url() const {
    const auto endpoint = impl_->acceptor.local_endpoint();
    const std::string host = endpoint.address().to_string();
    return (impl_->tls ? "https://" : "http://") + (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

}  // namespace larder::admin
