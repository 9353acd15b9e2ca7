// larder.toml and the command line: parsed and checked once, into plain structs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/events.h"
#include "base/freshness_level.h"

namespace larder::config {

using std::chrono::milliseconds;

// What is wrong with the configuration, with file, line and the nearest valid key. For start-up and reload only.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
    // `origin`: a file, "--set", or the name of an environment variable. Line 0: none.
    ConfigError(const std::string& origin, int line, const std::string& problem)
        : std::runtime_error(origin + (line > 0 ? ":" + std::to_string(line) : "") + ": " + problem) {}
};

struct Endpoint {
    std::string host;       // a name, an address, or an absolute path (Unix socket directory)
    std::uint16_t port = 0;
};

enum class TlsMode : std::uint8_t { disable, allow, prefer, require, verify_ca, verify_full };

struct Listen {
    Endpoint address{"127.0.0.1", 6432};
    std::string unix_socket_dir;           // empty: no Unix socket
    TlsMode tls = TlsMode::prefer;         // prefer: offered if a certificate is there
    std::string tls_cert_file, tls_key_file, tls_ca_file;
    std::string auth_file;                 // empty: logins are relayed to the server, unless there is an auth_user
    std::string auth_user;                 // who asks the server for users that are not in auth_file; empty: nobody
    std::string auth_query = "SELECT rolname, CASE WHEN rolvaliduntil < pg_catalog.now() THEN NULL ELSE rolpassword END FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin";
    std::string hba_file, ident_file;      // who may log in from where, and under which certificate's name; empty: everybody, none
    std::string auth_dbname;               // where it is asked; empty: in upstream.database
    milliseconds auth_max_age{5'000};      // how long the answer is good
    int clients_max = 10'000;
    int login_clients_max = 2'000;         // of them, those that are not logged in yet
    int workers = 0;                       // 0: one for two cores, at least one
    milliseconds login_timeout{60'000};
    milliseconds tcp_keepalive_idle{60'000};
};

struct Upstream {
    std::string uri;                       // as given; empty: libpq's environment
    std::vector<Endpoint> hosts{{"127.0.0.1", 5432}};
    std::string user, password, database;  // what Larder itself logs in with; user empty: Larder passes everything through
    TlsMode tls = TlsMode::prefer;
    std::string password_file;             // goes before the password of the URI and of the environment
    std::string tls_ca_file;
    milliseconds connect_timeout{10'000};
};

enum class PoolMode : std::uint8_t { session, automatic, transaction, statement };

struct Pool {
    PoolMode mode = PoolMode::session;
    int size = 20;                         // server connections per database and role, for all workers
    milliseconds max_wait{120'000};        // how long a client queues for one
    milliseconds idle_timeout{600'000};
    milliseconds lifetime{3'600'000};      // a connection this old is closed when it is given back; 0: never
    milliseconds login_max_age{1'000};     // with a user file: what the server said to a login is good for the next ones; 0: never
};

struct CacheConfig {
    bool enabled = true;
    std::uint64_t bytes_max = 256u << 20;
    std::uint64_t entry_bytes_max = 1u << 20;
    milliseconds ttl{3'600'000};
    bool deferred_begin = true;             // a BEGIN waits until something needs the server
    std::uint32_t statements_max = 10'000;  // texts whose analysis is kept, per worker
    std::string rules_file;                 // of rules made at run time; empty: in the state directory
};

enum class Writers : std::uint8_t { others, only_larder };

struct Freshness {
    Writers writers = Writers::others;
    milliseconds others_ttl_max{1'000};     // writers = others and no feed: no entry lives longer
    bool serve_when_down = false;
    milliseconds catalogue_poll{5'000};     // how often the catalogue is compared for DDL from elsewhere
    FreshnessLevel level = FreshnessLevel::strict;  // where no rule, session or comment says otherwise
    int verify_share = 0;                   // of a million hits so many kept answers are compared with the server's; 0: none
    int verify_rate_max = 5;                // of them a second, whatever the hits
};

enum class FeedMode : std::uint8_t { automatic, off };

struct Feed {
    FeedMode mode = FeedMode::automatic;    // automatic: with writers = others, where the server allows it
    milliseconds lag_max{1'000};            // a feed that is further behind is not relied on
    milliseconds barrier_limit{50};         // a hit that has waited so long for the feed is none: the server is asked
};

struct Advisor {
    bool enabled = true;                    // statistics by shape of statement, slow queries found and looked at
    int statements_max = 2'000;             // shapes that are counted, per worker
    milliseconds slow{100};                 // a statement whose mean on the server is this is looked at; 0: none is
    int share_percent = 5;                  // or one that takes this share of the server's time; 0: none is
    bool show_values = true;                // constants of statements may be seen in advice and plans
    std::string history_file;               // of deployments; empty: in the state directory
    milliseconds watch{600'000};            // how long a deployed advice is watched before it is judged
    bool auto_revert = true;
    milliseconds lock_timeout{5'000};       // of a deployment
};

struct Admin {
    Endpoint address{"127.0.0.1", 6433};
    std::string admin_users, stats_users;   // of the console, besides superusers and members of pg_monitor; names with commas between
    std::string token_file;                 // of the bearer token by which HTTP may change things; empty: it only reads
    std::string read_token_file;            // of the one by which it may read; empty: whoever reaches it may, unless there are certificates
    std::string tls_cert_file, tls_key_file, tls_ca_file;  // PEM; no certificate: HTTP without TLS; ca: clients are asked for theirs
    bool enabled = true;
};

struct Events {
    int newest_max = 10'000;     // that are kept for those who come back and ask
    milliseconds interval{100};  // how often is looked for what has changed
    bool log = false;            // each event is a line of the log
    std::string notify_channel;  // each event is a NOTIFY there, in upstream.database; empty: none
    bool purge_tags = false;     // a write also drops the answers that carry a tag of its table
    std::string refresh_views;   // materialized views of upstream.database, with commas between
    milliseconds work_delay{1'000};  // from an event to that work: what comes meanwhile is done along with it
    milliseconds refresh_timeout{600'000};
};

enum class LogFormat : std::uint8_t { text, json };
struct Log {
    std::string level = "info";             // trace, debug, info, warn, error
    LogFormat format = LogFormat::text;
    std::string file;                       // empty: standard error
    std::chrono::milliseconds slow{0};      // statements that take the server this long are lines of their own; 0: none
    bool values = false;                    // those show their constants
};

struct RuleMatch {
    std::string table, fingerprint, regex, role, database;  // empty: any
};
struct Rule {
    std::string name;
    RuleMatch match;
    std::optional<bool> cache;
    std::optional<milliseconds> ttl;
    std::optional<milliseconds> max_stale;  // so old may an answer be that a write has made old; 0: none is given
    std::optional<FreshnessLevel> freshness;
    std::vector<std::string> tags;
    int line = 0;
};
inline constexpr std::size_t kRulesMax = 1000;

// The second level of the cache (docs/redis.md).
struct Redis {
    std::string url;                        // redis:// or rediss://; empty: there is none
    std::string username, password_file;
    TlsMode tls = TlsMode::verify_full;     // of rediss://
    std::string tls_ca_file;
    std::string prefix = "larder:";         // of all keys there
    milliseconds timeout{50};               // of one request; then it is gone round, and tried again later
    milliseconds min_cost{1};               // an answer that took the server less is not put there
    std::uint64_t value_bytes_max = 512u << 10;
    std::uint64_t compress_above = 1u << 10;
};

// Where redis.url leads.
struct RedisAddress {
    Endpoint endpoint{"127.0.0.1", 6379};
    int database = 0;
    bool is_tls = false;
};

// What a webhook's requests look like: events as JSON, or the purge of surrogate keys at a cache of pages.
enum class WebhookPreset : std::uint8_t { events, varnish, nginx, fastly, cloudflare };
// Where events are sent to (docs/events.md).
struct Webhook {
    std::string name, url;                  // url: http:// or https://
    WebhookPreset preset = WebhookPreset::events;
    std::string secret_file;                // of events: the key of their signature; of a preset: the token that is shown
    std::string tls_ca_file;                // empty: the system's authorities
    std::string dead_letter_file;           // empty: in the state directory
    EventFilter filter;                     // kinds, relation, tag
    int batch_max = 100;                    // events of one request
    milliseconds timeout{10'000};           // of one request
    milliseconds retry_for{600'000};        // an event this old is given up when it fails again
    friend bool operator==(const Webhook&, const Webhook&) = default;
};
inline constexpr std::size_t kWebhooksMax = 16;  // each has a thread

struct Config {
    Listen listen;
    Upstream upstream;
    Pool pool;
    CacheConfig cache;
    Freshness freshness;
    Feed feed;
    Redis redis;
    Advisor advisor;
    Admin admin;
    Log log;
    Events events;
    std::vector<Rule> rules;
    std::vector<Webhook> webhooks;
};

// "anna, bert" as two names.
std::vector<std::string> name_list(const std::string& text);

}  // namespace larder::config
