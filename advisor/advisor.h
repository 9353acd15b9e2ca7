// Advice on one statement: explained, classified, tried, said.
//
// The statement is not run unless that is asked for, and nothing is changed: see connection.h. Only SELECT, INSERT, UPDATE, DELETE and MERGE are looked at,
// one at a time.
//
// Threads: one. Errors: a statement that the gate or the server refuses gives an advice of kind none that says so; ConnectionLost (link.h) if
// the connection is lost, and the next statement gets a new one; CatalogueUnknown if nothing can be planned now; std::runtime_error if there is no connection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "advisor/advice.h"
#include "advisor/connection.h"
#include "advisor/gate.h"

namespace larder::sql {
struct Tree;
}

namespace larder::advisor {

struct Question {
    std::string sql;
    Parameters parameters;
    double calls_per_minute = 0;  // 0: not known
    bool may_run = false;         // it is run once, in a READ ONLY transaction under a time limit, to see what the estimates missed
};

struct WorkloadStatement;
struct WorkloadAdvice;

// Why a text is not explained; "" if it may be.
std::string why_not_looked_at(const sql::Tree& tree);
// The same of one that the gate refused, by the gate's reason.
std::string why_refused(const std::string& why);

class Advisor {
public:
    // `catalogue`: by which it is told which statements may be planned at all (gate.h). `stop`: ends every wait when it is woken; may be null.
    Advisor(const std::string& uri, CatalogueSource catalogue, const Wakeup* stop = nullptr);
    ~Advisor();
    Advisor(const Advisor&) = delete;
    Advisor& operator=(const Advisor&) = delete;

    // The best first; at least one.
    std::vector<Advice> advise(const Question& question);
    // On all of them at once: see workload.h. `budget_bytes` 0: no limit.
    WorkloadAdvice advise(const std::vector<WorkloadStatement>& statements, double budget_bytes);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::advisor
