#include "admin/metrics.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace larder::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
public:
    MetricFamily& add(const char* name, const char* help, MetricType type) {
        MetricFamily family;
        family.name = name;
        family.help = help;
        family.type = type;
        families_.push_back(std::move(family));
        return families_.back();
    }
    void counter(const char* name, const char* help, double value) { put(add(name, help, MetricType::Counter), {}, value); }
    void gauge(const char* name, const char* help, double value) { put(add(name, help, MetricType::Gauge), {}, value); }

    // `by_bucket`: in the buckets of DurationCounts.
    void histogram(const char* name, const char* help, const std::vector<std::uint64_t>& by_bucket, double sum) {
        ClientMetric metric;
        for (const auto count : by_bucket) {
            const auto i = metric.histogram.bucket.size();
            metric.histogram.sample_count += count;
            const bool is_last = i == DurationCounts::kBoundsUs.size();
            metric.histogram.bucket.push_back({metric.histogram.sample_count, is_last ? std::numeric_limits<double>::infinity() : static_cast<double>(DurationCounts::kBoundsUs[i]) / 1e6});
        }
        metric.histogram.sample_sum = sum;
        add(name, help, MetricType::Histogram).metric.push_back(std::move(metric));
    }

    static void put(MetricFamily& family, std::vector<ClientMetric::Label> labels, double value) {
        ClientMetric metric;
        metric.label = std::move(labels);
        if (family.type == MetricType::Counter) metric.counter.value = value;
        else metric.gauge.value = value;
        family.metric.push_back(std::move(metric));
    }
    std::string text() const {
        std::ostringstream out;
        prometheus::TextSerializer().Serialize(out, families_);
        return out.str();
    }

private:
    std::vector<MetricFamily> families_;
};

double real(std::uint64_t value) { return static_cast<double>(value); }

void add_cache(Families& out, const Snapshot& s) {
    out.counter("larder_cache_hits_total", "Statements answered from the cache.", real(s.hits));
    out.counter("larder_cache_stale_hits_total", "Of the hits, those that a write had made old, within the max_stale of a rule or comment.", real(s.stale_hits));
    out.counter("larder_cache_misses_total", "Cacheable statements that were not in the cache, or not fresh.", real(s.misses));
    auto& bypasses = out.add("larder_cache_bypasses_total", "Statements for which the cache was not asked, or whose answer was not kept, by reason.", MetricType::Counter);
    for (const auto& [reason, count] : s.bypasses) Families::put(bypasses, {{"reason", reason}}, real(count));
    out.counter("larder_cache_stored_total", "Answers stored.", real(s.cache.stored));
    out.counter("larder_cache_flights_total", "Misses whose answer others could wait for.", real(s.cache.flights));
    out.counter("larder_cache_waiters_total", "Statements that waited for another session's miss.", real(s.cache.waiters));
    out.counter("larder_cache_joined_flights_total", "Statements answered by another session's miss.", real(s.joined_flights));
    out.counter("larder_cache_invalidations_total", "Entries found stale because something they depend on was written.", real(s.cache.found_stale));
    out.counter("larder_cache_evicted_total", "Entries dropped to make room.", real(s.cache.evicted));
    out.counter("larder_cache_expired_total", "Entries dropped at the end of their time.", real(s.cache.expired));
    out.counter("larder_cache_refused_admission_total", "Answers not stored because what they would have replaced is worth more.", real(s.cache.refused_admission));
    out.counter("larder_cache_hit_bytes_total", "Bytes sent from the cache.", real(s.hit_bytes));
    out.counter("larder_cache_saved_server_seconds_total", "What the server had spent on the answers that were served again.", real(s.saved_server_us) / 1e6);
    out.gauge("larder_cache_bytes", "Memory taken by entries.", real(s.cache.bytes));
    out.gauge("larder_cache_bytes_max", "The configured bound of larder_cache_bytes.", real(s.cache.bytes_max));
    out.gauge("larder_cache_entries", "Entries in the cache.", real(s.cache.entries));
    out.gauge("larder_cache_serving", "1 if answers are served from the cache.", s.not_serving.empty() ? 1 : 0);
}

void add_freshness(Families& out, const Snapshot& s) {
    out.counter("larder_write_marks_total", "Writes that moved counters.", real(s.write_marks));
    out.counter("larder_opaque_marks_total", "Writes whose targets are not known, or that may be DDL.", real(s.opaque_marks));
    out.counter("larder_unknown_outcomes_total", "Writes whose server connection ended before their outcome was known.", real(s.unknown_outcomes_kept));
    out.gauge("larder_unknown_outcomes_open", "Those whose backend is not known to have ended.", real(s.unknown_outcomes_open));
    auto& unknown = out.add("larder_unknown_in_flight_seconds_total", "Time during which a write of unknown targets, or DDL, turned the cache of a database off.", MetricType::Counter);
    for (const auto& database : s.databases) Families::put(unknown, {{"database", database.name}}, database.unknown_in_flight_seconds);
    auto& valid = out.add("larder_catalogue_valid", "1 if the catalogue facts of a database are loaded and valid.", MetricType::Gauge);
    for (const auto& database : s.databases) Families::put(valid, {{"database", database.name}}, database.facts_valid ? 1 : 0);
    auto& loads = out.add("larder_catalogue_loads_total", "Loads of a database's catalogue.", MetricType::Counter);
    for (const auto& database : s.databases) Families::put(loads, {{"database", database.name}}, real(database.catalogue_loads));
}

void add_checks(Families& out, const Snapshot& s) {
    auto& checks = out.add("larder_verify_checks_total", "Kept answers that were compared with the server's, by what came of it.", MetricType::Counter);
    Families::put(checks, {{"outcome", "equal"}}, real(s.verify.equal));
    Families::put(checks, {{"outcome", "different"}}, real(s.verify.different));
    Families::put(checks, {{"outcome", "undecided"}}, real(s.verify.undecided));
    Families::put(checks, {{"outcome", "moved"}}, real(s.verify.moved));
    Families::put(checks, {{"outcome", "failed"}}, real(s.verify.failed));
    out.counter("larder_verify_skipped_total", "Comparisons that were left out since clients waited for server connections.", real(s.verify.skipped));
    out.gauge("larder_quarantined_shapes", "Shapes of statements that are kept out of the cache, since an answer of theirs was not the server's.", real(s.quarantined));
}

void add_feed(Families& out, const Snapshot& s) {
    const auto& feed = s.feed;
    if (feed.state == "off") return;
    out.gauge("larder_feed_up", "1 while the change feed tells of writes from elsewhere, and is not behind by more than feed.lag_max.", feed.state == "current" ? 1 : 0);
    out.gauge("larder_feed_lag_seconds", "How long ago the newest commit was made that the change feed has dealt with, if there are later ones.", feed.lag_seconds);
    out.gauge("larder_feed_pending_commits", "Commits that the change feed has received and that are not visible yet.", real(feed.pending));
    out.counter("larder_feed_commits_total", "Commits that the change feed has dealt with.", real(feed.commits));
    out.counter("larder_feed_own_commits_total", "Of them, those of this Larder's clients, whose writes were known already.", real(feed.own_commits));
    out.counter("larder_feed_dropped_relations_total", "Times that the change feed dropped what depends on a relation.", real(feed.dropped_relations));
    out.counter("larder_feed_dropped_databases_total", "Times that it dropped all of a database, since it could not tell what was written.", real(feed.dropped_databases));
    out.counter("larder_feed_catalogue_checks_total", "Times that it had the catalogue compared.", real(feed.catalogue_checks));
    out.counter("larder_feed_streams_total", "Times that the stream was begun; each time all that was kept is dropped.", real(feed.streams));
    out.histogram("larder_barrier_wait_seconds", "How long hits waited for the change feed, where freshness is barrier.", feed.barrier_waits_by_time, real(feed.barrier_wait_us) / 1e6);
    out.counter("larder_barrier_questions_total", "Questions to the server for such waits; one serves all that have begun.", real(feed.barrier_questions));
}

void add_redis(Families& out, const Snapshot& s) {
    const auto& redis = s.redis;
    if (redis.address.empty()) return;
    out.gauge("larder_redis_up", "Workers whose connection to Redis is in use.", redis.workers_up);
    out.counter("larder_redis_connections_total", "Connections to Redis that were opened.", real(redis.connections));
    out.counter("larder_redis_hits_total", "Hits whose answer came from Redis; they count in larder_cache_hits_total, too.", real(redis.hits));
    out.counter("larder_redis_misses_total", "Questions to Redis that it had nothing for.", real(redis.not_found));
    out.counter("larder_redis_stale_total", "Answers from Redis that were not given, since a write or their age forbids it.", real(redis.stale));
    out.counter("larder_redis_stored_total", "Answers that Redis took.", real(redis.kept));
    auto& refused = out.add("larder_redis_not_stored_total", "Answers that memory had no room for and that were not put into Redis, by reason.", MetricType::Counter);
    for (const auto& [reason, count] : redis.refused) Families::put(refused, {{"reason", reason}}, real(count));
    auto& errors = out.add("larder_redis_errors_total", "What went wrong with Redis, by kind.", MetricType::Counter);
    for (const auto& [kind, count] : redis.errors) Families::put(errors, {{"kind", kind}}, real(count));
    auto& faults = out.add("larder_redis_bad_values_total", "Values from Redis that were not what this process had put there under their key, by what was wrong.", MetricType::Counter);
    for (const auto& [kind, count] : redis.faults) Families::put(faults, {{"kind", kind}}, real(count));
    out.counter("larder_redis_received_bytes_total", "Bytes of the values that came from Redis.", real(redis.found_bytes));
    out.counter("larder_redis_sent_bytes_total", "Bytes of the values that went to Redis.", real(redis.kept_bytes));
    auto& family = out.add("larder_redis_round_trip_seconds", "From a command to Redis to its answer.", MetricType::Histogram);
    ClientMetric metric;
    std::uint64_t seen = 0;
    for (const auto& [bound, count] : redis.round_trips) metric.histogram.bucket.push_back({seen += count, bound});
    metric.histogram.sample_count = seen;
    metric.histogram.sample_sum = redis.round_trip_seconds_sum;
    family.metric.push_back(std::move(metric));
}

void add_connections(Families& out, const Snapshot& s) {
    out.gauge("larder_client_connections", "Client connections.", real(s.clients));
    auto& servers = out.add("larder_server_connections", "Connections to PostgreSQL, by state.", MetricType::Gauge);
    Families::put(servers, {{"state", "lent"}}, real(s.servers));
    Families::put(servers, {{"state", "idle"}}, real(s.idle_servers));
    auto& paused = out.add("larder_database_paused", "1 while a database is paused in the console.", MetricType::Gauge);
    for (const auto& database : s.databases) Families::put(paused, {{"database", database.name}}, database.is_paused ? 1 : 0);
    auto& disabled = out.add("larder_database_disabled", "1 while no new clients are let in to a database.", MetricType::Gauge);
    for (const auto& database : s.databases) Families::put(disabled, {{"database", database.name}}, database.is_disabled ? 1 : 0);
    auto& pinned = out.add("larder_pinned_connections", "Server connections that stay with their client because of what it left on them, by reason.", MetricType::Gauge);
    for (const auto& [reason, count] : s.pinned) Families::put(pinned, {{"reason", reason}}, real(count));
    out.gauge("larder_waiting_clients", "Clients that wait for a server connection.", real(s.waiting_clients));
    auto& limits = out.add("larder_limit_hits_total", "How often a limit was met.", MetricType::Counter);
    Families::put(limits, {{"limit", "clients_max"}}, real(s.refused_clients));
    Families::put(limits, {{"limit", "login_clients_max"}}, real(s.refused_logins));
    Families::put(limits, {{"limit", "pool_max_wait"}}, real(s.wait_timeouts));
    Families::put(limits, {{"limit", "statements_max"}}, real(s.dropped_shapes));
    out.gauge("larder_statement_shapes", "Shapes of statements that are counted.", real(s.statement_shapes));
    out.counter("larder_logins_total", "Logins that PostgreSQL accepted.", real(s.logins));
    out.counter("larder_slow_statements_total", "Statements that the server took log.slow or longer for.", real(s.slow_statements));
    out.counter("larder_known_logins_total", "Logins for which the server was not asked, since it had just said yes to the same.", real(s.known_logins));
    out.counter("larder_user_lookups_total", "Questions to the server by listen.auth_query.", real(s.user_lookups));
    out.counter("larder_user_lookup_failures_total", "Users that could not be looked up.", real(s.user_lookup_failures));
    out.counter("larder_login_failures_total", "Logins that failed.", real(s.login_failures));
    out.counter("larder_statements_total", "Statements that clients had executed: each Query, and each Execute.", real(s.statements));
    out.counter("larder_deferred_begins_total", "BEGINs that were answered without the server.", real(s.deferred_begins));
    out.counter("larder_deferred_begins_made_real_total", "Those of them that were sent later, since something in their block needed the server.", real(s.deferred_begins_made_real));
    out.counter("larder_environment_reads_total", "Times that a session's settings were read back.", real(s.environment_reads));
    out.counter("larder_protocol_errors_total", "Connections that broke the protocol.", real(s.protocol_errors));
    out.counter("larder_broken_invariants_total", "Connections ended by a bug of Larder.", real(s.broken_invariants));
    out.counter("larder_client_received_bytes_total", "Bytes from clients.", real(s.client_bytes_in));
    out.counter("larder_client_sent_bytes_total", "Bytes to clients.", real(s.client_bytes_out));
    out.gauge("larder_upstream_reachable", "1 while the control connection stands.", s.is_upstream_reachable ? 1 : 0);
    out.gauge("larder_uptime_seconds", "Time since the start.", s.uptime_seconds);
    out.gauge("larder_config_last_reload_successful", "0 if the last reload of the configuration failed, so that the one before it is still in force.", s.last_reload_failed ? 0 : 1);
    auto& build = out.add("larder_build_info", "Always 1; the version is a label.", MetricType::Gauge);
    Families::put(build, {{"version", s.version}}, 1);
}

void add_advisor(Families& out, const AdvisorCounts& counts) {
    out.counter("larder_advisor_analyses_total", "Statements that the advisor planned and searched for something better.",
                real(counts.analyses));
    out.counter("larder_advisor_failed_analyses_total", "Of them, those that ended in an error.", real(counts.failed_analyses));
    out.counter("larder_advisor_analysis_seconds_total", "Time that they took.", counts.analysis_seconds);
    out.gauge("larder_advice", "Advice that is shown.", real(counts.advice));
}

void add_events(Families& out, const Snapshot& s) {
    out.counter("larder_events_total", "Events that were made.", real(s.events_published));
    auto& dropped =
        out.add("larder_events_dropped_total",
                "Events that a sink lost; of websocket: clients that were closed because they took none in time.", MetricType::Counter);
    for (const auto* const sink : {"websocket", "log", "webhook"}) {
        const auto found =
            std::find_if(s.events_dropped.begin(), s.events_dropped.end(), [&](const auto& one) { return one.first == sink; });
        Families::put(dropped, {{"sink", sink}}, found == s.events_dropped.end() ? 0 : real(found->second));
    }
    for (const auto& [sink, count] : s.events_dropped) {
        if (sink != "websocket" && sink != "log" && sink != "webhook") Families::put(dropped, {{"sink", sink}}, real(count));
    }
}

void add_webhooks(Families& out, const std::vector<WebhookStatus>& all) {
    if (all.empty()) return;
    const auto add = [&](const char* name, const char* help, MetricType type, auto value) {
        auto& family = out.add(name, help, type);
        for (const auto& one : all) Families::put(family, {{"webhook", one.name}}, value(one));
    };
    add("larder_webhook_up", "1 if the last request was taken, or there was none.", MetricType::Gauge,
        [](const auto& one) { return one.problem.empty() ? 1.0 : 0.0; });
    add("larder_webhook_lag_seconds", "Since the oldest event was made that is being sent; 0 if none is.", MetricType::Gauge,
        [](const auto& one) { return one.lag_seconds; });
    add("larder_webhook_sent_total", "Events that were taken.", MetricType::Counter, [](const auto& one) { return real(one.sent); });
    add("larder_webhook_requests_total", "Requests, those included that were tried again.", MetricType::Counter,
        [](const auto& one) { return real(one.requests); });
    add("larder_webhook_retries_total", "Requests that were tried again.", MetricType::Counter, [](const auto& one) { return real(one.retries); });
    add("larder_webhook_dead_total", "Events that were given up; they are in the dead-letter file.", MetricType::Counter,
        [](const auto& one) { return real(one.dead); });
    add("larder_webhook_dropped_total", "Events that left the ring before they were sent.", MetricType::Counter,
        [](const auto& one) { return real(one.dropped); });
}

}  // namespace

std::string metrics_text(const Snapshot& snapshot, const AdvisorCounts* advisor, const Webhooks* webhooks) {
    Families families;
    add_cache(families, snapshot);
    add_freshness(families, snapshot);
    add_checks(families, snapshot);
    add_feed(families, snapshot);
    add_redis(families, snapshot);
    add_events(families, snapshot);
    if (webhooks != nullptr) add_webhooks(families, webhooks->status());
    add_connections(families, snapshot);
    if (advisor != nullptr) add_advisor(families, *advisor);
    return families.text();
}

}  // namespace larder::admin
