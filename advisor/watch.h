// After something was deployed: did it help more than it hurt? Answered from what the traffic did before and since.
//
// A change helps the statements it was made for and may slow down whoever writes the table, since each index is one more to keep. The
// two are weighed by the time that PostgreSQL spends on each, at the rates of the time since.
//
// Threads: any; no state.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace larder::advisor {

// What PostgreSQL has done, as sums that only grow.
struct Work {
    std::uint64_t calls = 0;
    double microseconds = 0;

    double mean() const { return calls > 0 ? microseconds / static_cast<double>(calls) : 0; }
    friend Work operator-(const Work& a, const Work& b) { return {a.calls - b.calls, a.microseconds - b.microseconds}; }
    friend bool operator==(const Work&, const Work&) = default;
};

struct Window {
    Work statement;  // what the change was made for: executions on the server, not hits
    Work writers;    // whatever writes the table
};

struct WatchLimits {
    static constexpr int kPatience = 10;
    std::chrono::seconds time{600};   // watched at least so long, and if there is too little traffic kPatience times as long
    std::uint64_t calls_min = 20;     // of the statement, before and since: fewer tell nothing
    double gain_min = 0.1;            // of the statement's mean time: less is noise
};

enum class Verdict : std::uint8_t { wait, keep, revert, unproven };

struct Judgement {
    Verdict verdict = Verdict::wait;
    std::string why;  // a sentence with the figures
};

// `is_used`: the server's own count says that the new index was scanned (true where that is not known or does not apply).
Judgement judge(const Window& before, const Window& since, std::chrono::seconds watched, bool is_used, const WatchLimits& limits);

// "350 µs", "1.2 ms", "3.4 s".
std::string print_time(double microseconds);

}  // namespace larder::advisor
