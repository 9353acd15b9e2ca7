#include "base/events.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace larder {
namespace {

// Of one event: with the length of the ring they bound its memory.
constexpr std::size_t kTextBytesMax = 1000, kTagsMax = 20;

constexpr std::array<std::string_view, static_cast<std::size_t>(EventKind::count_)> kNames{
    "invalidation", "schema", "server", "purge", "rule", "reload", "feed", "upstream", "serving", "advice", "deployment", "quarantine", "gap"};

bool concerns_all(const Event& event) {
    return event.kind == EventKind::server ||
           (event.relation.empty() &&
            (event.kind == EventKind::invalidation || event.kind == EventKind::schema || event.kind == EventKind::purge));
}

}  // namespace

std::string_view name(EventKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<EventKind> event_kind(std::string_view name) {
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<EventKind>(found - kNames.begin());
}

bool EventFilter::takes(const Event& event) const {
    if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), event.kind) == kinds.end()) return false;
    if (concerns_all(event)) return true;
    if (!relation.empty() && event.relation != relation) return false;
    return tag.empty() || std::find(event.tags.begin(), event.tags.end(), tag) != event.tags.end();
}

EventBus::EventBus(std::size_t newest_max, std::int64_t start_us)
    : newest_max_(newest_max), first_id_(static_cast<std::uint64_t>(std::max<std::int64_t>(start_us, 1))), last_id_(first_id_ - 1) {
    LARDER_ASSERT(newest_max > 0);
}

void EventBus::publish(Event event, std::int64_t wall_clock_us) {
    if (event.text.size() > kTextBytesMax) event.text.resize(kTextBytesMax);
    if (event.tags.size() > kTagsMax) event.tags.resize(kTagsMax);
    event.time_us = wall_clock_us;
    auto made = std::make_shared<Event>(std::move(event));
    const Lock lock(mutex_);
    made->id = ++last_id_;
    ring_.push_back(std::move(made));
    if (ring_.size() > newest_max_) ring_.pop_front();
}

EventPage EventBus::after(std::uint64_t id, std::size_t max, const EventFilter& filter) const {
    const Lock lock(mutex_);
    EventPage page;
    const std::uint64_t oldest = last_id_ + 1 - ring_.size();
    // An id from the future is of a process whose clock was ahead.
    page.has_gap = id + 1 < oldest || id > last_id_;
    page.next = page.has_gap ? oldest - 1 : id;
    if (id + 1 < oldest && id + 1 >= first_id_) page.lost = oldest - 1 - id;
    for (auto at = static_cast<std::size_t>(page.next + 1 - oldest); at < ring_.size() && page.events.size() < max; ++at) {
        if (filter.takes(*ring_[at])) page.events.push_back(ring_[at]);
        page.next = ring_[at]->id;
    }
    return page;
}

EventPage EventBus::newest(std::size_t max, const EventFilter& filter) const {
    const Lock lock(mutex_);
    EventPage page;
    page.next = last_id_;
    for (auto at = ring_.rbegin(); at != ring_.rend() && page.events.size() < max; ++at) {
        if (filter.takes(**at)) page.events.push_back(*at);
    }
    std::reverse(page.events.begin(), page.events.end());
    return page;
}

std::uint64_t EventBus::last_id() const {
    const Lock lock(mutex_);
    return last_id_;
}

std::uint64_t EventBus::published() const {
    const Lock lock(mutex_);
    return last_id_ + 1 - first_id_;
}

void EventBus::count_dropped(std::string_view sink, std::uint64_t events) {
    const Lock lock(mutex_);
    const auto found = std::find_if(dropped_.begin(), dropped_.end(), [&](const auto& one) { return one.first == sink; });
    if (found == dropped_.end())
        dropped_.emplace_back(sink, events);
    else
        found->second += events;
}

std::vector<std::pair<std::string, std::uint64_t>> EventBus::dropped() const {
    const Lock lock(mutex_);
    return dropped_;
}

}  // namespace larder
