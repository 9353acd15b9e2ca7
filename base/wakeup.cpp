#include "base/wakeup.h"

#include <cstdint>
#include <stdexcept>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace larder {

Wakeup::Wakeup() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error("eventfd failed");
}

Wakeup::~Wakeup() { ::close(descriptor_); }

void Wakeup::wake() {
    const std::uint64_t one = 1;
    // Fails only if it is woken already.
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof one);
}

void Wakeup::wait(std::chrono::milliseconds at_most) const {
    pollfd descriptor{descriptor_, POLLIN, 0};
    ::poll(&descriptor, 1, static_cast<int>(at_most.count()));
}

void Wakeup::drain() {
    std::uint64_t count;
    [[maybe_unused]] const ssize_t got = ::read(descriptor_, &count, sizeof count);
}

}  // namespace larder
