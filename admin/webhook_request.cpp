#include "admin/webhook_request.h"

#include <algorithm>
#include <array>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "admin/documents.h"
#include "admin/event_report.h"

namespace larder::admin {
namespace {

// Limits of those who take them: Fastly 256 keys, Cloudflare 30 tags in a request; Varnish 8 kB in a header, Fastly 16 kB.
constexpr std::size_t kFastlyKeysMax = 256, kCloudflareTagsMax = 30, kHeaderBytesMax = 4000;
constexpr char kHex[] = "0123456789ABCDEF";

bool is_plain(unsigned char c) { return c > 0x20 && c < 0x7f && c != ',' && c != '%' && c != '"' && c != '\\'; }
bool is_word(unsigned char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

std::string escaped(std::string_view text, std::string_view prefix, bool (*is_kept)(unsigned char)) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_kept(byte))
            out += c;
        else
            ((out += prefix) += kHex[byte >> 4]) += kHex[byte & 15];
    }
    return out;
}

bool is_unreserved(unsigned char c) { return is_word(c) || c == '.' || c == '-' || c == '~'; }

// In groups that a request can hold; `more`: bytes that each takes besides.
std::vector<std::string> joined(const std::vector<std::string>& keys, std::string_view separator, std::size_t keys_max) {
    std::vector<std::string> groups;
    std::size_t count = 0;
    for (const auto& key : keys) {
        if (groups.empty() || count == keys_max || groups.back().size() + separator.size() + key.size() > kHeaderBytesMax) {
            groups.emplace_back();
            count = 0;
        }
        if (count++ > 0) groups.back() += separator;
        groups.back() += key;
    }
    return groups;
}

std::string without_slash(std::string path) {
    while (path.ends_with('/')) path.pop_back();
    return path;
}

using Keys = std::optional<std::vector<std::string>>;

// A ban's expression is split at blanks, and what is in it must not be taken for more of it: all but letters and digits is written by its number.
std::vector<HttpCall> varnish_calls(const std::string& path, const std::string& secret, const Keys& keys) {
    std::vector<HttpCall> calls;
    const auto ban = [&](std::string pattern) {
        calls.push_back({"BAN", path, "", "", {{"Larder-Ban", std::move(pattern)}}});
        if (!secret.empty()) calls.back().headers.emplace_back("Authorization", "Bearer " + secret);
    };
    if (!keys) {
        ban(".");
        return calls;
    }
    std::vector<std::string> patterns;
    for (const auto& key : *keys) patterns.push_back(escaped(key, "\\x", is_word));
    for (auto& group : joined(patterns, "|", SIZE_MAX)) ban("(^|[\\s,])(" + group + ")($|[\\s,])");
    return calls;
}

std::vector<HttpCall> nginx_calls(const std::string& path, const std::string& secret, const Keys& keys) {
    std::vector<HttpCall> calls;
    const auto purge = [&](std::string_view key) {
        auto target = path;
        for (auto at = target.find("{key}"); at != std::string::npos; at = target.find("{key}", at + key.size())) target.replace(at, 5, key);
        calls.push_back({"PURGE", std::move(target), "", "", {}, true});
        if (!secret.empty()) calls.back().headers.emplace_back("Authorization", "Bearer " + secret);
    };
    if (!keys) purge("*");
    for (const auto& key : keys.value_or(std::vector<std::string>())) purge(escaped(key, "%", is_unreserved));
    return calls;
}

std::vector<HttpCall> fastly_calls(const std::string& path, const std::string& secret, const Keys& keys) {
    const std::vector<std::pair<std::string, std::string>> shown{{"Fastly-Key", secret}, {"Accept", "application/json"}};
    if (!keys) return {{"POST", without_slash(path) + "/purge_all", "", "", shown}};
    std::vector<HttpCall> calls;
    for (const auto& group : joined(*keys, " ", kFastlyKeysMax)) {
        calls.push_back({"POST", without_slash(path) + "/purge", "", "", shown});
        calls.back().headers.emplace_back("Surrogate-Key", group);
    }
    return calls;
}

std::vector<HttpCall> cloudflare_calls(const std::string& path, const std::string& secret, const Keys& keys) {
    const auto call = [&](const json::object& body) {
        return HttpCall{"POST", without_slash(path) + "/purge_cache", json_text(body), "application/json", {{"Authorization", "Bearer " + secret}}};
    };
    if (!keys) return {call({{"purge_everything", true}})};
    std::vector<HttpCall> calls;
    for (std::size_t at = 0; at < keys->size(); at += kCloudflareTagsMax) {
        const auto begin = keys->begin() + static_cast<std::ptrdiff_t>(at);
        const auto end = keys->begin() + static_cast<std::ptrdiff_t>(std::min(at + kCloudflareTagsMax, keys->size()));
        calls.push_back(call({{"tags", json::array(begin, end)}}));
    }
    return calls;
}

HttpCall events_call(const std::string& path, const std::string& secret, const std::vector<EventRef>& events, std::int64_t unix_seconds) {
    auto body = json_text(list_object("events", events, [](const EventRef& event) { return event_object(*event); }));
    HttpCall call{"POST", path, std::move(body), "application/json"};
    call.headers.emplace_back("Larder-Events", std::to_string(events.front()->id) + "-" + std::to_string(events.back()->id));
    if (!secret.empty()) call.headers.emplace_back("Larder-Signature", signature(secret, call.body, unix_seconds));
    return call;
}

}  // namespace

const std::vector<EventKind>& page_kinds() {
    static const std::vector<EventKind> kKinds{EventKind::invalidation, EventKind::schema, EventKind::server, EventKind::purge,
                                               EventKind::quarantine};
    return kKinds;
}

std::string surrogate_key(std::string_view name) { return escaped(name, "%", is_plain); }

std::optional<std::vector<std::string>> surrogate_keys(const std::vector<EventRef>& events) {
    std::vector<std::string> keys;
    const auto add = [&](std::string_view name) {
        auto key = surrogate_key(name);
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(std::move(key));
    };
    for (const auto& event : events) {
        // A purge of a tag names no relation.
        const bool is_of_tags = event->kind == EventKind::purge && !event->tags.empty();
        if (event->relation.empty() && !is_of_tags) return std::nullopt;
        if (!event->relation.empty()) add(event->relation);
        for (const auto& tag : event->tags) add(tag);
    }
    return keys;
}

std::vector<HttpCall> webhook_calls(const config::Webhook& webhook, const config::HttpAddress& address, const std::string& secret,
                                    const std::vector<EventRef>& events, std::int64_t unix_seconds) {
    using Preset = config::WebhookPreset;
    switch (webhook.preset) {
        case Preset::varnish: return varnish_calls(address.path, secret, surrogate_keys(events));
        case Preset::nginx: return nginx_calls(address.path, secret, surrogate_keys(events));
        case Preset::fastly: return fastly_calls(address.path, secret, surrogate_keys(events));
        case Preset::cloudflare: return cloudflare_calls(address.path, secret, surrogate_keys(events));
        case Preset::events: break;
    }
    return {events_call(address.path, secret, events, unix_seconds)};
}

std::string signature(const std::string& secret, std::string_view body, std::int64_t unix_seconds) {
    const auto time = std::to_string(unix_seconds);
    const auto text = time + "." + std::string(body);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest.data(), &size);
    std::string out = "t=" + time + ",v1=";
    constexpr char kLowHex[] = "0123456789abcdef";
    for (unsigned int i = 0; i < size; ++i) (out += kLowHex[digest[i] >> 4]) += kLowHex[digest[i] & 15];
    return out;
}

// What says of this very request that it will never do is not tried again. A login that is refused may be allowed in a moment, and a path
// may be there again after a deployment.
Delivered judge(const HttpCall& call, const HttpResult& result) {
    const int status = result.status;
    if (status >= 200 && status < 300) return Delivered::yes;
    if (call.may_be_absent && (status == 404 || status == 412)) return Delivered::yes;
    constexpr std::array kHopeless{400, 405, 406, 410, 411, 413, 414, 415, 422, 431, 501};
    const bool is_hopeless = (status >= 100 && status < 400) || std::find(kHopeless.begin(), kHopeless.end(), status) != kHopeless.end();
    return is_hopeless ? Delivered::never : Delivered::later;
}

}  // namespace larder::admin
