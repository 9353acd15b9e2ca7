#include "proxy/call_history.h"

#include <algorithm>

namespace larder::proxy {
namespace {

std::uint64_t key_of(const StatementRow& row) { return std::stoull(row.id, nullptr, 16); }

}  // namespace

bool CallHistory::is_due(Instant at) const {
    const Lock lock(mutex_);
    return kept_.empty() || at - kept_.back().at >= kStep;
}

void CallHistory::keep(const std::vector<StatementRow>& rows, Instant at) {
    Kept kept{at, {}};
    kept.calls.reserve(rows.size());
    for (const auto& row : rows) kept.calls.emplace(key_of(row), Calls{row.calls, row.hits});
    const Lock lock(mutex_);
    kept_.push_back(std::move(kept));
    while (kept_.size() > kKept || (kept_.size() > 1 && at - kept_[1].at >= kWindow)) kept_.pop_front();
}

CallHistory::Calls CallHistory::in_last_hour(const StatementRow& row, Instant at) const {
    const Calls now{row.calls, row.hits};
    const Lock lock(mutex_);
    const auto is_old = [&](const Kept& kept) { return at - kept.at >= kWindow; };
    const auto newest = std::find_if(kept_.rbegin(), kept_.rend(), is_old);
    if (newest == kept_.rend()) return now;
    const auto then = newest->calls.find(key_of(row));
    if (then == newest->calls.end() || then->second.calls > now.calls || then->second.hits > now.hits) return now;
    return {now.calls - then->second.calls, now.hits - then->second.hits};
}

}  // namespace larder::proxy
