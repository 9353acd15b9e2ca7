// EXPLAIN LARDER <statement>: would it be cached, why not, on what does the answer depend, and what does the statement
// move. The statement is not run. libpg_query and PostgreSQL call the text a syntax error, so no statement of theirs is taken.
#pragma once

#include <chrono>

#include "base/bytes.h"
#include "base/explanation.h"
#include "proxy/session/statement_memo.h"

namespace larder::session {

// The statement that `text` asks to have explained, a view into it; empty if the text is not an EXPLAIN LARDER.
Bytes explained_statement(Bytes text);

// What the session adds to the plan.
struct ExplainedState {
    rules::Reason obstacle = rules::Reason::none;  // why this session is not served now, whatever the statement
    std::chrono::microseconds ttl{0};              // 0: until something that it depends on moves
    bool waits_for_feed = false;                   // freshness barrier
    bool is_kept_now = false;                      // an answer is in the cache, and still valid
    bool has_parameters = false;                   // then it is not known which answer is meant
};

// The counters are loaded here: on what a hit depends, as it is now.
Explanation explain(const Statement& statement, const ResolvedPlan& resolved, const UpstreamState& upstream, const ExplainedState& state);

}  // namespace larder::session
