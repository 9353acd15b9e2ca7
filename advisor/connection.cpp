#include "advisor/connection.h"

#include <cstdlib>

#include <libpq-fe.h>

namespace larder::advisor {

namespace {

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

// One after the other, so that an old server's refusal of one is seen. extra_float_digits and the rest stay the user's own.
constexpr const char* kSettings[] = {
    "SET default_transaction_read_only = on", "SET statement_timeout = '5s'", "SET lock_timeout = '100ms'",
    "SET idle_in_transaction_session_timeout = '60s'", "SET standard_conforming_strings = on", "SET client_encoding = 'UTF8'",
};

std::string without_newline(const char* message) {
    std::string text = message ? message : "";
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

void check(const PGresult* result) {
    const auto status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return;
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    throw QueryError(without_newline(primary ? primary : PQresultErrorMessage(result)), sqlstate ? sqlstate : "");
}

Rows rows_of(const PGresult* result) {
    Rows rows(static_cast<std::size_t>(PQntuples(result)));
    const int columns = PQnfields(result);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (int column = 0; column < columns; ++column) {
            const int at = static_cast<int>(row);
            if (PQgetisnull(result, at, column)) rows[row].emplace_back();
            else rows[row].emplace_back(std::string(PQgetvalue(result, at, column), static_cast<std::size_t>(PQgetlength(result, at, column))));
        }
    }
    return rows;
}

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
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& value : parameters) values.push_back(value ? value->c_str() : nullptr);
    const Result result(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0));
    check(result.get());
    return rows_of(result.get());
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

std::string quoted_literal(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') out += '\'';
        out += c;
    }
    return out += '\'';
}

}  // namespace larder::advisor
