// Non-blocking TCP sockets on loopback and an output buffer, for programs with one epoll loop.
//
// Errors: a system call that fails at start-up ends the program with its message; on a connection it is returned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::bench {

// Prints `what` with errno's text and ends the program.
[[noreturn]] void die(std::string_view what);

int listen_on(const std::string& host, std::uint16_t port);

// The next client that waits there; -1: none does.
int accept_from(int listener);

// Starts a connection; finished when the socket turns writable. -1 and errno when it fails at once.
// `source` other than 0 binds to 127.0.0.<source>: a client that closes first leaves the port in TIME_WAIT,
// and one address has 28 thousand of them.
int connect_to(const std::string& host, std::uint16_t port, int source);

// How often a socket call can be tried again.
enum class Io { done, would_block, closed };

// Bytes that still have to be sent.
class OutBuffer {
public:
    std::string& bytes() { return bytes_; }
    bool is_empty() const { return sent_ == bytes_.size(); }
    std::size_t size() const { return bytes_.size() - sent_; }
    Io flush(int fd);

private:
    std::string bytes_;
    std::size_t sent_ = 0;
};

// Appends nothing: `got` is set to the number of bytes now in `buffer`.
Io receive(int fd, char* buffer, std::size_t size, std::size_t& got);

}  // namespace larder::bench
