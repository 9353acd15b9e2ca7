#include "advisor/build_connection.h"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <poll.h>

#include "advisor/pg_result.h"

namespace larder::advisor {

void BuildConnection::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

BuildConnection::BuildConnection(const std::string& uri, std::chrono::milliseconds lock_timeout) {
    const char* const names[] = {"dbname", "application_name", "connect_timeout", nullptr};
    const char* const values[] = {uri.c_str(), kApplicationName, std::getenv("PGCONNECT_TIMEOUT") ? "" : "10", nullptr};
    connection_.reset(PQconnectdbParams(names, values, 1));
    if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(without_newline(PQerrorMessage(connection_.get())));
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
    for (const char* setting : {"SET statement_timeout = 0", "SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on", "SET default_transaction_read_only = off", "SET search_path = ''"}) run(setting);
    run("SELECT set_config('lock_timeout', $1, false)", {std::to_string(lock_timeout.count())});
}

BuildConnection::~BuildConnection() = default;

Rows BuildConnection::run(const std::string& sql, const Parameters& parameters, const std::function<bool()>& each_second) {
    if (!each_second) return ask_server(connection_.get(), sql, parameters);
    std::vector<const char*> values;
    for (const auto& value : parameters) values.push_back(value ? value->c_str() : nullptr);
    auto* const connection = connection_.get();
    if (PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0) == 0) {
        throw std::runtime_error(without_newline(PQerrorMessage(connection)));
    }
    for (bool is_cancelled = false; PQisBusy(connection) != 0;) {
        pollfd wait{PQsocket(connection), POLLIN, 0};
        const int ready = ::poll(&wait, 1, 1000);
        if (ready < 0 && errno != EINTR) throw std::runtime_error("poll failed");
        if (ready > 0 && PQconsumeInput(connection) == 0) throw std::runtime_error(without_newline(PQerrorMessage(connection)));
        if (ready == 0 && !is_cancelled && !each_second()) cancel(), is_cancelled = true;
    }
    return rows_that_came();
}

// One statement was sent, so there is one result, but an error can be followed by another.
Rows BuildConnection::rows_that_came() {
    Result first(PQgetResult(connection_.get()));
    while (const Result more{PQgetResult(connection_.get())}) {}
    if (!first) throw std::runtime_error(without_newline(PQerrorMessage(connection_.get())));
    check(first.get());
    return rows_of(first.get());
}

void BuildConnection::cancel() noexcept {
    std::array<char, 256> why{};
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> key(PQgetCancel(connection_.get()), &PQfreeCancel);
    if (key) PQcancel(key.get(), why.data(), static_cast<int>(why.size()));
}

void BuildConnection::rest(std::chrono::milliseconds time) {
    pollfd wait{PQsocket(connection_.get()), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(time.count()));
}

int BuildConnection::backend_pid() const { return PQbackendPID(connection_.get()); }

}  // namespace larder::advisor
