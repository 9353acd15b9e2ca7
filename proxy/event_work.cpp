#include "proxy/event_work.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace larder::proxy {
namespace {

constexpr std::size_t kBatch = 1'000;
constexpr std::chrono::seconds kDoubtPause{60};
constexpr std::chrono::milliseconds kQuestionTimeout{30'000};

// Relations that a view's rules read, through other views too, and what those inherit from: events name the root.
constexpr const char* kSourcesQuery =
    "WITH RECURSIVE source(oid) AS ("
    " SELECT pg_catalog.to_regclass($1)::pg_catalog.oid UNION"
    " SELECT more.oid FROM source, LATERAL ("
    "  SELECT d.refobjid AS oid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
    "   AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass WHERE r.ev_class = source.oid"
    "  UNION ALL SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = source.oid) more)"
    " SELECT n.nspname || '.' || c.relname, c.oid = pg_catalog.to_regclass($1)::pg_catalog.oid AND c.relkind = 'm', pg_catalog.format('%I.%I', n.nspname, c.relname)"
    " FROM source JOIN pg_catalog.pg_class c ON c.oid = source.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

// Where a client on this machine finds Larder.
config::Upstream larder_itself(const config::Config& config) {
    auto larder = config.upstream;
    auto address = config.listen.address;
    if (address.host.empty() || address.host == "*" || address.host == "0.0.0.0") address.host = "127.0.0.1";
    if (address.host == "::") address.host = "::1";
    larder.hosts = {address};
    larder.tls = config::TlsMode::prefer;
    larder.tls_ca_file.clear();
    return larder;
}

}  // namespace

EventWork::EventWork(EventBus& events, const config::Config& config, std::function<void(const std::string&)> purge_tag)
    : EventReader(events, config.events.interval),
      options_(config.events),
      larder_(larder_itself(config)),
      purge_tag_(std::move(purge_tag)) {
    for (auto& name : config::name_list(options_.refresh_views)) views_.emplace_back().name = std::move(name);
}

std::string EventWork::step(bool is_last) {
    if (is_last) return {};
    gather();
    if (now() >= due_) {
        due_ = kNever;
        purge_tags();
    } else if (due_ != kNever) {
        return {};
    }
    return views_.empty() ? std::string() : refresh_views();
}

void EventWork::gather() {
    for (;;) {
        const auto page = events_.after(next_, kBatch);
        if (page.has_gap) {
            is_all_in_doubt_ = true;
            events_.count_dropped("work", page.lost);
            if (options_.purge_tags) purge_tag_("");  // nobody knows which they were
        }
        for (const auto& event : page.events) take(*event);
        next_ = page.next;
        if (page.events.empty()) return;
    }
}

// Only writes: they alone change what a view is made from. A refresh changes the catalogue, and a purge by tag is of our own making.
void EventWork::take(const Event& event) {
    if (event.kind != EventKind::invalidation) return;
    if (event.relation.empty() || relations_.size() >= kNamesMax) {
        is_all_in_doubt_ = true;
    } else {
        if (!larder_.database.empty() && event.database == larder_.database) relations_.insert(event.relation);
        if (options_.purge_tags) tags_.insert(event.tags.begin(), event.tags.end());
    }
    if (due_ == kNever) due_ = now() + options_.work_delay;
}

void EventWork::purge_tags() {
    for (const auto& tag : std::exchange(tags_, {})) purge_tag_(tag);
}

bool EventWork::connect(std::string& problem) {
    if (connection_ && connection_->is_alive()) return true;
    connection_ = PgConnection::open(larder_, larder_.database, "larder_refresh", stop_wakeup_, problem);
    if (!connection_) return false;
    // The server ends what takes too long, also where nobody waits any more.
    const auto limit = connection_->query("SELECT pg_catalog.set_config('statement_timeout', $1, false)",
                                          {std::to_string(options_.refresh_timeout.count())}, kQuestionTimeout);
    if (limit.ok) return true;
    problem = limit.error;
    connection_.reset();
    return false;
}

std::string EventWork::refresh_views() {
    if (is_all_in_doubt_ && now() >= doubt_due_) {
        for (auto& view : views_) view.is_old = true;
        is_all_in_doubt_ = false;
        doubt_due_ = now() + kDoubtPause;
    }
    const bool is_any_due = std::any_of(views_.begin(), views_.end(), [](const View& view) { return view.is_old && now() >= view.not_before; });
    if (relations_.empty() && !is_any_due) return {};
    std::string problem;
    for (auto& view : views_) {
        if (is_stopping()) return {};
        if (view.is_old && now() < view.not_before) continue;
        if (!connect(problem)) return problem;
        tell(view, refresh_if_old(view));
    }
    relations_.clear();
    return {};
}

// It is tried again with growing pauses of its own.
void EventWork::tell(View& view, const std::string& problem) {
    if (problem.empty()) {
        view.backoff.reset();
        view.not_before = kLongAgo;
    } else {
        view.is_old = true;
        view.not_before = now() + view.backoff.next();
        if (problem != view.told) {
            log_warn("a materialized view could not be refreshed",
                     {{"view", view.name}, {"error", problem}, {"hint", "it is tried again; it needs a unique index, and Larder's login has to own it"}});
        }
    }
    view.told = problem;
}

std::string EventWork::refresh_if_old(View& view) {
    const auto sources = connection_->query(kSourcesQuery, {view.name}, kQuestionTimeout);
    if (!sources.ok) return sources.error;
    std::string name;
    for (const auto& row : sources.rows) {
        if (row.at(1) == "t") name = row.at(2).value_or("");
        else view.is_old |= relations_.count(printable(row.at(0).value_or(""))) > 0;
    }
    if (name.empty()) return "there is no materialized view of this name";
    if (!view.is_old) return {};
    const auto started = now();
    const auto done = connection_->query("REFRESH MATERIALIZED VIEW CONCURRENTLY " + name, options_.refresh_timeout + kQuestionTimeout);
    if (!done.ok) return done.error;
    view.is_old = false;
    log_info("a materialized view was refreshed", {{"view", view.name}, {"ms", std::to_string((now() - started).count() / 1000)}});
    return {};
}

}  // namespace larder::proxy
