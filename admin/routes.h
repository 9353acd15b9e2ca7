// What the HTTP server answers, without any socket: method and target in, status and body out.
// Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "base/snapshot.h"

namespace larder::admin {

struct HttpReply {
    int status = 200;
    std::string content_type;
    std::string body;
    std::string allow;  // with status 405
};

HttpReply answer(std::string_view method, std::string_view target, const SnapshotSource& source);

// An error as application/problem+json (RFC 9457).
HttpReply problem(int status, std::string_view title, std::string_view detail);

}  // namespace larder::admin
