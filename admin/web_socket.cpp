#include "admin/web_socket.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

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

template <class Stream>
struct Talk {
    explicit Talk(Stream& stream) : socket(stream), timer(stream.get_executor()) {}

    websocket::stream<Stream&> socket;
    asio::steady_timer timer;
    bool is_over = false;  // nothing more comes from the client
};

// What comes from the client: pongs, its farewell, and texts that nobody reads.
template <class Stream>
asio::awaitable<void> listen(Talk<Stream>& talk) {
    beast::flat_buffer buffer(kMessageBytesMax);
    for (;;) {
        auto [error, bytes] = co_await talk.socket.async_read(buffer, kAwait);
        if (error) co_return;
        buffer.clear();
    }
}

template <class Stream>
asio::awaitable<bool> pause(Talk<Stream>& talk, std::chrono::milliseconds time) {
    if (talk.is_over) co_return false;
    talk.timer.expires_after(time);
    co_await talk.timer.async_wait(kAwait);
    co_return !talk.is_over;
}

// False: it was not taken.
template <class Stream>
asio::awaitable<bool> send(Talk<Stream>& talk, const std::string& text, const Sources& sources) {
    auto [error, bytes] = co_await talk.socket.async_write(asio::buffer(text), kAwait);
    if (error == beast::error::timeout && sources.events != nullptr) sources.events->count_dropped("websocket");
    co_return !error;
}

template <class Stream>
asio::awaitable<void> send_events(Talk<Stream>& talk, EventStream events, const Sources& sources) {
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

template <class Stream>
asio::awaitable<void> send_statements(Talk<Stream>& talk, LiveStream& live, const Sources& sources) {
    std::uint64_t sent = 0;
    do {
        const auto newest = live.newest(*sources.traffic, wall_clock_us());
        if (std::exchange(sent, newest.number) != newest.number && !co_await send(talk, newest.text, sources)) co_return;
    } while (co_await pause(talk, kLook));
}

}  // namespace

bool wants_web_socket(const WebRequest& request) { return websocket::is_upgrade(request); }

namespace {

constexpr std::string_view kSubprotocol = "larder", kBearerProtocol = "bearer.";

// The subprotocols that are offered, one after the other.
template <class Take>
void each_protocol(const WebRequest& request, Take take) {
    for (const auto& protocol : beast::http::token_list(request[beast::http::field::sec_websocket_protocol])) take(std::string_view(protocol.data(), protocol.size()));
}

std::string from_hex(std::string_view digits) {
    std::string text;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
        unsigned char byte = 0;
        if (std::from_chars(digits.data() + at, digits.data() + at + 2, byte, 16).ptr != digits.data() + at + 2) return {};
        text += static_cast<char>(byte);
    }
    return text;
}

}  // namespace

std::string authorization_of_stream(const WebRequest& request) {
    const auto header = request[beast::http::field::authorization];
    std::string shown(header.data(), header.size());
    each_protocol(request, [&](std::string_view protocol) {
        if (shown.empty() && protocol.starts_with(kBearerProtocol)) shown = "Bearer " + from_hex(protocol.substr(kBearerProtocol.size()));
    });
    return shown;
}

template <class Stream>
asio::awaitable<void> serve_web_socket(Stream& stream, const WebRequest& request, const Sources& sources, LiveStream& live) {
    auto& tcp = beast::get_lowest_layer(stream);
    tcp.expires_never();
    error_code ignored_error;
    // What the kernel keeps for a client that takes nothing.
    tcp.socket().set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored_error);
    bool agrees = false;
    each_protocol(request, [&](std::string_view protocol) { agrees |= protocol == kSubprotocol; });
    Talk<Stream> talk(stream);
    talk.socket.set_option(websocket::stream_base::timeout{kHandshakeMax, kSilenceMax, true});
    talk.socket.read_message_max(kMessageBytesMax);
    if (agrees) {
        talk.socket.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
            response.set(beast::http::field::sec_websocket_protocol, std::string(kSubprotocol));
        }));
    }
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
    tcp.close();
    while (co_await pause(talk, std::chrono::hours(1))) {}  // listen() refers to `talk`
}

template asio::awaitable<void> serve_web_socket(beast::tcp_stream&, const WebRequest&, const Sources&, LiveStream&);
template asio::awaitable<void> serve_web_socket(beast::ssl_stream<beast::tcp_stream>&, const WebRequest&, const Sources&, LiveStream&);

}  // namespace larder::admin
