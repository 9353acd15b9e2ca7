#include "proxy/read_barrier.h"

#include <algorithm>

namespace larder::proxy {

std::uint64_t ReadBarrier::begin_wait(BarrierListener& listener) {
    const Lock lock(mutex_);
    if (!is_open_) return 0;
    if (newest_ == taken_) wakeup_.wake();
    ++newest_;
    const auto known =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) { return waiting.listener == &listener; });
    if (known == waiting_.end())
        waiting_.push_back({&listener, newest_, newest_});
    else
        *known = {&listener, known->first == 0 ? newest_ : known->first, newest_};
    return newest_;
}

void ReadBarrier::open() {
    const Lock lock(mutex_);
    is_open_ = true;
}

void ReadBarrier::close() {
    const Lock lock(mutex_);
    is_open_ = false;
    if (newest_ != taken_) wakeup_.drain();
    taken_ = newest_;
    for (auto& waiting : waiting_) {
        if (waiting.first == 0) continue;
        waiting.listener->post_barrier(waiting.last, false);
        waiting.first = waiting.last = 0;
    }
}

bool ReadBarrier::is_wanted() const {
    const Lock lock(mutex_);
    return newest_ != taken_;
}

std::uint64_t ReadBarrier::take() {
    const Lock lock(mutex_);
    if (newest_ != taken_) {
        ++questions_;
        wakeup_.drain();
    }
    return taken_ = newest_;
}

void ReadBarrier::pass(std::uint64_t wait) {
    const Lock lock(mutex_);
    for (auto& waiting : waiting_) {
        if (waiting.first == 0 || waiting.first > wait) continue;
        waiting.listener->post_barrier(wait, true);
        waiting.first = waiting.last > wait ? wait + 1 : 0;
    }
}

std::uint64_t ReadBarrier::questions() const {
    const Lock lock(mutex_);
    return questions_;
}

void BarrierQuestions::answered(protocol::Lsn flushed) {
    if (asking_ == answered_) return;  // nobody waits for it
    answered_ = asking_;
    if (open_.size() == kOpenMax)
        open_.back() = {answered_, flushed};
    else
        open_.push_back({answered_, flushed});
}

std::uint64_t BarrierQuestions::passed(protocol::Lsn received, const CommitQueue& queue) {
    std::uint64_t newest = 0;
    for (; !open_.empty(); open_.pop_front()) {
        const auto& oldest = open_.front();
        if (received < oldest.flushed || queue.has_visible_before(oldest.flushed)) break;
        newest = oldest.wait;
    }
    return newest;
}

}  // namespace larder::proxy
