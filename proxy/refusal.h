// Tells a client for whom there is no room that this is so, in a way that its library shows.
//
// libpq shows no error that comes in answer to its SSLRequest (CVE-2024-10977), and an error sent before the start-up packet
// was read may be lost in a reset. So the requests are answered 'N', the start-up packet is read, and then comes the error.
// Threads: the io_context's.
#pragma once

#include <functional>
#include <string>

#include "proxy/asio.h"

namespace larder::proxy {

// Takes the descriptor over and is done with it after two seconds at most; `done` is called exactly once, later.
void refuse_client(asio::io_context& io, int descriptor, int family, std::string error, std::function<void()> done);

}  // namespace larder::proxy
