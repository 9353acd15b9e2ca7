#include "admin/webhook.h"

#include <algorithm>
#include <random>

#include "base/clock.h"
#include "base/log.h"

namespace larder::admin {
namespace {

constexpr std::chrono::milliseconds kPauseFirst{200}, kPauseMax{30'000}, kRetryAfterMax{300'000};

// Between half of it and all: those who were turned away together do not come back together.
std::chrono::milliseconds jittered(std::chrono::milliseconds pause) {
    thread_local std::minstd_rand random(std::random_device{}());
    return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(pause.count() / 2, pause.count())(random));
}

// The host alone: a path may be secret.
std::string shown(const config::HttpAddress& address) { return address.authority; }

}  // namespace

Webhook::Webhook(EventBus& events, WebhookSetup setup, std::chrono::milliseconds interval)
    : events_(events),
      setup_(std::move(setup)),
      address_(config::parse_http_url(setup_.options.url).value_or(config::HttpAddress())),
      interval_(interval),
      client_(address_, setup_.options.tls_ca_file),
      dead_letters_(setup_.dead_letter_file),
      filter_(setup_.options.filter) {
    if (setup_.options.preset != config::WebhookPreset::events) filter_.kinds = page_kinds();
    status_.name = setup_.options.name;
    status_.preset = name(setup_.options.preset);
}

Webhook::~Webhook() { stop(std::chrono::milliseconds(0)); }

void Webhook::start(const std::optional<Place>& place) {
    next_ = events_.last_id();
    if (place) {
        const auto preset = status_.preset;
        next_ = place->next, owes_gap_ = place->owes_gap, status_ = place->counted;
        status_.preset = preset, status_.problem.clear(), status_.lag_seconds = 0;
    }
    status_.last_id = next_;
    thread_ = std::thread([this] { run(); });
}

Webhook::Place Webhook::stop(std::chrono::milliseconds last_words) {
    if (thread_.joinable()) {
        std::unique_lock lock(mutex_);
        is_stopping_ = true;
        last_words_until_ = Clock::now() + last_words;
        wakeup_.notify_all();
        wakeup_.wait_until(lock, last_words_until_, [this] { return is_over_; });
        lock.unlock();
        client_.cancel();
        thread_.join();
    }
    return {next_, owes_gap_, status()};
}

WebhookStatus Webhook::status() const {
    const std::lock_guard lock(mutex_);
    auto status = status_;
    if (oldest_us_ != 0) status.lag_seconds = std::max(0.0, static_cast<double>(wall_clock_us() - oldest_us_) / 1e6);
    return status;
}

bool Webhook::is_stopping() const {
    const std::lock_guard lock(mutex_);
    return is_stopping_;
}

void Webhook::wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    wakeup_.wait_for(lock, time, [this] { return is_stopping_; });
}

void Webhook::run() {
    for (bool is_last = false; !is_last;) {
        is_last = is_stopping();
        try {
            carry();
        } catch (const std::exception& e) {
            log_error("events were not carried on", {{"webhook", setup_.options.name}, {"error", e.what()}});
        }
        if (!is_last) wait(interval_);
    }
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    wakeup_.notify_all();
}

void Webhook::carry() {
    for (;;) {
        const auto batch = next_batch();
        if (batch.events.empty()) {
            next_ = batch.next;
            const std::lock_guard lock(mutex_);
            status_.last_id = next_;
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            oldest_us_ = batch.events.front()->time_us;
        }
        const bool is_settled = deliver(batch);
        const std::lock_guard lock(mutex_);
        oldest_us_ = 0;
        if (!is_settled) return;
    }
}

Webhook::Batch Webhook::next_batch() {
    auto page = events_.after(next_, static_cast<std::size_t>(setup_.options.batch_max), filter_);
    Batch batch{std::move(page.events), page.next};
    if (page.has_gap) {
        owes_gap_ = true;
        gap_not_before_ = {};
        // Told once: from here on the place is in the ring.
        next_ = batch.events.empty() ? batch.next : batch.events.front()->id - 1;
        events_.count_dropped("webhook", page.lost);
        const std::lock_guard lock(mutex_);
        status_.dropped += page.lost;
    }
    if (owes_gap_ && Clock::now() >= gap_not_before_) {
        batch.has_gap = true;
        batch.events.insert(batch.events.begin(), gap_before(batch.events.empty() ? batch.next + 1 : batch.events.front()->id));
    }
    return batch;
}

EventRef Webhook::gap_before(std::uint64_t id) const {
    return std::make_shared<Event>(Event{.kind = EventKind::gap,
                                         .source = "larder",
                                         .text = "what happened before was not told in full: Larder was started, or events were lost or given "
                                                 "up; drop what was derived from earlier events",
                                         .id = id - 1,
                                         .time_us = wall_clock_us()});
}

bool Webhook::is_too_old(const Batch& batch) const {
    const auto age = std::chrono::microseconds(wall_clock_us() - batch.events.back()->time_us);
    return age >= setup_.options.retry_for;
}

// Requests of one batch in their order. One that was given up does not keep the others from being sent: a purge of other keys helps.
bool Webhook::deliver(const Batch& batch) {
    Backoff backoff(kPauseFirst, kPauseMax);
    bool is_taken = true;
    for (std::size_t at = 0;;) {
        const auto calls = webhook_calls(setup_.options, address_, setup_.secret, batch.events, wall_clock_us() / 1'000'000);
        if (at >= calls.size()) break;
        const auto became = send(calls[at]);
        if (became == Delivered::yes) {
            ++at;
            backoff.reset();
            continue;
        }
        if (is_stopping()) return false;
        if (became == Delivered::never || is_too_old(batch)) {
            is_taken = false;
            ++at;
            continue;
        }
        auto pause = jittered(backoff.next());
        if (retry_after_) pause = std::max<std::chrono::milliseconds>(pause, std::min<std::chrono::milliseconds>(*retry_after_, kRetryAfterMax));
        wait(pause);
        const std::lock_guard lock(mutex_);
        ++status_.retries;
    }
    settle(batch, is_taken);
    return true;
}

Delivered Webhook::send(const HttpCall& call) {
    auto timeout = setup_.options.timeout;
    {
        const std::lock_guard lock(mutex_);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(last_words_until_ - Clock::now());
        if (is_stopping_) timeout = std::clamp(left, std::chrono::milliseconds(0), timeout);
        ++status_.requests;
    }
    const auto result = client_.send(call, timeout);
    const auto became = judge(call, result);
    const auto problem = became == Delivered::yes ? std::string()
                         : result.status == 0     ? result.problem
                                                  : "it answered with status " + std::to_string(result.status);
    retry_after_ = result.retry_after;
    if (problem != told_ && !is_stopping()) {
        if (problem.empty())
            log_info("a webhook takes events again", {{"webhook", setup_.options.name}});
        else
            log_warn("a webhook does not take events",
                     {{"webhook", setup_.options.name},
                      {"host", shown(address_)},
                      {"error", problem},
                      {"hint", became == Delivered::later ? "it is tried again until the events are older than retry_for; see SHOW WEBHOOKS"
                                                          : "it is not tried again: look at url, preset and secret_file"}});
        told_ = problem;
    }
    const std::lock_guard lock(mutex_);
    status_.problem = problem;
    return became;
}

void Webhook::settle(const Batch& batch, bool is_taken) {
    const std::vector<EventRef> told(batch.events.begin() + (batch.has_gap ? 1 : 0), batch.events.end());
    next_ = batch.next;
    if (is_taken) {
        if (batch.has_gap) owes_gap_ = false;
    } else {
        owes_gap_ = true;
        if (batch.has_gap) gap_not_before_ = Clock::now() + kPauseMax;
    }
    std::string problem;
    {
        const std::lock_guard lock(mutex_);
        (is_taken ? status_.sent : status_.dead) += told.size();
        status_.last_id = next_;
        problem = status_.problem;
    }
    if (is_taken || told.empty()) return;
    const bool is_kept = dead_letters_.add(setup_.options.name, problem, told, wall_clock_us());
    log_error("events were given up; the webhook is told of a gap",
              {{"webhook", setup_.options.name}, {"events", std::to_string(told.size())}, {"kept_in", is_kept ? dead_letters_.file() : "no file"}});
}

}  // namespace larder::admin
