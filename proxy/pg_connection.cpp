#include "proxy/pg_connection.h"

#include <cerrno>

#include <poll.h>

#include "base/log.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

const char* sslmode(config::TlsMode mode) {
    switch (mode) {
        case config::TlsMode::disable: return "disable";
        case config::TlsMode::allow: return "allow";
        case config::TlsMode::prefer: return "prefer";
        case config::TlsMode::require: return "require";
        case config::TlsMode::verify_ca: return "verify-ca";
        case config::TlsMode::verify_full: return "verify-full";
    }
    return "prefer";
}

int milliseconds_until(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    return left <= 0 ? 0 : static_cast<int>(std::min<long long>(left, 3'600'000));
}

// True when the socket is ready; false when the deadline has passed or `stop` was woken (-1: nothing to be woken by).
bool wait_for(int socket, short events, int stop, Clock::time_point deadline) {
    for (;;) {
        pollfd descriptors[2] = {{socket, events, 0}, {stop, POLLIN, 0}};
        const int ready = ::poll(descriptors, stop >= 0 ? 2 : 1, milliseconds_until(deadline));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0 || (stop >= 0 && descriptors[1].revents != 0)) return false;
        return true;
    }
}

}  // namespace

std::string first_line(std::string text) {
    if (const auto end = text.find('\n'); end != std::string::npos) text.resize(end);
    return printable(text);
}

std::unique_ptr<PgConnection> PgConnection::open(const config::Upstream& upstream, const std::string& database, const char* application_name,
                                                 const Wakeup& stop, std::string& error, bool is_replication) {
    std::string hosts, ports;
    for (const auto& host : upstream.hosts) {
        if (!hosts.empty()) hosts += ',', ports += ',';
        hosts += host.host;
        ports += std::to_string(host.port);
    }
    std::vector<const char*> names, values;
    const auto set = [&](const char* name, const char* value) {
        names.push_back(name);
        values.push_back(value);
    };
    set("host", hosts.c_str());
    set("port", ports.c_str());
    set("user", upstream.user.c_str());
    if (!upstream.password.empty()) set("password", upstream.password.c_str());
    set("dbname", database.c_str());
    set("sslmode", sslmode(upstream.tls));
    if (!upstream.tls_ca_file.empty()) set("sslrootcert", upstream.tls_ca_file.c_str());
    set("gssencmode", "disable");
    // A machine that vanishes without a word: nothing else would end a wait for its answer.
    set("keepalives_idle", "10");
    set("keepalives_interval", "5");
    set("keepalives_count", "3");
    set("tcp_user_timeout", "25000");
    set("application_name", application_name);
    set("client_encoding", "UTF8");
    if (is_replication) set("replication", "true");
    names.push_back(nullptr);
    values.push_back(nullptr);

    PGconn* raw = PQconnectStartParams(names.data(), values.data(), 0);
    if (raw == nullptr) throw std::bad_alloc();
    std::unique_ptr<PgConnection> connection(new PgConnection(raw));
    PQsetNoticeProcessor(raw, [](void*, const char*) {}, nullptr);
    const auto deadline = Clock::now() + upstream.connect_timeout;
    for (PostgresPollingStatusType wants = PGRES_POLLING_WRITING; PQstatus(raw) != CONNECTION_BAD; wants = PQconnectPoll(raw)) {
        if (wants == PGRES_POLLING_OK) return connection;
        if (wants == PGRES_POLLING_FAILED) break;
        if (!wait_for(PQsocket(raw), wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, stop.descriptor(), deadline)) {
            error = "no connection in time";
            return nullptr;
        }
    }
    error = first_line(PQerrorMessage(raw));
    return nullptr;
}

PgConnection::~PgConnection() { PQfinish(connection_); }

PgRows PgConnection::query(const std::string& sql, milliseconds timeout) { return answer_to(PQsendQuery(connection_, sql.c_str()), timeout); }

PgRows PgConnection::query(const std::string& sql, const std::vector<std::string>& values, milliseconds timeout) {
    std::vector<const char*> texts;
    for (const auto& value : values) texts.push_back(value.c_str());
    return answer_to(PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(texts.size()), nullptr, texts.data(), nullptr, nullptr, 0), timeout);
}

PgRows PgConnection::answer_to(int was_sent, milliseconds timeout) {
    PgRows out;
    const auto deadline = Clock::now() + timeout;
    if (was_sent == 0) {
        out.error = first_line(PQerrorMessage(connection_));
        return out;
    }
    for (;;) {
        while (PQisBusy(connection_) != 0) {
            if (!wait_for(PQsocket(connection_), POLLIN, -1, deadline)) {
                out.error = "no answer in time";  // the connection is of no use any more: its answer is still owed
                out.ok = false;
                return out;
            }
            if (PQconsumeInput(connection_) == 0) {
                out.error = first_line(PQerrorMessage(connection_));
                out.ok = false;
                return out;
            }
        }
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_), PQclear);
        if (!result) return out;
        const ExecStatusType status = PQresultStatus(result.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            const char* code = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
            out.sqlstate = code == nullptr ? "" : code;
            out.error = first_line(PQresultErrorMessage(result.get()));
            out.ok = false;
            continue;  // up to the null result that ends the answer
        }
        out.ok = out.error.empty();
        out.rows.clear();
        for (int row = 0; row < PQntuples(result.get()); ++row) {
            auto& cells = out.rows.emplace_back();
            for (int column = 0; column < PQnfields(result.get()); ++column) {
                if (PQgetisnull(result.get(), row, column) != 0) cells.emplace_back(std::nullopt);
                else cells.emplace_back(PQgetvalue(result.get(), row, column));
            }
        }
    }
}

bool PgConnection::is_alive() {
    if (PQconsumeInput(connection_) == 0 || PQstatus(connection_) != CONNECTION_OK) return false;
    // An answer that nobody asked for is the server's farewell (57P01).
    while (PQisBusy(connection_) == 0) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_), PQclear);
        if (!result) break;
        if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) return false;
    }
    return PQstatus(connection_) == CONNECTION_OK;
}

bool PgConnection::wait(const Wakeup& wakeup, milliseconds timeout) {
    pollfd descriptors[2] = {{PQsocket(connection_), POLLIN, 0}, {wakeup.descriptor(), POLLIN, 0}};
    const int ready = ::poll(descriptors, 2, static_cast<int>(timeout.count()));
    return ready > 0 && descriptors[0].revents != 0;
}

}  // namespace larder::proxy
