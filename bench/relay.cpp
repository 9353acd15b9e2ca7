// bench_relay: a proxy that looks at nothing. One thread, raw epoll, a connection of its own to the server for each client; what comes
// from one side goes to the other, in six system calls per query. What passes through a proxy of this kind cannot cost less, so this is
// to the pass-through what bench_responder is to a hit.
//
//   bench_relay --port N --upstream N [--host 127.0.0.1]
#include <sys/epoll.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "bench/flags.h"
#include "bench/socket.h"

namespace larder::bench {

namespace {

struct Pair;

struct Side {
    Pair* pair = nullptr;
    Side* other = nullptr;
    int fd = -1;
    OutBuffer out;  // to this side; while there is any, the other one is not read
    std::uint32_t interest = EPOLLIN;
};

struct Pair {
    Pair() { client.pair = server.pair = this, client.other = &server, server.other = &client; }
    ~Pair() {
        for (const Side* side : {&client, &server}) {
            if (side->fd >= 0) close(side->fd);
        }
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    Side client, server;
    bool is_over = false;
};

class Relay {
public:
    Relay(const std::string& host, std::uint16_t port, std::uint16_t upstream)
        : host_(host), upstream_(upstream), epoll_(epoll_create1(EPOLL_CLOEXEC)), listener_(listen_on(host, port)) {
        epoll_event event{};
        event.events = EPOLLIN;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) die("epoll_ctl");
    }

    [[noreturn]] void run() {
        epoll_event events[256];
        for (;;) {
            const int count = epoll_wait(epoll_, events, 256, -1);
            if (count < 0 && errno != EINTR) die("epoll_wait");
            for (int i = 0; i < count; ++i) {
                auto* side = static_cast<Side*>(events[i].data.ptr);
                if (side == nullptr)
                    accept_all();
                else if (!side->pair->is_over && !serve(*side, events[i].events))
                    side->pair->is_over = true;
            }
            // Both sides of one may be among the events.
            for (int i = 0; i < count; ++i) {
                auto* side = static_cast<Side*>(events[i].data.ptr);
                if (side == nullptr || !side->pair->is_over) continue;
                for (int later = i + 1; later < count; ++later) {
                    if (events[later].data.ptr == side->other || events[later].data.ptr == side) events[later].data.ptr = nullptr;
                }
                delete side->pair;
            }
        }
    }

private:
    void accept_all() {
        for (;;) {
            const int fd = accept_from(listener_);
            if (fd < 0) return;
            auto pair = std::make_unique<Pair>();
            pair->client.fd = fd;
            pair->server.fd = connect_to(host_, upstream_, 0);
            if (pair->server.fd < 0 || !watch(EPOLL_CTL_ADD, pair->client) || !watch(EPOLL_CTL_ADD, pair->server)) continue;
            pair.release();
        }
    }

    bool watch(int operation, Side& side) {
        epoll_event event{};
        event.events = side.interest;
        event.data.ptr = &side;
        return epoll_ctl(epoll_, operation, side.fd, &event) == 0;
    }

    // False when the pair has to be closed.
    bool serve(Side& side, std::uint32_t ready) {
        if (ready & EPOLLOUT && !send(side)) return false;
        if (!(ready & EPOLLIN)) return !(ready & (EPOLLHUP | EPOLLERR));
        std::size_t got = 0;
        switch (receive(side.fd, buffer_, sizeof buffer_, got)) {
            case Io::closed: return false;
            case Io::would_block: return true;
            case Io::done: break;
        }
        side.other->out.bytes().append(buffer_, got);
        return send(*side.other);
    }

    bool send(Side& side) {
        if (side.out.flush(side.fd) == Io::closed) return false;
        return want(side, EPOLLOUT, !side.out.is_empty()) && want(*side.other, EPOLLIN, side.out.is_empty());
    }

    bool want(Side& side, std::uint32_t event, bool is_wanted) {
        const std::uint32_t wanted = is_wanted ? side.interest | event : side.interest & ~event;
        if (wanted == side.interest) return true;
        side.interest = wanted;
        return watch(EPOLL_CTL_MOD, side);
    }

    const std::string host_;
    const std::uint16_t upstream_;
    int epoll_, listener_;
    char buffer_[64 << 10];
};

}  // namespace

}  // namespace larder::bench

int main(int argc, char** argv) {
    using namespace larder::bench;
    std::string host = "127.0.0.1";
    int port = 0, upstream = 0;
    if (!read_flags(argc, argv, {{"--port", &port}, {"--upstream", &upstream}}, host) || !is_port(port) || !is_port(upstream)) {
        std::fprintf(stderr, "usage: bench_relay --port N --upstream N [--host ADDRESS]\n");
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    Relay(host, static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(upstream)).run();
}
