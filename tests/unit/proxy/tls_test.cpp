#include "proxy/tls.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "proxy/proxy.h"

using namespace larder;
using namespace larder::proxy;
using Catch::Matchers::Contains;

namespace {

struct File {
    std::string path = (std::filesystem::temp_directory_path() / ("larder-tls-test-" + std::to_string(getpid()))).string();
    explicit File(const char* text) { std::ofstream(path) << text; }
    ~File() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("a certificate that cannot be loaded is named") {
    config::Listen listen;
    listen.tls_cert_file = "/nonexistent/server.crt";
    listen.tls_key_file = "/nonexistent/server.key";
    CHECK_THROWS_WITH(TlsContext::for_clients(listen), Contains("listen.tls_cert_file") && Contains("/nonexistent/server.crt"));
    const File junk("this is no certificate\n");
    listen.tls_cert_file = junk.path;
    CHECK_THROWS_WITH(TlsContext::for_clients(listen), Contains("listen.tls_cert_file") && Contains(junk.path));
}

TEST_CASE("authorities for the upstream that cannot be loaded are named") {
    config::Upstream upstream;
    upstream.tls = config::TlsMode::verify_full;
    upstream.tls_ca_file = "/nonexistent/root.crt";
    CHECK_THROWS_WITH(TlsContext::for_upstream(upstream), Contains("upstream.tls_ca_file") && Contains("/nonexistent/root.crt"));
    upstream.tls_ca_file.clear();
    CHECK(TlsContext::for_upstream(upstream) != nullptr);
}

TEST_CASE("TLS that is demanded of clients needs a certificate") {
    config::Config config;
    config.listen.tls = config::TlsMode::require;
    CHECK_THROWS_AS(Proxy(config), config::ConfigError);
    config.listen.tls = config::TlsMode::prefer;
    CHECK_NOTHROW(Proxy(config));
    config.listen.tls = config::TlsMode::disable;
    config.listen.tls_cert_file = "/nonexistent/server.crt";
    CHECK_NOTHROW(Proxy(config));
}
