// What an administrator has said about a database, and which of its server connections have to be closed for it.
//
//   paused    PAUSE, KILL: no server connection is opened or lent; those there are are closed as their clients give them back
//   disabled  DISABLE: no client is let in; those that are in go on
//   RECONNECT begins a generation: connections of an older one are closed as they are given back
//
// A ServerPlace is the place that one server connection takes in this count, from the moment it is opened until it is closed,
// whoever holds it meanwhile. PAUSE is done when no place is taken, WAIT_CLOSE when none of an older generation is.
//
// Threads: any. What is asked for each transaction (is_paused(), must_close()) is a load of one word.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/thread_annotations.h"

namespace larder::session {

class DatabaseGate {
public:
    enum class PausedBy : std::uint8_t { database = 1, all = 2 };  // PAUSE shop; PAUSE

    bool is_paused() const { return paused_by_.load(std::memory_order_acquire) != 0; }
    bool is_paused_by(PausedBy cause) const { return (paused_by_.load(std::memory_order_acquire) & static_cast<std::uint8_t>(cause)) != 0; }
    // False: it was so already.
    bool pause(PausedBy cause) {
        const auto bit = static_cast<std::uint8_t>(cause);
        return (paused_by_.fetch_or(bit, std::memory_order_acq_rel) & bit) == 0;
    }
    bool resume(PausedBy cause) {
        const auto bit = static_cast<std::uint8_t>(cause);
        return (paused_by_.fetch_and(static_cast<std::uint8_t>(~bit), std::memory_order_acq_rel) & bit) != 0;
    }

    bool is_disabled() const { return is_disabled_.load(std::memory_order_acquire); }
    void set_disabled(bool value) { is_disabled_.store(value, std::memory_order_release); }

    void begin_generation();

    struct Places {
        std::uint64_t taken = 0;   // server connections that are open or being opened
        std::uint64_t old = 0;     // of those, the ones of an older generation
    };
    Places places() const;

private:
    friend class ServerPlace;

    std::atomic<std::uint8_t> paused_by_{0};
    std::atomic<bool> is_disabled_{false};
    std::atomic<std::uint32_t> generation_{0};
    mutable Mutex mutex_;
    Places places_ LARDER_GUARDED_BY(mutex_);
};

class ServerPlace {
public:
    ServerPlace() = default;                  // of a connection that does not count: the console's login
    explicit ServerPlace(DatabaseGate& gate); // the gate must outlive it
    ServerPlace(ServerPlace&& other) noexcept { swap(other); }
    ServerPlace& operator=(ServerPlace&& other) noexcept {
        ServerPlace(std::move(other)).swap(*this);
        return *this;
    }
    ~ServerPlace();

    // It must not be lent again.
    bool must_close() const { return gate_ != nullptr && (gate_->is_paused() || is_old()); }
    bool is_old() const { return gate_ != nullptr && generation_ != gate_->generation_.load(std::memory_order_acquire); }
    bool is_of(const DatabaseGate& gate) const { return gate_ == &gate; }
    // Never given twice; 0: it does not count.
    std::uint64_t number() const { return number_; }

private:
    void swap(ServerPlace& other) noexcept {
        std::swap(gate_, other.gate_);
        std::swap(generation_, other.generation_);
        std::swap(number_, other.number_);
    }

    DatabaseGate* gate_ = nullptr;
    std::uint32_t generation_ = 0;
    std::uint64_t number_ = 0;
};

}  // namespace larder::session
