// max_stale: an answer that a write made old is given for so long, but never against what the session itself wrote.
#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kSecond = 1'000'000;
const std::string kRead = "select n from t /* larder: max_stale=5s */";
const std::string kStrictRead = "select n from t";

struct Fixture {
    World world;
    Client reader{world}, writer{world};

    void later(std::int64_t us) { world.context.now.us += us; }
    void write(Client& client) { client.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('I')); }

    // What the reader gets; `given` is what the server says if it is asked.
    std::string read(Client& client, const std::string& text, const std::string& given) {
        client.got();
        const auto hits = world.hits();
        client.says(query(text));
        if (world.hits() == hits) client.server(answer(given));
        client.server_got();
        return client.got();
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what a write made old is given for max_stale, and no longer") {
    CHECK(read(reader, kRead, "1") == answer("1"));
    write(writer);
    later(5 * kSecond - 1);
    CHECK(read(reader, kRead, "2") == answer("1"));
    CHECK(world.context.metrics.stale_hits.value() == 1);
    later(1);
    CHECK(read(reader, kRead, "2") == answer("2"));
    CHECK(read(reader, kRead, "3") == answer("2"));
    CHECK(world.context.metrics.stale_hits.value() == 1);
}

TEST_CASE_METHOD(Fixture, "who does not ask for it gets nothing old") {
    CHECK(read(reader, kStrictRead, "1") == answer("1"));
    write(writer);
    CHECK(read(reader, kStrictRead, "2") == answer("2"));
    CHECK(world.context.metrics.stale_hits.value() == 0);
}

TEST_CASE_METHOD(Fixture, "a session sees what it wrote itself") {
    CHECK(read(reader, kRead, "1") == answer("1"));
    later(10);
    write(reader);
    CHECK(read(writer, kRead, "2") == answer("1"));   // others may be given what is old
    CHECK(read(reader, kRead, "2") == answer("2"));   // noted within the tick of the write: kept, and not given to the writer …
    write(writer);
    CHECK(read(reader, kRead, "3") == answer("3"));
    later(1);
    write(writer);
    CHECK(read(reader, kRead, "4") == answer("4"));
    write(writer);
    CHECK(read(reader, kRead, "5") == answer("4"));   // … but this was noted after it
}

TEST_CASE_METHOD(Fixture, "who has locked something is given nothing from before") {
    const std::string lock = GENERATE("select n from u for update", "lock table u in share mode", "execute something", "select pg_advisory_lock(1)", "select user_code()");
    INFO(lock);
    const bool is_in_block = GENERATE(true, false);
    CHECK(read(reader, kRead, "1") == answer("1"));
    CHECK(read(reader, "select n from u", "7") == answer("7"));
    later(10);
    if (is_in_block) reader.says(query("begin")).server(complete("BEGIN") + ready('T'));
    const char status = is_in_block ? 'T' : 'I';
    write(writer);
    later(10);
    reader.says(query(lock)).server(answer("1", status));
    reader.answer_set_up(status);
    later(10);
    reader.server_got(), reader.got();
    const auto stale = world.context.metrics.stale_hits.value();
    reader.says(query(kRead));
    CHECK(world.context.metrics.stale_hits.value() == stale);
}

TEST_CASE_METHOD(Fixture, "and what it wrote in a block, also if it was rolled back") {
    CHECK(read(reader, kRead, "1") == answer("1"));
    later(10);
    reader.says(query("begin")).server(complete("BEGIN") + ready('T'));
    reader.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('T'));
    write(writer);
    reader.says(query(kRead)).server(answer("2", 'T'));
    const auto end = GENERATE("commit", "rollback");
    reader.says(query(end)).server(complete(end) + ready('I'));
    CHECK(read(reader, kRead, "3") == answer("3"));
}

TEST_CASE_METHOD(Fixture, "an answer noted while a write was in flight is kept for it") {
    writer.says(query("update t set n = 2"));
    CHECK(read(reader, kRead, "1") == answer("1"));
    CHECK(read(reader, kRead, "2") == answer("1"));
    CHECK(world.context.metrics.stale_hits.value() == 1);
    writer.server(complete("UPDATE 1") + ready('I'));
    CHECK(read(reader, kRead, "2") == answer("1"));
    later(5 * kSecond);
    CHECK(read(reader, kRead, "2") == answer("2"));
}

TEST_CASE_METHOD(Fixture, "nothing outlives a change of schema, privileges or roles") {
    CHECK(read(reader, kRead, "1") == answer("1"));
    const bool is_schema = GENERATE(true, false);
    if (is_schema) {
        writer.says(query("alter table t add column m int")).server(complete("ALTER TABLE") + ready('I'));
        REQUIRE(world.publish_catalogue());
    } else {
        world.upstream.counters.server.move();
        REQUIRE(world.publish_catalogue());
    }
    reader.got();
    const auto hits = world.hits();
    reader.says(query(kRead));
    CHECK(world.hits() == hits);
}

TEST_CASE_METHOD(Fixture, "larder.max_age bounds it") {
    CHECK(read(reader, kRead, "1") == answer("1"));
    write(writer);
    later(2 * kSecond);
    reader.says(query("set larder.max_age = '1s'"));
    CHECK(read(reader, kRead, "2") == answer("2"));
}

TEST_CASE_METHOD(Fixture, "it may be longer than the bound for writers that Larder does not see") {
    world.upstream.set_ttl_us_max(kSecond);
    CHECK(read(reader, kRead, "1") == answer("1"));
    CHECK(read(reader, kStrictRead, "1") == answer("1"));
    later(2 * kSecond);
    CHECK(read(reader, kRead, "2") == answer("1"));
    CHECK(read(reader, kStrictRead, "2") == answer("2"));
    later(3 * kSecond);
    CHECK(read(reader, kRead, "3") == answer("3"));
}

TEST_CASE_METHOD(Fixture, "where nothing may be kept for fear of such writers, nothing is, but for who takes what is old") {
    CHECK(read(reader, kStrictRead, "1") == answer("1"));
    world.upstream.set_ttl_us_max(UpstreamState::kNothingIsKept);
    CHECK(read(reader, kStrictRead, "2") == answer("2"));
    CHECK(read(reader, kStrictRead, "3") == answer("3"));
    CHECK(read(reader, kRead, "4") == answer("4"));
    CHECK(read(reader, kRead, "5") == answer("4"));
}

TEST_CASE_METHOD(Fixture, "rules set it, and what was kept under other rules is bound by those of now") {
    const auto use_rule = [&](std::optional<std::chrono::milliseconds> max_stale, std::optional<std::chrono::milliseconds> ttl) {
        config::Rule rule;
        rule.name = "old is fine";
        rule.match.table = "public.t";
        rule.max_stale = max_stale;
        rule.ttl = ttl;
        config::Config config;
        config.rules.push_back(rule);
        world.context.rules = std::make_shared<rules::UserRules>(config);
    };
    use_rule(5s, std::nullopt);
    CHECK(read(reader, kStrictRead, "1") == answer("1"));
    write(writer);
    CHECK(read(reader, kStrictRead, "2") == answer("1"));
    later(2 * kSecond);
    use_rule(2s, std::nullopt);
    CHECK(read(reader, kStrictRead, "2") == answer("2"));
    later(2 * kSecond);
    use_rule(std::nullopt, 1s);
    CHECK(read(reader, kStrictRead, "3") == answer("3"));
}

TEST_CASE_METHOD(Fixture, "its age counts from the question, not from the answer") {
    reader.says(query(kRead));
    later(3 * kSecond);
    reader.server(answer("1"));
    write(writer);
    later(2 * kSecond - 1);
    CHECK(read(reader, kRead, "2") == answer("1"));
    later(1);
    CHECK(read(reader, kRead, "2") == answer("2"));
}
