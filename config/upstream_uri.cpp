#include "config/upstream_uri.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <stdexcept>

#include "config/values.h"

namespace larder::config {

namespace {

using Parameters = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t kUriBytesMax = 16 * 1024;
constexpr std::size_t kHostsMax = 64;
constexpr std::uint16_t kDefaultPort = 5432;

[[noreturn]] void fail(const std::string& problem) { throw std::invalid_argument(problem); }

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) fail("a % in the URI is not followed by two hexadecimal digits");
        const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
        if (high < 0 || low < 0) fail("a % in the URI is not followed by two hexadecimal digits");
        if (high == 0 && low == 0) fail("%00 is not allowed in the URI");
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::string join(const std::vector<std::string>& parts) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : ",") + parts[i];
    return out;
}

// host[:port] with an IPv6 address in brackets.
void split_host(std::string_view text, std::string& host, std::string& port) {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) fail("an IPv6 address in the URI lacks its ]");
        host = text.substr(1, end - 1);
        if (host.empty()) fail("an IPv6 address in the URI is empty");
        text.remove_prefix(end + 1);
        if (!text.empty() && text.front() != ':') fail("after ] in the URI only a port can follow");
        port = text.empty() ? std::string{} : percent_decode(text.substr(1));
        return;
    }
    const auto colon = text.find(':');
    host = percent_decode(text.substr(0, colon));
    port = colon == std::string_view::npos ? std::string{} : percent_decode(text.substr(colon + 1));
}

// Takes user[:password]@ off the front, if it is there. libpq ends it at the first @ as well, whatever else is in it but a
// slash; a password that holds either must be percent-encoded.
void parse_login(std::string_view& uri, Parameters& out) {
    const auto at = uri.find_first_of("@/");
    if (at == std::string_view::npos || uri[at] != '@') return;
    const auto login = uri.substr(0, at);
    uri.remove_prefix(at + 1);
    const auto colon = login.find(':');
    if (const auto user = percent_decode(login.substr(0, colon)); !user.empty()) out["user"] = user;
    if (colon != std::string_view::npos) out["password"] = percent_decode(login.substr(colon + 1));
}

void parse_hosts(std::string_view text, Parameters& out) {
    if (text.empty()) return;
    std::vector<std::string> hosts, ports;
    for (const auto part : split(text, ',')) {
        if (hosts.size() == kHostsMax) fail("the URI names too many hosts");
        split_host(part, hosts.emplace_back(), ports.emplace_back());
    }
    out["host"] = join(hosts);
    if (std::any_of(ports.begin(), ports.end(), [](const auto& port) { return !port.empty(); })) out["port"] = join(ports);
}

Parameters parse_uri(std::string_view uri) {
    Parameters out;
    uri.remove_prefix(uri.find("://") + 3);
    parse_login(uri, out);
    std::string_view query;
    if (const auto mark = uri.find('?'); mark != std::string_view::npos) {
        query = uri.substr(mark + 1);
        uri = uri.substr(0, mark);
    }
    const auto slash = uri.find('/');
    parse_hosts(uri.substr(0, slash), out);
    if (slash != std::string_view::npos && slash + 1 < uri.size()) out["dbname"] = percent_decode(uri.substr(slash + 1));
    if (query.empty()) return out;
    for (const auto part : split(query, '&')) {
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || equals == 0) fail("a parameter of the URI is not written as name=value");
        out[percent_decode(part.substr(0, equals))] = percent_decode(part.substr(equals + 1));
    }
    return out;
}

// keyword = value, quoted with ' and escaped with \ as libpq does.
class KeywordReader {
public:
    explicit KeywordReader(std::string_view text) : text_(text) {}

    Parameters read() {
        Parameters out;
        for (skip_spaces(); at_ < text_.size(); skip_spaces()) {
            const auto begin = at_;
            while (at_ < text_.size() && text_[at_] != '=' && !is_space()) ++at_;
            const std::string key(text_.substr(begin, at_ - begin));
            skip_spaces();
            if (at_ == text_.size() || text_[at_] != '=' || key.empty()) fail("upstream is neither a postgres:// URI nor a list of keyword=value");
            ++at_;
            skip_spaces();
            out[key] = value();
        }
        return out;
    }

private:
    bool is_space() const { return text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'; }
    void skip_spaces() {
        while (at_ < text_.size() && is_space()) ++at_;
    }
    std::string value() {
        std::string out;
        const bool quoted = at_ < text_.size() && text_[at_] == '\'';
        if (quoted) ++at_;
        for (; at_ < text_.size(); ++at_) {
            if (quoted ? text_[at_] == '\'' : is_space()) break;
            if (text_[at_] == '\\' && ++at_ == text_.size()) break;
            out += text_[at_];
        }
        if (quoted && at_ == text_.size()) fail("a quoted value of upstream is not closed");
        if (quoted) ++at_;
        return out;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

bool is_uri(std::string_view text) { return text.starts_with("postgres://") || text.starts_with("postgresql://"); }

// Those that say nothing about how Larder connects, or what it does anyway.
bool is_without_effect(std::string_view key, std::string_view value) {
    if (key == "application_name" || key == "fallback_application_name" || key == "client_encoding" || key.starts_with("keepalives")) return true;
    if (key == "target_session_attrs") return value == "any" || value == "read-write" || value == "primary";
    if (key == "gssencmode") return value != "require";
    if (key == "channel_binding") return value != "require";
    return false;
}

std::uint16_t parse_port(std::string_view text) {
    if (text.empty()) return kDefaultPort;
    const auto port = parse_integer(text);
    if (!port || *port < 1 || *port > 65535) fail("port " + std::string(text) + " is not a number from 1 to 65535");
    return static_cast<std::uint16_t>(*port);
}

// Lists of hosts and ports go together: one port for all, or one each.
std::vector<Endpoint> endpoints_of(const std::string& hosts, const std::string& ports) {
    const auto names = split(hosts, ','), numbers = split(ports, ',');
    if (numbers.size() != 1 && numbers.size() != names.size()) fail("upstream names another number of ports than of hosts");
    if (names.size() > kHostsMax) fail("upstream names too many hosts");
    std::vector<Endpoint> out;
    for (std::size_t i = 0; i < names.size(); ++i) {
        out.push_back({names[i].empty() ? "127.0.0.1" : std::string(names[i]), parse_port(numbers[numbers.size() == 1 ? 0 : i])});
    }
    return out;
}

Parameters read_environment(const Environment& environment) {
    constexpr std::array<std::pair<const char*, const char*>, 9> kVariables{{{"PGHOST", "host"}, {"PGHOSTADDR", "hostaddr"}, {"PGPORT", "port"},
        {"PGUSER", "user"}, {"PGPASSWORD", "password"}, {"PGDATABASE", "dbname"}, {"PGSSLMODE", "sslmode"}, {"PGSSLROOTCERT", "sslrootcert"},
        {"PGCONNECT_TIMEOUT", "connect_timeout"}}};
    Parameters out;
    for (const auto& [variable, key] : kVariables) {
        const char* value = environment(variable);
        if (value != nullptr && *value != '\0') out[key] = value;
    }
    return out;
}

void apply(const std::string& key, const std::string& value, Upstream& upstream) {
    if (key == "user") upstream.user = value;
    else if (key == "password") upstream.password = value;
    else if (key == "dbname") upstream.database = value;
    else if (key == "sslrootcert") upstream.tls_ca_file = value;
    else if (key == "sslmode") {
        const auto mode = parse_tls_mode(value);
        if (!mode) fail("sslmode '" + value + "' is not one of disable, allow, prefer, require, verify-ca, verify-full");
        upstream.tls = *mode;
    } else if (key == "ssl") {  // JDBC's, which libpq accepts in a URI
        if (value != "true") fail("ssl can only be true; use sslmode");
        upstream.tls = TlsMode::require;
    } else if (key == "connect_timeout") {
        const auto seconds = parse_integer(value);
        if (!seconds || *seconds < 0 || *seconds > 86'400) fail("connect_timeout is not a number of seconds");
        if (*seconds > 0) upstream.connect_timeout = milliseconds(*seconds * 1000);
    } else if (key != "host" && key != "hostaddr" && key != "port" && !is_without_effect(key, value)) {
        fail("upstream's parameter '" + key + "' is not supported");
    }
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos) out += c;
        else (((out += '%') += kHex[byte >> 4]) += kHex[byte & 15]);
    }
    return out;
}

}  // namespace

void resolve_upstream(Upstream& upstream, const Environment& environment) {
    if (upstream.uri.size() > kUriBytesMax) fail("upstream is too long");
    if (upstream.uri.find('\0') != std::string::npos) fail("upstream holds a zero byte");
    auto parameters = is_uri(upstream.uri) ? parse_uri(upstream.uri) : KeywordReader(upstream.uri).read();
    // hostaddr goes before host of the same origin, and any of the URI's before the environment's.
    auto from_environment = read_environment(environment);
    if (parameters.contains("host") || parameters.contains("hostaddr")) {
        from_environment.erase("host");
        from_environment.erase("hostaddr");
    }
    // The file's own keys go before the environment as well.
    if (!upstream.tls_ca_file.empty()) from_environment.erase("sslrootcert");
    if (upstream.connect_timeout != Upstream{}.connect_timeout) from_environment.erase("connect_timeout");
    parameters.merge(from_environment);
    for (const auto& [key, value] : parameters) apply(key, value, upstream);
    const auto value_of = [&parameters](const char* key) {
        const auto found = parameters.find(key);
        return found == parameters.end() ? std::string{} : found->second;
    };
    const auto hosts = value_of("hostaddr").empty() ? value_of("host") : value_of("hostaddr");
    upstream.hosts = endpoints_of(hosts, value_of("port"));
    if (upstream.tls >= TlsMode::verify_ca && upstream.tls_ca_file.empty()) fail("sslmode verify-ca and verify-full need sslrootcert");
}

std::optional<TlsMode> parse_tls_mode(std::string_view text) {
    for (const auto mode : {TlsMode::disable, TlsMode::allow, TlsMode::prefer, TlsMode::require, TlsMode::verify_ca, TlsMode::verify_full}) {
        if (name(mode) == text) return mode;
    }
    return std::nullopt;
}

std::string_view name(TlsMode mode) {
    switch (mode) {
        case TlsMode::disable: return "disable";
        case TlsMode::allow: return "allow";
        case TlsMode::prefer: return "prefer";
        case TlsMode::require: return "require";
        case TlsMode::verify_ca: return "verify-ca";
        case TlsMode::verify_full: return "verify-full";
    }
    return "prefer";
}

namespace {

// A value between quotes, as libpq reads it.
std::string conninfo_value(std::string_view value) {
    std::string out = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out += '\'';
}

// The value of a -c option: the server takes options apart at blanks that no backslash is before.
std::string option_value(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == ' ' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

}  // namespace

std::string conninfo(const Upstream& upstream, const std::string& database, const std::string& search_path) {
    std::string hosts, ports, out;
    for (const auto& host : upstream.hosts) {
        if (!hosts.empty()) hosts += ',', ports += ',';
        hosts += host.host, ports += std::to_string(host.port);
    }
    const auto add = [&](const char* keyword, std::string_view value) {
        if (!value.empty()) out += (out.empty() ? "" : " ") + std::string(keyword) + "=" + conninfo_value(value);
    };
    add("host", hosts), add("port", ports), add("user", upstream.user), add("password", upstream.password);
    add("dbname", database.empty() ? upstream.database : database);
    add("sslmode", name(upstream.tls)), add("sslrootcert", upstream.tls_ca_file);
    if (!search_path.empty()) add("options", "-csearch_path=" + option_value(search_path));
    return out;
}

std::string print_upstream(const Upstream& upstream) {
    std::string out = "postgres://";
    if (!upstream.user.empty()) out += percent_encode(upstream.user) + (upstream.password.empty() ? "" : ":***") + "@";
    for (std::size_t i = 0; i < upstream.hosts.size(); ++i) {
        const auto& [host, port] = upstream.hosts[i];
        out += i == 0 ? "" : ",";
        out += host.find(':') != std::string::npos ? "[" + host + "]" : percent_encode(host);
        out += ":" + std::to_string(port);
    }
    if (!upstream.database.empty()) out += "/" + percent_encode(upstream.database);
    out += "?sslmode=" + std::string(name(upstream.tls));
    if (!upstream.tls_ca_file.empty()) out += "&sslrootcert=" + percent_encode(upstream.tls_ca_file);
    return out;
}

}  // namespace larder::config
