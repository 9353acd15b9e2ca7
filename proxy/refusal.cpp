#include "proxy/refusal.h"

#include <array>
#include <memory>

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "protocol/startup.h"

namespace larder::proxy {
namespace {

constexpr std::chrono::seconds kTimeout{2};
constexpr int kRequestsMax = 2;                    // SSLRequest and GSSENCRequest
constexpr std::size_t kStartupBytesMax = 10'000;   // PostgreSQL's own limit
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>{});

struct Refused {
    Refused(asio::io_context& context, std::string text, CancelHandler handler)
        : io(context), socket(context.get_executor()), timer(context.get_executor(), kTimeout), error(std::move(text)), on_cancel(std::move(handler)) {}
    asio::io_context& io;
    Socket socket;
    Timer timer;
    std::string error;
    CancelHandler on_cancel;
};

void route_cancel(std::shared_ptr<Refused> client, Bytes body) {
    const auto request = protocol::CancelRequest::decode(body);
    if (!request) return;
    const auto key = protocol::CancelKey::make(request->pid, request->secret);
    if (!key) return;
    asio::io_context& io = client->io;
    const CancelHandler& on_cancel = client->on_cancel;
    // The connection lives as long as its handler; that comes back here to be destroyed, since the socket is this thread's.
    on_cancel(*key, [&io, client]() mutable { asio::post(io, [kept = std::move(client)] {}); });
}

Awaitable<void> run(std::shared_ptr<Refused> client) {
    for (int requests = 0;;) {
        std::array<char, 8> head;
        auto [head_error, head_bytes] = co_await asio::async_read(client->socket, asio::buffer(head), kAwait);
        if (head_error) co_return;
        const std::uint32_t length = load_be32(head.data()), code = load_be32(head.data() + 4);
        const bool is_request = length == head.size() && (code == protocol::kSslRequestCode || code == protocol::kGssEncRequestCode);
        if (is_request && ++requests <= kRequestsMax) {
            auto [error, bytes] = co_await asio::async_write(client->socket, asio::buffer("N", 1), kAwait);
            if (error) co_return;
            continue;
        }
        // What is no start-up packet gets no answer.
        if (is_request || length < head.size() || length > kStartupBytesMax) co_return;
        std::string rest(length - head.size(), '\0');
        auto [rest_error, rest_bytes] = co_await asio::async_read(client->socket, asio::buffer(rest), kAwait);
        if (rest_error) co_return;
        if (code == protocol::kCancelRequestCode) {
            route_cancel(client, std::string(head.data() + 4, 4) + rest);
            co_return;
        }
        co_await asio::async_write(client->socket, asio::buffer(client->error), kAwait);
        co_return;
    }
}

}  // namespace

void refuse_client(asio::io_context& io, int descriptor, int family, std::string error, CancelHandler on_cancel, std::function<void()> done) {
    auto client = std::make_shared<Refused>(io, std::move(error), std::move(on_cancel));
    boost::system::error_code failed;
    client->socket.assign(asio::generic::stream_protocol(family, 0), descriptor, failed);
    if (failed) {
        ::close(descriptor);
        return done();
    }
    client->timer.async_wait([client](const boost::system::error_code& cancelled) {
        boost::system::error_code ignored;
        if (!cancelled) client->socket.close(ignored);
    });
    asio::co_spawn(io.get_executor(), run(client), [client, done = std::move(done)](std::exception_ptr) {
        client->timer.cancel();
        done();
    });
}

}  // namespace larder::proxy
