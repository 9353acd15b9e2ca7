#include "proxy/redis_store.h"

#include <fstream>

#include "config/values.h"

namespace larder::proxy {
namespace {

constexpr std::size_t kPasswordBytesMax = 4096;
constexpr std::size_t kRequestsMax = 1000;            // what is unanswered when Redis stops is given up at once
constexpr std::size_t kValuesUnderWay = 16;           // of the largest size, on each connection
constexpr std::size_t kRequestBytesMin = 4u << 20;

std::string read_password(const std::string& file) {
    if (file.empty()) return {};
    std::ifstream in(file, std::ios::binary);
    if (!in) throw config::ConfigError(file, 0, "cannot be opened (redis.password_file)");
    std::string text(kPasswordBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    const auto line = text.substr(0, text.find_first_of("\r\n"));
    if (in.bad() || line.empty() || line.size() > kPasswordBytesMax) throw config::ConfigError(file, 1, "must hold the password in its first line (redis.password_file)");
    return line;
}

config::RedisAddress address_of(const config::Redis& redis) {
    const auto address = config::parse_redis_url(redis.url);
    if (!address) throw config::ConfigError("redis.url", 0, "is no address of a Redis server");
    return *address;
}

std::string shown(const config::RedisAddress& address) {
    return (address.is_tls ? "rediss://" : "redis://") + config::print_endpoint(address.endpoint) + "/" + std::to_string(address.database);
}

RedisLogin login_of(const config::Redis& redis) {
    RedisLogin login{redis.username, read_password(redis.password_file), address_of(redis).database};
    if (!login.username.empty() && login.password.empty()) throw config::ConfigError("redis.username", 0, "needs redis.password_file");
    return login;
}

ServerConnector connector_to(const config::Redis& redis) {
    const auto address = address_of(redis);
    config::Upstream server;
    server.hosts = {address.endpoint};
    server.tls = address.is_tls ? redis.tls : config::TlsMode::disable;
    server.tls_ca_file = redis.tls_ca_file;
    server.connect_timeout = std::max(redis.timeout, std::chrono::milliseconds(1000));
    try {
        return {server, true};
    } catch (const std::runtime_error& error) {
        throw config::ConfigError("redis.tls_ca_file", 0, error.what());
    }
}

RedisLinkLimits limits_of(const config::Redis& redis) {
    return {kRequestsMax, std::max(kRequestBytesMin, kValuesUnderWay * redis.value_bytes_max), redis.value_bytes_max};
}

}  // namespace

RedisStore::RedisStore(const config::Config& config, const cache::ServerCounters& counters)
    : address(shown(address_of(config.redis))),
      prefix(config.redis.prefix),
      timeout(config.redis.timeout),
      min_cost(config.redis.min_cost),
      limits(limits_of(config.redis)),
      login(login_of(config.redis)),
      connector(connector_to(config.redis)),
      values(counters, cache::RemoteEpoch::draw(), {config.redis.value_bytes_max, config.cache.entry_bytes_max + (64u << 10), config.redis.compress_above}) {}

}  // namespace larder::proxy
