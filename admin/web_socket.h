// One WebSocket of the admin port, from the request that asks for it to its end (Boost.Beast).
//
// Nothing that a client sends counts, beyond that it is there: a client that answers no ping for kSilenceMax is closed. One that takes too long
// for what it is sent loses its connection with code 1013 (try again later), or without one where it takes nothing at all, and is
// counted in larder_events_dropped_total{sink="websocket"}: it can come back with the last id that it has.
// Threads: the HTTP server's.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "admin/streams.h"

namespace larder::admin {

using WebRequest = boost::beast::http::request<boost::beast::http::string_body>;

// `request`: one for which answer_of_stream() says 426. `stream` outlives this: a tcp_stream, or one in TLS. It ends when the connection has.
template <class Stream>
boost::asio::awaitable<void> serve_web_socket(Stream& stream, const WebRequest& request, const Sources& sources, LiveStream& live);
extern template boost::asio::awaitable<void> serve_web_socket(boost::beast::tcp_stream&, const WebRequest&, const Sources&, LiveStream&);
extern template boost::asio::awaitable<void> serve_web_socket(boost::beast::ssl_stream<boost::beast::tcp_stream>&, const WebRequest&, const Sources&, LiveStream&);

// It asks for a WebSocket.
bool wants_web_socket(const WebRequest& request);

// The header Authorization of a request for a WebSocket. A page in a browser cannot set it, so it offers the subprotocol "bearer." with the token in
// hexadecimal, besides kSubprotocol, which is the one that is agreed on.
std::string authorization_of_stream(const WebRequest& request);

}  // namespace larder::admin
