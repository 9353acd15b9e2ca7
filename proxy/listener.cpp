#include "proxy/listener.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "protocol/error.h"
#include "proxy/refusal.h"
#include "proxy/socket_options.h"

namespace larder::proxy {
namespace {

constexpr int kAcceptsPerEvent = 64;
constexpr std::chrono::milliseconds kPause{100};
constexpr std::int64_t kLogPauseEveryUs = 10'000'000;
// Clients that are being told at one time; the rest is closed without a word.
constexpr int kRefusingMax = 256;
constexpr int kBacklog = 4096;

// All zeros if it cannot be told.
sockaddr_storage bound_to(int descriptor) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
    return bound;
}

// A socket that is closed unless it is released.
class Owned {
public:
    explicit Owned(int descriptor) : descriptor_(descriptor) {}
    ~Owned() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    int get() const { return descriptor_; }
    int release() { return std::exchange(descriptor_, -1); }

private:
    int descriptor_;
};

[[noreturn]] void fail(const std::string& where, int error) {
    throw std::runtime_error("cannot listen on " + where + ": " + std::strerror(error));
}

}  // namespace

Listener::Listener(Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers, const std::vector<int>& passed)
    : shared_(shared), workers_(workers), pause_timer_(workers.front()->io().get_executor()) {
    for (const int descriptor : passed) take_passed(descriptor);
    if (!passed.empty()) return;
    const config::Listen& listen = shared.config.listen;
    if (listen.address.host.starts_with('/')) listen_unix(listen.address.host, listen.address.port);
    else listen_tcp(listen.address);
    if (!listen.unix_socket_dir.empty() && listen.unix_socket_dir != listen.address.host) listen_unix(listen.unix_socket_dir, listen.address.port);
}

Listener::~Listener() {
    for (const auto& path : unix_paths_) ::unlink(path.c_str());
}

void Listener::add(int descriptor, const std::string& address) {
    if (address_.empty()) address_ = address;
    sockets_.push_back(std::make_unique<Socket>(Socket{Descriptor(workers_.front()->io().get_executor(), descriptor)}));
}

void Listener::take_passed(int descriptor) {
    const sockaddr_storage bound = bound_to(descriptor);
    if (bound.ss_family == AF_UNIX) return add(descriptor, reinterpret_cast<const sockaddr_un&>(bound).sun_path);
    set_client_options(descriptor, bound.ss_family, shared_.config.listen.tcp_keepalive_idle);
    add(descriptor, shown(bound));
}

void Listener::listen_tcp(const config::Endpoint& endpoint) {
    const bool is_any = endpoint.host.empty() || endpoint.host == "*";
    const std::string where = (is_any ? "*" : endpoint.host) + ":" + std::to_string(endpoint.port);
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int failed = getaddrinfo(is_any ? nullptr : endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
    if (failed != 0) throw std::runtime_error("cannot listen on " + where + ": " + gai_strerror(failed));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
    int last_error = EADDRNOTAVAIL;
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
        Owned socket(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const int on = 1;
        if (socket.get() < 0) {
            last_error = errno;  // a machine without IPv6 still has the other address
            continue;
        }
        setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        set_client_options(socket.get(), address->ai_family, shared_.config.listen.tcp_keepalive_idle);  // what is accepted inherits them
        if (address->ai_family == AF_INET6) setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (::bind(socket.get(), address->ai_addr, address->ai_addrlen) != 0 || ::listen(socket.get(), kBacklog) != 0) {
            last_error = errno;
            if (last_error == EADDRINUSE) fail(where, last_error);
            continue;
        }
        add(socket.get(), shown(bound_to(socket.get())));
        socket.release();
    }
    if (sockets_.empty()) fail(where, last_error);
}

void Listener::listen_unix(const std::string& directory, std::uint16_t port) {
    const std::string path = directory + "/.s.PGSQL." + std::to_string(port);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) fail(path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    {
        // A socket file without a listener is what a killed process leaves behind; one with a listener is somebody's.
        const Owned probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (probe.get() < 0) fail(path, errno);
        if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) fail(path, EADDRINUSE);
        struct stat status{};
        if (errno == ECONNREFUSED && ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(path.c_str());
    }
    Owned socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0 || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(path, errno);
    unix_paths_.push_back(path);
    // As PostgreSQL's default unix_socket_permissions: who may log in is the server's decision.
    if (::chmod(path.c_str(), 0777) != 0 || ::listen(socket.get(), kBacklog) != 0) fail(path, errno);
    add(socket.get(), path);
    socket.release();
}

void Listener::start() {
    for (const auto& socket : sockets_) watch(*socket);
}

void Listener::stop() {
    asio::post(workers_.front()->io(), [this] {
        is_stopped_ = true;
        pause_timer_.cancel();
        boost::system::error_code ignored;
        for (const auto& socket : sockets_) socket->descriptor.close(ignored);
    });
}

void Listener::watch(Socket& socket) {
    if (is_stopped_ || socket.is_watched) return;
    socket.is_watched = true;
    socket.descriptor.async_wait(Descriptor::wait_read, [this, &socket](const boost::system::error_code& error) {
        socket.is_watched = false;
        if (!error && !is_stopped_) accept_all(socket);
    });
}

void Listener::accept_all(Socket& socket) {
    for (int i = 0; i < kAcceptsPerEvent && !is_paused_; ++i) {
        if (!accept_one(socket)) break;
    }
    if (!is_paused_) watch(socket);
}

bool Listener::accept_one(Socket& socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int descriptor = ::accept4(socket.descriptor.native_handle(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause(errno);
        return errno == EINTR || errno == ECONNABORTED;
    }
    if (shared_.clients.load(std::memory_order_relaxed) >= shared_.reloadable.clients_max.load(std::memory_order_relaxed)) {
        shared_.refused_clients.fetch_add(1, std::memory_order_relaxed);
        refuse(descriptor, address.ss_family, "sorry, too many clients already");
        return true;
    }
    if (shared_.logging_in.load(std::memory_order_relaxed) >= shared_.reloadable.login_clients_max.load(std::memory_order_relaxed)) {
        shared_.refused_logins.fetch_add(1, std::memory_order_relaxed);
        refuse(descriptor, address.ss_family, "sorry, too many clients that are not logged in yet");
        return true;
    }
    hand_over(descriptor, address.ss_family, shown(address));
    return true;
}

void Listener::hand_over(int descriptor, int family, std::string address) {
    Worker* chosen = workers_.front().get();
    for (const auto& worker : workers_) {
        if (worker->client_count() < chosen->client_count()) chosen = worker.get();
    }
    shared_.clients.fetch_add(1, std::memory_order_relaxed);
    shared_.logging_in.fetch_add(1, std::memory_order_relaxed);
    chosen->adopt(descriptor, family, std::move(address));
}

void Listener::refuse(int descriptor, int family, Bytes why) {
    if (refusing_ >= kRefusingMax) {
        ::close(descriptor);
        return;
    }
    ++refusing_;
    std::string error;
    protocol::append_error(error, {protocol::severity::kFatal, protocol::sqlstate::kTooManyConnections, why});
    const auto cancel = [this](const protocol::CancelKey& key, std::function<void()> delivered) {
        const auto target = shared_.cancels.find(key);
        if (target.worker == nullptr) return delivered();
        target.worker->post_cancel(target.connection, std::move(delivered));
    };
    refuse_client(workers_.front()->io(), descriptor, family, std::move(error), cancel, [this] { --refusing_; });
}

void Listener::pause(int error) {
    is_paused_ = true;
    const std::int64_t us = now().us;
    if (logged_pause_us_ == 0 || us - logged_pause_us_ > kLogPauseEveryUs) {
        logged_pause_us_ = us;
        log_error("cannot accept clients for the moment", {{"error", std::strerror(error)}, {"hint", "raise the limit of open files (ulimit -n)"}});
    }
    pause_timer_.expires_after(kPause);
    pause_timer_.async_wait([this](const boost::system::error_code& failed) {
        is_paused_ = false;
        if (failed || is_stopped_) return;
        for (const auto& socket : sockets_) accept_all(*socket);
    });
}

}  // namespace larder::proxy
