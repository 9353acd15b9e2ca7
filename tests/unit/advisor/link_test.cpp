// A server that takes connections and never says a word.
#include "advisor/link.h"

#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::advisor;

namespace {

class SilentServer {
public:
    SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(::listen(socket_, 8) == 0);
        REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
    }
    ~SilentServer() { ::close(socket_); }
    SilentServer(const SilentServer&) = delete;
    SilentServer& operator=(const SilentServer&) = delete;

    std::string uri(int timeout_s) const {
        return "host=127.0.0.1 sslmode=disable gssencmode=disable port=" + std::to_string(port_) + " connect_timeout=" + std::to_string(timeout_s);
    }

private:
    int socket_;
    int port_ = 0;
};

}  // namespace

TEST_CASE("a wait for a server that is silent ends at its deadline") {
    const SilentServer server;
    CHECK_THROWS_AS(Link(server.uri(1), "test", nullptr), ConnectionLost);
}

TEST_CASE("a wait for a server that is silent ends when it is told to") {
    const SilentServer server;
    Wakeup stop;
    std::thread other([&stop] { stop.wake(); });
    CHECK_THROWS_AS(Link(server.uri(100'000), "test", &stop), ConnectionLost);
    other.join();
    // And it stays told.
    CHECK_THROWS_AS(Link(server.uri(100'000), "test", &stop), ConnectionLost);
}
