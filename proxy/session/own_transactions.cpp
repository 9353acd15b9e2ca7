#include "proxy/session/own_transactions.h"

namespace larder::session {

void OwnTransactions::Ask::answered(std::optional<std::uint64_t> transaction) {
    if (!is_open_) return;
    is_open_ = false;
    all_.end(number_, transaction, plans_);
}

void OwnTransactions::set_wanted(bool are_wanted) {
    are_wanted_.store(are_wanted, std::memory_order_relaxed);
    const Lock lock(mutex_);
    known_.clear();
    by_age_.clear();
}

std::unique_ptr<OwnTransactions::Ask> OwnTransactions::begin(Plans plans, Instant now) {
    const Lock lock(mutex_);
    open_.emplace_hint(open_.end(), ++newest_, now);
    return std::make_unique<Ask>(*this, newest_, plans);
}

void OwnTransactions::end(std::uint64_t number, std::optional<std::uint64_t> transaction, Plans plans) {
    const Lock lock(mutex_);
    open_.erase(number);
    if (!transaction || !are_wanted() || !known_.emplace(*transaction, plans).second) return;
    by_age_.push_back(*transaction);
    if (by_age_.size() <= kKnownMax) return;
    known_.erase(by_age_.front());
    by_age_.pop_front();
}

std::uint64_t OwnTransactions::newest() const {
    const Lock lock(mutex_);
    return newest_;
}

bool OwnTransactions::have_ended(std::uint64_t up_to, Instant since) const {
    const Lock lock(mutex_);
    for (auto ask = open_.begin(); ask != open_.end() && ask->first <= up_to; ++ask) {
        if (ask->second >= since) return false;
    }
    return true;
}

std::optional<OwnTransactions::Plans> OwnTransactions::find(std::uint64_t transaction) const {
    const Lock lock(mutex_);
    const auto found = known_.find(transaction);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void OwnTransactions::forget(std::uint64_t transaction) {
    const Lock lock(mutex_);
    known_.erase(transaction);
}

}  // namespace larder::session
