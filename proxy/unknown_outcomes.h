// Writes whose server connection ended before their outcome was known. Their marks stay until the backend is gone: it may
// outlive its client and commit later.
//
// keep() is called by sessions, the rest by the control thread. A pid that is absent from pg_stat_activity of the server
// that the control connection reaches is gone: if that is another server than the one the write ran on, the write cannot
// become visible there either. A pid that the system gave to another process since only delays the end.
// Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "cache/write_ticket.h"
#include "proxy/session/upstream_state.h"

namespace larder::proxy {

class KeptOutcomes final : public session::UnknownOutcomes {
public:
    ~KeptOutcomes() override;

    void keep(cache::WriteTicket ticket, std::int32_t backend_pid) override;

    // The pids to be asked about now, without repeats; only outcomes that were kept before are settled by the answer.
    std::vector<std::int32_t> pids();
    // What pids() named and `alive` does not hold is gone: their marks end.
    void settle(const std::vector<std::int32_t>& asked, const std::vector<std::int32_t>& alive);
    // The process ends: all marks are taken back, since nothing is served any more.
    void end_all();

    std::size_t open() const;
    std::uint64_t kept() const;

private:
    struct Kept {
        cache::WriteTicket ticket;
        std::int32_t pid;
        bool is_asked = false;  // was in the last pids()
    };
    mutable Mutex mutex_;
    std::vector<Kept> kept_ LARDER_GUARDED_BY(mutex_);
    std::uint64_t count_ LARDER_GUARDED_BY(mutex_) = 0;
};

}  // namespace larder::proxy
