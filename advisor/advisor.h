// Advice on one statement: explained, classified, tried, said.
//
// The statement is not run unless that is asked for, and nothing is changed: see connection.h. Only SELECT, INSERT, UPDATE, DELETE and MERGE are looked at,
// one at a time.
//
// Threads: one. Errors: a statement that the server refuses gives an advice of kind none that says so; std::runtime_error if
// the connection is lost.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "advisor/advice.h"
#include "advisor/connection.h"

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

class Advisor {
public:
    explicit Advisor(const std::string& uri);
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
