// Checking kept answers against PostgreSQL: what was found, what is kept out of the cache for it, and what may be asked for.
//
// Implemented by proxy/, used by admin/, wired by main. All strings are printable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/explanation.h"

namespace larder {

// How checks of kept answers ended. `checks` is the sum of all others but `skipped`.
struct VerifyCounts {
    std::uint64_t checks = 0;
    std::uint64_t equal = 0;
    std::uint64_t different = 0;  // confirmed by a second run: a stale or wrong answer was being given
    std::uint64_t undecided = 0;  // another answer, but the statement leaves open which one it is
    std::uint64_t moved = 0;      // it was written meanwhile, or its time was over: nothing can be said
    std::uint64_t failed = 0;     // the statement could not be run as the client would have
    std::uint64_t skipped = 0;    // by the sampler, since clients were waiting for server connections
};

struct VerifyFinding {
    std::int64_t at_us = 0;                    // wall clock
    std::string database, fingerprint, shape;  // with $n in the place of constants
    std::string verdict;                       // "different" or "undecided"
    std::string reason;                        // undecided: what the statement leaves open
    std::string summary;                       // how many rows differ
    std::string kept, server;                  // rows that only one of the two answers has; empty where values are not shown
};

struct QuarantinedRow {
    std::string database, fingerprint;  // fingerprint "all": the whole database
    std::string shape;                  // empty: not known any more
    std::int64_t since_us = 0;          // wall clock
};

// A check of the hottest answers that somebody asked for.
struct VerifyRun {
    std::uint64_t number = 0;  // 0: none was asked for so far
    bool is_running = false;
    std::uint64_t wanted = 0;
    VerifyCounts counts;
    std::string last_failure;  // why the last one that failed did
};

struct VerifyStatus {
    bool is_available = false;                  // Larder has a login of its own
    std::uint64_t share_ppm = 0, rate_max = 0;  // of the sampler
    VerifyCounts counts;
    VerifyRun run;
    std::vector<VerifyFinding> findings;  // the newest first
    std::vector<QuarantinedRow> quarantined;
};

// Threads: any. None but explain() waits.
class Verification {
public:
    static constexpr std::uint64_t kEntriesMax = 10'000;  // that one run may check

    virtual ~Verification() = default;
    virtual VerifyStatus verify_status() const = 0;
    // Begins a check of the answers that were given most often. Its number, as VerifyRun has it; nothing: one is under way, or there is no login.
    virtual std::optional<std::uint64_t> verify_hottest(std::uint64_t entries) = 0;
    // Ends a quarantine. `fingerprint`: as QuarantinedRow has it; `database` empty: in all of them. How many there were.
    virtual std::size_t lift_quarantine(const std::string& database, const std::string& fingerprint) = 0;
    // What EXPLAIN LARDER says to a session of that role with these settings. `may_ask`: the server is asked what that session's environment
    // would be, which waits for up to some seconds; else it is that of a session that is or was here. Sets `error` instead where it cannot be said.
    virtual Explanation explain(const ExplainRequest& request, bool may_ask, std::string& error) = 0;
};

}  // namespace larder
