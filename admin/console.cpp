#include "admin/console.h"

#include <algorithm>
#include <charconv>

#include "admin/cells.h"
#include "admin/feed_report.h"
#include "admin/pool_summary.h"
#include "admin/relation_use.h"
#include "admin/rule_console.h"
#include "admin/traffic_console.h"

namespace larder::admin {
namespace {

using Row = std::vector<std::optional<std::string>>;

std::string yes_no(bool value) { return value ? "yes" : "no"; }

ConsoleReply name_and_value(const std::vector<std::pair<std::string, std::string>>& pairs, const char* name = "name", const char* value = "value") {
    ConsoleReply reply;
    reply.columns = {name, value};
    for (const auto& [key, text] : pairs) reply.rows.push_back({key, text});
    return reply;
}

// "127.0.0.1:5123" in two; a Unix socket has no port.
std::pair<std::string, std::string> split_address(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) return {address, "0"};
    return {address.substr(0, colon), address.substr(colon + 1)};
}

ConsoleReply show_cache(SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    const std::uint64_t looked_up = s.hits + s.misses;
    return name_and_value({
        {"serving", s.not_serving.empty() ? "yes" : "no: " + s.not_serving_explained},
        {"hits", number(s.hits)},
        {"misses", number(s.misses)},
        {"hit_ratio", looked_up == 0 ? "0" : number(static_cast<double>(s.hits) / static_cast<double>(looked_up), 4)},
        {"joined_flights", number(s.joined_flights)},
        {"stale_hits", number(s.stale_hits)},
        {"hit_bytes", number(s.hit_bytes)},
        {"saved_server_us", number(s.saved_server_us)},
        {"entries", number(s.cache.entries)},
        {"bytes", number(s.cache.bytes)},
        {"bytes_max", number(s.cache.bytes_max)},
        {"stored", number(s.cache.stored)},
        {"evicted", number(s.cache.evicted)},
        {"expired", number(s.cache.expired)},
        {"found_stale", number(s.cache.found_stale)},
        {"refused_admission", number(s.cache.refused_admission)},
        {"flights", number(s.cache.flights)},
        {"waiters", number(s.cache.waiters)},
        {"write_marks", number(s.write_marks)},
        {"opaque_marks", number(s.opaque_marks)},
        {"unknown_outcomes_open", number(s.unknown_outcomes_open)},
    });
}

ConsoleReply show_cache_entries(SnapshotSource& source) {
    ConsoleReply reply;
    reply.columns = {"key", "bytes", "rows", "hits", "server_us", "age_seconds", "counters", "fresh", "database", "relations"};
    for (const auto& entry : source.cache_entries(kConsoleEntriesMax)) {
        std::string relations;
        for (const auto& relation : entry.relations) relations += (relations.empty() ? "" : ", ") + relation;
        reply.rows.push_back({entry.key, number(entry.bytes), number(entry.rows), number(entry.hits), number(entry.server_us),
                              number(entry.age_seconds, 3), number(entry.counters), yes_no(entry.is_fresh),
                              entry.database.empty() ? std::nullopt : std::optional(entry.database), relations});
    }
    return reply;
}

// PgBouncer's SHOW STATS. Larder counts over all databases together, hits included.
ConsoleReply show_stats(SnapshotSource& source, bool totals, bool averages) {
    const Snapshot s = source.snapshot();
    const double seconds = std::max(1.0, s.uptime_seconds);
    const auto per_second = [&](std::uint64_t total) { return number(static_cast<std::uint64_t>(static_cast<double>(total) / seconds)); };
    ConsoleReply reply;
    reply.columns = {"database"};
    Row row{"*"};
    const auto add = [&](const char* column, std::optional<std::string> value) {
        reply.columns.emplace_back(column);
        row.push_back(std::move(value));
    };
    if (totals) {
        add("total_xact_count", std::nullopt);
        add("total_query_count", number(s.statements));
        add("total_received", number(s.client_bytes_in));
        add("total_sent", number(s.client_bytes_out));
        add("total_xact_time", std::nullopt);
        add("total_query_time", std::nullopt);
        add("total_wait_time", std::nullopt);
    }
    if (averages) {
        add("avg_xact_count", std::nullopt);
        add("avg_query_count", per_second(s.statements));
        add("avg_recv", per_second(s.client_bytes_in));
        add("avg_sent", per_second(s.client_bytes_out));
        add("avg_xact_time", std::nullopt);
        add("avg_query_time", std::nullopt);
        add("avg_wait_time", std::nullopt);
    }
    if (totals && averages) {
        add("total_cache_hits", number(s.hits));
        add("total_cache_misses", number(s.misses));
    }
    reply.rows.push_back(std::move(row));
    return reply;
}

ConsoleReply show_clients(SnapshotSource& source) {
    ConsoleReply reply;
    reply.columns = {"type", "user", "database", "state", "addr", "port", "connect_time", "ptr", "link", "remote_pid", "tls", "application_name", "pending_bytes", "pinned_by"};
    for (const auto& client : source.clients()) {
        const auto [address, port] = split_address(client.address);
        reply.rows.push_back({"C", client.user, client.database, client.state, address, port, timestamp(client.connected_us), number(client.id),
                              client.has_server ? std::optional(number(client.id)) : std::nullopt, "0", client.is_tls ? "TLS" : "",
                              client.application_name, number(client.pending_bytes),
                              client.pinned_by.empty() ? std::nullopt : std::optional(client.pinned_by)});
    }
    return reply;
}

ConsoleReply show_servers(SnapshotSource& source) {
    ConsoleReply reply;
    reply.columns = {"type", "user", "database", "state", "addr", "port", "connect_time", "ptr", "link", "remote_pid", "application_name"};
    const auto [address, port] = split_address(source.snapshot().upstream);
    for (const auto& client : source.clients()) {
        if (!client.has_server) continue;
        reply.rows.push_back({"S", client.user, client.database, client.state == "idle" ? "idle" : "active", address, port,
                              timestamp(client.connected_us), number(client.id), number(client.id), std::to_string(client.server_pid),
                              client.application_name});
    }
    for (const auto& pool : source.pools()) {
        for (const auto pid : pool.idle_pids) {
            reply.rows.push_back({"S", pool.user, pool.database, "idle", address, port, std::nullopt, std::nullopt, std::nullopt, std::to_string(pid), std::nullopt});
        }
    }
    return reply;
}

std::string number_or_zero(std::int64_t value) { return std::to_string(std::max<std::int64_t>(0, value)); }

// PgBouncer's SHOW POOLS, by database and user, and which clients keep their connection: "2 listen, 1 temp_objects".
ConsoleReply show_pools(SnapshotSource& source) {
    ConsoleReply reply;
    reply.columns = {"database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login", "maxwait", "maxwait_us", "pool_mode", "pinned_by"};
    const auto mode = source.snapshot().pool_mode;
    for (const auto& pool : pool_summaries(source)) {
        const auto pinned = pool.pinned_text();
        reply.rows.push_back({pool.database, pool.user, number(pool.clients_active), number(pool.clients_waiting), number(pool.servers_active), number(pool.servers_idle), "0", "0", "0",
                              number_or_zero(pool.max_wait_us / 1'000'000), number_or_zero(pool.max_wait_us % 1'000'000), mode,
                              pinned.empty() ? std::nullopt : std::optional(pinned)});
    }
    return reply;
}

ConsoleReply show_databases(SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    const auto [host, port] = split_address(s.upstream);
    ConsoleReply reply;
    reply.columns = {"name", "host", "port", "database", "pool_mode", "paused", "disabled", "facts", "relations", "catalogue_loads", "catalogue_bytes",
                     "unknown_in_flight_seconds", "load_error"};
    for (const auto& database : s.databases) {
        reply.rows.push_back({database.name, host, port, database.name, s.pool_mode, "0", "0",
                              database.facts_valid ? "valid" : (database.has_facts ? "old" : "none"), number(database.relations),
                              number(database.catalogue_loads), number(database.catalogue_bytes), number(database.unknown_in_flight_seconds, 3),
                              database.load_error.empty() ? std::nullopt : std::optional(database.load_error)});
    }
    return reply;
}

ConsoleReply show_relations(const SnapshotSource& source, const StatementSource* traffic) {
    ConsoleReply reply;
    reply.columns = {"database", "relation", "oid", "version", "in_flight", "reads", "hits", "writes", "entries", "entry_bytes"};
    for (const auto& [relation, reads, hits, writes] : relation_uses(source, traffic)) {
        reply.rows.push_back({relation.database, relation.relation.empty() ? std::nullopt : std::optional(relation.relation), number(relation.oid),
                              number(relation.version), number(relation.in_flight), number(reads), number(hits), number(writes), number(relation.entries),
                              number(relation.entry_bytes)});
    }
    return reply;
}

ConsoleReply show_reasons(SnapshotSource& source) {
    ConsoleReply reply;
    reply.columns = {"reason", "bypasses", "explanation"};
    auto reasons = source.reasons();
    std::stable_sort(reasons.begin(), reasons.end(), [](const ReasonRow& a, const ReasonRow& b) { return a.count > b.count; });
    for (const auto& reason : reasons) reply.rows.push_back({reason.name, number(reason.count), reason.explanation});
    return reply;
}

ConsoleReply show_lists(SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    return name_and_value({{"databases", number(s.databases.size())}, {"used_clients", number(s.clients)}, {"used_servers", number(s.servers)},
                           {"workers", std::to_string(s.workers)}}, "list", "items");
}

ConsoleReply show_version(SnapshotSource& source) {
    ConsoleReply reply;
    reply.columns = {"version"};
    reply.rows.push_back({"Larder " + source.snapshot().version});
    return reply;
}

ConsoleReply show_help(SnapshotSource& source);

ConsoleReply purge_all(SnapshotSource& source) {
    source.purge_cache();
    ConsoleReply reply;
    reply.tag = "PURGE";
    return reply;
}

ConsoleReply done(const char* tag) {
    ConsoleReply reply;
    reply.tag = tag;
    return reply;
}

// `name`: in upper case, since case does not matter, perhaps in quotes.
ConsoleReply purge_table(SnapshotSource& source, std::string name) {
    std::erase(name, '"');
    const auto dropped = source.purge_relation("", name);
    return dropped ? done("PURGE") : failure("42P01", "no relation of this name was read or written so far", "SHOW RELATIONS lists them.");
}

ConsoleReply kill_client(SnapshotSource& source, const std::string& id) {
    std::uint64_t number = 0;
    const auto end = std::from_chars(id.data(), id.data() + id.size(), number);
    const bool is_number = end.ec == std::errc() && end.ptr == id.data() + id.size();
    return is_number && source.kill_client(number) ? done("KILL_CLIENT") : failure("42704", "there is no client with this ptr", "SHOW CLIENTS lists them.");
}

ConsoleReply show_config(const SettingsSource& settings) {
    ConsoleReply reply;
    reply.columns = {"key", "value", "default", "changeable"};
    for (const auto& setting : settings.settings()) reply.rows.push_back({setting.name, setting.value, setting.default_value, yes_no(!setting.needs_restart)});
    return reply;
}

// What is asked of the traffic and of the advisor, where there is one.
ConsoleReply no_advisor() { return failure("55000", "the advisor is off", "Set advisor.enabled = true, and give Larder a login of its own."); }

struct Command {
    std::vector<std::string> words;  // "n" stands for a number or size that is given
    const char* description;
    bool needs_admin;
    ConsoleReply (*run)(SnapshotSource&);  // null: it takes words, or asks more than the snapshot (run_with_words)
};

const std::vector<Command>& commands() {
    static const std::vector<Command> all = {
        {{"SHOW", "HELP"}, "this list", false, show_help},
        {{"SHOW", "VERSION"}, "Larder's version", false, show_version},
        {{"SHOW", "CACHE"}, "what the cache holds and how often it answered", false, show_cache},
        {{"SHOW", "CACHE", "ENTRIES"}, "up to 1000 cached answers", false, show_cache_entries},
        {{"SHOW", "REASONS"}, "why statements were not answered from the cache, and how many", false, show_reasons},
        {{"SHOW", "STATS"}, "statements and bytes, in total and per second since the start", false, [](SnapshotSource& s) { return show_stats(s, true, true); }},
        {{"SHOW", "STATS_TOTALS"}, "the totals of SHOW STATS", false, [](SnapshotSource& s) { return show_stats(s, true, false); }},
        {{"SHOW", "STATS_AVERAGES"}, "the averages of SHOW STATS", false, [](SnapshotSource& s) { return show_stats(s, false, true); }},
        {{"SHOW", "CLIENTS"}, "client connections, as of the last second", false, show_clients},
        {{"SHOW", "SERVERS"}, "connections to PostgreSQL", false, show_servers},
        {{"SHOW", "POOLS"}, "clients and their server connections by database and user, as of the last second", false, show_pools},
        {{"SHOW", "DATABASES"}, "databases in use and what is known of their catalogues", false, show_databases},
        {{"SHOW", "RELATIONS"}, "each relation read or written so far: freshness counters, statements, and what the cache keeps of it", false, nullptr},
        {{"SHOW", "FEED"}, "the change feed, which tells of writes that go round Larder: its state, how far it is behind, what it dropped", false, show_feed},
        {{"SHOW", "CONFIG"}, "the configuration in force; passwords are ***", false, nullptr},
        {{"RELOAD"}, "read the configuration again, as SIGHUP does (superusers only)", true, nullptr},
        {{"KILL_CLIENT", "n"}, "end the session of a client, by ptr of SHOW CLIENTS (superusers only)", true, nullptr},
        {{"SHOW", "LISTS"}, "how many of what", false, show_lists},
        {{"SHOW", "QUERIES"}, "statements by shape: calls, hit rate, time on the server, and why they are not cached", false, nullptr},
        {{"SHOW", "SLOW", "QUERIES"}, "those that are slow or take much of the server's time, and whether there is advice", false, nullptr},
        {{"SHOW", "ADVICE"}, "what would make statements cheaper", false, nullptr},
        {{"EXPLAIN", "ADVICE", "n"}, "one advice: evidence, what to run, gain, risk, how to undo", false, nullptr},
        {{"ADVISE", "WORKLOAD"}, "look at all statements together: the best set of indexes and the spare ones, soon in SHOW ADVICE (superusers only)", true, nullptr},
        {{"ADVISE", "WORKLOAD", "BUDGET", "n"}, "the same, the set no larger than n, such as 500MB", true, nullptr},
        {{"SHOW", "DEPLOYMENTS"}, "what was deployed and what came of it", false, nullptr},
        {{"DEPLOY", "ADVICE", "n"}, "run what an advice says and watch what comes of it (superusers only)", true, nullptr},
        {{"DEPLOY", "ADVICE", "n", "OPTION", "n"}, "the same for another of its options", true, nullptr},
        {{"REVERT", "DEPLOYMENT", "n"}, "take back what was deployed (superusers only)", true, nullptr},
        {{"SHOW", "RULES"}, "the rules in force, in the order in which they are tried", false, nullptr},
        {{"EXPLAIN", "RULE", "n"}, "what a rule matches of the statements that were counted so far", false, nullptr},
        {{"CREATE", "RULE", "n", "WITH", "(…)"}, "a rule for now and later: table, fingerprint, regex, role, database; cache, ttl, max_stale, tags (superusers only)", true, nullptr},
        {{"ALTER", "RULE", "n", "SET", "(…)"}, "change it, or RESET (…) some of it (superusers only)", true, nullptr},
        {{"DROP", "RULE", "n"}, "take it away; IF EXISTS (superusers only)", true, nullptr},
        {{"PURGE", "ALL"}, "drop every cached answer (superusers only)", true, purge_all},
        {{"PURGE", "TABLE", "n"}, "drop those that depend on a relation, as a write to all its rows would (superusers only)", true, nullptr},
    };
    return all;
}

bool is_about_rules(const std::vector<std::string>& words) { return words.size() >= 2 && ((words[0] == "SHOW" && words[1] == "RULES" && words.size() == 2) || (words[0] == "EXPLAIN" && words[1] == "RULE")); }

bool matches(const std::vector<std::string>& command, const std::vector<std::string>& words) {
    const auto is_same = [](const std::string& wanted, const std::string& word) { return wanted == "n" || wanted == word; };
    return std::equal(command.begin(), command.end(), words.begin(), words.end(), is_same);
}

ConsoleReply show_help(SnapshotSource&) {
    ConsoleReply reply;
    reply.columns = {"command", "description"};
    for (const auto& command : commands()) {
        std::string text;
        for (const auto& word : command.words) text += (text.empty() ? "" : " ") + word;
        reply.rows.push_back({text, command.description});
    }
    return reply;
}

}  // namespace

std::vector<std::string> console_words(std::string_view statement) {
    std::vector<std::string> words;
    std::string word;
    bool has_ended = false;
    const auto finish_word = [&] {
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    };
    for (std::size_t i = 0; i < statement.size(); ++i) {
        const char c = statement[i];
        if (statement.substr(i).starts_with("--")) {
            const auto end = statement.find('\n', i);
            i = end == std::string_view::npos ? statement.size() : end;
            finish_word();
        } else if (statement.substr(i).starts_with("/*")) {
            const auto end = statement.find("*/", i + 2);
            i = end == std::string_view::npos ? statement.size() : end + 1;
            finish_word();
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
            finish_word();
        } else if (c == ';') {
            finish_word();
            has_ended = true;
        } else {
            if (has_ended) return {};
            word.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
        }
    }
    finish_word();
    return words;
}

ConsoleReply Console::run_of_settings(const std::vector<std::string>& words) {
    if (settings_ == nullptr) return failure("55000", "there is no configuration here", "");
    if (words[0] == "SHOW") return show_config(*settings_);
    const auto outcome = settings_->reload();
    return outcome.error.empty() ? done("RELOAD") : failure("F0000", outcome.error, "Everything stays as it was.");
}

ConsoleReply Console::run_with_words(const std::vector<std::string>& words, bool is_admin) {
    if (words[0] == "RELOAD" || words[1] == "CONFIG") return run_of_settings(words);
    if (words[0] == "KILL_CLIENT") return kill_client(source_, words[1]);
    if (words[0] == "PURGE") return purge_table(source_, words[2]);
    if (words[1] == "RELATIONS") return show_relations(source_, traffic_);
    if (words[0] == "SHOW" && words[1] == "QUERIES") return traffic_ == nullptr ? no_advisor() : show_queries(*traffic_);
    if (advice_ == nullptr) return no_advisor();
    if (words[0] == "SHOW" && words[1] == "SLOW") return show_slow_queries(*advice_, is_admin);
    if (words[0] == "SHOW" && words[1] == "ADVICE") return show_advice(*advice_, is_admin);
    if (words[0] == "SHOW") return show_deployments(*advice_, is_admin);
    if (words[0] == "ADVISE") return advise_workload(*advice_, words.size() > 3 ? words[3] : "");
    if (words[0] == "EXPLAIN") return explain_advice(*advice_, words[2], is_admin);
    if (words[0] == "DEPLOY") return deploy_advice(*advice_, words[2], words.size() > 4 ? words[4] : "");
    return revert_deployment(*advice_, words[2]);
}

ConsoleReply Console::run_of_rules(std::string_view statement, const std::vector<std::string>& words, bool is_admin) {
    if (rules_ == nullptr) return failure("55000", "there are no rules here", "");
    if (config::is_rule_command(statement)) return is_admin ? run_rule_command(*rules_, statement) : failure("42501", "permission denied: only superusers may do this", "");
    if (words[0] == "SHOW") return show_rules(*rules_);
    return explain_rule(*rules_, statement);
}

ConsoleReply Console::run(std::string_view statement, bool is_admin) {
    const auto words = console_words(statement);
    if (config::is_rule_command(statement) || is_about_rules(words)) return run_of_rules(statement, words, is_admin);
    for (const auto& command : commands()) {
        if (!matches(command.words, words)) continue;
        if (command.needs_admin && !is_admin) return failure("42501", "permission denied: only superusers may do this", "");
        return command.run != nullptr ? command.run(source_) : run_with_words(words, is_admin);
    }
    return failure("42601", "this is Larder's console, and not one of its commands", "SHOW HELP lists them.");
}

}  // namespace larder::admin
