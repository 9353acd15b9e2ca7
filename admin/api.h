// The JSON documents of /api/v1: what is asked for, without any socket. `/api/v1/openapi.json` describes them.
// Threads: any.
#pragma once

#include <string>

#include "base/snapshot.h"

namespace larder::admin {

inline constexpr std::size_t kApiEntriesMax = 1000;

std::string status_document(const SnapshotSource& source);
std::string clients_document(const SnapshotSource& source);    // as of the last second
std::string relations_document(const SnapshotSource& source);
std::string entries_document(const SnapshotSource& source);    // up to kApiEntriesMax
std::string reasons_document(const SnapshotSource& source);    // all of them, also those that were never met
std::string openapi_document(const SnapshotSource& source);

}  // namespace larder::admin
