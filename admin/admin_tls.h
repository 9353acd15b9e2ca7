// TLS of the admin port, and what a client's certificate allows.
//
// Threads: any; it is constant.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include "admin/routes.h"
#include "config/config.h"

namespace larder::admin {

class AdminTls {
public:
    // TLS 1.2 and later. Throws std::runtime_error, which names the key, if a file cannot be used. tls_cert_file is not empty.
    explicit AdminTls(const config::Admin& config);

    boost::asio::ssl::context& context() const { return context_; }
    // By the common name of the certificate, which was verified in the handshake: admin_users may change things, stats_users may read. Nothing
    // for who shows none, or one with no or several names.
    Access access_of(SSL* connection) const;

private:
    mutable boost::asio::ssl::context context_;  // Asio's streams want it so; nothing changes it
    const std::vector<std::string> admins_, readers_;
};

}  // namespace larder::admin
