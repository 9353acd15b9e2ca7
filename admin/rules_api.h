// The part of /api/v1 that is about rules.
// Threads: any. A change waits for the disk.
#pragma once

#include <optional>

#include "admin/http_request.h"

namespace larder::admin {

// The method is one that endpoints.cpp names, and the token was shown (routes.cpp). Nothing if the path is none of these. Bodies are objects in JSON with the keys of CREATE RULE: texts, and for cache true or false.
//   GET    /api/v1/rules                  in the order in which they are tried
//   POST   /api/v1/rules                  {"name": …, "before": …, "ttl": "30s", …}: makes one, 201
//   GET    /api/v1/rules/{name}           with what it matches of the statements that were counted so far
//   PUT    /api/v1/rules/{name}           makes it, or replaces all of it
//   PATCH  /api/v1/rules/{name}           changes the keys that are given; null takes one away
//   DELETE /api/v1/rules/{name}           204
// With ?dry_run=true POST and PUT change nothing and say what the rule would match.
std::optional<HttpReply> answer_of_rules(const HttpRequest& request, const Sources& sources);

}  // namespace larder::admin
