// One statement of a deployment, understood: what it makes or drops, of which table, and whether it locks writers out.
//
// Only statements that change no row and no answer are taken, and none that can be more than it says: indexes, statistics, ANALYZE and
// the extension that an index needs. An index is always built and dropped CONCURRENTLY, and never taken for made because it is there (IF NOT
// EXISTS is left out). Rules are Larder's own, and PostgreSQL is not asked.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>

namespace larder::advisor {

enum class StepKind : std::uint8_t { create_index, drop_index, create_statistics, drop_statistics, analyze, create_extension, create_rule, drop_rule, refused };

struct DeployStep {
    StepKind kind = StepKind::refused;
    std::string sql;          // as it will be run
    std::string schema;       // of the index or statistics, and of the table that is analysed
    std::string name;         // of the index, the statistics, the extension or the rule; not quoted
    std::string table;        // not quoted; empty for drop_index, drop_statistics and create_extension
    bool is_in_full = true;   // no name depends on the search_path
    bool is_unique = false;   // the index that is made
    std::string shape;        // of the index that is made: what it is on, as far as it can be told without asking the server
    std::string why_refused;  // a sentence, with kind refused
};

DeployStep read_step(const std::string& sql);

// Why nothing is done with a step that is not in full, and what to do by hand instead.
std::string why_not_in_full(const DeployStep& step);

// It is Larder that carries it out.
inline bool is_rule_step(StepKind kind) { return kind == StepKind::create_rule || kind == StepKind::drop_rule; }

}  // namespace larder::advisor
