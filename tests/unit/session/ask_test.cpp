// The question which transaction a write belongs to: where it is asked, and that nobody but the feed notices.
#include <catch2/catch.hpp>

#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

std::string told(Bytes number) {
    std::string out;
    protocol::FunctionCallResponse{protocol::ValueList::Value(number)}.append_to(out);
    return out;
}
std::string bound() { return std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete); }
std::string asked(const std::string& row) {
    return bound() + row + complete("SELECT 1") + std::string(protocol::kCloseComplete) + std::string(protocol::kCloseComplete);
}

struct Writer {
    World world;
    Client client{world};
    OwnTransactions& own = world.upstream.own_transactions;

    Writer() {
        own.set_wanted(true);
        world.database().set_may_ask_for_transaction(true);
        client.server_got();
        client.got();
    }
    void begin_and_write() {
        client.says(query("begin")).server(complete("BEGIN") + ready('T'));
        client.says(query("update t set n = 2")).server(complete("UPDATE 1") + ready('T'));
        client.server_got();
        client.got();
    }
    const std::string batch = parse("", "update t set n = 2") + bind("", "") + execute("") + sync_message();
};

}  // namespace

TEST_CASE("a block that has written is asked for its number before its COMMIT") {
    Writer w;
    w.client.split_bytes = GENERATE(false, true);
    w.begin_and_write();
    w.client.says(query("commit"));
    CHECK(types_of(w.client.server_got()) == "FQ");
    CHECK_FALSE(w.own.have_ended(w.own.newest(), kLongAgo));
    w.client.server(told("4711") + ready('T') + complete("COMMIT") + ready('I'));
    CHECK(w.client.got() == complete("COMMIT") + ready('I'));
    CHECK(w.own.find(4711));
    CHECK(w.own.have_ended(w.own.newest(), kLongAgo));
}

TEST_CASE("nothing is asked where nobody wants to know, or nothing was written, or it is no COMMIT") {
    Writer w;
    SECTION("no feed") {
        w.own.set_wanted(false);
        w.begin_and_write();
        w.client.says(query("commit"));
        CHECK(types_of(w.client.server_got()) == "Q");
    }
    SECTION("not everybody may ask") {
        w.world.database().set_may_ask_for_transaction(false);
        w.begin_and_write();
        w.client.says(query("commit"));
        CHECK(types_of(w.client.server_got()) == "Q");
    }
    SECTION("the catalogue's facts are not known") {
        w.world.database().counters().catalogue.move();
        w.begin_and_write();
        w.client.says(query("commit"));
        CHECK(types_of(w.client.server_got()).find('F') == std::string::npos);
    }
    SECTION("a block that reads") {
        w.client.says(query("begin")).server(complete("BEGIN") + ready('T'));
        w.client.server_got();
        w.client.says(query("commit"));
        CHECK(types_of(w.client.server_got()) == "Q");
    }
    SECTION("other ends") {
        w.begin_and_write();
        w.client.says(query(GENERATE("rollback", "prepare transaction 'x'", "select 1; commit")));
        CHECK(types_of(w.client.server_got()) == "Q");
    }
    SECTION("behind something that is owed") {
        w.begin_and_write();
        w.client.says(query("update t set n = 3") + query("commit"));
        CHECK(types_of(w.client.server_got()) == "QQ");
    }
}

TEST_CASE("a batch that writes is asked before its Sync") {
    Writer w;
    w.client.split_bytes = GENERATE(false, true);
    w.client.says(w.batch);
    CHECK(types_of(w.client.server_got()) == "PBEPBECCS");
    w.client.server(bound() + complete("UPDATE 1") + asked(data_row("4712")) + ready('I'));
    CHECK(w.client.got() == bound() + complete("UPDATE 1") + ready('I'));
    CHECK(w.own.find(4712));
}

TEST_CASE("a batch whose statement fails has no answer to its question") {
    Writer w;
    w.client.says(w.batch);
    w.client.server(bound() + error("23505", "no") + ready('I'));
    CHECK(w.client.got() == bound() + error("23505", "no") + ready('I'));
    CHECK(w.own.have_ended(w.own.newest(), kLongAgo));
    w.client.says(w.batch);
    w.client.server(bound() + complete("UPDATE 1") + asked(data_row("4713")) + ready('I'));
    CHECK(w.own.find(4713));
}

TEST_CASE("a question that fails before a Sync is the error of the batch") {
    Writer w;
    w.client.says(w.batch);
    w.client.server(bound() + complete("UPDATE 1") + error("57014", "canceled") + ready('I'));
    CHECK(w.client.got() == bound() + complete("UPDATE 1") + error("57014", "canceled") + ready('I'));
    CHECK(w.own.have_ended(w.own.newest(), kLongAgo));
}

TEST_CASE("a question that fails before a COMMIT ends the session: nothing was committed") {
    Writer w;
    w.begin_and_write();
    w.client.says(query("commit"));
    w.client.server(error("57014", "canceled") + ready('E') + complete("ROLLBACK") + ready('I'));
    const auto got = w.client.got();
    CHECK(types_of(got) == "E");
    CHECK(got.find("FATAL") != std::string::npos);
    CHECK(got.find("57014") != std::string::npos);
    CHECK(w.own.have_ended(w.own.newest(), kLongAgo));
}

TEST_CASE("a server that goes away leaves no question open") {
    Writer w;
    w.begin_and_write();
    w.client.says(query("commit"));
    w.client.event([&](Outputs& out) { w.client.session->on_server_closed(out); });
    CHECK(w.own.have_ended(w.own.newest(), kLongAgo));
}

TEST_CASE("what may read data after its Sync is not asked") {
    Writer w;
    w.client.says(parse("", "copy t from stdin") + bind("", "") + execute("") + sync_message());
    CHECK(types_of(w.client.server_got()) == "PBES");
}

TEST_CASE("a batch inside of a block waits for its COMMIT") {
    Writer w;
    w.begin_and_write();
    w.client.says(w.batch);
    CHECK(types_of(w.client.server_got()) == "PBES");
    w.client.server(bound() + complete("UPDATE 1") + ready('T'));
    w.client.says(parse("", "commit") + bind("", "") + execute("") + sync_message());
    CHECK(types_of(w.client.server_got()) == "FPBES");
    w.client.got();
    w.client.server(told("4714") + ready('T') + bound() + complete("COMMIT") + ready('I'));
    CHECK(w.client.got() == bound() + complete("COMMIT") + ready('I'));
    CHECK(w.own.find(4714));
}

TEST_CASE("a Query that writes outside of a block is sent as a batch, and answered as a Query") {
    Writer w;
    w.client.split_bytes = GENERATE(false, true);
    const auto no_data = std::string(protocol::kNoData);
    const auto done = bound() + no_data + complete("UPDATE 1") + asked(data_row("4715"));
    w.client.says(query("update t set n = 2"));
    const auto sent = w.client.server_got();
    CHECK(types_of(sent) == "PBDEPBECCS");
    CHECK(sent.starts_with(parse("", "update t set n = 2")));
    SECTION("the completion comes with the commit") {
        w.client.server(done);
        CHECK(w.client.got().empty());
        w.client.server(ready('I'));
        CHECK(w.client.got() == complete("UPDATE 1") + ready('I'));
        CHECK(w.own.find(4715));
    }
    SECTION("of a commit that fails nothing else is told") {
        w.client.server(done + error("23503", "deferred") + ready('I'));
        CHECK(w.client.got() == error("23503", "deferred") + ready('I'));
    }
    SECTION("nor of a question that fails") {
        w.client.server(bound() + no_data + complete("UPDATE 1") + error("57014", "canceled") + ready('I'));
        CHECK(w.client.got() == error("57014", "canceled") + ready('I'));
        CHECK(w.own.have_ended(w.own.newest(), kLongAgo));
    }
    SECTION("it fails itself") {
        const auto before = GENERATE(std::string(), std::string(protocol::kParseComplete), bound() + std::string(protocol::kNoData));
        w.client.server(before + error("23505", "no") + ready('I'));
        CHECK(w.client.got() == error("23505", "no") + ready('I'));
        CHECK(w.own.have_ended(w.own.newest(), kLongAgo));
        w.client.says(query("update t set n = 2")).server(done + ready('I'));
        CHECK(w.client.got() == complete("UPDATE 1") + ready('I'));
    }
    SECTION("rows and notices are passed on at once") {
        std::string notice;
        protocol::append_notice(notice, {protocol::severity::kNotice, "42622", "identifier will be truncated"});
        w.client.server(notice + bound() + row_description("n") + data_row("2"));
        CHECK(w.client.got() == notice + row_description("n") + data_row("2"));
        w.client.server(complete("UPDATE 1") + asked(data_row("4716")) + ready('I'));
        CHECK(w.client.got() == complete("UPDATE 1") + ready('I'));
    }
    SECTION("what is sent behind it waits") {
        w.client.says(query("select n from t") + query("update t set n = 3"));
        CHECK(types_of(w.client.server_got()) == "QQ");
        w.client.server(done + ready('I') + answer("3") + complete("UPDATE 1") + ready('I'));
        CHECK(w.client.got() == complete("UPDATE 1") + ready('I') + answer("3") + complete("UPDATE 1") + ready('I'));
    }
}

TEST_CASE("the unnamed statement is gone after a Query, however it was sent") {
    Writer w;
    w.client.says(parse("", "select n from t") + sync_message()).server(std::string(protocol::kParseComplete) + ready('I'));
    w.client.says(query("update t set n = 2"));
    w.client.server(bound() + std::string(protocol::kNoData) + complete("UPDATE 1") + asked(data_row("4717")) + ready('I'));
    w.client.server_got();
    w.client.got();
    w.client.says(bind("", "") + sync_message());
    CHECK(types_of(w.client.server_got()) == "CBS");
    w.client.server(std::string(protocol::kCloseComplete) + error("26000", "unnamed prepared statement does not exist") + ready('I'));
    CHECK(w.client.got() == error("26000", "unnamed prepared statement does not exist") + ready('I'));
}

TEST_CASE("what would mean something else in a batch stays a Query") {
    Writer w;
    w.client.says(
        query(GENERATE("update t set n = $1", "update t set n = 2; select 1", "create table x ()",
                       "with d as (delete from t returning n) select * from d", "select nextval('s')", "truncate t", "copy t from stdin")));
    CHECK(types_of(w.client.server_got()) == "Q");
}
