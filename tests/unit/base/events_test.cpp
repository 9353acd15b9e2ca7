#include "base/events.h"

#include <catch2/catch.hpp>

using namespace larder;

namespace {

constexpr std::int64_t kStart = 1'000'000;

Event of(const std::string& relation, std::vector<std::string> tags = {}) {
    return {.kind = EventKind::invalidation, .relation = relation, .tags = std::move(tags), .source = "write"};
}

std::vector<std::uint64_t> ids(const EventPage& page) {
    std::vector<std::uint64_t> out;
    for (const auto& event : page.events) out.push_back(event->id);
    return out;
}

}  // namespace

TEST_CASE("events have consecutive ids from the start on, and the newest are kept") {
    EventBus bus(3, kStart);
    CHECK(bus.last_id() == kStart - 1);
    CHECK_FALSE(bus.after(bus.last_id(), 10).has_gap);
    for (int i = 0; i < 5; ++i) bus.publish(of("public.t"), 7);
    CHECK(bus.published() == 5);
    CHECK(ids(bus.newest(2)) == std::vector<std::uint64_t>{kStart + 3, kStart + 4});
    CHECK(bus.newest(1).events.front()->time_us == 7);
    const auto page = bus.after(kStart + 1, 2);
    CHECK_FALSE(page.has_gap);
    CHECK(ids(page) == std::vector<std::uint64_t>{kStart + 2, kStart + 3});
    CHECK(ids(bus.after(page.next, 2)) == std::vector<std::uint64_t>{kStart + 4});
}

TEST_CASE("whoever missed events is told so") {
    EventBus bus(3, kStart);
    for (int i = 0; i < 5; ++i) bus.publish(of("public.t"), 7);
    for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{kStart}, std::uint64_t{kStart + 5}, UINT64_MAX}) {
        const auto page = bus.after(id, 10);
        CHECK(page.has_gap);
        CHECK(ids(page) == std::vector<std::uint64_t>{kStart + 2, kStart + 3, kStart + 4});
    }
}

TEST_CASE("how many events are gone is told to who had some of this process's") {
    EventBus bus(3, kStart);
    for (int i = 0; i < 5; ++i) bus.publish(of("public.t"), 7);
    CHECK(bus.after(kStart, 10).lost == 1);
    CHECK(bus.after(kStart - 1, 10).lost == 2);
    CHECK(bus.after(kStart + 1, 10).lost == 0);
    CHECK(bus.after(0, 10).lost == 0);
    CHECK(bus.after(UINT64_MAX, 10).lost == 0);
}

TEST_CASE("a filter leaves out what it does not want, and never what concerns every relation") {
    EventBus bus(100, kStart);
    bus.publish(of("public.t", {"home"}), 7);
    bus.publish(of("public.u"), 7);
    bus.publish(of(""), 7);
    bus.publish({.kind = EventKind::server}, 7);
    bus.publish({.kind = EventKind::rule, .relation = "public.u"}, 7);
    const auto seen = [&](EventFilter filter) {
        std::string out;
        for (const auto id : ids(bus.after(kStart - 1, 100, filter))) out += std::to_string(id - kStart);
        return out;
    };
    CHECK(seen({}) == "01234");
    CHECK(seen({{}, "public.t", ""}) == "023");
    CHECK(seen({{}, "", "home"}) == "023");
    CHECK(seen({{EventKind::rule}, "public.u", ""}) == "4");
    CHECK(bus.after(kStart - 1, 100, {{EventKind::purge}, "", ""}).next == kStart + 4);
}

TEST_CASE("an event is no larger than it may be, and losses are counted by sink") {
    EventBus bus(3, kStart);
    bus.publish({.kind = EventKind::rule, .tags = std::vector<std::string>(1000, "tag"), .text = std::string(100'000, 'x')}, 7);
    const auto event = bus.newest(1).events.front();
    CHECK(event->tags.size() == 20);
    CHECK(event->text.size() == 1000);
    bus.count_dropped("log");
    bus.count_dropped("log", 4);
    CHECK(bus.dropped() == std::vector<std::pair<std::string, std::uint64_t>>{{"log", 5}});
}

TEST_CASE("each kind has a name of its own") {
    for (std::size_t i = 0; i < static_cast<std::size_t>(EventKind::count_); ++i) {
        const auto kind = static_cast<EventKind>(i);
        CHECK(event_kind(name(kind)) == kind);
    }
    CHECK_FALSE(event_kind("nonsense"));
}
