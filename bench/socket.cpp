#include "bench/socket.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace larder::bench {

namespace {

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) die("not an IPv4 address: " + host);
    return address;
}

void set_option(int fd, int level, int name) {
    const int on = 1;
    if (setsockopt(fd, level, name, &on, sizeof on) != 0) die("setsockopt");
}

}  // namespace

void die(std::string_view what) {
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(what.size()), what.data(), std::strerror(errno));
    std::exit(1);
}

int listen_on(const std::string& host, std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    const auto address = address_of(host, port);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
    if (listen(fd, 4096) != 0) die("listen");
    return fd;
}

int accept_from(int listener) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int on = 1;
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // of one that has gone again: no matter
    return fd;
}

int connect_to(const std::string& host, std::uint16_t port, int source) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (source != 0) {
        set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
        const auto local = address_of("127.0.0." + std::to_string(source), 0);
        if (bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) die("bind");
    }
    const auto address = address_of(host, port);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

Io OutBuffer::flush(int fd) {
    while (!is_empty()) {
        const auto sent = send(fd, bytes_.data() + sent_, size(), MSG_NOSIGNAL);
        if (sent > 0) {
            sent_ += static_cast<std::size_t>(sent);
        } else if (errno == EAGAIN) {
            return Io::would_block;
        } else if (errno != EINTR) {
            return Io::closed;
        }
    }
    bytes_.clear();
    sent_ = 0;
    return Io::done;
}

Io receive(int fd, char* buffer, std::size_t size, std::size_t& got) {
    for (;;) {
        const auto count = recv(fd, buffer, size, 0);
        got = count > 0 ? static_cast<std::size_t>(count) : 0;
        if (count > 0) return Io::done;
        if (count == 0) return Io::closed;
        if (errno == EAGAIN) return Io::would_block;
        if (errno != EINTR) return Io::closed;
    }
}

}  // namespace larder::bench
