#include "admin/http_client.h"

#include <charconv>
#include <stdexcept>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace larder::admin {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<tcp::socket&>;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::uint32_t kHeaderBytesMax = 16 * 1024;
// So often is looked whether the request was cancelled.
constexpr std::chrono::milliseconds kSlice{50};

using Request = http::request<http::string_body>;

Request request_of(const HttpCall& call, const config::HttpAddress& address) {
    Request request;
    request.method_string(call.method);
    request.target(call.path);
    request.version(11);
    request.set(http::field::host, address.authority);
    request.set(http::field::user_agent, "larder");
    request.set(http::field::connection, "close");
    for (const auto& [name, value] : call.headers) request.set(name, value);
    if (!call.content_type.empty()) request.set(http::field::content_type, call.content_type);
    request.body() = call.body;
    if (!call.content_type.empty() || !call.body.empty()) request.prepare_payload();
    return request;
}

template <class Stream>
asio::awaitable<void> exchange(Stream& stream, const Request& request, HttpResult& out) {
    if (const auto [error, bytes] = co_await http::async_write(stream, request, kAwait); error) {
        out.problem = "the request could not be sent: " + error.message();
        co_return;
    }
    boost::beast::flat_buffer buffer;
    http::response_parser<http::empty_body> parser;
    parser.header_limit(kHeaderBytesMax);
    if (const auto [error, bytes] = co_await http::async_read_header(stream, buffer, parser, kAwait); error) {
        out.problem = "there was no answer: " + error.message();
        co_return;
    }
    out.status = static_cast<int>(parser.get().result_int());
    const auto after = parser.get()[http::field::retry_after];
    long seconds = 0;
    const auto end = std::from_chars(after.data(), after.data() + after.size(), seconds);
    if (end.ec == std::errc() && end.ptr == after.data() + after.size() && seconds >= 0) out.retry_after = std::chrono::seconds(seconds);
}

}  // namespace

struct HttpClient::Tls {
    asio::ssl::context context{asio::ssl::context::tls_client};
};

struct HttpClient::Exchange {
    const config::HttpAddress& address;
    Tls* tls;
    Request request;
    asio::io_context io{1};
    tcp::resolver resolver{io};
    tcp::socket socket{io};
    HttpResult result = {};
    bool is_done = false;

    asio::awaitable<void> run() {
        const auto [error, found] = co_await resolver.async_resolve(address.host, std::to_string(address.port), kAwait);
        if (error) {
            result.problem = "the host's name was not found: " + error.message();
            co_return;
        }
        if (const auto [failed, at] = co_await asio::async_connect(socket, found, kAwait); failed) {
            result.problem = "could not connect: " + failed.message();
            co_return;
        }
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        if (tls == nullptr) {
            co_await exchange(socket, request, result);
            co_return;
        }
        TlsStream stream(socket, tls->context);
        if (!prepare(stream)) co_return;
        if (const auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAwait); failed) {
            result.problem = "TLS: " + failed.message();
            co_return;
        }
        co_await exchange(stream, request, result);
    }

    bool prepare(TlsStream& stream) {
        error_code failed;
        asio::ip::make_address(address.host, failed);
        // A name in SNI must not be an address.
        if (failed && SSL_set_tlsext_host_name(stream.native_handle(), address.host.c_str()) != 1) {
            result.problem = "TLS: the host's name cannot be asked for";
            return false;
        }
        stream.set_verify_callback(asio::ssl::host_name_verification(address.host));
        return true;
    }
};

HttpClient::HttpClient(config::HttpAddress address, const std::string& ca_file) : address_(std::move(address)) {
    if (!address_.is_tls) return;
    tls_ = std::make_unique<Tls>();
    auto& context = tls_->context;
    context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    context.set_verify_mode(asio::ssl::verify_peer);
    error_code error;
    if (ca_file.empty())
        context.set_default_verify_paths(error);
    else
        context.load_verify_file(ca_file, error);
    if (error) throw std::runtime_error("authorities cannot be read from '" + ca_file + "': " + error.message());
}

HttpClient::~HttpClient() = default;

void HttpClient::cancel() { is_cancelled_ = true; }

HttpResult HttpClient::send(const HttpCall& call, std::chrono::milliseconds timeout) {
    Exchange one{address_, tls_.get(), request_of(call, address_)};
    std::string problem;
    asio::co_spawn(one.io, one.run(), [&](const std::exception_ptr& thrown) {
        one.is_done = true;
        if (!thrown) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
            problem = e.what();
        }
    });
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!one.is_done && !is_cancelled_) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        one.io.run_for(std::min(left, kSlice));
    }
    if (!one.is_done) return {.problem = is_cancelled_ ? "Larder is stopping" : "there was no answer in time"};
    if (!problem.empty()) return {.problem = problem};
    return one.result;
}

}  // namespace larder::admin
