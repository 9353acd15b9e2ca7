// [[webhook]] of larder.toml: where events are sent to.
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "config/config.h"

namespace larder::config {

// Where a webhook's url leads.
struct HttpAddress {
    bool is_tls = false;
    std::string host;           // a name or an address, without brackets
    std::uint16_t port = 80;
    std::string path = "/";     // with its query
    std::string authority;      // host and port as they stood in the URL, for the header Host
};
// Nothing: it is no http:// or https:// URL, holds a user, a fragment, blanks, or bytes that are not ASCII.
std::optional<HttpAddress> parse_http_url(std::string_view url);

std::string_view name(WebhookPreset preset);

// Throws ConfigError with `origin` and the line. What a value was is not repeated: it may be secret.
std::vector<Webhook> read_webhooks(const toml::node& node, const std::string& origin);
std::string print_webhook(const Webhook& webhook);

}  // namespace larder::config
