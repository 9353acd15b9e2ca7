#include "proxy/proxy.h"

#include <algorithm>
#include <random>
#include <thread>
#include <unordered_map>

#include "base/log.h"
#include "base/version.h"
#include "config/load.h"
#include "proxy/lsn.h"
#include "proxy/user_file_reader.h"

namespace larder::proxy {
namespace {

cache::CacheLimits cache_limits(const config::Config& config) {
    cache::CacheLimits limits;
    limits.bytes_max = config.cache.bytes_max;  // also if it is off: a reload may turn it on
    limits.entry_bytes_max = config.cache.entry_bytes_max;
    return limits;
}

std::int32_t random_process_number() {
    std::random_device random;
    for (;;) {
        const auto number = static_cast<std::int32_t>(random() & 0x7FFF'FFFF);
        if (number != 0) return number;
    }
}

std::shared_ptr<const TlsContext> client_tls(const config::Listen& listen) {
    if (listen.tls == config::TlsMode::disable) return nullptr;
    if (listen.tls_cert_file.empty()) {
        if (listen.tls < config::TlsMode::require) return nullptr;
        throw config::ConfigError("listen.tls demands TLS, but listen.tls_cert_file and listen.tls_key_file are not set");
    }
    return TlsContext::for_clients(listen);
}

std::int64_t ttl_bound_us(const config::Freshness& freshness) {
    if (freshness.writers != config::Writers::others) return 0;
    const auto bound = std::chrono::microseconds(freshness.others_ttl_max).count();
    return bound > 0 ? bound : session::UpstreamState::kNothingIsKept;
}

std::string shown(const config::Endpoint& endpoint) {
    if (endpoint.host.starts_with('/')) return endpoint.host + "/.s.PGSQL." + std::to_string(endpoint.port);
    return endpoint.host + ":" + std::to_string(endpoint.port);
}

std::string shown(const std::vector<config::Endpoint>& endpoints) {
    std::string text;
    for (const auto& endpoint : endpoints) text += (text.empty() ? "" : ",") + shown(endpoint);
    return text;
}

Snapshot::Database shown(const session::DatabaseState& state, const std::vector<CatalogueService::Status>& loads) {
    Snapshot::Database database;
    database.name = printable(state.name());
    database.is_paused = state.gate().is_paused();
    database.is_disabled = state.gate().is_disabled();
    database.servers = state.gate().places().taken;
    if (const auto facts = state.facts()) {
        database.has_facts = true;
        database.facts_valid = state.valid_facts() != nullptr;
        database.relations = facts->catalogue->relation_count();
        database.catalogue_bytes = facts->catalogue->bytes();
    }
    for (const auto& load : loads) {
        if (load.database != state.name()) continue;
        database.catalogue_loads = load.loads;
        database.unknown_in_flight_seconds = load.unknown_in_flight_seconds;
        database.load_error = load.load_error;
    }
    return database;
}

Snapshot::Feed shown(const ChangeFeed::Status& status) {
    Snapshot::Feed feed;
    feed.state = name(status.state);
    feed.why = printable(status.why);
    feed.lag_seconds = status.lag_seconds;
    if (status.received != 0) {
        feed.received = lsn_text(status.received);
        feed.applied = lsn_text(status.applied);
        feed.flushed = lsn_text(status.flushed);
    }
    feed.pending = status.pending;
    feed.streams = status.streams;
    feed.commits = status.counts.commits;
    feed.own_commits = status.counts.own_commits;
    feed.dropped_relations = status.counts.dropped_relations;
    feed.dropped_databases = status.counts.dropped_databases;
    feed.catalogue_checks = status.counts.checks;
    return feed;
}

std::string mode_name(config::PoolMode mode) {
    switch (mode) {
        case config::PoolMode::session: break;
        case config::PoolMode::automatic: return "auto";
        case config::PoolMode::transaction: return "transaction";
        case config::PoolMode::statement: return "statement";
    }
    return "session";
}

void add_pools(Snapshot& out, const std::vector<PoolRow>& pools) {
    for (const auto& pool : pools) {
        out.idle_servers += pool.idle;
        out.waiting_clients += pool.waiting;
    }
}

void add_checks(Snapshot& out, const VerifyStatus& status) {
    out.verify = status.counts;
    out.quarantined = status.quarantined.size();
}

bool wants_feed(const config::Config& config) {
    return !config.upstream.user.empty() && config.cache.enabled && config.freshness.writers == config::Writers::others && config.feed.mode != config::FeedMode::off;
}

void warn_of_limits(const config::Config& config) {
    if (config.upstream.user.empty()) {
        log_warn("no upstream user is configured: everything is passed through and nothing is cached",
                 {{"hint", "give Larder a login of its own: --upstream postgres://user:password@host/database"}});
    } else if (config.cache.enabled && config.freshness.writers == config::Writers::others && !wants_feed(config)) {
        log_warn("others may write without going through Larder, so no cached answer lives longer than the bound",
                 {{"bound_ms", std::to_string(config.freshness.others_ttl_max.count())},
                  {"hint", "if all writes go through Larder, set freshness.writers = \"only-larder\""}});
    }
}

void add_counts(Snapshot& out, const session::SessionMetrics& m) {
    out.hits += m.hits.value();
    out.misses += m.misses.value();
    out.stored += m.stored.value();
    out.joined_flights += m.joined_flights.value();
    out.stale_hits += m.stale_hits.value();
    out.hit_bytes += m.hit_bytes.value();
    out.saved_server_us += m.saved_server_us.value();
    out.statements += m.statements.value();
    out.write_marks += m.write_marks.value();
    out.opaque_marks += m.opaque_marks.value();
    out.environment_reads += m.environment_reads.value();
    out.deferred_begins += m.deferred_begins.value();
    out.deferred_begins_made_real += m.deferred_begins_made_real.value();
    out.logins += m.logins.value();
    out.known_logins += m.known_logins.value();
    out.login_failures += m.login_failures.value();
    out.protocol_errors += m.protocol_errors.value();
    out.broken_invariants += m.broken_invariants.value();
    for (std::size_t i = 0; i < DurationCounts::kBuckets; ++i) out.feed.barrier_waits_by_time[i] += m.barrier_waits.count(i);
    out.feed.barrier_wait_us += m.barrier_waits.sum_us();
}

void add_barrier(Snapshot& out, const ReadBarrier& barrier, const std::vector<std::uint64_t>& bypasses) {
    out.feed.barrier_questions = barrier.questions();
    out.feed.barrier_late = bypasses[static_cast<std::size_t>(rules::Reason::barrier_late)];
}

}  // namespace

Proxy::Proxy(const config::Config& config, const std::string& rules_file)
    : shared_(config, random_process_number(), cache_limits(config)),
      events_(static_cast<std::size_t>(config.events.newest_max), wall_clock_us()),
      started_(now()) {
    shared_.unknown_outcomes = &outcomes_;
    shared_.has_upstream_login = !config.upstream.user.empty();
    rules_ = std::make_unique<RuleStore>(config, rules_file,
                                         RuleStore::Wiring{[this](auto rules) { publish(std::move(rules)); }, [this] { return statements(false); },
                                                           [this](const auto& database, const auto& relations) { return table_names(database, relations); },
                                                           [this](const auto& schema, const auto& name) { return is_table(schema, name); },
                                                           [this](const auto& command, const auto& options) { tell_of_rule(command, options); }});
    checks_ = std::make_unique<Checks>(shared_, *rules_, rules_file.empty() ? rules_file : rules_file + ".quarantine",
                                       Verifier::Hooks{[this] { return hits(); }, [this] { return shared_.servers.is_waited_for(); }},
                                       [this](const auto& what, bool is_in) { tell_of_quarantine(what, is_in); });
    event_watch_ = std::make_unique<EventWatch>(shared_.upstream, events_, config.events.interval,
                                                EventWatch::Wiring{[this] { return event_states(); }, [this] { return rules_->rules(); }});
    event_watch_->also([this] { rules_->remember_calls(now()); });
    shared_.login_rules.set(read_login_rules(config.listen));
    shared_.users.set(read_user_file(config.listen.auth_file));
    if (!config.listen.auth_user.empty()) {
        shared_.user_query = std::make_unique<UserQuery>(config, shared_.upstream, [this](const std::string& user) { return plain_password(user); });
    }
    shared_.client_tls.set(client_tls(config.listen));
    shared_.connector.set(std::make_shared<ServerConnector>(config.upstream));
    shared_.upstream.set_ttl_us_max(ttl_bound_us(config.freshness));
    shared_.upstream.set_writers_elsewhere(config.freshness.writers == config::Writers::others);
    if (!config.redis.url.empty()) shared_.redis = std::make_unique<RedisStore>(config, shared_.upstream.counters);
}

Proxy::~Proxy() { stop(); }

void Proxy::start(const std::vector<int>& passed) {
    int count = shared_.config.listen.workers;
    // The other cores are for PostgreSQL or the clients, which wait for a worker as often as it waits for them (decision 11).
    if (count <= 0) count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2);
    for (int i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(shared_, i));
    listener_ = std::make_unique<Listener>(shared_, workers_, passed);
    warn_of_limits(shared_.config);
    catalogues_ = std::make_unique<CatalogueService>(shared_);
    if (shared_.has_upstream_login) {
        control_ = std::make_unique<Control>(shared_, outcomes_, [this](const std::string& version) {
            for (const auto& worker : workers_) worker->post_server_version(version);
        });
        control_->start();
    }
    catalogues_->start();
    if (wants_feed(shared_.config)) {
        feed_ = std::make_unique<ChangeFeed>(shared_);
        feed_->start();
    }
    if (shared_.user_query) shared_.user_query->start();
    if (shared_.config.events.log)
        event_pumps_.push_back(std::make_unique<EventPump>(events_, make_log_sink(), shared_.config.events.interval));
    event_watch_->start();
    listener_->start();
    for (const auto& worker : workers_) worker->start(workers_);
    checks_->start();
}

std::vector<std::string> Proxy::reload(const config::Config& config) {
    // With the rules' lock held: no command of theirs and no other reload comes in between.
    rules_->reload(config, [&] { take_over(config); });
    // Entries were stored under the old rules, perhaps for longer than the new ones allow.
    purge_cache();
    tell({.kind = EventKind::reload, .source = "config", .text = "the configuration was read again, and every cached answer dropped"});
    return config::changes_that_need_restart(shared_.config, config);
}

void Proxy::take_over(const config::Config& config) {
    // Everything that can fail first.
    auto users = read_user_file(config.listen.auth_file, shared_.users.get().get());
    auto login_rules = read_login_rules(config.listen);
    auto tls = client_tls(config.listen);
    auto upstream = shared_.config.upstream;
    upstream.tls = config.upstream.tls;
    upstream.tls_ca_file = config.upstream.tls_ca_file;
    upstream.connect_timeout = config.upstream.connect_timeout;
    auto connector = std::make_shared<ServerConnector>(upstream);
    init_log({log_level(config.log.level), config.log.format == config::LogFormat::json, config.log.file});

    shared_.users.set(users);
    shared_.login_rules.set(login_rules);
    shared_.client_tls.set(std::move(tls));
    shared_.connector.set(std::move(connector));
    // Who else writes is settled at the start; how long answers live then may change.
    config::Freshness freshness = config.freshness;
    freshness.writers = shared_.config.freshness.writers;
    shared_.upstream.set_ttl_us_max(ttl_bound_us(freshness));
    for (const auto& worker : workers_) worker->post_users(users), worker->post_login_rules(login_rules);
    shared_.reloadable.take_over(config);
    checks_->take_over(config);
}

std::uint64_t Proxy::hits() const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->metrics().hits.value();
    return sum;
}

void Proxy::publish(std::shared_ptr<const rules::UserRules> rules) {
    for (const auto& worker : workers_) worker->post_rules(rules);
    shared_.rules.set(std::move(rules));
}

std::vector<std::string> Proxy::table_names(const std::string& database, const std::vector<Oid>& relations) const {
    std::vector<std::string> names;
    for (const auto* known : shared_.upstream.databases()) {
        const auto facts = known->name() == database ? known->facts() : nullptr;
        if (facts == nullptr) continue;
        for (const auto oid : relations) names.push_back(facts->catalogue->qualified_name(oid));
    }
    return names;
}

bool Proxy::is_table(const std::string& schema, const std::string& name) const {
    const auto known = shared_.upstream.databases();
    return std::any_of(known.begin(), known.end(), [&](const auto* database) {
        const auto facts = database->facts();
        return facts != nullptr && facts->catalogue->find_relation(sql::Name{schema, name}, {}) != nullptr;
    });
}

bool Proxy::workers_move() {
    ticks_seen_.resize(workers_.size());
    bool all_move = true;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        const std::uint64_t ticks = workers_[i]->ticks.value();
        all_move &= std::exchange(ticks_seen_[i], ticks) != ticks;
    }
    return all_move;
}

// Of the user file; empty: there is none.
std::string Proxy::plain_password(const std::string& user) const {
    const auto users = shared_.users.get();
    const auto secret = users == nullptr ? nullptr : users->find(user);
    return secret != nullptr && secret->kind() == protocol::UserSecret::Kind::plain ? std::string(secret->text()) : std::string();
}

void Proxy::refuse_new_clients() {
    if (listener_) listener_->stop();
}

void Proxy::begin_drain() {
    refuse_new_clients();
    for (const auto& worker : workers_) worker->post_shutdown();
}

void Proxy::stop() {
    if (std::exchange(is_stopped_, true)) return;
    if (listener_) listener_->stop();
    checks_->stop();
    if (shared_.user_query) shared_.user_query->stop();  // its answers go to workers
    for (const auto& worker : workers_) worker->stop();
    for (const auto& worker : workers_) worker->join();
    // The last sessions hand their open marks to outcomes_, and may reach other workers: all of those are still there.
    for (const auto& worker : workers_) worker->forget_connections();
    shared_.servers.close_all();
    event_watch_->stop();
    event_pumps_.clear();
    if (feed_) feed_->stop();
    if (catalogues_) catalogues_->stop();
    if (control_) control_->stop();
    outcomes_.end_all();
    listener_.reset();
}

// What holds for writers elsewhere.
void Proxy::add_promise(Snapshot& out) const {
    if (feed_) out.feed = shown(feed_->status());
    out.feed.lag_seconds_max = static_cast<double>(shared_.config.feed.lag_max.count()) / 1e3;
    const auto ttl_us = std::max<std::int64_t>(0, shared_.upstream.ttl_us_max());
    out.writers = shared_.config.freshness.writers == config::Writers::others ? "others" : "only-larder";
    out.others_seconds_max = shared_.upstream.is_feed_current() ? out.feed.lag_seconds_max : static_cast<double>(ttl_us) / 1e6;
}

Snapshot Proxy::snapshot() const {
    Snapshot out;
    out.version = kVersion;
    out.upstream = shown(shared_.config.upstream.hosts);
    out.listen = listener_ ? listener_->address() : "";
    out.server_version = control_ ? control_->server_version() : "";
    const rules::Reason reason = shared_.upstream.not_serving();
    if (reason != rules::Reason::none) {
        out.not_serving = rules::name(reason);
        out.not_serving_explained = rules::explain(reason);
    }
    add_promise(out);
    out.has_upstream_login = shared_.has_upstream_login;
    out.is_upstream_reachable = control_ && control_->is_connected();
    out.uptime_seconds = static_cast<double>((now() - started_).count()) / 1e6;
    out.last_reload_failed = last_reload_failed_;
    std::vector<std::uint64_t> bypasses(static_cast<std::size_t>(rules::Reason::count_));
    std::vector<std::uint64_t> pinned(static_cast<std::size_t>(session::Pin::count_));
    for (const auto& worker : workers_) {
        out.slow_statements += worker->slow_statements();
        const session::SessionMetrics& m = worker->metrics();
        add_counts(out, m);
        out.client_bytes_in += worker->bytes_in.value();
        out.client_bytes_out += worker->bytes_out.value();
        out.servers += worker->lent_servers.value();
        for (std::size_t i = 0; i < bypasses.size(); ++i) bypasses[i] += m.bypasses[i].value();
        for (std::size_t i = 0; i < pinned.size(); ++i) pinned[i] += m.pinned[i].value();
    }
    add_barrier(out, shared_.barrier, bypasses);
    for (std::size_t i = 0; i < pinned.size(); ++i) out.pinned.emplace_back(session::name(static_cast<session::Pin>(i)), pinned[i]);
    add_pools(out, shared_.servers.rows(now()));
    out.events_published = events_.published(), out.events_dropped = events_.dropped();
    const auto shapes = statement_totals();
    out.statement_shapes = shapes.shapes, out.dropped_shapes = shapes.evicted;
    out.wait_timeouts = shared_.wait_timeouts.load(std::memory_order_relaxed);
    out.pool_mode = mode_name(shared_.config.pool.mode);
    out.pool_size = static_cast<std::uint64_t>(shared_.config.pool.size);
    out.pool_lifetime_seconds = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(shared_.config.pool.lifetime).count());
    for (std::size_t i = 1; i < bypasses.size(); ++i) out.bypasses.emplace_back(rules::name(static_cast<rules::Reason>(i)), bypasses[i]);
    if (shared_.user_query) {
        out.user_lookups = shared_.user_query->asked.value();
        out.user_lookup_failures = shared_.user_query->failed.value();
    }
    add_checks(out, checks_->verify_status());
    out.refused_logins = shared_.refused_logins.load();
    out.refused_clients = shared_.refused_clients.load();
    out.unknown_outcomes_open = outcomes_.open();
    out.unknown_outcomes_kept = outcomes_.kept();
    if (shared_.redis) out.redis = redis_numbers();
    const cache::CacheStats stats = shared_.cache.stats();
    out.cache = {shared_.reloadable.is_cache_enabled, shared_.cache.limits().bytes_max, stats.entries, stats.bytes, stats.stored, stats.evicted,
                 stats.expired, stats.refused_admission, stats.found_stale, stats.flights, stats.waiters};
    out.clients = static_cast<std::uint64_t>(std::max(0, shared_.clients.load()));
    out.clients_max = static_cast<std::uint64_t>(shared_.reloadable.clients_max.load());
    out.workers = static_cast<int>(workers_.size());
    out.is_paused = shared_.upstream.are_all_paused();
    const auto loads = catalogues_ ? catalogues_->status() : std::vector<CatalogueService::Status>{};
    for (const session::DatabaseState* state : shared_.upstream.databases()) out.databases.push_back(shown(*state, loads));
    return out;
}

std::shared_ptr<const rules::Catalogue> Proxy::catalogue(const std::string& database) {
    auto* state = shared_.upstream.find_database(database);
    if (state == nullptr) return nullptr;
    if (const auto facts = state->valid_facts()) return facts->catalogue;
    state->want_facts();
    return nullptr;
}

std::vector<ClientRow> Proxy::clients() const {
    // The workers publish rows of many clients only while this is asked for.
    shared_.rows_wanted_us.store(now().us, std::memory_order_relaxed);
    std::vector<ClientRow> all;
    for (const auto& worker : workers_) {
        auto rows = worker->rows();
        std::move(rows.begin(), rows.end(), std::back_inserter(all));
    }
    std::sort(all.begin(), all.end(), [](const ClientRow& a, const ClientRow& b) { return a.id < b.id; });
    return all;
}

std::vector<ReasonRow> Proxy::reasons() const {
    std::vector<ReasonRow> rows;
    for (std::size_t i = 1; i < static_cast<std::size_t>(rules::Reason::count_); ++i) {
        const auto reason = static_cast<rules::Reason>(i);
        std::uint64_t count = 0;
        for (const auto& worker : workers_) count += worker->metrics().bypasses[i].value();
        rows.push_back({std::string(rules::name(reason)), std::string(rules::explain(reason)), count});
    }
    return rows;
}

std::vector<PoolRow> Proxy::pools() const { return shared_.servers.rows(now()); }

// The same shape on several workers is one row.
std::vector<StatementRow> Proxy::statements(bool with_samples) const {
    std::unordered_map<std::uint64_t, StatementRow> rows;
    for (const auto& worker : workers_) {
        for (const auto& record : worker->traffic().all()) record->add_to(rows[record->hash()], with_samples);
    }
    std::vector<StatementRow> out;
    out.reserve(rows.size());
    for (auto& [hash, row] : rows) {
        row.database = printable(row.database), row.role = printable(row.role), row.search_path = printable(row.search_path), row.text = printable(row.text);
        std::sort(row.samples.begin(), row.samples.end(), [](const auto& a, const auto& b) { return a.server_us > b.server_us; });
        out.push_back(std::move(row));
    }
    return out;
}

void Proxy::set_advice(const std::string& statement_id, int advice) const {
    for (const auto& worker : workers_) {
        for (const auto& record : worker->traffic().all()) {
            if (record->id() == statement_id) record->set_advice(advice);
        }
    }
}

StatementTotals Proxy::statement_totals() const {
    StatementTotals totals;
    for (const auto& worker : workers_) {
        totals.shapes += worker->traffic().all().size();
        totals.shapes_max += worker->traffic().records_max();
        totals.evicted += worker->traffic().evicted.value();
    }
    return totals;
}

}  // namespace larder::proxy
