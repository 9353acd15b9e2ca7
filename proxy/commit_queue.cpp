#include "proxy/commit_queue.h"

#include <utility>

namespace larder::proxy {

void CommitQueue::add(protocol::WalCommit commit) {
    pending_.push_back({.commit = std::move(commit)});
    has_new_ = true;
}

void CommitQueue::asking() {
    for (auto& pending : pending_) pending.is_asked = true;
    has_new_ = false;
}

void CommitQueue::answered(const protocol::Snapshot& snapshot, Instant now) {
    has_invisible_ = has_undecided_ = false;
    has_running_ended_ |= std::erase_if(running_, [&](std::uint64_t transaction) { return snapshot.is_over(transaction); }) > 0;
    const std::uint64_t newest_ask = own_.newest();
    for (auto& pending : pending_) {
        if (!pending.is_asked) continue;
        if (!pending.is_visible) {
            pending.transaction = snapshot.widen(pending.commit.transaction);
            pending.is_visible = snapshot.is_over(pending.transaction);
            pending.newest_ask = newest_ask;
            pending.seen = now;
        }
        if (pending.is_visible) has_undecided_ = true;
        else has_invisible_ = true;
    }
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
