// The HTTP server of the admin port. Beast's headers stay in http_server.cpp and web_socket.h.
//
// Serves what routes.h answers, over TLS where there is a certificate. Where reading needs no secret it binds to loopback only. Bounded in everything: connections,
// header and body size, requests per connection, the time that a client says nothing, and that for each part of a request. Where all
// connections are taken a new one pushes out the one that has waited longest for its client, so that /healthz answers; but no WebSocket, of which there are few (streams.h).
// Threads: one of its own, and another for requests that take time, so that those do not keep /healthz and /metrics waiting; the calls are main's.
#pragma once

#include <memory>
#include <string>

#include "admin/routes.h"
#include "config/config.h"

namespace larder::admin {

class HttpServer {
public:
    // Binds and listens. Throws std::runtime_error if it cannot, or if whoever comes from elsewhere could read everything.
    HttpServer(const config::Admin& config, const Sources& sources);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    void start();
    void stop();
    std::string url() const;  // "http://127.0.0.1:6433"

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::admin
