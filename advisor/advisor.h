// Advice on one statement: explained, classified, tried, said.
//
// The statement is never run, and nothing is changed: see connection.h. Only SELECT, INSERT, UPDATE, DELETE and MERGE are looked at,
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

namespace larder::advisor {

struct Question {
    std::string sql;
    Parameters parameters;
    double calls_per_minute = 0;  // 0: not known
};

class Advisor {
public:
    explicit Advisor(const std::string& uri);
    ~Advisor();
    Advisor(const Advisor&) = delete;
    Advisor& operator=(const Advisor&) = delete;

    // The best first; at least one.
    std::vector<Advice> advise(const Question& question);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::advisor
