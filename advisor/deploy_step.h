// One statement of a deployment, understood: what it makes or drops, of which table, and whether it locks writers out.
//
// Only statements that change no row and no answer are taken, and none that can be more than it says: indexes, statistics, ANALYZE and
// the extension that an index needs. An index is always built and dropped CONCURRENTLY.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>

namespace larder::advisor {

enum class StepKind : std::uint8_t { create_index, drop_index, create_statistics, drop_statistics, analyze, create_extension, refused };

struct DeployStep {
    StepKind kind = StepKind::refused;
    std::string sql;          // as it will be run
    std::string schema;       // of the index or statistics and of its table; empty: by search_path
    std::string name;         // of the index, the statistics or the extension; not quoted
    std::string table;        // not quoted; empty for drop_index, drop_statistics and create_extension
    std::string why_refused;  // a sentence, with kind refused
};

DeployStep read_step(const std::string& sql);

}  // namespace larder::advisor
