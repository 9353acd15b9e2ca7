#include "proxy/event_pump.h"

#include <exception>

#include "base/log.h"

namespace larder::proxy {
namespace {

constexpr std::size_t kBatch = 100;

class LogSink final : public EventSink {
public:
    std::string_view name() const override { return "log"; }
    bool write(const Event& event) override {
        std::string tags;
        for (const auto& tag : event.tags) tags += (tags.empty() ? "" : ",") + tag;
        log_info("event", {{"id", std::to_string(event.id)},
                           {"kind", std::string(larder::name(event.kind))},
                           {"database", event.database},
                           {"relation", event.relation},
                           {"lsn", event.lsn.value_or("")},
                           {"tags", tags},
                           {"source", event.source},
                           {"count", std::to_string(event.count)},
                           {"text", event.text}});
        return true;
    }
};

}  // namespace

std::unique_ptr<EventSink> make_log_sink() { return std::make_unique<LogSink>(); }

EventPump::EventPump(EventBus& events, std::unique_ptr<EventSink> sink, std::chrono::milliseconds interval)
    : events_(events), sink_(std::move(sink)), interval_(interval), next_(events.last_id()), thread_([this] { run(); }) {}

EventPump::~EventPump() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wakeup_.notify_all();
    thread_.join();
}

void EventPump::run() {
    std::unique_lock lock(mutex_);
    for (bool is_last = false; !is_last;) {
        is_last = wakeup_.wait_for(lock, interval_, [this] { return is_stopping_; });
        lock.unlock();
        try {
            carry();
        } catch (const std::exception& e) {
            log_error("events were not carried on", {{"sink", std::string(sink_->name())}, {"error", e.what()}});
        }
        lock.lock();
    }
}

void EventPump::carry() {
    for (;;) {
        const auto page = events_.after(next_, kBatch);
        if (page.events.empty()) return;
        // Ids are consecutive, and this asks for all of them.
        if (page.has_gap) events_.count_dropped(sink_->name(), page.events.front()->id - next_ - 1);
        for (const auto& event : page.events) {
            next_ = event->id;  // also where the sink throws: no event holds up all others for good
            if (!sink_->write(*event)) events_.count_dropped(sink_->name());
        }
    }
}

}  // namespace larder::proxy
