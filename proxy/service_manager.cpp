#include "proxy/service_manager.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <stdexcept>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

namespace larder::proxy {
namespace {

constexpr int kFirstPassedSocket = 3;  // after the standard streams: sd_listen_fds(3)
constexpr std::int64_t kPassedSocketsMax = 64;

std::optional<std::int64_t> number(const char* text) {
    if (text == nullptr) return std::nullopt;
    const std::string_view digits(text);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
    return value;
}

const char* of_process(const char* variable) { return std::getenv(variable); }

std::int64_t monotonic_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

ServiceManager::ServiceManager() : ServiceManager(of_process) {}

ServiceManager::ServiceManager(const Environment& environment) {
    if (const char* socket = environment("NOTIFY_SOCKET")) socket_ = socket;
    const auto process = number(environment("WATCHDOG_PID"));
    const auto us = number(environment("WATCHDOG_USEC"));
    // The variable without a process is for whoever reads it.
    if (!socket_.empty() && us && *us > 0 && process.value_or(getpid()) == getpid())
        watchdog_interval_ = std::max(std::chrono::milliseconds(1), std::chrono::milliseconds(*us / 2000));
}

void ServiceManager::ready(std::string_view status) const { send("READY=1\nSTATUS=" + std::string(status)); }
void ServiceManager::reloading() const { send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us())); }
void ServiceManager::stopping(std::string_view status) const { send("STOPPING=1\nSTATUS=" + std::string(status)); }
void ServiceManager::alive() const { send("WATCHDOG=1"); }

void ServiceManager::send(const std::string& message) const {
    if (socket_.empty()) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool is_known = (socket_[0] == '/' || socket_[0] == '@') && socket_.size() < sizeof address.sun_path;
    std::memcpy(address.sun_path, socket_.data(), std::min(socket_.size(), sizeof address.sun_path - 1));
    if (socket_[0] == '@') address.sun_path[0] = '\0';  // an abstract name, whose length counts
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    const int descriptor = is_known ? ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    // It may be full for a moment, and then the message is worth waiting for: systemd reads it soon.
    if (descriptor < 0 || ::sendto(descriptor, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) < 0)
        log_warn("the service manager could not be told", {{"socket", socket_}, {"error", is_known ? std::strerror(errno) : "NOTIFY_SOCKET is no address of a Unix socket"}});
    if (descriptor >= 0) ::close(descriptor);
}

std::vector<int> passed_sockets(const Environment& environment, int process) {
    const auto owner = number(environment("LISTEN_PID"));
    if (!owner || *owner != process) return {};
    const auto count = number(environment("LISTEN_FDS"));
    if (!count || *count > kPassedSocketsMax) throw std::runtime_error("LISTEN_PID is set, but LISTEN_FDS is no number from 0 to " + std::to_string(kPassedSocketsMax));
    std::vector<int> sockets;
    for (int i = 0; i < static_cast<int>(*count); ++i) {
        const int socket = kFirstPassedSocket + i;
        int listens = 0;
        socklen_t size = sizeof listens;
        if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0)
            throw std::runtime_error("the descriptor " + std::to_string(socket) + " that was passed (LISTEN_FDS) is no listening socket");
        fcntl(socket, F_SETFD, FD_CLOEXEC);
        fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
        sockets.push_back(socket);
    }
    return sockets;
}

std::vector<int> passed_sockets() { return passed_sockets(of_process, getpid()); }

}  // namespace larder::proxy
