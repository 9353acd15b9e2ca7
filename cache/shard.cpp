#include "cache/shard.h"

#include <algorithm>
#include <utility>

namespace larder::cache {
namespace {

constexpr std::size_t kWindowShare = 100;        // the window has one part in a hundred of the budget
constexpr std::size_t kSketchShare = 128;        // and the sketch less than one
constexpr int kDrawn = 8;                        // more hardly finds a lesser victim, and each costs a cache miss
constexpr int kVictimsPerRound = 16;             // how many may go while the mutex is held once
constexpr int kRoundsMax = 64;                   // so one store() pushes out at most 1024 others
constexpr std::uint32_t kInWindow = UINT32_MAX;  // Entry::slot

// An entry of the same key that has to go for `incoming`.
bool yields_to(const CachedResult& old, const CachedResult& incoming, Instant now) {
    if (old.is_dead(now)) return true;
    if (old.stored() > incoming.stored()) return false;
    return !old.has_row_description() || incoming.has_row_description() || !old.is_fresh();
}

}  // namespace

struct Shard::Entry {
    ResultRef result;
    std::uint64_t hash;
    std::size_t charge;
    std::uint32_t slot = kInWindow;
    std::uint32_t hits = 0;
    bool is_evicted = false;  // gone, although it could have been served
    Entry* newer = nullptr;  // window only
    Entry* older = nullptr;
    Owned same_hash;
};

Shard::Shard(std::size_t budget_bytes, const std::atomic<std::int64_t>& kept_out_us)
    : random_(reinterpret_cast<std::uintptr_t>(this) | 1), sketch_(budget_bytes / kSketchShare),
      kept_out_us_(kept_out_us), budget_(budget_bytes - std::min(budget_bytes, sketch_.bytes())), window_max_(budget_ / kWindowShare) {}

Shard::~Shard() = default;

ResultRef Shard::find(const KeyView& key) {
    Lock lock(mutex_);
    sketch_.increment(key.hash, entries_);
    Entry* entry = lookup(key);
    if (!entry) return {};
    if (entry->hits != UINT32_MAX) ++entry->hits;
    if (entry->slot == kInWindow && entry != window_newest_) {
        window_remove(entry);
        window_push(entry);
    }
    return entry->result;
}

bool Shard::store(const KeyView& key, const ResultRef& result, Instant now, Evictions* evictions) {
    // Several short rounds instead of one long one: between them others get the mutex.
    Round outcome = Round::more;
    for (int round = 0; round < kRoundsMax && outcome == Round::more; ++round) {
        Garbage garbage;  // outlives the lock
        garbage.reserve(kVictimsPerRound + 1);
        {
            Lock lock(mutex_);
            outcome = try_store(key, result, now, garbage);
        }
        if (outcome == Round::stored) counters_.stored.fetch_add(1, std::memory_order_relaxed);
        for (const auto& gone : garbage) {
            if (evictions != nullptr && gone->is_evicted && !is_kept_out(*gone->result)) evictions->on_evicted(gone->result);
        }
    }
    if (outcome == Round::more) count_refused();
    if (outcome != Round::stored && outcome != Round::kept_out && evictions != nullptr) evictions->on_evicted(result);
    return outcome == Round::stored;
}

Shard::Round Shard::try_store(const KeyView& key, const ResultRef& result, Instant now, Garbage& garbage) {
    if (is_kept_out(*result)) return Round::kept_out;
    const std::size_t charge = charge_of(*result);
    if (Entry* old = lookup(key)) {
        if (!yields_to(*old->result, *result, now)) return Round::refused;
        if (charge <= old->charge) {  // in place, with its fame
            ResultRef previous = std::exchange(old->result, result);
            const std::size_t saved = old->charge - charge;
            bytes_ -= saved;
            if (old->slot == kInWindow) window_bytes_ -= saved;
            old->charge = charge;
            auto holder = std::make_unique<Entry>();  // freed after the mutex is, like all garbage
            holder->result = std::move(previous);
            garbage.push_back(std::move(holder));
            return Round::stored;
        }
        garbage.push_back(unlink(old));
    }
    if (!make_room(*result, key.hash, charge, now, garbage)) return Round::refused;
    if (!has_room(charge)) return Round::more;
    insert(key, result, charge);
    return Round::stored;
}

bool Shard::has_room(std::size_t charge) const { return bytes_ + charge <= budget_; }

// Removes entries until there is room, at most kVictimsPerRound. False: the incoming one is worth the least.
bool Shard::make_room(const CachedResult& incoming, std::uint64_t hash, std::size_t charge, Instant now, Garbage& garbage) {
    for (int victims = 0; victims < kVictimsPerRound && !has_room(charge); ++victims) {
        // A large entry may have taken what the window did not use; it goes back without a contest, or new keys had no window.
        const bool takes_back = charge <= window_max_ && !main_.empty() && bytes_ - window_bytes_ > budget_ - window_max_;
        const bool pushes_window = !takes_back && window_oldest_ && window_bytes_ + charge > window_max_ && (charge <= window_max_ || main_.empty());
        Entry* leaving = pushes_window ? window_oldest_ : nullptr;  // else the incoming one is the candidate itself
        const Drawn victim = draw_victim(now);
        const double candidate = leaving ? value_of(*leaving->result, leaving->hash, now) : value_of(incoming, hash, now);
        if (victim.entry && (takes_back || candidate > victim.value)) {
            bury(victim.entry, now, garbage);
        } else if (leaving) {
            bury(leaving, now, garbage);
        } else if (victim.entry) {
            count_refused();
            return false;
        }
    }
    return true;
}

void Shard::insert(const KeyView& key, const ResultRef& result, std::size_t charge) {
    auto entry = std::make_unique<Entry>();
    entry->result = result;
    entry->hash = key.hash;
    entry->charge = charge;
    Entry* raw = entry.get();
    Owned& head = table_[key.hash];
    entry->same_hash = std::move(head);
    head = std::move(entry);
    bytes_ += charge;
    ++entries_;
    if (charge > window_max_) {
        main_push(raw);
        return;
    }
    window_push(raw);
    let_window_overflow();
}

// What the window has too much moves to main while there is room. If there is none, the window is larger than its share
// until the next store(), whose make_room() judges its oldest.
void Shard::let_window_overflow() {
    while (window_bytes_ > window_max_ && bytes_ - window_bytes_ + window_oldest_->charge <= budget_ - window_max_) {
        Entry* oldest = window_oldest_;
        window_remove(oldest);
        main_push(oldest);
    }
}

void Shard::drop(const KeyView& key, const ResultRef& result, bool is_expired) {
    Owned garbage;
    Lock lock(mutex_);
    Entry* entry = lookup(key);
    if (!entry || !(entry->result == result)) return;
    garbage = unlink(entry);
    (is_expired ? counters_.expired : counters_.stale).fetch_add(1, std::memory_order_relaxed);
}

bool Shard::sweep(std::size_t count, Instant now) {
    Garbage garbage;
    garbage.reserve(count);
    Lock lock(mutex_);
    if (!is_in_sweep_) {
        sweep_window_ = window_oldest_;
        sweep_slot_ = 0;
    }
    std::size_t seen = 0;
    for (; sweep_window_ && seen < count; ++seen) {
        Entry* entry = std::exchange(sweep_window_, sweep_window_->newer);
        if (entry->result->is_dead(now)) bury(entry, now, garbage);
    }
    for (; sweep_slot_ < main_.size() && seen < count; ++seen) {
        Entry* entry = main_[sweep_slot_];
        if (entry->result->is_dead(now)) bury(entry, now, garbage);  // another takes its slot: look there again
        else ++sweep_slot_;
    }
    is_in_sweep_ = sweep_window_ || sweep_slot_ < main_.size();
    return !is_in_sweep_;
}

void Shard::purge() {
    decltype(table_) table;
    Lock lock(mutex_);
    table.swap(table_);
    main_.clear();
    window_newest_ = window_oldest_ = sweep_window_ = nullptr;
    bytes_ = window_bytes_ = entries_ = 0;
}

void Shard::add_stats(CacheStats& stats) const {
    {
        Lock lock(mutex_);
        stats.entries += entries_;
        stats.bytes += bytes_;
    }
    stats.stored += counters_.stored.load(std::memory_order_relaxed);
    stats.evicted += counters_.evicted.load(std::memory_order_relaxed);
    stats.expired += counters_.expired.load(std::memory_order_relaxed);
    stats.refused_admission += counters_.refused.load(std::memory_order_relaxed);
    stats.found_stale += counters_.stale.load(std::memory_order_relaxed);
}

void Shard::collect(std::size_t max, std::vector<Visited>& into) const {
    Lock lock(mutex_);
    for (const Entry* entry = window_newest_; entry && max > 0; entry = entry->older, --max) into.push_back({entry->result, entry->hits});
    for (std::size_t i = 0; i < main_.size() && max > 0; ++i, --max) into.push_back({main_[i]->result, main_[i]->hits});
}

Shard::Entry* Shard::lookup(const KeyView& key) const {
    const auto at = table_.find(key.hash);
    if (at == table_.end()) return nullptr;
    Entry* entry = at->second.get();
    while (entry && entry->result->key() != key.bytes) entry = entry->same_hash.get();
    return entry;
}

Shard::Owned Shard::unlink(Entry* entry) {
    if (entry->slot == kInWindow) window_remove(entry);
    else main_remove(entry);
    bytes_ -= entry->charge;
    --entries_;
    const auto at = table_.find(entry->hash);
    Owned* link = &at->second;
    while (link->get() != entry) link = &(*link)->same_hash;
    Owned owned = std::move(*link);
    *link = std::move(owned->same_hash);
    if (!at->second) table_.erase(at);
    return owned;
}

void Shard::bury(Entry* entry, Instant now, Garbage& garbage) {
    entry->is_evicted = now < entry->result->expires() && entry->result->is_fresh();
    auto& reason = now >= entry->result->expires() ? counters_.expired : entry->is_evicted ? counters_.evicted : counters_.stale;
    reason.fetch_add(1, std::memory_order_relaxed);
    garbage.push_back(unlink(entry));
}

Shard::Drawn Shard::draw_victim(Instant now) {
    Drawn least;
    for (int i = 0; i < kDrawn && !main_.empty(); ++i) {
        Entry* entry = main_[random() % main_.size()];
        const double value = value_of(*entry->result, entry->hash, now);
        if (!least.entry || value < least.value) least = {entry, value};
    }
    return least;
}

double Shard::value_of(const CachedResult& result, std::uint64_t hash, Instant now) const {
    if (result.is_dead(now)) return -1;
    // A count that has faded to nothing still tells cheap from dear and small from large.
    const std::uint32_t count = sketch_.estimate(hash);
    const double frequency = count == 0 ? 0.5 : count;
    const double server_us = static_cast<double>(std::max<std::int64_t>(result.cost().server_us, 1));
    return frequency * server_us / static_cast<double>(charge_of(result));
}

// xorshift64 (Marsaglia 2003): which entries are drawn needs no more.
std::uint64_t Shard::random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
}

void Shard::window_push(Entry* entry) {
    entry->slot = kInWindow;
    entry->newer = nullptr;
    entry->older = window_newest_;
    (window_newest_ ? window_newest_->newer : window_oldest_) = entry;
    window_newest_ = entry;
    window_bytes_ += entry->charge;
}

void Shard::window_remove(Entry* entry) {
    if (sweep_window_ == entry) sweep_window_ = entry->newer;
    (entry->newer ? entry->newer->older : window_newest_) = entry->older;
    (entry->older ? entry->older->newer : window_oldest_) = entry->newer;
    window_bytes_ -= entry->charge;
}

void Shard::main_push(Entry* entry) {
    entry->slot = static_cast<std::uint32_t>(main_.size());
    main_.push_back(entry);
}

void Shard::main_remove(Entry* entry) {
    main_[entry->slot] = main_.back();
    main_[entry->slot]->slot = entry->slot;
    main_.pop_back();
}

}  // namespace larder::cache
