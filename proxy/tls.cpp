#include "proxy/tls.h"

#include <climits>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace larder::proxy {
namespace {

// The newest OpenSSL error of this thread; the queue is emptied, so that it cannot be taken for another connection's.
std::string last_error() {
    const unsigned long code = ERR_peek_last_error();
    char text[256] = "unknown error";
    if (code != 0) {
        const char* reason = ERR_reason_error_string(code);
        if (reason != nullptr) {
            ERR_clear_error();
            return reason;
        }
        ERR_error_string_n(code, text, sizeof text);
    }
    ERR_clear_error();
    return text;
}

SSL_CTX* new_context(const SSL_METHOD* method) {
    ERR_clear_error();
    SSL_CTX* context = SSL_CTX_new(method);
    if (context == nullptr) throw std::runtime_error("TLS: " + last_error());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    // RELEASE_BUFFERS: an idle connection keeps no record buffers.
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return context;
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

std::shared_ptr<const TlsContext> TlsContext::for_clients(const config::Listen& listen) {
    std::shared_ptr<TlsContext> tls(new TlsContext(new_context(TLS_server_method())));
    SSL_CTX* context = tls->context_;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // as PostgreSQL: no resumption
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file(context, listen.tls_cert_file.c_str()) != 1)
        throw std::runtime_error("listen.tls_cert_file \"" + listen.tls_cert_file + "\": " + last_error());
    if (SSL_CTX_use_PrivateKey_file(context, listen.tls_key_file.c_str(), SSL_FILETYPE_PEM) != 1)
        throw std::runtime_error("listen.tls_key_file \"" + listen.tls_key_file + "\": " + last_error());
    if (SSL_CTX_check_private_key(context) != 1)
        throw std::runtime_error("listen.tls_key_file \"" + listen.tls_key_file + "\" is not the key of listen.tls_cert_file");
    if (!listen.tls_ca_file.empty()) {
        if (SSL_CTX_load_verify_locations(context, listen.tls_ca_file.c_str(), nullptr) != 1)
            throw std::runtime_error("listen.tls_ca_file \"" + listen.tls_ca_file + "\": " + last_error());
        const bool must_verify = listen.tls == config::TlsMode::verify_ca || listen.tls == config::TlsMode::verify_full;
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (must_verify ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    }
    return tls;
}

std::shared_ptr<const TlsContext> TlsContext::for_upstream(const config::Upstream& upstream) {
    std::shared_ptr<TlsContext> tls(new TlsContext(new_context(TLS_client_method())));
    SSL_CTX* context = tls->context_;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    const bool verifies = upstream.tls == config::TlsMode::verify_ca || upstream.tls == config::TlsMode::verify_full;
    tls->verifies_host_ = upstream.tls == config::TlsMode::verify_full;
    if (!upstream.tls_ca_file.empty()) {
        if (SSL_CTX_load_verify_locations(context, upstream.tls_ca_file.c_str(), nullptr) != 1)
            throw std::runtime_error("upstream.tls_ca_file \"" + upstream.tls_ca_file + "\": " + last_error());
    } else if (verifies && SSL_CTX_set_default_verify_paths(context) != 1) {
        throw std::runtime_error("upstream.tls: the system's certificate authorities cannot be loaded: " + last_error());
    }
    // As libpq: sslmode=require with a CA file verifies the chain.
    SSL_CTX_set_verify(context, verifies || !upstream.tls_ca_file.empty() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    return tls;
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, int descriptor, bool is_server, const std::string& host)
    : context_(std::move(context)), ssl_(SSL_new(context_->context_)) {
    if (ssl_ == nullptr || SSL_set_fd(ssl_, descriptor) != 1) {
        SSL_free(ssl_);
        throw std::bad_alloc();
    }
    if (is_server) {
        SSL_set_accept_state(ssl_);
        return;
    }
    SSL_set_connect_state(ssl_);
    if (host.empty()) return;
    const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
    if (!is_address) SSL_set_tlsext_host_name(ssl_, host.c_str());  // SNI must not be an address
    if (!context_->verifies_host_) return;
    const bool is_set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str()) == 1 : SSL_set1_host(ssl_, host.c_str()) == 1;
    if (!is_set) {  // without a name to compare with, any certificate would do
        SSL_free(ssl_);
        throw std::runtime_error("TLS: \"" + host + "\" is not a host name that a certificate can be for");
    }
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

IoResult TlsSession::outcome(int code) {
    switch (SSL_get_error(ssl_, code)) {
        case SSL_ERROR_WANT_READ: return {IoStatus::wants_read};
        case SSL_ERROR_WANT_WRITE: return {IoStatus::wants_write};
        case SSL_ERROR_ZERO_RETURN: return {IoStatus::closed};
        default: break;
    }
    const long verify = SSL_get_verify_result(ssl_);
    error_ = last_error();
    if (verify != X509_V_OK) error_ = std::string("certificate not accepted: ") + X509_verify_cert_error_string(verify);
    return {IoStatus::closed};
}

IoResult TlsSession::handshake() {
    ERR_clear_error();
    const int code = SSL_do_handshake(ssl_);
    return code == 1 ? IoResult{IoStatus::done} : outcome(code);
}

IoResult TlsSession::read(char* into, std::size_t size) {
    ERR_clear_error();
    const int got = SSL_read(ssl_, into, static_cast<int>(size < INT_MAX ? size : INT_MAX));
    if (got > 0) return {IoStatus::done, static_cast<std::size_t>(got)};
    return outcome(got);
}

IoResult TlsSession::write(Bytes bytes) {
    ERR_clear_error();
    const int put = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size() < INT_MAX ? bytes.size() : INT_MAX));
    if (put > 0) return {IoStatus::done, static_cast<std::size_t>(put)};
    return outcome(put);
}

std::string TlsSession::peer_name() const {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_), X509_free);
    if (!certificate || SSL_get_verify_result(ssl_) != X509_V_OK) return {};
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    // Of several it cannot be said which is meant.
    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) return {};
    unsigned char* text = nullptr;
    const int bytes = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    if (bytes < 0) return {};
    std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes));
    OPENSSL_free(text);
    // A zero byte would end it early for whoever compares it as C does.
    return name.find('\0') == std::string::npos ? name : std::string();
}

void TlsSession::shut_down() {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
    ERR_clear_error();
}

}  // namespace larder::proxy
