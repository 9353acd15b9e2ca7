#include "proxy/service_manager.h"

#include <cstring>
#include <map>
#include <stdexcept>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace larder::proxy;

namespace {

Environment environment(std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    };
}

// The other side of NOTIFY_SOCKET, with an abstract name.
class Receiver {
public:
    Receiver() : name_("larder-test-notify-" + std::to_string(getpid())), socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name_.data(), name_.size());
        REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size())) == 0);
    }
    ~Receiver() { ::close(socket_); }
    std::string variable() const { return "@" + name_; }
    std::string read() const {
        char text[1000];
        const auto size = ::recv(socket_, text, sizeof text, MSG_DONTWAIT);
        return size < 0 ? "(nothing)" : std::string(text, static_cast<std::size_t>(size));
    }

private:
    std::string name_;
    int socket_;
};

}  // namespace

TEST_CASE("the service manager is told") {
    const Receiver receiver;
    const ServiceManager manager(environment({{"NOTIFY_SOCKET", receiver.variable()}}));
    manager.ready("listening on here");
    CHECK(receiver.read() == "READY=1\nSTATUS=listening on here");
    manager.reloading();
    CHECK(receiver.read().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    manager.alive();
    CHECK(receiver.read() == "WATCHDOG=1");
    manager.stopping("soon");
    CHECK(receiver.read() == "STOPPING=1\nSTATUS=soon");
    CHECK(receiver.read() == "(nothing)");
}

TEST_CASE("without a service manager nothing is told, and a wrong address is no error") {
    ServiceManager(environment({})).ready("x");
    for (const auto& socket : {"/nonexistent/socket", "vsock:2:1", "", "@"}) ServiceManager(environment({{"NOTIFY_SOCKET", socket}})).ready("x");
    ServiceManager(environment({{"NOTIFY_SOCKET", "/" + std::string(500, 'x')}})).ready("x");
}

TEST_CASE("the watchdog is fed in half of its time") {
    using namespace std::chrono_literals;
    const auto interval = [](std::map<std::string, std::string> variables) { return ServiceManager(environment(std::move(variables))).watchdog_interval(); };
    const std::string own = std::to_string(getpid());
    CHECK(interval({{"NOTIFY_SOCKET", "/x"}, {"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", own}}) == 15s);
    CHECK(interval({{"NOTIFY_SOCKET", "/x"}, {"WATCHDOG_USEC", "30000000"}}) == 15s);
    CHECK(interval({{"NOTIFY_SOCKET", "/x"}, {"WATCHDOG_USEC", "1"}}) == 1ms);
    CHECK(interval({{"NOTIFY_SOCKET", "/x"}, {"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "1"}}) == 0ms);
    CHECK(interval({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", own}}) == 0ms);
    for (const auto& nonsense : {"", "0", "-5", "7x", "99999999999999999999"}) CHECK(interval({{"NOTIFY_SOCKET", "/x"}, {"WATCHDOG_USEC", nonsense}}) == 0ms);
}

TEST_CASE("sockets are taken if they were passed to this process") {
    CHECK(passed_sockets(environment({}), 7).empty());
    CHECK(passed_sockets(environment({{"LISTEN_PID", "8"}, {"LISTEN_FDS", "1"}}), 7).empty());
    CHECK(passed_sockets(environment({{"LISTEN_PID", "7"}, {"LISTEN_FDS", "0"}}), 7).empty());
    for (const auto& nonsense : {"", "x", "-1", "65"}) CHECK_THROWS_AS(passed_sockets(environment({{"LISTEN_PID", "7"}, {"LISTEN_FDS", nonsense}}), 7), std::runtime_error);
    CHECK_THROWS_AS(passed_sockets(environment({{"LISTEN_PID", "7"}}), 7), std::runtime_error);
}
