// The requests that tell one webhook of a batch of events: events as signed JSON, or purges of surrogate keys (docs/events.md).
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/http_client.h"
#include "base/events.h"

namespace larder::admin {

// What a cache of pages has to hear of: everything after which a page may be another one.
const std::vector<EventKind>& page_kinds();

// A key as it stands in headers and paths: the bytes of "schema.table" or of a tag; blanks, commas, controls, '%', quotes and what is not
// ASCII as %XX. What marks its pages by such a key has to write it the same way.
std::string surrogate_key(std::string_view name);

// The keys of these events, each once: relations and tags. Nothing: they concern every page.
std::optional<std::vector<std::string>> surrogate_keys(const std::vector<EventRef>& events);

// In the order in which they are to be sent. `secret`: of secret_file; `unix_seconds`: now. Made anew for each attempt.
std::vector<HttpCall> webhook_calls(const config::Webhook& webhook, const config::HttpAddress& address, const std::string& secret,
                                    const std::vector<EventRef>& events, std::int64_t unix_seconds);

// "t=1767225600,v1=<hex of HMAC-SHA256 over "1767225600." and the body>".
std::string signature(const std::string& secret, std::string_view body, std::int64_t unix_seconds);

// What became of a request.
enum class Delivered : std::uint8_t { yes, later, never };
Delivered judge(const HttpCall& call, const HttpResult& result);

}  // namespace larder::admin
