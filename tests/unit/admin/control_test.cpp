// PAUSE and its like in the console, and PgBouncer's tables.
#include <catch2/catch.hpp>

#include "admin/console.h"
#include "fake_operations.h"
#include "fake_source.h"

using namespace larder;
using namespace larder::admin;

namespace {

struct Fixture {
    FakeSource source;
    FakeOperations operations;
    Console console{source, nullptr, nullptr, nullptr, nullptr, &operations};
    using Calls = std::vector<std::string>;
};

}  // namespace

TEST_CASE("names are taken as they are written, and quotes hold blanks") {
    using Names = std::vector<std::string>;
    CHECK(console_names("pause Shop;") == Names{"pause", "Shop"});
    CHECK(console_names("PAUSE \"Odd name\"") == Names{"PAUSE", "Odd name"});
    CHECK(console_names("PAUSE \"a\"\"b;c\" ") == Names{"PAUSE", "a\"b;c"});
    CHECK(console_names("PAUSE \"open") == Names{"PAUSE", "open"});
    CHECK(console_words("pause \"Odd name\"") == Names{"PAUSE", "\"ODD NAME\""});
    CHECK(console_words("pause a; \"b\"").empty());
}

TEST_CASE("pause answers when the last server connection is closed, and a cancel takes it back") {
    Fixture f;
    auto reply = f.console.run("PAUSE shop", true);
    CHECK(reply.tag == "PAUSE");
    REQUIRE(reply.is_done);
    CHECK_FALSE(reply.is_done());
    f.operations.open = 0;
    CHECK(reply.is_done());
    reply.on_cancel();
    CHECK(f.operations.calls == Fixture::Calls{"pause shop", "resume shop"});
    f.operations.is_new = false;
    CHECK(f.console.run("PAUSE", true).sqlstate == "55000");
    CHECK(f.console.run("PAUSE shop", true).sqlstate.empty());  // waits for what the first one waits for
    CHECK(f.console.run("RESUME", true).sqlstate == "55000");
    CHECK(f.console.run("RESUME shop", true).sqlstate == "55000");
}

TEST_CASE("the other commands, each for one database and for all") {
    Fixture f;
    for (const auto* command : {"RESUME", "resume \"Odd name\"", "RECONNECT", "RECONNECT shop", "KILL", "KILL shop", "DISABLE shop", "ENABLE shop", "SHUTDOWN", "shutdown wait_for_clients",
                                "SHUTDOWN WAIT_FOR_SERVERS"}) {
        INFO(command);
        CHECK(f.console.run(command, true).sqlstate.empty());
    }
    CHECK(f.operations.calls == Fixture::Calls{"resume ", "resume Odd name", "reconnect ", "reconnect shop", "kill ", "kill shop", "disable shop", "enable shop", "shutdown 0", "shutdown 1",
                                               "shutdown 2"});
    auto reply = f.console.run("WAIT_CLOSE shop", true);
    CHECK_FALSE(reply.is_done());
    f.operations.old = 0;
    CHECK(reply.is_done());
}

TEST_CASE("what cannot be done does nothing") {
    Fixture f;
    for (const auto* command : {"PAUSE shpo", "RESUME SHOP", "RECONNECT shpo", "WAIT_CLOSE shpo", "KILL shpo", "DISABLE shpo", "ENABLE shpo"}) CHECK(f.console.run(command, true).sqlstate == "3D000");
    for (const auto* command : {"DISABLE", "ENABLE", "PAUSE a b", "SHUTDOWN now", "SHUTDOWN WAIT_FOR_CLIENTS now"}) CHECK(f.console.run(command, true).sqlstate == "42601");
    for (const auto* command : {"PAUSE", "RESUME shop", "RECONNECT", "WAIT_CLOSE", "KILL", "DISABLE shop", "ENABLE shop", "SHUTDOWN"}) CHECK(f.console.run(command, false).sqlstate == "42501");
    CHECK(f.operations.calls.empty());
    CHECK(Console(f.source).run("PAUSE", true).sqlstate == "55000");
    CHECK(f.console.run("SHOW STATE", false).rows.at(1).at(1) == "no");
    f.operations.all_paused = true;
    CHECK(f.console.run("SHOW STATE", false).rows.at(1).at(1) == "yes");
}

TEST_CASE("statistics by database, with PgBouncer's names in each of its tables") {
    Fixture f;
    DatabaseTraffic totals, means;
    totals.statements = 7, totals.query_us = 70, means.statements = 1;
    f.source.traffic_rows = {{"bank", totals, means}, {"shop", totals, means}};
    const auto stats = f.console.run("SHOW STATS", false);
    REQUIRE(stats.rows.size() == 2);
    const auto column = [](const ConsoleReply& reply, const std::string& name) {
        return static_cast<std::size_t>(std::find(reply.columns.begin(), reply.columns.end(), name) - reply.columns.begin());
    };
    CHECK(stats.rows[1].at(column(stats, "total_query_count")) == "7");
    CHECK(stats.rows[1].at(column(stats, "avg_query_count")) == "1");
    CHECK(stats.rows[1].at(column(stats, "total_bind_count")) == std::nullopt);
    const auto alone = f.console.run("SHOW STATS_AVERAGES", false);
    CHECK(alone.rows[0].at(column(alone, "query_count")) == "1");
    const auto sums = f.console.run("SHOW TOTALS", false);
    CHECK(std::any_of(sums.rows.begin(), sums.rows.end(), [](const auto& row) { return row[0] == "total_query_time" && row[1] == "140"; }));
    // Without rows there are the columns all the same.
    f.source.traffic_rows.clear();
    CHECK(f.console.run("SHOW STATS", false).columns == stats.columns);
    CHECK(f.console.run("SHOW STATS", false).rows.empty());
}
