#include "proxy/server_pool.h"

#include <algorithm>
#include <chrono>

#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "protocol/backend.h"
#include "protocol/frame.h"
#include "protocol/frontend.h"
#include "proxy/socket_options.h"

namespace larder::proxy {
namespace {

// After a refused login the next attempt waits: whoever queues is better served by what others give back.
constexpr std::chrono::seconds kNoLogin{1};

// What has come must be the answer to DISCARD ALL as a whole, and nothing behind it. False: it is not that.
bool is_discard_reply(Bytes in, session::Parameters& parameters) {
    bool is_complete = false;
    while (!in.empty() && !is_complete) {
        const auto header = protocol::peek_header(in);
        if (!header || header->total_bytes < protocol::kHeaderBytes || header->total_bytes > in.size()) return false;
        const auto body = in.substr(protocol::kHeaderBytes, static_cast<std::size_t>(header->total_bytes) - protocol::kHeaderBytes);
        in.remove_prefix(static_cast<std::size_t>(header->total_bytes));
        switch (header->type) {
            case protocol::ParameterStatus::kType:
                if (const auto parameter = protocol::ParameterStatus::decode(body)) parameters[std::string(parameter->name)] = parameter->value;
                break;
            case protocol::CommandComplete::kType:
            case protocol::ErrorResponse::kNoticeType:
            case protocol::NotificationResponse::kType: break;  // for the client that is gone
            case protocol::ReadyForQuery::kType: is_complete = body == "I"; break;
            default: return false;
        }
    }
    return is_complete && in.empty();
}

// False: the connection is of no use. It may be that the answer is still to come: then whoever borrows it waits for that.
bool take_discard_reply(PooledServer& server) {
    if (!server.link->owes_discard) return true;
    char buffer[8192];  // a dozen parameters at the most
    std::size_t bytes = 0;
    if (server.tls) {
        const IoResult got = server.tls->read(buffer, sizeof buffer);
        if (got.status != IoStatus::done) return got.status != IoStatus::closed;
        bytes = got.bytes;
    } else {
        const ssize_t got = ::recv(server.descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        bytes = static_cast<std::size_t>(got);
    }
    server.link->owes_discard = false;
    return is_discard_reply(Bytes(buffer, bytes), server.link->parameters);
}

// Nothing may have come from an idle server; what has come is its farewell.
bool is_alive(PooledServer& server) {
    if (!take_discard_reply(server)) return false;
    char byte;
    const ssize_t got = ::recv(server.descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// Connections that were opened together should not end together: up to a tenth earlier, by what tells them apart.
Instant end_of_life(const PooledServer& server, std::chrono::milliseconds lifetime) {
    const auto spread = lifetime / 10 * (static_cast<std::uint32_t>(server.link->backend_pid) * 2654435761u >> 24) / 256;
    return server.opened + (lifetime - spread);
}

ServerRow row_of(const PooledServer& server) {
    ServerRow row;
    row.id = server.place.number();
    row.pid = server.link->backend_pid;
    row.connected_us = wall_clock_us(server.opened);
    row.used_us = wall_clock_us(server.idle_since);
    row.is_tls = server.tls != nullptr;
    row.must_close = server.place.must_close();
    row.prepared_statements = server.link->statements.size();
    row.local_address = local_address(server.descriptor);
    return row;
}

}  // namespace

PooledServer::~PooledServer() {
    if (descriptor < 0) return;
    if (tls) {
        if (tls->write(protocol::kTerminate).status == IoStatus::done) tls->shut_down();
    } else {
        [[maybe_unused]] const auto sent = ::send(descriptor, protocol::kTerminate.data(), protocol::kTerminate.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    ::close(descriptor);
}

bool ServerPool::is_too_old(const PooledServer& server, const Pool& pool, Instant now) const {
    if (pool.counted <= 1 && pool.clients > 0) return false;
    return limits_.lifetime.count() > 0 && now >= end_of_life(server, limits_.lifetime);
}

// The one that this client held last, whose settings and statements fit best; else the one used last.
PooledServerRef ServerPool::take_idle(Pool& pool, std::uint64_t connection, Instant now, std::vector<PooledServerRef>& dead) {
    while (!pool.idle.empty()) {
        auto found = std::find_if(pool.idle.begin(), pool.idle.end(), [connection](const auto& server) { return server->link->last_client == connection; });
        if (found == pool.idle.end()) found = pool.idle.end() - 1;
        auto server = std::move(*found);
        pool.idle.erase(found);
        if (is_alive(*server) && !is_too_old(*server, pool, now) && !server->place.must_close()) return server;
        --pool.counted;
        dead.push_back(std::move(server));
    }
    return nullptr;
}

// In mode session each client has a connection of its own, and only idle ones are counted.
bool ServerPool::has_room(const Pool& pool) const { return limits_.mode == config::PoolMode::session || pool.counted < limits_.size; }

ServerPool::Answer ServerPool::acquire(const std::string& key, PoolClient& worker, std::uint64_t connection, Instant now, PooledServerRef& server) {
    std::vector<PooledServerRef> dead;  // closed outside the lock
    const Lock lock(mutex_);
    Pool& pool = pools_[key];
    // Nobody overtakes those who wait.
    if (pool.waiting.empty() && !pool.is_paused()) {
        server = take_idle(pool, connection, now, dead);
        if (server) return Answer::lent;
        if (has_room(pool) && now >= pool.no_login_until) {
            ++pool.counted;
            return Answer::connect;
        }
    }
    pool.waiting.push_back({&worker, connection, now});
    return Answer::queued;
}

bool ServerPool::has_any(const std::string& key) const {
    const Lock lock(mutex_);
    const auto found = pools_.find(key);
    return found != pools_.end() && found->second.counted > 0;
}

bool ServerPool::leave(const std::string& key, std::uint64_t connection) {
    const Lock lock(mutex_);
    const auto found = pools_.find(key);
    if (found == pools_.end()) return false;
    return std::erase_if(found->second.waiting, [connection](const Waiter& waiter) { return waiter.connection == connection; }) > 0;
}

void ServerPool::give_back(PooledServerRef server, Instant now) {
    PooledServerRef closed;
    const Lock lock(mutex_);
    Pool& pool = pools_[server->key];
    const bool is_needed = !std::exchange(server->link->is_spare, false) || pool.idle.empty();
    const bool may_stay = !is_closed_ && is_needed && !server->place.must_close() && !is_too_old(*server, pool, now) && (server->is_counted || pool.counted < limits_.size);
    if (!may_stay) {
        if (server->is_counted) --pool.counted;
        closed = std::move(server);
        return let_connect(closed->key, pool, now);
    }
    if (!server->is_counted) ++pool.counted;
    server->is_counted = true;
    if (!pool.waiting.empty()) {
        const Waiter waiter = pool.waiting.front();
        pool.waiting.pop_front();
        return waiter.worker->post_lent(waiter.connection, std::move(server));
    }
    server->idle_since = now;
    pool.idle.push_back(std::move(server));
}

void ServerPool::closed(const std::string& key) {
    const Lock lock(mutex_);
    Pool& pool = pools_[key];
    --pool.counted;
    let_connect(key, pool, now());
}

void ServerPool::let_connect(const std::string& key, Pool& pool, Instant now) {
    if (is_closed_ || pool.is_paused() || now < pool.no_login_until) return;
    while (!pool.waiting.empty() && pool.counted < limits_.size) {
        const Waiter waiter = pool.waiting.front();
        pool.waiting.pop_front();
        ++pool.counted;
        waiter.worker->post_may_connect(waiter.connection, key);
        // Where the server has turned one away, one at a time shall try again.
        if (pool.no_login_until != Instant{}) return;
    }
}

bool ServerPool::login_failed(const std::string& key, PoolClient& worker, std::uint64_t connection, Instant now) {
    const Lock lock(mutex_);
    Pool& pool = pools_[key];
    --pool.counted;
    pool.no_login_until = now + kNoLogin;
    if (is_closed_) return false;
    // It had its turn already, so it goes to the front.
    pool.waiting.push_front({&worker, connection, now});
    return true;
}

void ServerPool::enter(const std::string& key, const session::DatabaseGate& gate) {
    const Lock lock(mutex_);
    Pool& pool = pools_[key];
    pool.gate = &gate;
    ++pool.clients;
}

void ServerPool::exit(const std::string& key) {
    const Lock lock(mutex_);
    --pools_[key].clients;
}

void ServerPool::sweep(Instant now) {
    std::vector<PooledServerRef> dead;
    const Lock lock(mutex_);
    for (auto it = pools_.begin(); it != pools_.end();) {
        Pool& pool = it->second;
        for (auto& server : pool.idle) {
            const bool is_last = pool.counted <= 1 && pool.clients > 0;
            const bool is_idle_too_long = !is_last && limits_.idle_timeout.count() > 0 && now - server->idle_since >= limits_.idle_timeout;
            if (!is_idle_too_long && !server->place.must_close() && !is_too_old(*server, pool, now) && is_alive(*server)) continue;
            --pool.counted;
            dead.push_back(std::move(server));
        }
        std::erase(pool.idle, nullptr);
        let_connect(it->first, pool, now);
        const bool is_unused = pool.idle.empty() && pool.waiting.empty() && pool.counted == 0 && pool.clients == 0;
        it = is_unused ? pools_.erase(it) : std::next(it);
    }
}

void ServerPool::close_all() {
    std::vector<PooledServerRef> dead;
    const Lock lock(mutex_);
    is_closed_ = true;
    for (auto& [key, pool] : pools_) {
        pool.counted -= static_cast<int>(pool.idle.size());
        std::move(pool.idle.begin(), pool.idle.end(), std::back_inserter(dead));
        pool.idle.clear();
    }
}

std::vector<PoolRow> ServerPool::rows(Instant now) const {
    const Lock lock(mutex_);
    std::vector<PoolRow> rows;
    for (const auto& [key, pool] : pools_) {
        PoolRow row;
        const auto end = key.find('\0');
        row.database = printable(key.substr(0, end));
        row.user = printable(key.substr(end + 1, key.find('\0', end + 1) - end - 1));
        row.idle = pool.idle.size();
        row.counted = static_cast<std::uint64_t>(std::max(0, pool.counted));
        row.waiting = pool.waiting.size();
        if (!pool.waiting.empty()) row.max_wait_us = (now - pool.waiting.front().since).count();
        for (const auto& server : pool.idle) row.idle_servers.push_back(row_of(*server));
        rows.push_back(std::move(row));
    }
    return rows;
}

bool ServerPool::is_waited_for() const {
    const Lock lock(mutex_);
    return std::any_of(pools_.begin(), pools_.end(), [](const auto& named) { return !named.second.waiting.empty(); });
}

}  // namespace larder::proxy
