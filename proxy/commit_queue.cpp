#include "proxy/commit_queue.h"

#include <algorithm>
#include <utility>

namespace larder::proxy {

void CommitQueue::add(protocol::WalCommit commit) {
    auto& added = pending_.emplace_back();
    added.commit = std::move(commit);
    // It may have been over already when the log came here, and the last snapshot says so.
    look_at(added);
    has_new_ |= !added.is_visible;
}

// Is it over in the last snapshot?
void CommitQueue::look_at(Pending& pending) {
    if (!snapshot_) return;
    if (!pending.is_visible) {
        pending.transaction = snapshot_->widen(pending.commit.transaction);
        pending.is_visible = snapshot_->is_over(pending.transaction);
        pending.newest_ask = newest_ask_;
        pending.seen = answered_;
    }
    (pending.is_visible ? has_undecided_ : has_invisible_) = true;
}

void CommitQueue::answered(const protocol::Snapshot& snapshot, Instant now) {
    has_invisible_ = has_undecided_ = false;
    has_running_ended_ |= std::erase_if(running_, [&](std::uint64_t transaction) { return snapshot.is_over(transaction); }) > 0;
    snapshot_ = snapshot;
    // Whoever sent a transaction that is over in it had asked for its number before.
    newest_ask_ = own_.newest();
    answered_ = now;
    for (auto& pending : pending_) look_at(pending);
    has_new_ &= has_invisible_;  // what came meanwhile was over already
}

bool CommitQueue::has_visible_before(protocol::Lsn place) const {
    return std::any_of(pending_.begin(), pending_.end(), [place](const Pending& pending) { return pending.is_visible && pending.commit.lsn < place; });
}

std::vector<SeenCommit> CommitQueue::take(Instant now) {
    std::vector<SeenCommit> taken;
    if (std::exchange(has_running_ended_, false)) taken.emplace_back().commit.is_anything = true;
    if (!has_undecided_) return taken;
    has_undecided_ = false;
    std::deque<Pending> left;
    for (auto& pending : pending_) {
        // A prepared transaction is committed by whoever comes by.
        auto own = pending.is_visible && !pending.commit.was_prepared ? own_.find(pending.transaction) : std::nullopt;
        // Whoever asked before it was found visible may still get this number for an answer.
        const bool is_decided = own || own_.have_ended(pending.newest_ask, now + -kAskTimeout) || now - pending.seen >= kAskTimeout;
        if (!pending.is_visible || !is_decided) {
            has_undecided_ |= pending.is_visible;
            left.push_back(std::move(pending));
            continue;
        }
        // An answer may have come between the two looks.
        if (!own && !pending.commit.was_prepared) own = own_.find(pending.transaction);
        own_.forget(pending.transaction);
        taken.push_back({std::move(pending.commit), own});
    }
    pending_ = std::move(left);
    return taken;
}

}  // namespace larder::proxy
