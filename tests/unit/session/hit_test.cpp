// What is served from the cache, in which shape, and that the client cannot tell.
#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;
using protocol::Target;

namespace {

// One client fetches `text`, so that the next read of it can be a hit.
void warm(Client& client, const std::string& text, Bytes value) {
    client.says(query(text));
    REQUIRE(client.server_got() == query(text));
    client.server(answer(value));
    REQUIRE(client.got() == answer(value));
}

}  // namespace

TEST_CASE("a repeated simple read is answered without the server") {
    World world;
    Client client(world);
    client.split_bytes = GENERATE(false, true);
    warm(client, "select n from t", "1");
    client.says(query("select n from t"));
    CHECK(client.server_got().empty());
    CHECK(client.got() == answer("1"));
    CHECK(world.hits() == 1);
}

TEST_CASE("another session of the same role and settings is served, one of another role or search_path is not") {
    World world;
    Client first(world);
    warm(first, "select n from t", "1");
    Client same(world);
    same.says(query("select n from t"));
    CHECK(same.got() == answer("1"));

    Client other(world, false);
    other.current_user = "other";
    Client moved(world, false);
    moved.search_path = "{pg_catalog,elsewhere}";
    // Their environments are read again after a SET, which is when the changed values come back.
    Client changing(world);
    changing.current_user = "other";
    changing.says(query("set role other"));
    CHECK(changing.server_got() == query("set role other"));
    changing.server(complete("SET") + ready('I'));
    changing.got();
    changing.says(query("select n from t"));
    changing.answer_set_up();
    CHECK(changing.server_got() == query("select n from t"));
    CHECK(world.hits() == 1);
}

TEST_CASE("an extended read is served in every shape that a driver sends") {
    World world;
    Client client(world);
    const auto unnamed = parse("", "select n from t where n = $1") + bind("", "", {Bytes("5")}) + describe(Target::portal, "") + execute("") + sync_message();
    client.says(unnamed);
    CHECK(client.server_got() == unnamed);
    const std::string reply = std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete) + row_description("n") + data_row("5") + complete("SELECT 1") + ready('I');
    client.server(reply);
    CHECK(client.got() == reply);

    client.says(unnamed);
    CHECK(client.server_got().empty());
    CHECK(client.got() == reply);
    CHECK(world.hits() == 1);

    SECTION("without Describe no RowDescription comes") {
        client.says(parse("", "select n from t where n = $1") + bind("", "", {Bytes("5")}) + execute("") + sync_message());
        CHECK(types_of(client.got()) == "12DCZ");
    }
    SECTION("another parameter is another answer") {
        client.says(parse("", "select n from t where n = $1") + bind("", "", {Bytes("6")}) + execute("") + sync_message());
        CHECK(types_of(client.server_got()) == "PBES");
    }
    SECTION("another result format is another answer") {
        client.says(parse("", "select n from t where n = $1") + bind("", "", {Bytes("5")}, {1}) + execute("") + sync_message());
        CHECK(types_of(client.server_got()) == "PBES");
    }
    SECTION("Close of the portal is answered too") {
        client.says(bind("", "", {Bytes("5")}) + execute("") + close(Target::portal, "") + sync_message());
        CHECK(types_of(client.got()) == "2DC3Z");
    }
    SECTION("the unnamed statement whose Parse never left Larder is sent when a miss needs it") {
        client.says(bind("", "", {Bytes("9")}) + execute("") + sync_message());
        CHECK(types_of(client.server_got()) == "PBES");
        client.server(std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete) + data_row("9") + complete("SELECT 1") + ready('I'));
        CHECK(types_of(client.got()) == "2DCZ");
    }
    SECTION("a row limit goes to the server") {
        client.says(parse("", "select n from t where n = $1") + bind("", "", {Bytes("5")}) + execute("", 1) + sync_message());
        CHECK(types_of(client.server_got()) == "PBES");
    }
}

TEST_CASE("a batch that trickles in is forwarded message by message, and answered the same") {
    World world;
    Client client(world);
    client.split_bytes = true;
    const auto batch = parse("", "select n from t") + bind("", "") + execute("") + sync_message();
    const std::string reply = std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete) + data_row("5") + complete("SELECT 1") + ready('I');
    for (int i = 0; i < 2; ++i) {
        client.says(batch);
        CHECK(client.server_got() == batch);
        client.server(reply);
        CHECK(client.got() == reply);
    }
}

TEST_CASE("a simple Query drops the unnamed statement, also when it is a hit") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    client.says(parse("", "select n from u") + sync_message());
    CHECK(types_of(client.server_got()) == "PS");
    client.server(std::string(protocol::kParseComplete) + ready('I'));
    client.says(query("select n from t"));
    CHECK(client.server_got().empty());
    client.says(bind("", "") + execute("") + sync_message());
    // The server still has the statement that the session has not: it is closed first, so that the Bind fails there.
    CHECK(types_of(client.server_got()) == "CBES");
}

TEST_CASE("simple and extended text reads share one entry, binary ones have their own") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    client.says(parse("", "select n from t") + bind("", "") + describe(Target::portal, "") + execute("") + sync_message());
    CHECK(types_of(client.got()) == "12TDCZ");
    client.says(parse("", "select n from t") + bind("", "", {}, {1}) + execute("") + sync_message());
    CHECK(types_of(client.server_got()) == "PBES");
}

TEST_CASE("a pipelined read is forwarded while an answer is owed, and served when none is") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    client.says(query("select n from u") + query("select n from t"));
    CHECK(client.server_got() == query("select n from u") + query("select n from t"));
    client.server(answer("2") + answer("1"));
    CHECK(client.got() == answer("2") + answer("1"));
    CHECK(world.hits() == 0);
    client.says(query("select n from t") + query("select n from u"));
    CHECK(client.got() == answer("1") + answer("2"));
    CHECK(world.hits() == 2);
}

TEST_CASE("what carries a notice, an error, or is too large is not kept") {
    World world;
    Client client(world);
    SECTION("notice") {
        std::string notice;
        protocol::append_notice(notice, {protocol::severity::kNotice, "00000", "look"});
        client.says(query("select n from t")).server(row_description("n") + notice + data_row("1") + complete("SELECT 1") + ready('I'));
        CHECK(types_of(client.got()) == "TNDCZ");
    }
    SECTION("error after rows") {
        client.says(query("select n from t")).server(row_description("n") + data_row("1") + error("22012", "division by zero") + ready('I'));
        CHECK(types_of(client.got()) == "TDEZ");
    }
    SECTION("larger than an entry may be") {
        const std::string row = data_row(std::string(600'000, 'x'));
        client.says(query("select n from t")).server(row_description("n") + row + row + complete("SELECT 2") + ready('I'));
        CHECK(types_of(client.got()) == "TDDCZ");
        CHECK(world.bypasses(rules::Reason::too_large) == 1);
    }
    client.server_got();
    client.says(query("select n from t"));
    CHECK(client.server_got() == query("select n from t"));
    CHECK(world.hits() == 0);
}

TEST_CASE("in a READ COMMITTED block reads are served until it writes") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    client.says(query("begin")).server(complete("BEGIN") + ready('T'));
    client.says(query("select n from t"));
    client.server_got();
    CHECK(client.got() == complete("BEGIN") + ready('T') + answer("1", 'T'));
    client.says(query("update u set n = 2")).server(complete("UPDATE 1") + ready('T'));
    client.server_got();
    client.says(query("select n from t"));
    CHECK(client.server_got() == query("select n from t"));
    CHECK(world.bypasses(rules::Reason::transaction_wrote) == 1);
}

TEST_CASE("REPEATABLE READ and SERIALIZABLE blocks, and blocks begun in a longer text, are never served") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    const auto* begin = GENERATE("begin isolation level repeatable read", "begin; select 1", "start transaction isolation level serializable");
    client.says(query(begin)).server(complete("BEGIN") + ready('T'));
    client.server_got();
    client.says(query("select n from t"));
    CHECK(client.server_got() == query("select n from t"));
    CHECK(world.hits() == 0);
}

TEST_CASE("after a hit in a block a change of its modes meets a query, as it would have") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    client.says(query("begin")).server(complete("BEGIN") + ready('T')).says(query("select n from t"));
    client.server_got();
    client.got();
    client.says(query("set transaction isolation level serializable"));
    CHECK(types_of(client.server_got()) == "PBECCSQ");
    client.server(data_row("1") + complete("SELECT 1") + ready('T') + error("25001", "must be called before any query") + ready('E'));
    CHECK(types_of(client.got()) == "EZ");
}

TEST_CASE("a failed block is the server's to refuse") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    client.says(query("begin")).server(complete("BEGIN") + ready('T')).says(query("select 1/0")).server(error("22012", "division by zero") + ready('E'));
    client.server_got();
    client.says(query("select n from t"));
    CHECK(client.server_got() == query("select n from t"));
}

TEST_CASE("nothing is served while there is no control connection, or the server is another one") {
    World world;
    Client client(world);
    warm(client, "select n from t", "1");
    SECTION("no control connection") { world.upstream.set_not_serving(rules::Reason::no_upstream); }
    SECTION("a new incarnation that this connection does not belong to") {
        world.upstream.counters.server.move();
        world.upstream.set_instance_number(43);
        world.publish_catalogue();
        client.has_instance_lock = "f";
        const auto before = world.upstream.counters.server.load();
        client.says(query("select n from t"));
        client.answer_set_up();
        CHECK(world.upstream.counters.server.load() != before);
        CHECK(world.upstream.take_foreign_server());
        client.server(answer("1"));
        client.got();
    }
    client.says(query("select n from t"));
    CHECK(world.hits() == 0);
}

TEST_CASE("the answer has the session's own transaction status, not that of the session that filled it") {
    World world;
    Client filler(world);
    filler.says(query("begin")).server(complete("BEGIN") + ready('T')).says(query("select n from t")).server(answer("1", 'T'));
    Client reader(world);
    reader.says(query("select n from t"));
    CHECK(reader.got() == answer("1", 'I'));
}

TEST_CASE("a prepared statement is not served across DDL before the server has accepted it again") {
    World world;
    Client client(world), other(world);
    client.says(parse("s", "select n from t") + sync_message()).server(std::string(protocol::kParseComplete) + ready('I'));
    const auto use = bind("", "s") + execute("") + sync_message();
    const std::string reply = std::string(protocol::kBindComplete) + data_row("1") + complete("SELECT 1") + ready('I');
    client.says(use).server(reply).says(use);
    REQUIRE(world.hits() == 1);
    world.database().counters().catalogue.move();
    REQUIRE(world.publish_catalogue());
    // Another session fills the cache under the new schema; this one's statement may no longer be allowed.
    other.says(query("select n from t")).server(answer("1"));
    client.got();
    client.server_got();
    client.says(use);
    CHECK(types_of(client.server_got()) == "BES");
    SECTION("it is refused, again and again") {
        client.server(std::string(protocol::kBindComplete) + error("0A000", "cached plan must not change result type") + ready('I'));
        client.says(use);
        CHECK(types_of(client.server_got()) == "BES");
    }
    SECTION("it is accepted") {
        client.server(reply).says(use);
        CHECK(client.server_got().empty());
        CHECK(world.hits() == 2);
    }
}

TEST_CASE("Describe of the statement inside a batch is served once its answer is known") {
    World world;
    Client client(world);
    const auto batch = parse("", "select n from t") + describe(Target::statement, "") + bind("", "") + execute("") + sync_message();
    std::string described;
    protocol::append_parameter_description(described, {});
    described += row_description("n");
    const std::string reply = std::string(protocol::kParseComplete) + described + std::string(protocol::kBindComplete) + data_row("1") + complete("SELECT 1") + ready('I');
    for (int i = 0; i < 2; ++i) {
        client.says(batch);
        CHECK(client.server_got() == batch);
        client.server(reply);
        CHECK(client.got() == reply);
    }
    client.says(batch);
    CHECK(client.got() == reply);
    CHECK(world.hits() == 1);
}

TEST_CASE("a parameter that names the present is not served") {
    World world;
    Client client(world);
    const auto* value = GENERATE("today", " NOW ", "tomorrow");
    const auto batch = parse("", "select n from t where n = $1") + bind("", "", {Bytes(value)}) + execute("") + sync_message();
    for (int i = 0; i < 2; ++i) client.says(batch).server(std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete) + complete("SELECT 0") + ready('I'));
    CHECK(world.hits() == 0);
    CHECK(world.bypasses(rules::Reason::time_dependent) == 2);
}
