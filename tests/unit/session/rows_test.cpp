// Counters per row: a write leaves answers about other rows alone, and no others.
#include "unit/session/conversation.h"

using namespace larder;
using namespace larder::session;
using namespace larder::session::test;

namespace {

const std::string kReadOne = "select n from r where id = 1", kReadTwo = "select n from r where id = 2";
const std::string kNoRow = row_description("n") + complete("SELECT 0") + ready('I');

void warm(Client& client, const std::string& text, const std::string& given = answer("1")) {
    client.says(query(text)).server(given);
    const auto hits = client.world.hits();
    client.says(query(text));
    REQUIRE(client.world.hits() == hits + 1);
    client.got();
    client.server_got();
}

bool is_hit(Client& client, const std::string& messages, const std::string& given = answer("other")) {
    const auto hits = client.world.hits();
    client.says(messages);
    const bool hit = client.world.hits() > hits;
    if (!hit) client.server(given);
    client.got();
    client.server_got();
    return hit;
}

bool is_query_hit(Client& client, const std::string& text) { return is_hit(client, query(text)); }

void write(Client& client, const std::string& text) { client.says(query(text)).server(complete("DONE 1") + ready('I')); }

std::string batch(Bytes text, Bytes value, bool is_binary = false) {
    std::string out;
    const protocol::ValueList::Value values[] = {value};
    const std::uint16_t formats[] = {is_binary ? std::uint16_t{1} : std::uint16_t{0}};
    protocol::append_parse(out, "", text);
    protocol::append_bind(out, {}, {}, formats, values, {});
    return out + execute("") + sync_message();
}

std::string batch_answer(const std::string& rows, Bytes tag) {
    return std::string("1\0\0\0\4" "2\0\0\0\4", 10) + rows + complete(tag) + ready('I');
}

}  // namespace

TEST_CASE("an update of one row leaves the others' answers alone") {
    World world;
    Client writer(world), reader(world);
    warm(reader, kReadOne);
    warm(reader, kReadTwo);
    writer.says(query("update r set n = 2 where id = 1"));
    CHECK(is_query_hit(reader, kReadTwo));
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    writer.server(complete("UPDATE 1") + ready('I'));
    CHECK(is_query_hit(reader, kReadTwo));
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    CHECK(is_query_hit(reader, kReadOne));
}

TEST_CASE("writes that do not tell their rows by this key, and those of other kinds, reach every row") {
    for (const char* text : {"update r set n = 2", "update r set n = 2 where email = 'a'", "update r set n = 2 where id > 5", "delete from r where id = 1 or n = 5",
                             "insert into r values (9, 'z', 1) on conflict (email) do update set n = 1", "truncate r",
                             "merge into r using u on r.id = u.n when matched then delete", "lock table r", "select opaque()", "alter table r add m int"}) {
        INFO(text);
        World world;
        Client writer(world), reader(world);
        warm(reader, kReadOne);
        write(writer, text);
        CHECK_FALSE(is_query_hit(reader, kReadOne));
    }
}

TEST_CASE("a read of the whole table sees every write") {
    for (const char* text : {"update r set n = 2 where id = 1", "insert into r values (9, 'z', 1)", "delete from r where id = 1"}) {
        World world;
        Client writer(world), reader(world);
        warm(reader, "select n from r");
        write(writer, text);
        CHECK_FALSE(is_query_hit(reader, "select n from r"));
    }
}

TEST_CASE("an insert with a key that is not known leaves found rows valid, and no other answers") {
    World world;
    Client writer(world), reader(world);
    warm(reader, kReadOne);
    warm(reader, "select n from r where id = 3", kNoRow);
    warm(reader, "select n from r where id = 1 group by n");
    warm(reader, "select n from r where id in (1, 3)");  // one row: that of 3 may still come
    write(writer, "insert into r (email) values ('x')");
    CHECK(is_query_hit(reader, kReadOne));
    CHECK_FALSE(is_query_hit(reader, "select n from r where id = 3"));
    CHECK_FALSE(is_query_hit(reader, "select n from r where id = 1 group by n"));
    CHECK_FALSE(is_query_hit(reader, "select n from r where id in (1, 3)"));
}

TEST_CASE("an insert with a known key concerns that key alone") {
    World world;
    Client writer(world), reader(world);
    warm(reader, "select n from r where id = 3", kNoRow);
    warm(reader, "select n from r where id = 4", kNoRow);
    warm(reader, "select n from r where email = 'x'", kNoRow);
    write(writer, "insert into r values (3, 'y', 1)");
    CHECK_FALSE(is_query_hit(reader, "select n from r where id = 3"));
    CHECK(is_query_hit(reader, "select n from r where id = 4"));
    CHECK(is_query_hit(reader, "select n from r where email = 'x'"));
}

TEST_CASE("a change of key concerns the old value and the new one") {
    World world;
    Client writer(world), reader(world);
    warm(reader, kReadOne);
    warm(reader, kReadTwo, kNoRow);
    warm(reader, "select n from r where id = 3", kNoRow);
    write(writer, "update r set id = 2 where id = 1");
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    CHECK_FALSE(is_query_hit(reader, kReadTwo));
    CHECK(is_query_hit(reader, "select n from r where id = 3"));
    write(writer, "update r set id = id + 1 where id = 9");
    CHECK_FALSE(is_query_hit(reader, "select n from r where id = 3"));
}

TEST_CASE("while inserts are in flight, only what is proved by its rows is kept") {
    World world;
    Client writer(world), reader(world);
    writer.says(query("insert into r (email) values ('x')"));
    reader.says(query(kReadOne)).server(answer("1"));
    reader.says(query(kReadTwo)).server(kNoRow);
    CHECK(world.bypasses(rules::Reason::in_flight) == 1);
    writer.server(complete("INSERT 0 1") + ready('I'));
    CHECK(is_query_hit(reader, kReadOne));
    CHECK_FALSE(is_query_hit(reader, kReadTwo));
}

TEST_CASE("parameters name rows, in text and binary form") {
    const std::string read = "select n from r where id = $1", update = "update r set n = 5 where id = $1";
    World world;
    Client writer(world), reader(world);
    const auto given = batch_answer(data_row("1"), "SELECT 1");
    for (const char* value : {"1", "2"}) {
        CHECK_FALSE(is_hit(reader, batch(read, value), given));
        CHECK(is_hit(reader, batch(read, value)));
    }
    warm(reader, kReadOne);
    writer.says(batch(update, Bytes("\0\0\0\1", 4), true));
    CHECK(is_hit(reader, batch(read, "2")));
    CHECK_FALSE(is_hit(reader, batch(read, "1"), given));
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    writer.server(batch_answer({}, "UPDATE 1"));
    CHECK(is_hit(reader, batch(read, "2")));
    CHECK_FALSE(is_hit(reader, batch(read, "1"), given));
}

TEST_CASE("parameters whose value is not sure mean every row") {
    World world;
    Client writer(world), reader(world);
    warm(reader, kReadOne);
    SECTION("not as PostgreSQL writes it") { writer.says(batch("update r set n = 5 where id = $1", " 2")); }
    SECTION("it stands twice") { writer.says(batch("update r set n = $1 where id = $1", "2")); }
    writer.server(batch_answer({}, "UPDATE 1"));
    CHECK_FALSE(is_query_hit(reader, kReadOne));
}

TEST_CASE("a portal's parameters are those it was bound with") {
    World world;
    Client writer(world), reader(world);
    const auto bound = [](Bytes portal, Bytes value) {
        std::string out;
        const protocol::ValueList::Value values[] = {value};
        protocol::append_bind(out, portal, "w", {}, values, {});
        return out;
    };
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    writer.says(parse("w", "update r set n = 5 where id = $1") + bound("a", "1") + bound("b", "2") + sync_message());
    writer.server(std::string("1\0\0\0\4" "2\0\0\0\4" "2\0\0\0\4", 15) + ready('T'));
    writer.says(execute("a") + sync_message()).server(complete("UPDATE 1") + ready('T'));
    warm(reader, kReadOne);
    warm(reader, kReadTwo);
    write(writer, "commit");
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    CHECK(is_query_hit(reader, kReadTwo));
}

TEST_CASE("more rows than a transaction remembers one by one move their keys as a whole") {
    World world;
    Client writer(world), reader(world);
    writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
    for (int id = 1000; id < 1256; ++id) writer.says(query("update r set n = 1 where id = " + std::to_string(id))).server(complete("UPDATE 1") + ready('T'));
    // Not one alone: its row may share a counter with one of those that are written.
    const auto read_of = [](int id) { return "select n from r where id = " + std::to_string(id); };
    for (int id = 5000; id < 5010; ++id) warm(reader, read_of(id));
    SECTION("as many as it does remember") {
        write(writer, "commit");
        int hits = 0;
        for (int id = 5000; id < 5010; ++id) hits += is_query_hit(reader, read_of(id)) ? 1 : 0;
        CHECK(hits > 0);
    }
    SECTION("one more") {
        writer.says(query("update r set n = 1 where id = 6000")).server(complete("UPDATE 1") + ready('T'));
        write(writer, "commit");
        CHECK_FALSE(is_query_hit(reader, "select n from r where id = 5000"));
    }
}

TEST_CASE("a write whose outcome is not known holds its rows") {
    World world;
    Client reader(world);
    {
        Client writer(world);
        warm(reader, kReadOne);
        warm(reader, kReadTwo);
        writer.says(query("update r set n = 2 where id = 1"));
    }
    REQUIRE(world.outcomes.tickets.size() == 1);
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    CHECK(is_query_hit(reader, kReadTwo));
    world.outcomes.tickets.front().end();
    CHECK_FALSE(is_query_hit(reader, kReadOne));
    CHECK(is_query_hit(reader, kReadOne));
}

TEST_CASE("who waits for a read of a row gets it, unless the row was written meanwhile") {
    World world;
    Client leader(world), waiting(world), late(world), writer(world);
    leader.says(query(kReadOne));
    waiting.says(query(kReadOne));
    CHECK(waiting.session->is_paused());
    writer.says(query("update r set n = 2 where id = 1"));
    late.says(query(kReadOne));
    CHECK_FALSE(late.session->is_paused());
    leader.server(answer("1"));
    waiting.deliver_flights();
    CHECK(types_of(waiting.got()) == "TDCZ");
    writer.server(complete("UPDATE 1") + ready('I'));
    late.server(answer("2"));
}

TEST_CASE("what was parsed or bound under another encoding is not known") {
    const std::string read = "select n from r where email = '\xC3\xA9'", update = "update r set n = 5 where email = '\xC3\xA9'";
    World world;
    Client writer(world), reader(world), other(world);
    const auto change_encoding = [&](const char* encoding, char in_block = 'I') {
        writer.says(query("set client_encoding = '" + std::string(encoding) + "'")).server(complete("SET") + ready(in_block));
        writer.client_encoding = encoding;
        writer.server_got();
        // The next read has the settings read back.
        writer.says(query("select n from u"));
        writer.answer_set_up(in_block);
        writer.server(answer("1", in_block));
        writer.got();
        writer.server_got();
    };
    const std::string parsed("1\0\0\0\4", 5), bound("2\0\0\0\4", 5);
    SECTION("a statement") {
        warm(reader, "select n from r where email = 'x'");
        change_encoding("LATIN1");
        writer.says(parse("w", update) + sync_message()).server(parsed + ready('I'));
        change_encoding("UTF8");
        writer.says(bind("", "w") + execute("") + sync_message());
        CHECK_FALSE(is_query_hit(reader, "select n from r where email = 'x'"));
    }
    SECTION("a read") {
        change_encoding("LATIN1");
        writer.says(parse("r", read) + sync_message()).server(parsed + ready('I'));
        change_encoding("UTF8");
        for (int i = 0; i < 3; ++i) CHECK_FALSE(is_hit(writer, bind("", "r") + execute("") + sync_message(), bound + data_row("1") + complete("SELECT 1") + ready('I')));
    }
    SECTION("a parameter") {
        warm(reader, "select n from r where email = 'x'");
        writer.says(parse("w", "update r set n = 5 where email = $1") + sync_message()).server(parsed + ready('I'));
        change_encoding("LATIN1");
        writer.says(query("begin")).server(complete("BEGIN") + ready('T'));
        std::string binding;
        const protocol::ValueList::Value values[] = {Bytes("\xE9")};
        protocol::append_bind(binding, "p", "w", {}, values, {});
        writer.says(binding + sync_message()).server(bound + ready('T'));
        change_encoding("UTF8", 'T');
        writer.says(execute("p") + sync_message()).server(complete("UPDATE 1") + ready('T'));
        writer.says(query("commit"));
        CHECK_FALSE(is_query_hit(reader, "select n from r where email = 'x'"));
    }
    SECTION("under the same one it is") {
        warm(reader, "select n from r where email = 'x'");
        writer.says(parse("w", update) + sync_message()).server(parsed + ready('I'));
        writer.says(bind("", "w") + execute("") + sync_message());
        CHECK(is_query_hit(reader, "select n from r where email = 'x'"));
    }
}

TEST_CASE("an array parameter depends on the rows of its elements") {
    World world;
    Client writer(world), reader(world);
    const auto both = batch("select n from r where id = any ($1)", "{1,3}");
    const auto rows = batch_answer(data_row("1") + data_row("3"), "SELECT 2");
    CHECK_FALSE(is_hit(reader, both, rows));
    CHECK(is_hit(reader, both));
    write(writer, "update r set n = 2 where id = 2");
    CHECK(is_hit(reader, both));
    write(writer, "insert into r (n) values (9)");  // both rows were found: another has another id
    CHECK(is_hit(reader, both));
    write(writer, "update r set n = 2 where id = 3");
    CHECK_FALSE(is_hit(reader, both, batch_answer(data_row("1"), "SELECT 1")));
    CHECK(is_hit(reader, both));
    write(writer, "insert into r (n) values (9)");  // one of them was not
    CHECK_FALSE(is_hit(reader, both, rows));
    const auto other = batch("select n from r where id = any ($1)", "{{1,3}}");  // not followed: the table counts
    CHECK_FALSE(is_hit(reader, other, rows));
    CHECK(is_hit(reader, other));
    write(writer, "update r set n = 2 where id = 2");
    CHECK_FALSE(is_hit(reader, other, rows));
}
