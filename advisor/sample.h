// How many rows really meet a condition, counted on a sample of a table's pages: for conditions of which the planner keeps no statistics.
//
// This reads some hundred pages of the table and calls the condition's functions, so only PostgreSQL's own, immutable ones
// are let in. The statement itself is not run.
// Threads: one.
#pragma once

#include <optional>
#include <string>

#include "advisor/connection.h"
#include "advisor/node.h"
#include "advisor/relation.h"

namespace larder::advisor {

class Sampler {
public:
    explicit Sampler(Connection& connection) : connection_(connection) {}

    struct Share {
        double met = 0, seen = 0;   // rows of the sample
        double of_all() const { return seen > 0 ? (met > 0 ? met : 0.5) / seen : 1; }
    };
    // Nothing if the condition may not be called, the table is no plain one, or the server refuses.
    std::optional<Share> share(const Relation& relation, const std::string& condition);
    // How many different values the columns (quoted names) have together, by the estimator that ANALYZE uses (Haas and Stokes).
    std::optional<double> distinct(const Relation& relation, const std::string& columns);

private:
    std::string sample_of(const Relation& relation) const;
    bool is_harmless(const Node& condition);
    Connection& connection_;
};

}  // namespace larder::advisor
