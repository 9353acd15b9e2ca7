#include "proxy/session/database_gate.h"

namespace larder::session {

void DatabaseGate::begin_generation() {
    const Lock lock(mutex_);
    generation_.fetch_add(1, std::memory_order_acq_rel);
    places_.old = places_.taken;
}

DatabaseGate::Places DatabaseGate::places() const {
    const Lock lock(mutex_);
    return places_;
}

ServerPlace::ServerPlace(DatabaseGate& gate) : gate_(&gate) {
    static std::atomic<std::uint64_t> next{1};
    number_ = next.fetch_add(1, std::memory_order_relaxed);
    const Lock lock(gate.mutex_);
    generation_ = gate.generation_.load(std::memory_order_relaxed);
    ++gate.places_.taken;
}

ServerPlace::~ServerPlace() {
    if (gate_ == nullptr) return;
    const Lock lock(gate_->mutex_);
    --gate_->places_.taken;
    if (generation_ != gate_->generation_.load(std::memory_order_relaxed)) --gate_->places_.old;
}

}  // namespace larder::session
