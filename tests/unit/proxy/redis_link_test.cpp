#include "proxy/redis_link.h"

#include <catch2/catch.hpp>

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;
using Kind = RedisLink::Done::Kind;
using namespace std::string_literals;

constexpr Instant kStart{1'000'000};

struct Talk {
    explicit Talk(const RedisLogin& login = {}, RedisLinkLimits limits = {}) : link(login, limits, kStart) {}

    std::string sent() { return std::exchange(link.output(), {}); }
    // At once, or one byte after the other.
    bool says(const std::string& text, Instant at = kStart) {
        if (!split) return link.on_bytes(text, at, done);
        for (const char& c : text) {
            if (!link.on_bytes({&c, 1}, at, done)) return false;
        }
        return true;
    }
    std::string kinds() {
        std::string out;
        for (const auto& one : done) out += "vnkfp"[static_cast<int>(one.kind)];
        done.clear();
        return out;
    }

    RedisLink link;
    bool split = false;
    std::vector<RedisLink::Done> done;
};

}  // namespace

TEST_CASE("a connection logs in, chooses its database and is ready when all was answered") {
    Talk talk({"larder", "secret", 3});
    talk.split = GENERATE(false, true);
    CHECK(talk.sent() == "*3\r\n$4\r\nAUTH\r\n$6\r\nlarder\r\n$6\r\nsecret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n");
    CHECK_FALSE(talk.link.get(1, "k", kStart));
    CHECK(talk.says("+OK\r\n+OK\r\n"));
    CHECK_FALSE(talk.link.is_ready());
    CHECK(talk.says("+PONG\r\n", Instant{kStart.us + 70}));
    CHECK(talk.link.is_ready());
    REQUIRE(talk.done.size() == 1);
    CHECK(talk.done[0].kind == Kind::pong);
    CHECK(talk.done[0].took.count() == 70);
}

TEST_CASE("a password alone is the default user's; none means no AUTH") {
    CHECK(Talk({"", "secret", 0}).sent().starts_with("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1"));
    CHECK(Talk().sent() == "*1\r\n$4\r\nPING\r\n");
}

TEST_CASE("a login that fails, or a server that is not ready, ends the connection and says why") {
    const auto [reply, error] = GENERATE(table<std::string, RedisError>({
        {"-WRONGPASS invalid username-password pair\r\n", RedisError::refused},
        {"-ERR invalid password\r\n", RedisError::refused},
        {"-LOADING Redis is loading the dataset in memory\r\n", RedisError::loading},
    }));
    Talk talk({"", "secret", 0});
    CHECK_FALSE(talk.says(reply));
    CHECK(talk.link.error() == error);
    CHECK(talk.link.problem() == reply.substr(1, reply.size() - 3));
    Talk open;
    CHECK_FALSE(open.says("-NOAUTH Authentication required.\r\n"));
    CHECK(open.link.error() == RedisError::refused);
}

TEST_CASE("replies belong to the commands in their order") {
    Talk talk;
    talk.split = GENERATE(false, true);
    talk.says("+PONG\r\n");
    talk.kinds();
    talk.sent();
    REQUIRE(talk.link.get(1, "a\0b"s, kStart));
    REQUIRE(talk.link.set(2, "c", "value\r\n", milliseconds(1500), Instant{kStart.us + 5}));
    REQUIRE(talk.link.get(3, "d", kStart));
    REQUIRE(talk.link.set(4, "e", "", milliseconds(0), kStart));
    REQUIRE(talk.link.get(5, "f", kStart));
    CHECK(talk.sent() == "*2\r\n$3\r\nGET\r\n$3\r\na\0b\r\n*5\r\n$3\r\nSET\r\n$1\r\nc\r\n$7\r\nvalue\r\n\r\n$2\r\nPX\r\n$4\r\n1500\r\n*2\r\n$3\r\nGET\r\n$1\r\nd\r\n"
                         "*5\r\n$3\r\nSET\r\n$1\r\ne\r\n$0\r\n\r\n$2\r\nPX\r\n$1\r\n1\r\n*2\r\n$3\r\nGET\r\n$1\r\nf\r\n"s);
    CHECK(talk.link.oldest() == kStart);
    CHECK(talk.link.unanswered_gets() == std::vector<std::uint64_t>{1, 3, 5});
    CHECK(talk.says("$5\r\nx\r\ny\0\r\n+OK\r\n$-1\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n$0\r\n\r\n"s, Instant{kStart.us + 9}));
    REQUIRE(talk.done.size() == 5);
    CHECK(talk.done[0].value == "x\r\ny\0"s);
    CHECK(talk.done[1].took.count() == 4);
    CHECK(talk.done[3].error == RedisError::full);
    for (std::size_t i = 0; i < 5; ++i) CHECK(talk.done[i].tag == i + 1);
    CHECK(talk.kinds() == "vknfv");
    CHECK(talk.link.oldest() == kNever);
}

TEST_CASE("what is not RESP, not asked for, or of another kind ends the connection") {
    const std::string reply = GENERATE("hello\r\n"s, "+OK\r\n+OK\r\n"s, ":1\r\n"s, "*1\r\n$1\r\nx\r\n"s, "*2000000000\r\n"s, "$-7\r\n\r\n\0\0"s, "\0\0\0\0\r\n"s);
    Talk talk;
    talk.says("+PONG\r\n");
    REQUIRE(talk.link.get(1, "k", kStart));
    CHECK_FALSE((talk.says(reply) && talk.says("+OK\r\n") && talk.says("+OK\r\n")));
    CHECK(talk.link.error() == RedisError::protocol);
    CHECK_FALSE(talk.link.problem().empty());
    CHECK_FALSE(talk.link.is_ready());
}

TEST_CASE("arrays inside of arrays cannot take more memory than their reply may have") {
    RedisReader reader(1 << 20);
    RedisReply reply;
    std::string nested;
    for (int i = 0; i < 6; ++i) nested += "*60000\r\n";
    REQUIRE(reader.feed(nested));
    CHECK(reader.next(reply) == RedisReader::Status::broken);
    RedisReader good(1 << 20);
    REQUIRE(good.feed("*2\r\n*2\r\n:7\r\n$1\r\nx\r\n*-1\r\n*1\r\n+s\r\n"));
    REQUIRE(good.next(reply) == RedisReader::Status::reply);
    REQUIRE(reply.items.size() == 2);
    CHECK(reply.items[0].items[0].number == 7);
    CHECK(reply.items[0].items[1].text == "x");
    CHECK(reply.items[1].kind == RedisReply::Kind::nil);
    REQUIRE(good.next(reply) == RedisReader::Status::reply);
    CHECK(reply.items[0].kind == RedisReply::Kind::status);
    CHECK(good.next(reply) == RedisReader::Status::incomplete);
}

TEST_CASE("a reply without an end is not collected for ever") {
    Talk talk({}, {.reply_bytes_max = 100'000});
    talk.says("+PONG\r\n");
    REQUIRE(talk.link.get(1, "k", kStart));
    CHECK(talk.says("$9000000\r\n"));
    const std::string part(64 * 1024, 'x');
    int parts = 0;
    while (talk.says(part)) REQUIRE(++parts < 100);
    CHECK(parts < 8);
    CHECK(talk.link.error() == RedisError::protocol);
}

TEST_CASE("what is unanswered is limited in number and bytes") {
    Talk talk({}, {.requests_max = 3, .request_bytes_max = 10});
    talk.says("+PONG\r\n");
    CHECK_FALSE(talk.link.set(1, "k", "0123456789", milliseconds(1), kStart));
    CHECK(talk.link.set(2, "k", "012345678", milliseconds(1), kStart));
    CHECK_FALSE(talk.link.get(3, "k", kStart));
    CHECK(talk.says("+OK\r\n"));
    for (int i = 0; i < 3; ++i) CHECK(talk.link.get(4, "k", kStart));
    CHECK_FALSE(talk.link.get(5, "k", kStart));
}

TEST_CASE("an error reply is known by its first word") {
    CHECK(redis_error("OOM command not allowed") == RedisError::full);
    CHECK(redis_error("NOPERM this user has no permissions") == RedisError::denied);
    CHECK(redis_error("READONLY You can't write against a read only replica.") == RedisError::read_only);
    CHECK(redis_error("MOVED 3999 127.0.0.1:6381") == RedisError::moved);
    CHECK(redis_error("CLUSTERDOWN") == RedisError::moved);
    CHECK(redis_error("WRONGTYPE Operation against a key") == RedisError::other);
    CHECK(redis_error("") == RedisError::other);
    for (std::size_t i = 0; i < static_cast<std::size_t>(RedisError::count_); ++i) CHECK_FALSE(name(static_cast<RedisError>(i)).empty());
}

}  // namespace larder::proxy
