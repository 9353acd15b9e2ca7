// Options of TCP sockets. Best effort: a socket without them works. Unix sockets have none.
#pragma once

#include <chrono>

namespace larder::proxy {

void set_client_options(int descriptor, int family, std::chrono::milliseconds keepalive_idle);
void set_server_options(int descriptor, int family);

}  // namespace larder::proxy
