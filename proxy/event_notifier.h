// Each event as a NOTIFY, on a connection of Larder's own to upstream.database (docs/events.md).
//
// In order and at least once: all that is new goes in one statement, and is sent again if its outcome is not known. What has left the ring
// meanwhile is counted, and told as a gap; so is a start. Who listens at the wrong moment hears nothing: ids are consecutive.
//
// Threads: see EventReader.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/event_reader.h"
#include "proxy/pg_connection.h"

namespace larder::proxy {

class EventNotifier final : public EventReader {
public:
    // A payload that PostgreSQL takes, 7999 bytes at most. `text_of`: the event as JSON.
    using TextOf = std::function<std::string(const Event&)>;
    static std::string payload(const Event& event, const TextOf& text_of);

    EventNotifier(EventBus& events, const config::Config& config, TextOf text_of)
        : EventReader(events, config.events.interval), upstream_(config.upstream), channel_(config.events.notify_channel), text_of_(std::move(text_of)) {}
    ~EventNotifier() override { stop(); }

private:
    std::string step(bool is_last) override;
    std::string trouble() const override { return "events could not be sent as notifications"; }
    std::string send(const std::vector<std::string>& payloads);

    const config::Upstream upstream_;
    const std::string channel_;
    const TextOf text_of_;
    std::unique_ptr<PgConnection> connection_;
    bool owes_gap_ = true;
};

}  // namespace larder::proxy
