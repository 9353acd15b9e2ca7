// Time, as values that are passed in. Nothing below proxy/ reads a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace larder {

// Microseconds on the monotonic clock of this machine; only differences mean anything.
struct Instant {
    std::int64_t us = 0;

    friend constexpr auto operator<=>(Instant, Instant) = default;
    friend constexpr std::chrono::microseconds operator-(Instant a, Instant b) { return std::chrono::microseconds{a.us - b.us}; }
    friend constexpr Instant operator+(Instant a, std::chrono::microseconds d) { return Instant{a.us + d.count()}; }
};

// The end of time: what is never due.
inline constexpr Instant kNever{INT64_MAX};
// Before all time.
inline constexpr Instant kLongAgo{INT64_MIN};

// Reads CLOCK_MONOTONIC. Only proxy/, bench/ and tests/ call it.
inline Instant now() {
    return Instant{std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

// The wall clock, in microseconds since 1970: now, or when an instant was. For people; the same callers.
inline std::int64_t wall_clock_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}
inline std::int64_t wall_clock_us(Instant at) { return wall_clock_us() - (now() - at).count(); }

}  // namespace larder
