// The advisor's own connection: nothing that goes through it can change the database.
//
// Every question is asked inside a READ ONLY transaction that is rolled back, with short timeouts on both sides. Texts go by the extended protocol, which
// refuses a second statement. What the advisor itself asks is read under `search_path = pg_catalog`, so that its names mean PostgreSQL's own; a text that holds a
// part of a client's statement is read under the client's search_path, and only if the gate lets it through.
//
// Threads: one. Errors: QueryError for what the server refuses, ConnectionLost (link.h) if the connection fails or does not answer; the next begin() makes a new one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

struct pg_conn;

namespace larder {
class Wakeup;
}

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

class Gate;
class Link;

class Connection {
public:
    static constexpr std::chrono::seconds kAnswerMax{15};  // well above the server's own statement_timeout

    // `uri` empty: libpq's environment; its search_path is the client's. `stop`: ends every wait when it is woken; may be null.
    Connection(const std::string& uri, Gate& gate, const Wakeup* stop = nullptr);
    ~Connection();

    void begin();     // READ ONLY; ends the one before
    void end();       // ROLLBACK, whatever happened
    // For so long an answer is waited for, until the transaction ends.
    void allow(std::chrono::milliseconds time) { answer_max_ = time; }

    // The advisor's own questions: a name without a schema is pg_catalog's.
    Rows ask(const std::string& sql, const Parameters& parameters = {});
    // The same behind a savepoint: nothing if the server refuses, with its reason in `why`.
    std::optional<Rows> attempt(const std::string& sql, const Parameters& parameters = {}, std::string* why = nullptr);

    // What holds a part of a client's statement: Refused if it is not let through.
    Rows ask_as_client(const std::string& sql, const Parameters& parameters = {});
    std::optional<Rows> attempt_as_client(const std::string& sql, const Parameters& parameters = {}, std::string* why = nullptr);
    // The type of a query's first column, asked without running it: its OID, 0 if it is refused.
    unsigned type_of(const std::string& sql);
    // May it be planned? Throws Refused.
    void admit(const std::string& sql);

    // Under the client's search_path, without the gate: only for texts in which every name and operator has its schema.
    Rows ask_in_path(const std::string& sql, const Parameters& parameters = {});
    std::optional<Rows> attempt_in_path(const std::string& sql, const Parameters& parameters = {});

    void savepoint(const std::string& name);
    void rollback_to(const std::string& name);

private:
    enum class Path { own, client, unknown };
    void connect();
    bool begin_on_this();
    void simple(const std::string& sql);
    void use(Path path);
    Rows run(Path path, const std::string& sql, const Parameters& parameters);
    std::optional<Rows> try_to_run(Path path, const std::string& sql, const Parameters& parameters, std::string* why);

    const std::string uri_;
    Gate& gate_;
    const Wakeup* stop_;
    std::unique_ptr<Link> link_;
    Path path_ = Path::unknown;
    std::chrono::milliseconds answer_max_ = kAnswerMax;
    bool in_transaction_ = false;
};

std::string quoted_literal(const std::string& text);  // for SQL under standard_conforming_strings, which the connection sets
std::string quoted_name(const std::string& name);     // an identifier, always in quotes

}  // namespace larder::advisor
