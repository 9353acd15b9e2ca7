#include "advisor/link.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <poll.h>

namespace larder::advisor {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
}

// Of the URI, the service file or PGCONNECT_TIMEOUT, which libpq heeds in its blocking calls alone.
milliseconds connect_timeout(pg_conn* connection) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfo(connection), &PQconninfoFree);
    for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
        if (std::strcmp(option->keyword, "connect_timeout") != 0 || option->val == nullptr) continue;
        int seconds = 0;
        std::from_chars(option->val, option->val + std::strlen(option->val), seconds);
        if (seconds > 0) return std::chrono::seconds(seconds);
    }
    return Link::kConnectMax;
}

}  // namespace

Link::Link(const std::string& uri, const char* application_name, const Wakeup* stop) : stop_(stop) {
    // A machine that vanishes without a word must not hold up the request to cancel either.
    const char* const names[] = {"tcp_user_timeout", "dbname", "application_name", nullptr};
    const char* const values[] = {"10000", uri.c_str(), application_name, nullptr};
    connection_.reset(PQconnectStartParams(names, values, 1));
    auto* const raw = connection_.get();
    if (raw == nullptr) throw std::bad_alloc();
    PQsetNoticeProcessor(raw, [](void*, const char*) {}, nullptr);
    const auto deadline = Clock::now() + connect_timeout(raw);
    for (PostgresPollingStatusType wants = PGRES_POLLING_WRITING; PQstatus(raw) != CONNECTION_BAD; wants = PQconnectPoll(raw)) {
        if (wants == PGRES_POLLING_OK) break;
        if (wants == PGRES_POLLING_FAILED) lose(without_newline(PQerrorMessage(raw)));
        const auto waited = wait(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
        if (waited == Waited::late) lose("no connection in time");
        need(waited);
    }
    if (PQstatus(raw) != CONNECTION_OK) lose(without_newline(PQerrorMessage(raw)));
    PQsetnonblocking(raw, 1);
}

Link::Waited Link::wait(short events, Instant deadline) const {
    for (;;) {
        pollfd descriptors[2] = {{PQsocket(connection_.get()), events, 0}, {stop_ != nullptr ? stop_->descriptor() : -1, POLLIN, 0}};
        const int ready = ::poll(descriptors, 2, milliseconds_until(deadline));
        if (ready < 0 && errno == EINTR) continue;
        if (descriptors[1].revents != 0) return Waited::stopped;
        return ready > 0 ? Waited::ready : Waited::late;
    }
}

void Link::need(Waited waited) {
    if (waited == Waited::stopped) lose("Larder ends");
    if (waited == Waited::ready) return;
    cancel();
    lose("no answer in time; the connection was closed");
}

void Link::lose(const std::string& why) {
    connection_.reset();
    throw ConnectionLost(why);
}

void Link::cancel() noexcept {
    std::array<char, 256> why{};
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> key(PQgetCancel(connection_.get()), &PQfreeCancel);
    if (key) PQcancel(key.get(), why.data(), static_cast<int>(why.size()));
}

// The last result, or the first that is an error.
Result Link::answer(bool is_sent, milliseconds timeout) {
    auto* const raw = connection_.get();
    const auto deadline = Clock::now() + timeout;
    if (!is_sent) lose(without_newline(PQerrorMessage(raw)));
    for (int left; (left = PQflush(raw)) != 0;) {
        if (left > 0) need(wait(POLLIN | POLLOUT, deadline));
        if (left < 0 || PQconsumeInput(raw) == 0) lose(without_newline(PQerrorMessage(raw)));
    }
    Result kept;
    for (;;) {
        while (PQisBusy(raw) != 0) {
            need(wait(POLLIN, deadline));
            if (PQconsumeInput(raw) == 0) lose(without_newline(PQerrorMessage(raw)));
        }
        Result next(PQgetResult(raw));
        if (!next) break;
        const bool is_error = kept && PQresultStatus(kept.get()) == PGRES_FATAL_ERROR;
        if (!is_error) kept = std::move(next);
    }
    if (PQstatus(raw) != CONNECTION_OK || !kept) lose(without_newline(kept ? PQresultErrorMessage(kept.get()) : PQerrorMessage(raw)));
    return kept;
}

Result Link::run(const char* sql, milliseconds timeout) {
    if (!is_open()) throw ConnectionLost("the connection is closed");
    return answer(PQsendQuery(connection_.get(), sql) != 0, timeout);
}

Result Link::run(const std::string& sql, const Parameters& parameters, milliseconds timeout) {
    if (!is_open()) throw ConnectionLost("the connection is closed");
    const auto values = pointers_to(parameters);
    return answer(PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0) != 0, timeout);
}

Result Link::describe(const std::string& sql, milliseconds timeout) {
    if (!is_open()) throw ConnectionLost("the connection is closed");
    Result prepared = answer(PQsendPrepare(connection_.get(), "", sql.c_str(), 0, nullptr) != 0, timeout);
    if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) return prepared;
    return answer(PQsendDescribePrepared(connection_.get(), "") != 0, timeout);
}

}  // namespace larder::advisor
