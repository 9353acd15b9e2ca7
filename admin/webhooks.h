// All webhooks, and how a reload changes them: those that stay as they were are left alone, those that change go on where they were.
//
// Threads: status() any; the rest one.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "admin/webhook.h"
#include "base/console.h"

namespace larder::admin {

class Webhooks {
public:
    // `dead_letter_prefix`: what the file's name begins with of those that name none, "/var/lib/larder/webhook-"; empty: they have none.
    Webhooks(EventBus& events, std::chrono::milliseconds interval, std::string dead_letter_prefix)
        : events_(events), interval_(interval), dead_letter_prefix_(std::move(dead_letter_prefix)) {}
    ~Webhooks() { stop(); }

    // Reads secrets and authorities, and starts nothing yet. Throws config::ConfigError.
    std::vector<std::unique_ptr<Webhook>> read(const std::vector<config::Webhook>& wanted) const;
    // Theirs are the webhooks from now on.
    void take_over(std::vector<std::unique_ptr<Webhook>> webhooks);
    void stop();

    std::vector<WebhookStatus> status() const;

private:
    EventBus& events_;
    const std::chrono::milliseconds interval_;
    const std::string dead_letter_prefix_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Webhook>> running_;  // under mutex_; changed by the owner's thread alone
};

}  // namespace larder::admin
