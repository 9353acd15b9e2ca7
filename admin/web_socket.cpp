#include "admin/web_socket.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include "base/clock.h"

namespace larder::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::chrono::milliseconds kLook{100};
constexpr std::chrono::seconds kHandshakeMax{10}, kSilenceMax{30};
constexpr int kSendBufferBytes = 64 * 1024;
constexpr std::size_t kMessageBytesMax = 1024;  // from a client, whose messages are thrown away

struct Talk {
    explicit Talk(beast::tcp_stream& stream) : socket(stream), timer(stream.get_executor()) {}

    websocket::stream<beast::tcp_stream&> socket;
    asio::steady_timer timer;
    bool is_over = false;  // nothing more comes from the client
};

// What comes from the client: pongs, its farewell, and texts that nobody reads.
asio::awaitable<void> listen(Talk& talk) {
    beast::flat_buffer buffer(kMessageBytesMax);
    for (;;) {
        auto [error, bytes] = co_await talk.socket.async_read(buffer, kAwait);
        if (error) co_return;
        buffer.clear();
    }
}

asio::awaitable<bool> pause(Talk& talk, std::chrono::milliseconds time) {
    if (talk.is_over) co_return false;
    talk.timer.expires_after(time);
    co_await talk.timer.async_wait(kAwait);
    co_return !talk.is_over;
}

// False: it was not taken.
asio::awaitable<bool> send(Talk& talk, const std::string& text, const Sources& sources) {
    auto [error, bytes] = co_await talk.socket.async_write(asio::buffer(text), kAwait);
    if (error == beast::error::timeout && sources.events != nullptr) sources.events->count_dropped("websocket");
    co_return !error;
}

asio::awaitable<void> send_events(Talk& talk, EventStream events, const Sources& sources) {
    for (;;) {
        const auto texts = events.take(wall_clock_us());
        for (const auto& text : texts) {
            if (talk.is_over || !co_await send(talk, text, sources)) co_return;
        }
        if (events.is_too_slow()) {
            sources.events->count_dropped("websocket");
            co_await talk.socket.async_close({websocket::close_code::try_again_later, "events were lost: come back with ?from="}, kAwait);
            co_return;
        }
        if (texts.empty() && !co_await pause(talk, kLook)) co_return;
    }
}

asio::awaitable<void> send_statements(Talk& talk, LiveStream& live, const Sources& sources) {
    std::uint64_t sent = 0;
    do {
        const auto newest = live.newest(*sources.traffic, wall_clock_us());
        if (std::exchange(sent, newest.number) != newest.number && !co_await send(talk, newest.text, sources)) co_return;
    } while (co_await pause(talk, kLook));
}

}  // namespace

bool wants_web_socket(const WebRequest& request) { return websocket::is_upgrade(request); }

asio::awaitable<void> serve_web_socket(beast::tcp_stream& stream, const WebRequest& request, const Sources& sources, LiveStream& live) {
    stream.expires_never();
    error_code ignored_error;
    // What the kernel keeps for a client that takes nothing.
    stream.socket().set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored_error);
    Talk talk(stream);
    talk.socket.set_option(websocket::stream_base::timeout{kHandshakeMax, kSilenceMax, true});
    talk.socket.read_message_max(kMessageBytesMax);
    auto [error] = co_await talk.socket.async_accept(request, kAwait);
    if (error) co_return;
    asio::co_spawn(stream.get_executor(), listen(talk), [&talk](std::exception_ptr) {
        talk.is_over = true;
        talk.timer.cancel();
    });
    const std::string_view target(request.target().data(), request.target().size());
    const auto path = target.substr(0, target.find('?'));
    HttpReply ignored;
    if (path == "/live") {
        co_await send_statements(talk, live, sources);
    } else {
        co_await send_events(
            talk, EventStream(*sources.events, *event_wish(target.substr(std::min(path.size() + 1, target.size())), false, ignored)),
            sources);
    }
    stream.close();
    while (co_await pause(talk, std::chrono::hours(1))) {}  // listen() refers to `talk`
}

}  // namespace larder::admin
