// Tells a client for whom there is no room that this is so, in a way that its library shows.
//
// libpq shows no error that comes in answer to its SSLRequest (CVE-2024-10977), and an error sent before the start-up packet
// was read may be lost in a reset. So the requests are answered 'N', the start-up packet is read, and then comes the error.
// A CancelRequest is let through all the same: when all places are taken, long statements are what is to be ended.
// Threads: the io_context's.
#pragma once

#include <functional>
#include <string>

#include "protocol/cancel_key.h"
#include "proxy/asio.h"

namespace larder::proxy {

// `delivered` may be called by any thread, once: the server has been told, or needs not be. Until then the one who asked
// sees his connection open, as libpq expects.
using CancelHandler = std::function<void(const protocol::CancelKey& key, std::function<void()> delivered)>;

// Takes the descriptor over and is done with it after two seconds at most, but for a cancel under way; `done` is called
// exactly once, later.
void refuse_client(asio::io_context& io, int descriptor, int family, std::string error, CancelHandler on_cancel, std::function<void()> done);

}  // namespace larder::proxy
