// The transaction block of a session, as far as serving from the cache depends on it.
#pragma once

#include <cstdint>

#include "rules/plan.h"
#include "sql/facts.h"

namespace larder::session {

// Reset at each ReadyForQuery that says 'I' with nothing owed.
struct Block {
    // Its BEGIN was seen alone and understood, and nothing has touched its modes since: `isolation` is known.
    bool is_understood = false;
    sql::Isolation isolation = sql::Isolation::unspecified;  // unspecified: the session's default
    bool is_opaque = false;         // something ran that may have opened a block or changed its modes: never served until it ends
    bool had_hit = false;           // a read was answered by Larder, so PostgreSQL does not know that a query ran
    bool changed_environment = false;  // settings may revert when it ends
    bool has_locked = false;        // it may have locked something since the last ReadyForQuery: whoever does wants to see what is there now

    void began(sql::Isolation level) {
        is_understood = true;
        isolation = level;
    }
};

// Row locks, table locks, advisory ones, or code that may take any: who reads after them means to see what is committed by now.
bool may_lock(const sql::TextFacts& text, const rules::Plan& plan);

}  // namespace larder::session
