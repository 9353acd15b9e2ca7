// What the advisor found in the traffic, and what became of it: for admin/, by plain values.
//
// Implemented by advisor/, wired by main.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace larder {

// One way to make a statement cheaper.
struct AdviceOption {
    std::string kind, title;               // "btree_single", "Make an index"
    std::string why;                       // sentences
    std::vector<std::string> run, undo;    // statements; nothing is run unasked
    std::string rewrite;                   // the statement in another form; may be empty
    std::optional<double> gain;            // share of the plan's cost saved, 0 to 1
    std::string risk;                      // what it costs, a sentence
    std::string why_not_deployed;          // empty: Larder can run it; else why somebody has to do it
};

struct AdviceRow {
    int id = 0;                            // for as long as the process lives
    std::string key;                       // the same in every process and each time this is found
    std::string statement_id;              // StatementRow::id; empty: it is about the whole workload
    std::string database, text;            // without constants unless those may be shown
    std::string found_by;                  // "slow", "share", "sequence", "flood", "cache", "workload"
    std::int64_t made_unix_ms = 0;
    double server_mean_us = 0;             // when it was made
    std::string plan;                      // a tree, the costly node marked; empty where there is none
    std::string plan_without_values;       // the same without the constants of its conditions
    std::vector<AdviceOption> options;     // the best first, at least one
    int deployment = 0;                    // the last one that was made of it; 0: none
};

// A statement that was found slow.
struct SlowRow {
    std::string statement_id, database, text, found_by;
    std::uint64_t calls = 0, server_calls = 0;
    double mean_us = 0, p95_us = 0, total_us = 0, share = 0;  // of the server's time that all statements took, 0 to 1
    std::string state;                     // "waits", "looked at", "no advice", or why it could not be
    int advice = 0;                        // 0: none
};

struct DeploymentRow {
    int id = 0, advice = 0;
    std::string state, database, title, asked_by;
    std::vector<std::string> run, undo;
    std::string progress;                  // while it is being built
    std::string last_event;                // a sentence
    std::int64_t changed_unix_ms = 0;
    double before_mean_us = 0, since_mean_us = 0;
    std::uint64_t before_calls = 0, since_calls = 0;
};

// How much the advisor has done so far.
struct AdvisorCounts {
    std::uint64_t analyses = 0;         // statements that were planned and searched for something better
    std::uint64_t failed_analyses = 0;  // of them, those that ended in an error: of the server, or since a wait had its end
    double analysis_seconds = 0;
    std::uint64_t advice = 0;  // advice that is shown now
};

// Threads: any. No call waits for PostgreSQL.
class AdviceSource {
public:
    struct Answer {
        int id = 0;                        // 0: not done
        std::string why_not;               // a sentence
    };
    virtual ~AdviceSource() = default;
    // `with_values`: with the constants of clients' statements, which are for superusers and for who shows the token.
    virtual std::vector<SlowRow> slow_statements(bool with_values) const = 0;    // what takes most time first
    virtual std::vector<AdviceRow> advice(bool with_values) const = 0;           // by id
    virtual std::vector<DeploymentRow> deployments(bool with_values) const = 0;  // by id
    virtual std::string deployments_document(bool with_values) const = 0;        // Markdown
    virtual AdvisorCounts counts() const = 0;
    // Looks, soon, at all statements together: which set of indexes is best, no larger than this (0: no limit), and which are spare. What it
    // finds replaces the advice of the last time.
    virtual void advise_workload(std::uint64_t budget_bytes) = 0;
    // Of an advice, its option `option` (0: the best).
    virtual Answer deploy(int advice, std::size_t option, const std::string& asked_by) = 0;
    virtual Answer revert(int deployment, const std::string& asked_by) = 0;
};

}  // namespace larder
