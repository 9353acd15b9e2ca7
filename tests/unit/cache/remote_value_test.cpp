#include "cache/remote_value.h"

#include "unit/cache/cache_support.h"

namespace larder::cache::test {
namespace {

struct World {
    ServerCounters server;
    DatabaseCounters& shop = server.database("shop");
    DatabaseCounters& other = server.database("other");
    RelationCounters& table = shop.relation(4711);
    RemoteEpoch epoch = RemoteEpoch::draw();
    RemoteLimits limits;
    Key key{"select 1"};

    Note note() {
        Note out;
        REQUIRE(take_note({&server.server, &shop.catalogue, &shop.any, &table.scan, &table.keys[3].all, &table.keys[7].absent, &shop.row(99)}, out));
        return out;
    }
    RemoteValues values() const { return {server, epoch, limits}; }
    std::string written(const Spec& spec = {}) {
        std::string out;
        REQUIRE(values().write(*make_result(key, note(), spec), out));
        return out;
    }
    RemoteFault fault_of(Bytes value) {
        auto fault = RemoteFault::none;
        const auto result = values().read(value, key.text, shop, fault);
        CHECK(static_cast<bool>(result) == (fault == RemoteFault::none));
        return fault;
    }
    Lookup judge(const ResultRef& result, Instant now = kStart, bool needs_row_description = false, ReadBounds bounds = {}) {
        return Cache::judge(result, now, bounds, needs_row_description);
    }
};

}  // namespace

TEST_CASE("an answer that was written down is the same one when it is read") {
    World world;
    const bool is_compressed = GENERATE(false, true);
    world.limits.compress_above = is_compressed ? 0 : SIZE_MAX;
    Spec spec{.rows = std::string(5000, 'r'), .server_us = 12'345, .stored = kStart, .expires = Instant{99'000'000}};
    const auto value = world.written(spec);
    CHECK((value.size() < 1000) == is_compressed);
    auto fault = RemoteFault::damaged;
    const auto read = world.values().read(value, world.key.text, world.shop, fault);
    REQUIRE(read);
    CHECK(fault == RemoteFault::none);
    const auto written = make_result(world.key, world.note(), spec);
    CHECK(read->key() == written->key());
    CHECK(read->row_description() == written->row_description());
    CHECK(read->all() == written->all());
    CHECK(read->cost().server_us == 12'345);
    CHECK(read->cost().rows == 1);
    CHECK(read->stored() == spec.stored);
    CHECK(read->expires() == spec.expires);
    REQUIRE(read->note_count() == written->note_count());
    for (std::size_t i = 0; i < read->note_count(); ++i) {
        CHECK(read->note()[i].counter == written->note()[i].counter);
        CHECK(read->note()[i].word == written->note()[i].word);
    }
    CHECK(world.judge(read).result);
}

TEST_CASE("what was read is judged by the counters of now") {
    World world;
    auto fault = RemoteFault::none;
    const auto value = world.written({.expires = Instant{kStart.us + 1000}});
    const auto read = [&] { return world.values().read(value, world.key.text, world.shop, fault); };
    CHECK(world.judge(read()).result);
    CHECK(world.judge(read(), Instant{kStart.us + 1000}).miss == Miss::expired);
    CHECK(world.judge(read(), Instant{kStart.us + 500}, false, {.max_age = std::chrono::microseconds(499)}).miss == Miss::expired);
    const int which = GENERATE(0, 1, 2, 3, 4, 5, 6);
    Counter* const counters[] = {&world.server.server, &world.shop.catalogue, &world.shop.any, &world.table.scan, &world.table.keys[3].all, &world.table.keys[7].absent, &world.shop.row(99)};
    counters[which]->begin();
    CHECK(world.judge(read()).miss == Miss::stale);
    counters[which]->end();
    CHECK(world.judge(read()).miss == Miss::stale);
    REQUIRE(read());   // the bytes are what was written; it is the judgement that refuses them
}

TEST_CASE("an answer without its row description is not for those who need it") {
    World world;
    auto fault = RemoteFault::none;
    const auto read = world.values().read(world.written({.row_description = ""}), world.key.text, world.shop, fault);
    CHECK(world.judge(read).result);
    CHECK(world.judge(read, kStart, true).miss == Miss::no_row_description);
}

TEST_CASE("a value with any byte changed, cut anywhere or with more behind it is refused") {
    World world;
    world.limits.compress_above = GENERATE(std::size_t{0}, SIZE_MAX);
    const auto value = world.written({.rows = std::string(60, 'r')});
    for (std::size_t i = 0; i < value.size(); ++i) {
        for (const int bit : {1, 128}) {
            auto changed = value;
            changed[i] = static_cast<char>(changed[i] ^ bit);
            CHECK(world.fault_of(changed) != RemoteFault::none);
        }
        CHECK(world.fault_of(value.substr(0, i)) != RemoteFault::none);
        CHECK(world.fault_of(value.substr(value.size() - i)) != RemoteFault::none);
    }
    CHECK(world.fault_of(value + 'x') == RemoteFault::damaged);
    CHECK(world.fault_of(value + value) == RemoteFault::damaged);
    CHECK(world.fault_of(value) == RemoteFault::none);
}

TEST_CASE("another key's value is refused, also under the same hash") {
    World world;
    const auto value = world.written();
    world.key = Key("select 2", world.key.hash);
    CHECK(world.fault_of(value) == RemoteFault::other_key);
}

TEST_CASE("another process's value is refused, also if its counters are the same") {
    World world, later;
    const auto value = world.written();
    CHECK(later.fault_of(value) == RemoteFault::other_epoch);
    later.epoch.id = world.epoch.id;   // even then: its checksum is seeded with a secret
    CHECK(later.fault_of(value) == RemoteFault::damaged);
    CHECK(world.values().key_name("p:", 0xABC) != World().values().key_name("p:", 0xABC));
    CHECK(world.values().key_name("p:", 0xABC).ends_with(":0000000000000abc"));
}

TEST_CASE("a value of another database is refused") {
    World world;
    world.other.relation(4711);
    world.other.row(1);
    const auto value = world.written();
    auto fault = RemoteFault::none;
    // Its counters have the same names there, but other words decide: nothing was written to either.
    const auto read = world.values().read(value, world.key.text, world.other, fault);
    if (read) CHECK(read->note()[1].counter == &world.other.catalogue);   // judged by its reader's counters, never the writer's
    ServerCounters empty;
    const RemoteValues values(empty, world.epoch, world.limits);
    CHECK_FALSE(values.read(value, world.key.text, empty.database("shop"), fault));
    CHECK(fault == RemoteFault::unknown_counter);
}

TEST_CASE("what is too large, or depends on what has no name, is not written") {
    World world;
    std::string out;
    world.limits.value_bytes_max = 1000;
    CHECK_FALSE(world.values().write(*make_result(world.key, world.note(), {.rows = std::string(901, 'x')}), out));
    world.limits.compress_above = 500;
    CHECK(world.values().write(*make_result(world.key, world.note(), {.rows = std::string(901, 'x')}), out));
    world.limits.parts_bytes_max = 900;
    CHECK_FALSE(world.values().write(*make_result(world.key, world.note(), {.rows = std::string(901, 'x')}), out));
    Counter stranger;
    auto note = world.note();
    note.push_back({&stranger, 0});
    CHECK_FALSE(world.values().write(*make_result(world.key, note), out));
    CHECK_FALSE(world.values().write(*make_result(world.key, {}), out));
}

TEST_CASE("a counter's name leads to it and to no other") {
    World world;
    const auto check = [&](const Counter& counter) {
        const auto name = world.shop.name_of(&counter);
        REQUIRE(name);
        CHECK(world.shop.named(*name) == &counter);
    };
    check(world.shop.any);
    check(world.shop.catalogue);
    check(world.shop.row(5));
    for (const auto& key : world.table.keys) check(key.all), check(key.absent);
    check(world.table.scan);
    for (Oid oid = 1; oid < 100; ++oid) check(world.shop.relation(oid * 7).keys[oid % kKeysMax].all);
    CHECK_FALSE(world.shop.name_of(&world.server.server));
    CHECK_FALSE(world.shop.name_of(&world.other.any));
    for (const std::uint64_t name : {std::uint64_t{0}, std::uint64_t{7} << 56, std::uint64_t{4} << 56 | 4712, std::uint64_t{5} << 56 | std::uint64_t{8} << 48 | 4711,
                                     std::uint64_t{4} << 56 | std::uint64_t{1} << 48 | 4711, std::uint64_t{3} << 56 | DatabaseCounters::kRowCounters, UINT64_MAX}) {
        CHECK(world.shop.named(name) == nullptr);
    }
    CHECK(world.server.database_of(&world.other.catalogue) == &world.other);
    CHECK(world.server.database_of(&world.other.any) == nullptr);
}

TEST_CASE("what memory has no room for is offered to whoever keeps more") {
    struct Kept final : Evictions {
        void on_evicted(const ResultRef& result) override { keys.emplace_back(result->key()), all_fresh &= result->is_fresh(); }
        std::vector<std::string> keys;
        bool all_fresh = true;
    } kept;
    Counter counter;
    Cache cache({.bytes_max = 200'000, .entry_bytes_max = 20'000});
    for (int i = 0; i < 40; ++i) {
        const Key key("key " + std::to_string(i));
        cache.store(key, make_result(key, note_of(counter), {.rows = std::string(10'000, 'r')}), kStart, &kept);
    }
    const auto stats = cache.stats();
    CHECK(kept.keys.size() + stats.entries == 40);
    CHECK(kept.keys.size() == stats.evicted + stats.refused_admission);
    CHECK(kept.all_fresh);
    // What a write has made old is nobody's loss.
    kept.keys.clear();
    counter.move();
    for (int i = 40; i < 50; ++i) {
        const Key key("key " + std::to_string(i));
        cache.store(key, make_result(key, note_of(counter), {.rows = std::string(10'000, 'r')}), kStart, &kept);
    }
    for (const auto& key : kept.keys) CHECK(std::stoi(key.substr(4)) >= 40);  // a new one may have to go
}

}  // namespace larder::cache::test
