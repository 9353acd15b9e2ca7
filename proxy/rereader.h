// Runs a statement of somebody else's as that session would: same database, role, search_path, settings, parameters and formats, on
// a connection of Larder's own, in a transaction that only reads and is rolled back.
//
// Larder logs in as itself and takes the role by SET ROLE, so that its login has to be a superuser or a member of that role; the settings of
// the environment are set for the transaction and read back, and where they do not come out the same nothing is run. What would
// depend on the session's user itself (session_user, …) is never kept in the cache, so that SET ROLE is as good as a login.
//
// There is one connection per database, at most kDatabasesMax; they are opened when needed and closed when idle, or when the database is paused:
// they count among its server connections, and no client ever waits for one.
//
// Threads: one at a time. Errors: as told by `Reread`; no exceptions but std::bad_alloc.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/wakeup.h"
#include "config/config.h"
#include "proxy/answer_rows.h"
#include "proxy/pg_connection.h"
#include "proxy/session/cache_key.h"
#include "proxy/session/database_gate.h"
#include "proxy/session/upstream_state.h"
#include "rules/session_env.h"

namespace larder::proxy {

struct Reread {
    enum class Outcome : std::uint8_t {
        answered,
        unlike,       // the role cannot be taken, a setting cannot be made the same, or the request cannot be put as it was
        refused,      // the server answered with an error, such as a timeout
        unreachable,  // there is no connection, or its database is paused
    } outcome = Outcome::unreachable;
    std::string why;    // printable
    AnswerRows answer;  // answered
};

class Rereader {
public:
    static constexpr std::size_t kDatabasesMax = 4;
    static constexpr std::chrono::seconds kIdle{5};
    static constexpr std::chrono::milliseconds kStatementTimeout{10'000};

    // `stop`: gives up when it is woken. `name`: application_name of the connections. `patience`: for a connection, and for each question of
    // Larder's own.
    Rereader(const config::Upstream& upstream, session::UpstreamState& state, const Wakeup& stop, const char* name,
             std::chrono::milliseconds patience);
    ~Rereader();

    // Runs the request of that key. An answer of more than `bytes_max` is cut.
    Reread run(const rules::SessionEnv& env, const session::KeyParts& request, std::size_t bytes_max);

    // The environment that a new session of `role` (empty: Larder's own) would have there with these settings. Null: `why`.
    std::shared_ptr<rules::SessionEnv> environment(const std::string& database, const std::string& role,
                                                   const std::vector<std::pair<std::string, std::string>>& settings, std::string& why);

    // Whether the connection to that database leads to the server whose changes are known: it holds the instance lock, and is no standby.
    bool is_known_server(const std::string& database);

    // Asks a question of Larder's own, with $1 … as text.
    PgRows ask(const std::string& database, const std::string& sql, const std::vector<std::string>& values = {});

    void close_idle(Instant now);
    bool has_connections() const { return !links_.empty(); }
    void close_all() { links_.clear(); }

private:
    struct Link {
        session::ServerPlace place;
        std::unique_ptr<PgConnection> connection;
        Instant used;
        bool is_spent = false;  // an answer on it was not read to its end
    };

    Link* link(const std::string& database, std::string& why);
    void lost(const std::string& database) { links_.erase(database); }
    bool run_all(Link& link, const std::vector<std::string>& texts, std::string& why);
    std::shared_ptr<rules::SessionEnv> read_environment(Link& link, const std::string& database, std::string& why);
    bool become(Link& link, const rules::SessionEnv& env, std::string& why);
    Reread put(Link& link, const session::KeyParts& request, std::size_t bytes_max);
    bool read_rows(Link& link, Reread& out, std::size_t bytes_max);

    config::Upstream upstream_;  // with a shorter time to connect
    session::UpstreamState& state_;
    const Wakeup& stop_;
    const char* const name_;
    const std::chrono::milliseconds patience_;
    std::map<std::string, Link> links_;
};

}  // namespace larder::proxy
