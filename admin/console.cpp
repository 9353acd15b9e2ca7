#include "admin/console.h"

#include <algorithm>
#include <charconv>

#include <boost/asio/post.hpp>

#include "admin/cells.h"
#include "admin/control_console.h"
#include "admin/event_report.h"
#include "admin/feed_report.h"
#include "admin/redis_report.h"
#include "admin/pooler_tables.h"
#include "admin/relation_use.h"
#include "admin/rule_console.h"
#include "admin/traffic_console.h"
#include "admin/verify_report.h"
#include "admin/webhook_report.h"

namespace larder::admin {
namespace {

std::string yes_no(bool value) { return value ? "yes" : "no"; }

ConsoleReply name_and_value(const std::vector<std::pair<std::string, std::string>>& pairs, const char* name = "name", const char* value = "value") {
    ConsoleReply reply;
    reply.columns = {name, value};
    for (const auto& [key, text] : pairs) reply.rows.push_back({key, text});
    return reply;
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

ConsoleReply show_version(SnapshotSource& source) {
    ConsoleReply reply;
    reply.columns = {"version"};
    reply.rows.push_back({"Larder " + source.snapshot().version});
    return reply;
}

ConsoleReply show_help(SnapshotSource& source);

ConsoleReply purge_all(SnapshotSource& source) {
    source.purge_cache();
    return done("PURGE");
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

std::vector<Command> check_commands() {
    return {
        {{"SHOW", "VERIFY"}, "kept answers that were compared with the server's, and what came of it", false, nullptr},
        {{"SHOW", "VERIFY", "FINDINGS"}, "the last ones that differed; rows are for admins", false, nullptr},
        {{"SHOW", "QUARANTINE"}, "statements that are kept out of the cache since an answer of theirs was not the server's", false, nullptr},
        {{"VERIFY", "CACHE"}, "compare the 100 answers that were given most often; answers when that is done (admins only)", true, nullptr},
        {{"VERIFY", "CACHE", "n"}, "the same for so many", true, nullptr},
        {{"LIFT", "QUARANTINE", "n"}, "let a statement into the cache again, by its fingerprint; a database may follow (admins only)", true, nullptr},
        {{"LIFT", "QUARANTINE", "n", "n"}, "the same in one database", true, nullptr},
        {{"EXPLAIN", "LARDER", "IN", "n", "AS", "n", "…"}, "would a statement be cached, and on what would it depend; AS role may be left out", false, nullptr},
    };
}

std::vector<Command> all_commands() {
    std::vector<Command> all = {
        {{"SHOW", "HELP"}, "this list", false, show_help},
        {{"SHOW", "VERSION"}, "Larder's version", false, show_version},
        {{"SHOW", "CACHE"}, "what the cache holds and how often it answered", false, show_cache},
        {{"SHOW", "CACHE", "ENTRIES"}, "up to 1000 cached answers", false, show_cache_entries},
        {{"SHOW", "REASONS"}, "why statements were not answered from the cache, and how many", false, show_reasons},
        {{"SHOW", "STATS"}, "by database: transactions, statements, bytes and times, in total and as means over the last minute", false, [](SnapshotSource& s) { return show_stats(s, StatsPart::all); }},
        {{"SHOW", "STATS_TOTALS"}, "the totals of SHOW STATS", false, [](SnapshotSource& s) { return show_stats(s, StatsPart::totals); }},
        {{"SHOW", "STATS_AVERAGES"}, "the means of SHOW STATS", false, [](SnapshotSource& s) { return show_stats(s, StatsPart::averages); }},
        {{"SHOW", "TOTALS"}, "SHOW STATS of all databases together", false, [](SnapshotSource& s) { return show_totals(s); }},
        {{"SHOW", "CLIENTS"}, "client connections, as of the last second", false, [](SnapshotSource& s) { return show_clients(s); }},
        {{"SHOW", "SERVERS"}, "connections to PostgreSQL, as of the last second", false, [](SnapshotSource& s) { return show_servers(s); }},
        {{"SHOW", "SOCKETS"}, "both", false, [](SnapshotSource& s) { return show_sockets(s); }},
        {{"SHOW", "ACTIVE_SOCKETS"}, "the same", false, [](SnapshotSource& s) { return show_sockets(s); }},
        {{"SHOW", "POOLS"}, "clients and their server connections by database and user, as of the last second", false, [](SnapshotSource& s) { return show_pools(s); }},
        {{"SHOW", "DATABASES"}, "databases that clients have asked for, whether they are paused, and what is known of their catalogues", false, [](SnapshotSource& s) { return show_databases(s); }},
        {{"SHOW", "USERS"}, "users who are here, and their connections", false, [](SnapshotSource& s) { return show_users(s); }},
        {{"SHOW", "MEM"}, "memory", false, [](SnapshotSource& s) { return show_memory(s); }},
        {{"SHOW", "DNS_HOSTS"}, "nothing: names are looked up at each connection", false, [](SnapshotSource& s) { return show_dns_hosts(s); }},
        {{"SHOW", "DNS_ZONES"}, "nothing", false, [](SnapshotSource& s) { return show_dns_zones(s); }},
        {{"SHOW", "PEERS"}, "nothing: Larder has no peers", false, [](SnapshotSource& s) { return show_peers(s); }},
        {{"SHOW", "PEER_POOLS"}, "nothing", false, [](SnapshotSource& s) { return show_peer_pools(s); }},
        {{"SHOW", "RELATIONS"}, "each relation read or written so far: freshness counters, statements, and what the cache keeps of it", false, nullptr},
        {{"SHOW", "REDIS"}, "the second level of the cache: whether it is in use, how long it takes, what came from it and what went there", false, show_redis},
        {{"SHOW", "FEED"}, "the change feed, which tells of writes that go round Larder: its state, how far it is behind, what it dropped", false, show_feed},
        {{"SHOW", "EVENTS"}, "the newest 1000 events: invalidations, purges, rules, and what became of PostgreSQL and the feed", false, nullptr},
        {{"SHOW", "WEBHOOKS"}, "where events are sent to: what was taken, tried again, given up and lost, and how far it is behind", false, nullptr},
        {{"SHOW", "CONFIG"}, "the configuration in force; passwords are ***", false, nullptr},
        {{"RELOAD"}, "read the configuration again, as SIGHUP does (admins only)", true, nullptr},
        {{"KILL_CLIENT", "n"}, "end the session of a client, by ptr of SHOW CLIENTS (admins only)", true, nullptr},
        {{"SHOW", "LISTS"}, "how many of what", false, [](SnapshotSource& s) { return show_lists(s); }},
        {{"SHOW", "QUERIES"}, "statements by shape: calls, hit rate, time on the server, and why they are not cached", false, nullptr},
        {{"SHOW", "SLOW", "QUERIES"}, "those that are slow or take much of the server's time, and whether there is advice", false, nullptr},
        {{"SHOW", "ADVICE"}, "what would make statements cheaper", false, nullptr},
        {{"EXPLAIN", "ADVICE", "n"}, "one advice: evidence, what to run, gain, risk, how to undo", false, nullptr},
        {{"ADVISE", "WORKLOAD"}, "look at all statements together: the best set of indexes and the spare ones, soon in SHOW ADVICE (admins only)", true, nullptr},
        {{"ADVISE", "WORKLOAD", "BUDGET", "n"}, "the same, the set no larger than n, such as 500MB", true, nullptr},
        {{"SHOW", "DEPLOYMENTS"}, "what was deployed and what came of it", false, nullptr},
        {{"DEPLOY", "ADVICE", "n"}, "run what an advice says and watch what comes of it (admins only)", true, nullptr},
        {{"DEPLOY", "ADVICE", "n", "OPTION", "n"}, "the same for another of its options", true, nullptr},
        {{"REVERT", "DEPLOYMENT", "n"}, "take back what was deployed (admins only)", true, nullptr},
        {{"SHOW", "RULES"}, "the rules in force, in the order in which they are tried", false, nullptr},
        {{"EXPLAIN", "RULE", "n"}, "what a rule matches of the statements that were counted so far", false, nullptr},
        {{"CREATE", "RULE", "n", "WITH", "(…)"}, "a rule for now and later: table, fingerprint, regex, role, database; cache, ttl, max_stale, tags (admins only)", true, nullptr},
        {{"ALTER", "RULE", "n", "SET", "(…)"}, "change it, or RESET (…) some of it (admins only)", true, nullptr},
        {{"DROP", "RULE", "n"}, "take it away; IF EXISTS (admins only)", true, nullptr},
        {{"SHOW", "STATE"}, "whether everything is paused", false, nullptr},
        {{"PURGE", "ALL"}, "drop every cached answer (admins only)", true, purge_all},
        {{"PURGE", "TABLE", "n"}, "drop those that depend on a relation, as a write to all its rows would (admins only)", true, nullptr},
        {{"PURGE", "TAG", "n"}, "drop those of statements that carry a tag, by a rule or by their comment (admins only)", true, nullptr},
        {{"PURGE", "FINGERPRINT", "n"}, "drop those of statements of one shape, as SHOW QUERIES names it (admins only)", true, nullptr},
    };
    for (auto& command : check_commands()) all.push_back(std::move(command));
    for (const auto& command : control_commands()) all.push_back({command.words, command.description, true, nullptr});
    return all;
}

const std::vector<Command>& commands() {
    static const auto all = all_commands();
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

// `with_quotes`: as they are written; else without the double quotes around a name.
std::vector<std::string> split(std::string_view statement, bool with_quotes) {
    std::vector<std::string> words;
    std::string word;
    bool has_ended = false;
    const auto finish_word = [&] {
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    };
    for (std::size_t i = 0; i < statement.size(); ++i) {
        const char c = statement[i];
        if (c == '"') {
            // A doubled one stands for itself, as everywhere in SQL.
            if (has_ended) return {};
            const auto end = std::min(statement.find('"', i + 1), statement.size());
            if (with_quotes || (i > 0 && statement[i - 1] == '"')) word.push_back(c);
            word += statement.substr(i + 1, end - i - 1);
            if (with_quotes) word.push_back(c);
            i = end;
        } else if (statement.substr(i).starts_with("--")) {
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
            word.push_back(c);
        }
    }
    finish_word();
    return words;
}

}  // namespace

std::vector<std::string> console_words(std::string_view statement) {
    auto words = split(statement, true);
    for (auto& word : words) {
        for (char& c : word) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return words;
}

std::vector<std::string> console_names(std::string_view statement) { return split(statement, false); }

ConsoleReply Console::run_of_settings(const std::vector<std::string>& words) {
    if (settings_ == nullptr) return failure("55000", "there is no configuration here", "");
    if (words[0] == "SHOW") return show_config(*settings_);
    const auto outcome = settings_->reload();
    return outcome.error.empty() ? done("RELOAD") : failure("F0000", outcome.error, "Everything stays as it was.");
}

// It looks through all that is kept, which may take a second: not on the thread of a session.
ConsoleReply Console::run_purge(std::string_view statement, const std::vector<std::string>& words) {
    if (words[1] == "TABLE") return purge_table(source_, words[2]);
    const auto name = console_names(statement)[2];
    const bool is_fingerprint = words[1] == "FINGERPRINT";
    if (is_fingerprint && (name.size() > 16 || name.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos))
        return failure("22P02", "a fingerprint has up to 16 hexadecimal digits", "SHOW QUERIES has those of statements.");
    if (aside_waiting_->fetch_add(1) >= kConsoleAsideMax) {
        aside_waiting_->fetch_sub(1);
        return failure("53000", "too many commands like this are under way", "Try it again when they are done.");
    }
    auto reply = done("PURGE");
    const auto is_done = std::make_shared<std::atomic<bool>>(false);
    boost::asio::post(aside_, [this, name, is_fingerprint, is_done, waiting = aside_waiting_] {
        const std::shared_ptr<void> end(nullptr, [&](void*) { waiting->fetch_sub(1), is_done->store(true); });
        if (is_fingerprint) source_.purge_fingerprint("", name);
        else source_.purge_tag("", name);
    });
    reply.is_done = [is_done] { return is_done->load(); };
    return reply;
}

ConsoleReply Console::run_with_words(const std::vector<std::string>& words, std::string_view statement, bool is_admin) {
    const bool shows_state = words[0] == "SHOW" && words[1] == "STATE";
    if (shows_state || is_control_command(words)) {
        if (operations_ == nullptr) return failure("55000", "there is nothing to be controlled here");
        return shows_state ? show_state(*operations_) : run_control_command(*operations_, words, console_names(statement));
    }
    if (words[0] == "RELOAD" || words[1] == "CONFIG") return run_of_settings(words);
    if (words[0] == "VERIFY" || words[0] == "LIFT" || words[1] == "VERIFY" || words[1] == "QUARANTINE") return run_of_checks(statement, words, is_admin);
    if (words[0] == "KILL_CLIENT") return kill_client(source_, words[1]);
    if (words[0] == "PURGE") return run_purge(statement, words);
    if (words[0] == "SHOW" && words[1] == "EVENTS")
        return events_ == nullptr ? failure("55000", "there are no events here") : show_events(*events_);
    if (words[0] == "SHOW" && words[1] == "WEBHOOKS")
        return webhooks_ == nullptr ? failure("55000", "there are no webhooks here") : show_webhooks(*webhooks_);
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

ConsoleReply Console::run_of_checks(std::string_view statement, const std::vector<std::string>& words, bool is_admin) {
    if (checks_ == nullptr) return failure("55000", "there is nothing to be compared here");
    if (is_explain_command(statement)) return run_explain_command(*checks_, statement);
    if (words[0] == "VERIFY") return verify_cache(*checks_, words.size() > 2 ? words[2] : "");
    if (words[0] == "LIFT") return lift_quarantine(*checks_, console_names(statement));
    if (words[1] == "QUARANTINE") return show_quarantine(*checks_);
    return words.size() > 2 ? show_findings(*checks_, is_admin) : show_verify(*checks_);
}

ConsoleReply Console::run_of_rules(std::string_view statement, const std::vector<std::string>& words, bool is_admin) {
    if (rules_ == nullptr) return failure("55000", "there are no rules here", "");
    if (config::is_rule_command(statement)) return is_admin ? run_rule_command(*rules_, statement) : failure("42501", "permission denied: only admins may do this", "");
    if (words[0] == "SHOW") return show_rules(*rules_);
    return explain_rule(*rules_, statement);
}

ConsoleReply Console::run(std::string_view statement, bool is_admin) {
    const auto words = console_words(statement);
    if (config::is_rule_command(statement) || is_about_rules(words)) return run_of_rules(statement, words, is_admin);
    if (is_explain_command(statement)) return run_of_checks(statement, words, is_admin);
    for (const auto& command : commands()) {
        if (!matches(command.words, words)) continue;
        if (command.needs_admin && !is_admin) return failure("42501", "permission denied: only admins may do this", "");
        return command.run != nullptr ? command.run(source_) : run_with_words(words, statement, is_admin);
    }
    return failure("42601", "this is Larder's console, and not one of its commands", "SHOW HELP lists them.");
}

}  // namespace larder::admin
