// The larder.* settings of a session: SET, SHOW and RESET that Larder answers itself, with PostgreSQL's rules for SET
// LOCAL, rollback and savepoints.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/freshness_level.h"
#include "proxy/session/statement_memo.h"

namespace larder::session {

class OwnSettings {
public:
    struct Values {
        bool cache = true;                                            // larder.cache
        bool trace = false;                                           // larder.trace
        std::chrono::microseconds max_age = std::chrono::microseconds::max();  // larder.max_age; max(): no bound
        std::optional<FreshnessLevel> freshness;                               // larder.freshness; nothing: as the rules say
    };

    const Values& values() const { return values_; }

    struct Outcome {
        std::string sqlstate, error;       // sqlstate not empty: refused
        std::string tag;                   // "SET", "RESET", "SHOW"
        std::optional<std::string> shown;  // show: the value
    };
    // Runs a command. `in_block`: an open transaction block, whose end may undo it.
    Outcome run(const LarderCommand& command, bool in_block);

    void savepoint(std::string_view name);
    void release(std::string_view name);
    void rollback_to(std::string_view name);
    // The block ended; SET LOCAL is undone always, all else on rollback.
    void block_ended(bool committed);

private:
    struct Saved {
        std::string savepoint;
        Values values, after_commit;
    };
    Values values_;
    Values after_commit_;                 // what values_ becomes at COMMIT: without the SET LOCALs
    std::optional<Values> before_block_;  // what it becomes at ROLLBACK; set with the first change in a block
    std::vector<Saved> savepoints_;
};

}  // namespace larder::session
