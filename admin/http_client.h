// One HTTP request to somebody else's server, over TLS where the address says so: with a deadline, to an end or given up.
//
// Each request has a connection of its own. Certificates are always checked, by the host's name too. Redirects are not followed: a
// signature or a token is for who was configured. Of the answer only status and Retry-After are looked at.
//
// Threads: send() one; cancel() any.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/webhook_table.h"

namespace larder::admin {

struct HttpCall {
    std::string method, path, body, content_type;                // content_type empty: no body
    std::vector<std::pair<std::string, std::string>> headers = {};
    bool may_be_absent = false;                                  // 404 and 412 say that there was nothing to be purged
};

struct HttpResult {
    int status = 0;                                              // 0: there was no answer
    std::string problem = {};                                    // of 0, for people
    std::optional<std::chrono::seconds> retry_after = {};
};

class HttpClient {
public:
    // `ca_file` empty: the system's authorities. Throws std::runtime_error if it cannot be read.
    HttpClient(config::HttpAddress address, const std::string& ca_file);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    // Looking a name up may take longer than `timeout`, by what the system's resolver takes.
    HttpResult send(const HttpCall& call, std::chrono::milliseconds timeout);
    // The request that is under way fails, and each that follows.
    void cancel();

private:
    struct Exchange;
    const config::HttpAddress address_;
    struct Tls;
    std::unique_ptr<Tls> tls_;  // null: plain
    std::atomic<bool> is_cancelled_{false};
};

}  // namespace larder::admin
