// One connection of the load client: its socket, its login and the round trip under way.
//
// Errors: a connection that breaks, or an answer that cannot be, ends in Progress::lost; error() says why.
// Threads: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/login.h"
#include "bench/options.h"
#include "bench/socket.h"
#include "bench/wire.h"
#include "bench/workload.h"

namespace larder::bench {

class Client {
public:
    // Where the conversation stands. Load decides what comes after `ready`.
    enum class State { closed, logging_in, preparing, ready, asking };
    enum class Progress { waiting, became_ready, answered, lost };

    Client(const Options& options, Workload& workload) : options_(options), workload_(workload), login_(options.credentials) {}
    ~Client() { close(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Starts to connect; the startup message goes out when the socket becomes writable. False at once without a socket.
    bool open(int source);
    void close();
    // Says Terminate first, without waiting for it to leave.
    void leave();

    void begin(std::uint64_t now_ns);
    // The next round trip of the request. False when the request is complete.
    bool ask();

    // What came from the socket.
    Progress take(std::string_view chunk);

    int fd() const { return fd_; }
    State state() const { return state_; }
    std::uint64_t begun_ns() const { return begun_ns_; }
    OutBuffer& out() { return out_; }
    const std::string& error() const { return error_; }
    std::uint32_t interest = 0;  // the events that the loop watches

private:
    Progress on_message(const Message& message);
    Progress on_ready_for_query();

    const Options& options_;
    Workload& workload_;
    int fd_ = -1;
    State state_ = State::closed;
    Login login_;
    OutBuffer out_;
    MessageReader reader_;
    int owed_ = 0;                 // ReadyForQuery that the round trip still waits for
    Request request_;
    std::uint64_t begun_ns_ = 0;
    std::string error_;
};

}  // namespace larder::bench
