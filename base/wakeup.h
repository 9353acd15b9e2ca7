// Ends a wait in poll() early, from another thread: an eventfd.
//
// Threads: any.
#pragma once

namespace larder {

class Wakeup {
public:
    Wakeup();
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;
    void wake();
    void drain();
    // To be waited for with POLLIN.
    int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

}  // namespace larder
