#include "proxy/event_reader.h"

#include "base/backoff.h"
#include "base/log.h"

namespace larder::proxy {
namespace {

constexpr std::chrono::milliseconds kPauseFirst{200}, kPauseMax{30'000};

}  // namespace

void EventReader::start() {
    next_ = events_.last_id();
    thread_ = std::thread([this] { run(); });
}

void EventReader::stop() {
    is_stopping_ = true;
    stop_wakeup_.wake();
    if (thread_.joinable()) thread_.join();
}

void EventReader::run() {
    Backoff backoff(kPauseFirst, kPauseMax);
    for (bool is_last = false; !is_last;) {
        is_last = is_stopping();
        std::string problem;
        try {
            problem = step(is_last);
        } catch (const std::exception& e) {
            problem = e.what();
        }
        if (problem != told_ && !is_last) {
            if (problem.empty()) log_info("events are worked on again", {{"after", trouble()}});
            else log_warn(trouble(), {{"error", problem}, {"hint", "it is tried again; see docs/events.md"}});
            told_ = problem;
        }
        if (problem.empty()) backoff.reset();
        if (!is_last) stop_wakeup_.wait(problem.empty() ? interval_ : backoff.next());
    }
}

}  // namespace larder::proxy
