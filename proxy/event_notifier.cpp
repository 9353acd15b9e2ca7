#include "proxy/event_notifier.h"

#include "base/clock.h"

namespace larder::proxy {
namespace {

constexpr std::size_t kBatch = 50, kPayloadBytesMax = 7'999;
constexpr std::chrono::milliseconds kTimeout{10'000}, kLastTimeout{1'000};

}  // namespace

std::string EventNotifier::payload(const Event& event, const TextOf& text_of) {
    auto text = text_of(event);
    if (text.size() <= kPayloadBytesMax) return text;
    // What says what is old comes through; names are 63 bytes each at most.
    Event shorter = event;
    shorter.tags.clear();
    shorter.text = "tags and text were too long for a notification; ask for the event by its id";
    return text_of(shorter);
}

std::string EventNotifier::step(bool is_last) {
    for (;;) {
        const auto page = events_.after(next_, kBatch);
        if (page.has_gap) {
            owes_gap_ = true;
            events_.count_dropped("notify", page.lost);
            next_ = page.events.empty() ? page.next : page.events.front()->id - 1;
        }
        if (page.events.empty() && !owes_gap_) return {};
        std::vector<std::string> payloads;
        if (owes_gap_) {
            const Event gap{.kind = EventKind::gap,
                            .source = "larder",
                            .text = "what happened before was not told in full: Larder was started, or events were lost; drop what was derived from earlier events",
                            .id = next_,
                            .time_us = wall_clock_us()};
            payloads.push_back(payload(gap, text_of_));
        }
        for (const auto& event : page.events) payloads.push_back(payload(*event, text_of_));
        if (is_last && !connection_) return {};
        if (auto problem = send(payloads); !problem.empty()) {
            connection_.reset();
            return problem;
        }
        owes_gap_ = false;
        next_ = page.next;
    }
}

std::string EventNotifier::send(const std::vector<std::string>& payloads) {
    std::string error;
    if (!connection_) connection_ = PgConnection::open(upstream_, upstream_.database, "larder_events", stop_wakeup_, error);
    if (!connection_) return error;
    // One statement is one transaction: all of them are told, in this order, or none.
    std::string sql = "SELECT ";
    std::vector<std::string> values{channel_};
    for (const auto& text : payloads) {
        values.push_back(text);
        sql += (values.size() > 2 ? ", " : "") + ("pg_catalog.pg_notify($1, $" + std::to_string(values.size()) + ")");
    }
    const auto answer = connection_->query(sql, values, is_stopping() ? kLastTimeout : kTimeout);
    return answer.ok ? std::string() : answer.error;
}

}  // namespace larder::proxy
