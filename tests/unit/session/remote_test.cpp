// The second level: asked when memory has nothing, judged as memory's answers are, one question per key, and never waited for in vain.
#include <map>

#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

const std::string kRead = "select n from t";

struct Shelf final : SecondLevel {
    bool is_worth_asking(const cache::KeyView& key) override { return is_up && kept.contains(key.hash); }
    void forget(const cache::KeyView& key) override { kept.erase(key.hash); }
    void on_evicted(const cache::ResultRef& result) override { kept[cache::hash_key(result->key())] = result; }
    bool is_up = true;
    std::map<std::uint64_t, cache::ResultRef> kept;
};

struct Fixture {
    explicit Fixture(PoolMode mode = PoolMode::session) : world(), is_pooled((world.context.pool_mode = mode) != PoolMode::session) { world.context.second_level = &shelf; }
    ~Fixture() { world.context.second_level = nullptr; }

    // An answer that memory has lost and the second level has.
    void put_away(const std::string& text = kRead) {
        reader.says(query(text)).server(answer("1"));
        move_out();
    }
    void move_out() {
        world.cache.visit_entries(10, [&](const cache::ResultRef& kept, std::uint32_t) {
            const auto& r = *kept;
            const cache::Note note(r.note(), r.note() + r.note_count());
            shelf.on_evicted(cache::CachedResult::make(r.key(), note, {r.row_description(), r.rows_and_complete(), {}}, r.cost(), r.stored(), r.expires()));
        });
        world.cache.purge_all();
        REQUIRE(shelf.kept.size() == 1);
        reader.got(), reader.server_got();
    }
    bool asks(Client& client) { return std::exchange(client.needs.ask_second_level, false); }
    void give(Client& client, const cache::ResultRef& result) {
        const auto request = client.session->second_level_request();
        client.event([&](Outputs&) { client.session->on_second_level(request.number, result); });
    }
    cache::ResultRef found(Client& client) { return shelf.kept.at(client.session->second_level_request().key.hash); }
    std::uint64_t far_hits() const { return world.context.metrics.second_level_hits.value(); }
    void write() { writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('I')); }

    World world;
    bool is_pooled;   // set before the clients log in
    Shelf shelf;
    Client reader{world}, other{world}, writer{world};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what memory lost comes back from the second level, and is in memory again") {
    reader.split_bytes = GENERATE(false, true);
    put_away();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    CHECK(reader.session->is_paused());
    CHECK(reader.got().empty());
    give(reader, found(reader));
    CHECK(reader.got() == answer("1"));
    CHECK(reader.server_got().empty());
    CHECK(far_hits() == 1);
    CHECK(world.hits() == 1);
    reader.says(query(kRead));
    CHECK_FALSE(asks(reader));
    CHECK(reader.got() == answer("1"));
}

TEST_CASE_METHOD(Fixture, "a key that was not put there, or a second level that is not up, costs no question") {
    put_away();
    reader.says(query("select n from u"));
    CHECK_FALSE(asks(reader));
    CHECK_FALSE(reader.server_got().empty());
    reader.server(answer("9"));
    shelf.is_up = false;
    reader.says(query(kRead));
    CHECK_FALSE(asks(reader));
    CHECK_FALSE(reader.server_got().empty());
}

TEST_CASE_METHOD(Fixture, "nothing found: the server is asked, and the answer kept") {
    put_away();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    give(reader, {});
    CHECK_FALSE(asks(reader));
    CHECK(reader.server_got() == query(kRead));
    reader.server(answer("1"));
    CHECK(reader.got() == answer("1"));
    CHECK(world.context.metrics.second_level_misses.value() == 1);
    reader.says(query(kRead));
    CHECK(reader.got() == answer("1"));
    CHECK(world.hits() == 1);
}

TEST_CASE_METHOD(Fixture, "a write before the question, while it is under way or in flight makes what comes useless") {
    put_away();
    const int when = GENERATE(0, 1, 2);
    if (when == 0) write();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    if (when == 1) write();
    if (when == 2) writer.says(query("update t set n = 2"));
    give(reader, found(reader));
    CHECK(reader.got().empty());
    CHECK(reader.server_got() == query(kRead));
    CHECK(far_hits() == 0);
    CHECK(world.context.metrics.second_level_stale.value() == 1);
    CHECK(shelf.kept.empty());
    reader.server(answer("2"));
    CHECK(reader.got() == answer("2"));
}

TEST_CASE_METHOD(Fixture, "what is too old for its reader is fetched") {
    put_away();
    world.context.now.us += 10'000'000;
    reader.says(query("set larder.max_age = '5s'"));
    reader.got();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    give(reader, found(reader));
    CHECK(reader.server_got() == query(kRead));
}

TEST_CASE_METHOD(Fixture, "one question for all who miss the same key") {
    put_away();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    other.says(query(kRead));
    CHECK_FALSE(asks(other));
    CHECK(other.session->is_paused());
    const bool is_found = GENERATE(true, false);
    give(reader, is_found ? found(reader) : cache::ResultRef());
    if (!is_found) {
        other.deliver_flights();
        CHECK(other.session->is_paused());   // goes on waiting: now for the server's answer
        reader.server(answer("1"));
    }
    other.deliver_flights();
    CHECK(reader.got() == answer("1"));
    CHECK(other.got() == answer("1"));
    CHECK(other.server_got().empty());
}

TEST_CASE_METHOD(Fixture, "who waits takes over when the one who asked goes away") {
    put_away();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    other.says(query(kRead));
    reader.event([&](Outputs& out) { reader.session->on_client_closed(out); });
    other.deliver_flights();
    CHECK(other.server_got() == query(kRead));
    other.server(answer("1"));
    CHECK(other.got() == answer("1"));
}

TEST_CASE_METHOD(Fixture, "a cancel while the second level is asked") {
    put_away();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    const auto late = found(reader);
    const auto request = reader.session->second_level_request();
    reader.event([&](Outputs& out) { reader.session->on_cancel(out); });
    CHECK(types_of(reader.got()) == "EZ");
    // Its answer comes to nobody, also if the next question is under way.
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    reader.event([&](Outputs&) { reader.session->on_second_level(request.number, late); });
    CHECK(reader.got().empty());
    give(reader, late);
    CHECK(reader.got() == answer("1"));
}

TEST_CASE_METHOD(Fixture, "what comes behind the read waits for it") {
    put_away();
    reader.says(query(kRead) + query("update t set n = 3") + query(kRead));
    REQUIRE(asks(reader));
    CHECK(reader.server_got().empty());
    give(reader, found(reader));
    CHECK(reader.got() == answer("1"));
    CHECK(reader.server_got() == query("update t set n = 3") + query(kRead));   // while something is owed, a read is not looked up
    CHECK_FALSE(asks(reader));
}

TEST_CASE_METHOD(Fixture, "in a block it asks for itself alone") {
    put_away();
    reader.says(query("begin")).server(complete("BEGIN") + ready('T'));
    reader.got(), reader.server_got();
    reader.says(query(kRead));
    REQUIRE(asks(reader));
    other.says(query(kRead));
    CHECK(asks(other));   // not joined: the block may hold locks
    give(reader, found(reader));
    CHECK(reader.got() == row_description("n") + data_row("1") + complete("SELECT 1") + ready('T'));
}

TEST_CASE("a hit of the second level needs no shared connection, and who finds nothing there keeps the lead until there is one") {
    Fixture f(PoolMode::automatic);
    const auto lend = [](Client& client, std::unique_ptr<ServerLink> link) {
        REQUIRE(client.needs.acquire_server);
        client.needs = {};
        client.lend(std::move(link));
        client.says("");
    };
    auto link = f.reader.session->take_link();
    f.reader.needs = {};
    f.reader.says(query(kRead));
    lend(f.reader, std::move(link));
    f.reader.server(answer("1"));
    link = f.reader.session->take_link();
    f.reader.needs = {};
    f.move_out();

    const bool is_found = GENERATE(true, false);
    f.reader.says(query(kRead));
    REQUIRE(f.asks(f.reader));
    CHECK_FALSE(f.reader.needs.acquire_server);
    f.other.needs = {};
    f.other.says(query(kRead));
    CHECK_FALSE(f.asks(f.other));
    CHECK_FALSE(f.other.needs.acquire_server);
    f.give(f.reader, is_found ? f.found(f.reader) : cache::ResultRef());
    if (!is_found) {
        lend(f.reader, std::move(link));
        CHECK(f.reader.server_got() == query(kRead));
        f.reader.server(answer("1"));
    }
    f.other.deliver_flights();
    CHECK(f.reader.got() == answer("1"));
    CHECK(f.other.got() == answer("1"));
    CHECK_FALSE(f.other.needs.acquire_server);
}

TEST_CASE_METHOD(Fixture, "with a read barrier the second level is asked once the change feed has passed, and what it gives is judged after that") {
    const std::string read = kRead + " /* larder: freshness=barrier */";
    world.upstream.set_feed_current(true);
    put_away(read);
    reader.says(query(read));
    CHECK_FALSE(asks(reader));
    REQUIRE(reader.needs.await_barrier);
    const bool was_written = GENERATE(false, true);
    if (was_written) world.database().counters().relation(101).move_all();   // the feed tells of it
    reader.event([&](Outputs&) { reader.session->on_barrier(BarrierOutcome::passed, std::chrono::microseconds(1)); });
    REQUIRE(asks(reader));
    give(reader, found(reader));
    CHECK(reader.got() == (was_written ? std::string() : answer("1")));
    CHECK(reader.server_got() == (was_written ? query(read) : std::string()));
}
