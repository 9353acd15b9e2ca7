// A transaction block whose BEGIN Larder has answered and the server has not seen (decision 12, docs/deferred_begin.md).
//
// As long as all that is asked in it is answered from the cache, it needs no server. Whatever does makes it real first: BEGIN is sent in the
// same write as what follows, without a Sync of its own, so that the server ignores what follows if BEGIN fails.
//
// Threads: the session's own; a value.
#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"
#include "rules/session_env.h"

namespace larder::session {

struct DeferredBlock {
    static constexpr std::size_t kNotificationBytesMax = 1u << 20;   // more is passed on at once

    bool is_active = false;         // the session's status is 'T' or 'E', the server's 'I'
    std::string text;               // of the BEGIN, as the client sent it
    Instant idle_since;             // the last answer
    // NotificationResponses that came since it began: the client gets them when the block ends, also if it has become real.
    std::string notifications;
};

// idle_in_transaction_session_timeout as the session has it, in microseconds; 0: none.
std::int64_t idle_in_transaction_us(const rules::SessionEnv& env);

}  // namespace larder::session
