#include "admin/advice_events.h"

#include <algorithm>

namespace larder::admin {

void AdviceEvents::look(std::int64_t wall_clock_us) {
    const int before = last_advice_;
    for (const auto& advice : advice_->advice(false)) {
        if (advice.id <= before || advice.options.empty()) continue;
        last_advice_ = std::max(last_advice_, advice.id);
        tell(EventKind::advice, advice.database, "advice " + std::to_string(advice.id) + " was made: " + advice.options.front().title,
             wall_clock_us);
    }
    std::map<int, std::string> states;
    for (const auto& deployment : advice_->deployments(false)) {
        const auto known = states_.find(deployment.id);
        if (known == states_.end() || known->second != deployment.state) {
            tell(EventKind::deployment, deployment.database,
                 "deployment " + std::to_string(deployment.id) + " is " + deployment.state + ": " + deployment.title, wall_clock_us);
        }
        states.emplace(deployment.id, deployment.state);
    }
    states_ = std::move(states);
}

void AdviceEvents::tell(EventKind kind, const std::string& database, std::string text, std::int64_t wall_clock_us) {
    events_->publish({.kind = kind, .database = database, .source = "advisor", .text = std::move(text)}, wall_clock_us);
}

}  // namespace larder::admin
