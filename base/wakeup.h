// Ends a wait in poll() early, from another thread: an eventfd.
//
// Threads: any.
#pragma once

#include <chrono>

namespace larder {

class Wakeup {
public:
    Wakeup();
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;
    void wake();
    void drain();
    // Returns when it has been woken, or so much time has passed.
    void wait(std::chrono::milliseconds at_most) const;
    // To be waited for with POLLIN.
    int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

}  // namespace larder
