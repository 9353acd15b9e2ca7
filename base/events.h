// Events: what happened in Larder that others may want to hear of. One ring holds the newest, and everything that tells of
// events (WebSocket, API, console, log) reads from there, each at its own place.
//
// Ids are consecutive within a process. They begin at the wall clock of its start, in microseconds, so those of a process that
// is started later are larger as long as fewer than a million events a second are made. Whoever comes back with an id asks for what came after it: if some of
// that is not in the ring any longer, or the id is of another process, he is told that there is a gap, and should drop what he
// derived from earlier events.
//
// A reader that is too slow holds nobody up: what it has not read leaves the ring, and it is told of the gap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"

namespace larder {

enum class EventKind : std::uint8_t {
    invalidation,  // answers that depend on `relation` are old; no relation: those of the whole database
    schema,        // the catalogue of `database` may be another one
    server,        // roles, settings, or another server: nothing that was kept before counts
    purge,         // somebody dropped answers
    rule,          // made, changed or dropped
    reload,        // of the configuration
    feed,          // the change feed's state
    upstream,      // PostgreSQL can be reached, or not any longer
    serving,       // answers are served from the cache, or not any longer
    advice,        // there is new advice
    deployment,    // of an advice: its state
    quarantine,    // a statement's answers are kept out of the cache since one was wrong, or are let in again
    gap,           // some events are not in the ring any longer; made by whoever reads, never in the ring
    count_
};
std::string_view name(EventKind kind);
std::optional<EventKind> event_kind(std::string_view name);

struct Event {
    EventKind kind = EventKind::invalidation;
    std::string database = {}, relation = {};  // empty: none; relation: "schema.name", printable
    std::optional<std::string>
        key = {},
        lsn = {};  // lsn: a place in the write-ahead log, "16/B374D848"; none where the change was not learned from there
    std::vector<std::string> tags = {};  // of the rules that are about this relation
    std::string source = {};             // who found out: "write", "feed", "rules", "cache", "config", "control", "advisor", "verify"
    std::string text = {};               // a sentence for people, without values of statements
    std::uint64_t count = 1;             // how many such changes it stands for
    std::uint64_t id = 0;                // given by the bus
    std::int64_t time_us = 0;            // wall clock, microseconds since 1970
};
using EventRef = std::shared_ptr<const Event>;

// What a reader wants; empty: everything. A server event, and an invalidation without a relation, concern every relation, and so pass these filters.
struct EventFilter {
    std::vector<EventKind> kinds;
    std::string relation, tag;
    bool takes(const Event& event) const;
    friend bool operator==(const EventFilter&, const EventFilter&) = default;
};

struct EventPage {
    std::vector<EventRef> events;  // oldest first
    std::uint64_t next = 0;        // the id to go on from
    std::uint64_t lost = 0;        // with has_gap: how many ids after the one that was asked for have left the ring; 0 if it was never this process's
    bool has_gap = false;          // some that came after the id asked for are gone, or it is of another process
};

// Threads: any. A write to a table never comes here (event_watch.h), so a mutex is cheap enough.
class EventBus {
public:
    // `newest_max`: events that are kept; `start_us`: wall clock.
    EventBus(std::size_t newest_max, std::int64_t start_us);

    // Gives it its id and time. Texts and lists that are too long are cut.
    void publish(Event event, std::int64_t wall_clock_us);
    // Those after this id, at most `max` of those that pass. Ids that do not pass are skipped: go on from `next`.
    EventPage after(std::uint64_t id, std::size_t max, const EventFilter& filter = {}) const;
    // The newest `max` that pass, oldest first.
    EventPage newest(std::size_t max, const EventFilter& filter = {}) const;
    std::uint64_t last_id() const;
    std::uint64_t published() const;

    // A reader, by the name of its kind, that lost events, or was closed because it took none.
    void count_dropped(std::string_view sink, std::uint64_t events = 1);
    std::vector<std::pair<std::string, std::uint64_t>> dropped() const;

private:
    const std::size_t newest_max_;
    const std::uint64_t first_id_;
    mutable Mutex mutex_;
    std::deque<EventRef> ring_ LARDER_GUARDED_BY(mutex_);
    std::uint64_t last_id_ LARDER_GUARDED_BY(mutex_);
    std::vector<std::pair<std::string, std::uint64_t>> dropped_ LARDER_GUARDED_BY(mutex_);
};

// Where events go besides those who ask: the log, a stream, a notification. Called by one thread, that of its pump
// (proxy/event_pump.h), which alone waits for it.
class EventSink {
public:
    virtual ~EventSink() = default;
    virtual std::string_view name() const = 0;  // for larder_events_dropped_total{sink}; constant
    // May take its time. False: the event is lost, and counted as such.
    virtual bool write(const Event& event) = 0;
};

}  // namespace larder
