// The Asio types that proxy/ uses. Executors are typed: any_io_executor costs an indirect call and an allocation per operation.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

namespace larder::proxy {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
// One type for TCP and Unix sockets.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;

}  // namespace larder::proxy
