// Statements that were sent while the catalogue's facts were not known.
//
// Without facts even a SELECT may be a view over a function that runs DDL. If each such statement moved `catalogue`, as
// code that is not understood does, facts could never become valid under load: the load that would judge the statements is
// made old by them. So a statement of a kind that the facts alone can judge moves `any` only, is registered here before it
// is sent, and is judged afterwards, by the facts that were loaded meanwhile:
//
//   Facts that were read at L, under words noted before, are published only if every statement that was not over at L is
//   harmless by these very facts.
//
// Why that holds: suppose that between L and the publishing some registered statement ran DDL unseen, and take the first
// that did. Until then the catalogue was as at L (DDL that is seen moves `catalogue`, and the words would differ), so the
// facts of L were true of it, and they say that it may do anything: the facts are not published. What was over before L is
// part of what was read. `any` is in flight while such a statement runs, so nothing is served or kept meanwhile.
#pragma once

#include <atomic>
#include <memory>

#include "base/bytes.h"
#include "rules/catalogue.h"
#include "rules/session_env.h"
#include "sql/facts.h"

namespace larder::session {

// One such statement. Threads: `ended` is set by the session once its transaction is over; the rest is immutable.
struct Unjudged {
    std::shared_ptr<const sql::TextFacts> facts;
    Bytes text;                                      // lives as long as `facts`
    std::shared_ptr<const rules::SessionEnv> env;
    std::atomic<bool> ended{false};
};

// What `catalogue` says about it: may it run DDL or code that is not understood?
bool is_harmless(const Unjudged& statement, const rules::Catalogue& catalogue);

enum class Registered : unsigned char {
    yes,
    facts_are_new,   // facts were published meanwhile: plan it again
    too_many,        // take it for code that is not understood
};

}  // namespace larder::session
