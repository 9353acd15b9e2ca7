// The log of slow statements: one line for each that PostgreSQL took long for, by which its caller can be found.
//
// A line has the client's number, which stands in all lines about a connection, and the traceparent that a comment carries
// (https://www.w3.org/TR/trace-context/, written by sqlcommenter as traceparent='…'). The statement's constants are left out unless log.values says
// otherwise; values of parameters are never shown. The log itself bounds how many lines there are (base/log.h).
//
// Threads: its worker's; the settings any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/metrics.h"

namespace larder::session {

struct SlowLogSettings {
    std::atomic<std::chrono::milliseconds> at_least{std::chrono::milliseconds{0}};  // 0: nothing is logged
    std::atomic<bool> shows_values{false};
};

struct SlowStatement {
    std::uint64_t client = 0;
    std::string_view database, role, application_name, reason;  // reason: why it was not answered from the cache; empty: it may be next time
    Bytes text;
    std::chrono::microseconds took{0};                           // from sending it to its end
    std::uint64_t rows = 0, bytes = 0;                           // of the answer
    bool has_failed = false;
};

class SlowLog {
public:
    explicit SlowLog(const SlowLogSettings& settings) : settings_(settings) {}

    bool is_on() const { return settings_.at_least.load(std::memory_order_relaxed).count() > 0; }
    // What is slow, and only that, becomes a line.
    void saw(const SlowStatement& statement);

    Count seen;  // slow ones, whether there was a line for each or not

private:
    const SlowLogSettings& settings_;
};

// What a comment of sqlcommenter's form gives as traceparent, if it has the form of one; empty: there is none.
std::string_view traceparent_of(Bytes text);

}  // namespace larder::session
