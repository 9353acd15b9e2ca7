// Carries events from the ring to one webhook: in order, each until it was taken, on a thread of its own that alone waits for it.
//
// The promise (decision 21): at least once, within bounds. Every event that the filter lets through either is taken (2xx), or is given up (too
// old, or refused as hopeless) and stands in the dead-letter file, or has left the ring unseen and was counted. In the last two cases,
// and at the start of a process, the next request begins with an event of kind `gap`. So who drops what he derived when he
// hears of a gap never keeps anything that an untold event has made old. One request at a time: what concerns one relation comes in
// order. A request whose answer got lost is sent again, with the same ids.
//
// Memory: one batch, beside the ring.
// Threads: one of its own; status() any; the rest the owner's.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "admin/dead_letters.h"
#include "admin/http_client.h"
#include "admin/webhook_request.h"
#include "base/backoff.h"
#include "base/events.h"

namespace larder::admin {

struct WebhookStatus {
    std::string name, preset;
    std::string problem;                    // of the last request; empty: it was taken, or there was none
    std::uint64_t sent = 0;                 // events that were taken
    std::uint64_t requests = 0, retries = 0;
    std::uint64_t dead = 0;                 // events that were given up
    std::uint64_t dropped = 0;              // events that left the ring before they were sent
    std::uint64_t last_id = 0;              // up to which all is settled
    double lag_seconds = 0;                 // since the oldest event was made that is being sent; 0: none is
};

// What one webhook is made of. Its secret is read when it is made, and never shown.
struct WebhookSetup {
    config::Webhook options;
    std::string secret;
    std::string dead_letter_file;
    friend bool operator==(const WebhookSetup&, const WebhookSetup&) = default;
};

class Webhook {
public:
    // Where an earlier one with this name has stopped.
    struct Place {
        std::uint64_t next;
        bool owes_gap;
        WebhookStatus counted;
    };
    // Throws std::runtime_error if the authorities cannot be read.
    Webhook(EventBus& events, WebhookSetup setup, std::chrono::milliseconds interval);
    ~Webhook();
    Webhook(const Webhook&) = delete;
    Webhook& operator=(const Webhook&) = delete;

    // `place`: none at the start of a process, which begins with a gap.
    void start(const std::optional<Place>& place);
    // What is in the ring is sent, each request tried once, for no longer than `last_words`. Then where it has stopped.
    Place stop(std::chrono::milliseconds last_words);
    WebhookStatus status() const;
    const WebhookSetup& setup() const { return setup_; }

private:
    struct Batch {
        std::vector<EventRef> events;
        std::uint64_t next = 0;             // to go on from
        bool has_gap = false;               // its first event is one
    };
    using Clock = std::chrono::steady_clock;

    void run();
    void carry();
    Batch next_batch();
    EventRef gap_before(std::uint64_t id) const;
    // False: Larder stops, and the batch stays.
    bool deliver(const Batch& batch);
    Delivered send(const HttpCall& call);
    void settle(const Batch& batch, bool is_taken);
    void wait(std::chrono::milliseconds time);
    bool is_stopping() const;
    bool is_too_old(const Batch& batch) const;

    EventBus& events_;
    const WebhookSetup setup_;
    const config::HttpAddress address_;
    const std::chrono::milliseconds interval_;
    HttpClient client_;
    DeadLetters dead_letters_;
    EventFilter filter_;
    std::uint64_t next_ = 0;
    bool owes_gap_ = true;
    Clock::time_point gap_not_before_{};    // a gap that was refused is not told again at once
    std::string told_;                      // the problem that the log knows of
    mutable std::mutex mutex_;
    std::condition_variable wakeup_;
    bool is_stopping_ = false, is_over_ = false;         // under mutex_
    Clock::time_point last_words_until_{};               // under mutex_
    WebhookStatus status_;                               // under mutex_
    std::int64_t oldest_us_ = 0;                         // under mutex_; of the batch that is being sent
    std::optional<std::chrono::seconds> retry_after_;    // as the last answer said
    std::thread thread_;
};

}  // namespace larder::admin
