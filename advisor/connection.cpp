#include "advisor/connection.h"

#include "advisor/gate.h"
#include "advisor/link.h"
#include "advisor/pg_result.h"

namespace larder::advisor {

namespace {

// One after the other, so that an old server's refusal of one is seen. extra_float_digits and the rest stay the user's own. The search_path that the
// connection came with is what SET … TO DEFAULT brings back.
constexpr const char* kSettings[] = {
    "SET search_path = pg_catalog, pg_temp", "SET default_transaction_read_only = on", "SET statement_timeout = '5s'", "SET lock_timeout = '100ms'",
    "SET idle_in_transaction_session_timeout = '60s'", "SET standard_conforming_strings = on", "SET client_encoding = 'UTF8'",
};

}  // namespace

Connection::Connection(const std::string& uri, Gate& gate, const Wakeup* stop) : uri_(uri), gate_(gate), stop_(stop) { connect(); }
Connection::~Connection() = default;

void Connection::connect() {
    link_ = std::make_unique<Link>(uri_, "larder_advisor", stop_);
    for (const char* setting : kSettings) simple(setting);
}

void Connection::simple(const std::string& sql) {
    const Result result = link_->run(sql.c_str(), answer_max_);
    check(result.get());
}

// The server may have closed it since.
bool Connection::begin_on_this() {
    try {
        end();
        simple("BEGIN READ ONLY");
        return true;
    } catch (const ConnectionLost&) {
        return false;
    }
}

void Connection::begin() {
    if (!begin_on_this()) {
        connect();
        simple("BEGIN READ ONLY");
    }
    in_transaction_ = true;
    path_ = Path::own;
    answer_max_ = kAnswerMax;
}

void Connection::end() {
    if (!in_transaction_) return;
    in_transaction_ = false;
    if (link_->is_open()) simple("ROLLBACK");
}

void Connection::use(Path path) {
    if (!in_transaction_) throw std::logic_error("the advisor asks in a transaction only");
    if (path_ == path) return;
    simple(path == Path::own ? "SET LOCAL search_path = pg_catalog, pg_temp" : "SET LOCAL search_path TO DEFAULT");
    path_ = path;
}

Rows Connection::run(Path path, const std::string& sql, const Parameters& parameters) {
    use(path);
    const Result result = link_->run(sql, parameters, answer_max_);
    check(result.get());
    return rows_of(result.get());
}

std::optional<Rows> Connection::try_to_run(Path path, const std::string& sql, const Parameters& parameters, std::string* why) {
    savepoint("larder");
    try {
        auto rows = run(path, sql, parameters);
        simple("RELEASE SAVEPOINT larder");
        return rows;
    } catch (const QueryError& e) {
        if (why) *why = e.what();
        rollback_to("larder");
        simple("RELEASE SAVEPOINT larder");
        return std::nullopt;
    }
}

void Connection::savepoint(const std::string& name) { simple("SAVEPOINT " + name); }

// The search_path becomes again what it was at the savepoint.
void Connection::rollback_to(const std::string& name) {
    path_ = Path::unknown;
    simple("ROLLBACK TO SAVEPOINT " + name);
}

Rows Connection::ask(const std::string& sql, const Parameters& parameters) { return run(Path::own, sql, parameters); }

std::optional<Rows> Connection::attempt(const std::string& sql, const Parameters& parameters, std::string* why) {
    return try_to_run(Path::own, sql, parameters, why);
}

void Connection::admit(const std::string& sql) { gate_.admit(sql); }

Rows Connection::ask_as_client(const std::string& sql, const Parameters& parameters) {
    use(Path::client);
    gate_.admit(sql);  // last before it is sent: what is known of the database may change at any moment
    return run(Path::client, sql, parameters);
}

std::optional<Rows> Connection::attempt_as_client(const std::string& sql, const Parameters& parameters, std::string* why) {
    use(Path::client);
    try {
        gate_.admit(sql);
    } catch (const Refused& e) {
        if (why) *why = e.what();
        return std::nullopt;
    }
    return try_to_run(Path::client, sql, parameters, why);
}

Rows Connection::ask_in_path(const std::string& sql, const Parameters& parameters) { return run(Path::client, sql, parameters); }
std::optional<Rows> Connection::attempt_in_path(const std::string& sql, const Parameters& parameters) { return try_to_run(Path::client, sql, parameters, nullptr); }

unsigned Connection::type_of(const std::string& sql) {
    use(Path::client);
    try {
        gate_.admit(sql);
    } catch (const Refused&) {
        return 0;
    }
    savepoint("larder");
    const Result described = link_->describe(sql, answer_max_);
    const bool is_known = PQresultStatus(described.get()) == PGRES_COMMAND_OK && PQnfields(described.get()) > 0;
    const unsigned type = is_known ? PQftype(described.get(), 0) : 0;
    rollback_to("larder");
    simple("RELEASE SAVEPOINT larder");
    return type;
}

namespace {

std::string quoted(const std::string& text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote) out += quote;
        out += c;
    }
    return out += quote;
}

}  // namespace

std::string quoted_literal(const std::string& text) { return quoted(text, '\''); }
std::string quoted_name(const std::string& name) { return quoted(name, '"'); }

}  // namespace larder::advisor
