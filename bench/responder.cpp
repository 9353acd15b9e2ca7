// bench_responder: a server that knows one answer. One thread, raw epoll, three system calls per request, and no
// look at what a message says beyond its type: the least that anything which answers a client over TCP can cost.
// A cache hit is compared with it.
//
//   bench_responder --port N [--host 127.0.0.1] [--rows 1] [--row-bytes 60]
//
// Every Query gets the same rows; so does every Execute. Logs everybody in.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/flags.h"
#include "bench/socket.h"
#include "bench/wire.h"

namespace larder::bench {

namespace {

// A client that sends without reading is not read from until this much has been taken.
constexpr std::size_t kOwedBytesMax = 8u << 20;
constexpr std::uint32_t kStartupBytesMax = 10'000;
constexpr std::uint32_t kTypeText = 25;

// The parts of the answer, made once.
struct Canned {
    std::string welcome, description, rows, ready, simple;

    Canned(int row_count, int row_bytes) {
        append_message(welcome, 'R', std::string_view("\0\0\0\0", 4));
        for (const std::string_view setting : {std::string_view("server_version\00015.0\0", 20), std::string_view("client_encoding\0UTF8\0", 21),
                                               std::string_view("standard_conforming_strings\0on\0", 31), std::string_view("integer_datetimes\0on\0", 21)})
            append_message(welcome, 'S', setting);
        append_message(welcome, 'K', std::string_view("\0\0\0\1\0\0\0\1", 8));
        append_message(ready, 'Z', "I");
        welcome += ready;
        append_row_description(description, "v", kTypeText);
        for (int i = 0; i < row_count; ++i) append_data_row(rows, std::string(static_cast<std::size_t>(row_bytes), 'x'));
        append_message(rows, 'C', std::string("SELECT ") + std::to_string(row_count) + '\0');
        simple = description + rows + ready;
    }
};

class Connection {
public:
    Connection(int socket, const Canned& answers) : fd(socket), canned_(answers) {}
    ~Connection() { close(fd); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // False when the connection has to be closed.
    bool take(std::string_view chunk) {
        if (!is_started_) {
            startup_.append(chunk);
            while (!is_started_) {
                if (startup_.size() < 8) return true;
                const auto length = load_u32(startup_.data());
                if (length < 8 || length > kStartupBytesMax) return false;
                if (startup_.size() < length) return true;
                const auto code = load_u32(startup_.data() + 4);
                if (code == kCancelRequest) return false;
                if (code == kSslRequest || code == kGssRequest) {
                    out.bytes().push_back('N');
                } else {
                    out.bytes() += canned_.welcome;
                    is_started_ = true;
                }
                startup_.erase(0, length);
            }
            chunk = startup_;
        }
        reader_.feed(chunk);
        Message message;
        while (reader_.next(message))
            if (!answer(message)) return false;
        return !reader_.is_broken();
    }

    const int fd;
    OutBuffer out;
    std::uint32_t interest = EPOLLIN;

private:
    bool answer(const Message& message) {
        auto& bytes = out.bytes();
        switch (message.type) {
        case 'Q': bytes += canned_.simple; return true;
        case 'P': bytes.append("1\0\0\0\4", 5); return true;
        case 'B': bytes.append("2\0\0\0\4", 5); return true;
        case 'C': bytes.append("3\0\0\0\4", 5); return true;
        case 'D':
            if (!message.body.empty() && message.body.front() == 'S') bytes.append("t\0\0\0\6\0\0", 7);
            bytes += canned_.description;
            return true;
        case 'E': bytes += canned_.rows; return true;
        case 'S': bytes += canned_.ready; return true;
        case 'H': return true;
        default: return false;
        }
    }

    const Canned& canned_;
    MessageReader reader_;
    std::string startup_;
    bool is_started_ = false;
};

class Responder {
public:
    Responder(const std::string& host, std::uint16_t port, const Canned& canned)
        : canned_(canned), epoll_(epoll_create1(EPOLL_CLOEXEC)), listener_(listen_on(host, port)) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = nullptr;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) die("epoll_ctl");
    }

    [[noreturn]] void run() {
        epoll_event events[256];
        for (;;) {
            const int count = epoll_wait(epoll_, events, 256, -1);
            if (count < 0 && errno != EINTR) die("epoll_wait");
            for (int i = 0; i < count; ++i) {
                auto* connection = static_cast<Connection*>(events[i].data.ptr);
                if (connection == nullptr) accept_all();
                else if (!serve(*connection, events[i].events)) delete connection;
            }
        }
    }

private:
    void accept_all() {
        for (;;) {
            const int fd = accept_from(listener_);
            if (fd < 0) return;
            auto connection = std::make_unique<Connection>(fd, canned_);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.ptr = connection.get();
            if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) connection.release();
        }
    }

    bool serve(Connection& connection, std::uint32_t ready) {
        if (ready & EPOLLIN && connection.out.size() < kOwedBytesMax) {
            std::size_t got = 0;
            switch (receive(connection.fd, buffer_, sizeof buffer_, got)) {
            case Io::closed: return false;
            case Io::would_block: break;
            case Io::done:
                if (!connection.take({buffer_, got})) return false;
            }
        } else if (ready & (EPOLLHUP | EPOLLERR)) {
            return false;
        }
        if (connection.out.flush(connection.fd) == Io::closed) return false;
        const std::uint32_t wanted = (connection.out.is_empty() ? 0u : static_cast<unsigned>(EPOLLOUT)) |
                                     (connection.out.size() < kOwedBytesMax ? static_cast<unsigned>(EPOLLIN) : 0u);
        if (wanted == connection.interest) return true;
        connection.interest = wanted;
        epoll_event event{};
        event.events = wanted;
        event.data.ptr = &connection;
        return epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) == 0;
    }

    const Canned& canned_;
    int epoll_, listener_;
    char buffer_[64 << 10];
};

}  // namespace

}  // namespace larder::bench

int main(int argc, char** argv) {
    using namespace larder::bench;
    std::string host = "127.0.0.1";
    int port = 0, rows = 1, row_bytes = 60;
    if (!read_flags(argc, argv, {{"--port", &port}, {"--rows", &rows}, {"--row-bytes", &row_bytes}}, host) || !is_port(port)) {
        std::fprintf(stderr, "usage: bench_responder --port N [--host ADDRESS] [--rows N] [--row-bytes N]\n");
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const Canned canned(rows, row_bytes);
    Responder(host, static_cast<std::uint16_t>(port), canned).run();
}
