#include "config/webhook_table.h"

#include <catch2/catch.hpp>

#include "config/load.h"
#include "temp_file.h"

using namespace larder;
using namespace larder::config;
using namespace std::chrono_literals;

namespace {

Config read(const std::string& text) {
    return load(TempFile(text).path(), {}, [](const char*) -> const char* { return nullptr; });
}

std::string error_of(const std::string& text) {
    try {
        read(text);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const std::string kStart = "[[webhook]]\nname = \"a\"\nurl = \"http://127.0.0.1/x\"\n";

}  // namespace

TEST_CASE("webhooks are read, and printed so that they can be read again") {
    const auto config = read(
        "[[webhook]]\nname = \"shop\"\nurl = \"https://[::1]:8443/hook?a=b\"\nsecret_file = \"/s\"\ntls_ca_file = \"/ca\"\n"
        "dead_letter_file = \"/dead\"\nkinds = [\"invalidation\", \"purge\"]\nrelation = \"public.t\"\ntag = \"home\"\nbatch_max = 7\n"
        "timeout = \"2s\"\nretry_for = \"0\"\n"
        "[[webhook]]\nname = \"pages\"\nurl = \"http://cache\"\npreset = \"varnish\"\n");
    REQUIRE(config.webhooks.size() == 2);
    const auto& shop = config.webhooks[0];
    CHECK(shop.filter.kinds == std::vector<EventKind>{EventKind::invalidation, EventKind::purge});
    CHECK(shop.filter.tag == "home");
    CHECK(shop.batch_max == 7);
    CHECK(shop.timeout == 2s);
    CHECK(shop.retry_for == 0s);
    CHECK(config.webhooks[1].preset == WebhookPreset::varnish);
    CHECK(read(print_webhook(shop) + print_webhook(config.webhooks[1])).webhooks == config.webhooks);
    CHECK(holds(print_config(config), print_webhook(shop)));
}

TEST_CASE("webhooks are checked") {
    CHECK(error_of(kStart) == "no error");
    CHECK(holds(error_of("[webhook]\nname = \"a\"\n"), "must be written as [[webhook]]"));
    CHECK(holds(error_of("[[webhook]]\nurl = \"http://x\"\n"), ":1: webhook: a webhook needs a name"));
    CHECK(holds(error_of("[[webhook]]\nname = \"a\"\n"), "webhook 'a': a webhook needs a url"));
    CHECK(holds(error_of("[[webhook]]\nname = \"../a\"\nurl = \"http://x\"\n"), "a name is made of letters"));
    CHECK(holds(error_of(kStart + kStart), ":4: there are two webhooks named 'a'"));
    CHECK(holds(error_of(kStart + "kinds = [\"gap\"]\n"), "gap is always told"));
    CHECK(holds(error_of(kStart + "batch_max = 0\n"), "from 1 to 1000"));
    CHECK(holds(error_of(kStart + "timeout = \"1ms\"\n"), ":4: webhook 'a': timeout must be a duration from 100ms to 5min"));
    CHECK(holds(error_of(kStart + "secret_fil = \"x\"\n"), "did you mean 'secret_file'?"));
    CHECK(holds(error_of(kStart + "preset = \"akamai\"\n"), "preset must be"));
    CHECK(holds(error_of(kStart + "preset = \"nginx\"\n"), "must hold {key}"));
    CHECK(holds(error_of(kStart + "preset = \"fastly\"\n"), "needs secret_file"));
    CHECK(holds(error_of(kStart + "preset = \"varnish\"\nkinds = [\"purge\"]\n"), "kinds is for preset"));
    std::string many;
    for (int i = 0; i < 17; ++i) many += "[[webhook]]\nname = \"a" + std::to_string(i) + "\"\nurl = \"http://x\"\n";
    CHECK(holds(error_of(many), "more than 16 webhooks"));
}

TEST_CASE("addresses of webhooks") {
    const auto address = parse_http_url("https://api.example:8443/a/b?c=d");
    REQUIRE(address);
    CHECK(address->is_tls);
    CHECK(address->host == "api.example");
    CHECK(address->port == 8443);
    CHECK(address->path == "/a/b?c=d");
    CHECK(address->authority == "api.example:8443");
    CHECK(parse_http_url("http://x")->path == "/");
    CHECK(parse_http_url("http://x?a")->path == "/?a");
    CHECK(parse_http_url("https://x")->port == 443);
    CHECK(parse_http_url("http://[::1]/")->host == "::1");
    CHECK(parse_http_url("http://[::1]:81/")->port == 81);
    for (const auto* const bad : {"", "x", "ftp://x", "http://", "http:///a", "http://u:p@x/", "http://x/#a", "http://x/a b", "http://x/\r\nA: b", "http://x:0", "http://x:99999"}) {
        INFO(bad);
        CHECK_FALSE(parse_http_url(bad));
    }
    // What is refused may be secret.
    CHECK_FALSE(holds(error_of("[[webhook]]\nname = \"a\"\nurl = \"http://user:hidden@x\"\n"), "hidden"));
}
