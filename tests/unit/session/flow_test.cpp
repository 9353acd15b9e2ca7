// The order of messages, errors, flights, cancel, COPY, Larder's own settings, and what is done to a broken peer.
#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;
using protocol::Target;

TEST_CASE("after an error the server's silence up to Sync is Larder's too") {
    World world;
    Client client(world);
    client.split_bytes = GENERATE(false, true);
    client.says(parse("a", "select nonsense") + bind("", "a") + execute("") + sync_message() + query("select n from t"));
    client.server_got();
    client.server(error("42703", "column does not exist") + ready('I') + answer("1"));
    CHECK(types_of(client.got()) == "EZTDCZ");
    // The name was not made: using it is the server's to refuse, and a write of anything to Larder.
    client.says(parse("a", "select n from t") + sync_message());
    CHECK(types_of(client.server_got()) == "PS");
    client.server(std::string(protocol::kParseComplete) + ready('I'));
    CHECK(types_of(client.got()) == "1Z");
}

TEST_CASE("an error without a Sync yet: what follows is dropped until the Sync comes") {
    World world;
    Client client(world);
    client.says(parse("", "bad") + bind("", "") + "H" + std::string("\0\0\0\4", 4));
    client.server(error("42601", "syntax error"));
    CHECK(types_of(client.got()) == "E");
    client.server_got();
    client.says(execute("") + query("update t set n = 1"));
    CHECK(client.server_got().empty());
    client.says(sync_message());
    CHECK(client.server_got() == sync_message());
    client.server(ready('I'));
    CHECK(client.got() == ready('I'));
}

TEST_CASE("of sessions that miss one key at once, one asks the server") {
    World world;
    Client leader(world), second(world), third(world);
    leader.says(query("select n from t"));
    second.says(query("select n from t"));
    third.says(query("select n from t"));
    CHECK(second.server_got().empty());
    CHECK(second.session->is_paused());
    SECTION("the answer goes to all") {
        leader.server(answer("1"));
        second.deliver_flights();
        third.deliver_flights();
        CHECK(second.got() == answer("1"));
        CHECK(third.got() == answer("1"));
    }
    SECTION("an error of the leader's hands the lead to one of them") {
        leader.server(error("57014", "canceling statement due to user request") + ready('I'));
        second.deliver_flights();
        third.deliver_flights();
        const bool second_leads = !second.server_got().empty();
        auto& next = second_leads ? second : third;
        auto& last = second_leads ? third : second;
        CHECK(last.server_got().empty());
        next.server(answer("1"));
        last.deliver_flights();
        CHECK(last.got() == answer("1"));
    }
    SECTION("a waiter that is cancelled is told so, and harms nobody") {
        OutputQueue a, b;
        Outputs out{a, b};
        second.session->on_cancel(out);
        second.says(query("select n from u"));
        CHECK(types_of(second.got()) == "EZ");
        leader.server(answer("1"));
        third.deliver_flights();
        CHECK(third.got() == answer("1"));
    }
    SECTION("a write that begins before one joins keeps it from joining") {
        Client writer(world), late(world);
        writer.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('I'));
        late.says(query("select n from t"));
        CHECK(late.server_got() == query("select n from t"));
        leader.server(answer("1"));
        late.server(answer("2"));
        CHECK(late.got() == answer("2"));
    }
}

TEST_CASE("COPY FROM STDIN, also when its Sync was sent ahead") {
    World world;
    Client client(world);
    std::string copy_in;
    protocol::append_copy_response(copy_in, 'G', 0, {});
    std::string data;
    protocol::CopyData{"1\n"}.append_to(data);
    SECTION("simple") {
        client.says(query("copy t from stdin")).server(copy_in);
        client.says(data + std::string(protocol::kCopyDone)).server(complete("COPY 1") + ready('I'));
        CHECK(types_of(client.got()) == "GCZ");
    }
    SECTION("extended: the server ignores the first Sync, the client sends another") {
        client.says(parse("", "copy t from stdin") + bind("", "") + execute("") + sync_message());
        client.server(std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete) + copy_in);
        client.says(data + std::string(protocol::kCopyDone) + sync_message()).server(complete("COPY 1") + ready('I'));
        CHECK(types_of(client.got()) == "12GCZ");
    }
    SECTION("all in one piece, with what follows") {
        client.says(parse("", "copy t from stdin") + bind("", "") + execute("") + data + std::string(protocol::kCopyDone) + sync_message() + query("select n from u"));
        client.server(std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete) + copy_in + complete("COPY 1") + ready('I') + answer("1"));
        CHECK(types_of(client.got()) == "12GCZTDCZ");
    }
    SECTION("simple, in one piece, with what follows") {
        client.says(query("copy t from stdin") + data + std::string(protocol::kCopyDone) + query("select n from u"));
        client.server(copy_in + complete("COPY 1") + ready('I') + answer("1"));
        CHECK(types_of(client.got()) == "GCZTDCZ");
    }
    SECTION("a failure in the middle: the rest of the data is the server's to swallow") {
        client.says(query("copy t from stdin")).server(copy_in + error("22P02", "invalid input") + ready('I'));
        client.says(data + data + std::string(protocol::kCopyDone) + query("select n from u"));
        client.server(answer("1"));
        CHECK(types_of(client.got()) == "GEZTDCZ");
    }
    SECTION("what waits for the end of the answers does not wait for a COPY that waits for the client") {
        client.says(query("copy t from stdin") + query("show larder.trace"));
        client.server_got();
        client.server(copy_in);
        CHECK(client.server_got() == query("show larder.trace"));  // it ends the COPY with an error, and is eaten by it
        client.server(error("08P01", "unexpected message type 0x51 during COPY from stdin") + ready('I'));
        CHECK(types_of(client.got()) == "GEZ");
    }
    SECTION("nor does a message that cannot be one") {
        client.says(query("copy t from stdin") + std::string("p\0\0\0\5x", 6)).server(copy_in);
        CHECK(types_of(client.got()) == "GE");
        CHECK(client.needs.close_client);
    }
}

TEST_CASE("a Query that Larder answers itself ends a batch that has no Sync yet") {
    World world;
    Client client(world);
    const std::string parsed = parse("", "select n from u");
    SECTION("that is at rest") {
        client.says(parsed + std::string(protocol::kFlush)).server(std::string(protocol::kParseComplete));
        client.server_got();
        client.says(query("show larder.trace"));
        CHECK(client.server_got() == protocol::kSync);
        client.server(ready('I'));
        CHECK(types_of(client.got()) == "1TDCZ");
    }
    SECTION("whose answers the server still holds back") {
        client.says(parsed + query("show larder.trace"));
        CHECK(client.server_got() == parsed + std::string(protocol::kFlush));
        client.server(std::string(protocol::kParseComplete));
        CHECK(client.server_got() == protocol::kSync);
        client.server(ready('I'));
        CHECK(types_of(client.got()) == "1TDCZ");
    }
    SECTION("and is ignored, if the batch has failed") {
        client.says(parsed + query("show larder.trace")).server(error("42P01", "there is no such relation"));
        client.server_got();
        client.says(sync_message());
        CHECK(client.server_got() == sync_message());
        client.server(ready('I'));
        CHECK(types_of(client.got()) == "EZ");
    }
}

TEST_CASE("Larder answers its own settings, with PostgreSQL's rules for blocks") {
    World world;
    Client client(world);
    client.says(query("set larder.cache = off"));
    CHECK(client.server_got().empty());
    CHECK(types_of(client.got()) == "CZ");
    client.says(query("show larder.cache"));
    CHECK(client.got().find("off") != std::string::npos);
    client.says(query("select n from t")).server(answer("1")).says(query("select n from t"));
    CHECK(world.hits() == 0);
    CHECK(world.bypasses(rules::Reason::session_off) == 2);
    client.server(answer("1"));
    client.got();
    client.says(query("begin")).server(complete("BEGIN") + ready('T')).says(query("reset larder.cache"));
    client.says(query("rollback")).server(complete("ROLLBACK") + ready('I'));
    client.got();
    client.says(query("show larder.cache"));
    CHECK(client.got().find("off") != std::string::npos);
    client.says(query("set larder.max_age = 'yesterday'"));
    CHECK(client.got().find("22023") != std::string::npos);
    client.says(query("set larder.nonsense = 1"));
    CHECK(client.got().find("42704") != std::string::npos);
}

TEST_CASE("with larder.trace on a notice says hit, miss or bypass, and why") {
    World world;
    Client client(world);
    client.says(query("set larder.trace = on"));
    client.got();
    client.says(query("select n from t")).server(answer("1"));
    const auto miss = client.got();
    CHECK(types_of(miss) == "NTDCZ");
    CHECK(miss.find("larder: miss") != std::string::npos);
    client.says(query("select n from t"));
    CHECK(client.got().find("larder: hit") != std::string::npos);
    client.says(query("select random()"));
    CHECK(client.got().find("larder: bypass") != std::string::npos);
}

TEST_CASE("EXPLAIN LARDER says whether a statement would be cached, and on what it depends") {
    World world;
    Client client(world);
    const auto explained = [&client](const std::string& text) {
        client.says(query("explain larder " + text));
        CHECK(client.server_got().empty());
        const auto got = client.got();
        CHECK(got.find("LARDER PLAN") != std::string::npos);
        CHECK(types_of(got).ends_with("CZ"));
        return got;
    };
    const auto says = [&explained](const std::string& text, const std::string& line) {
        return explained(text).find(line) != std::string::npos;
    };
    SECTION("a read") {
        CHECK(says("select n from t", "Cached"));
        CHECK(says("select n from t", "depends on every change of public.t"));
        CHECK(says("select n from t;", "no answer is in the cache now"));
        client.says(query("select n from t")).server(answer("1"));
        client.got();
        client.server_got();
        CHECK(says("select n from t", "an answer is in the cache now"));
        CHECK(says("select n from r where id = 1", "depends on 1 row of public.r (id)"));
        CHECK(says("select n from r where id = $1", "each set of parameters"));
        CHECK(world.hits() == 0);
    }
    SECTION("what is not cached, and why") {
        CHECK(says("select random()", "Not cached"));
        CHECK(says("select n from t for update", "locks_rows"));
        CHECK(says("select n frm t where", "Not cached"));
        CHECK(says("select n from nowhere", "unknown_relation"));
    }
    SECTION("a session that is not served now") {
        client.says(query("set larder.cache = off"));
        client.got();
        CHECK(says("select n from t", "Cached, but not in this session now"));
        CHECK(says("select n from t", "session_off"));
    }
    SECTION("a write, which is not run") {
        CHECK(says("update r set n = 2 where id = 1", "drops answers that read these rows of public.r (id)"));
        CHECK(says("update r set n = 2 where id = 1", "Passed on to PostgreSQL"));
        CHECK(says("begin", "drops no answer"));
        CHECK(says("update t set n = 2", "drops every answer that reads public.t"));
        CHECK(says("alter table t add x int", "schema or privileges"));
    }
    SECTION("in a batch") {
        client.says(parse("", "EXPLAIN  LARDER\n select n from t") + bind("", "") + describe(protocol::Target::portal, "") + execute("") + sync_message());
        CHECK(client.server_got().empty());
        CHECK(types_of(client.got()).starts_with("12TD"));
    }
    SECTION("other EXPLAINs are PostgreSQL's") {
        const auto text = GENERATE("explain select 1", "explain larder", "explain (larder) select 1", "explain larderselect 1");
        client.says(query(text));
        CHECK(client.server_got() == query(text));
    }
}

TEST_CASE("a server that breaks the protocol is dropped, and its client told") {
    World world;
    Client client(world);
    const auto bad = GENERATE(std::string("Z\0\0\0\5I", 6), std::string("1\0\0\0\4", 5), std::string("T\0\0\0\2", 5), std::string("D\x7f\xff\xff\xff", 5), std::string("Q\0\0\0\4", 5));
    client.server(bad);
    CHECK(client.needs.close_server);
    CHECK(client.needs.close_client);
    CHECK(client.got().find("08P01") != std::string::npos);
}

TEST_CASE("a client that breaks the protocol gets 08P01 and is closed") {
    World world;
    Client client(world);
    const auto bad = GENERATE(std::string("T\0\0\0\4", 5), std::string("Z\0\0\0\5I", 6), std::string("\0\0\0\0\4", 5), std::string("Q\0\0\0\3", 5), std::string("Q\xff\xff\xff\xff", 5), std::string("S\x7f\xff\xff\xff", 5));
    client.says(bad);
    CHECK(client.needs.close_client);
    CHECK(client.got().find("08P01") != std::string::npos);
}

TEST_CASE("start-up packets: TLS, GSS, cancel, versions and nonsense") {
    World world;
    Client client(world, false);
    SECTION("SSLRequest without a certificate, then a login on the same socket") {
        std::string request;
        protocol::SslRequest::append_to(request);
        client.says(request);
        CHECK(client.got() == "N");
    }
    SECTION("GSSENCRequest") {
        std::string request;
        protocol::GssEncRequest::append_to(request);
        client.says(request);
        CHECK(client.got() == "N");
    }
    SECTION("a cancel request is routed and answered by nothing but the end") {
        std::string request;
        protocol::CancelRequest{99, "key4"}.append_to(request);
        client.says(request);
        CHECK(client.needs.route_cancel);
        CHECK(client.needs.close_client);
        CHECK(client.session->cancel_request().matches(99, "key4"));
        CHECK(client.got().empty());
    }
    SECTION("protocol 4") {
        client.says(std::string("\0\0\0\x0a\0\4\0\0a\0", 10));
        CHECK(client.got().find("0A000") != std::string::npos);
    }
    SECTION("a length that no packet has") {
        client.says(std::string("\0\0\0\3", 4));
        CHECK(client.needs.close_client);
    }
}

TEST_CASE("a cancel reaches the server only while it owes an answer") {
    World world;
    Client client(world);
    OutputQueue a, b;
    Outputs out{a, b};
    client.session->on_cancel(out);
    CHECK_FALSE(client.session->take_needs().cancel_server);
    client.says(query("select n from t"));
    client.session->on_cancel(out);
    CHECK(client.session->take_needs().cancel_server);
}

TEST_CASE("a statement is counted once for each Query and Execute, also if it has to wait") {
    World world;
    const auto counted = [&] { return world.context.metrics.statements.value(); };
    Client leader(world), waiting(world);
    leader.says(query("select n from t"));
    waiting.says(query("select n from t"));
    CHECK(counted() == 2);
    leader.server(answer("1"));
    waiting.deliver_flights();
    waiting.says("");
    CHECK(waiting.got() == answer("1"));
    CHECK(counted() == 2);
    const auto batch = parse("", "select m from t") + bind("", "") + execute("") + sync_message();
    leader.says(batch);
    CHECK(counted() == 3);
    leader.says(parse("s", "select n from u"));
    CHECK(counted() == 3);
    leader.says(bind("", "s") + execute("", 1) + execute("") + sync_message());
    CHECK(counted() == 5);
}
