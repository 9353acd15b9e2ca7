// The advisor's own connection: nothing that goes through it can change the database.
//
// Every question is asked inside a READ ONLY transaction that is rolled back, with short timeouts; so even a function that the
// planner calls to fold a constant cannot write. Texts go by the extended protocol, which refuses a second statement.
//
// Threads: one. Errors: QueryError for what the server refuses, std::runtime_error if the connection fails.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

struct pg_conn;

namespace larder::advisor {

class QueryError : public std::runtime_error {
public:
    QueryError(const std::string& message, std::string sqlstate) : std::runtime_error(message), sqlstate_(std::move(sqlstate)) {}
    const std::string& sqlstate() const { return sqlstate_; }

private:
    std::string sqlstate_;
};

using Value = std::optional<std::string>;
using Row = std::vector<Value>;
using Rows = std::vector<Row>;
using Parameters = std::vector<Value>;

class Connection {
public:
    // `uri` empty: libpq's environment.
    explicit Connection(const std::string& uri);

    void begin();     // READ ONLY; ends the one before
    void end();       // ROLLBACK, whatever happened

    Rows ask(const std::string& sql, const Parameters& parameters = {});
    // The same behind a savepoint: nothing if the server refuses, with its reason in `why`.
    std::optional<Rows> attempt(const std::string& sql, const Parameters& parameters = {}, std::string* why = nullptr);
    // The type of a query's first column, asked without running it: its OID, 0 if the server refuses.
    unsigned type_of(const std::string& sql);

private:
    struct Close { void operator()(pg_conn* connection) const; };
    void simple(const char* sql);
    std::unique_ptr<pg_conn, Close> connection_;
    bool in_transaction_ = false;
};

std::string quoted_literal(const std::string& text);  // for SQL under standard_conforming_strings, which the connection sets
std::string quoted_name(const std::string& name);     // an identifier, always in quotes

}  // namespace larder::advisor
