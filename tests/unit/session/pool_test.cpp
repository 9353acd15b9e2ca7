// The pooled modes: when a server connection is given back, what keeps it, and what is said to the next one first.
#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;
using namespace std::string_literals;
using protocol::Target;

namespace {

struct PooledWorld : World {
    explicit PooledWorld(PoolMode mode = PoolMode::automatic) { context.pool_mode = mode; }
};

// The connection that a client has just given back.
std::unique_ptr<ServerLink> released(Client& client) {
    REQUIRE(client.needs.release_server);
    client.needs = {};
    return client.session->take_link();
}

// One that another client has used, with these settings on it.
std::unique_ptr<ServerLink> foreign_link(Settings settings) {
    auto link = std::make_unique<ServerLink>();
    link->verified_number = link->asked_number = 42;
    link->is_own = false;
    link->settings = std::make_shared<const Settings>(std::move(settings));
    return link;
}

void lend(Client& client, std::unique_ptr<ServerLink> link) {
    REQUIRE(client.needs.acquire_server);
    REQUIRE(client.session->awaits_server());
    client.needs = {};
    client.lend(std::move(link));
}

std::string own_answer(const std::string& rows) { return "1\0\0\0\4" "2\0\0\0\4"s + rows + complete("SELECT 1") + "3\0\0\0\4" "3\0\0\0\4"s + ready('I'); }

// The answer to the question about leftovers.
std::string leftovers(const std::vector<std::array<const char*, 3>>& rows) {
    std::string text;
    for (const auto& row : rows) {
        std::vector<protocol::ValueList::Value> values;
        for (const char* value : row) values.push_back(value ? protocol::ValueList::Value(Bytes(value)) : std::nullopt);
        protocol::append_data_row(text, values);
    }
    return own_answer(text);
}

bool asks_for_leftovers(const std::string& asked) { return asked.find("pg_listening_channels") != std::string::npos; }

std::string done(const char* tag, char status = 'I') { return complete(tag) + ready(status); }

}  // namespace

TEST_CASE("after its login and after each transaction a client gives its connection back") {
    PooledWorld world;
    Client client(world);
    client.split_bytes = GENERATE(false, true);
    auto link = released(client);
    CHECK(link->backend_pid == 7);
    client.says(query("select 1"));
    CHECK(client.session->is_paused());
    CHECK(client.server_got().empty());
    lend(client, std::move(link));
    client.says("");
    CHECK(types_of(client.server_got()) == "Q");
    client.server(answer("1"));
    CHECK(client.got() == answer("1"));
    link = released(client);
    SECTION("a hit needs none") {
        client.says(query("select n from t"));
        lend(client, std::move(link));
        client.says("");
        client.server(answer("5"));
        CHECK(world.context.metrics.stored.value() == 2);
        released(client);
        client.got();
        client.says(query("select n from t"));
        CHECK(client.got() == answer("5"));
        CHECK_FALSE(client.needs.acquire_server);
    }
}

TEST_CASE("a block keeps the connection, and so does a batch without its Sync") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    client.says(query("begin"));
    lend(client, std::move(link));
    client.says("").server(done("BEGIN", 'T'));
    CHECK_FALSE(client.needs.release_server);
    client.says(query("commit")).server(done("COMMIT"));
    link = released(client);
    client.says(parse("", "select 1") + bind("", "") + execute(""));
    lend(client, std::move(link));
    client.says("").server("1\0\0\0\4" "2\0\0\0\4"s + data_row("1") + complete("SELECT 1"));
    CHECK_FALSE(client.needs.release_server);
    client.says(sync_message()).server(ready('I'));
    released(client);
}

TEST_CASE("mode session never gives a connection back") {
    World world;
    Client client(world);
    client.says(query("select 1")).server(answer("1"));
    CHECK_FALSE(client.needs.release_server);
}

TEST_CASE("settings are read back once and set on the next connection before anything else") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    client.says(query("set work_mem = '8MB'"));
    lend(client, std::move(link));
    client.says("").server_got();
    client.server(done("SET"));
    CHECK(client.got() == done("SET"));
    CHECK(asks_for_leftovers(client.server_got()));
    CHECK_FALSE(client.needs.release_server);
    client.server(leftovers({{"s", "work_mem", "8192"}, {"r", "none", "app"}}));
    link = released(client);
    SECTION("not where they are already") {
        client.says(query("select 1"));
        lend(client, std::move(link));
        client.says("");
        CHECK(types_of(client.server_got()) == "Q");
    }
    SECTION("where another client's are, those are reset") {
        auto other = foreign_link({{"DateStyle", "German"}, {"role", "boss"}});
        client.says(query("select 1"));
        lend(client, std::move(other));
        const auto asked = client.server_got();
        CHECK(asked.find("RESET role") < asked.find("RESET DateStyle"));
        CHECK(asked.find("RESET DateStyle") < asked.find("set_config"));
        CHECK(asked.find("work_mem") != std::string::npos);
        client.says("");
        CHECK(client.server_got().empty());  // the statement waits until they are set
        client.server(own_answer("") + own_answer("") + own_answer(data_row("8MB")));
        client.says("");
        CHECK(types_of(client.server_got()) == "Q");
        CHECK(client.got().empty());
    }
    SECTION("a connection that refuses them is not used") {
        client.says(query("select 1"));
        lend(client, foreign_link({}));
        client.server_got();
        client.server(error("22023", "no") + ready('I'));
        CHECK(client.needs.close_server);
        CHECK(client.needs.acquire_server);
        CHECK(client.got().empty());
    }
}

TEST_CASE("ParameterStatus is the client's own, whatever happens to the connections") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    link->parameters["TimeZone"] = "UTC";
    client.says(query("select 1"));
    lend(client, std::move(link));
    CHECK(types_of(client.got()) == "S");  // this one is new to it
    client.says("").server(answer("1"));
    client.got();
    link = released(client);
    auto other = foreign_link({{"TimeZone", "Asia/Tokyo"}});
    other->parameters["TimeZone"] = "Asia/Tokyo";
    client.says(query("select 2"));
    lend(client, std::move(other));
    std::string status;
    protocol::ParameterStatus{"TimeZone", "UTC"}.append_to(status);
    client.server(status + own_answer(""));
    CHECK(client.got().empty());
}

TEST_CASE("what is seen to be left behind pins until it is gone") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    struct Case {
        const char* text;
        const char* tag;
        const char* row;
        const char* pin;
    };
    const auto [text, tag, row, pin] = GENERATE(Case{"listen a", "LISTEN", "l", "listen"}, Case{"select pg_advisory_lock(1)", "SELECT 1", "a", "advisory_lock"},
                                                Case{"create temp table x ()", "CREATE TABLE", "t", "temp_objects"},
                                                Case{"declare c cursor with hold for select n from t", "DECLARE CURSOR", "h", "cursor"});
    client.says(query(text));
    lend(client, std::move(link));
    client.says("");
    client.answer_set_up();
    client.says("").server_got();
    client.server(done(tag));
    CHECK(asks_for_leftovers(client.server_got()));
    client.server(leftovers({{row, nullptr, nullptr}, {"r", "none", "app"}}));
    CHECK_FALSE(client.needs.release_server);
    CHECK(client.session->pinned_by() == pin);
    client.says(query("select 1"));
    client.answer_set_up();
    client.server(answer("1"));
    CHECK_FALSE(client.needs.release_server);
    client.says(query("discard all"));
    client.answer_set_up();
    client.server(done("DISCARD ALL"));
    client.server(leftovers({{"r", "none", "app"}}));
    CHECK(client.session->pinned_by().empty());
    released(client);
}

TEST_CASE("what can be neither carried nor seen pins until the client leaves") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    const auto [text, pin] = GENERATE(std::pair{"select opaque()", "unknown_code"}, std::pair{"set a.b = 'c'", "custom_setting"},
                                      std::pair{"set local a.b = 'c'", "custom_setting"}, std::pair{"select setseed(0.5)", "session_function"},
                                      std::pair{"insert into t values (1)", "sequence"}, std::pair{"select lastval()", "sequence"},
                                      std::pair{"do $$begin end$$", "unknown_code"}, std::pair{"alter table t add m int", "unknown_code"});
    client.says(query(text));
    lend(client, std::move(link));
    client.says("");
    client.server(done("SET"));
    client.answer_set_up();
    CHECK_FALSE(client.needs.release_server);
    CHECK(client.session->pinned_by() == pin);
}

TEST_CASE("mode transaction trusts code and sequences, but not currval") {
    PooledWorld world(PoolMode::transaction);
    Client client(world);
    auto link = released(client);
    SECTION("nextval") {
        client.says(query("insert into t values (1)"));
        lend(client, std::move(link));
        client.says("").server(done("INSERT 0 1"));
        released(client);
    }
    SECTION("currval") {
        client.says(query("select currval('s')"));
        lend(client, std::move(link));
        client.says("").server(answer("1"));
        CHECK(client.session->pinned_by() == "sequence");
    }
}

TEST_CASE("mode statement ends a session that opens a block") {
    PooledWorld world(PoolMode::statement);
    Client client(world);
    auto link = released(client);
    client.says(query("begin"));
    lend(client, std::move(link));
    client.says("").server(done("BEGIN", 'T'));
    CHECK(client.needs.close_client);
    CHECK(client.needs.close_server);
}

TEST_CASE("prepared statements keep their names on every connection") {
    PooledWorld world;
    Client client(world), other(world);
    auto link = released(client), others = released(other);
    client.says(parse("a", "select n from t where n = 1") + sync_message());
    lend(client, std::move(link));
    client.says("").server("1\0\0\0\4"s + ready('I'));
    link = released(client);
    client.got();
    client.server_got();
    const auto use = bind("", "a") + execute("") + sync_message();
    world.context.upstream.set_not_serving(rules::Reason::cache_off);
    SECTION("it is parsed where it is missing") {
        client.says(use);
        lend(client, std::move(others));
        client.says("");
        CHECK(types_of(client.server_got()) == "PBES");
        client.server("1\0\0\0\4" "2\0\0\0\4"s + data_row("1") + complete("SELECT 1") + ready('I'));
        CHECK(types_of(client.got()) == "2DCZ");
    }
    SECTION("it is used where it is") {
        client.says(use);
        lend(client, std::move(link));
        client.says("");
        CHECK(types_of(client.server_got()) == "BES");
    }
    SECTION("another client's of that name is closed first") {
        other.says(parse("a", "select 2") + sync_message());
        lend(other, std::move(others));
        other.says("").server("1\0\0\0\4"s + ready('I'));
        others = released(other);
        client.says(use);
        lend(client, std::move(others));
        client.says("");
        CHECK(types_of(client.server_got()) == "CPBES");
        client.server("3\0\0\0\4" "1\0\0\0\4" "2\0\0\0\4"s + data_row("1") + complete("SELECT 1") + ready('I'));
        CHECK(types_of(client.got()) == "2DCZ");
    }
    SECTION("a name that the client does not have is closed, so that the server says what it says") {
        other.says(use);
        lend(other, std::move(link));
        other.says("");
        CHECK(types_of(other.server_got()) == "CBES");
        other.server("3\0\0\0\4"s + error("26000", "does not exist") + ready('I'));
        CHECK(types_of(other.got()) == "EZ");
    }
    SECTION("what was swallowed for a message that failed before it is undone") {
        other.says(parse("", "select nothing from t") + bind("", "a") + sync_message());
        lend(other, std::move(link));
        other.says("");
        CHECK(types_of(other.server_got()) == "PCBS");
        other.server(error("42703", "no such column") + ready('I'));
        link = released(other);
        client.says(use);
        lend(client, std::move(link));
        client.says("");
        CHECK(types_of(client.server_got()) == "BES");
    }
    SECTION("after DDL it is parsed again") {
        other.says(parse("a", "select n from t where n = 1") + sync_message());
        lend(other, std::move(others));
        other.says("").server("1\0\0\0\4"s + ready('I'));
        others = released(other);
        auto& catalogue = world.database().counters().catalogue;
        catalogue.move();
        world.publish_catalogue();
        client.says(close(Target::statement, "a") + parse("a", "select n from t where n = 1") + sync_message());
        lend(client, std::move(link));
        client.says("").server("3\0\0\0\4" "1\0\0\0\4"s + ready('I'));
        released(client);
        client.server_got();
        client.says(use);
        lend(client, std::move(others));
        client.says("");
        CHECK(types_of(client.server_got()) == "CPBES");
    }
}

TEST_CASE("the unnamed statement follows its client") {
    PooledWorld world;
    Client client(world), other(world);
    auto link = released(client), others = released(other);
    world.context.upstream.set_not_serving(rules::Reason::cache_off);
    client.says(parse("", "select n from t") + sync_message());
    lend(client, std::move(link));
    client.says("").server("1\0\0\0\4"s + ready('I'));
    link = released(client);
    client.server_got();
    const auto use = bind("", "") + execute("") + sync_message();
    client.says(use);
    lend(client, std::move(others));
    client.says("");
    CHECK(types_of(client.server_got()) == "PBES");
    // Nobody else finds it.
    other.says(use);
    lend(other, std::move(link));
    other.says("");
    CHECK(types_of(other.server_got()) == "CBES");
}

TEST_CASE("a cancel never reaches the connection of somebody else") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    const auto cancel = [&] { client.event([&](Outputs& out) { client.session->on_cancel(out); }); };
    SECTION("a client without one") {
        cancel();
        CHECK_FALSE(client.needs.cancel_server);
    }
    SECTION("a client that waits for one is answered at once") {
        client.says(query("select 1"));
        cancel();
        client.says("");
        CHECK(types_of(client.got()) == "EZ");
        CHECK(client.needs.leave_queue);
    }
    SECTION("it is not given back while a cancel is on its way to it") {
        client.says(query("select 1"));
        lend(client, std::move(link));
        client.says("");
        cancel();
        CHECK(client.needs.cancel_server);
        client.server(answer("1"));
        CHECK_FALSE(client.needs.release_server);
        client.event([&](Outputs& out) { client.session->on_cancel_sent(client.session->link_number(), out); });
        released(client);
    }
}

TEST_CASE("who waits for another's answer does not keep the connection that the other is in the queue for") {
    PooledWorld world;
    Client leader(world), other(world);
    released(leader);
    auto link = released(other);
    const bool is_in_block = GENERATE(false, true);
    if (is_in_block) {
        world.context.deferred_begin = true;
        other.says(query("begin"));
        other.got();
    }
    // While a write is under way nobody's answer can be waited for, so this one asks for a connection.
    world.database().counters().any.begin();
    other.says(query("select n from t"));
    REQUIRE(other.needs.acquire_server);
    world.database().counters().any.end();
    leader.says(query("select n from t"));
    REQUIRE(leader.needs.acquire_server);
    // It comes when there is a leader.
    lend(other, std::move(link));
    other.says("");
    CHECK(other.server_got().empty());
    link = released(other);
    lend(leader, std::move(link));
    leader.says("");
    CHECK(types_of(leader.server_got()) == "Q");
    leader.server(answer("1"));
    CHECK(leader.got() == answer("1"));
    other.deliver_flights();
    other.says("");
    CHECK(other.got() == answer("1", is_in_block ? 'T' : 'I'));
}

TEST_CASE("a new connection for a session that is under way has to be like its first") {
    PooledWorld world;
    Client client(world);
    released(client);
    client.says(query("select 1"));
    client.needs = {};
    client.session->on_connecting();
    client.event([&](Outputs& out) { client.session->on_server_connected(false, out); });
    client.server_got();
    SECTION("a server that asks for a password is not the way") {
        client.server("R\0\0\0\x8\0\0\0\3"s);
        CHECK(client.needs.login_refused);
        CHECK(client.needs.close_server);
        CHECK(client.got().empty());
    }
    SECTION("it is checked, and then used") {
        std::string login(protocol::kAuthenticationOk);
        protocol::BackendKeyData{8, "5678"}.append_to(login);
        client.server(login + ready('I'));
        SECTION("alike") {
            client.answer_set_up();
            client.says("");
            CHECK(types_of(client.server_got()) == "Q");
            client.server(answer("1"));
            released(client);
        }
        SECTION("another server than the control connection's is not the way") {
            client.has_instance_lock = "f";
            client.answer_set_up();
            client.answer_set_up();  // it is asked once more when the session's state is carried over
            CHECK(client.needs.close_server);
            CHECK(client.needs.acquire_server);
        }
        SECTION("after a restart, while there is no control connection yet, nobody knows better, and it is used") {
            world.upstream.set_not_serving(rules::Reason::no_upstream);
            client.has_instance_lock = "f";
            client.answer_set_up();
            client.answer_set_up();
            CHECK_FALSE(client.needs.close_server);
            client.says("");
            CHECK(client.server_got().find("select 1") != std::string::npos);
        }
        SECTION("other settings: no connection is like the first any more") {
            client.isolation = "serializable";
            client.answer_set_up();
            CHECK(types_of(client.got()) == "E");
            CHECK(client.needs.close_client);
        }
    }
}

TEST_CASE("a statement that only the catalogue's facts can judge keeps the connection until they are there") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    world.database().counters().catalogue.move();
    client.says(query("select n from t"));
    lend(client, std::move(link));
    client.says("");
    client.answer_set_up();
    client.says("").server(answer("1"));
    CHECK_FALSE(client.needs.release_server);
    CHECK(client.needs.reconsider);
    CHECK(client.session->pinned_by().empty());
    client.needs = {};
    client.event([&](Outputs& out) { client.session->reconsider(out); });
    CHECK_FALSE(client.needs.release_server);
    CHECK(client.session->pinned_by() == "unjudged");
    CHECK(client.needs.pinned);
    CHECK(client.needs.reconsider);
    REQUIRE(world.publish_catalogue());
    client.event([&](Outputs& out) { client.session->reconsider(out); });
    released(client);
}

TEST_CASE("a connection that was verified under another instance number is verified again before it is used") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    world.upstream.set_instance_number(43);
    client.says(query("insert into t values (1)"));
    lend(client, std::move(link));
    client.says("");
    SECTION("it is the same server") {
        client.answer_set_up();
        client.says("");
        CHECK(types_of(client.server_got()).ends_with("Q"));
    }
    SECTION("it is another one") {
        client.has_instance_lock = "f";
        client.answer_set_up();
        CHECK(client.needs.close_server);
        CHECK(client.needs.acquire_server);
        CHECK(client.got().empty());
    }
}

TEST_CASE("a statement that was parsed under other settings keeps the connection") {
    PooledWorld world;
    Client client(world);
    auto link = released(client);
    client.says(parse("a", "select '1/2/2003'::date") + sync_message());
    lend(client, std::move(link));
    client.says("").server("1\0\0\0\4"s + ready('I'));
    link = released(client);
    client.says(query("set datestyle = 'German'"));
    lend(client, std::move(link));
    client.says("").server_got();
    client.server(done("SET"));
    CHECK(asks_for_leftovers(client.server_got()));
    client.server(leftovers({{"s", "DateStyle", "German"}, {"p", "a", nullptr}, {"r", "none", "app"}}));
    CHECK_FALSE(client.needs.release_server);
    CHECK(client.session->pinned_by() == "old_statement");
    client.says(close(Target::statement, "a") + sync_message());
    client.server("3\0\0\0\4"s + ready('I'));
    released(client);
}
