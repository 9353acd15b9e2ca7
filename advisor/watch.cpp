#include "advisor/watch.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace larder::advisor {

namespace {

std::string print_number(const char* format, double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

std::string from_to(const char* what, const Work& before, const Work& since) {
    return std::string(what) + ": " + print_time(before.mean()) + " before, " + print_time(since.mean()) + " since";
}

}  // namespace

std::string print_time(double microseconds) {
    if (std::abs(microseconds) < 999.5) return print_number("%.0f µs", microseconds);
    if (std::abs(microseconds) < 999'500) return print_number("%.1f ms", microseconds / 1e3);
    return print_number("%.1f s", microseconds / 1e6);
}

Judgement judge(const Window& before, const Window& since, std::chrono::seconds watched, bool is_used, const WatchLimits& limits) {
    if (watched < limits.time) return {};
    const bool has_traffic = before.statement.calls >= limits.calls_min && since.statement.calls >= limits.calls_min;
    if (!has_traffic) {
        if (watched < WatchLimits::kPatience * limits.time) return {};
        return {Verdict::unproven, "Too few executions to tell: " + std::to_string(before.statement.calls) + " before, " + std::to_string(since.statement.calls) + " since."};
    }
    const std::string reads = from_to("The statement's mean", before.statement, since.statement);
    if (!is_used) return {Verdict::revert, "The planner never used it. " + reads + "."};
    const double faster = before.statement.mean() - since.statement.mean();
    if (faster < limits.gain_min * before.statement.mean()) return {Verdict::revert, "It does not help. " + reads + "."};
    const bool knows_writers = before.writers.calls >= limits.calls_min && since.writers.calls >= limits.calls_min;
    if (!knows_writers) return {Verdict::keep, "It helps. " + reads + "."};
    const double slower = since.writers.mean() - before.writers.mean();
    const double saved = faster * static_cast<double>(since.statement.calls), paid = slower * static_cast<double>(since.writers.calls);
    const std::string both = reads + "; " + from_to("of the table's writers", before.writers, since.writers) + "; in all " + print_time(std::abs(saved - paid)) +
                             (saved > paid ? " less" : " more") + " work since.";
    if (saved > paid) return {Verdict::keep, "It helps more than it costs. " + both};
    return {Verdict::revert, "It costs the writers more than it saves. " + both};
}

}  // namespace larder::advisor
