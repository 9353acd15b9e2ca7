// The JSON documents of /api/v1: what is asked for, without any socket. `/api/v1/openapi.json` describes them.
// Threads: any.
#pragma once

#include <string>

#include "base/snapshot.h"

namespace larder::admin {

std::string status_document(const SnapshotSource& source);
std::string reasons_document(const SnapshotSource& source);    // all of them, also those that were never met

}  // namespace larder::admin
