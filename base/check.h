// Assertions for Larder's own bugs. What comes from a socket is never asserted, it is refused.
#pragma once

#include <stdexcept>

namespace larder {

// A broken invariant of one session: that session ends with XX000, its server connection is closed and never lent
// again, all others go on. Thrown by LARDER_ASSERT, caught at the top of each connection's loop.
class BrokenInvariant : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

[[noreturn]] void throw_broken_invariant(const char* condition, const char* file, int line);

// A broken invariant of shared state (cache, counters, pools): nothing can be trusted any more, the process ends.
[[noreturn]] void abort_broken_invariant(const char* condition, const char* file, int line) noexcept;

}  // namespace larder

#define LARDER_ASSERT(condition) \
    (static_cast<bool>(condition) ? void(0) : ::larder::throw_broken_invariant(#condition, __FILE__, __LINE__))
#define LARDER_ASSERT_SHARED(condition) \
    (static_cast<bool>(condition) ? void(0) : ::larder::abort_broken_invariant(#condition, __FILE__, __LINE__))
