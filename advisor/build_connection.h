// The one connection of Larder that changes a database: it runs what an operator told Larder to deploy, and nothing else.
//
// Statements run by themselves, outside a block, since CREATE INDEX CONCURRENTLY wants it so, and without a statement_timeout; no lock
// is waited for longer than the lock_timeout, so that nobody queues behind a build that waits. The search_path is empty: a name without its
// schema is pg_catalog's.
//
// Threads: one. Errors: QueryError for what the server refuses, std::runtime_error if the
// connection fails.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "advisor/connection.h"

namespace larder::advisor {

class BuildConnection {
public:
    // `uri` empty: libpq's environment.
    BuildConnection(const std::string& uri, std::chrono::milliseconds lock_timeout);
    ~BuildConnection();
    BuildConnection(const BuildConnection&) = delete;
    BuildConnection& operator=(const BuildConnection&) = delete;

    // `each_second` is called while the server works; if it returns false the statement is cancelled, and ends with QueryError 57014
    // unless it was done first.
    Rows run(const std::string& sql, const Parameters& parameters = {}, const std::function<bool()>& each_second = {});
    // Nothing for so long, or until the server closes the connection.
    void rest(std::chrono::milliseconds time);
    // The server process that works for this connection.
    int backend_pid() const;

    static constexpr const char* kApplicationName = "larder_deploy";

private:
    Rows rows_that_came();
    void cancel() noexcept;
    struct Close { void operator()(pg_conn* connection) const; };
    std::unique_ptr<pg_conn, Close> connection_;
};

}  // namespace larder::advisor
