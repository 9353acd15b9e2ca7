// What is streamed over WebSocket, as far as it can be said without a socket: who is let in, and what they are told.
//
// /events: a text in JSON for each event. With ?from=ID those after it come first; where some of them are gone, one of kind
// "gap" comes before the rest. /live: a text a second (live_statements.h).
// Threads: the HTTP server's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/event_report.h"
#include "admin/live_statements.h"

namespace larder::admin {

inline constexpr std::size_t kStreamsMax = 32;  // of the HTTP server's connections, which are for others, too

// For a request that wants no WebSocket, 426, and for one whose parameters cannot be read or whose part is off, what is wrong.
HttpReply answer_of_stream(const HttpRequest& request, const Sources& sources);
bool is_stream(std::string_view path);

// A browser sends the origin of the page that opens a WebSocket, from wherever it is: only pages of this server may. Programs send none.
bool is_own_origin(std::string_view origin, std::string_view host);

// One client's place among the events.
class EventStream {
public:
    EventStream(EventBus& events, EventWish wish);
    // What is to be sent now, oldest first; empty: nothing.
    std::vector<std::string> take(std::int64_t wall_clock_us);
    // The client took so long that events were lost to it. take() gives nothing any more.
    bool is_too_slow() const { return is_too_slow_; }

private:
    EventBus& events_;
    const EventFilter filter_;
    std::uint64_t next_;
    bool is_first_ = true, is_too_slow_ = false;
};

// The statements of the last second, made once for all who watch.
class LiveStream {
public:
    // The newest text and its number; made anew after a second.
    struct Text {
        std::string text;
        std::uint64_t number = 0;
    };
    const Text& newest(const StatementSource& traffic, std::int64_t wall_clock_us);

private:
    LiveStatements statements_;
    Text newest_;
    std::int64_t looked_us_ = 0;
};

}  // namespace larder::admin
