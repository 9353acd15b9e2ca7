#include "config/load.h"

#include <catch2/catch.hpp>

#include "config/options.h"
#include "temp_file.h"

using namespace std::chrono_literals;
using namespace larder::config;

namespace {

const char* no_environment(const char*) { return nullptr; }

Config read(const std::string& text, const std::vector<std::string>& sets = {}) { return load(TempFile(text).path(), sets, no_environment); }

std::string error_of(const std::string& text, const std::vector<std::string>& sets = {}) {
    try {
        read(text, sets);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an empty file gives the defaults") {
    const auto config = read("");
    CHECK(config.listen.address.port == 6432);
    CHECK(config.admin.address.port == 6433);
    CHECK(config.cache.enabled);
    CHECK(config.cache.ttl == 1h);
    CHECK(config.freshness.writers == Writers::others);
    CHECK_FALSE(config.freshness.serve_when_down);
    CHECK(config.rules.empty());
}

TEST_CASE("a full file") {
    const auto config = read(R"(
[listen]
address = "0.0.0.0:7000"
clients_max = 5
[upstream]
uri = "postgres://u:p@h:1/d"
[cache]
bytes_max = "1GB"
entry_bytes_max = 2048
ttl = "10s"
[freshness]
writers = "only-larder"
[log]
level = "debug"
format = "json"
[[rule]]
name = "prices"
match = { table = "public.prices", role = "web", regex = "^SELECT" }
ttl = "30s"
tags = ["home", "list"]
[[rule]]
name = "never"
match = { fingerprint = "abcdef0123456789" }
cache = false
)");
    CHECK(config.listen.address.host == "0.0.0.0");
    CHECK(config.listen.clients_max == 5);
    CHECK(config.upstream.password == "p");
    CHECK(config.cache.bytes_max == 1ull << 30);
    CHECK(config.cache.entry_bytes_max == 2048);
    CHECK(config.freshness.writers == Writers::only_larder);
    CHECK(config.log.format == LogFormat::json);
    REQUIRE(config.rules.size() == 2);
    CHECK(config.rules[0].name == "prices");
    CHECK(config.rules[0].ttl == 30s);
    CHECK(config.rules[0].tags == std::vector<std::string>{"home", "list"});
    CHECK(config.rules[0].line > 0);
    CHECK(config.rules[1].cache == false);
}

TEST_CASE("a key set on the command line goes before the file, and the later before the earlier") {
    const auto config = read("[cache]\nttl = \"1s\"\n", {"cache.ttl=2s", "cache.ttl=3s", "listen.address=[::1]:9"});
    CHECK(config.cache.ttl == 3s);
    CHECK(config.listen.address.host == "::1");
}

TEST_CASE("each key has a variable, which goes before the file and after the command line") {
    const Environment environment = [](const char* name) -> const char* {
        const std::string_view variable = name;
        return variable == "LARDER_CACHE_BYTES_MAX" ? "64MB" : variable == "LARDER_LISTEN_WORKERS" ? "3" : nullptr;
    };
    const TempFile file("[cache]\nbytes_max = \"32MB\"\n");
    const auto config = load(file.path(), {"listen.workers=4"}, environment);
    CHECK(config.cache.bytes_max == 64u << 20);
    CHECK(config.listen.workers == 4);
    CHECK_THROWS_WITH(load("", {}, [](const char* name) { return std::string_view(name) == "LARDER_CACHE_TTL" ? "soon" : nullptr; }), Catch::StartsWith("LARDER_CACHE_TTL: cache.ttl"));
}

TEST_CASE("a variable that nearly names a key is an error of the process's environment, and others' are not") {
    ::setenv("LARDER_BINARY", "larder", 1);
    ::setenv("LARDER_PASSWORD", "secret", 1);
    CHECK_NOTHROW(load("", {}));
    ::setenv("LARDER_CACHE_BYTE_MAX", "64MB", 1);
    CHECK_THROWS_WITH(load("", {}), Catch::Contains("no key belongs to LARDER_CACHE_BYTE_MAX; did you mean LARDER_CACHE_BYTES_MAX?"));
    ::unsetenv("LARDER_CACHE_BYTE_MAX");
    CHECK_NOTHROW(load("", {}));
    ::unsetenv("LARDER_PASSWORD");
}

TEST_CASE("Larder's own password can be in a file") {
    const TempFile file("from the file\nand no more\n");
    const auto config = load("", {"upstream.uri=postgres://larder:other@localhost/shop", "upstream.password_file=" + file.path()}, no_environment);
    CHECK(config.upstream.password == "from the file");
    CHECK(print_config(config).find("from the file") == std::string::npos);
    CHECK_THROWS_AS(load("", {"upstream.password_file=/nonexistent"}, no_environment), ConfigError);
}

TEST_CASE("errors name file, line and the nearest key") {
    CHECK(holds(error_of("[cache]\n\nbyte_max = 5\n"), ":3: unknown key 'cache.byte_max'; did you mean 'cache.bytes_max'?"));
    CHECK(holds(error_of("[cahce]\nttl = 5\n"), ":1: unknown key 'cahce'; did you mean 'cache'?"));
    CHECK(holds(error_of("[cache]\nttl = 5\n"), ":2: cache.ttl must be a duration"));
    CHECK(holds(error_of("[cache]\nenabled = \"on\"\n"), ":2: cache.enabled must be true or false"));
    CHECK(holds(error_of("[cache]\nbytes_max = \"1kB\"\n"), "cache.bytes_max must be from 1MB to 4TB"));
    CHECK(holds(error_of("[listen]\nworkers = -1\n"), "from 0 to 1024"));
    CHECK(holds(error_of("[listen]\ntls = \"verify-full\"\n"), "disable, prefer or require"));
    CHECK(holds(error_of("[listen\n"), ":1: "));
    CHECK(holds(error_of("top = 1\n"), "unknown key 'top'"));
    CHECK(holds(error_of("[cluster]\nhost = \"x\"\n"), "[cluster] is not available in this version"));
    CHECK(holds(error_of("[freshness]\nserve_when_down = true\n"), "not available"));
    CHECK(holds(error_of("", {"cache.tttl=1s"}), "--set: unknown key 'cache.tttl'; did you mean 'cache.ttl'?"));
    CHECK(holds(error_of("", {"secret"}), "--set: must be written as"));
    CHECK_FALSE(holds(error_of("", {"secret"}), "secret"));
    CHECK(holds(error_of("[upstream]\nuri = \"postgres://u:secret@h:0\"\n"), "upstream.uri: port 0"));
    CHECK_FALSE(holds(error_of("[upstream]\nuri = \"postgres://u:secret@h:0\"\n"), "secret"));
    CHECK_THROWS_AS(load("/nonexistent/larder.toml", {}, no_environment), ConfigError);
}

TEST_CASE("what only the whole can tell") {
    CHECK_THROWS_WITH(read("[admin]\ntls_cert_file = \"c\"\n"), Catch::Contains("must be given together"));
    CHECK(holds(error_of("[cache]\nbytes_max = \"1MB\"\nentry_bytes_max = \"2MB\"\n"), "entry_bytes_max"));
    CHECK(holds(error_of("[listen]\ntls_cert_file = \"x\"\n"), "given together"));
    CHECK(holds(error_of("[listen]\ntls = \"require\"\n"), "needs listen.tls_cert_file"));
    CHECK(holds(error_of("[admin]\naddress = \"127.0.0.1:6432\"\n"), "must differ"));
}

TEST_CASE("how fresh hits are, and how long one waits for it") {
    CHECK(read("").freshness.level == larder::FreshnessLevel::strict);
    CHECK(read("").feed.barrier_limit == std::chrono::milliseconds(50));
    const auto config = read("[freshness]\nlevel = \"barrier\"\n[feed]\nbarrier_limit = \"2s\"\n[[rule]]\nname = \"a\"\nfreshness = \"bounded\"\n");
    CHECK(config.freshness.level == larder::FreshnessLevel::barrier);
    CHECK(config.feed.barrier_limit == std::chrono::milliseconds(2'000));
    CHECK(config.rules.at(0).freshness == larder::FreshnessLevel::bounded);
    CHECK(holds(error_of("[freshness]\nlevel = \"ttl\"\n"), "must be strict, bounded or barrier"));
    CHECK(holds(error_of("[feed]\nbarrier_limit = \"0\"\n"), "from 1ms to 10s"));
    CHECK(holds(error_of("[[rule]]\nname = \"a\"\nfreshness = \"ttl\"\n"), ":3: rule 'a': freshness must be strict, bounded or barrier"));
}

TEST_CASE("rules are checked") {
    CHECK(holds(error_of("[[rule]]\nttl = \"1s\"\n"), "needs a name"));
    CHECK(holds(error_of("[[rule]]\nname = \"a\"\n[[rule]]\nname = \"a\"\n"), "two rules named 'a'"));
    CHECK(holds(error_of("[[rule]]\nname = \"a\"\nmax_stale = \"2d\"\n"), ":3: rule 'a': max_stale must be a duration of a day at most"));
    CHECK(holds(error_of("[[rule]]\nname = \"a\"\nmatch = { tabel = \"x\" }\n"), "did you mean 'table'?"));
    CHECK(holds(error_of("[[rule]]\nname = \"a\"\ntt = \"1s\"\n"), "did you mean 'ttl'?"));
    CHECK(holds(error_of("[[rule]]\nname = \"a\"\nttl = \"0\"\n"), "ttl must be a duration"));
    CHECK(holds(error_of("[rule]\nname = \"a\"\n"), "[[rule]]"));
    std::string many;
    for (std::size_t i = 0; i <= kRulesMax; ++i) many += "[[rule]]\nname = \"r" + std::to_string(i) + "\"\n";
    CHECK(holds(error_of(many), "more than 1000 rules"));
}

TEST_CASE("what is printed can be read again and shows no password") {
    auto before = read("[cache]\nttl = \"90s\"\n[[rule]]\nname = \"q\\\"uote\"\nmatch = { regex = 'a\\d' }\ncache = true\nttl = \"5s\"\ntags = [\"t\"]\n",
                       {"upstream.uri=postgres://u:secret@h/d", "log.file=/var/log/\xC3\xA9"});
    const auto printed = print_config(before);
    CHECK_FALSE(holds(printed, "secret"));
    CHECK(holds(printed, "Default: \"1h\""));
    const auto after = read(printed);
    for (const auto& option : options()) {
        INFO(option.name());
        CHECK(option.print(before) == option.print(after));
    }
    REQUIRE(after.rules.size() == 1);
    CHECK(after.rules[0].name == "q\"uote");
    CHECK(after.rules[0].match.regex == "a\\d");
    CHECK(after.rules[0].cache == true);
}

TEST_CASE("changes that a reload cannot make are named") {
    const auto before = read("");
    const auto after = read("[listen]\naddress = \"127.0.0.1:7000\"\n[cache]\nttl = \"5s\"\n");
    CHECK(changes_that_need_restart(before, after) == std::vector<std::string>{"listen.address"});
    CHECK(changes_that_need_restart(before, before).empty());
    CHECK(changes_at_once(before, after) == std::vector<std::string>{"cache.ttl"});
    CHECK(changes_at_once(before, before).empty());
    const auto with_more = read("[[rule]]\nname = \"a\"\nttl = \"1s\"\n[[webhook]]\nname = \"w\"\nurl = \"http://127.0.0.1:1/\"\n");
    CHECK(changes_at_once(before, with_more) == std::vector<std::string>{"[[rule]]", "[[webhook]]"});
    CHECK(changes_at_once(with_more, with_more).empty());
    CHECK(changes_at_once(with_more, before) == std::vector<std::string>{"[[rule]]", "[[webhook]]"});
}

TEST_CASE("the pool's mode is one of four words, and a wrong one is named with its line") {
    CHECK(read("").pool.mode == PoolMode::session);
    CHECK(read("[pool]\nmode = \"auto\"\nsize = 4\nmax_wait = \"3s\"\n").pool.mode == PoolMode::automatic);
    CHECK(read("[pool]\nmode = \"transaction\"\n").pool.mode == PoolMode::transaction);
    CHECK(read("[pool]\nmode = \"statement\"\n").pool.mode == PoolMode::statement);
    CHECK(holds(error_of("[pool]\nmode = \"sesion\"\n"), ":2: pool.mode must be session, auto, transaction or statement"));
    CHECK(holds(error_of("[pool]\nsize = 0\n"), ":2: pool.size must be from 1 to"));
}

TEST_CASE("where Redis is and how it is used, and what is wrong with it") {
    CHECK(read("").redis.url.empty());
    const auto redis = read("[redis]\nurl = \"rediss://h:1/2\"\ntls = \"verify-ca\"\ntimeout = \"20ms\"\nmin_cost = \"0\"\nvalue_bytes_max = \"1MB\"\ncompress_above = 0\n").redis;
    CHECK(redis.url == "rediss://h:1/2");
    CHECK(redis.tls == TlsMode::verify_ca);
    CHECK(redis.timeout == milliseconds(20));
    CHECK(redis.value_bytes_max == 1u << 20);
    CHECK(holds(error_of("[redis]\nurl = \"redis://user:secret@h\"\n"), ":2: redis.url must not hold a user or password"));
    CHECK_FALSE(holds(error_of("[redis]\nurl = \"redis://user:secret@h\"\n"), "secret"));
    CHECK(holds(error_of("[redis]\nurl = \"h:1\"\n"), ":2: redis.url must be redis://host:port"));
    CHECK(holds(error_of("[redis]\ntls = \"prefer\"\n"), ":2: redis.tls must be require, verify-ca or verify-full"));
    CHECK(holds(error_of("[redis]\ntimeout = \"1ms\"\n"), ":2: redis.timeout must be from 5ms to 10s"));
}
