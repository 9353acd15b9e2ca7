#include "admin/webhook_request.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::admin;
using config::WebhookPreset;

namespace {

EventRef of(EventKind kind, const std::string& relation, std::vector<std::string> tags = {}, std::uint64_t id = 1) {
    return std::make_shared<Event>(Event{.kind = kind, .relation = relation, .tags = std::move(tags), .id = id});
}

std::vector<HttpCall> calls(WebhookPreset preset, const std::string& url, const std::vector<EventRef>& events, const std::string& secret = "token") {
    config::Webhook webhook;
    webhook.name = "a", webhook.url = url, webhook.preset = preset;
    return webhook_calls(webhook, *config::parse_http_url(url), secret, events, 1'767'225'600);
}

std::string header(const HttpCall& call, const std::string& name) {
    for (const auto& [key, value] : call.headers) {
        if (key == name) return value;
    }
    return "none";
}

const std::vector<EventRef> kWrites{of(EventKind::invalidation, "public.products", {"home"}), of(EventKind::invalidation, "public.orders", {"home"})};
const std::vector<EventRef> kAll{of(EventKind::invalidation, "public.products", {"home"}), of(EventKind::gap, "")};

}  // namespace

TEST_CASE("a signature is HMAC-SHA256 over the time and the body") {
    // printf '1767225600.{}' | openssl dgst -sha256 -hmac key
    CHECK(signature("key", "{}", 1'767'225'600) == "t=1767225600,v1=df344de429b8ee672e1863e0008fdbd0080000536fbccdf0e4f89846acbbe872");
    const auto made = calls(WebhookPreset::events, "http://x/hook", kWrites);
    REQUIRE(made.size() == 1);
    CHECK(header(made[0], "Larder-Signature") == signature("token", made[0].body, 1'767'225'600));
    CHECK(header(calls(WebhookPreset::events, "http://x/hook", kWrites, "")[0], "Larder-Signature") == "none");
}

TEST_CASE("keys are relations and tags, each once, and none where every page is meant") {
    CHECK(surrogate_keys(kWrites) == std::vector<std::string>{"public.products", "home", "public.orders"});
    CHECK(surrogate_keys({of(EventKind::purge, "", {"home"})}) == std::vector<std::string>{"home"});
    CHECK_FALSE(surrogate_keys(kAll));
    for (const auto kind : {EventKind::invalidation, EventKind::schema, EventKind::server, EventKind::purge, EventKind::quarantine, EventKind::gap}) {
        CHECK_FALSE(surrogate_keys({of(kind, "")}));
    }
    CHECK(surrogate_key("public.my table,\"x\"%\r\n\xc3\xa4") == "public.my%20table%2C%22x%22%25%0D%0A%C3%A4");
}

TEST_CASE("Varnish is sent a pattern for its header of keys") {
    const auto made = calls(WebhookPreset::varnish, "http://cache:6081", kWrites, "");
    REQUIRE(made.size() == 1);
    CHECK(made[0].method == "BAN");
    CHECK(made[0].path == "/");
    CHECK(header(made[0], "Larder-Ban") == "(^|[\\s,])(public\\x2Eproducts|home|public\\x2Eorders)($|[\\s,])");
    CHECK(header(made[0], "Authorization") == "none");
    CHECK(header(calls(WebhookPreset::varnish, "http://cache", kWrites)[0], "Authorization") == "Bearer token");
    CHECK(header(calls(WebhookPreset::varnish, "http://cache", kAll)[0], "Larder-Ban") == ".");
    // Nothing of a name can end the pattern or become another condition.
    const auto odd = header(calls(WebhookPreset::varnish, "http://cache", {of(EventKind::purge, "", {"a|.*) && obj.status == 200"})})[0], "Larder-Ban");
    CHECK(odd == "(^|[\\s,])(a\\x7C\\x2E\\x2A\\x29\\x2520\\x26\\x26\\x2520obj\\x2Estatus\\x2520\\x3D\\x3D\\x2520200)($|[\\s,])");
}

TEST_CASE("nginx is asked to purge each key by a path") {
    const auto made = calls(WebhookPreset::nginx, "http://cache/purge/{key}?x={key}", kWrites, "");
    REQUIRE(made.size() == 3);
    CHECK(made[0].method == "PURGE");
    CHECK(made[0].path == "/purge/public.products?x=public.products");
    CHECK(made[1].path == "/purge/home?x=home");
    CHECK(calls(WebhookPreset::nginx, "http://cache/purge/{key}", kAll)[0].path == "/purge/*");
    CHECK(calls(WebhookPreset::nginx, "http://cache/{key}", {of(EventKind::purge, "", {"../{key}"})})[0].path == "/..%2F%7Bkey%7D");
    CHECK(judge(made[0], {.status = 404}) == Delivered::yes);
    CHECK(judge(made[0], {.status = 412}) == Delivered::yes);
}

TEST_CASE("Fastly is sent surrogate keys, 256 at most, or told to purge all") {
    const auto made = calls(WebhookPreset::fastly, "https://api.fastly.com/service/SU1Z0isxPaozGVKXdv0eY", kWrites);
    REQUIRE(made.size() == 1);
    CHECK(made[0].method == "POST");
    CHECK(made[0].path == "/service/SU1Z0isxPaozGVKXdv0eY/purge");
    CHECK(header(made[0], "Surrogate-Key") == "public.products home public.orders");
    CHECK(header(made[0], "Fastly-Key") == "token");
    CHECK(calls(WebhookPreset::fastly, "https://api.fastly.com/service/S/", kAll)[0].path == "/service/S/purge_all");
    std::vector<EventRef> many;
    for (int i = 0; i < 300; ++i) many.push_back(of(EventKind::invalidation, "s.t" + std::to_string(i)));
    CHECK(calls(WebhookPreset::fastly, "https://api.fastly.com/service/S", many).size() == 2);
    for (auto& event : many) event = of(EventKind::invalidation, std::string(100, 'x') + std::to_string(event->relation.size() + many.size()) + event->relation);
    for (const auto& call : calls(WebhookPreset::fastly, "https://api.fastly.com/service/S", many)) CHECK(header(call, "Surrogate-Key").size() <= 4000);
}

TEST_CASE("Cloudflare is sent tags, 30 at most, or told to purge everything") {
    const std::string url = "https://api.cloudflare.com/client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353";
    const auto made = calls(WebhookPreset::cloudflare, url, kWrites);
    REQUIRE(made.size() == 1);
    CHECK(made[0].method == "POST");
    CHECK(made[0].path == "/client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/purge_cache");
    CHECK(made[0].body == R"({"tags":["public.products","home","public.orders"]})");
    CHECK(made[0].content_type == "application/json");
    CHECK(header(made[0], "Authorization") == "Bearer token");
    CHECK(calls(WebhookPreset::cloudflare, url, kAll)[0].body == R"({"purge_everything":true})");
    std::vector<EventRef> many;
    for (int i = 0; i < 61; ++i) many.push_back(of(EventKind::invalidation, "s.t" + std::to_string(i)));
    CHECK(calls(WebhookPreset::cloudflare, url, many).size() == 3);
}

TEST_CASE("what became of a request") {
    const HttpCall call{"POST", "/", "", ""};
    for (const int status : {200, 201, 202, 204}) CHECK(judge(call, {.status = status}) == Delivered::yes);
    for (const int status : {0, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504}) CHECK(judge(call, {.status = status}) == Delivered::later);
    for (const int status : {101, 301, 302, 307, 308, 304, 400, 405, 410, 413, 422, 501}) CHECK(judge(call, {.status = status}) == Delivered::never);
}
