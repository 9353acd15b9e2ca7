#include "proxy/socket_options.h"

#include <arpa/inet.h>
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

std::string shown(const sockaddr_storage& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
    }
    if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    return "unix";
}

std::string local_address(int descriptor) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    return shown(address);
}

}  // namespace larder::proxy
