#include "admin/live_statements.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "admin/documents.h"

namespace larder::admin {

std::string LiveStatements::look(const StatementSource& traffic, std::int64_t wall_clock_us) {
    std::unordered_map<std::string, Counts> now;
    std::vector<std::pair<Counts, StatementRow>> grown;
    for (auto& row : traffic.statements(false)) {
        const Counts counts{row.calls, row.hits, row.misses, row.bypasses, row.server_calls, row.server_us};
        now.emplace(row.id, counts);
        if (!before_) continue;
        const auto found = before_->find(row.id);
        Counts old = found == before_->end() ? Counts{} : found->second;
        if (old.calls > counts.calls) old = {};  // it was dropped, and has come again
        const auto since = [](std::uint64_t after, std::uint64_t earlier) { return after > earlier ? after - earlier : 0; };
        const Counts more{counts.calls - old.calls,
                          since(counts.hits, old.hits),
                          since(counts.misses, old.misses),
                          since(counts.bypasses, old.bypasses),
                          since(counts.server_calls, old.server_calls),
                          since(counts.server_us, old.server_us)};
        if (more.calls > 0) grown.emplace_back(more, std::move(row));
    }
    before_ = std::move(now);
    std::sort(grown.begin(), grown.end(), [](const auto& a, const auto& b) {
        return a.first.calls != b.first.calls ? a.first.calls > b.first.calls : a.second.id < b.second.id;
    });
    json::array statements;
    std::uint64_t others = 0;
    for (const auto& [counts, row] : grown) {
        if (statements.size() == kShownMax) {
            others += counts.calls;
            continue;
        }
        statements.push_back(json::object{
            {"id", row.id},
            {"database", row.database},
            {"query", row.text},
            {"calls", counts.calls},
            {"hits", counts.hits},
            {"misses", counts.misses},
            {"bypasses", counts.bypasses},
            {"why_not_cached", counts.bypasses > 0 ? text_or_null(row.bypass_reason) : json::value(nullptr)},
            {"mean_seconds", counts.server_calls > 0 ? json::value(seconds(counts.server_us) / static_cast<double>(counts.server_calls))
                                                     : json::value(nullptr)}});
    }
    return json_text(
        json::object{{"time", static_cast<double>(wall_clock_us) / 1e6}, {"statements", std::move(statements)}, {"others", others}});
}

}  // namespace larder::admin
