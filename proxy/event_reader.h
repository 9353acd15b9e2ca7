// Whoever does something about events on a thread of its own: reads the ring, and tries again with growing pauses what did not go.
//
// It holds up nobody, and keeps nothing but what step() keeps.
// Threads: one of its own, from start() to stop(); those two are the owner's.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "base/events.h"
#include "base/wakeup.h"

namespace larder::proxy {

class EventReader {
public:
    EventReader(EventBus& events, std::chrono::milliseconds interval) : events_(events), interval_(interval) {}
    virtual ~EventReader() = default;
    EventReader(const EventReader&) = delete;
    EventReader& operator=(const EventReader&) = delete;

    // What has happened before counts as a gap.
    void start();
    // Its owner calls it before the object goes. One more step() is made, for what has happened last.
    void stop();

protected:
    // Does what there is to be done. Empty, or why it is to be tried again after a pause.
    virtual std::string step(bool is_last) = 0;
    // For the log: "a notification could not be sent".
    virtual std::string trouble() const = 0;
    bool is_stopping() const { return is_stopping_.load(); }

    EventBus& events_;
    std::uint64_t next_ = 0;
    Wakeup stop_wakeup_;

private:
    void run();

    const std::chrono::milliseconds interval_;
    std::atomic<bool> is_stopping_{false};
    std::string told_;
    std::thread thread_;
};

}  // namespace larder::proxy
