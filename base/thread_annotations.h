// Lock annotations, checked by clang (-Wthread-safety) and read by people; g++ sees nothing.
#pragma once

#include <mutex>

#if defined(__clang__)
#define LARDER_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define LARDER_THREAD_ATTRIBUTE(x)
#endif

#define LARDER_GUARDED_BY(mutex) LARDER_THREAD_ATTRIBUTE(guarded_by(mutex))
#define LARDER_REQUIRES(mutex) LARDER_THREAD_ATTRIBUTE(requires_capability(mutex))

namespace larder {

// std::mutex with the annotations that libstdc++ leaves out.
class LARDER_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
public:
    void lock() LARDER_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
    void unlock() LARDER_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

private:
    std::mutex mutex_;
};

class LARDER_THREAD_ATTRIBUTE(scoped_lockable) Lock {
public:
    explicit Lock(Mutex& mutex) LARDER_THREAD_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) { mutex_.lock(); }
    ~Lock() LARDER_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

private:
    Mutex& mutex_;
};

}  // namespace larder
