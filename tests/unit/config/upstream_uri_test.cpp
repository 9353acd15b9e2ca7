#include "config/upstream_uri.h"

#include <map>
#include <stdexcept>

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace larder::config;

namespace {

using Variables = std::map<std::string, std::string>;

Upstream resolve(const std::string& uri, const Variables& variables = {}) {
    Upstream upstream;
    upstream.uri = uri;
    resolve_upstream(upstream, [&](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    });
    return upstream;
}

std::string hosts(const Upstream& upstream) {
    std::string out;
    for (const auto& [host, port] : upstream.hosts) out += host + "|" + std::to_string(port) + " ";
    return out;
}

}  // namespace

TEST_CASE("a full URI") {
    const auto upstream = resolve("postgres://larder:s%40cret@db.example:5433/shop?sslmode=require&connect_timeout=3&application_name=x");
    CHECK(hosts(upstream) == "db.example|5433 ");
    CHECK(upstream.user == "larder");
    CHECK(upstream.password == "s@cret");
    CHECK(upstream.database == "shop");
    CHECK(upstream.tls == TlsMode::require);
    CHECK(upstream.connect_timeout == 3s);
}

TEST_CASE("parts of a URI may be missing") {
    CHECK(hosts(resolve("")) == "127.0.0.1|5432 ");
    CHECK(hosts(resolve("postgresql://")) == "127.0.0.1|5432 ");
    CHECK(hosts(resolve("postgres:///shop")) == "127.0.0.1|5432 ");
    CHECK(resolve("postgres:///shop").database == "shop");
    CHECK(resolve("postgres://u@h").user == "u");
    CHECK(resolve("postgres://u@h").password.empty());
    CHECK(resolve("postgres://u:p?w@h/d").password == "p?w");
    CHECK(resolve("postgres://h?dbname=shop").database == "shop");
}

TEST_CASE("several hosts, IPv6 and sockets") {
    CHECK(hosts(resolve("postgres://a,b:2,[::1]:3/d")) == "a|5432 b|2 ::1|3 ");
    CHECK(hosts(resolve("postgres://%2Frun%2Fpg:7/d")) == "/run/pg|7 ");
    CHECK(hosts(resolve("postgres:///d?host=/run/pg&port=8")) == "/run/pg|8 ");
    CHECK(hosts(resolve("host=a,b port=1,2")) == "a|1 b|2 ");
    CHECK(hosts(resolve("host=a,b port=9")) == "a|9 b|9 ");
    CHECK(hosts(resolve("postgres://name/?hostaddr=10.0.0.1")) == "10.0.0.1|5432 ");
}

TEST_CASE("keywords and values, with quotes and escapes") {
    const auto upstream = resolve("host = localhost port=5444 user='o\\'x' password='it\\'s \\\\ here' dbname=a\\ b");
    CHECK(hosts(upstream) == "localhost|5444 ");
    CHECK(upstream.user == "o'x");
    CHECK(upstream.password == "it's \\ here");
    CHECK(upstream.database == "a b");
}

TEST_CASE("the environment fills in what is missing") {
    const Variables variables{{"PGHOST", "env"}, {"PGPORT", "6000"}, {"PGUSER", "me"}, {"PGPASSWORD", "pw"}, {"PGDATABASE", "db"}, {"PGSSLMODE", "disable"}};
    const auto from_environment = resolve("", variables);
    CHECK(hosts(from_environment) == "env|6000 ");
    CHECK(from_environment.user == "me");
    CHECK(from_environment.password == "pw");
    CHECK(from_environment.database == "db");
    CHECK(from_environment.tls == TlsMode::disable);
    const auto mixed = resolve("postgres://other/", variables);
    CHECK(hosts(mixed) == "other|6000 ");
    CHECK(mixed.user == "me");
}

TEST_CASE("what cannot be honoured is refused, without repeating a password") {
    for (const auto* uri : {"postgres://u:secret@h:0/d", "postgres://u:secret@h:99999", "postgres://u:secret@h:x", "postgres://u:secret%zz@h", "postgres://u:secret%00@h",
                            "postgres://u:secret@[::1", "postgres://u:secret@[]", "postgres://u:secret@[::1]x", "postgres://u:secret@h?sslmode=maybe",
                            "postgres://u:secret@h?nonsense=1", "postgres://u:secret@h?sslcert=x", "postgres://u:secret@h?novalue", "postgres://u:secret@h?sslmode=verify-full",
                            "postgres://u:secret@a,b?port=1,2,3", "password=secret host", "password='secret", "secret", "password=secret gssencmode=require"}) {
        INFO(uri);
        bool refused = false;
        try {
            resolve(uri);
        } catch (const std::invalid_argument& error) {
            refused = true;
            CHECK(std::string(error.what()).find("secret") == std::string::npos);
        }
        CHECK(refused);
    }
    CHECK_THROWS_AS(resolve("postgres://" + std::string(100'000, 'a')), std::invalid_argument);
}

TEST_CASE("a printed upstream shows no password") {
    CHECK(print_upstream(resolve("postgres://u:secret@[::1]:7,h/d b?sslmode=disable")) == "postgres://u:***@[::1]:7,h:5432/d%20b?sslmode=disable");
    CHECK(resolve("postgres://h?sslmode=verify-ca&sslrootcert=%2Fca.pem").tls == TlsMode::verify_ca);
}
