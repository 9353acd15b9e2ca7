#include "proxy/verifier.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "base/log.h"
#include "proxy/open_answer.h"
#include "proxy/session/traffic.h"
#include "sql/analyse.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRoundMin{1'000}, kRoundMax{10'000}, kPatience{5'000};
// How soon an idle connection notices that it shall be closed.
constexpr milliseconds kIdleInterval{200};
constexpr std::size_t kShareOfCache = 8;             // of its bytes, what one round may hold on to
constexpr std::uint64_t kEntriesPerSecond = 10'000;  // a round looks at all entries: so many for each second of it

bool is_time_over(const cache::CachedResult& answer) { return now() >= answer.expires(); }

}  // namespace

Verifier::Verifier(Shared& shared, Quarantine& quarantine, Hooks hooks)
    : shared_(shared),
      quarantine_(quarantine),
      hooks_(std::move(hooks)),
      share_ppm_(shared.config.freshness.verify_share),
      rate_max_(shared.config.freshness.verify_rate_max),
      rereader_(shared.config.upstream, shared.upstream, stop_wakeup_, "larder_verify", kPatience),
      random_(std::random_device{}() | std::uint64_t{1} << 32) {}

Verifier::~Verifier() { stop(); }

void Verifier::start() {
    thread_ = std::thread([this] { run(); });
}

void Verifier::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stop_wakeup_.wake();
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Verifier::take_over(const config::Freshness& freshness) {
    share_ppm_ = freshness.verify_share;
    rate_max_ = freshness.verify_rate_max;
}

std::optional<std::uint64_t> Verifier::verify_hottest(std::uint64_t entries) {
    const std::lock_guard lock(mutex_);
    if (is_asked_ || run_.is_running || is_stopping_) return std::nullopt;
    run_ = {run_.number + 1, true, std::min(entries, Verification::kEntriesMax), {}, {}};
    is_asked_ = true;
    changed_.notify_all();
    return run_.number;
}

VerifyStatus Verifier::status() const {
    VerifyStatus status;
    status.is_available = true;
    status.share_ppm = static_cast<std::uint64_t>(share_ppm_.load());
    status.rate_max = static_cast<std::uint64_t>(rate_max_.load());
    const std::lock_guard lock(mutex_);
    status.counts = counts_;
    status.run = run_;
    status.findings.assign(findings_.begin(), findings_.end());
    return status;
}

bool Verifier::wait(milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return is_stopping_; });
    return !is_stopping_;
}

milliseconds Verifier::round_length() const {
    return std::clamp(milliseconds(1'000 * shared_.cache.stats().entries / kEntriesPerSecond), kRoundMin, kRoundMax);
}

void Verifier::run() {
    for (auto next_round = now() + round_length();;) {
        bool is_asked = false;
        {
            std::unique_lock lock(mutex_);
            const auto pause = rereader_.has_connections() ? kIdleInterval : round_length();
            changed_.wait_for(lock, pause, [this] { return is_stopping_ || is_asked_; });
            if (is_stopping_) break;
            is_asked = std::exchange(is_asked_, false);
        }
        if (is_asked) run_asked();
        if (!is_asked && now() >= next_round) run_sample(), next_round = now() + round_length();
        rereader_.close_idle(now());
    }
    rereader_.close_all();
}

void Verifier::run_asked() {
    const auto wanted = [this] {
        const std::lock_guard lock(mutex_);
        return run_.wanted;
    }();
    const auto answers = hottest(wanted);
    {
        const std::lock_guard lock(mutex_);
        run_.wanted = answers.size();
    }
    for (const auto& answer : answers) {
        std::string why;
        const auto verdict = check(*answer, why);
        const std::lock_guard lock(mutex_);
        if (is_stopping_) break;
        add(run_.counts, verdict);
        if (verdict == Verdict::failed) run_.last_failure = why;
    }
    const std::lock_guard lock(mutex_);
    run_.is_running = false;
}

// As many checks as the hits since the last round have earned; what is too much for the bound is forgotten.
void Verifier::run_sample() {
    const auto hits = hooks_.hits();
    const auto more = hits - std::exchange(hits_seen_, hits);
    const auto most = static_cast<double>(rate_max_.load()) * std::chrono::duration<double>(round_length()).count();
    owed_ = std::min(owed_ + static_cast<double>(more) * share_ppm_.load() / 1e6, most);
    if (share_ppm_.load() == 0) owed_ = 0;
    const auto count = static_cast<std::size_t>(owed_);
    if (count == 0) return;
    owed_ -= static_cast<double>(count);
    if (hooks_.is_busy()) {
        const std::lock_guard lock(mutex_);
        counts_.skipped += count;
        return;
    }
    const auto pause = milliseconds(1'000 / rate_max_.load());
    for (const auto& answer : drawn(count)) {
        std::string why;
        check(*answer, why);
        if (!wait(pause)) return;
        // Whoever asked waits for no more than the check under way.
        const std::lock_guard lock(mutex_);
        if (is_asked_) return;
    }
}

// Answers that go meanwhile are kept alive until they have been compared.
std::size_t Verifier::bytes_max() const { return shared_.cache.limits().bytes_max / kShareOfCache; }

std::vector<Verifier::Candidate> Verifier::candidates(bool with_dear) {
    std::vector<Candidate> all;
    shared_.cache.visit_entries(kEntriesWeighedMax, [&](const cache::ResultRef& answer, std::uint32_t hits) {
        const bool is_meant = hits > 0 && is_given(*answer) && (with_dear || answer->cost().server_us <= kDearUs);
        if (is_meant) all.push_back({answer, hits});
    });
    return all;
}

// With a likelihood in proportion to the hits: the largest of u^(1/hits), u even between 0 and 1 (Efraimidis and Spirakis, 2006).
Verifier::Answers Verifier::drawn(std::size_t count) {
    auto all = candidates(false);
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < all.size(); ++i) {
        random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
        const double even = (static_cast<double>(random_ >> 11) + 1) / 9007199254740993.0;
        order.emplace_back(std::log(even) / all[i].hits, i);
    }
    count = std::min(count, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), std::greater<>());
    Answers answers;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count && bytes <= bytes_max(); ++i) {
        answers.push_back(std::move(all[order[i].second].answer));
        bytes += answers.back()->bytes();
    }
    return answers;
}

Verifier::Answers Verifier::hottest(std::size_t count) {
    auto all = candidates(true);
    count = std::min(count, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                      [](const auto& a, const auto& b) { return a.hits > b.hits; });
    Answers answers;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count && bytes <= bytes_max(); ++i) {
        answers.push_back(std::move(all[i].answer));
        bytes += answers.back()->bytes();
    }
    return answers;
}

bool Verifier::is_given(const cache::CachedResult& answer) const {
    if (shared_.upstream.not_serving() != rules::Reason::none || !answer.is_fresh() || is_time_over(answer)) return false;
    const auto bound_us = shared_.upstream.ttl_us_max();
    return bound_us == 0 || (now() - answer.stored()).count() <= bound_us;
}

Verifier::Verdict Verifier::check(const cache::CachedResult& answer, std::string& why) {
    const auto verdict = [&] {
        const auto request = session::split_key(answer.key());
        // A session that is gone for good has taken its environment along: nobody can ask for this answer any more.
        const auto env = request ? shared_.environments.find(request->env_id) : nullptr;
        if (env == nullptr || !is_given(answer)) return Verdict::moved;
        auto kept = rows_of(answer);
        if (!kept) return why = "the kept answer cannot be read", Verdict::failed;
        auto again = rereader_.run(*env, *request, shared_.cache.limits().entry_bytes_max);
        if (again.outcome != Reread::Outcome::answered) return why = again.why, Verdict::failed;
        if (!is_given(answer)) return Verdict::moved;
        if (are_alike(*kept, again.answer)) return Verdict::equal;
        return doubt(answer, *env, *request, std::move(*kept), std::move(again.answer), why);
    }();
    count(verdict);
    return verdict;
}

// They differ. Is it a fault?
Verifier::Verdict Verifier::doubt(const cache::CachedResult& answer, const rules::SessionEnv& env, const session::KeyParts& request,
                                  AnswerRows kept, AnswerRows server, std::string& why) {
    const auto* database = shared_.upstream.find_database(env.database);
    const auto facts = database == nullptr ? nullptr : database->valid_facts();
    if (facts == nullptr) return Verdict::moved;
    auto reason = why_open(request.text, env, *facts->catalogue, server.columns, rereader_);
    rereader_.close_all();  // the search_path of that connection is another one now
    auto verdict = Verdict::undecided;
    if (reason.empty() && is_confirmed(answer, env, request, kept, server, verdict, why)) verdict = Verdict::different;
    if (verdict == Verdict::undecided && reason.empty()) reason = "unsteady";
    if (verdict == Verdict::different || verdict == Verdict::undecided) found(verdict, env, request.text, reason, kept, server);
    return verdict;
}

// After so long the counters tell of every write that the first run can have seen.
milliseconds Verifier::grace(const std::string& database) {
    if (shared_.config.freshness.writers == config::Writers::only_larder) return milliseconds(0);
    constexpr milliseconds kMargin{100};
    // A commit that does not wait for its log is visible before its log is written.
    const auto rows =
        rereader_.ask(database, "SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'wal_writer_delay'");
    const milliseconds delay(rows.ok && rows.rows.size() == 1 && rows.at(0, 0) ? std::min(std::stoll(*rows.at(0, 0)), 10'000LL) : 10'000LL);
    return 2 * shared_.config.feed.lag_max + 3 * delay + shared_.config.freshness.others_ttl_max +
           shared_.reloadable.catalogue_poll.load() + kMargin;
}

// False: `verdict` and `why` say what it is instead.
bool Verifier::is_confirmed(const cache::CachedResult& answer, const rules::SessionEnv& env, const session::KeyParts& request,
                            const AnswerRows& kept, AnswerRows& server, Verdict& verdict, std::string& why) {
    constexpr int kRuns = 3;
    verdict = Verdict::moved;
    if (!wait(grace(env.database))) return false;
    for (int i = 0; i < kRuns; ++i) {
        if (!is_given(answer) || !rereader_.is_known_server(env.database)) return false;
        auto again = rereader_.run(env, request, shared_.cache.limits().entry_bytes_max);
        if (again.outcome != Reread::Outcome::answered) return why = again.why, verdict = Verdict::failed, false;
        if (!is_given(answer)) return false;
        const bool is_kept_answer = are_alike(kept, again.answer),
                   is_same = are_alike(server, again.answer) || (server.is_cut && again.answer.is_cut);
        server = std::move(again.answer);
        if (is_kept_answer) break;
        if (is_same) return true;
    }
    verdict = Verdict::undecided;
    return false;
}

void Verifier::found(Verdict verdict, const rules::SessionEnv& env, Bytes text, const std::string& reason, const AnswerRows& kept,
                     const AnswerRows& server) {
    const bool is_fault = verdict == Verdict::different, shows = shared_.config.advisor.show_values;
    const auto fingerprint = sql::fingerprint(text);
    auto shown = difference(kept, server);
    if (!shows) shown.kept = shown.server = "";
    VerifyFinding finding{wall_clock_us(),
                          printable(env.database),
                          fingerprint_text(fingerprint),
                          session::shape_of(text),
                          is_fault ? "different" : "undecided",
                          reason,
                          shown.summary,
                          shown.kept,
                          shown.server};
    if (is_fault) {
        log_error("a kept answer is not the server's: its statement is in quarantine, and answers like it are not kept any more",
                  {{"database", finding.database},
                   {"role", printable(env.current_user)},
                   {"fingerprint", finding.fingerprint},
                   {"shape", finding.shape},
                   {"summary", shown.summary},
                   {"only_in_kept", shows ? shown.kept : "(hidden)"},
                   {"only_at_server", shows ? shown.server : "(hidden)"}});
        condemn(env.database, fingerprint, finding.shape);
    }
    const std::lock_guard lock(mutex_);
    findings_.push_front(std::move(finding));
    if (findings_.size() <= kFindingsMax) return;
    // What is undecided may come again and again: it pushes out no fault.
    const auto last =
        std::find_if(findings_.rbegin(), findings_.rend(), [](const VerifyFinding& one) { return one.verdict != "different"; });
    findings_.erase(last == findings_.rend() ? findings_.end() - 1 : last.base() - 1);
}

// First the rule, so that nothing comes back, then what is there.
void Verifier::condemn(const std::string& database, std::uint64_t fingerprint, const std::string& shape) {
    quarantine_.add(database, fingerprint, shape, wall_clock_us());
    shared_.cache.purge_if([&](const cache::CachedResult& answer) {
        const auto parts = session::split_key(answer.key());
        if (!parts) return false;
        const auto env = shared_.environments.find(parts->env_id);
        return env != nullptr && env->database == database && (fingerprint == 0 || sql::fingerprint(parts->text) == fingerprint);
    });
    // What the second level has of it must not come back when the quarantine is lifted; which keys are whose is not known there.
    if (shared_.redis) shared_.redis->index.clear();
}

void Verifier::add(VerifyCounts& to, Verdict verdict) {
    ++to.checks;
    switch (verdict) {
        case Verdict::equal: ++to.equal; break;
        case Verdict::different: ++to.different; break;
        case Verdict::undecided: ++to.undecided; break;
        case Verdict::moved: ++to.moved; break;
        case Verdict::failed: ++to.failed; break;
    }
}

void Verifier::count(Verdict verdict) {
    const std::lock_guard lock(mutex_);
    add(counts_, verdict);
}

}  // namespace larder::proxy
