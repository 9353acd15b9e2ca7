// Asks the server for users: PgBouncer's auth_query, on a connection of its own, by a thread of its own.
//
// Sessions ask through their worker and wait without holding anybody up. Who asks for a name that is being asked for waits for the same
// answer; a question that cannot be put fails, and everybody who waits then fails with it, so that nobody waits for a server that is gone.
// The connection is opened when it is needed and closed when it was idle for a while, or its database is paused.
//
// Threads: look_up(), find() and doubt() any; answers are given by the thread, which only posts them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"
#include "config/config.h"
#include "proxy/pg_connection.h"
#include "proxy/session/database_gate.h"
#include "proxy/session/upstream_state.h"
#include "proxy/session/user_directory.h"
#include "proxy/user_cache.h"

namespace larder::proxy {

class UserQuery final : public session::UserDirectory {
public:
    using Answer = std::function<void(const session::LookedUpUser&)>;
    static constexpr std::size_t kNamesMax = 1'000;   // that wait at one time; who comes next fails
    static constexpr std::chrono::seconds kIdle{60};

    // `password_of`: what auth_file has for the user who asks; empty: nothing.
    UserQuery(const config::Config& config, session::UpstreamState& upstream, std::function<std::string(const std::string&)> password_of);
    ~UserQuery();
    UserQuery(const UserQuery&) = delete;
    UserQuery& operator=(const UserQuery&) = delete;

    void start();
    void stop();                                      // whoever waits is told that it has failed

    std::optional<session::UserSecretRef> find(std::string_view user) override;
    void doubt(std::string_view user) override { cache_.doubt(user); }
    void look_up(const std::string& user, Answer answer);

    Count asked, failed;                              // questions to the server

private:
    void run();
    std::string next_name();                          // waits; empty: nothing to do, or the end
    session::LookedUpUser ask(const std::string& user);
    bool connect(std::string& error);
    void close();
    session::LookedUpUser give_up(const std::string& error);
    void answer(const std::string& user, const session::LookedUpUser& outcome);
    void fail_all();

    const config::Listen listen_;
    config::Upstream login_;                          // with auth_user in the place of Larder's own
    session::UpstreamState& upstream_;
    std::function<std::string(const std::string&)> password_of_;
    UserCache cache_;

    std::thread thread_;
    Wakeup stop_wakeup_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> names_;                   // in the order in which they came
    std::unordered_map<std::string, std::vector<Answer>> waiting_;
    bool is_stopping_ = false;

    session::ServerPlace place_;                      // the thread's, as all below
    std::unique_ptr<PgConnection> connection_;
    Instant used_;
    std::string last_error_;                          // logged once per change
};

}  // namespace larder::proxy
