// How long to wait before trying again: twice as long after each failure, up to a bound.
//
// Threads: a value.
#pragma once

#include <algorithm>
#include <chrono>

namespace larder {

class Backoff {
public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds max) : first_(first), max_(max), next_(first) {}

    // Of the failure that has just come.
    std::chrono::milliseconds next() {
        const auto wait = next_;
        next_ = std::min(next_ * 2, max_);
        return wait;
    }
    // It has succeeded.
    void reset() { next_ = first_; }

private:
    std::chrono::milliseconds first_, max_, next_;
};

}  // namespace larder
