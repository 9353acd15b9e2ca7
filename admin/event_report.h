// Events as the API, the WebSocket and the console show them.
// Threads: any.
#pragma once

#include <optional>

#include <boost/json.hpp>

#include "admin/http_request.h"
#include "base/console.h"
#include "base/events.h"

namespace larder::admin {

boost::json::object event_object(const Event& event);

// What a reader asked for: ?from=&kind=&relation=&tag=. `limit` is of the API alone.
struct EventWish {
    std::optional<std::uint64_t> from;
    EventFilter filter;
    std::size_t limit;
};
// Nothing if a parameter cannot be read, and `refused` is the answer (400). `takes_limit`: ?limit= is known as well.
std::optional<EventWish> event_wish(std::string_view query, bool takes_limit, HttpReply& refused);

HttpReply answer_events(const HttpRequest& request, const Sources& sources);
ConsoleReply show_events(const EventBus& events);

}  // namespace larder::admin
