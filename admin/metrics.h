// The metrics in Prometheus' text format. Names are fixed: dashboards and scripts rely on them.
// Threads: pure functions.
#pragma once

#include <string>

#include "admin/webhooks.h"
#include "base/advice.h"
#include "base/snapshot.h"

namespace larder::admin {

// `advisor`: null while there is none; then it has no metrics.
std::string metrics_text(const Snapshot& snapshot, const AdvisorCounts* advisor = nullptr, const Webhooks* webhooks = nullptr);

}  // namespace larder::admin
