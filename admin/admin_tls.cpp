#include "admin/admin_tls.h"

#include <algorithm>
#include <stdexcept>

namespace larder::admin {
namespace {

namespace ssl = boost::asio::ssl;

struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
};

void check(const char* key, const std::string& file, const boost::system::error_code& error) {
    if (error) throw std::runtime_error(std::string(key) + ": \"" + file + "\" cannot be used: " + error.message());
}

// The only common name of a certificate's subject, as UTF-8; empty: there is none, or more than one, or it holds a zero.
std::string common_name(X509* certificate) {
    X509_NAME* const subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
    unsigned char* bytes = nullptr;
    const int size = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return {};
    std::string name(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return name.find('\0') == std::string::npos ? name : std::string();
}

}  // namespace

AdminTls::AdminTls(const config::Admin& config)
    : context_(ssl::context::tls_server), admins_(config::name_list(config.admin_users)), readers_(config::name_list(config.stats_users)) {
    boost::system::error_code error;
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    context_.use_certificate_chain_file(config.tls_cert_file, error);
    check("admin.tls_cert_file", config.tls_cert_file, error);
    context_.use_private_key_file(config.tls_key_file, ssl::context::pem, error);
    check("admin.tls_key_file", config.tls_key_file, error);
    if (SSL_CTX_check_private_key(context_.native_handle()) != 1) throw std::runtime_error("admin.tls_key_file: \"" + config.tls_key_file + "\" is not the key of admin.tls_cert_file");
    if (config.tls_ca_file.empty()) return;
    context_.load_verify_file(config.tls_ca_file, error);
    check("admin.tls_ca_file", config.tls_ca_file, error);
    // Who shows none may have a token; a certificate that cannot be verified ends the handshake.
    context_.set_verify_mode(ssl::verify_peer);
}

Access AdminTls::access_of(SSL* connection) const {
    const std::unique_ptr<X509, FreeCertificate> certificate(SSL_get1_peer_certificate(connection));
    if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) return Access::none;
    const auto name = common_name(certificate.get());
    const auto is_in = [&](const std::vector<std::string>& names) { return !name.empty() && std::find(names.begin(), names.end(), name) != names.end(); };
    return is_in(admins_) ? Access::change : is_in(readers_) ? Access::read : Access::none;
}

}  // namespace larder::admin
