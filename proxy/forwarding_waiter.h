// Brings the end of a flight from the thread that ended it to the connection that waits for it.
#pragma once

#include <cstdint>

#include "cache/cache.h"

namespace larder::proxy {

class Worker;

// Part of its connection. It may be called by a thread that took it from the flight just before Cache::leave(), and that
// call must still reach the session, which may have to pass the lead on: so a connection that has ended is kept until
// every worker has come back to its event loop (Worker::bury()).
class ForwardingWaiter final : public cache::FlightWaiter {
public:
    ForwardingWaiter(Worker& worker, std::uint64_t connection) : worker_(worker), connection_(connection) {}
    void on_result(cache::ResultRef result) override;
    void on_no_result(bool leads) override;

private:
    Worker& worker_;
    const std::uint64_t connection_;
};

}  // namespace larder::proxy
