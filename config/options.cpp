#include "config/options.h"

#include <array>
#include <limits>

#include "config/upstream_uri.h"
#include "config/values.h"

namespace larder::config {

namespace {

std::string out_of_bounds(const auto& min, const auto& max) { return "must be from " + min + " to " + max; }

// One setter and printer per type of value; `M` is the member, as a function from Config to a reference.
template <auto M>
struct Boolean {
    static std::string set(Config& config, std::string_view text) {
        const auto value = parse_boolean(text);
        if (!value) return "must be true or false";
        M(config) = *value;
        return {};
    }
    static std::string print(const Config& config) { return M(const_cast<Config&>(config)) ? "true" : "false"; }
};

template <auto M, std::int64_t kMin, std::int64_t kMax>
struct Integer {
    static std::string set(Config& config, std::string_view text) {
        const auto value = parse_integer(text);
        if (!value) return "must be a whole number";
        if (*value < kMin || *value > kMax) return out_of_bounds(std::to_string(kMin), std::to_string(kMax));
        M(config) = static_cast<std::remove_reference_t<decltype(M(config))>>(*value);
        return {};
    }
    static std::string print(const Config& config) { return std::to_string(M(const_cast<Config&>(config))); }
};

template <auto M, std::uint64_t kMin, std::uint64_t kMax>
struct Size {
    static std::string set(Config& config, std::string_view text) {
        const auto value = parse_size(text);
        if (!value) return "must be a size such as \"256MB\"";
        if (*value < kMin || *value > kMax) return out_of_bounds(print_size(kMin), print_size(kMax));
        M(config) = *value;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(print_size(M(const_cast<Config&>(config)))); }
};

template <auto M, std::int64_t kMinMs, std::int64_t kMaxMs>
struct Duration {
    static std::string set(Config& config, std::string_view text) {
        const auto value = parse_duration(text);
        if (!value) return "must be a duration such as \"500ms\" or \"1h\"";
        if (value->count() < kMinMs || value->count() > kMaxMs) return out_of_bounds(print_duration(milliseconds(kMinMs)), print_duration(milliseconds(kMaxMs)));
        M(config) = *value;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(print_duration(M(const_cast<Config&>(config)))); }
};

template <auto M>
struct String {
    static std::string set(Config& config, std::string_view text) {
        if (text.find('\0') != std::string_view::npos) return "must not hold a zero byte";
        M(config) = text;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(M(const_cast<Config&>(config))); }
};

template <auto M>
struct Address {
    static std::string set(Config& config, std::string_view text) {
        const auto value = parse_endpoint(text);
        if (!value) return "must be host:port, with an IPv6 address in brackets";
        M(config) = *value;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(print_endpoint(M(const_cast<Config&>(config)))); }
};

struct ListenTls {
    static std::string set(Config& config, std::string_view text) {
        const auto mode = parse_tls_mode(text);
        if (!mode || *mode == TlsMode::allow || *mode > TlsMode::require) return "must be disable, prefer or require";
        config.listen.tls = *mode;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(name(config.listen.tls)); }
};

struct AuthQuery {
    static std::string set(Config& config, std::string_view text) {
        if (text.find("$1") == std::string_view::npos) return "must hold $1, which stands for the user's name";
        config.listen.auth_query = text;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(config.listen.auth_query); }
};

// The URI may hold a password, so what is printed is where it leads.
struct UpstreamUri {
    static std::string set(Config& config, std::string_view text) {
        config.upstream.uri = text;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(print_upstream(config.upstream)); }
};

struct FreshnessWriters {
    static std::string set(Config& config, std::string_view text) {
        if (text == "others") config.freshness.writers = Writers::others;
        else if (text == "only-larder") config.freshness.writers = Writers::only_larder;
        else return "must be others or only-larder";
        return {};
    }
    static std::string print(const Config& config) { return config.freshness.writers == Writers::others ? "\"others\"" : "\"only-larder\""; }
};

struct FreshnessLevelName {
    static std::string set(Config& config, std::string_view text) {
        const auto level = parse_freshness_level(text);
        if (!level) return "must be strict, bounded or barrier";
        config.freshness.level = *level;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(name(config.freshness.level)); }
};

struct FeedModeName {
    static std::string set(Config& config, std::string_view text) {
        if (text == "auto") config.feed.mode = FeedMode::automatic;
        else if (text == "off") config.feed.mode = FeedMode::off;
        else return "must be auto or off";
        return {};
    }
    static std::string print(const Config& config) { return config.feed.mode == FeedMode::automatic ? "\"auto\"" : "\"off\""; }
};

struct ServeWhenDown {
    static std::string set(Config& config, std::string_view text) {
        const auto value = parse_boolean(text);
        if (!value) return "must be true or false";
        if (*value) return "true is not available in this version: nothing is served while PostgreSQL cannot be reached";
        config.freshness.serve_when_down = false;
        return {};
    }
    static std::string print(const Config& config) { return config.freshness.serve_when_down ? "true" : "false"; }
};

struct PoolModeName {
    static std::string set(Config& config, std::string_view text) {
        if (text == "session") config.pool.mode = PoolMode::session;
        else if (text == "auto") config.pool.mode = PoolMode::automatic;
        else if (text == "transaction") config.pool.mode = PoolMode::transaction;
        else if (text == "statement") config.pool.mode = PoolMode::statement;
        else return "must be session, auto, transaction or statement";
        return {};
    }
    static std::string print(const Config& config) {
        switch (config.pool.mode) {
            case PoolMode::session: break;
            case PoolMode::automatic: return "\"auto\"";
            case PoolMode::transaction: return "\"transaction\"";
            case PoolMode::statement: return "\"statement\"";
        }
        return "\"session\"";
    }
};

// A password in it would be shown by whatever prints the configuration.
struct RedisUrl {
    static std::string set(Config& config, std::string_view text) {
        if (!text.empty()) {
            if (text.find('@') != std::string_view::npos) return "must not hold a user or password: redis.username and redis.password_file are for those";
            if (!parse_redis_url(text)) return "must be redis://host:port, rediss://host:port, or either with /number of the database behind it";
        }
        config.redis.url = text;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(config.redis.url); }
};

struct RedisTls {
    static std::string set(Config& config, std::string_view text) {
        const auto mode = parse_tls_mode(text);
        if (!mode || *mode < TlsMode::require) return "must be require, verify-ca or verify-full";
        config.redis.tls = *mode;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(name(config.redis.tls)); }
};

// The server's limit of a name is 63 bytes; a longer one would be refused at each attempt.
struct NotifyChannel {
    static std::string set(Config& config, std::string_view text) {
        if (text.size() > 63 || text.find('\0') != std::string_view::npos) return "must be a name of 63 bytes at most";
        config.events.notify_channel = text;
        return {};
    }
    static std::string print(const Config& config) { return toml_string(config.events.notify_channel); }
};

struct LogLevel {
    static std::string set(Config& config, std::string_view text) {
        for (const std::string_view level : {"trace", "debug", "info", "warn", "error"}) {
            if (text != level) continue;
            config.log.level = text;
            return {};
        }
        return "must be trace, debug, info, warn or error";
    }
    static std::string print(const Config& config) { return toml_string(config.log.level); }
};

struct LogFormatName {
    static std::string set(Config& config, std::string_view text) {
        if (text != "text" && text != "json") return "must be text or json";
        config.log.format = text == "json" ? LogFormat::json : LogFormat::text;
        return {};
    }
    static std::string print(const Config& config) { return config.log.format == LogFormat::json ? "\"json\"" : "\"text\""; }
};

template <typename Handler>
constexpr Option option(std::string_view section, std::string_view key, OptionType type, bool needs_restart, std::string_view bounds, std::string_view doc) {
    return {section, key, type, needs_restart, doc, bounds, Handler::set, Handler::print};
}

#define MEMBER(path) [](Config& config) -> auto& { return config.path; }

constexpr std::uint64_t kMiB = 1ull << 20;
constexpr std::int64_t kDayMs = 86'400'000;
using enum OptionType;

constexpr std::array kOptions{
    option<Address<MEMBER(listen.address)>>("listen", "address", endpoint, true, "", "where clients connect"),
    option<String<MEMBER(listen.unix_socket_dir)>>("listen", "unix_socket_dir", string, true, "", "directory of a Unix socket; empty: none"),
    option<ListenTls>("listen", "tls", choice, true, "disable, prefer or require", "whether clients are offered TLS; prefer: if there is a certificate"),
    option<String<MEMBER(listen.tls_cert_file)>>("listen", "tls_cert_file", string, true, "", "certificate chain (PEM) shown to clients"),
    option<String<MEMBER(listen.tls_key_file)>>("listen", "tls_key_file", string, true, "", "its private key (PEM)"),
    option<String<MEMBER(listen.tls_ca_file)>>("listen", "tls_ca_file", string, true, "", "authorities (PEM) by which client certificates are checked; empty: they are not asked for"),
    option<String<MEMBER(listen.auth_file)>>("listen", "auth_file", string, false, "", "users whom Larder itself lets in (docs/logins.md), in the format of PgBouncer's auth_file; empty: the server decides"),
    option<String<MEMBER(listen.hba_file)>>("listen", "hba_file", string, false, "", "who may log in from where, and how, in the syntax of pg_hba.conf (docs/logins.md); it needs auth_file or auth_user; empty: everybody whom auth_file or auth_query knows"),
    option<String<MEMBER(listen.ident_file)>>("listen", "ident_file", string, false, "", "which names of certificates may log in as which users, in the syntax of pg_ident.conf"),
    option<String<MEMBER(listen.auth_user)>>("listen", "auth_user", string, true, "", "who asks the server for users that are not in auth_file (docs/logins.md); its password is that of auth_file, or upstream.uri's; empty: nobody asks"),
    option<AuthQuery>("listen", "auth_query", string, true, "", "what is asked: $1 is the user's name; one row with the name and the password's verifier, or none"),
    option<String<MEMBER(listen.auth_dbname)>>("listen", "auth_dbname", string, true, "", "in which database; empty: that of upstream.uri"),
    option<Duration<MEMBER(listen.auth_max_age), 0, 3'600'000>>("listen", "auth_max_age", duration, true, "from 0 to 1h", "how long the answer is good; 0: each login asks"),
    option<Integer<MEMBER(listen.clients_max), 1, 1'000'000>>("listen", "clients_max", integer, false, "from 1 to 1000000", "clients beyond this number are refused"),
    option<Integer<MEMBER(listen.login_clients_max), 1, 1'000'000>>("listen", "login_clients_max", integer, false, "from 1 to 1000000", "of the clients, those that are not logged in yet: who comes while there are so many is refused"),
    option<Integer<MEMBER(listen.workers), 0, 1024>>("listen", "workers", integer, true, "from 0 to 1024", "threads that serve clients; 0: one for two cores, at least one"),
    option<Duration<MEMBER(listen.login_timeout), 1'000, kDayMs>>("listen", "login_timeout", duration, false, "from 1s to 1d", "how long a client may take to log in"),
    option<Duration<MEMBER(listen.tcp_keepalive_idle), 1'000, kDayMs>>("listen", "tcp_keepalive_idle", duration, true, "from 1s to 1d", "idle time after which a client's connection is probed"),
    option<UpstreamUri>("upstream", "uri", string, true, "", "PostgreSQL as libpq names it, with the login of Larder itself; what is missing comes from PGHOST, PGUSER …"),
    option<String<MEMBER(upstream.password_file)>>("upstream", "password_file", string, true, "", "file with the password of Larder's own login, whose first line counts; empty: that of the URI, or PGPASSWORD"),
    option<String<MEMBER(upstream.tls_ca_file)>>("upstream", "tls_ca_file", string, true, "", "authorities (PEM) for sslmode verify-ca and verify-full; sslrootcert in the URI is the same"),
    option<Duration<MEMBER(upstream.connect_timeout), 100, kDayMs>>("upstream", "connect_timeout", duration, true, "from 100ms to 1d", "how long connecting to the server may take"),
    option<PoolModeName>("pool", "mode", choice, true, "session, auto, transaction or statement", "when a client gives its server connection back: at its end, or after each transaction"),
    option<Integer<MEMBER(pool.size), 1, 100'000>>("pool", "size", integer, true, "from 1 to 100000", "server connections that clients of one database and role share; in mode session: that are kept for the next clients"),
    option<Duration<MEMBER(pool.max_wait), 100, kDayMs>>("pool", "max_wait", duration, true, "from 100ms to 1d", "how long a client may wait for a server connection"),
    option<Duration<MEMBER(pool.idle_timeout), 0, 365 * kDayMs>>("pool", "idle_timeout", duration, true, "from 0 to 365d", "a shared connection idle for longer is closed; 0: never"),
    option<Duration<MEMBER(pool.lifetime), 0, 365 * kDayMs>>("pool", "lifetime", duration, true, "from 0 to 365d", "a shared connection older than this is closed when it is given back, up to a tenth earlier; 0: never"),
    option<Duration<MEMBER(pool.login_max_age), 0, kDayMs>>("pool", "login_max_age", duration, true, "from 0 to 1d", "with listen.auth_file: for so long the server's answer to a login lets in others with the same user, database and parameters; 0: each asks the server"),
    option<Boolean<MEMBER(cache.enabled)>>("cache", "enabled", boolean, false, "", "false: everything is passed through"),
    option<Size<MEMBER(cache.bytes_max), kMiB, 1ull << 42>>("cache", "bytes_max", size, true, "from 1MB to 4TB", "memory for cached answers"),
    option<Size<MEMBER(cache.entry_bytes_max), 1024, 1ull << 30>>("cache", "entry_bytes_max", size, true, "from 1kB to 1GB", "larger answers are not kept"),
    option<Duration<MEMBER(cache.ttl), 1, 365 * kDayMs>>("cache", "ttl", duration, false, "from 1ms to 365d", "no answer is kept longer, unless a rule or comment says so"),
    option<Boolean<MEMBER(cache.deferred_begin)>>("cache", "deferred_begin", boolean, true, "", "a BEGIN is answered at once and sent with the first statement that is no hit, so that a transaction of hits needs no server"),
    option<Integer<MEMBER(cache.statements_max), 100, 10'000'000>>("cache", "statements_max", integer, true, "from 100 to 10000000", "texts whose analysis each worker remembers"),
    option<String<MEMBER(cache.rules_file)>>("cache", "rules_file", string, true, "", "rules made at run time (CREATE RULE); empty: rules-PORT.toml in $STATE_DIRECTORY, else in ~/.local/state/larder"),
    option<FreshnessWriters>("freshness", "writers", choice, true, "others or only-larder", "who else writes to the databases; only-larder: nobody, and so every hit is strict"),
    option<Duration<MEMBER(freshness.others_ttl_max), 0, 60'000>>("freshness", "others_ttl_max", duration, false, "from 0 to 1min", "with writers = others and no change feed: no answer is given that is older"),
    option<ServeWhenDown>("freshness", "serve_when_down", boolean, false, "false", "serve from the cache while PostgreSQL cannot be reached"),
    option<Duration<MEMBER(freshness.catalogue_poll), 100, 3'600'000>>("freshness", "catalogue_poll", duration, false, "from 100ms to 1h", "how often the catalogue is compared, for DDL that went round Larder"),
    option<FreshnessLevelName>("freshness", "level", choice, false, "strict, bounded or barrier", "how fresh hits are where no rule, session or comment says otherwise; barrier: also what others committed before the request came is seen, for the price of a wait (docs/feed.md)"),
    option<Integer<MEMBER(freshness.verify_share), 0, 1'000'000>>("freshness", "verify_share", integer, false, "from 0 to 1000000", "of a million hits, how many kept answers are compared with what the server says (docs/verify.md); 0: none"),
    option<Integer<MEMBER(freshness.verify_rate_max), 1, 1'000>>("freshness", "verify_rate_max", integer, false, "from 1 to 1000", "how many comparisons there are per second at most, whatever the hits"),
    option<FeedModeName>("feed", "mode", choice, true, "auto or off", "auto: with writers = others, the server's replication stream tells of their writes if it can be had (PostgreSQL 15, a login with REPLICATION)"),
    option<Duration<MEMBER(feed.lag_max), 10, 60'000>>("feed", "lag_max", duration, true, "from 10ms to 1min", "a feed that is further behind is not relied on: others_ttl_max counts until it has caught up"),
    option<Duration<MEMBER(feed.barrier_limit), 1, 10'000>>("feed", "barrier_limit", duration, false, "from 1ms to 10s", "with freshness barrier: what has waited so long for the feed is asked of the server"),
    option<RedisUrl>("redis", "url", string, true, "", "the Redis or Valkey that keeps what memory has no room for, redis://host:port/database or rediss:// with TLS; empty: none"),
    option<String<MEMBER(redis.username)>>("redis", "username", string, true, "", "the ACL user to log in as; empty: the default user, if there is a password"),
    option<String<MEMBER(redis.password_file)>>("redis", "password_file", string, true, "", "file with the password, whose first line counts; empty: no login"),
    option<RedisTls>("redis", "tls", choice, true, "require, verify-ca or verify-full", "how the certificate is checked with rediss://"),
    option<String<MEMBER(redis.tls_ca_file)>>("redis", "tls_ca_file", string, true, "", "certificates (PEM) that may have signed it; empty: the system's"),
    option<String<MEMBER(redis.prefix)>>("redis", "prefix", string, true, "", "what all keys there begin with, for ACLs"),
    option<Duration<MEMBER(redis.timeout), 5, 10'000>>("redis", "timeout", duration, true, "from 5ms to 10s", "a request that takes longer is given up, and Redis gone round until it answers again"),
    option<Duration<MEMBER(redis.min_cost), 0, 3'600'000>>("redis", "min_cost", duration, true, "from 0 to 1h", "an answer that took the server less is not put there; nor is one that took less than two requests to Redis do"),
    option<Size<MEMBER(redis.value_bytes_max), 1'024, 64 * kMiB>>("redis", "value_bytes_max", size, true, "from 1kB to 64MB", "what is larger, compressed and with its key, is not put there"),
    option<Size<MEMBER(redis.compress_above), 0, 64 * kMiB>>("redis", "compress_above", size, true, "from 0 to 64MB", "larger answers are compressed (zstd)"),
    option<Boolean<MEMBER(advisor.enabled)>>("advisor", "enabled", boolean, true, "", "whether statements are counted by shape, and slow ones looked at"),
    option<Integer<MEMBER(advisor.statements_max), 100, 100'000>>("advisor", "statements_max", integer, true, "from 100 to 100000", "shapes of statements that each worker counts; the one used longest ago is dropped"),
    option<Duration<MEMBER(advisor.slow), 0, kDayMs>>("advisor", "slow", duration, true, "from 0ms to 1d", "a statement whose mean time on the server is this is looked at; 0: none for this reason"),
    option<Integer<MEMBER(advisor.share_percent), 0, 100>>("advisor", "share_percent", integer, true, "from 0 to 100", "so is one that takes this share (%) of the server's time; 0: none for this reason"),
    option<Boolean<MEMBER(advisor.show_values)>>("advisor", "show_values", boolean, true, "", "whether advice and plans may show the constants of statements"),
    option<String<MEMBER(advisor.history_file)>>("advisor", "history_file", string, true, "", "history of deployments; empty: deployments.jsonl in $STATE_DIRECTORY, else in ~/.local/state/larder"),
    option<Duration<MEMBER(advisor.watch), 1'000, kDayMs>>("advisor", "watch", duration, true, "from 1s to 1d", "how long a deployed advice is watched before it is judged"),
    option<Boolean<MEMBER(advisor.auto_revert)>>("advisor", "auto_revert", boolean, true, "", "whether a deployed advice that does not help is taken back unasked"),
    option<Duration<MEMBER(advisor.lock_timeout), 10, 600'000>>("advisor", "lock_timeout", duration, true, "from 10ms to 10min", "how long a deployment waits for a lock before it tries again later"),
    option<Address<MEMBER(admin.address)>>("admin", "address", endpoint, true, "", "where the dashboard, metrics and API listen"),
    option<String<MEMBER(admin.token_file)>>("admin", "token_file", string, true, "", "file with the bearer token that a request has to show to change anything; empty: HTTP only reads"),
    option<String<MEMBER(admin.read_token_file)>>("admin", "read_token_file", string, true, "", "file with the bearer token that a request has to show to read anything; empty: none, unless tls_ca_file is set; needed off loopback"),
    option<String<MEMBER(admin.tls_cert_file)>>("admin", "tls_cert_file", string, true, "", "certificate chain (PEM) of the admin port; empty: HTTP without TLS"),
    option<String<MEMBER(admin.tls_key_file)>>("admin", "tls_key_file", string, true, "", "its private key (PEM)"),
    option<String<MEMBER(admin.tls_ca_file)>>("admin", "tls_ca_file", string, true, "", "authorities (PEM) of client certificates: whose CN is in admin_users may change things, whose CN is in stats_users may read, and nobody else without a token"),
    option<String<MEMBER(admin.admin_users)>>("admin", "admin_users", string, true, "", "users who may do everything in the console, with commas between; superusers of the server may, too"),
    option<String<MEMBER(admin.stats_users)>>("admin", "stats_users", string, true, "", "users who may look at everything in the console, with commas between; members of pg_monitor may, too"),
    option<Boolean<MEMBER(admin.enabled)>>("admin", "enabled", boolean, true, "", "false: no admin port"),
    option<Integer<MEMBER(events.newest_max), 100, 1'000'000>>(
        "events", "newest_max", integer, true, "from 100 to 1000000",
        "events that are kept for who comes back and asks for what he missed; one takes a few hundred bytes"),
    option<Duration<MEMBER(events.interval), 10, 60'000>>(
        "events", "interval", duration, true, "from 10ms to 1min",
        "how often is looked for what has changed; all writes to a relation in between are one event"),
    option<Boolean<MEMBER(events.log)>>("events", "log", boolean, true, "", "whether each event is a line of the log as well"),
    option<NotifyChannel>("events", "notify_channel", string, true, "", "each event is a NOTIFY on this channel, in the database of upstream.uri (docs/events.md); empty: none"),
    option<Boolean<MEMBER(events.purge_tags)>>("events", "purge_tags", boolean, true, "", "whether a write to a table also drops every answer that carries a tag of the table's rules"),
    option<String<MEMBER(events.refresh_views)>>("events", "refresh_views", string, true, "", "materialized views of the database of upstream.uri, with commas between, that are refreshed after a write to what they are made from"),
    option<Duration<MEMBER(events.work_delay), 10, 3'600'000>>("events", "work_delay", duration, true, "from 10ms to 1h", "from a write to that work: what is written meanwhile is done along with it"),
    option<Duration<MEMBER(events.refresh_timeout), 100, kDayMs>>("events", "refresh_timeout", duration, true, "from 100ms to 1d", "how long one refresh may take"),
    option<LogLevel>("log", "level", choice, false, "trace, debug, info, warn or error", "what is logged"),
    option<LogFormatName>("log", "format", choice, true, "text or json", "how a line is written"),
    option<String<MEMBER(log.file)>>("log", "file", string, true, "", "empty: standard error"),
    option<Duration<MEMBER(log.slow), 0, kDayMs>>("log", "slow", duration, false, "from 0 to 1d", "a statement that the server takes this long for is a line of the log (docs/logs.md); 0: none is. It needs advisor.enabled"),
    option<Boolean<MEMBER(log.values)>>("log", "values", boolean, false, "", "whether those lines show the constants of statements"),
};

}  // namespace

std::span<const Option> options() { return kOptions; }

const Option* find_option(std::string_view full_name) {
    for (const auto& option : kOptions) {
        if (full_name.size() == option.section.size() + 1 + option.key.size() && full_name.starts_with(option.section) &&
            full_name[option.section.size()] == '.' && full_name.ends_with(option.key)) {
            return &option;
        }
    }
    return nullptr;
}

std::string toml_string(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') (out += '\\') += c;
        else if (byte < 0x20 || byte == 0x7f) ((out += "\\u00") += kHex[byte >> 4]) += kHex[byte & 15];
        else out += c;
    }
    return out + '"';
}

}  // namespace larder::config
