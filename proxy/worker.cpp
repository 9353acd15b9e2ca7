#include "proxy/worker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "base/check.h"
#include "base/log.h"
#include "proxy/user_file_reader.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

// Large answers are read and forwarded in pieces of this size; it stays in the second-level cache.
constexpr std::size_t kReadBufferBytes = 128 * 1024;
constexpr milliseconds kTickBusy{5};
constexpr milliseconds kTickIdle{200};
constexpr milliseconds kProbeInterval{100};
constexpr milliseconds kSweepInterval{50};
constexpr milliseconds kPoolSweepInterval{1000};
constexpr milliseconds kRowsInterval{1000};
constexpr milliseconds kLingerTimeout{10'000};
// A snapshot of many clients is made only while somebody looks at it.
constexpr std::size_t kRowsAlways = 100;
constexpr std::size_t kRowsMax = 2000;
constexpr milliseconds kRowsWanted{60'000};

// The other end of a Unix socket runs as the same user.
bool is_own_user(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

session::PoolMode pool_mode(config::PoolMode mode) {
    switch (mode) {
        case config::PoolMode::session: break;
        case config::PoolMode::automatic: return session::PoolMode::automatic;
        case config::PoolMode::transaction: return session::PoolMode::transaction;
        case config::PoolMode::statement: return session::PoolMode::statement;
    }
    return session::PoolMode::session;
}

}  // namespace

void ForwardingWaiter::on_result(cache::ResultRef result) { worker_.post_flight(connection_, std::move(result), false); }
void ForwardingWaiter::on_no_result(bool leads) { worker_.post_flight(connection_, {}, leads); }

Worker::Worker(Shared& shared, int index)
    : shared_(shared),
      index_(index),
      timer_(io_.get_executor()),
      memo_(shared.config.cache.statements_max, session::SessionLimits{}.memo_bytes_max),
      traffic_(static_cast<std::size_t>(shared.config.advisor.statements_max), shared.config.advisor.show_values),
      slow_log_(shared.reloadable.slow_log),
      known_logins_(shared.config.pool.login_max_age),
      context_{.now = now(),
               .upstream = shared.upstream,
               .cache = shared.cache,
               .environments = shared.environments,
               .unknown_outcomes = *shared.unknown_outcomes,
               .console = shared.console,
               .console_database = shared.config.upstream.database,
               .default_database = shared.config.upstream.database,
               .console_admins = config::name_list(shared.config.admin.admin_users),
               .console_readers = config::name_list(shared.config.admin.stats_users),
               .rules = shared.rules.get(),
               .has_upstream_login = shared.has_upstream_login,
               .server_version = {},
               .pool_mode = pool_mode(shared.config.pool.mode),
               .deferred_begin = shared.config.cache.enabled && shared.config.cache.deferred_begin,
               .limits = {},
               .metrics = {},
               .memo = &memo_,
               .traffic = shared.config.advisor.enabled ? &traffic_ : nullptr,
               .slow_log = &slow_log_,
               .clock_us = [] { return now().us; },
               .users = shared.users.get(),
               .directory = shared.user_query.get(),
               .login_rules = shared.login_rules.get(),
               .salt_secret = login_salt_secret(),
               .known_logins = &known_logins_,
               .shared_servers = &shared.servers,
               .counts = &shared.statistics.new_table()},
      read_buffer_(kReadBufferBytes) {
    if (shared.redis) {
        redis_ = std::make_unique<RedisClient>(*shared.redis, io_, [this](auto connection, auto number, auto result) { on_second_level(connection, number, std::move(result)); }, index);
        context_.second_level = redis_.get();
    }
    context_.limits.memo_statements_max = shared.config.cache.statements_max;
    next_period_ = now() + Statistics::kPeriod;
}

Worker::~Worker() { join(); }

void Worker::start(const std::vector<std::unique_ptr<Worker>>& all) {
    for (const auto& worker : all) all_.push_back(worker.get());
    schedule_tick(kTickBusy);
    thread_ = std::thread([this] { run(); });
}

void Worker::run() {
    for (;;) {
        try {
            io_.run();
            return;
        } catch (const std::exception& e) {
            // A connection catches its own; what arrives here came from admission or the tick. The loop goes on.
            log_error("an event of a worker failed", {{"worker", std::to_string(index_)}, {"error", e.what()}});
        }
    }
}

void Worker::stop() {
    asio::post(io_, [this] {
        while (!connections_.empty()) connections_.begin()->second->abort();
        if (redis_) redis_->stop();
        timer_.cancel();
        asio::post(io_, [this] { io_.stop(); });
    });
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

void Worker::forget_connections() {
    connections_.clear();
    buried_.clear();
}

void Worker::adopt(int descriptor, int family, std::string address) {
    client_count_.fetch_add(1, std::memory_order_relaxed);
    // At once if this is its own thread: the listener's worker.
    asio::dispatch(io_, [this, descriptor, family, address = std::move(address)]() mutable { admit(descriptor, family, std::move(address)); });
}

void Worker::admit(int descriptor, int family, std::string address) {
    note_activity();
    const std::uint64_t id = shared_.next_connection.fetch_add(1, std::memory_order_relaxed);
    PeerRef peer;
    try {
        peer = PeerRef(new Peer(io_, descriptor, true));
        session::ClientInfo info;
        info.id = id;
        info.address = std::move(address);
        info.is_same_os_user = family == AF_UNIX && is_own_user(descriptor);
        const auto tls = shared_.client_tls.get();
        // Over a Unix socket there is no TLS, as in PostgreSQL.
        info.tls_available = tls != nullptr && family != AF_UNIX;
        info.tls_required = shared_.config.listen.tls >= config::TlsMode::require && family != AF_UNIX;
        IssuedKey issued = shared_.cancels.issue(*this, id);
        info.key = issued.key;
        info.key_secret_long = std::move(issued.secret_long);
        auto connection = std::make_unique<ClientConnection>(*this, peer, std::move(info));
        ClientConnection& started = *connection;
        connections_.emplace(id, std::move(connection));
        context_.metrics.client_connections.add();
        expect_login(id);
        started.start();
        if (is_shutting_down_ && !started.is_over()) started.on_shutdown();
    } catch (const std::exception& e) {
        log_error("a client could not be admitted", {{"error", e.what()}});
        if (const auto found = connections_.find(id); found != connections_.end()) {
            found->second->abort();
            return;
        }
        if (peer) peer->close();
        shared_.logging_in.fetch_sub(1, std::memory_order_relaxed);
        shared_.clients.fetch_sub(1, std::memory_order_relaxed);
        client_count_.fetch_sub(1, std::memory_order_relaxed);
    }
}

ClientConnection* Worker::find(std::uint64_t connection) {
    const auto found = connections_.find(connection);
    return found == connections_.end() ? nullptr : found->second.get();
}

void Worker::post_flight(std::uint64_t connection, cache::ResultRef result, bool leads) {
    asio::post(io_, [this, connection, result = std::move(result), leads] {
        if (ClientConnection* found = find(connection)) return found->on_flight(result, leads);
        if (const auto ended = buried_.find(connection); ended != buried_.end()) ended->second->on_flight(result, leads);
    });
}

void Worker::post_cancel(std::uint64_t connection, std::function<void()> delivered) {
    asio::post(io_, [this, connection, delivered = std::move(delivered)]() mutable {
        if (ClientConnection* found = find(connection)) found->on_cancel(std::move(delivered));
        else delivered();
    });
}

void Worker::post_cancel_routed(std::uint64_t connection) {
    asio::post(io_, [this, connection] {
        if (ClientConnection* found = find(connection)) found->on_cancel_routed();
    });
}

void Worker::post_lent(std::uint64_t connection, PooledServerRef server) {
    asio::post(io_, [this, connection, server = std::move(server)]() mutable {
        if (ClientConnection* found = find(connection)) found->on_lent(std::move(server));
        else shared_.servers.give_back(std::move(server), context_.now);
    });
}

void Worker::post_may_connect(std::uint64_t connection, const std::string& key) {
    asio::post(io_, [this, connection, key] {
        if (ClientConnection* found = find(connection)) found->on_may_connect(key);
        else shared_.servers.closed(key);
    });
}

void Worker::cancel_sent(std::uint64_t connection, std::uint64_t link_number) {
    asio::post(io_, [this, connection, link_number] {
        if (ClientConnection* found = find(connection)) found->on_cancel_sent(link_number);
    });
}

void Worker::wait_for_server(std::uint64_t connection, std::uint64_t number) {
    waiting_.push_back({context_.now + shared_.config.pool.max_wait, connection, number});
}

bool Worker::await_barrier(std::uint64_t connection, std::uint64_t number) {
    const Instant since = now();
    const auto wait = shared_.barrier.begin_wait(*this);
    if (wait != 0) barrier_waits_.push_back({wait, connection, number, since});
    return wait != 0;
}

void Worker::post_barrier(std::uint64_t wait, bool has_passed) {
    asio::post(io_, [this, wait, has_passed] {
        const Instant at = now();
        while (!barrier_waits_.empty() && barrier_waits_.front().wait <= wait)
            end_barrier_wait(has_passed ? session::BarrierOutcome::passed : session::BarrierOutcome::refused, at);
    });
}

// The oldest.
void Worker::end_barrier_wait(session::BarrierOutcome outcome, Instant at) {
    const BarrierWait ended = barrier_waits_.front();
    barrier_waits_.pop_front();
    if (ClientConnection* found = find(ended.connection)) found->on_barrier(ended.number, outcome, at - ended.since);
}

void Worker::reconsider() {
    std::unordered_set<std::uint64_t> ids;
    ids.swap(to_reconsider_);
    for (const std::uint64_t id : ids) {
        if (ClientConnection* found = find(id)) found->reconsider();
    }
}

void Worker::post_rules(std::shared_ptr<const rules::UserRules> rules) {
    asio::post(io_, [this, rules = std::move(rules)]() mutable { context_.rules = std::move(rules); });
}

void Worker::post_login_rules(std::shared_ptr<const protocol::LoginRules> rules) {
    asio::post(io_, [this, rules = std::move(rules)]() mutable { context_.login_rules = std::move(rules); });
}

void Worker::post_users(std::shared_ptr<const protocol::UserFile> users) {
    asio::post(io_, [this, users = std::move(users)]() mutable { context_.users = std::move(users); });
}

void Worker::post_server_version(std::string version) {
    asio::post(io_, [this, version = std::move(version)]() mutable { context_.server_version = std::move(version); });
}

void Worker::post_kill(std::uint64_t connection) {
    asio::post(io_, [this, connection] {
        if (ClientConnection* found = find(connection)) found->on_kill();
    });
}

void Worker::post_kill_database(const session::DatabaseGate* gate) {
    asio::post(io_, [this, gate] {
        std::vector<std::uint64_t> ids;
        for (const auto& [id, connection] : connections_) {
            if (connection->gate() == gate) ids.push_back(id);
        }
        for (const std::uint64_t id : ids) {
            if (ClientConnection* found = find(id)) found->on_kill();
        }
    });
}

void Worker::post_resumed() {
    asio::post(io_, [this] {
        std::vector<std::uint64_t> ids;
        ids.swap(held_);
        for (const std::uint64_t id : ids) {
            if (ClientConnection* found = find(id)) found->on_resumed();
        }
    });
}

void Worker::post_shutdown() {
    asio::post(io_, [this] {
        is_shutting_down_ = true;
        std::vector<std::uint64_t> ids;
        for (const auto& [id, connection] : connections_) ids.push_back(id);
        for (const std::uint64_t id : ids) {
            if (ClientConnection* found = find(id)) found->on_shutdown();
        }
    });
}

void Worker::connect(std::uint64_t connection) {
    shared_.connector.get()->connect(io_, [this, connection](ConnectResult result) {
        note_activity();
        if (ClientConnection* found = find(connection)) found->on_server(std::move(result));
        else if (result.peer) result.peer->close();
    });
}

void Worker::look_up_user(std::uint64_t connection, const std::string& user) {
    shared_.user_query->look_up(user, [this, connection](const session::LookedUpUser& found) {
        asio::post(io_, [this, connection, found] {
            if (ClientConnection* waiting = find(connection)) waiting->on_user_looked_up(found);
        });
    });
}

void Worker::ask_second_level(std::uint64_t connection, const session::SecondLevelRequest& request) {
    note_activity();
    redis_->look_up(connection, request);
}

void Worker::on_second_level(std::uint64_t connection, std::uint64_t number, cache::ResultRef result) {
    note_activity();
    if (ClientConnection* found = find(connection)) found->on_second_level(number, std::move(result));
}

void Worker::pump_later(std::uint64_t connection) {
    asio::post(io_, [this, connection] {
        if (ClientConnection* found = find(connection)) found->on_readable(true);
    });
}

void Worker::expect_login(std::uint64_t connection) { logins_.push_back({context_.now, connection}); }

void Worker::linger(std::uint64_t connection) { lingering_.push_back({context_.now + kLingerTimeout, connection}); }

void Worker::bury(ClientConnection& connection) {
    const auto found = connections_.find(connection.id());
    LARDER_ASSERT_SHARED(found != connections_.end());
    buried_.emplace(connection.id(), std::move(found->second));
    without_grace_.push_back(connection.id());
    connections_.erase(found);
    context_.metrics.client_connections.sub();
    shared_.clients.fetch_sub(1, std::memory_order_relaxed);
    client_count_.fetch_sub(1, std::memory_order_relaxed);
}

void Worker::begin_grace() {
    if (without_grace_.empty()) return;
    // A waiter's call that was under way when its session left happens inside one event of some worker. Each worker counts
    // down in an event of its own; the last one answers. What the calls posted here came before that answer.
    struct Grace {
        std::atomic<std::size_t> workers;
        std::vector<std::uint64_t> ended;
    };
    auto grace = std::make_shared<Grace>();
    grace->workers = all_.size();
    grace->ended.swap(without_grace_);
    for (Worker* worker : all_) {
        asio::post(worker->io_, [this, grace] {
            if (grace->workers.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
            asio::post(io_, [this, grace] {
                for (const std::uint64_t id : grace->ended) buried_.erase(id);
            });
        });
    }
}

void Worker::schedule_tick(milliseconds after) {
    timer_.expires_after(after);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) tick();
    });
}

void Worker::speed_up() {
    is_slow_ = false;
    context_.now = now();
    schedule_tick(kTickBusy);
}

void Worker::tick() {
    ticks.add();
    context_.now = now();
    is_slow_ = !is_active_ && barrier_waits_.empty();
    is_active_ = false;
    schedule_tick(is_slow_ ? kTickIdle : kTickBusy);
    begin_grace();
    serve_deadlines();
    if (redis_) {
        redis_->tick(context_.now);
        if (redis_->is_busy()) is_active_ = true;
    }
    if (context_.now >= next_probe_) {
        next_probe_ = context_.now + kProbeInterval;
        probe_ends();
        reconsider();
    }
    if (index_ == 0 && context_.now >= next_pool_sweep_) {
        next_pool_sweep_ = context_.now + kPoolSweepInterval;
        shared_.servers.sweep(context_.now);
    }
    if (index_ == 0 && context_.now >= next_period_) {
        next_period_ = context_.now + Statistics::kPeriod;
        shared_.statistics.end_period(context_.now);
    }
    if (index_ == 0 && context_.now >= next_sweep_) {
        next_sweep_ = context_.now + kSweepInterval;
        shared_.cache.sweep(context_.now);
    }
    if (context_.now >= next_rows_) {
        next_rows_ = context_.now + kRowsInterval;
        publish_rows();
    }
}

void Worker::serve_deadlines() {
    const auto login_timeout = shared_.reloadable.login_timeout.load(std::memory_order_relaxed);
    while (!logins_.empty() && logins_.front().at + login_timeout <= context_.now) {
        const std::uint64_t id = logins_.front().connection;
        logins_.pop_front();
        if (ClientConnection* found = find(id)) found->on_login_deadline();
    }
    while (!waiting_.empty() && waiting_.front().at <= context_.now) {
        const Deadline due = waiting_.front();
        waiting_.pop_front();
        if (ClientConnection* found = find(due.connection)) found->on_wait_deadline(due.number);
    }
    const auto barrier_limit = shared_.reloadable.barrier_limit.load(std::memory_order_relaxed);
    while (!barrier_waits_.empty() && barrier_waits_.front().since + barrier_limit <= context_.now)
        end_barrier_wait(session::BarrierOutcome::late, context_.now);
    while (!lingering_.empty() && lingering_.front().at <= context_.now) {
        const std::uint64_t id = lingering_.front().connection;
        lingering_.pop_front();
        if (ClientConnection* found = find(id)) found->on_linger_deadline();
    }
}

void Worker::probe_ends() {
    std::vector<std::uint64_t> ids;
    ids.swap(to_probe_);
    for (const std::uint64_t id : ids) {
        if (ClientConnection* found = find(id)) found->probe();
    }
    if (to_probe_.empty()) {
        ids.clear();
        to_probe_.swap(ids);  // keeps the capacity
    }
}

void Worker::publish_rows() {
    const Instant wanted{shared_.rows_wanted_us.load(std::memory_order_relaxed)};
    std::vector<ClientRow> rows;
    if (connections_.size() <= kRowsAlways || (wanted.us != 0 && context_.now - wanted < kRowsWanted)) {
        for (const auto& [id, connection] : connections_) {
            if (rows.size() == kRowsMax) break;
            rows.push_back(connection->row());
        }
    }
    const Lock lock(rows_mutex_);
    rows_.swap(rows);
}

std::vector<ClientRow> Worker::rows() const {
    const Lock lock(rows_mutex_);
    return rows_;
}

}  // namespace larder::proxy
