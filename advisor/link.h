// A libpq connection on which no question waits for ever: each has a deadline, and all end at once when Larder does.
//
// The server's own statement_timeout is no such deadline: code that runs there can catch it. So everything goes through libpq's non-blocking
// calls and poll(). A connection that owes an answer is of no use any more: it is cancelled and closed.
//
// Threads: one; the Wakeup may be woken by any. Errors: ConnectionLost.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <libpq-fe.h>

#include "advisor/pg_result.h"
#include "base/wakeup.h"

namespace larder::advisor {

class ConnectionLost : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Link {
public:
    static constexpr std::chrono::seconds kConnectMax{10};  // unless connect_timeout says otherwise

    // `uri` empty: libpq's environment. `stop`: ends every wait when it is woken; may be null.
    Link(const std::string& uri, const char* application_name, const Wakeup* stop);

    // By the simple protocol: statements of Larder's own making.
    Result run(const char* sql, std::chrono::milliseconds timeout);
    // By the extended protocol, which refuses a second statement.
    Result run(const std::string& sql, const Parameters& parameters, std::chrono::milliseconds timeout);
    // What the statement would answer; it is parsed, and not run.
    Result describe(const std::string& sql, std::chrono::milliseconds timeout);

    bool is_open() const { return connection_ != nullptr; }

private:
    using Instant = std::chrono::steady_clock::time_point;
    struct Close { void operator()(pg_conn* connection) const { PQfinish(connection); } };
    enum class Waited { ready, late, stopped };

    Waited wait(short events, Instant deadline) const;
    Result answer(bool is_sent, std::chrono::milliseconds timeout);
    void need(Waited waited);
    [[noreturn]] void lose(const std::string& why);
    void cancel() noexcept;

    std::unique_ptr<pg_conn, Close> connection_;  // null: lost
    const Wakeup* stop_;
};

}  // namespace larder::advisor
