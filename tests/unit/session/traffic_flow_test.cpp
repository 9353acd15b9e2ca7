// What a session counts of its statements.
#include "unit/session/conversation.h"

#include "proxy/session/traffic.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

struct CountingWorld : World {
    explicit CountingWorld(std::size_t records_max = 100, bool keeps_samples = true) : records(records_max, keeps_samples) { context.traffic = &records; }

    StatementRow row(std::string_view part) const {
        StatementRow found;
        for (const auto& record : records.all()) {
            StatementRow row;
            record->add_to(row, true);
            if (row.text.find(part) != std::string::npos) found = row;
        }
        return found;
    }

    TrafficRecords records;
};

void fetch(Client& client, const std::string& text) {
    client.says(query(text));
    REQUIRE(client.server_got() == query(text));
    client.server(answer("1"));
    client.got();
}

void hit(Client& client, const std::string& text) {
    client.says(query(text));
    REQUIRE(client.server_got().empty());
}

}  // namespace

TEST_CASE("hits, rows and bytes are counted by shape, and again after the shape was dropped") {
    CountingWorld world(10);
    Client client(world);
    fetch(client, "select n from t");
    hit(client, "select n from t");
    hit(client, "select n from t");
    CHECK(world.row("from t").hits == 2);
    CHECK(world.row("from t").rows == 2);
    CHECK(world.row("from t").bytes > 0);
    for (std::uint64_t i = 1; i < 40; ++i) world.records.find({i, "shop", "app", ""}, Instant{2'000'000 + static_cast<std::int64_t>(i)})->misses.add(9);
    REQUIRE(world.row("from t").calls == 0);
    hit(client, "select n from t");
    CHECK(world.row("from t").hits == 1);
}

TEST_CASE("of a shape known to be fast one of four executions is timed and counts for four, and no slow one is missed") {
    static std::int64_t clock = 0, reads = 0;
    CountingWorld world;
    world.context.clock_us = [] { return ++reads, clock; };
    Client client(world);
    const std::string text = "select n from t /* larder: off */";
    const auto run = [&](std::int64_t us, std::int64_t tick_us) {
        client.says(query(text));
        clock += us;
        world.context.now.us += tick_us;
        client.server(answer("1"));
        client.got(), client.server_got();
    };
    for (int i = 0; i < 200; ++i) run(100, 100);
    const auto before = world.row("from t");
    reads = 0;
    for (int i = 0; i < 400; ++i) run(100, 0);
    auto after = world.row("from t");
    CHECK(reads == 200);                                           // twice for one of four
    CHECK(after.server_calls - before.server_calls == 400);
    CHECK(after.server_us - before.server_us == 40'000);
    CHECK(after.server_times.percentile(0.5) == Approx(100).epsilon(0.2));
    for (int i = 0; i < 4; ++i) run(50'000, 50'000);               // whether it is timed or not, each counts for itself
    CHECK(world.row("from t").server_us - after.server_us == 200'000);
    // A shape that has become slow is timed each time again.
    for (int i = 0; i < 40; ++i) run(50'000, 50'000);
    reads = 0;
    for (int i = 0; i < 40; ++i) run(50'000, 0);
    CHECK(reads == 80);
}

TEST_CASE("a loop is told although each of its texts is new") {
    CountingWorld world;
    Client client(world);
    for (int i = 0; i < 25; ++i) fetch(client, "select n from t where n = " + std::to_string(i));
    const auto row = world.row("from t where n = $1");
    CHECK(row.sequences == 1);
    CHECK(row.sequence_calls == 25);
}

TEST_CASE("a tracing session hears of the advice on a statement, also when it is a hit") {
    CountingWorld world;
    Client client(world);
    fetch(client, "select n from t");
    hit(client, "select n from t");
    world.records.all().front()->set_advice(7);
    client.got();
    hit(client, "select n from t");
    CHECK(client.got() == answer("1"));
    client.says(query("set larder.trace = on"));
    client.got();
    hit(client, "select n from t");
    CHECK(client.got().find("EXPLAIN ADVICE 7") != std::string::npos);
}

TEST_CASE("examples are kept with their values, unless none may be") {
    const bool keeps = GENERATE(true, false);
    CountingWorld world(100, keeps);
    Client client(world);
    for (int i = 0; i < 3; ++i) {
        fetch(client, "select n from t where n = 5");
        client.says(query("update t set n = 6"));
        client.server(complete("UPDATE 1") + ready('I'));
        client.server_got();
    }
    client.got();
    const auto row = world.row("where n");
    CHECK(row.misses == 2);  // a text that comes for the first time has no record
    REQUIRE(row.samples.empty() != keeps);
    if (keeps) CHECK(row.samples.front().text == "select n from t where n = 5");
}

TEST_CASE("inside a block a loop may take turns, and the next block begins anew") {
    CountingWorld world;
    Client client(world);
    fetch(client, "select n from t");
    fetch(client, "select n from u");
    const auto block = [&](int rounds) {
        client.says(query("begin")).server(complete("BEGIN") + ready('T'));
        client.server_got();
        for (int i = 0; i < rounds; ++i) hit(client, "select n from t"), hit(client, "select n from u");
        client.says(query("commit")).server(complete("COMMIT") + ready('I'));
        client.server_got();
    };
    for (int i = 0; i < 20; ++i) block(1);
    CHECK(world.row("from t").sequences == 0);
    block(12);
    CHECK(world.row("from t").sequences == 1);
    CHECK(world.row("from t").sequence_calls == 12);
    CHECK(world.row("from u").sequences == 1);
    CHECK(world.row("from u").sequence_after == world.row("from t").id);
}

TEST_CASE("different values are told apart, with and without parameters") {
    CountingWorld world;
    Client client(world);
    client.says(parse("p", "select n from t where n = $1") + sync_message());
    client.server_got();
    client.server(std::string(protocol::kParseComplete) + ready('I'));
    for (int i = 0; i < 120; ++i) {
        client.says(bind("", "p", {Bytes(std::to_string(i % 60))}) + execute("") + sync_message());
        if (client.server_got().empty()) continue;
        client.server(std::string(protocol::kBindComplete) + data_row("1") + complete("SELECT 1") + ready('I'));
    }
    CHECK(world.row("where n").distinct.estimate() == Approx(60).epsilon(0.6));  // hashes have a seed: six times the usual error
}
