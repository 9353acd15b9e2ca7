// A libpq connection of Larder's own (control, catalogue): connects and asks with a deadline, and can be interrupted.
//
// libpq's blocking calls know no deadline, so everything goes through its non-blocking ones and poll().
// Threads: one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include "base/wakeup.h"
#include "config/config.h"

namespace larder::proxy {

// Of a message of libpq, for a log line or a page: without what follows, and printable.
std::string first_line(std::string text);

struct PgRows {
    bool ok = false;
    std::string error, sqlstate;                                  // ok == false; never holds a password
    std::vector<std::vector<std::optional<std::string>>> rows;

    const std::optional<std::string>& at(std::size_t row, std::size_t column) const { return rows.at(row).at(column); }
    bool is_true(std::size_t row, std::size_t column) const { return at(row, column) == "t"; }
};

class PgConnection {
public:
    // Null if it fails within upstream.connect_timeout, with the reason in `error`. `stop`: give up when it is woken.
    // `is_replication`: a walsender answers, which takes the commands of physical replication and no SQL.
    static std::unique_ptr<PgConnection> open(const config::Upstream& upstream, const std::string& database, const char* application_name,
                                              const Wakeup& stop, std::string& error, bool is_replication = false);
    ~PgConnection();
    PgConnection(const PgConnection&) = delete;
    PgConnection& operator=(const PgConnection&) = delete;

    PgRows query(const std::string& sql, std::chrono::milliseconds timeout);
    // With $1, $2 …, as text.
    PgRows query(const std::string& sql, const std::vector<std::string>& values, std::chrono::milliseconds timeout);
    // Reads what has arrived. False: the connection is lost.
    bool is_alive();
    // Waits until the server sends something, `wakeup` is woken, or the time is over. True: the server sent something.
    bool wait(const Wakeup& wakeup, std::chrono::milliseconds timeout);
    PGconn* raw() { return connection_; }
    int server_version() const { return PQserverVersion(connection_); }

private:
    explicit PgConnection(PGconn* connection) : connection_(connection) {}
    PgRows answer_to(int was_sent, std::chrono::milliseconds timeout);
    PGconn* connection_;
};

}  // namespace larder::proxy
