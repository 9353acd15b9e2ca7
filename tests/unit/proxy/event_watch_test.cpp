#include "proxy/event_watch.h"

#include <catch2/catch.hpp>

#include "proxy/event_pump.h"

using namespace larder;
using namespace larder::proxy;

namespace {

struct World {
    session::UpstreamState upstream{1};
    EventBus events{100, 1};
    EventWatch::States states;
    EventWatch watch{
        upstream, events, std::chrono::milliseconds(10), {[this] { return states; }, [] { return std::vector<config::RuleRow>(); }}};
    session::DatabaseState& database = upstream.database("shop");
    cache::RelationCounters& relation = database.counters().relation(20'000);
    std::uint64_t next = 0;

    World() {
        states.feed = "off";
        states.not_serving = "no_upstream";
    }
    // "kind source count", of those since the last time.
    std::vector<std::string> look() {
        watch.look();
        const auto page = events.after(next, 100);
        next = page.next;
        std::vector<std::string> out;
        for (const auto& event : page.events)
            out.push_back(std::string(name(event->kind)) + " " + event->source + " " + std::to_string(event->count));
        return out;
    }
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("a write is told of when it is over, and all since the last look together") {
    World world;
    CHECK(world.look().empty());
    world.relation.scan.begin();
    CHECK(world.look().empty());
    world.relation.scan.begin();
    world.relation.scan.end();
    CHECK(world.look() == Told{"invalidation write 1"});
    world.relation.scan.end();
    CHECK(world.look() == Told{"invalidation write 1"});
    for (int i = 0; i < 10; ++i) world.relation.scan.begin(), world.relation.scan.end();
    CHECK(world.look() == Told{"invalidation write 10"});
    CHECK(world.look().empty());
}

TEST_CASE("what the feed and a purge moved is not taken for a write") {
    World world;
    world.look();
    world.upstream.foreign_moves.tell_of_feed(world.relation.scan, 0x1'0000'0002);
    world.relation.scan.begin();
    CHECK(world.look() == Told{"invalidation feed 1"});
    CHECK(world.events.newest(1).events.front()->lsn == "1/2");
    world.relation.move_all();  // what was told of before
    world.relation.scan.end();
    CHECK(world.look() == Told{"invalidation write 1"});
    world.upstream.foreign_moves.tell_of_purge(world.relation.scan);
    world.relation.move_all();
    CHECK(world.look().empty());
}

TEST_CASE("what concerns a database or the server is told of without a relation") {
    World world;
    world.look();
    world.database.counters().any.move();
    world.database.counters().catalogue.move();
    world.upstream.counters.server.move();
    CHECK(world.look() == Told{"server write 1", "schema write 1", "invalidation write 1"});
}

TEST_CASE("states are told of when they change") {
    World world;
    world.look();
    world.states.is_upstream_reachable = true;
    world.states.not_serving.clear();
    world.states.feed = "current";
    CHECK(world.look() == Told{"upstream control 1", "feed feed 1", "serving control 1"});
    CHECK(world.look().empty());
}

namespace {

struct Gathering final : EventSink {
    explicit Gathering(std::vector<std::uint64_t>& where) : ids(where) {}
    std::string_view name() const override { return "gathering"; }
    bool write(const Event& event) override {
        ids.push_back(event.id);
        return event.id % 2 == 1;
    }
    std::vector<std::uint64_t>& ids;
};

}  // namespace

TEST_CASE("a sink gets every event once, and what it loses is counted") {
    EventBus events(100, 1);
    std::vector<std::uint64_t> ids;
    {
        EventPump pump(events, std::make_unique<Gathering>(ids), std::chrono::milliseconds(1));
        for (int i = 0; i < 5; ++i) events.publish({}, 1);
    }
    CHECK(ids == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
    CHECK(events.dropped() == std::vector<std::pair<std::string, std::uint64_t>>{{"gathering", 2}});
}
