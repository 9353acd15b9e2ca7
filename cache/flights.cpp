#include "cache/flights.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/planted_fault.h"

namespace larder::cache {
namespace {

// True if an answer with the note `later` was read no earlier than one with the note `earlier`, on all that it depends on:
// that may be less, since an answer may show that some of it does not matter. Versions only grow, so their order is the order
// of time.
bool is_no_older(const NotedCounter* later, std::size_t later_count, const Note& earlier) {
    return later_count != 0 && std::all_of(later, later + later_count, [&](const NotedCounter& noted) {
        return std::any_of(earlier.begin(), earlier.end(), [&](const NotedCounter& other) {
            return other.counter == noted.counter && (noted.word & Counter::kVersionMask) >= (other.word & Counter::kVersionMask);
        });
    });
}

}  // namespace

Flights::Flight* Flights::Shard::find(const KeyView& key) {
    const auto at = flights.find(key.hash);
    if (at == flights.end()) return nullptr;
    Flight* flight = at->second.get();
    while (flight && flight->key != key.bytes) flight = flight->same_hash.get();
    return flight;
}

std::unique_ptr<Flights::Flight> Flights::Shard::take(const KeyView& key) {
    const auto at = flights.find(key.hash);
    if (at == flights.end()) return nullptr;
    std::unique_ptr<Flight>* link = &at->second;
    while (*link && (*link)->key != key.bytes) link = &(*link)->same_hash;
    std::unique_ptr<Flight> flight = std::move(*link);
    if (flight) *link = std::move(flight->same_hash);
    if (!at->second) flights.erase(at);
    return flight;
}

Join Flights::join(const KeyView& key, const Note& note, FlightWaiter* waiter) {
    Shard& shard = shard_of(key);
    // Made before the lock is taken, though it is only needed by leaders: they are most of those who come here.
    auto flight = std::make_unique<Flight>(Flight{std::string(key.bytes), note, {}, nullptr});
    Lock lock(shard.mutex);
    if (Flight* other = shard.find(key)) {
        const bool is_full = other->waiters.size() >= static_cast<std::size_t>(std::max(waiters_max_, 0));
        if (!waiter || is_full || (!is_current(other->note) && !is_planted(PlantedFault::join_unchecked))) return Join::alone;
        other->waiters.push_back(waiter);
        joined_.fetch_add(1, std::memory_order_relaxed);
        return Join::waits;
    }
    auto& head = shard.flights[key.hash];
    flight->same_hash = std::move(head);
    head = std::move(flight);
    started_.fetch_add(1, std::memory_order_relaxed);
    return Join::leads;
}

bool Flights::is_under_way(const KeyView& key) {
    Shard& shard = shard_of(key);
    Lock lock(shard.mutex);
    return shard.find(key) != nullptr;
}

void Flights::lead(const KeyView& key, const Note& note) {
    Shard& shard = shard_of(key);
    Lock lock(shard.mutex);
    Flight* flight = shard.find(key);
    LARDER_ASSERT(flight != nullptr);
    flight->note = note;
}

void Flights::land(const KeyView& key, const ResultRef& result) {
    Shard& shard = shard_of(key);
    std::unique_ptr<Flight> flight;
    {
        Lock lock(shard.mutex);
        flight = shard.take(key);
    }
    LARDER_ASSERT(flight != nullptr);
    // Pairs with the check in join(): what the waiters were promised is an answer noted as the flight was, or later.
    const bool keeps_promise = result && !flight->note.empty() && is_no_older(result->note(), result->note_count(), flight->note);
    for (FlightWaiter* waiter : flight->waiters) {
        if (keeps_promise) waiter->on_result(result);
        else waiter->on_no_result(false);
    }
}

void Flights::fail(const KeyView& key, bool hand_over) {
    Shard& shard = shard_of(key);
    std::unique_ptr<Flight> ended;
    FlightWaiter* leader = nullptr;
    {
        Lock lock(shard.mutex);
        Flight* flight = shard.find(key);
        LARDER_ASSERT(flight != nullptr);
        if (hand_over && !flight->waiters.empty()) {
            leader = flight->waiters.front();
            flight->waiters.erase(flight->waiters.begin());
            flight->note.clear();
        } else {
            ended = shard.take(key);
        }
    }
    if (leader) {
        leader->on_no_result(true);
        return;
    }
    for (FlightWaiter* waiter : ended->waiters) waiter->on_no_result(false);
}

void Flights::close() {
    for (Shard& shard : shards_) {
        Lock lock(shard.mutex);
        for (auto& [hash, first] : shard.flights) {
            for (Flight* flight = first.get(); flight != nullptr; flight = flight->same_hash.get()) flight->note.clear();
        }
    }
}

bool Flights::leave(const KeyView& key, FlightWaiter* waiter) {
    Shard& shard = shard_of(key);
    Lock lock(shard.mutex);
    Flight* flight = shard.find(key);
    if (!flight) return false;
    // Under this lock a waiter is either still in the list, or whoever took it out makes its call.
    return std::erase(flight->waiters, waiter) != 0;
}

}  // namespace larder::cache
