// Each needed rule of the write side, as the smallest conversation that breaks without it.
#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

// Reads `text` until it is in the cache, and proves that it is.
void warm(Client& client, const std::string& text, Bytes value) {
    client.says(query(text)).server(answer(value));
    const auto hits = client.world.hits();
    client.says(query(text));
    REQUIRE(client.world.hits() == hits + 1);
    client.got();
    client.server_got();
}

bool is_hit(Client& client, const std::string& text) {
    const auto hits = client.world.hits();
    client.says(query(text));
    const bool hit = client.world.hits() > hits;
    if (!hit) client.server(answer("other"));
    client.got();
    client.server_got();
    return hit;
}

}  // namespace

TEST_CASE("from the moment an update is sent until its outcome is known, nobody is served, and after it nobody gets the old row") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(query("update t set n = 2"));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    writer.server(complete("UPDATE 1"));
    CHECK_FALSE(is_hit(reader, "select n from t"));  // CommandComplete is not the end
    writer.server(ready('I'));
    CHECK_FALSE(is_hit(reader, "select n from t"));  // what was read meanwhile was not kept
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("a write to one table leaves the others' entries alone") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from u", "1");
    writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('I'));
    CHECK(is_hit(reader, "select n from u"));
}

TEST_CASE("an answer whose request was sent before a write began is not kept") {
    World world;
    Client writer(world), reader(world), late(world);
    reader.says(query("select n from t"));
    writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('I'));
    reader.server(answer("1"));
    CHECK_FALSE(is_hit(late, "select n from t"));
}

TEST_CASE("inside a block the marks come with COMMIT") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('T'));
    CHECK(is_hit(reader, "select n from t"));  // not committed: the old row is the right answer
    writer.says(query("commit"));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    writer.server(complete("COMMIT") + ready('I'));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("a rolled-back block costs nobody an entry") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('T'));
    writer.says(query("rollback")).server(complete("ROLLBACK") + ready('I'));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("every way to commit marks what the block wrote") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('T'));
    const auto* text = GENERATE("end", "commit and chain", "select 1; commit", "prepare transaction 'x'", "this is not sql");
    writer.says(query(text));
    const bool commits = std::string_view(text) != "prepare transaction 'x'";
    if (commits) CHECK_FALSE(is_hit(reader, "select n from t"));
    else SUCCEED("a prepared transaction commits later, by COMMIT PREPARED");
}

TEST_CASE("a pipelined write is marked at once, whatever block the server may be in") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(query("begin") + query("update t set n = 2") + query("commit"));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    writer.server(complete("BEGIN") + ready('T') + complete("UPDATE 1") + ready('T'));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    writer.server(complete("COMMIT") + ready('I'));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("an extended write is marked before its Execute is sent") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(parse("w", "update t set n = $1") + sync_message()).server(std::string(protocol::kParseComplete) + ready('I'));
    CHECK(is_hit(reader, "select n from t"));
    writer.says(bind("", "w", {Bytes("2")}) + execute("") + sync_message());
    CHECK_FALSE(is_hit(reader, "select n from t"));
    writer.server(std::string(protocol::kBindComplete) + complete("UPDATE 1") + ready('I'));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("a write under a prepared name that nobody knows may be of anything") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(bind("", "made by PREPARE") + execute("") + sync_message());
    CHECK_FALSE(is_hit(reader, "select n from t"));
}

TEST_CASE("foreign-key actions and views lead to the tables behind them") {
    World world;
    Client writer(world), reader(world);
    SECTION("delete cascades to the referencing table") {
        warm(reader, "select n from child", "1");
        writer.says(query("delete from t where n = 1")).server(complete("DELETE 1") + ready('I'));
        CHECK_FALSE(is_hit(reader, "select n from child"));
    }
    SECTION("an insert does not") {
        warm(reader, "select n from child", "1");
        writer.says(query("insert into t values (1)")).server(complete("INSERT 0 1") + ready('I'));
        CHECK(is_hit(reader, "select n from child"));
    }
    SECTION("a view's reader hears of its table") {
        warm(reader, "select n from v", "1");
        writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('I'));
        CHECK_FALSE(is_hit(reader, "select n from v"));
    }
}

TEST_CASE("LOCK and TRUNCATE hold their table from the statement to the end of the block") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    writer.says(query("truncate t")).server(complete("TRUNCATE TABLE") + ready('T'));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    writer.says(query("rollback")).server(complete("ROLLBACK") + ready('I'));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("DDL makes the facts old: nothing is served until new ones are there") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    writer.says(query("alter table t add x int")).server(complete("ALTER TABLE") + ready('I'));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK(world.bypasses(rules::Reason::no_catalogue) == 2);
    CHECK(world.database().facts_wanted());
    CHECK(world.publish_catalogue());
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("statements that are sent without facts are judged when there are some") {
    World world;
    Client reader(world), other(world);
    world.database().counters().catalogue.move();
    world.database().begin_load();
    SECTION("harmless ones do not keep the facts from becoming valid, and nothing is kept while they run") {
        reader.says(query("select n from t"));
        CHECK(cache::Counter::is_in_flight(world.database().counters().any.load()));
        CHECK(world.publish_catalogue());
        reader.server(answer("1"));
        CHECK_FALSE(is_hit(other, "select n from u"));
        CHECK(is_hit(other, "select n from u"));
    }
    SECTION("one that may run DDL does, until it is over before a load begins") {
        reader.says(query("select opaque()"));
        CHECK_FALSE(world.publish_catalogue());
        reader.server(answer("1"));
        CHECK_FALSE(world.publish_catalogue());  // it ended after this load began
        world.database().begin_load();
        CHECK(world.publish_catalogue());
    }
    SECTION("in a block it is over when the block is") {
        reader.says(query("begin")).server(complete("BEGIN") + ready('T')).says(query("select opaque()")).server(answer("1", 'T'));
        world.database().begin_load();
        CHECK_FALSE(world.publish_catalogue());
        reader.says(query("commit")).server(complete("COMMIT") + ready('I'));
        world.database().begin_load();
        CHECK(world.publish_catalogue());
    }
    SECTION("what it did to its own session counts once it is known") {
        reader.says(query("select opaque()")).server(answer("1"));
        world.database().begin_load();
        CHECK(world.publish_catalogue());
        reader.server_got();
        reader.says(query("select n from t"));
        const auto asked = reader.server_got();
        CHECK(asked.find("current_schemas") != std::string::npos);
        CHECK(asked.find("pg_try_advisory_lock_shared") != std::string::npos);
    }
    SECTION("a connection lost in the middle leaves the catalogue in flight") {
        {
            Client lost(world);
            lost.says(query("select opaque()"));
        }
        CHECK(cache::Counter::is_in_flight(world.database().counters().catalogue.load()));
        world.outcomes.tickets.front().end();
        CHECK_FALSE(cache::Counter::is_in_flight(world.database().counters().catalogue.load()));
    }
}

TEST_CASE("a write analysed before DDL committed moves everything at its COMMIT") {
    World world;
    Client writer(world), owner(world), reader(world);
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    writer.says(query("update u set n = 2")).server(complete("UPDATE 1") + ready('T'));
    // A trigger that writes t is created on u meanwhile; the writer's statements know nothing of it.
    owner.says(query("create trigger x after update on u execute function f()")).server(complete("CREATE TRIGGER") + ready('I'));
    world.publish_catalogue();
    warm(reader, "select n from t", "1");
    writer.says(query("commit"));
    CHECK_FALSE(is_hit(reader, "select n from t"));
}

TEST_CASE("DDL does not end its mark on the catalogue before the writes that were under way") {
    World world;
    Client writer(world), owner(world);
    writer.says(query("update u set n = 2"));  // sent, marked, not answered
    owner.says(query("alter table t add x int")).server(complete("ALTER TABLE") + ready('I'));
    const auto& catalogue = world.database().counters().catalogue;
    CHECK(cache::Counter::is_in_flight(catalogue.load()));
    writer.server(complete("UPDATE 1") + ready('I'));
    CHECK_FALSE(cache::Counter::is_in_flight(catalogue.load()));
}

TEST_CASE("a connection lost while a write is in flight keeps its marks until the backend is known to be gone") {
    World world;
    Client reader(world);
    warm(reader, "select n from t", "1");
    {
        Client writer(world);
        writer.says(query("update t set n = 2"));
    }
    REQUIRE(world.outcomes.tickets.size() == 1);
    CHECK(world.outcomes.pids.front() == 7);
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK_FALSE(is_hit(reader, "select n from t"));
    world.outcomes.tickets.front().end();
    CHECK_FALSE(is_hit(reader, "select n from t"));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("VACUUM and ANALYZE cost nobody an entry") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    const auto* text = GENERATE("vacuum t", "analyze t", "create index on t (n)", "reindex table t");
    writer.says(query(text)).server(complete("OK") + ready('I'));
    CHECK(is_hit(reader, "select n from t"));
}

TEST_CASE("code that is not understood moves everything") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from t", "1");
    const auto* text = GENERATE("do 'begin end'", "call p()", "select unknown_function()", "execute x", "commit prepared 'x'", "not sql at all", "select 1; update t set n = 2");
    writer.says(query(text));
    CHECK_FALSE(is_hit(reader, "select n from t"));
}

TEST_CASE("without facts, however many statements leave the catalogue alone, and the session is asked for its settings when facts come") {
    World world;
    Client client(world);
    auto& counters = world.database().counters();
    counters.catalogue.move();  // the facts are old
    const auto before = counters.catalogue.load();
    for (int i = 0; i < 3000; ++i) client.says(query("select n from t where n = " + std::to_string(i))).server(answer("1"));
    CHECK(counters.catalogue.load() == before);
    client.server_got();
    world.database().begin_load();
    REQUIRE(world.publish_catalogue());
    client.says(query("select n from t"));
    CHECK(client.server_got().find("current_schemas") != std::string::npos);
}

TEST_CASE("a statement that repeats itself while the catalogue is read is judged once, whatever else comes between") {
    World world;
    auto& database = world.database();
    database.counters().catalogue.move();
    std::uint64_t generation = 0;
    database.facts(&generation);
    const auto env = std::make_shared<rules::SessionEnv>();
    env->search_path = env->schemas = {"pg_catalog", "public"};
    const auto statement = [&](const char* text, bool is_over) {
        const auto kept = world.memo.find(text, true);
        auto entry = std::make_shared<Unjudged>();
        entry->facts = std::shared_ptr<const sql::TextFacts>(kept, &kept->facts());
        entry->text = kept->text();
        entry->env = env;
        entry->ended = is_over;
        return database.add_unjudged(entry, generation);
    };
    database.begin_load();
    for (int i = 0; i < 50'000; ++i) REQUIRE(statement(i == 5000 ? "select opaque()" : i % 2 != 0 ? "select n from t" : "select n from u", true) == Registered::yes);
    CHECK_FALSE(world.publish_catalogue());  // the call is remembered
    database.begin_load();
    CHECK(world.publish_catalogue());        // and was over before this load
}

TEST_CASE("going back to a savepoint leaves the environment known if nothing has changed it") {
    World world;
    Client writer(world);
    const auto opaque_marks = [&] { return world.context.metrics.opaque_marks.value(); };
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('T'));
    writer.says(query("savepoint a")).server(complete("SAVEPOINT") + ready('T'));
    const bool is_set = GENERATE(false, true);
    if (is_set) writer.says(query("set local search_path = other")).server(complete("SET") + ready('T'));
    writer.says(query("rollback to a")).server(complete("ROLLBACK") + ready('T'));
    writer.says(query("select n from t")).server(answer("2", 'T'));
    const auto before = opaque_marks();
    writer.says(query("commit")).server(complete("COMMIT") + ready('I'));
    CHECK(opaque_marks() - before == (is_set ? 1 : 0));
}
