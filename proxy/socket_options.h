// Options of TCP sockets, and addresses for people. Best effort: a socket without them works. Unix sockets have none.
#pragma once

#include <chrono>
#include <string>

struct sockaddr_storage;

namespace larder::proxy {

void set_client_options(int descriptor, int family, std::chrono::milliseconds keepalive_idle);
void set_server_options(int descriptor, int family);

std::string shown(const sockaddr_storage& address);   // "127.0.0.1:5123", "[::1]:5123" or "unix"
std::string local_address(int descriptor);            // of this end

}  // namespace larder::proxy
