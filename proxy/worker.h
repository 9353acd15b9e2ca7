// One thread with one event loop, and the clients that stay on it for life.
//
// The tick is the only clock of its sessions: every 5 ms while something happens, seldom else. It also serves what is
// due: login timeouts, ends of stream that were not seen, slices of the cache's sweep, the rows of SHOW CLIENTS.
//
// Threads: its own, except what says "any thread".
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <span>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/snapshot.h"
#include "proxy/asio.h"
#include "proxy/client_connection.h"
#include "proxy/forwarding_waiter.h"
#include "proxy/read_barrier.h"
#include "proxy/redis_client.h"
#include "proxy/session/context.h"
#include "proxy/session/known_login.h"
#include "proxy/session/slow_log.h"
#include "proxy/session/statement_memo.h"
#include "proxy/shared.h"

namespace larder::proxy {

class Worker final : public PoolClient, public BarrierListener {
public:
    Worker(Shared& shared, int index);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Any thread.
    void start(const std::vector<std::unique_ptr<Worker>>& all);
    void stop();                                       // ends every connection and the loop
    void join();
    void forget_connections();                         // after join(); before any worker is destroyed, since sessions reach others
    asio::io_context& io() { return io_; }
    const session::TrafficRecords& traffic() const { return traffic_; }   // for readers
    const RedisNumbers* redis_numbers() const { return redis_ ? &redis_->numbers() : nullptr; }  // null: there is no Redis
    int client_count() const { return client_count_.load(std::memory_order_relaxed); }
    std::uint64_t slow_statements() const { return slow_log_.seen.value(); }
    const session::SessionMetrics& metrics() const { return context_.metrics; }
    void adopt(int descriptor, int family, std::string address);  // counted in shared.clients already
    void post_flight(std::uint64_t connection, cache::ResultRef result, bool leads);
    void post_cancel(std::uint64_t connection, std::function<void()> delivered);
    void post_cancel_routed(std::uint64_t connection);
    void post_lent(std::uint64_t connection, PooledServerRef server) override;
    void post_may_connect(std::uint64_t connection, const std::string& key) override;
    void post_barrier(std::uint64_t wait, bool has_passed) override;
    void post_rules(std::shared_ptr<const rules::UserRules> rules);
    void post_login_rules(std::shared_ptr<const protocol::LoginRules> rules);
    void post_users(std::shared_ptr<const protocol::UserFile> users);
    void post_server_version(std::string version);
    void post_kill(std::uint64_t connection);
    void post_kill_database(const session::DatabaseGate* gate);   // every client of it
    void post_resumed();                               // a database is not paused any more
    void post_shutdown();                              // every session ends when it is idle
    std::vector<ClientRow> rows() const;               // as of the last second

    // Its own thread.
    Shared& shared() { return shared_; }
    session::Context& context() { return context_; }
    std::span<char> read_buffer() { return read_buffer_; }
    session::OutputQueue& client_scratch() { return client_scratch_; }
    session::OutputQueue& server_scratch() { return server_scratch_; }
    void note_activity() {
        is_active_ = true;
        if (is_slow_) speed_up();
    }
    void connect(std::uint64_t connection);
    void look_up_user(std::uint64_t connection, const std::string& user);
    void ask_second_level(std::uint64_t connection, const session::SecondLevelRequest& request);
    void probe_later(std::uint64_t connection) { to_probe_.push_back(connection); }
    void linger(std::uint64_t connection);
    void wait_for_server(std::uint64_t connection, std::uint64_t number);
    void reconsider_later(std::uint64_t connection) { to_reconsider_.insert(connection); }
    void hold(std::uint64_t connection) { held_.push_back(connection); }   // until post_resumed()
    // Begins a wait for the change feed; `number` is the connection's own, which it will be told with the end. False: there is no feed.
    bool await_barrier(std::uint64_t connection, std::uint64_t number);
    void expect_login(std::uint64_t connection);       // within listen.login_timeout from now
    void cancel_sent(std::uint64_t connection, std::uint64_t link_number);
    // The connection has ended. It is deleted after a period of grace: calls of its waiter that are under way in other
    // workers must have arrived before.
    void bury(ClientConnection& connection);
    void pump_later(std::uint64_t connection);

    Count bytes_in, bytes_out;                         // of clients
    Count lent_servers;
    Count ticks;                                       // a loop that hangs has none

private:
    struct Deadline {
        Instant at;
        std::uint64_t connection;
        std::uint64_t number = 0;
    };

    struct BarrierWait {
        std::uint64_t wait, connection, number;
        Instant since;                                 // as the clock says, for it is measured in fractions of a tick
    };

    void run();
    void on_second_level(std::uint64_t connection, std::uint64_t number, cache::ResultRef result);
    ClientConnection* find(std::uint64_t connection);
    void admit(int descriptor, int family, std::string address);
    void schedule_tick(std::chrono::milliseconds after);
    void speed_up();
    void tick();
    void serve_deadlines();
    void end_barrier_wait(session::BarrierOutcome outcome, Instant at);
    void probe_ends();
    void reconsider();
    void publish_rows();
    void begin_grace();

    Shared& shared_;
    const int index_;
    asio::io_context io_{1};
    std::thread thread_;
    Timer timer_;
    session::StatementMemo memo_;
    session::TrafficRecords traffic_;
    session::SlowLog slow_log_;
    session::KnownLogins known_logins_;
    std::unique_ptr<RedisClient> redis_;               // null: there is no second level
    session::Context context_;
    std::vector<char> read_buffer_;
    session::OutputQueue client_scratch_, server_scratch_;

    std::unordered_map<std::uint64_t, std::unique_ptr<ClientConnection>> connections_;
    std::unordered_map<std::uint64_t, std::unique_ptr<ClientConnection>> buried_;
    std::vector<std::uint64_t> without_grace_;         // buried since the last begin_grace()
    std::deque<Deadline> waiting_;                     // for a server connection
    std::deque<BarrierWait> barrier_waits_;            // in order
    std::unordered_set<std::uint64_t> to_reconsider_;
    std::deque<Deadline> logins_;                      // since when: a reload may change how long they have
    std::deque<Deadline> lingering_;                   // in order, since it has one constant timeout
    std::vector<std::uint64_t> to_probe_;
    std::vector<std::uint64_t> held_;                  // logins to a paused database
    std::vector<Worker*> all_;                         // this one too
    std::atomic<int> client_count_{0};
    Instant next_probe_, next_sweep_, next_rows_, next_pool_sweep_, next_period_;
    bool is_active_ = false;                           // something happened since the last tick
    bool is_slow_ = false;                             // the tick is on its long interval
    bool is_shutting_down_ = false;

    mutable Mutex rows_mutex_;
    std::vector<ClientRow> rows_ LARDER_GUARDED_BY(rows_mutex_);
};

}  // namespace larder::proxy
