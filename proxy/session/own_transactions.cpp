#include "proxy/session/own_transactions.h"

namespace larder::session {

void OwnTransactions::Ask::answered(std::optional<std::uint64_t> transaction) {
    if (!is_open_) return;
    is_open_ = false;
    all_.end(number_, transaction);
}

void OwnTransactions::set_wanted(bool are_wanted) {
    are_wanted_.store(are_wanted, std::memory_order_relaxed);
    const Lock lock(mutex_);
    known_.clear();
    by_age_.clear();
}

std::unique_ptr<OwnTransactions::Ask> OwnTransactions::begin() {
    const Lock lock(mutex_);
    open_.insert(open_.end(), ++newest_);
    return std::make_unique<Ask>(*this, newest_);
}

void OwnTransactions::end(std::uint64_t number, std::optional<std::uint64_t> transaction) {
    const Lock lock(mutex_);
    open_.erase(number);
    if (!transaction || !are_wanted() || !known_.insert(*transaction).second) return;
    by_age_.push_back(*transaction);
    if (by_age_.size() <= kKnownMax) return;
    known_.erase(by_age_.front());
    by_age_.pop_front();
}

std::uint64_t OwnTransactions::newest() const {
    const Lock lock(mutex_);
    return newest_;
}

bool OwnTransactions::have_ended(std::uint64_t up_to) const {
    const Lock lock(mutex_);
    return open_.empty() || *open_.begin() > up_to;
}

bool OwnTransactions::contains(std::uint64_t transaction) const {
    const Lock lock(mutex_);
    return known_.contains(transaction);
}

void OwnTransactions::forget(std::uint64_t transaction) {
    const Lock lock(mutex_);
    known_.erase(transaction);
}

}  // namespace larder::session
