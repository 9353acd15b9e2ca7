#include "admin/webhooks.h"

#include <algorithm>

#include "config/load.h"

namespace larder::admin {
namespace {

// In all, however many there are.
constexpr std::chrono::milliseconds kLastWords{3'000};
// Of one that is configured otherwise: its request is sent again by its successor.
constexpr std::chrono::milliseconds kHandOver{0};

}  // namespace

std::vector<std::unique_ptr<Webhook>> Webhooks::read(const std::vector<config::Webhook>& wanted) const {
    std::vector<std::unique_ptr<Webhook>> webhooks;
    for (const auto& options : wanted) {
        WebhookSetup setup{options, config::read_secret(options.secret_file), options.dead_letter_file};
        if (setup.dead_letter_file.empty() && !dead_letter_prefix_.empty()) setup.dead_letter_file = dead_letter_prefix_ + options.name + ".jsonl";
        try {
            webhooks.push_back(std::make_unique<Webhook>(events_, std::move(setup), interval_));
        } catch (const std::runtime_error& e) {
            throw config::ConfigError("webhook '" + options.name + "': " + e.what());
        }
    }
    return webhooks;
}

void Webhooks::take_over(std::vector<std::unique_ptr<Webhook>> webhooks) {
    std::vector<std::unique_ptr<Webhook>> before;
    {
        const std::lock_guard lock(mutex_);
        before = std::exchange(running_, {});
    }
    for (auto& webhook : webhooks) {
        const auto same = std::find_if(before.begin(), before.end(), [&](const auto& one) {
            return one != nullptr && one->setup().options.name == webhook->setup().options.name;
        });
        if (same == before.end()) {
            webhook->start(std::nullopt);
        } else if ((*same)->setup() == webhook->setup()) {
            webhook = std::move(*same);
        } else {
            webhook->start((*same)->stop(kHandOver));
        }
    }
    const std::lock_guard lock(mutex_);
    running_ = std::move(webhooks);
}

void Webhooks::stop() {
    std::vector<std::unique_ptr<Webhook>> before;
    {
        const std::lock_guard lock(mutex_);
        before = std::exchange(running_, {});
    }
    const auto until = std::chrono::steady_clock::now() + kLastWords;
    for (const auto& webhook : before) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        webhook->stop(std::max(left, std::chrono::milliseconds(0)));
    }
}

std::vector<WebhookStatus> Webhooks::status() const {
    const std::lock_guard lock(mutex_);
    std::vector<WebhookStatus> all;
    for (const auto& webhook : running_) all.push_back(webhook->status());
    return all;
}

}  // namespace larder::admin
