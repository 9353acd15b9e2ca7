// The listening sockets: TCP on every address of listen.address, and a Unix socket if a directory is configured; or, instead of
// all these, the ones that the process was started with.
//
// Accepts on the first worker's event loop and hands each descriptor to the worker that has the fewest clients. When
// descriptors run out it stops accepting for a moment: an accept that fails is ready again at once, and would spin.
// Threads: constructed and destroyed by main while no worker runs or after stop(); the rest on the first worker's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "proxy/asio.h"
#include "proxy/shared.h"
#include "proxy/worker.h"

namespace larder::proxy {

class Listener {
public:
    // Binds and listens; throws std::runtime_error with the address and the reason. `passed`: sockets that listen already.
    Listener(Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers, const std::vector<int>& passed);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void start();
    void stop();                                // any thread: closes the sockets on the worker's
    std::string address() const { return address_; }  // for people: "127.0.0.1:6432"

private:
    using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
    struct Socket {
        Descriptor descriptor;
        bool is_watched = false;
    };

    void take_passed(int descriptor);
    void listen_tcp(const config::Endpoint& endpoint);
    void listen_unix(const std::string& directory, std::uint16_t port);
    void add(int descriptor, const std::string& address);  // bound and listening
    void watch(Socket& socket);
    void accept_all(Socket& socket);
    bool accept_one(Socket& socket);        // false: nothing more now
    void hand_over(int descriptor, int family, std::string address);
    void refuse(int descriptor, int family, Bytes why);
    void pause(int error);

    Shared& shared_;
    const std::vector<std::unique_ptr<Worker>>& workers_;
    std::vector<std::unique_ptr<Socket>> sockets_;
    Timer pause_timer_;
    int refusing_ = 0;                          // clients that are being told that there is no room
    std::string address_;
    std::vector<std::string> unix_paths_;
    std::int64_t logged_pause_us_ = 0;
    bool is_paused_ = false;
    bool is_stopped_ = false;
};

}  // namespace larder::proxy
