// Blocks whose BEGIN Larder answers: what they spare the server, and that nobody can tell them from real ones.
#include "conversation.h"

#include "proxy/session/deferred_block.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

const std::string kBegun = complete("BEGIN") + ready('T');
const std::string kRead = "select n from t";
// What the server sees of a BEGIN that is made real, and says.
constexpr auto kBeginTypes = "PBECC";
const std::string kBeginAnswer = std::string("1\0\0\0\4" "2\0\0\0\4", 10) + complete("BEGIN") + std::string("3\0\0\0\4" "3\0\0\0\4", 10);

struct Deferring : World {
    Deferring() { context.deferred_begin = true; }
};

// The read is in the cache afterwards, and nothing is left to look at.
void warm(Client& client) {
    client.says(query(kRead)).server(answer("1"));
    client.got();
    client.server_got();
}

// Everything that was said so far had no need of a server.
void check_untouched(Client& client) { CHECK(client.server_got().empty()); }

}  // namespace

TEST_CASE("a block of hits touches no server, by simple queries") {
    Deferring world;
    Client client(world);
    warm(client);
    const auto* begin = GENERATE("begin", "BEGIN;", "start transaction", "begin isolation level read committed", "begin read only", "begin work /* a comment */");
    const auto [end, tag] = GENERATE(std::pair("commit", "COMMIT"), std::pair("end", "COMMIT"), std::pair("rollback", "ROLLBACK"), std::pair("abort", "ROLLBACK"));
    client.says(query(begin)).says(query(kRead)).says(query(kRead)).says(query(end));
    const auto* begun = Bytes(begin).starts_with("start") ? "START TRANSACTION" : "BEGIN";
    CHECK(client.got() == complete(begun) + ready('T') + answer("1", 'T') + answer("1", 'T') + complete(tag) + ready('I'));
    check_untouched(client);
    CHECK(world.hits() == 2);
    CHECK(world.context.metrics.deferred_begins.value() == 1);
    CHECK(world.context.metrics.deferred_begins_made_real.value() == 0);
}

TEST_CASE("a block of hits touches no server, by batches") {
    Deferring world;
    Client client(world);
    const auto read = parse("", kRead) + bind("", "") + describe(protocol::Target::portal, "") + execute("") + sync_message();
    client.says(read).server(std::string("1\0\0\0\4" "2\0\0\0\4", 10) + answer("1"));
    client.got();
    client.server_got();
    const auto batch = [](Bytes text) { return parse("", text) + bind("", "") + describe(protocol::Target::portal, "") + execute("") + sync_message(); };
    client.says(batch("begin"));
    CHECK(client.got() == std::string("1\0\0\0\4" "2\0\0\0\4" "n\0\0\0\4", 15) + kBegun);
    client.says(read).says(batch("commit"));
    CHECK(types_of(client.got()) == "12TDCZ12nCZ");
    check_untouched(client);
}

TEST_CASE("a COMMIT with a row limit, as JDBC's, ends a block of hits; a read with one makes it real") {
    Deferring world;
    Client client(world);
    const auto prepared = parse("c", "COMMIT") + sync_message();
    client.says(prepared).server(std::string("1\0\0\0\4", 5) + ready('I'));
    warm(client);
    const auto limited = [](const std::string& statement, int rows) {
        std::string execute_message;
        protocol::Execute{"", rows}.append_to(execute_message);
        return test::bind("", statement) + execute_message + sync_message();
    };
    client.says(query("begin")).says(query(kRead));
    client.got();
    SECTION("COMMIT") {
        client.says(limited("c", 1));
        CHECK(client.got() == std::string("2\0\0\0\4", 5) + complete("COMMIT") + ready('I'));
        check_untouched(client);
    }
    SECTION("a read") {
        client.says(parse("", kRead) + limited("", 1));
        CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "PBES");
    }
}

TEST_CASE("BEGIN's messages before those of the first statement, with one Sync for both") {
    Deferring world;
    Client client(world);
    const auto read = parse("", kRead) + bind("", "") + describe(protocol::Target::portal, "") + execute("") + sync_message();
    client.says(read).server(std::string("1\0\0\0\4" "2\0\0\0\4", 10) + answer("1"));
    client.got();
    client.server_got();
    const auto begin = parse("", "BEGIN") + bind("", "") + execute("");
    SECTION("a hit") {
        client.says(begin + read);
        CHECK(client.got() == std::string("1\0\0\0\4" "2\0\0\0\4", 10) + complete("BEGIN") + std::string("1\0\0\0\4" "2\0\0\0\4", 10) + answer("1", 'T'));
        check_untouched(client);
    }
    SECTION("a miss: both go to the server in one write") {
        client.says(begin + parse("", "select m from t") + bind("", "") + describe(protocol::Target::portal, "") + execute("") + sync_message());
        CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "PBDES");
        client.server(kBeginAnswer + std::string("1\0\0\0\4" "2\0\0\0\4", 10) + answer("7", 'T'));
        CHECK(types_of(client.got()) == "12C12TDCZ");
    }
    SECTION("of a session whose settings are not known: they are asked for first") {
        client.says(query("set search_path = public")).server(complete("SET") + ready('I'));
        client.got();
        client.server_got();
        client.says(begin + read);
        CHECK(client.got().empty());
        client.answer_set_up();
        CHECK(client.got() == std::string("1\0\0\0\4" "2\0\0\0\4", 10) + complete("BEGIN") + std::string("1\0\0\0\4" "2\0\0\0\4", 10) + answer("1", 'T'));
        check_untouched(client);
    }
    SECTION("alone with a Flush it is the server's") {
        client.says(begin + std::string(protocol::kFlush));
        CHECK(types_of(client.server_got()) == "PBEH");
    }
}

TEST_CASE("what is no hit makes the block real first, in the same write") {
    Deferring world;
    Client client(world);
    warm(client);
    client.says(query("begin")).says(query(kRead));
    client.got();
    check_untouched(client);
    const auto* text = GENERATE("select m from t", "insert into u values (1)", "savepoint a", "set search_path = public", "show work_mem", "begin", "commit and chain", "rollback to a", "copy t from stdin");
    client.says(query(text));
    const auto sent = client.server_got();
    CHECK(types_of(sent) == std::string(kBeginTypes) + "Q");
    CHECK(sent.find("begin") != std::string::npos);
    client.server(kBeginAnswer + complete("OK") + ready('T'));
    CHECK(client.got() == complete("OK") + ready('T'));
    CHECK(world.context.metrics.deferred_begins_made_real.value() == 1);
    client.says(query("commit"));
    CHECK(types_of(client.server_got()) == "Q");  // the server's now
}

TEST_CASE("a write in a block that was deferred is marked until the block ends") {
    Deferring world;
    Client writer(world), reader(world);
    warm(reader);
    writer.says(query("begin")).says(query("update t set n = 2"));
    writer.server(kBeginAnswer + complete("UPDATE 1") + ready('T'));
    reader.says(query(kRead));
    CHECK(world.hits() == 1);  // not committed yet
    reader.got();
    writer.says(query(kRead));
    CHECK(types_of(writer.server_got()) == std::string(kBeginTypes) + "QQ");  // its own write is seen
    writer.server(answer("2", 'T')).says(query("commit"));
    reader.says(query(kRead));
    CHECK(world.hits() == 1);
    CHECK(reader.server_got() == query(kRead));
    reader.server(answer("1"));
    writer.server(complete("COMMIT") + ready('I'));
    reader.says(query(kRead));
    CHECK(reader.server_got() == query(kRead));
}

TEST_CASE("what is asked piecewise makes the block real as well") {
    Deferring world;
    Client client(world);
    warm(client);
    client.says(query("begin"));
    const auto piece = GENERATE(parse("s", kRead), sync_message(), std::string(protocol::kFlush), close(protocol::Target::statement, "s"), describe(protocol::Target::statement, "s"));
    client.says(piece);
    CHECK(types_of(client.server_got()) == kBeginTypes + types_of(piece));
}

TEST_CASE("blocks of other kinds begin at once") {
    Deferring world;
    Client client(world);
    warm(client);
    const auto* begin = GENERATE("begin isolation level repeatable read", "begin isolation level serializable", "begin; select 1", "commit", "rollback");
    client.says(query(begin));
    CHECK(client.server_got() == query(begin));
}

TEST_CASE("after a hit a change of the block's modes meets a query, as it would have") {
    Deferring world;
    Client client(world);
    warm(client);
    client.says(query("begin")).says(query(kRead));
    client.got();
    SECTION("by a query") {
        client.says(query("set transaction isolation level serializable"));
        CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "PBECCSQ");
        client.server(kBeginAnswer + data_row("1") + complete("SELECT 1") + ready('T') + error("25001", "must be called before any query") + ready('E'));
        CHECK(types_of(client.got()) == "EZ");
    }
    SECTION("by a batch") {
        client.says(parse("", "set transaction isolation level serializable") + bind("", "") + execute("") + sync_message());
        CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "PBECCSPBES");
    }
    SECTION("by a BEGIN inside of the block, which sets modes as well") {
        client.says(query("begin isolation level serializable"));
        CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "PBECCSQ");
    }
    SECTION("piecewise") {
        client.says(parse("", "set transaction isolation level serializable"));
        CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "PBECCSP");
    }
}

TEST_CASE("a block that begins by AND CHAIN has had no hit yet") {
    Deferring world;
    Client client(world);
    warm(client);
    client.says(query("begin")).says(query(kRead)).says(query("rollback and chain"));
    CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "Q");
    client.server(kBeginAnswer + complete("ROLLBACK") + ready('T'));
    client.got();
    client.says(query("set transaction isolation level serializable"));
    CHECK(types_of(client.server_got()) == "Q");
}

TEST_CASE("without a hit a change of the block's modes is the block's first statement") {
    Deferring world;
    Client client(world);
    client.says(query("begin")).says(query("set transaction isolation level serializable"));
    CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "Q");
}

TEST_CASE("a notification waits until the block ends, real or not") {
    Deferring world;
    Client client(world);
    warm(client);
    const std::string notification("A\0\0\0\x0c\0\0\0\1c\0p\0", 13);
    client.says(query("begin"));
    client.server(notification);
    SECTION("not real") {
        client.says(query("commit"));
        CHECK(client.got() == kBegun + complete("COMMIT") + notification + ready('I'));
    }
    SECTION("real") {
        client.says(query("select m from t")).server(kBeginAnswer + answer("7", 'T')).says(query("commit")).server(complete("COMMIT") + ready('I'));
        CHECK(client.got() == kBegun + answer("7", 'T') + complete("COMMIT") + notification + ready('I'));
    }
}

TEST_CASE("a BEGIN that fails ends the session, and nothing behind it has run") {
    Deferring world;
    Client client(world);
    client.says(query("begin")).says(query("insert into t values (1)"));
    client.got();
    client.server(error("57014", "canceling statement due to user request"));
    const auto got = client.got();
    CHECK(types_of(got) == "E");
    CHECK(got.find("57014") != std::string::npos);
    CHECK(got.find("FATAL") != std::string::npos);
    CHECK(client.needs.close_client);
}

TEST_CASE("SET LOCAL of Larder's own settings ends with the block") {
    Deferring world;
    Client client(world);
    warm(client);
    client.says(query("begin")).says(query("set local larder.cache = off")).says(query("rollback"));
    client.got();
    client.says(query("show larder.cache"));
    CHECK(client.got().find("on") != std::string::npos);
    check_untouched(client);
}

TEST_CASE("with the cache off for the session, or the switch off, BEGIN goes to the server") {
    Deferring world;
    Client client(world);
    SECTION("session") {
        client.says(query("set larder.cache = off"));
        client.got();
    }
    SECTION("switch") { world.context.deferred_begin = false; }
    SECTION("nothing is served") { world.upstream.set_not_serving(rules::Reason::no_upstream); }
    client.says(query("begin"));
    CHECK(client.server_got() == query("begin"));
}

TEST_CASE("a client that leaves a block that was never real leaves nothing behind") {
    Deferring world;
    Client client(world);
    warm(client);
    client.says(query("begin")).says(query(kRead)).says(std::string("X\0\0\0\4", 5));
    CHECK(types_of(client.server_got()) == "X");
    CHECK(world.outcomes.tickets.empty());
}

TEST_CASE("a block that is idle for too long is ended as PostgreSQL would") {
    const auto [text, limit_us] = GENERATE(std::pair("0", 0), std::pair("250ms", 250'000), std::pair("2s", 2'000'000), std::pair("5min", 300'000'000), std::pair("1000", 1'000'000), std::pair("nonsense", 0));
    rules::SessionEnv env;
    env.settings = {{"idle_in_transaction_session_timeout", text}};
    CHECK(idle_in_transaction_us(env) == limit_us);
}

TEST_CASE("a block that is not real holds no locks, and may wait for another session's miss") {
    Deferring world;
    Client leader(world), client(world);
    client.says(query("begin"));
    client.got();
    leader.says(query(kRead));
    client.says(query(kRead));
    check_untouched(client);
    SECTION("which is answered") {
        leader.server(answer("1"));
        client.deliver_flights();
        client.says("");
        CHECK(client.got() == answer("1", 'T'));
        check_untouched(client);
    }
    SECTION("or cancelled: the block has failed, real or not") {
        client.event([&](Outputs& out) { client.session->on_cancel(out); });
        client.says("");
        CHECK(types_of(client.got()) == "EZ");
        const bool commits = GENERATE(true, false);
        if (commits) {
            client.says(query("commit"));
            CHECK(client.got() == complete("ROLLBACK") + ready('I'));
            check_untouched(client);
        } else {
            client.says(query(kRead));
            CHECK(types_of(client.server_got()) == std::string(kBeginTypes) + "PBECCSQ");
        }
    }
}
