#include "proxy/event_watch.h"

#include <algorithm>
#include <exception>

#include "base/clock.h"
#include "base/log.h"
#include "proxy/lsn.h"

namespace larder::proxy {
namespace {

using cache::Counter;

// Two for each write that is over, one for each move.
std::uint64_t ended(std::uint64_t word) { return (word & Counter::kVersionMask) - word / Counter::kOneInFlight; }

}  // namespace

std::vector<std::string> split_tags(const std::string& text) {
    std::vector<std::string> tags;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(", ", at), text.size());
        tags.push_back(text.substr(at, end - at));
        at = end + 2;
    }
    return tags;
}

EventWatch::EventWatch(session::UpstreamState& upstream, EventBus& events, std::chrono::milliseconds interval, Wiring wiring)
    : upstream_(upstream), events_(events), interval_(interval), wiring_(std::move(wiring)) {
    upstream_.foreign_moves.take();  // from now on they are kept
    states_.not_serving = "no_upstream";
    states_.feed = "off";
}

EventWatch::~EventWatch() { stop(); }

void EventWatch::start() {
    thread_ = std::thread([this] { run(); });
}

void EventWatch::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wakeup_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void EventWatch::run() {
    auto looked = now();
    std::unique_lock lock(mutex_);
    for (bool is_last = false; !is_last;) {
        is_last = wakeup_.wait_for(lock, interval_, [this] { return is_stopping_; });  // then once more: for what was written last
        lock.unlock();
        try {
            look();
            if (now() - looked >= kSlowLook) {
                looked = now();
                for (const auto& other : others_) other();
            }
        } catch (const std::exception& e) {
            log_error("events could not be made; what changed is told next time", {{"error", e.what()}});
        }
        lock.lock();
    }
}

void EventWatch::look() {
    look_at_states();
    look_at_counters();
}

// The words first: whoever made the moves that are seen in them has told of it before.
void EventWatch::look_at_counters() {
    Words words;
    words.emplace(&upstream_.counters.server, upstream_.counters.server.load());
    const auto databases = upstream_.databases();
    for (const auto* database : databases) {
        auto& counters = database->counters();
        for (const Counter* counter : {&counters.any, &counters.catalogue}) words.emplace(counter, counter->load());
        for (const auto& [oid, relation] : counters.relations()) words.emplace(&relation->scan, relation->scan.load());
    }
    const auto moves = upstream_.foreign_moves.take();
    if (const auto change = change_of(upstream_.counters.server, words, moves))
        tell(EventKind::server, change, "", "", "roles, settings or the server itself are others");
    for (auto* database : databases) look_at(*database, words, moves);
}

void EventWatch::look_at(session::DatabaseState& database, const Words& words, const Moves& moves) {
    auto& counters = database.counters();
    const auto name = printable(database.name());
    if (const auto change = change_of(counters.catalogue, words, moves))
        tell(EventKind::schema, change, name, "", "DDL, or code that may be some");
    auto all = change_of(counters.any, words, moves);
    std::vector<std::pair<std::string, Change>> changes;
    const auto facts = database.facts();
    for (const auto& [oid, relation] : counters.relations()) {
        const auto change = change_of(relation->scan, words, moves);
        if (!change) continue;
        auto relation_name = facts == nullptr ? std::string() : printable(facts->catalogue->qualified_name(oid));
        if (relation_name.empty() || changes.size() == kRelationsMax)
            all += change;
        else
            changes.emplace_back(std::move(relation_name), change);
    }
    for (const auto& [relation_name, change] : changes) tell(EventKind::invalidation, change, name, relation_name, "was written to");
    if (all) tell(EventKind::invalidation, all, name, "", "anything may have been written to");
}

// Since the last look. A counter that is seen for the first time began at zero.
EventWatch::Change EventWatch::change_of(const Counter& counter, const Words& words, const Moves& moves) {
    const auto word = words.find(&counter);
    if (word == words.end()) return {};  // made meanwhile: the next look has it
    auto& seen = seen_[&counter];
    Change change;
    if (const auto move = moves.find(&counter); move != moves.end()) {
        seen.foreign += move->second.by_feed + move->second.by_purge;
        change.by_feed = move->second.by_feed;
        change.lsn = move->second.lsn;
    }
    const std::uint64_t now_ended = ended(word->second), before = std::exchange(seen.ended, std::max(seen.ended, now_ended));
    const std::uint64_t moved = seen.ended - before, foreign = std::min(moved, seen.foreign);
    seen.foreign -= foreign;
    change.writes = (moved - foreign + 1) / 2;
    return change;
}

// What sessions wrote and what the feed found are told apart: only of the latter is a place in the log known.
void EventWatch::tell(EventKind kind, const Change& change, const std::string& database, const std::string& relation, std::string text) {
    const auto tags = relation.empty() ? std::vector<std::string>() : tags_of(relation);
    const auto at = wall_clock_us();
    Event event{
        .kind = kind, .database = database, .relation = relation, .tags = tags, .source = "write", .text = text, .count = change.writes};
    if (change.writes > 0) events_.publish(event, at);
    if (change.by_feed == 0) return;
    event.source = "feed";
    event.count = change.by_feed;
    if (change.lsn != 0) event.lsn = lsn_text(change.lsn);
    events_.publish(std::move(event), at);
}

// A rule names its table with its schema, or without where it is public.
std::vector<std::string> EventWatch::tags_of(const std::string& relation) const {
    std::vector<std::string> tags;
    for (const auto& rule : wiring_.rules()) {
        const auto table = rule.options.find("table"), given = rule.options.find("tags");
        if (table == rule.options.end() || given == rule.options.end()) continue;
        if (table->second != relation && "public." + table->second != relation) continue;
        for (auto& tag : split_tags(given->second)) {
            if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(std::move(tag));
        }
    }
    return tags;
}

void EventWatch::look_at_states() {
    auto states = wiring_.states();
    if (states == states_) return;
    const auto at = wall_clock_us();
    if (states.is_upstream_reachable != states_.is_upstream_reachable) {
        events_.publish({.kind = EventKind::upstream,
                         .source = "control",
                         .text = states.is_upstream_reachable ? "PostgreSQL can be reached" : "PostgreSQL cannot be reached"},
                        at);
    }
    if (states.feed != states_.feed) {
        events_.publish({.kind = EventKind::feed,
                         .source = "feed",
                         .text = "the change feed is " + states.feed + (states.feed_why.empty() ? "" : ": " + states.feed_why)},
                        at);
    }
    if (states.not_serving != states_.not_serving) {
        events_.publish({.kind = EventKind::serving,
                         .source = "control",
                         .text = states.not_serving.empty() ? "answers are served from the cache"
                                                            : "nothing is served from the cache: " + states.not_serving_explained},
                        at);
    }
    states_ = std::move(states);
}

}  // namespace larder::proxy
