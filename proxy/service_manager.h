// What systemd is told of this process, and the sockets it may have opened for it: the protocols of sd_notify(3) and
// sd_listen_fds(3), which are a datagram and three environment variables, so that no library is needed for them.
//
// Without systemd nothing is sent and there are no sockets.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::proxy {

// Reads an environment variable; null if it is not set.
using Environment = std::function<const char*(const char*)>;

// Threads: main's.
class ServiceManager {
public:
    ServiceManager();  // of the process's environment
    explicit ServiceManager(const Environment& environment);

    void ready(std::string_view status) const;
    void reloading() const;                      // ready() follows, whether it succeeded or not
    void stopping(std::string_view status) const;
    // To be told every watchdog_interval(), as long as all is well; else systemd ends the process and starts it again.
    void alive() const;
    // Half of what systemd waits for; zero: it waits for nothing.
    std::chrono::milliseconds watchdog_interval() const { return watchdog_interval_; }

private:
    void send(const std::string& message) const;

    std::string socket_;                         // empty: nobody wants to know
    std::chrono::milliseconds watchdog_interval_{0};
};

// Listening sockets that the process was started with (socket activation), each the caller's to close; usually none. `process`:
// whose they are, since a child inherits the variables as well. Throws std::runtime_error if the variables make no sense.
std::vector<int> passed_sockets(const Environment& environment, int process);
std::vector<int> passed_sockets();

}  // namespace larder::proxy
