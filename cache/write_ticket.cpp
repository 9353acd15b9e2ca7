#include "cache/write_ticket.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/planted_fault.h"
#include "base/thread_annotations.h"

namespace larder::cache {

void WriteSet::add(Counter& counter) {
    if (std::find(counters.begin(), counters.end(), &counter) == counters.end()) counters.push_back(&counter);
}

void WriteSet::merge(const WriteSet& other) {
    for (Counter* counter : other.counters) add(*counter);
    moves_catalogue |= other.moves_catalogue;
}

void WriteSet::clear() {
    counters.clear();
    moves_catalogue = false;
}

// A place in the list of outstanding writes. The registry owns it and uses it again, with the capacity of `held`, so that
// a write allocates nothing.
struct WriteTicket::State {
    OutstandingWrites::Impl* registry = nullptr;
    std::uint64_t number = 0;
    State* previous = nullptr;  // by number
    State* next = nullptr;
    std::vector<Counter*> held;

    bool holds(const Counter* counter) const { return std::find(held.begin(), held.end(), counter) != held.end(); }
};

struct OutstandingWrites::Impl {
    using State = WriteTicket::State;

    // A mark on `catalogue` that goes back once no ticket below `before` is left, except `self`: the ticket that made the
    // debt, if it is still registered (end_all_but), else 0.
    struct Debt {
        std::uint64_t before;
        std::uint64_t self;
    };

    explicit Impl(Counter& catalogue_counter) : catalogue(catalogue_counter) {}

    State* enlist();
    void release(State* state, bool owes_catalogue);
    void owe_catalogue(std::uint64_t self) LARDER_REQUIRES(mutex);
    void settle() LARDER_REQUIRES(mutex);
    bool is_settled(Debt debt) const LARDER_REQUIRES(mutex);

    Counter& catalogue;
    mutable Mutex mutex;
    std::uint64_t next_number LARDER_GUARDED_BY(mutex) = 1;
    std::size_t count LARDER_GUARDED_BY(mutex) = 0;
    State* oldest LARDER_GUARDED_BY(mutex) = nullptr;
    State* newest LARDER_GUARDED_BY(mutex) = nullptr;
    std::vector<Debt> debts LARDER_GUARDED_BY(mutex);
    std::vector<State*> idle LARDER_GUARDED_BY(mutex);
    std::vector<std::unique_ptr<State>> states LARDER_GUARDED_BY(mutex);  // all: listed, idle and abandoned
};

WriteTicket::State* OutstandingWrites::Impl::enlist() {
    Lock lock(mutex);
    if (idle.empty()) {
        states.push_back(std::make_unique<State>());
        idle.reserve(states.size());  // so that giving it back cannot fail
        idle.push_back(states.back().get());
    }
    State* state = idle.back();
    idle.pop_back();
    state->registry = this;
    state->number = next_number++;
    state->previous = newest;
    state->next = nullptr;
    (newest ? newest->next : oldest) = state;
    newest = state;
    ++count;
    return state;
}

void OutstandingWrites::Impl::release(State* state, bool owes_catalogue) {
    Lock lock(mutex);
    (state->previous ? state->previous->next : oldest) = state->next;
    (state->next ? state->next->previous : newest) = state->previous;
    --count;
    state->held.clear();
    idle.push_back(state);
    if (owes_catalogue) owe_catalogue(0);
    if (!debts.empty()) settle();
}

// A newer debt waits for all that an older one waits for, so it can stand in for it: the older mark goes back now and
// `catalogue` stays in flight by the newer. So there is never more than one debt per registered ticket and one besides.
void OutstandingWrites::Impl::owe_catalogue(std::uint64_t self) {
    if (is_planted(PlantedFault::catalogue_ended_early)) return catalogue.end();
    const auto covered = std::remove_if(debts.begin(), debts.end(), [self](Debt debt) { return self == 0 || debt.self == self; });
    const auto covered_count = debts.end() - covered;
    debts.erase(covered, debts.end());
    debts.push_back({next_number, self});
    for (auto i = covered_count; i > 0; --i) catalogue.end();
}

bool OutstandingWrites::Impl::is_settled(Debt debt) const {
    const State* first = oldest;
    if (first && first->number == debt.self) first = first->next;
    return !first || first->number >= debt.before;
}

void OutstandingWrites::Impl::settle() {
    const auto paid = std::remove_if(debts.begin(), debts.end(), [this](Debt debt) LARDER_REQUIRES(mutex) { return is_settled(debt); });
    for (auto i = debts.end() - paid; i > 0; --i) catalogue.end();
    debts.erase(paid, debts.end());
}

OutstandingWrites::OutstandingWrites(Counter& catalogue) : impl_(std::make_unique<Impl>(catalogue)) {}
OutstandingWrites::~OutstandingWrites() = default;

std::size_t OutstandingWrites::count() const {
    Lock lock(impl_->mutex);
    return impl_->count;
}

std::size_t OutstandingWrites::catalogue_debts() const {
    Lock lock(impl_->mutex);
    return impl_->debts.size();
}

WriteTicket::WriteTicket(WriteTicket&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

WriteTicket& WriteTicket::operator=(WriteTicket&& other) noexcept {
    if (this != &other) {
        abandon();
        state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
}

WriteTicket::~WriteTicket() { abandon(); }

void WriteTicket::abandon() noexcept {
    if (state_ && state_->held.empty()) state_->registry->release(state_, false);
    state_ = nullptr;  // with marks: it stays in the list, which is what keeps debts unpaid
}

void WriteTicket::enlist(OutstandingWrites& outstanding) {
    if (!state_) state_ = outstanding.impl_->enlist();
    LARDER_ASSERT(state_->registry == outstanding.impl_.get());
}

void WriteTicket::begin(OutstandingWrites& outstanding, const WriteSet& set) {
    enlist(outstanding);
    // Room first: a mark must not be lost because remembering it failed.
    state_->held.reserve(state_->held.size() + set.counters.size() + 1);
    const auto mark = [this](Counter* counter) {
        if (state_->holds(counter)) return;
        state_->held.push_back(counter);
        counter->begin();
    };
    for (Counter* counter : set.counters) mark(counter);
    if (set.moves_catalogue) mark(&state_->registry->catalogue);
}

void WriteTicket::merge(WriteTicket&& other) {
    if (!other.state_ || this == &other) return;
    if (!state_) {
        state_ = std::exchange(other.state_, nullptr);
        return;
    }
    LARDER_ASSERT(state_->registry == other.state_->registry);
    if (other.state_->number < state_->number) std::swap(state_, other.state_);
    State* from = other.state_;
    state_->held.reserve(state_->held.size() + from->held.size());
    for (Counter* counter : from->held) {
        // Held by both: one mark is enough, and while ours is there the other's end shows nothing to anyone.
        if (state_->holds(counter)) counter->end();
        else state_->held.push_back(counter);
    }
    from->held.clear();
    other.state_ = nullptr;
    state_->registry->release(from, false);
}

void WriteTicket::end() {
    static const std::vector<Counter*> nothing;
    end_all_but(nothing);
}

void WriteTicket::end_all_but(const std::vector<Counter*>& keep) {
    if (!state_) return;
    OutstandingWrites::Impl* registry = state_->registry;
    bool owes_catalogue = false;
    auto kept = state_->held.begin();
    for (Counter* counter : state_->held) {
        if (std::find(keep.begin(), keep.end(), counter) != keep.end()) {
            *kept++ = counter;
        } else if (counter == &registry->catalogue) {
            owes_catalogue = true;
        } else {
            counter->end();
        }
    }
    state_->held.erase(kept, state_->held.end());
    if (state_->held.empty()) {
        registry->release(std::exchange(state_, nullptr), owes_catalogue);
    } else if (owes_catalogue) {
        Lock lock(registry->mutex);
        registry->owe_catalogue(state_->number);
        registry->settle();
    }
}

bool WriteTicket::holds_marks() const { return state_ && !state_->held.empty(); }

bool WriteTicket::holds(const Counter& counter) const { return state_ && state_->holds(&counter); }

}  // namespace larder::cache
