#include "config/webhook_table.h"

#include <algorithm>
#include <array>
#include <set>

#include "config/options.h"
#include "config/values.h"

namespace larder::config {
namespace {

constexpr std::size_t kTextBytesMax = 4096, kNameBytesMax = 63;
constexpr std::int64_t kBatchMax = 1000;
constexpr milliseconds kTimeoutMin{100}, kTimeoutMax{300'000}, kRetryForMax{7 * 86'400'000ll};
constexpr std::array<std::string_view, 5> kPresets{"events", "varnish", "nginx", "fastly", "cloudflare"};
const std::vector<std::string> kKeys{"name",     "url",  "preset", "secret_file", "tls_ca_file", "dead_letter_file",
                                     "relation", "tag",  "kinds",  "batch_max",   "timeout",     "retry_for"};

// It becomes part of a file's name, and a label.
bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kNameBytesMax && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

class WebhookReader {
public:
    WebhookReader(const toml::table& table, const std::string& origin) : table_(table), origin_(origin) {}

    Webhook read() {
        if (const auto* name = table_.get("name")) read_key("name", *name);
        for (const auto& [key, node] : table_) read_key(key.str(), node);
        if (webhook_.name.empty()) fail(table_, "a webhook needs a name");
        if (webhook_.url.empty()) fail(table_, "a webhook needs a url");
        check_preset();
        return webhook_;
    }

private:
    [[noreturn]] void fail(const toml::node& node, const std::string& problem) const {
        throw ConfigError(origin_, static_cast<int>(node.source().begin.line),
                          (webhook_.name.empty() ? "webhook: " : "webhook '" + webhook_.name + "': ") + problem);
    }

    void check_preset() const {
        const auto preset = webhook_.preset;
        if (preset != WebhookPreset::events && !webhook_.filter.kinds.empty()) {
            fail(table_, "kinds is for preset = \"events\": what a cache of pages has to hear of is settled");
        }
        if ((preset == WebhookPreset::fastly || preset == WebhookPreset::cloudflare) && webhook_.secret_file.empty()) {
            fail(table_, "this preset needs secret_file, with the token of the API");
        }
        if (preset == WebhookPreset::nginx && webhook_.url.find("{key}") == std::string::npos) {
            fail(table_, "the url of preset = \"nginx\" must hold {key}, which stands for the key to be purged");
        }
    }

    std::string text(const toml::node& node, std::string_view key) const {
        const auto* value = node.as_string();
        if (value == nullptr) fail(node, std::string(key) + " must be a string");
        if (value->get().size() > kTextBytesMax) fail(node, std::string(key) + " is too long");
        if (value->get().find('\0') != std::string::npos) fail(node, std::string(key) + " must not hold a NUL byte");
        return value->get();
    }

    milliseconds duration(const toml::node& node, std::string_view key, milliseconds min, milliseconds max) const {
        const auto value = parse_duration(text(node, key));
        if (!value || *value < min || *value > max) {
            fail(node, std::string(key) + " must be a duration from " + print_duration(min) + " to " + print_duration(max));
        }
        return *value;
    }

    void read_key(std::string_view key, const toml::node& node) {
        if (key == "name") {
            const auto name = text(node, key);
            if (!is_name(name)) fail(node, "a name is made of letters, digits, _ and -, 63 at most");
            webhook_.name = name;
        } else if (key == "url") {
            webhook_.url = text(node, key);
            if (!parse_http_url(webhook_.url)) fail(node, "url must be http:// or https:// and hold neither a user nor a fragment nor blanks");
        } else if (key == "preset") {
            const auto found = std::find(kPresets.begin(), kPresets.end(), text(node, key));
            if (found == kPresets.end()) fail(node, "preset must be events, varnish, nginx, fastly or cloudflare");
            webhook_.preset = static_cast<WebhookPreset>(found - kPresets.begin());
        } else if (key == "batch_max") {
            const auto* value = node.as_integer();
            if (value == nullptr || value->get() < 1 || value->get() > kBatchMax) fail(node, "batch_max must be a whole number from 1 to 1000");
            webhook_.batch_max = static_cast<int>(value->get());
        } else if (key == "timeout") {
            webhook_.timeout = duration(node, key, kTimeoutMin, kTimeoutMax);
        } else if (key == "retry_for") {
            webhook_.retry_for = duration(node, key, milliseconds(0), kRetryForMax);
        } else if (key == "kinds") {
            read_kinds(node);
        } else {
            read_text_key(key, node);
        }
    }

    void read_text_key(std::string_view key, const toml::node& node) {
        if (key == "secret_file") webhook_.secret_file = text(node, key);
        else if (key == "tls_ca_file") webhook_.tls_ca_file = text(node, key);
        else if (key == "dead_letter_file") webhook_.dead_letter_file = text(node, key);
        else if (key == "relation") webhook_.filter.relation = text(node, key);
        else if (key == "tag") webhook_.filter.tag = text(node, key);
        else {
            const auto meant = nearest(key, kKeys);
            fail(node, "unknown key '" + std::string(key) + "'" + (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
        }
    }

    void read_kinds(const toml::node& node) {
        const auto* kinds = node.as_array();
        if (kinds == nullptr) fail(node, "kinds must be a list of strings");
        for (const auto& element : *kinds) {
            const auto kind = event_kind(text(element, "a kind"));
            if (!kind || *kind == EventKind::gap) fail(element, "kinds must be those of docs/events.md; gap is always told");
            webhook_.filter.kinds.push_back(*kind);
        }
    }

    const toml::table& table_;
    const std::string& origin_;
    Webhook webhook_;
};

}  // namespace

std::string_view name(WebhookPreset preset) { return kPresets[static_cast<std::size_t>(preset)]; }

std::optional<HttpAddress> parse_http_url(std::string_view url) {
    HttpAddress out;
    if (!std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; })) return std::nullopt;
    if (url.find('#') != std::string_view::npos) return std::nullopt;
    if (url.starts_with("https://")) {
        out.is_tls = true, out.port = 443;
        url.remove_prefix(8);
    } else if (url.starts_with("http://")) {
        url.remove_prefix(7);
    } else {
        return std::nullopt;
    }
    const auto end = std::min(url.find_first_of("/?"), url.size());
    out.authority = url.substr(0, end);
    out.path = url.substr(end);
    if (!out.path.starts_with('/')) out.path.insert(0, "/");
    if (out.authority.empty() || out.authority.find('@') != std::string::npos) return std::nullopt;
    const auto bracket = out.authority.rfind(']'), colon = out.authority.rfind(':');
    const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    const auto endpoint = parse_endpoint(has_port ? out.authority : out.authority + ":" + std::to_string(out.port));
    if (!endpoint || endpoint->host.starts_with('/')) return std::nullopt;
    out.host = endpoint->host, out.port = endpoint->port;
    return out;
}

std::vector<Webhook> read_webhooks(const toml::node& node, const std::string& origin) {
    const int line = static_cast<int>(node.source().begin.line);
    const auto* array = node.as_array();
    if (array == nullptr) throw ConfigError(origin, line, "webhooks must be written as [[webhook]]");
    if (array->size() > kWebhooksMax) throw ConfigError(origin, line, "there are more than " + std::to_string(kWebhooksMax) + " webhooks");
    std::vector<Webhook> webhooks;
    std::set<std::string> names;
    for (const auto& element : *array) {
        const auto* table = element.as_table();
        if (table == nullptr) throw ConfigError(origin, line, "webhooks must be written as [[webhook]]");
        webhooks.push_back(WebhookReader(*table, origin).read());
        if (!names.insert(webhooks.back().name).second) {
            throw ConfigError(origin, static_cast<int>(table->source().begin.line), "there are two webhooks named '" + webhooks.back().name + "'");
        }
    }
    return webhooks;
}

std::string print_webhook(const Webhook& webhook) {
    std::string out = "[[webhook]]\n";
    const auto add = [&](std::string_view key, std::string_view value) {
        if (!value.empty()) out += std::string(key) + " = " + toml_string(value) + "\n";
    };
    add("name", webhook.name);
    add("url", webhook.url);
    add("preset", name(webhook.preset));
    add("secret_file", webhook.secret_file);
    add("tls_ca_file", webhook.tls_ca_file);
    add("dead_letter_file", webhook.dead_letter_file);
    if (!webhook.filter.kinds.empty()) {
        out += "kinds = [";
        const char* separator = "";
        for (const auto kind : webhook.filter.kinds) out += separator + toml_string(larder::name(kind)), separator = ", ";
        out += "]\n";
    }
    add("relation", webhook.filter.relation);
    add("tag", webhook.filter.tag);
    out += "batch_max = " + std::to_string(webhook.batch_max) + "\n";
    add("timeout", print_duration(webhook.timeout));
    add("retry_for", print_duration(webhook.retry_for));
    return out;
}

}  // namespace larder::config
