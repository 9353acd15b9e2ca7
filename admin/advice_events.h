// Events about advice and deployments, made by looking at the lists now and then.
// Threads: one.
#pragma once

#include <map>
#include <string>

#include "base/advice.h"
#include "base/events.h"

namespace larder::admin {

class AdviceEvents {
public:
    AdviceEvents(const AdviceSource& advice, EventBus& events) : advice_(&advice), events_(&events) {}
    // Tells what is new since the last call. The first tells nothing of what is over: only of what is there.
    void look(std::int64_t wall_clock_us);

private:
    void tell(EventKind kind, const std::string& database, std::string text, std::int64_t wall_clock_us);

    const AdviceSource* advice_;
    EventBus* events_;
    int last_advice_ = 0;
    std::map<int, std::string> states_;  // by deployment, as many as the list shows
};

}  // namespace larder::admin
