// What the server made of a login, kept for a moment: a client that comes with the same user, database and parameters, and has
// proved its password to Larder, is let in by it, and the server is not asked (login_flow.cpp, docs/logins.md).
//
// A login may be given again only while the server would give the same: it is younger than `pool.login_max_age`, it was made at
// the instance that the counters speak of, and neither a role, a database or a setting nor the catalogue has changed through
// Larder since before it began. What changes elsewhere is found within that age.
// Half-way through it one client's login goes to the server, and the others are let in by the old one until it has come back.
//
// All sessions of a worker that got the same share one LoginFacts, and keep only what differs from it.
// Threads: the worker's; SharedServers any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "proxy/session/server_link.h"
#include "rules/session_env.h"

namespace larder::session {

struct LoginFacts {
    std::string request;                      // database, user, start-up parameters and protocol version, as the client asked
    std::string pool_key;                     // which server connections are alike; empty: they cannot be shared
    std::string settings;                     // what ALTER ROLE and ALTER DATABASE had given
    std::string environment;                  // the environment that the login began with, as one text to compare
    Parameters parameters;                    // by ParameterStatus
    std::string parameter_messages;           // the same as the server sent them
    std::uint16_t minor = 0;                  // the protocol version that was agreed on

    bool operator==(const LoginFacts&) const = default;
};
using LoginFactsRef = std::shared_ptr<const LoginFacts>;

// The client's view of ParameterStatus: the login's, and what became different.
class ToldParameters {
public:
    // True: the client has to be told.
    bool tell(std::string_view name, std::string_view value);
    // From now on `facts` has what was told so far.
    void rest_on(LoginFactsRef facts);

private:
    LoginFactsRef facts_;
    Parameters others_;
};

// The words of the counters and the instance under which a login is true.
struct LoginWords {
    std::uint64_t server = 0, catalogue = 0;
    std::int32_t instance_number = 0;         // 0: not verified

    bool operator==(const LoginWords&) const = default;
};

struct KnownLogin {
    LoginFactsRef facts;
    std::shared_ptr<const rules::SessionEnv> env;
    LoginWords words;                         // as they were before it began
    bool may_be_given_again = false;          // false: only kept to be shared
    Instant begun{};
    Instant asked_again{};                    // when another login like it went to the server
};

class KnownLogins {
public:
    static constexpr std::size_t kLoginsMax = 1000;  // some 2 KB each; beyond it all are forgotten

    // 0: every login goes to the server.
    explicit KnownLogins(std::chrono::milliseconds max_age) : max_age_(max_age) {}

    // Null: the server has to be asked. The caller does that then, since the others rely on it.
    const KnownLogin* find(const std::string& request, const LoginWords& words, Instant now);
    // Returns facts equal to `login.facts` that sessions share.
    LoginFactsRef keep(KnownLogin login);
    // The server has refused it.
    void forget(const std::string& request) { logins_.erase(request); }

private:
    const std::chrono::milliseconds max_age_;
    std::unordered_map<std::string, KnownLogin> logins_;
};

// The shared server connections. Implemented by proxy/. Threads: any; does not block.
class SharedServers {
public:
    // There is one like `pool_key`, lent or not.
    virtual bool has_any(const std::string& pool_key) const = 0;

protected:
    ~SharedServers() = default;
};

}  // namespace larder::session
