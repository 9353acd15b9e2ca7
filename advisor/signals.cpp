#include "advisor/signals.h"

#include <algorithm>
#include <cmath>

#include "advisor/watch.h"

namespace larder::advisor {

namespace {

constexpr std::uint64_t kRowsInARow = 5;       // long rows of the same statement, before anything is said of them
constexpr std::uint64_t kFloodTexts = 200;
constexpr std::uint64_t kUncachedCalls = 500;
constexpr double kUncachedUs = 1'000'000;      // on the server in all, before a cache is spoken of
constexpr double kFine = 0.5;                  // hit rate from which on nothing is said

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

Signal signal(const StatementRow& row, const char* found_by, const char* kind, std::string why) {
    Signal one{&row, found_by, {}};
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

// Nothing if a cache would not help: its values do not come again.
std::optional<Advice> cache_advice(const StatementRow& row, const std::vector<StatementRow>& rows) {
    constexpr double kWorthSaying = 0.1;
    const auto spoilers = spoilers_of(row, rows);
    const auto expected = expected_hit_rate(row, spoilers.calls);
    const bool is_bypassed = row.bypasses > row.misses;
    const double without = spoilers.worst != nullptr && expected ? *expected_hit_rate(row, spoilers.calls - static_cast<double>(spoilers.worst->calls)) : 0;
    const double reachable = is_bypassed ? expected.value_or(0) : std::max(expected.value_or(0), without);
    if (expected && reachable < row.hit_rate() + kWorthSaying) return std::nullopt;
    Advice advice;
    advice.kind = "cache";
    advice.why = begin_of(row);
    if (is_bypassed) {
        advice.why += "The usual reason is " + (row.bypass_reason.empty() ? "not known" : row.bypass_reason) + "; SHOW REASONS explains it.";
        if (expected) advice.why += " Without it about " + percent(*expected) + " could be answered from the cache.";
    } else if (spoilers.worst != nullptr) {
        const std::string what = spoilers.worst->writes_unknown ? "may write anything" : "writes what it reads";
        advice.why += "What drops its answers most is a statement that " + what + " and came " + std::to_string(spoilers.worst->calls) + " times: " + spoilers.worst->text + ".";
        if (expected) advice.why += " Without that statement about " + percent(without) + " could be answered from the cache; so they could where a rule lets answers be stale for as long as lies between two of its calls (max_stale).";
    } else {
        advice.why += expected ? "By how often its values come again, " + percent(*expected) + " could be: its answers do not live long enough, for lack of memory or by a rule's ttl."
                               : "Its answers are asked for with other values each time, or do not live long enough.";
    }
    if (expected) advice.gain = (reachable - row.hit_rate()) / (1 - row.hit_rate());
    return advice;
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

std::optional<double> expected_hit_rate(const StatementRow& row, double writes) {
    const double values = std::max(row.distinct.estimate(), row.texts > 1 ? static_cast<double>(row.texts) : 0), calls = static_cast<double>(row.calls);
    if (row.distinct.estimate() <= 0 || calls <= 0) return std::nullopt;
    const double repeated = std::max(0.0, calls - values) / calls, calls_each = calls / std::min(values, calls);
    const double writes_each = std::max(0.0, writes) / (row.is_by_row ? std::min(values, calls) : 1);
    return repeated * calls_each / (calls_each + writes_each);
}

std::vector<Signal> find_uncached(const std::vector<StatementRow>& rows) {
    std::vector<Signal> found;
    for (const auto& row : rows) {
        if (!row.is_read || row.calls < kUncachedCalls || row.hit_rate() >= kFine || static_cast<double>(row.server_us) < kUncachedUs) continue;
        if (auto advice = cache_advice(row, rows)) found.push_back({&row, "cache", std::move(*advice)});
    }
    return found;
}

}  // namespace larder::advisor
