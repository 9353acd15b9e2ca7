// The part of /api/v1 that is about statements and advice: reading it, and with a token putting it into force.
// Threads: any.
#pragma once

#include <optional>

#include "admin/http_request.h"

namespace larder::admin {

// Nothing if the path is none of these:
//   GET  /api/v1/queries?limit=&offset=&sort=     server_time (default), mean, calls, hit_rate, saved
//   GET  /api/v1/queries/{id}                     with the relations it touches; examples with their values only if the token is shown
//   GET  /api/v1/slow-queries, /api/v1/advice, /api/v1/advice/{id}, /api/v1/deployments, /api/v1/deployments.md
//                                                 the constants of clients' statements only if the token is shown
//   POST /api/v1/advice/{id}/deploy?option=       202 and the deployment's id
//   POST /api/v1/advice/workload?budget=          in bytes; 202, and soon in /api/v1/advice
//   POST /api/v1/deployments/{id}/revert          202
std::optional<HttpReply> answer_of_traffic(const HttpRequest& request, const Sources& sources);

}  // namespace larder::admin
