// Who gets a server connection, in what order, and which are never lent again.
#include "proxy/server_pool.h"
#include "protocol/backend.h"

#include <catch2/catch.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

using namespace larder;
using namespace larder::proxy;

namespace {

using Answer = ServerPool::Answer;

const std::string kKey("shop\0app\0", 9);

struct Worker final : PoolClient {
    void post_lent(std::uint64_t connection, PooledServerRef server) override {
        lent_to.push_back(connection);
        lent.push_back(std::move(server));
    }
    void post_may_connect(std::uint64_t connection, const std::string&) override { may_connect.push_back(connection); }
    std::vector<std::uint64_t> lent_to, may_connect;
    std::vector<PooledServerRef> lent;
};

// A connection whose other end the test holds.
struct Server {
    Server() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0); }
    ~Server() {
        if (ends[1] >= 0) ::close(ends[1]);
    }
    PooledServerRef pooled(Instant opened = {}) {
        auto link = std::make_unique<session::ServerLink>();
        link->verified_number = 42;
        return std::make_shared<PooledServer>(kKey, ends[0], nullptr, std::move(link), opened);
    }
    // Its last client has left.
    PooledServerRef owing() {
        auto server = pooled();
        server->link->owes_discard = true;
        return server;
    }
    bool is_closed() {
        char byte;
        ssize_t got = 0;
        while ((got = ::recv(ends[1], &byte, 1, MSG_DONTWAIT)) > 0) {}
        return got == 0 || errno == ECONNRESET;
    }
    std::array<int, 2> ends{-1, -1};
};

struct Fixture {
    config::Pool limits{config::PoolMode::automatic, 2};
    Worker worker;
    PooledServerRef server;
    Instant at{1'000'000'000};
    session::DatabaseGate gate;  // of a database that nobody pauses
};

}  // namespace

TEST_CASE("up to its size a pool lets clients open connections; the next waits, and gets the first that is given back") {
    Fixture f;
    ServerPool pool(f.limits);
    Server a;
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::connect);
    CHECK(pool.acquire(kKey, f.worker, 2, f.at, f.server) == Answer::connect);
    CHECK(pool.acquire(kKey, f.worker, 3, f.at, f.server) == Answer::queued);
    CHECK(pool.acquire(kKey, f.worker, 4, f.at, f.server) == Answer::queued);
    CHECK(pool.acquire("other", f.worker, 5, f.at, f.server) == Answer::connect);
    auto given = a.pooled();
    given->is_counted = true;
    pool.give_back(std::move(given), f.at);
    CHECK(f.worker.lent_to == std::vector<std::uint64_t>{3});
    CHECK(pool.leave(kKey, 4));
    CHECK_FALSE(pool.leave(kKey, 4));
    pool.give_back(std::move(f.worker.lent.front()), f.at);
    CHECK(pool.acquire(kKey, f.worker, 6, f.at, f.server) == Answer::lent);
    CHECK_FALSE(a.is_closed());
}

TEST_CASE("a connection that a login brings joins if there is room") {
    Fixture f;
    f.limits.size = 1;
    ServerPool pool(f.limits);
    Server a, b;
    pool.give_back(a.pooled(), f.at);
    pool.give_back(b.pooled(), f.at);
    CHECK_FALSE(a.is_closed());
    CHECK(b.is_closed());
}

TEST_CASE("one that a login brought although there were others joins only if none is idle") {
    Fixture f;
    ServerPool pool(f.limits);
    Server a, b;
    auto first = a.pooled(), second = b.pooled();
    first->link->is_spare = second->link->is_spare = true;
    CHECK_FALSE(pool.has_any(kKey));
    pool.give_back(std::move(first), f.at);
    CHECK(pool.has_any(kKey));
    pool.give_back(std::move(second), f.at);
    CHECK_FALSE(a.is_closed());
    CHECK(b.is_closed());
    // It is as good as any other now.
    REQUIRE(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::lent);
    CHECK(pool.has_any(kKey));
    CHECK_FALSE(f.server->link->is_spare);
}

TEST_CASE("in mode session nobody waits, and the size is that of what is kept idle") {
    Fixture f;
    f.limits.mode = config::PoolMode::session;
    ServerPool pool(f.limits);
    std::array<Server, 3> servers;
    for (std::uint64_t i = 0; i < 5; ++i) CHECK(pool.acquire(kKey, f.worker, i, f.at, f.server) == Answer::connect);
    for (int i = 0; i < 5; ++i) pool.closed(kKey);  // each stays with its client
    for (auto& server : servers) pool.give_back(server.pooled(), f.at);
    CHECK_FALSE(servers[1].is_closed());
    CHECK(servers[2].is_closed());
}

TEST_CASE("the answer to a DISCARD ALL may wait in an idle connection, or be still to come, but nothing else") {
    Fixture f;
    ServerPool pool(f.limits);
    Server a;
    pool.give_back(a.owing(), f.at);
    std::string answer;
    protocol::ParameterStatus{"TimeZone", "UTC"}.append_to(answer);
    protocol::CommandComplete{"DISCARD ALL"}.append_to(answer);
    answer += protocol::ready_for_query('I');
    const auto said = GENERATE_REF(std::string(), answer, answer + "E", answer.substr(1), answer.substr(0, answer.size() - 1), answer + answer, std::string("E\0\0\0\4", 5));
    const bool is_good = said.empty() || said == answer;
    REQUIRE(::send(a.ends[1], said.data(), said.size(), 0) == static_cast<ssize_t>(said.size()));
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == (is_good ? Answer::lent : Answer::connect));
    CHECK(a.is_closed() != is_good);
    if (!is_good) return;
    CHECK(f.server->link->owes_discard == said.empty());
    CHECK((f.server->link->parameters["TimeZone"] == "UTC") != said.empty());
}

TEST_CASE("a server that ends after its answer to a DISCARD ALL is seen to be gone") {
    Fixture f;
    ServerPool pool(f.limits);
    Server a;
    pool.give_back(a.owing(), f.at);
    const std::string answer(protocol::ready_for_query('I'));
    REQUIRE(::send(a.ends[1], answer.data(), answer.size(), 0) == static_cast<ssize_t>(answer.size()));
    ::close(std::exchange(a.ends[1], -1));
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::connect);
}

TEST_CASE("what has ended, or has something to say, is not lent") {
    Fixture f;
    ServerPool pool(f.limits);
    Server a, b;
    pool.give_back(a.pooled(), f.at);
    pool.give_back(b.pooled(), f.at);
    ::close(std::exchange(a.ends[1], -1));
    REQUIRE(::send(b.ends[1], "E", 1, 0) == 1);
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::connect);
    CHECK(b.is_closed());
}

TEST_CASE("whoever held a connection last gets that one") {
    Fixture f;
    ServerPool pool(f.limits);
    Server a, b;
    auto mine = a.pooled();
    mine->link->last_client = 7;
    pool.give_back(std::move(mine), f.at);
    pool.give_back(b.pooled(), f.at);
    REQUIRE(pool.acquire(kKey, f.worker, 7, f.at, f.server) == Answer::lent);
    CHECK(f.server->descriptor == a.ends[0]);
}

TEST_CASE("a pinned connection makes room for whoever waits longest") {
    Fixture f;
    f.limits.size = 1;
    ServerPool pool(f.limits);
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::connect);
    CHECK(pool.acquire(kKey, f.worker, 2, f.at, f.server) == Answer::queued);
    pool.closed(kKey);
    CHECK(f.worker.may_connect == std::vector<std::uint64_t>{2});
}

TEST_CASE("after a refused login a client waits at the front, and is let to try again") {
    Fixture f;
    f.limits.size = 1;
    ServerPool pool(f.limits);
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::connect);
    CHECK(pool.login_failed(kKey, f.worker, 1, f.at));
    CHECK(pool.acquire(kKey, f.worker, 2, f.at, f.server) == Answer::queued);
    pool.sweep(f.at);
    CHECK(f.worker.may_connect.empty());
    pool.sweep(f.at + std::chrono::seconds(60));
    CHECK(f.worker.may_connect == std::vector<std::uint64_t>{1});
}

TEST_CASE("idle connections end with their time, but for the last of a pool that clients use") {
    Fixture f;
    f.limits.idle_timeout = std::chrono::milliseconds(1000);
    ServerPool pool(f.limits);
    Server a, b;
    pool.enter(kKey, f.gate);
    pool.give_back(a.pooled(f.at), f.at);
    pool.give_back(b.pooled(f.at), f.at);
    pool.sweep(f.at + std::chrono::milliseconds(999));
    CHECK_FALSE(a.is_closed());
    pool.sweep(f.at + std::chrono::milliseconds(1000));
    CHECK(a.is_closed());
    CHECK_FALSE(b.is_closed());
    pool.exit(kKey);
    pool.sweep(f.at + std::chrono::milliseconds(1000));
    CHECK(b.is_closed());
}

TEST_CASE("a connection that is too old is closed when it is given back, and at the end all are") {
    Fixture f;
    ServerPool pool(f.limits);
    Server a, b, c;
    pool.give_back(a.pooled(f.at), f.at);
    pool.give_back(b.pooled(f.at), f.at + f.limits.lifetime);
    CHECK(b.is_closed());
    pool.close_all();
    CHECK(a.is_closed());
    pool.give_back(c.pooled(f.at), f.at);
    CHECK(c.is_closed());
}

TEST_CASE("a paused pool lends nothing and opens nothing; resumed, it serves those who wait in their order") {
    Fixture f;
    ServerPool pool(f.limits);
    session::DatabaseGate gate;
    pool.enter(kKey, gate);
    Server a, b;
    auto idle = a.pooled(f.at);
    idle->place = session::ServerPlace(gate);
    pool.give_back(std::move(idle), f.at);
    gate.pause(session::DatabaseGate::PausedBy::database);
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::queued);
    CHECK(pool.acquire(kKey, f.worker, 2, f.at, f.server) == Answer::queued);
    CHECK(pool.acquire(kKey, f.worker, 3, f.at, f.server) == Answer::queued);
    CHECK_FALSE(a.is_closed());
    pool.sweep(f.at);
    CHECK(a.is_closed());
    CHECK(gate.places().taken == 0);
    CHECK(f.worker.may_connect.empty());
    // One that a client gives back now is closed as well.
    auto lent = b.pooled(f.at);
    lent->place = session::ServerPlace(gate);
    pool.give_back(std::move(lent), f.at);
    CHECK(b.is_closed());
    CHECK(f.worker.lent.empty());
    gate.resume(session::DatabaseGate::PausedBy::database);
    pool.sweep(f.at);
    CHECK(f.worker.may_connect == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("connections of an older generation are closed when they are given back, and new ones are lent") {
    Fixture f;
    ServerPool pool(f.limits);
    session::DatabaseGate gate;
    pool.enter(kKey, gate);
    Server a, b, c;
    auto idle = a.pooled(f.at), lent = b.pooled(f.at), fresh = c.pooled(f.at);
    idle->place = session::ServerPlace(gate);
    lent->place = session::ServerPlace(gate);
    pool.give_back(std::move(idle), f.at);
    gate.begin_generation();
    CHECK(gate.places().old == 2);
    // Before the sweep nobody gets it either.
    CHECK(pool.acquire(kKey, f.worker, 1, f.at, f.server) == Answer::connect);
    CHECK(a.is_closed());
    CHECK(gate.places().old == 1);
    fresh->place = session::ServerPlace(gate);
    fresh->is_counted = true;
    pool.give_back(std::move(lent), f.at);
    CHECK(b.is_closed());
    CHECK(gate.places().old == 0);
    pool.give_back(std::move(fresh), f.at);
    CHECK_FALSE(c.is_closed());
    CHECK(pool.acquire(kKey, f.worker, 2, f.at, f.server) == Answer::lent);
    CHECK(gate.places().taken == 1);
}
