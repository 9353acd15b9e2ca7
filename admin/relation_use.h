// How often each relation is read, answered from the cache, and written, by the statements that are counted.
//
// A statement that reads two relations counts for both. Shapes that were dropped from the statistics (advisor.statements_max) took their
// counts along, so these are lower bounds. Threads: any.
#pragma once

#include <cstdint>
#include <vector>

#include "base/snapshot.h"
#include "base/traffic.h"

namespace larder::admin {

struct RelationUse {
    RelationRow relation;
    std::uint64_t reads = 0, hits = 0, writes = 0;  // statements; all 0 without statistics
};

// `traffic` may be null. In the order of SnapshotSource::relations().
std::vector<RelationUse> relation_uses(const SnapshotSource& source, const StatementSource* traffic);

}  // namespace larder::admin
