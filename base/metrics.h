// Numbers that one thread writes and any thread may read: cheaper than an atomic increment, and never torn.
#pragma once

#include <atomic>
#include <cstdint>

namespace larder {

// Threads: add() from the owning thread only; value() from any.
class Count {
public:
    void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
    void sub(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace larder
