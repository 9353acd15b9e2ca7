// Which session a CancelRequest means: Larder's own keys, process-wide, since a cancel comes on a connection of its own
// and to any worker.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/thread_annotations.h"
#include "protocol/cancel_key.h"

namespace larder::proxy {

class Worker;

// Both secrets that a client may have been given: 4 bytes for protocol 3.0, 32 for 3.2.
struct IssuedKey {
    protocol::CancelKey key;
    std::string secret_long;
};

class CancelRegistry {
public:
    // A key whose pid no live session has. The pid is random, so that it tells nothing about the number of clients.
    IssuedKey issue(Worker& worker, std::uint64_t connection);
    void forget(std::int32_t pid);

    struct Target {
        Worker* worker = nullptr;  // null: no such session, or a wrong secret
        std::uint64_t connection = 0;
    };
    Target find(const protocol::CancelKey& request) const;

private:
    struct Entry {
        IssuedKey issued;
        Worker* worker;
        std::uint64_t connection;
    };
    mutable Mutex mutex_;
    std::unordered_map<std::int32_t, Entry> entries_ LARDER_GUARDED_BY(mutex_);
};

}  // namespace larder::proxy
