#include "admin/streams.h"

#include "admin/documents.h"

namespace larder::admin {
namespace {

constexpr std::size_t kBatch = 200;
constexpr std::int64_t kLiveIntervalUs = 1'000'000;
constexpr std::int64_t kLiveForgottenUs = 3 * kLiveIntervalUs;  // nobody has watched: what came meanwhile is not "now"

}  // namespace

bool is_stream(std::string_view path) { return path == "/events" || path == "/live"; }

bool is_own_origin(std::string_view origin, std::string_view host) {
    if (origin.empty()) return true;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (origin.starts_with(scheme) && origin.substr(scheme.size()) == host) return true;
    }
    return false;
}

HttpReply answer_of_stream(const HttpRequest& request, const Sources& sources) {
    HttpReply refused;
    if (request.path == "/live") {
        if (sources.traffic == nullptr) return problem(404, "Not found", "statements are not counted: advisor.enabled is off");
        if (!request.query.empty()) return problem(400, "Bad parameter", "this stream has no parameters");
    } else {
        if (sources.events == nullptr) return problem(404, "Not found", "there are no events here");
        if (!event_wish(request.query, false, refused)) return refused;
    }
    return problem(426, "Upgrade required", "this is a WebSocket; /api/v1/events gives events without one");
}

EventStream::EventStream(EventBus& events, EventWish wish)
    : events_(events), filter_(std::move(wish.filter)), next_(wish.from.value_or(events.last_id())) {}

std::vector<std::string> EventStream::take(std::int64_t wall_clock_us) {
    std::vector<std::string> texts;
    if (is_too_slow_) return texts;
    const auto page = events_.after(next_, kBatch, filter_);
    if (page.has_gap && !is_first_) {
        is_too_slow_ = true;
        return texts;
    }
    if (page.has_gap) {
        const auto last_gone = page.events.empty() ? page.next : page.events.front()->id - 1;
        texts.push_back(
            json_text(event_object({.kind = EventKind::gap,
                                    .source = "larder",
                                    .text = "events after the one that was asked for are gone; drop what was derived from earlier ones",
                                    .id = last_gone,
                                    .time_us = wall_clock_us})));
    }
    for (const auto& event : page.events) texts.push_back(json_text(event_object(*event)));
    next_ = page.next;
    is_first_ = false;
    return texts;
}

const LiveStream::Text& LiveStream::newest(const StatementSource& traffic, std::int64_t wall_clock_us) {
    const auto since = wall_clock_us - looked_us_;
    if (since >= 0 && since < kLiveIntervalUs) return newest_;
    if (since < 0 || since > kLiveForgottenUs) statements_ = {};
    looked_us_ = wall_clock_us;
    newest_ = {statements_.look(traffic, wall_clock_us), newest_.number + 1};
    return newest_;
}

}  // namespace larder::admin
