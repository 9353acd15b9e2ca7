#include "proxy/call_history.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::proxy;

namespace {

constexpr Instant at(int minutes) { return Instant{} + std::chrono::minutes(minutes); }

StatementRow row(const char* id, std::uint64_t calls, std::uint64_t hits = 0) {
    StatementRow out;
    out.id = id, out.calls = calls, out.hits = hits;
    return out;
}

std::uint64_t lately(const CallHistory& history, const StatementRow& statement, int minute) { return history.in_last_hour(statement, at(minute)).calls; }

}  // namespace

TEST_CASE("calls are counted from the newest look that is an hour old") {
    CallHistory history;
    for (int minute = 0; minute <= 180; ++minute) {
        const bool is_due = history.is_due(at(minute));
        CHECK(is_due == (minute % 5 == 0));
        if (is_due) history.keep({row("a", static_cast<std::uint64_t>(minute) * 10)}, at(minute));
        const auto minutes = lately(history, row("a", static_cast<std::uint64_t>(minute) * 10), minute) / 10;
        INFO(minute);
        if (minute < 60) CHECK(minutes == static_cast<std::uint64_t>(minute));   // all of it
        else CHECK((minutes >= 60 && minutes < 65));
    }
}

TEST_CASE("what began later, or began anew, counts with all of its calls") {
    CallHistory history;
    history.keep({row("a", 100, 50)}, at(0));
    CHECK(lately(history, row("b", 7), 61) == 7);
    CHECK(lately(history, row("a", 30, 3), 61) == 30);
    CHECK(history.in_last_hour(row("a", 130, 51), at(61)).hits == 1);
}

TEST_CASE("without a look for long the last one counts, whatever its age") {
    CallHistory history;
    history.keep({row("a", 100)}, at(0));
    history.keep({row("a", 200)}, at(300));
    CHECK(lately(history, row("a", 250), 300) == 150);
    CHECK(lately(history, row("a", 250), 360) == 50);
}
