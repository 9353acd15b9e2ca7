// The read barrier: when a hit waits for the change feed, what becomes of it then, and who does not wait.
#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;
using namespace std::chrono_literals;

namespace {

constexpr Oid kT = 101;
const std::string kRead = "select n from t";
const std::string kBarrierRead = "select n from t /* larder: freshness=barrier */";

struct Fixture {
    World world;
    Client client{world};

    explicit Fixture(bool is_deferred = false) {
        world.context.deferred_begin = is_deferred;
        world.upstream.set_feed_current(true);
    }
    // The answer is in the cache afterwards.
    void warm(const std::string& text) {
        Client other(world);
        other.says(query(text));
        if (!other.server_got().empty()) other.server(answer("1"));
    }
    bool waits(Client& who) { return std::exchange(who.needs.await_barrier, false); }
    void end_wait(Client& who, BarrierOutcome outcome) {
        who.session->on_barrier(outcome, 1234us);
        who.says("");
    }
    void written_by_others() { world.database().counters().relation(kT).move_all(); }
    std::uint64_t waited() const {
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < DurationCounts::kBuckets; ++i) all += world.context.metrics.barrier_waits.count(i);
        return all;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a hit waits for the change feed, and is looked up anew after it") {
    client.split_bytes = GENERATE(false, true);
    warm(kBarrierRead);
    client.says(query(kBarrierRead));
    CHECK(waits(client));
    CHECK(client.session->is_paused());
    CHECK(client.session->state_name() == "waiting");
    CHECK(client.got().empty());
    CHECK(client.server_got().empty());
    CHECK(world.hits() == 0);
    SECTION("nothing was written") {
        end_wait(client, BarrierOutcome::passed);
        CHECK(client.got() == answer("1"));
        CHECK(world.hits() == 1);
        CHECK(waited() == 1);
        CHECK(world.context.metrics.barrier_waits.sum_us() == 1234);
    }
    SECTION("it was written: the server is asked, without another wait") {
        written_by_others();
        end_wait(client, BarrierOutcome::passed);
        CHECK(world.hits() == 0);
        CHECK(client.server_got() == query(kBarrierRead));
        client.server(answer("2"));
        CHECK(client.got() == answer("2"));
        CHECK_FALSE(waits(client));
    }
    SECTION("it took too long") {
        end_wait(client, BarrierOutcome::late);
        CHECK(client.server_got() == query(kBarrierRead));
        CHECK(world.bypasses(rules::Reason::barrier_late) == 1);
        CHECK(waited() == 1);
    }
    SECTION("the feed is gone") {
        end_wait(client, BarrierOutcome::refused);
        CHECK(client.server_got() == query(kBarrierRead));
        CHECK(world.bypasses(rules::Reason::barrier_blind) == 1);
        CHECK(waited() == 0);
    }
    SECTION("the feed fell behind meanwhile, or somebody wrote to the catalogue") {
        if (GENERATE(true, false))
            world.upstream.set_feed_current(false);
        else
            world.database().want_check();
        end_wait(client, BarrierOutcome::passed);
        CHECK(client.server_got() == query(kBarrierRead));
        CHECK(world.bypasses(rules::Reason::barrier_blind) == 1);
    }
}

TEST_CASE_METHOD(Fixture, "each message waits for itself") {
    warm(kBarrierRead);
    for (const auto outcome : {BarrierOutcome::passed, BarrierOutcome::late, BarrierOutcome::refused, BarrierOutcome::passed}) {
        client.says(query(kBarrierRead));
        CHECK(waits(client));
        end_wait(client, outcome);
        if (outcome != BarrierOutcome::passed) client.server(answer("1"));
        CHECK(client.got() == answer("1"));
    }
    CHECK(world.hits() == 2);
}

TEST_CASE_METHOD(Fixture, "where no wait would help the server is asked at once") {
    warm(kBarrierRead);
    const bool is_checked = GENERATE(true, false);
    if (is_checked)
        world.database().want_check();
    else
        world.upstream.set_feed_current(false);
    client.says(query(kBarrierRead));
    CHECK_FALSE(waits(client));
    CHECK(client.server_got() == query(kBarrierRead));
    CHECK(world.bypasses(rules::Reason::barrier_blind) == 1);
}

TEST_CASE_METHOD(Fixture, "where nobody else writes nobody waits") {
    world.upstream.set_writers_elsewhere(false);
    world.upstream.set_feed_current(false);
    warm(kBarrierRead);
    client.says(query(kBarrierRead));
    CHECK_FALSE(waits(client));
    CHECK(client.got() == answer("1"));
}

TEST_CASE_METHOD(Fixture, "what goes to the server waits for nothing, and is kept for others") {
    client.says(query(kBarrierRead));
    CHECK_FALSE(waits(client));
    client.server(answer("1"));
    CHECK(client.got() == answer("1"));
    client.says(query(kBarrierRead));
    CHECK(waits(client));
}

TEST_CASE_METHOD(Fixture, "a fetch that began earlier is joined after the wait, if it may still be") {
    Client leader(world);
    leader.says(query(kBarrierRead));
    client.says(query(kBarrierRead));
    CHECK(waits(client));
    const bool is_written = GENERATE(false, true);
    if (is_written) written_by_others();  // the leader's answer may lack it
    end_wait(client, BarrierOutcome::passed);
    leader.server(answer("1"));
    client.deliver_flights();
    if (is_written) {
        CHECK(client.server_got() == query(kBarrierRead));
    } else {
        CHECK(client.got() == answer("1"));
        CHECK(client.server_got().empty());
    }
}

TEST_CASE_METHOD(Fixture, "a cancel ends the wait") {
    warm(kBarrierRead);
    client.says(query(kBarrierRead));
    CHECK(waits(client));
    client.event([&](Outputs& out) { client.session->on_cancel(out); });
    client.says("");
    CHECK(client.got() == error("57014", "canceling statement due to user request") + ready('I'));
    CHECK(client.server_got().empty());
    end_wait(client, BarrierOutcome::passed);  // comes too late
    client.says(query(kBarrierRead));
    CHECK(waits(client));
    CHECK(client.got().empty());
}

TEST_CASE_METHOD(Fixture, "the client may leave while it waits") {
    warm(kBarrierRead);
    client.says(query(kBarrierRead));
    client.event([&](Outputs& out) { client.session->on_client_closed(out); });
    end_wait(client, BarrierOutcome::passed);
    CHECK(client.got().empty());
    CHECK(world.hits() == 0);
}

TEST_CASE_METHOD(Fixture, "the server may end while a hit waits") {
    warm(kBarrierRead);
    client.says(query(kBarrierRead));
    client.event([&](Outputs& out) { client.session->on_server_closed(out); });
    CHECK(types_of(client.got()) == "E");
    end_wait(client, BarrierOutcome::passed);
    CHECK(client.got().empty());
    CHECK(world.hits() == 0);
}

TEST_CASE_METHOD(Fixture, "what comes behind it in a pipeline waits, and the order stays") {
    warm(kBarrierRead);
    client.says(query(kBarrierRead) + query("update t set n = 2") + query(kBarrierRead));
    CHECK(waits(client));
    CHECK(client.server_got().empty());
    end_wait(client, BarrierOutcome::passed);
    CHECK(client.got() == answer("1"));
    CHECK(client.server_got() == query("update t set n = 2") + query(kBarrierRead));  // a hit is never given past an answer that is owed
    client.server(complete("UPDATE 1") + ready('I') + answer("2"));
    CHECK(client.got() == complete("UPDATE 1") + ready('I') + answer("2"));
}

TEST_CASE_METHOD(Fixture, "the extended protocol waits as well") {
    const std::string batch =
        parse("", kBarrierRead) + bind("", "") + describe(protocol::Target::portal, "") + execute("") + sync_message();
    client.says(batch).server(std::string("1\0\0\0\4"
                                          "2\0\0\0\4",
                                          10) +
                              answer("1"));
    client.got(), client.server_got();
    client.says(batch);
    CHECK(waits(client));
    CHECK(client.got().empty());
    end_wait(client, BarrierOutcome::passed);
    CHECK(types_of(client.got()) == "12TDCZ");
    CHECK(client.server_got().empty());
}

TEST_CASE("a hit in a block that the server does not know of waits as well") {
    Fixture f(true);
    auto& client = f.client;
    f.warm(kBarrierRead);
    client.says(query("begin") + query(kBarrierRead) + query("commit"));
    CHECK(f.waits(client));
    CHECK(client.got() == complete("BEGIN") + ready('T'));
    SECTION("it passes") {
        f.end_wait(client, BarrierOutcome::passed);
        CHECK(client.got() == answer("1", 'T') + complete("COMMIT") + ready('I'));
        CHECK(client.server_got().empty());
    }
    SECTION("it is cancelled") {
        client.event([&](Outputs& out) { client.session->on_cancel(out); });
        client.says("");
        CHECK(client.got() == error("57014", "canceling statement due to user request") + ready('E') + complete("ROLLBACK") + ready('I'));
        CHECK(client.server_got().empty());
    }
    SECTION("it takes too long: the block is made real first") {
        f.end_wait(client, BarrierOutcome::late);
        CHECK(types_of(client.server_got()).starts_with("PBE"));
    }
}

TEST_CASE("where connections are shared, a hit that waits takes none, and what is late is counted once") {
    World world;
    world.context.pool_mode = PoolMode::automatic;
    world.upstream.set_feed_current(true);
    Client client(world);
    const auto released = [&] {
        REQUIRE(std::exchange(client.needs.release_server, false));
        return client.session->take_link();
    };
    auto link = released();
    client.says(query(kBarrierRead));
    REQUIRE(std::exchange(client.needs.acquire_server, false));
    client.lend(std::move(link));
    client.says("").server(answer("1"));
    CHECK(client.got() == answer("1"));
    client.server_got();
    link = released();
    client.says(query(kBarrierRead));
    CHECK(std::exchange(client.needs.await_barrier, false));
    CHECK_FALSE(client.needs.acquire_server);
    if (GENERATE(true, false)) {
        client.session->on_barrier(BarrierOutcome::passed, 5us);
        client.says("");
        CHECK(client.got() == answer("1"));
        CHECK_FALSE(client.needs.acquire_server);
    } else {
        client.session->on_barrier(BarrierOutcome::late, 5us);
        client.says("");
        CHECK(std::exchange(client.needs.acquire_server, false));
        client.lend(std::move(link));
        client.says("");
        CHECK(client.server_got() == query(kBarrierRead));
        CHECK(world.bypasses(rules::Reason::barrier_late) == 1);
        client.server(answer("2"));
        CHECK(client.got() == answer("2"));
    }
}

TEST_CASE_METHOD(Fixture, "the comment goes before the session's setting, and that before the rule") {
    config::Rule rule;
    rule.name = "as new as can be";
    rule.match.table = "public.t";
    rule.freshness = FreshnessLevel::barrier;
    config::Config config;
    config.rules.push_back(rule);
    const bool is_rule = GENERATE(true, false);
    if (!is_rule) {
        config.rules.clear();
        config.freshness.level = FreshnessLevel::barrier;
    }
    world.context.rules = std::make_shared<rules::UserRules>(config);
    const std::string strict_read = "select n from t /* larder: freshness=strict */";
    const auto is_waited_for = [&](const std::string& text) {
        client.says(query(text));
        const bool has_waited = waits(client);
        if (has_waited) end_wait(client, BarrierOutcome::passed);
        CHECK(client.got() == answer("1"));
        return has_waited;
    };
    for (const auto& text : {kRead, kBarrierRead, strict_read}) client.says(query(text)).server(answer("1"));
    client.got();
    CHECK(is_waited_for(kRead));
    CHECK_FALSE(is_waited_for(strict_read));
    const auto* weaker = GENERATE("strict", "Bounded");
    client.says(query(std::string("set larder.freshness = '") + weaker + "'"));
    client.got();
    CHECK_FALSE(is_waited_for(kRead));
    CHECK(is_waited_for(kBarrierRead));
    client.says(query("reset larder.freshness"));
    client.got();
    CHECK(is_waited_for(kRead));
}

TEST_CASE_METHOD(Fixture, "SET larder.freshness is a setting like any other") {
    const auto shown = [&] {
        client.says(query("show larder.freshness"));
        const auto got = client.got();
        for (const auto* value : {"default", "strict", "bounded", "barrier"}) {
            if (got.find(value) != std::string::npos) return std::string(value);
        }
        return got;
    };
    CHECK(shown() == "default");
    client.says(query("set larder.freshness = 'BARRIER'"));
    CHECK(client.got() == complete("SET") + ready('I'));
    CHECK(shown() == "barrier");
    client.says(query("set larder.freshness = 'ttl'"));
    CHECK(client.got().find("22023") != std::string::npos);
    CHECK(shown() == "barrier");
    client.says(query("begin")).server(complete("BEGIN") + ready('T'));
    client.says(query("set larder.freshness = 'bounded'"));
    CHECK(shown() == "bounded");
    client.says(query("rollback")).server(complete("ROLLBACK") + ready('I'));
    client.got();
    CHECK(shown() == "barrier");
}

TEST_CASE_METHOD(Fixture, "what may be old is not given to who has to see everything") {
    const std::string text = "select n from t /* larder: max_stale=5s, freshness=barrier */";
    warm(text);
    written_by_others();
    client.says(query(text));
    CHECK_FALSE(waits(client));
    CHECK(client.server_got() == query(text));
}

TEST_CASE_METHOD(Fixture, "larder.trace says how long it waited") {
    client.says(query("set larder.trace = on"));
    warm(kBarrierRead);
    client.got();
    client.says(query(kBarrierRead));
    end_wait(client, BarrierOutcome::passed);
    CHECK(client.got().find("; barrier waited 1.2 ms") != std::string::npos);
    client.says(query(kBarrierRead));
    end_wait(client, BarrierOutcome::late);
    CHECK(client.got().find("bypass, barrier_late") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a Larder that stops lets the wait end first") {
    warm(kBarrierRead);
    client.says(query(kBarrierRead));
    client.event([&](Outputs& out) { client.session->on_shutdown(out); });
    CHECK(client.got().empty());
    end_wait(client, BarrierOutcome::passed);
    const auto got = client.got();
    CHECK(got.starts_with(answer("1")));
    CHECK(got.find("57P01") != std::string::npos);
    CHECK(client.needs.close_client);
}
