// Makes events of what has changed (base/events.h), by looking now and then: at the freshness counters, at the change feed, at the server.
//
// Nothing on the way of a statement knows of events. A counter says how many writes to its relation have ended: version less
// what is in flight grows by two with the end of each write, by one with a move, and not with a begin. So a write costs
// what it did, and an event stands for all writes to one relation since the last look. It is made after their outcome
// is known: whoever reads when he hears of it reads what was written. What moved a counter and was no session is known from
// session::ForeignMoves. A relation that the catalogue's facts do not name, or more than kRelationsMax of them at once, make an event for the whole database.
//
// States that last for less than the interval may be missed.
// Threads: one of its own; look() and also() are for who has not called start().
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/events.h"
#include "config/rule_book.h"
#include "proxy/session/upstream_state.h"

namespace larder::proxy {

class EventWatch {
public:
    static constexpr std::size_t kRelationsMax = 1000;            // events of one database that one look makes
    static constexpr std::chrono::milliseconds kSlowLook{1'000};  // how often also() is called

    struct States {
        std::string feed = {}, feed_why = {};  // "off", "current", …
        bool is_upstream_reachable = false;
        std::string not_serving = {}, not_serving_explained = {};
        friend bool operator==(const States&, const States&) = default;
    };
    struct Wiring {
        std::function<States()> states;
        std::function<std::vector<config::RuleRow>()> rules;  // whose tags events carry
    };
    EventWatch(session::UpstreamState& upstream, EventBus& events, std::chrono::milliseconds interval, Wiring wiring);
    ~EventWatch();
    EventWatch(const EventWatch&) = delete;
    EventWatch& operator=(const EventWatch&) = delete;

    // Something else that is looked at, about once a second.
    void also(std::function<void()> look) { others_.push_back(std::move(look)); }
    void start();
    void stop();
    void look();

private:
    // What a counter has told so far.
    struct Seen {
        std::uint64_t ended = 0;    // version less in flight
        std::uint64_t foreign = 0;  // moves that were told of and not seen yet
    };
    using Words = std::map<const cache::Counter*, std::uint64_t>;
    using Moves = std::map<const cache::Counter*, session::ForeignMove>;
    struct Change {
        std::uint64_t writes = 0, by_feed = 0, lsn = 0;
        explicit operator bool() const { return writes + by_feed > 0; }
        Change& operator+=(const Change& other) {
            writes += other.writes, by_feed += other.by_feed, lsn = std::max(lsn, other.lsn);
            return *this;
        }
    };
    void run();
    void look_at_counters();
    void look_at(session::DatabaseState& database, const Words& words, const Moves& moves);
    void look_at_states();
    Change change_of(const cache::Counter& counter, const Words& words, const Moves& moves);
    void tell(EventKind kind, const Change& change, const std::string& database, const std::string& relation, std::string text);
    std::vector<std::string> tags_of(const std::string& relation) const;

    session::UpstreamState& upstream_;
    EventBus& events_;
    const std::chrono::milliseconds interval_;
    const Wiring wiring_;
    std::vector<std::function<void()>> others_;
    std::map<const cache::Counter*, Seen> seen_;  // counters live as long as the process
    States states_;
    std::mutex mutex_;
    std::condition_variable wakeup_;
    bool is_stopping_ = false;  // under mutex_
    std::thread thread_;
};

// "home, shop" as two tags: the form in which rules show theirs.
std::vector<std::string> split_tags(const std::string& text);

}  // namespace larder::proxy
