#include "proxy/checks.h"


#include "base/log.h"
#include "proxy/session/cache_key.h"
#include "proxy/session/explain.h"
#include "proxy/session/statement_memo.h"

namespace larder::proxy {
namespace {

// Whoever asks holds up the thread that also says whether Larder is well.
constexpr std::chrono::milliseconds kPatience{1'000};

// Why nobody is served now, whoever it is.
rules::Reason obstacle_of(const session::UpstreamState& upstream, const rules::SessionEnv& env) {
    if (const auto reason = upstream.not_serving(); reason != rules::Reason::none) return reason;
    return env.is_default_isolation_serializable() ? rules::Reason::isolation : rules::Reason::none;
}

std::chrono::microseconds ttl_of(const session::UpstreamState& upstream, const rules::Plan& plan) {
    const auto bound_us = upstream.ttl_us_max(!plan.reads_unlogged);
    const std::chrono::microseconds own(plan.ttl), stale(plan.max_stale);
    return bound_us == 0 ? own : std::min(own, std::max(std::chrono::microseconds(std::max<std::int64_t>(bound_us, 0)), stale));
}

// Names come from a server whose encoding may be any.
void make_printable(Explanation& all) {
    for (auto& read : all.reads) read.relation = printable(read.relation), read.key = printable(read.key);
    for (auto& counter : all.counters) counter.name = printable(counter.name);
    for (auto* list : {&all.tags, &all.key, &all.writes}) {
        for (auto& text : *list) text = printable(text);
    }
    all.rule = printable(all.rule);
}

}  // namespace

Checks::Checks(Shared& shared, RuleStore& rules, std::string quarantine_file, Verifier::Hooks hooks,
               std::function<void(const rules::QuarantinedShape&, bool)> tell_of_quarantine)
    : shared_(shared),
      quarantine_(std::move(quarantine_file), [&rules](auto shapes) { rules.set_quarantined(std::move(shapes)); }, std::move(tell_of_quarantine)),
      verifier_(shared, quarantine_, std::move(hooks)),
      asked_(shared.config.upstream, shared.upstream, stop_wakeup_, "larder_explain", kPatience) {}

void Checks::start() {
    if (shared_.has_upstream_login) verifier_.start();
}

void Checks::stop() {
    stop_wakeup_.wake();
    verifier_.stop();
    const Lock lock(mutex_);
    asked_.close_all();
}

VerifyStatus Checks::verify_status() const {
    auto status = verifier_.status();
    status.is_available = shared_.has_upstream_login;
    status.quarantined = quarantine_.rows();
    return status;
}

std::optional<std::uint64_t> Checks::verify_hottest(std::uint64_t entries) {
    return shared_.has_upstream_login ? verifier_.verify_hottest(entries) : std::nullopt;
}

std::size_t Checks::lift_quarantine(const std::string& database, const std::string& fingerprint) {
    const auto number = fingerprint == "all" ? std::optional<std::uint64_t>(0) : read_fingerprint(fingerprint);
    if (!number) return 0;
    const auto lifted = quarantine_.lift(database, *number);
    if (lifted > 0) log_info("quarantine lifted", {{"database", printable(database)}, {"fingerprint", printable(fingerprint)}});
    return lifted;
}

std::shared_ptr<const rules::SessionEnv> Checks::environment(const ExplainRequest& request, bool may_ask, std::string& error) {
    if (!may_ask) {
        auto env = shared_.environments.find(request.database, request.role);
        if (env == nullptr)
            error = "no session is here whose settings could be taken: connect as that role, or ask over HTTP, which asks the server";
        return env;
    }
    const Lock lock(mutex_);
    auto env = asked_.environment(request.database, request.role, request.settings, error);
    asked_.close_all();
    return env == nullptr ? nullptr : shared_.environments.intern(std::move(env));
}

Explanation Checks::explain(const ExplainRequest& request, bool may_ask, std::string& error) {
    auto* const database = shared_.upstream.find_database(request.database);
    if (database == nullptr) return error = "no client has asked for this database yet", Explanation{};
    if (!shared_.has_upstream_login) return error = "Larder has no login of its own, and caches nothing", Explanation{};
    const auto env = environment(request, may_ask, error);
    if (env == nullptr) return {};
    const auto facts = database->valid_facts();
    if (facts == nullptr) database->want_facts();
    session::Statement statement(request.statement, 0, env->is_lexing_safe());
    const auto& resolved = statement.plan(*database, facts, env, shared_.rules.get());
    session::ExplainedState state;
    if (statement.looks_cacheable()) state.obstacle = obstacle_of(shared_.upstream, *env);
    state.ttl = ttl_of(shared_.upstream, resolved.plan);
    state.has_parameters = statement.facts().is_single() && statement.facts().statements.front().parameters_max > 0;
    if (resolved.plan.reason == rules::Reason::none && !state.has_parameters) {
        std::string key;
        session::make_key(key, env->id, statement.text());
        state.is_kept_now = static_cast<bool>(shared_.cache.find({key, cache::hash_key(key)}, now(), {}, true).result);
    }
    auto explanation = session::explain(statement, resolved, shared_.upstream, state);
    make_printable(explanation);
    return explanation;
}

}  // namespace larder::proxy
