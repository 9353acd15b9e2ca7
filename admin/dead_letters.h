// A file of what could not be delivered, a line of JSON each: {"time", "webhook", "problem", "events": […]}.
//
// Bounded: a file that would grow beyond kBytesMax becomes FILE.1, and what that was is gone. Readable by its owner alone. What was
// added is on the disk when add() returns.
//
// Threads: one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/events.h"

namespace larder::admin {

class DeadLetters {
public:
    static constexpr std::uint64_t kBytesMax = 10u << 20;

    // Empty: there is none.
    explicit DeadLetters(std::string file, std::uint64_t bytes_max = kBytesMax) : file_(std::move(file)), bytes_max_(bytes_max) {}
    // False: it could not be written, or there is no file; the log says so once in a row.
    bool add(std::string_view webhook, std::string_view problem, const std::vector<EventRef>& events, std::int64_t wall_clock_us);
    const std::string& file() const { return file_; }

private:
    void write(const std::string& line);

    const std::string file_;
    const std::uint64_t bytes_max_;
    bool has_failed_ = false;
};

}  // namespace larder::admin
