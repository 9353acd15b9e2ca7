#include "admin/console.h"

#include <map>
#include <thread>

#include <catch2/catch.hpp>

#include "admin/control_console.h"
#include "fake_checks.h"
#include "fake_operations.h"
#include "fake_source.h"
#include "fake_traffic.h"

using namespace larder;
using namespace larder::admin;

namespace {

using Words = std::vector<std::string>;

// The first column's text to the second's.
std::map<std::string, std::string> pairs(const ConsoleReply& reply) {
    std::map<std::string, std::string> out;
    for (const auto& row : reply.rows) out[row.at(0).value()] = row.at(1).value();
    return out;
}

std::optional<std::string> cell(const ConsoleReply& reply, std::size_t row, const std::string& column) {
    for (std::size_t i = 0; i < reply.columns.size(); ++i) {
        if (reply.columns[i] == column) return reply.rows.at(row).at(i);
    }
    throw std::runtime_error("no column " + column);
}

}  // namespace

TEST_CASE("a command's words, however it is spelled") {
    CHECK(console_words("SHOW CACHE") == Words{"SHOW", "CACHE"});
    CHECK(console_words("  show\t\n cache ;; ; ") == Words{"SHOW", "CACHE"});
    CHECK(console_words("show/* a */cache -- b") == Words{"SHOW", "CACHE"});
    CHECK(console_words("-- first\nshow cache") == Words{"SHOW", "CACHE"});
    CHECK(console_words("show cache /* no end") == Words{"SHOW", "CACHE"});
    CHECK(console_words("--") == Words{});
    CHECK(console_words("") == Words{});
    CHECK(console_words(";") == Words{});
}

TEST_CASE("two commands in one text are none") {
    CHECK(console_words("SHOW CACHE; PURGE ALL").empty());
    FakeSource source;
    Console console(source);
    CHECK(console.run("PURGE ALL; PURGE ALL", true).sqlstate == "42601");
    CHECK(source.purges == 0);
}

TEST_CASE("every command that help lists can be run, and gives rows as wide as its columns") {
    FakeSource source;
    source.client_rows.emplace_back();
    source.client_rows.back().has_server = true;
    source.relation_rows.emplace_back();
    source.entry_rows.emplace_back();
    source.reason_rows.emplace_back();
    source.now.databases.emplace_back();
    FakeTraffic traffic;
    traffic.rows.push_back(FakeTraffic::row("00aa", 1, 2, 3));
    FakeAdvice advice;
    FakeSettings settings;
    FakeOperations operations;
    FakeChecks checks;
    Console console(source, &traffic, &advice, nullptr, &settings, &operations, &checks);
    EventBus events(100, 1);
    events.publish({.kind = EventKind::purge, .source = "cache"}, 1);
    console.set_events(events);
    const Webhooks webhooks(events, std::chrono::milliseconds(100), "");
    console.set_webhooks(webhooks);
    const auto help = console.run("show help", false);
    REQUIRE(help.rows.size() > 10);
    for (const auto& row : help.rows) {
        std::string command = row.at(0).value();
        if (command.find(" RULE") != std::string::npos) continue;  // rules_test.cpp
        if (is_control_command(console_words(command))) continue;  // control_test.cpp
        for (auto at = command.find(" n"); at != std::string::npos; at = command.find(" n")) command.replace(at, 2, " 1");
        INFO(command);
        const auto reply = console.run(command, true);
        CHECK(reply.sqlstate.empty());
        CHECK(reply.columns.empty() == (command == "PURGE ALL" || command.starts_with("REVERT") || command.starts_with("ADVISE") || command == "RELOAD" || command.starts_with("KILL_CLIENT") || command.starts_with("PURGE") ||
                                         command.starts_with("VERIFY") || command.starts_with("LIFT")));
        for (const auto& cells : reply.rows) CHECK(cells.size() == reply.columns.size());
    }
    CHECK(source.entries_asked == kConsoleEntriesMax);
}

TEST_CASE("only admins change anything") {
    FakeSource source;
    Console console(source);
    CHECK(console.run("PURGE ALL", false).sqlstate == "42501");
    CHECK(source.purges == 0);
    const auto done = console.run("purge all;", true);
    CHECK(done.sqlstate.empty());
    CHECK(done.tag == "PURGE");
    CHECK(source.purges == 1);
}

TEST_CASE("purging a table, ending a client, reading the configuration again") {
    FakeSource source;
    FakeSettings settings;
    Console console(source, nullptr, nullptr, nullptr, &settings);
    for (const auto* command : {"PURGE TABLE public.t", "KILL_CLIENT 1", "RELOAD"}) CHECK(console.run(command, false).sqlstate == "42501");
    CHECK((source.purged.empty() && source.killed.empty() && settings.reloads == 0));
    CHECK(console.run("purge table public.\"Odd\";", true).tag == "PURGE");
    CHECK(source.purged.at(0) == std::pair<std::string, std::string>("", "PUBLIC.ODD"));
    CHECK(console.run("KILL_CLIENT 1", true).tag == "KILL_CLIENT");
    for (const auto* wrong : {"KILL_CLIENT 2", "KILL_CLIENT x", "KILL_CLIENT -1", "KILL_CLIENT 1x"}) CHECK(console.run(wrong, true).sqlstate == "42704");
    CHECK(console.run("RELOAD", true).tag == "RELOAD");
    settings.outcome.error = "no such file";
    CHECK(console.run("RELOAD", true).error == "no such file");
    CHECK(console.run("SHOW CONFIG", false).rows.at(0).at(0) == "cache.ttl");
    CHECK(Console(source).run("SHOW CONFIG", false).sqlstate == "55000");
}

TEST_CASE("what takes time is done on another thread, and its reply is due when it is over") {
    FakeSource source;
    {
        Console console(source);
        for (const auto* command : {"PURGE TAG home", "PURGE FINGERPRINT 1"}) CHECK(console.run(command, false).sqlstate == "42501");
        for (const auto* wrong : {"PURGE FINGERPRINT x", "PURGE FINGERPRINT 12345678901234567"}) CHECK(console.run(wrong, true).sqlstate == "22P02");
        for (const auto* command : {"purge tag \"Home page\"", "PURGE FINGERPRINT 00000000000000aB;"}) {
            const auto reply = console.run(command, true);
            REQUIRE(reply.is_done);
            while (!reply.is_done()) std::this_thread::yield();
            CHECK((reply.tag == "PURGE" && reply.sqlstate.empty()));
        }
        for (int i = 0; i < kConsoleAsideMax; ++i) CHECK(console.run("PURGE TAG t", true).sqlstate.empty());
    }
    REQUIRE(source.purged.size() >= 2);
    CHECK(source.purged.at(0).second == "tag Home page");
    CHECK(source.purged.at(1).second == "fingerprint 00000000000000aB");
}

TEST_CASE("what is no command is an error that says where to look") {
    FakeSource source;
    Console console(source);
    for (const auto* text : {"", "SHOW", "SHOW CACHE ENTRIES NOW", "SELECT 1", "PURGE", "\xff\xfe"}) {
        const auto reply = console.run(text, true);
        INFO(text);
        CHECK(reply.sqlstate == "42601");
        CHECK(reply.hint.find("SHOW HELP") != std::string::npos);
    }
}

TEST_CASE("show cache says whether it serves, and a ratio without dividing by nothing") {
    FakeSource source;
    Console console(source);
    auto values = pairs(console.run("SHOW CACHE", false));
    CHECK(values["serving"] == "yes");
    CHECK(values["hit_ratio"] == "0");
    source.now.hits = 3;
    source.now.misses = 1;
    source.now.not_serving = "replica";
    source.now.not_serving_explained = "the server is a standby";
    values = pairs(console.run("SHOW CACHE", false));
    CHECK(values["serving"] == "no: the server is a standby");
    CHECK(values["hit_ratio"] == "0.7500");
}

TEST_CASE("clients and their servers") {
    FakeSource source;
    ClientRow client;
    client.id = 9;
    client.user = "amy";
    client.database = "shop";
    client.state = "idle";
    client.address = "[2001:db8::1]:5123";
    client.connected_us = 1'700'000'000'000'000;
    client.is_tls = client.has_server = true;
    client.server.pid = 4711;
    ClientRow other = client;
    other.id = 10;
    other.address = "unix";
    other.has_server = other.is_tls = false;
    source.client_rows = {client, other};
    Console console(source);

    const auto clients = console.run("SHOW CLIENTS", false);
    REQUIRE(clients.rows.size() == 2);
    CHECK(cell(clients, 0, "addr") == "[2001:db8::1]");
    CHECK(cell(clients, 0, "port") == "5123");
    CHECK(cell(clients, 0, "connect_time") == "2023-11-14 22:13:20 UTC");
    CHECK(cell(clients, 0, "tls") == "TLS");
    CHECK(cell(clients, 1, "addr") == "unix");
    CHECK(cell(clients, 1, "port") == "0");
    CHECK(cell(clients, 1, "link") == std::nullopt);

    const auto servers = console.run("SHOW SERVERS", false);
    REQUIRE(servers.rows.size() == 1);
    CHECK(cell(servers, 0, "remote_pid") == "4711");
    CHECK(cell(servers, 0, "addr") == "192.0.2.7");
    CHECK(cell(servers, 0, "port") == "5432");

    const auto pools = console.run("SHOW POOLS", false);
    REQUIRE(pools.rows.size() == 1);
    CHECK(cell(pools, 0, "cl_active") == "2");
    CHECK(cell(pools, 0, "sv_active") == "1");
}

TEST_CASE("reasons are sorted by how often they were met") {
    FakeSource source;
    source.reason_rows = {{"a", "first", 1}, {"b", "second", 5}, {"c", "third", 1}};
    const auto reply = Console(source).run("SHOW REASONS", false);
    REQUIRE(reply.rows.size() == 3);
    CHECK(reply.rows[0][0] == "b");
    CHECK(reply.rows[1][0] == "a");
    CHECK(reply.rows[2][0] == "c");
}
