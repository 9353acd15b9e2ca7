// The counters of rows that a plan names: where the plan says them in full once and for all, where they depend on Bind's
// parameters each time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "cache/counter.h"
#include "proxy/session/upstream_state.h"
#include "protocol/frontend.h"
#include "rules/plan.h"
#include "rules/session_env.h"

namespace larder::session {

// One value of a key. `row` belongs to the plan.
struct ResolvedRow {
    const rules::RowRef* row = nullptr;
    cache::Counter* known = nullptr;      // null: it depends on parameters
    cache::Counter* otherwise = nullptr;  // of a write: what moves if the value is not known
};

struct ResolvedRowRead {
    std::vector<ResolvedRow> rows;
    const cache::Counter* scan = nullptr;   // it depends on this alone if one of the values is not known
    const cache::Counter* all = nullptr;
    const cache::Counter* absent = nullptr;
    int proving_rows = 0;                   // rules::RowRead
};

// What one read depends on.
struct ReadSet {
    std::vector<const cache::Counter*> counters;
    std::vector<const cache::Counter*> absent;   // these only if the answer has fewer rows than `proving_rows`
    int proving_rows = 0;
};

// The parameters of a Bind message. Views into it, and into `types`, the declared types as on the wire.
std::vector<rules::Parameter> parameters_of(const protocol::Bind& bind, Bytes types);

// The same, kept while the portal lives.
class KeptParameters {
public:
    // `env`: under which it was bound; null: not known.
    KeptParameters(const protocol::Bind& bind, Bytes types, std::shared_ptr<const rules::SessionEnv> env);
    KeptParameters(const KeptParameters&) = delete;
    KeptParameters& operator=(const KeptParameters&) = delete;
    const std::vector<rules::Parameter>& parameters() const { return parameters_; }
    const std::shared_ptr<const rules::SessionEnv>& env() const { return env_; }

    static constexpr std::size_t kBytesMax = 16 * 1024;  // more is not kept: then no value is known

private:
    std::string bytes_;
    std::vector<rules::Parameter> parameters_;
    std::shared_ptr<const rules::SessionEnv> env_;
};

cache::KeyCounters& key_counters(DatabaseState& database, const rules::KeyRef& key);

// Null: a value is not known.
cache::Counter* row_counter(DatabaseState& database, const rules::RowRef& row, const std::vector<rules::Parameter>& parameters);

// Looks up what does not depend on parameters.
ResolvedRow resolve(DatabaseState& database, const rules::RowRef& row);
ResolvedRowRead resolve(DatabaseState& database, const rules::RowRead& read);

// Adds what a read by rows depends on. A value that is an array of parameters stands for as many rows as it has different elements.
void add_row_read(ReadSet& set, DatabaseState& database, const ResolvedRowRead& read, const std::vector<rules::Parameter>& parameters);

}  // namespace larder::session
