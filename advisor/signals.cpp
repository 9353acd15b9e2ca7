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

// Which writer drops its answers most often.
const StatementRow* spoiler_of(const StatementRow& reader, const std::vector<StatementRow>& rows) {
    const StatementRow* worst = nullptr;
    for (const auto& row : rows) {
        if (row.database == reader.database && (touch(reader, row) || row.writes_unknown) && (worst == nullptr || row.calls > worst->calls)) worst = &row;
    }
    return worst;
}

std::string why_uncached(const StatementRow& row, const std::vector<StatementRow>& rows) {
    const std::string begin = "It was asked " + std::to_string(row.calls) + " times, " + percent(row.hit_rate()) + " were answered from the cache, and the others took " +
                              print_time(static_cast<double>(row.server_us)) + " of the server's time. ";
    if (row.bypasses > row.misses) return begin + "The usual reason is " + (row.bypass_reason.empty() ? "not known" : row.bypass_reason) + "; SHOW REASONS explains it.";
    if (const auto* spoiler = spoiler_of(row, rows)) {
        const std::string what = spoiler->writes_unknown ? "may write anything" : "writes what it reads";
        return begin + "What drops its answers most is a statement that " + what + " and came " + std::to_string(spoiler->calls) + " times: " + spoiler->text;
    }
    return begin + "Its answers are asked for with other values each time, or do not live long enough.";
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

std::vector<Signal> find_uncached(const std::vector<StatementRow>& rows) {
    std::vector<Signal> found;
    for (const auto& row : rows) {
        if (!row.is_read || row.calls < kUncachedCalls || row.hit_rate() >= kFine || static_cast<double>(row.server_us) < kUncachedUs) continue;
        found.push_back(signal(row, "cache", "cache", why_uncached(row, rows)));
    }
    return found;
}

}  // namespace larder::advisor
