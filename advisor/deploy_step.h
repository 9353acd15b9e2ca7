// One statement of a deployment, understood: what it makes or drops, of which table, and whether it locks writers out.
//
// Only statements that change no row and no answer are taken, and none that can be more than it says: indexes, statistics, ANALYZE and
// the extension that an index needs. An index is always built and dropped CONCURRENTLY. Rules are Larder's own, and PostgreSQL is not asked.
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
    std::string schema;       // of the index or statistics and of its table; empty: by search_path
    std::string name;         // of the index, the statistics, the extension or the rule; not quoted
    std::string table;        // not quoted; empty for drop_index, drop_statistics and create_extension
    std::string why_refused;  // a sentence, with kind refused
};

DeployStep read_step(const std::string& sql);

// It is Larder that carries it out.
inline bool is_rule_step(StepKind kind) { return kind == StepKind::create_rule || kind == StepKind::drop_rule; }

}  // namespace larder::advisor
