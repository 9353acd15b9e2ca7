// Carries events from the ring to one sink, on a thread of its own: a sink that takes its time holds up nobody but itself. Events that
// leave the ring before the sink took them are lost to it, and counted.
//
// Threads: one of its own; the calls are main's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/events.h"

namespace larder::proxy {

class EventPump {
public:
    // Begins with the events that come from now on. `interval`: how often it looks for new ones.
    EventPump(EventBus& events, std::unique_ptr<EventSink> sink, std::chrono::milliseconds interval);
    ~EventPump();  // what is in the ring by then is carried first
    EventPump(const EventPump&) = delete;
    EventPump& operator=(const EventPump&) = delete;

private:
    void run();
    void carry();

    EventBus& events_;
    const std::unique_ptr<EventSink> sink_;
    const std::chrono::milliseconds interval_;
    std::uint64_t next_;
    std::mutex mutex_;
    std::condition_variable wakeup_;
    bool is_stopping_ = false;  // under mutex_
    std::thread thread_;
};

// The sink "log": a line for each event.
std::unique_ptr<EventSink> make_log_sink();

}  // namespace larder::proxy
