// The second level of the cache, as sessions see it: a place outside of this process that keeps the bytes of answers which memory
// has no room for. Implemented by proxy/ (redis_client.h).
//
// It is asked only on a miss, for a key that was put there, and its answer is judged as one from memory is: whatever it gives
// back, a session serves nothing that its counters do not allow. It may forget, be slow or be gone at any time.
// Threads: the worker's. No call blocks or calls back.
#pragma once

#include <cstdint>

#include "cache/cache.h"
#include "cache/counter.h"

namespace larder::session {

// A question to the second level. Borrows the key from its session, until that has its answer.
struct SecondLevelRequest {
    std::uint64_t number = 0;                          // of the session's own count
    cache::KeyView key{};
    const cache::DatabaseCounters* counters = nullptr;  // of the database that the answer is of
};

class SecondLevel : public cache::Evictions {
public:
    // It can be reached, the key's answer was put there, and to fetch it takes less than the server did.
    virtual bool is_worth_asking(const cache::KeyView& key) = 0;
    // What it gave back for the key is of no use any more.
    virtual void forget(const cache::KeyView& key) = 0;

protected:
    ~SecondLevel() = default;
};

}  // namespace larder::session
