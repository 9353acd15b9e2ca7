#include "config/pgbouncer_import.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include "config/config.h"
#include "config/ini_file.h"
#include "config/options.h"
#include "config/values.h"

namespace larder::config {

namespace {

constexpr std::string_view kUsage =
    "Usage: larder import PGBOUNCER_INI [USERLIST]\n"
    "Writes a larder.toml that does what this PgBouncer did to standard output, with comments on what has no counterpart.\n";

// How a setting of PgBouncer's is written for Larder.
enum class Shape { text, number, seconds, seconds_or_day };
struct Counterpart {
    std::string_view theirs, ours;
    Shape shape;
};
constexpr Counterpart kCounterparts[] = {
    {"unix_socket_dir", "listen.unix_socket_dir", Shape::text},
    {"auth_file", "listen.auth_file", Shape::text},
    {"auth_hba_file", "listen.hba_file", Shape::text},
    {"auth_ident_file", "listen.ident_file", Shape::text},
    {"auth_user", "listen.auth_user", Shape::text},
    {"auth_query", "listen.auth_query", Shape::text},
    {"auth_dbname", "listen.auth_dbname", Shape::text},
    {"client_tls_cert_file", "listen.tls_cert_file", Shape::text},
    {"client_tls_key_file", "listen.tls_key_file", Shape::text},
    {"client_tls_ca_file", "listen.tls_ca_file", Shape::text},
    {"server_tls_ca_file", "upstream.tls_ca_file", Shape::text},
    {"max_client_conn", "listen.clients_max", Shape::number},
    {"client_login_timeout", "listen.login_timeout", Shape::seconds_or_day},
    {"tcp_keepidle", "listen.tcp_keepalive_idle", Shape::seconds},
    {"server_connect_timeout", "upstream.connect_timeout", Shape::seconds_or_day},
    {"pool_mode", "pool.mode", Shape::text},
    {"default_pool_size", "pool.size", Shape::number},
    {"query_wait_timeout", "pool.max_wait", Shape::seconds_or_day},
    {"server_idle_timeout", "pool.idle_timeout", Shape::seconds},
    {"server_lifetime", "pool.lifetime", Shape::seconds},
    {"admin_users", "admin.admin_users", Shape::text},
    {"stats_users", "admin.stats_users", Shape::text},
    {"logfile", "log.file", Shape::text},
};

// Settings without a counterpart, and what takes their place.
constexpr std::pair<std::string_view, std::string_view> kRemarks[] = {
    {"server_reset_query", "not needed: what a client leaves on a server connection is carried along or discarded"},
    {"server_reset_query_always", "not needed: what a client leaves on a server connection is carried along or discarded"},
    {"server_check_query", "not needed: an idle connection is looked at before it is lent"},
    {"server_check_delay", "not needed: an idle connection is looked at before it is lent"},
    {"ignore_startup_parameters", "not needed: every start-up parameter is the client's own"},
    {"track_extra_parameters", "not needed: every parameter is followed"},
    {"max_prepared_statements", "not needed: prepared statements work in every mode; 1000 are kept on a server connection"},
    {"disable_pqexec", "no counterpart"},
    {"application_name_add_host", "no counterpart: application_name is the client's own"},
    {"stats_period", "always 60 seconds"},
    {"server_round_robin", "no counterpart: the connection used last goes first"},
    {"server_fast_close", "no counterpart: RECONNECT closes connections as they are given back"},
    {"min_pool_size", "no counterpart: connections are opened when they are needed"},
    {"reserve_pool_size", "no counterpart: add it to pool.size"},
    {"reserve_pool_timeout", "no counterpart: see pool.size"},
    {"max_db_connections", "no counterpart: pool.size counts for each database and role"},
    {"max_user_connections", "no counterpart: pool.size counts for each database and role"},
    {"max_db_client_connections", "no counterpart: listen.clients_max counts for all"},
    {"max_user_client_connections", "no counterpart: listen.clients_max counts for all"},
    {"query_timeout", "no counterpart: use the server's statement_timeout"},
    {"transaction_timeout", "no counterpart: use the server's transaction_timeout"},
    {"idle_transaction_timeout", "no counterpart: use the server's idle_in_transaction_session_timeout"},
    {"client_idle_timeout", "no counterpart"},
    {"so_reuseport", "no counterpart"},
    {"pidfile", "no counterpart: Larder runs in the foreground, as service managers want it"},
    {"user", "no counterpart: let the service manager choose the user"},
};

class Importer {
public:
    explicit Importer(std::string user_list) : user_list_(std::move(user_list)) {}

    std::string run(const std::string& ini_file) {
        for (const auto& entry : read_ini_file(ini_file)) {
            if (entry.section == "pgbouncer") settings_[entry.key] = entry;
            else if (entry.section == "databases") databases_.push_back(entry);
            else if (entry.section == "users") remark(entry, "no counterpart: settings of single users");
            else if (entry.section == "peers") remark(entry, "no counterpart: cancel requests to another Larder are not passed on");
            else throw ConfigError(entry.file, entry.line, "unknown section [" + entry.section + "]");
        }
        take_listen_address();
        take_settings();
        take_tls();
        take_auth();
        take_databases();
        return text(ini_file);
    }

private:
    void remark(const IniEntry& entry, const std::string& what) {
        // Values of databases and users may hold passwords, and are not repeated.
        const bool is_setting = entry.section == "pgbouncer";
        remarks_.push_back(where(entry) + (is_setting ? entry.key + " = " + entry.value : "[" + entry.section + "] " + entry.key) + ": " + what);
    }
    static std::string where(const IniEntry& entry) { return entry.file.substr(entry.file.rfind('/') + 1) + ":" + std::to_string(entry.line) + ": "; }

    // Null: it is not set, or was taken already.
    std::optional<IniEntry> take(const std::string& key) {
        const auto found = settings_.find(key);
        if (found == settings_.end()) return std::nullopt;
        auto entry = found->second;
        settings_.erase(found);
        return entry;
    }

    // False: Larder does not take this value; a remark says so.
    bool set(std::string_view name, const std::string& value, const IniEntry* entry) {
        const auto* option = find_option(name);
        const auto problem = option->set(config_, value);
        if (!problem.empty()) {
            if (entry != nullptr) remark(*entry, std::string(name) + " " + problem);
            return false;
        }
        given_.insert(std::string(name));
        return true;
    }

    void take_listen_address() {
        const auto port = take("listen_port");
        const auto addresses = take("listen_addr");
        std::string host = "127.0.0.1";
        if (addresses) {
            const auto all = name_list(addresses->value);
            if (all.empty()) remark(*addresses, "Larder always listens on one address; without one, on 127.0.0.1");
            else host = all[0];
            if (all.size() > 1) remark(*addresses, "only the first address was taken; Larder listens on one, or on * for all");
        } else {
            notes_.emplace_back("PgBouncer listened on no address but its Unix socket; Larder always listens on one.");
        }
        if (host.find(':') != std::string::npos) host = "[" + host + "]";
        set("listen.address", host + ":" + (port ? port->value : "6432"), addresses ? &*addresses : (port ? &*port : nullptr));
    }

    void take_settings() {
        for (const auto& [theirs, ours, shape] : kCounterparts) {
            const auto entry = take(std::string(theirs));
            if (!entry || entry->value.empty()) continue;
            switch (shape) {
                case Shape::text:
                case Shape::number: set(ours, entry->value, &*entry); break;
                case Shape::seconds:
                case Shape::seconds_or_day: take_seconds(ours, *entry, shape == Shape::seconds_or_day); break;
            }
        }
        if (const auto verbose = take("verbose"); verbose && verbose->value != "0") set("log.level", "debug", &*verbose);
        for (const auto& [theirs, what] : kRemarks) {
            if (const auto entry = take(std::string(theirs))) remark(*entry, std::string(what));
        }
    }

    // PgBouncer's times are seconds, perhaps with a fraction; 0 means that there is no limit.
    void take_seconds(std::string_view ours, const IniEntry& entry, bool zero_is_a_day) {
        double seconds = 0;
        try {
            seconds = std::stod(entry.value);
        } catch (const std::exception&) {
            return remark(entry, "this is no number of seconds");
        }
        if (seconds == 0 && zero_is_a_day) {
            if (set(ours, "1d", &entry)) remark(entry, std::string(ours) + " is one day at the most, and was set to that");
            return;
        }
        set(ours, std::to_string(static_cast<std::int64_t>(seconds * 1000)) + "ms", &entry);
    }

    void take_tls() {
        if (const auto mode = take("client_tls_sslmode")) {
            if (mode->value == "disable") set("listen.tls", "disable", &*mode);
            else if (mode->value == "allow" || mode->value == "prefer") set("listen.tls", "prefer", &*mode);
            else set("listen.tls", "require", &*mode);
            if (mode->value.starts_with("verify")) remark(*mode, "clients need a certificate if listen.tls_ca_file is set; its name is not compared with the user");
        } else {
            set("listen.tls", "disable", nullptr);
        }
        server_tls_ = take("server_tls_sslmode");
        for (const auto* key : {"server_tls_cert_file", "server_tls_key_file"}) {
            if (const auto entry = take(key)) remark(*entry, "no counterpart: Larder shows no certificate to the server");
        }
        for (const auto* side : {"client_tls_", "server_tls_"}) {
            for (const auto* key : {"protocols", "ciphers", "ecdhcurve", "dheparams", "13_ciphers"}) {
                if (const auto entry = take(std::string(side) + key)) remark(*entry, "no counterpart: TLS 1.2 and 1.3 with OpenSSL's defaults");
            }
        }
    }

    void take_auth() {
        const auto type = take("auth_type");
        if (!user_list_.empty()) set("listen.auth_file", user_list_, nullptr);
        const bool judges = given_.contains("listen.auth_file") || given_.contains("listen.auth_user");
        const std::string method = type ? type->value : "md5";
        if (method != "hba" && given_.erase("listen.hba_file") > 0) notes_.emplace_back("auth_hba_file was left out, since auth_type is not hba.");
        if (method == "hba") {
            if (!judges) notes_.emplace_back("listen.hba_file needs listen.auth_file or listen.auth_user.");
        } else if (method == "md5" || method == "scram-sha-256") {
            if (!judges) notes_.emplace_back("There is no user file and no auth_user, so logins are relayed to the server, which judges them.");
            if (type && method == "scram-sha-256") remark(*type, "users are asked for SCRAM-SHA-256 unless their secret is an md5 digest");
        } else if (type) {
            remark(*type, "no counterpart: with a user file, Larder asks for SCRAM-SHA-256 or md5; without one the server judges logins");
        }
        // PgBouncer asks when there is an auth_user; a query alone does nothing.
        if (given_.contains("listen.auth_query") && !given_.contains("listen.auth_user")) notes_.emplace_back("auth_query does nothing without auth_user, here as there.");
    }

    // --- [databases]

    struct Target {
        std::string host = "127.0.0.1", port = "5432", database;
        std::vector<std::string> others;   // settings that have no counterpart here
    };

    static Target target_of(const IniEntry& entry) {
        Target target;
        target.database = entry.key == "*" ? "" : entry.key;
        std::vector<std::pair<std::string, std::string>> words;
        try {
            words = connection_words(entry.value);
        } catch (const std::invalid_argument& e) {
            throw ConfigError(entry.file, entry.line, std::string("a connection string with ") + e.what());
        }
        for (const auto& [name, value] : words) {
            if (name == "host") target.host = value;
            else if (name == "port") target.port = value;
            else if (name == "dbname") target.database = value;
            else target.others.push_back(name);
        }
        return target;
    }

    void take_databases() {
        if (databases_.empty()) {
            notes_.emplace_back("There is no database: set upstream.uri.");
            return;
        }
        // All go to one server. The fallback, or else the first, names it.
        const auto fallback = std::find_if(databases_.begin(), databases_.end(), [](const auto& entry) { return entry.key == "*"; });
        const auto& leading = fallback == databases_.end() ? databases_.front() : *fallback;
        const Target server = target_of(leading);
        set_upstream(server, leading);
        for (const auto& entry : databases_) {
            const Target target = target_of(entry);
            if (target.host != server.host || target.port != server.port) remark(entry, "is on another server: run one Larder for each");
            if (entry.key != "*" && target.database != entry.key) remark(entry, "no counterpart: a database has the server's own name here");
            for (const auto& other : target.others) {
                const bool is_login = other == "user" || other == "password";
                remark(entry, other + ": no counterpart: " + (is_login ? "clients log in at the server under their own names" : "settings of single databases"));
            }
        }
        if (fallback == databases_.end()) notes_.emplace_back("Larder lets clients ask for any database of the server, not only those of [databases]; DISABLE in the console shuts one.");
    }

    void set_upstream(const Target& server, const IniEntry& entry) {
        std::string hosts = server.host;
        std::string uri = "host=" + hosts + " port=" + server.port + (server.database.empty() ? "" : " dbname=" + quoted(server.database));
        if (server_tls_) uri += " sslmode=" + server_tls_->value;
        set("upstream.uri", uri, &entry);
        uri_ = uri;
        notes_.emplace_back("Larder caches only with a login of its own: add user=… and password=… to upstream.uri.");
    }

    static std::string quoted(const std::string& value) {
        if (value.find_first_of(" '\\") == std::string::npos) return value;
        std::string out = "'";
        for (const char c : value) {
            if (c == '\'' || c == '\\') out += '\\';
            out += c;
        }
        return out + "'";
    }

    // --- the text

    std::string text(const std::string& ini_file) {
        for (const auto& [key, entry] : settings_) remark(entry, "no counterpart");
        std::string out = "# Made of " + ini_file.substr(ini_file.rfind('/') + 1) + " by larder import. Every key: larder --print-config.\n";
        for (const auto& note : notes_) out += "# " + note + "\n";
        std::string_view section;
        for (const auto& option : options()) {
            if (!given_.contains(option.name())) continue;
            if (option.section != section) out += "\n[" + std::string(section = option.section) + "]\n";
            // What would be shown of the URI is where it leads, and that is not known before libpq's environment is read.
            out += std::string(option.key) + " = " + (option.name() == "upstream.uri" ? toml_string(uri_) : option.print(config_)) + "\n";
        }
        if (remarks_.empty()) return out;
        out += "\n# What of it is not above:\n";
        for (const auto& line : remarks_) out += "#   " + line + "\n";
        return out;
    }

    std::string user_list_, uri_;
    std::map<std::string, IniEntry> settings_;      // of [pgbouncer], until they are taken
    std::vector<IniEntry> databases_;
    std::optional<IniEntry> server_tls_;
    Config config_;
    std::set<std::string> given_;                   // options
    std::vector<std::string> notes_, remarks_;
};

}  // namespace

std::string import_pgbouncer(const std::string& ini_file, const std::string& user_list) { return Importer(user_list).run(ini_file); }

int run_import(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    const bool wants_help = !arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h");
    if (wants_help) return out << kUsage, 0;
    if (arguments.empty() || arguments.size() > 2 || arguments[0].starts_with('-')) return err << kUsage, 2;
    out << import_pgbouncer(arguments[0], arguments.size() > 1 ? arguments[1] : "");
    return 0;
}

}  // namespace larder::config
