#include "proxy/session/capture.h"

#include "base/planted_fault.h"

namespace larder::session {

Capture::Capture(Context& context, std::string key, std::uint64_t key_hash, ReadNote note, std::int64_t ttl_us, bool leads)
    : context_(context), key_(std::move(key)), key_hash_(key_hash), note_(std::move(note)), ttl_us_(ttl_us), started_(context.now), sent_us_(clock_us()), leads_(leads) {}

Capture::~Capture() { end_flight(true); }

void Capture::row_description(Bytes message) {
    if (!given_up_) row_description_.assign(message);
}

void Capture::rows(Bytes messages, std::int64_t count) {
    if (given_up_) return;
    if (rows_.size() + messages.size() > context_.cache.limits().entry_bytes_max) {
        context_.metrics.bypasses[static_cast<std::size_t>(rules::Reason::too_large)].add();
        return give_up();
    }
    rows_.append(messages);
    row_count_ += count;
}

void Capture::complete(Bytes message) {
    if (!given_up_) complete_.assign(message);
}

void Capture::give_up() {
    given_up_ = true;
    rows_ = {};
    end_flight(false);
}

void Capture::finish() {
    if (given_up_ || complete_.empty()) return;
    if (is_planted(PlantedFault::note_after_snapshot)) note_again();
    if (!prove()) {
        context_.metrics.bypasses[static_cast<std::size_t>(rules::Reason::in_flight)].add();
        return give_up();
    }
    // An answer that came within one tick still cost the server something.
    const auto server_us = std::max<std::int64_t>(clock_us() - sent_us_, 1);
    // Its age counts from the note: what was committed while it was read may be missing in it.
    const auto expires = ttl_us_ > 0 ? started_ + std::chrono::microseconds(ttl_us_) : kNever;
    const auto stale_until = note_.max_stale.count() > 0 ? started_ + note_.max_stale : kLongAgo;
    const auto result = cache::CachedResult::make(key_, note_.note, {row_description_, rows_, complete_}, {server_us, row_count_}, started_, expires, stale_until);
    if (context_.cache.store({key_, key_hash_}, result, context_.now, context_.second_level)) context_.metrics.stored.add();
    if (leads_) {
        leads_ = false;
        context_.cache.land({key_, key_hash_}, result);
    }
}

// The tick is coarse. With a second level it matters whether the server took one millisecond or four.
std::int64_t Capture::clock_us() const {
    return context_.second_level != nullptr && context_.clock_us != nullptr ? context_.clock_us() : context_.now.us;
}

// Leaves out of the note what the answer shows not to matter. False: it must not be kept.
bool Capture::prove() {
    const bool is_proved = note_.proving_rows > 0 && (row_count_ >= note_.proving_rows || is_planted(PlantedFault::proved_by_nothing));
    if (!is_proved) return !note_.needs_proof || note_.max_stale.count() > 0;
    note_.note.resize(note_.required);
    return true;
}

void Capture::note_again() {
    for (auto& noted : note_.note) noted.word = noted.counter->load();
}

void Capture::end_flight(bool hand_over) {
    if (!leads_) return;
    leads_ = false;
    context_.cache.fail({key_, key_hash_}, hand_over);
}

}  // namespace larder::session
