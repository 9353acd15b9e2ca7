#include "advisor/connection.h"

#include <cstdlib>

#include "advisor/pg_result.h"

namespace larder::advisor {

namespace {

// One after the other, so that an old server's refusal of one is seen. extra_float_digits and the rest stay the user's own.
constexpr const char* kSettings[] = {
    "SET default_transaction_read_only = on", "SET statement_timeout = '5s'", "SET lock_timeout = '100ms'",
    "SET idle_in_transaction_session_timeout = '60s'", "SET standard_conforming_strings = on", "SET client_encoding = 'UTF8'",
};

}  // namespace

void Connection::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::Connection(const std::string& uri) {
    const char* const names[] = {"dbname", "application_name", "connect_timeout", nullptr};
    const char* const values[] = {uri.c_str(), "larder_advisor", std::getenv("PGCONNECT_TIMEOUT") ? "" : "10", nullptr};
    connection_.reset(PQconnectdbParams(names, values, 1));
    if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(without_newline(PQerrorMessage(connection_.get())));
    for (const char* setting : kSettings) simple(setting);
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
}

void Connection::simple(const char* sql) {
    const Result result(PQexec(connection_.get(), sql));
    check(result.get());
}

void Connection::begin() {
    end();
    simple("BEGIN READ ONLY");
    in_transaction_ = true;
}

void Connection::end() {
    if (!in_transaction_) return;
    in_transaction_ = false;
    simple("ROLLBACK");
}

Rows Connection::ask(const std::string& sql, const Parameters& parameters) {
    if (!in_transaction_) throw std::logic_error("the advisor asks in a transaction only");
    return ask_server(connection_.get(), sql, parameters);
}

std::optional<Rows> Connection::attempt(const std::string& sql, const Parameters& parameters, std::string* why) {
    simple("SAVEPOINT larder");
    try {
        auto rows = ask(sql, parameters);
        simple("RELEASE SAVEPOINT larder");
        return rows;
    } catch (const QueryError& e) {
        if (why) *why = e.what();
        simple("ROLLBACK TO SAVEPOINT larder; RELEASE SAVEPOINT larder");
        return std::nullopt;
    }
}

unsigned Connection::type_of(const std::string& sql) {
    simple("SAVEPOINT larder");
    const Result prepared(PQprepare(connection_.get(), "", sql.c_str(), 0, nullptr));
    unsigned type = 0;
    if (PQresultStatus(prepared.get()) == PGRES_COMMAND_OK) {
        const Result described(PQdescribePrepared(connection_.get(), ""));
        if (PQresultStatus(described.get()) == PGRES_COMMAND_OK && PQnfields(described.get()) > 0) type = PQftype(described.get(), 0);
    }
    simple("ROLLBACK TO SAVEPOINT larder; RELEASE SAVEPOINT larder");
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
