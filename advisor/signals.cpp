#include "advisor/signals.h"

#include <algorithm>
#include <cmath>

#include "advisor/watch.h"
#include "config/rule_command.h"

namespace larder::advisor {

namespace {

constexpr std::uint64_t kRowsInARow = 5;       // long rows of the same statement, before anything is said of them
constexpr std::uint64_t kFloodTexts = 200;
constexpr std::uint64_t kUncachedCalls = 500;
constexpr double kUncachedUs = 1'000'000;      // on the server in all, before a cache is spoken of
constexpr double kFine = 0.5;                  // hit rate from which on nothing is said

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

Signal signal(const StatementRow& row, const char* found_by, const char* kind, std::string why) {
    Signal one{&row, found_by, {}, {}};
    one.advice.kind = kind;
    one.advice.why = std::move(why);
    return one;
}

const StatementRow* find(const std::vector<StatementRow>& rows, const std::string& id) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
    return found == rows.end() ? nullptr : &*found;
}

bool touch(const StatementRow& reader, const StatementRow& writer) {
    return std::any_of(reader.reads.begin(), reader.reads.end(), [&](auto oid) { return std::find(writer.writes.begin(), writer.writes.end(), oid) != writer.writes.end(); });
}

// Who drops its answers: how often in all, and which statement most.
struct Spoilers {
    const StatementRow* worst = nullptr;
    double calls = 0;
};

Spoilers spoilers_of(const StatementRow& reader, const std::vector<StatementRow>& rows) {
    Spoilers found;
    for (const auto& row : rows) {
        if (row.database != reader.database || !(touch(reader, row) || row.writes_unknown)) continue;
        found.calls += static_cast<double>(row.calls);
        if (found.worst == nullptr || row.calls > found.worst->calls) found.worst = &row;
    }
    return found;
}

std::string begin_of(const StatementRow& row) {
    return "It was asked " + std::to_string(row.calls) + " times, " + percent(row.hit_rate()) + " were answered from the cache, and the others took " + print_time(static_cast<double>(row.server_us)) +
           " of the server's time. ";
}

// By so much more is worth a word.
constexpr double kWorthSaying = 0.1;

std::string rule_name(const StatementRow& row) { return "advice-" + row.id; }

// The ages among which is chosen, and how many calls each would answer.
struct Age {
    const char* text;
    double seconds;
    double hit_rate;
};

std::vector<Age> ages_of(const StatementRow& row, double writes, double bound) {
    std::vector<Age> ages{{"1s", 1, 0}, {"5s", 5, 0}, {"30s", 30, 0}, {"5min", 300, 0}};
    for (auto& age : ages) age.hit_rate = *expected_hit_rate(row, writes, {bound, age.seconds});
    std::erase_if(ages, [&](const Age& age) { return age.hit_rate < row.hit_rate() + kWorthSaying; });
    return ages;
}

Advice rule_advice(const StatementRow& row, const Age& age, const std::string& why) {
    Advice advice;
    advice.kind = "cache";
    advice.why = why + " A rule that lets its answers be up to " + age.text + " old answers about " + percent(age.hit_rate) +
                 ". It is a rule of Larder's: it is made in its console, or by DEPLOY ADVICE. A session sees its own writes at once all the same.";
    advice.deploy = {config::print_create_rule(rule_name(row), {{"fingerprint", row.fingerprint}, {"database", row.database}, {"role", row.role}, {"max_stale", age.text}})};
    advice.undo = {config::print_drop_rule(rule_name(row))};
    advice.gain = (age.hit_rate - row.hit_rate()) / (1 - row.hit_rate());
    return advice;
}

// The least age that brings nearly all that age can bring comes first.
void add_rules(Signal& signal, const std::vector<Age>& ages, const std::string& why) {
    constexpr double kNearlyAll = 0.8;
    const auto best = std::find_if(ages.begin(), ages.end(), [&](const Age& age) { return age.hit_rate >= kNearlyAll * ages.back().hit_rate; });
    signal.advice = rule_advice(*signal.row, *best, why);
    for (auto age = ages.begin(); age != ages.end(); ++age) {
        if (age != best) signal.more.push_back(rule_advice(*signal.row, *age, why));
    }
}

std::string spoiled_by(const StatementRow& worst) {
    const std::string what = worst.writes_unknown ? "may write anything" : "writes what it reads";
    return "What drops its answers most is a statement that " + what + " and came " + std::to_string(worst.calls) + " times: " + worst.text + ".";
}

// What keeps it from the cache now, in words; empty if a cache would not help.
std::string obstacle_of(const StatementRow& row, const Spoilers& spoilers, double bound) {
    const auto expected = expected_hit_rate(row, spoilers.calls, {bound});
    if (row.bypasses > row.misses) {
        if (expected && *expected < row.hit_rate() + kWorthSaying) return "";
        return "The usual reason is " + (row.bypass_reason.empty() ? "not known" : row.bypass_reason) + "; SHOW REASONS explains it." +
               (expected ? " Without it about " + percent(*expected) + " could be answered from the cache." : "");
    }
    if (spoilers.worst != nullptr) {
        const auto without = expected_hit_rate(row, spoilers.calls - static_cast<double>(spoilers.worst->calls), {bound});
        return spoiled_by(*spoilers.worst) + (without ? " Without that statement about " + percent(*without) + " could be answered from the cache." : "");
    }
    if (bound > 0 && row.seconds > 0) {
        return "No answer is given that is older than " + print_time(bound * 1e6) + ", since others may write without Larder seeing it (freshness.writers, freshness.others_ttl_max).";
    }
    if (!expected) return "Its answers are asked for with other values each time, or do not live long enough.";
    if (*expected < row.hit_rate() + kWorthSaying) return "";
    return "By how often its values come again, " + percent(*expected) + " could be: its answers do not live long enough, for lack of memory or by a rule's ttl.";
}

// Nothing if a cache would not help: its values do not come again.
std::optional<Signal> cache_signal(const StatementRow& row, const std::vector<StatementRow>& rows, double bound) {
    const auto spoilers = spoilers_of(row, rows);
    const auto why = obstacle_of(row, spoilers, bound);
    if (why.empty()) return std::nullopt;
    Signal found = signal(row, "cache", "cache", begin_of(row) + why);
    const bool is_bypassed = row.bypasses > row.misses;
    const bool is_named = row.fingerprint != "0000000000000000" && row.seconds > 0;
    const auto ages = is_bypassed || !is_named || !expected_hit_rate(row, 0) ? std::vector<Age>() : ages_of(row, spoilers.calls, bound);
    if (!ages.empty()) {
        add_rules(found, ages, found.advice.why);
        return found;
    }
    // What the operator could reach otherwise: by doing without what stands in the way.
    const double left = is_bypassed || spoilers.worst == nullptr ? spoilers.calls : spoilers.calls - static_cast<double>(spoilers.worst->calls);
    const auto reachable = expected_hit_rate(row, left, {bound});
    if (reachable && *reachable < row.hit_rate() + kWorthSaying) return std::nullopt;
    if (reachable) found.advice.gain = (*reachable - row.hit_rate()) / (1 - row.hit_rate());
    return found;
}

}  // namespace

std::vector<std::string> find_slow(const std::vector<StatementRow>& rows, const SignalLimits& limits) {
    double all_us = 0;
    for (const auto& row : rows) all_us += static_cast<double>(row.server_us);
    std::vector<std::string> found;
    for (const auto& row : rows) {
        const bool is_slow = limits.slow_us > 0 && row.server_calls > 0 && row.server_mean_us() >= limits.slow_us;
        const bool has_share = limits.share > 0 && all_us >= limits.all_us_min && row.server_calls >= limits.calls_min && static_cast<double>(row.server_us) >= limits.share * all_us;
        found.emplace_back(is_slow ? "slow" : has_share ? "share" : "");
    }
    return found;
}

std::vector<Signal> find_sequences(const std::vector<StatementRow>& rows) {
    std::vector<Signal> found;
    for (const auto& row : rows) {
        if (row.sequences < kRowsInARow || !row.is_read) continue;
        const auto length = row.sequence_calls / row.sequences;
        std::string why = "One session asks it " + std::to_string(length) + " times in a row, " + std::to_string(row.sequences) + " times so far: each is a round trip. ";
        if (const auto* before = find(rows, row.sequence_after)) why += "Before such a row comes: " + before->text + ". One statement that joins both";
        else why += "One statement that asks for all values at once, = ANY ($1) or a join,";
        found.push_back(signal(row, "sequence", "rewrite", why + " does the same (\"N+1 queries\"; select_related and prefetch_related in Django, joinedload in SQLAlchemy)."));
    }
    return found;
}

std::vector<Signal> find_floods(const std::vector<StatementRow>& rows) {
    std::vector<Signal> found;
    for (const auto& row : rows) {
        if (row.texts < kFloodTexts || row.texts * 2 < row.calls || row.fingerprint == "0000000000000000") continue;
        found.push_back(signal(row, "flood", "rewrite", "It came in about " + std::to_string(row.texts) + " different texts for " + std::to_string(row.calls) +
                                                            " calls, since constants are written into it. Each text is parsed and planned anew. Send them as parameters ($1)."));
    }
    return found;
}

std::optional<double> expected_hit_rate(const StatementRow& row, double writes, const AnswerLife& life) {
    const double values = std::max(row.distinct.estimate(), row.texts > 1 ? static_cast<double>(row.texts) : 0), calls = static_cast<double>(row.calls);
    if (row.distinct.estimate() <= 0 || calls <= 0) return std::nullopt;
    // Where it is not known how long it was watched, only the two together tell: as if it had been a second, and nothing were bound.
    const bool knows_time = row.seconds > 0;
    const double seconds = knows_time ? row.seconds : 1, each = std::min(values, calls);
    const double c = calls / each / seconds, w = std::max(0.0, writes) / (row.is_by_row ? each : 1) / seconds;
    const double bound = knows_time && life.bound > 0 ? life.bound : INFINITY, stale = knows_time ? life.max_stale : 0;
    const auto left_after = [&](double t) { return std::isinf(t) ? 0.0 : std::exp(-w * t); };
    const double spoiled = w > 0 ? (left_after(std::min(stale, bound)) - left_after(bound)) / w : std::max(0.0, bound - stale);
    const double cl = c * (stale + spoiled), repeated = std::max(0.0, calls - values) / calls;
    return repeated * (std::isinf(cl) ? 1 : cl / (1 + cl));
}

std::vector<Signal> find_uncached(const std::vector<StatementRow>& rows, double bound) {
    std::vector<Signal> found;
    for (const auto& row : rows) {
        if (!row.is_read || row.calls < kUncachedCalls || row.hit_rate() >= kFine || static_cast<double>(row.server_us) < kUncachedUs) continue;
        if (auto one = cache_signal(row, rows, bound)) found.push_back(std::move(*one));
    }
    return found;
}

}  // namespace larder::advisor
