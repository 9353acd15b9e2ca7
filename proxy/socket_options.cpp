#include "proxy/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace larder::proxy {
namespace {

constexpr int kKeepaliveSecondsDefault = 60;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 6;

void set(int descriptor, int level, int option, int value) { setsockopt(descriptor, level, option, &value, sizeof value); }

void set_tcp(int descriptor, int family, int keepalive_seconds) {
    if (family == AF_UNIX) return;
    set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    if (keepalive_seconds <= 0) return;
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_seconds);
    set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
    set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

}  // namespace

void set_client_options(int descriptor, int family, std::chrono::milliseconds keepalive_idle) {
    set_tcp(descriptor, family, static_cast<int>((keepalive_idle.count() + 999) / 1000));
}

void set_server_options(int descriptor, int family) { set_tcp(descriptor, family, kKeepaliveSecondsDefault); }

}  // namespace larder::proxy
