// The metrics in Prometheus' text format. Names are fixed: dashboards and scripts rely on them.
// Threads: a pure function.
#pragma once

#include <string>

#include "base/snapshot.h"

namespace larder::admin {

std::string metrics_text(const Snapshot& snapshot);

}  // namespace larder::admin
