#include "proxy/unknown_outcomes.h"

#include <algorithm>

namespace larder::proxy {

KeptOutcomes::~KeptOutcomes() { end_all(); }

void KeptOutcomes::keep(cache::WriteTicket ticket, std::int32_t backend_pid) {
    if (!ticket.is_open()) return;
    const Lock lock(mutex_);
    kept_.push_back({std::move(ticket), backend_pid});
    ++count_;
}

std::vector<std::int32_t> KeptOutcomes::pids() {
    const Lock lock(mutex_);
    std::vector<std::int32_t> pids;
    for (auto& kept : kept_) {
        kept.is_asked = true;
        pids.push_back(kept.pid);
    }
    std::sort(pids.begin(), pids.end());
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
    return pids;
}

void KeptOutcomes::settle(const std::vector<std::int32_t>& asked, const std::vector<std::int32_t>& alive) {
    std::vector<cache::WriteTicket> over;
    {
        const Lock lock(mutex_);
        const auto is_over = [&](const Kept& kept) {
            return kept.is_asked && std::binary_search(asked.begin(), asked.end(), kept.pid) &&
                   std::find(alive.begin(), alive.end(), kept.pid) == alive.end();
        };
        for (auto& kept : kept_) {
            if (is_over(kept)) over.push_back(std::move(kept.ticket));
        }
        std::erase_if(kept_, is_over);
    }
    for (auto& ticket : over) ticket.end();  // outside the lock: an end may have to end others
}

void KeptOutcomes::end_all() {
    std::vector<Kept> over;
    {
        const Lock lock(mutex_);
        over.swap(kept_);
    }
    for (auto& kept : over) kept.ticket.end();
}

std::size_t KeptOutcomes::open() const {
    const Lock lock(mutex_);
    return kept_.size();
}

std::uint64_t KeptOutcomes::kept() const {
    const Lock lock(mutex_);
    return count_;
}

}  // namespace larder::proxy
