// What Larder may do with one text in one environment under one catalogue: serve, store, or forward and why; and what
// it must mark as written.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/freshness_level.h"
#include "rules/catalogue.h"
#include "rules/reason.h"
#include "rules/session_env.h"
#include "rules/user_rules.h"
#include "sql/facts.h"

namespace larder::rules {

// A key of a relation: the index into its keys under the catalogue of the plan.
struct KeyRef {
    Oid root = 0;
    unsigned key = 0;

    friend auto operator<=>(const KeyRef&, const KeyRef&) = default;
};

// One value of a key: a part for each of its columns. Those with parameters are known only when Bind has come.
struct RowRef {
    KeyRef key;
    std::vector<KeyPart> parts;
};

// A reference that is restricted to rows with these values of a key, so that it depends on those (`all`, `row` of each value,
// and `absent`) instead of the relation's `scan`.
struct RowRead {
    KeyRef key;
    std::vector<RowRef> values;
    // With so many rows in the answer, each value's row was there, and `absent` does not matter; 0: never. Where a value is an array: with as many as
    // it has different elements.
    int proving_rows = 0;
};

// What becomes of a key by a write. A row that is not known after all moves `otherwise`.
enum class KeyCounter : std::uint8_t { all, absent };
struct KeyMove {
    KeyRef key;
    KeyCounter counter = KeyCounter::all;

    friend auto operator<=>(const KeyMove&, const KeyMove&) = default;
};
struct RowMove {
    RowRef row;
    KeyCounter otherwise = KeyCounter::all;
};

// Relations by the root of their tree. An empty WritePlan: the statement writes nothing that an answer depends on.
struct WritePlan {
    std::vector<Oid> scans;    // roots whose `scan` moves
    std::vector<KeyMove> keys; // for each root among the scans, what of its keys moves …
    std::vector<RowMove> rows; // … and which rows
    bool any = false;          // targets not known: moves the database's `any`
    bool catalogue = false;    // DDL or code that is not understood
    bool server = false;       // roles, databases, server settings
    bool exclusive = false;    // takes an ACCESS EXCLUSIVE lock: in flight until the transaction ends

    bool empty() const { return scans.empty() && !any && !catalogue && !server; }
};

struct Plan {
    Reason reason = Reason::no_catalogue;  // none: may be looked up and stored
    std::vector<Oid> reads;                // roots on whose `scan` it depends, sorted, without repeats; for reason none
    std::vector<RowRead> row_reads;        // for reason none
    std::chrono::milliseconds ttl{0};      // for reason none: after defaults, rule and hint
    std::chrono::milliseconds max_stale{0};  // the same: so old may an answer be that a write made old; 0: none is given
    FreshnessLevel freshness = FreshnessLevel::strict;  // the same: as the rule says, or the configuration
    std::optional<FreshnessLevel> comment_freshness;    // the same: as its comment says, which goes before the session's setting, as that before the rule
    bool reads_unlogged = false;           // for reason none: a table whose writes are not in the write-ahead log
    std::string rule;                      // the [[rule]] that matched, if any
    std::vector<std::string> tags;
    WritePlan writes;
    bool changes_environment = false;      // afterwards the session's environment must be read back
    bool changes_environment_locally = false;  // it may revert at the end of the transaction: read back then, too
    bool may_release_locks = false;        // DISCARD ALL, pg_advisory_unlock_all(), code not understood: the session's own lock must be retaken
    bool may_commit_inside = false;        // CALL, DO, multi-statement text with transaction control, not understood: it may commit by itself
    bool ends_block = false;               // COMMIT, ROLLBACK, PREPARE TRANSACTION… or a text that contains one
    bool runs_unknown_code = false;        // it may leave anything behind in its session: settings, temporary objects, locks, names
    bool touches_transaction_modes = false;  // SET TRANSACTION, or a SET of transaction_isolation / transaction_read_only / transaction_deferrable by any way
};

struct PlanInput {
    const sql::TextFacts& facts;
    Bytes text;
    std::uint64_t fingerprint;             // 0 if it was not computed
    const Catalogue* catalogue;            // null: facts are not loaded or not valid; then writes mean `any` and `catalogue`
    const SessionEnv* env;                 // null: the session's environment is not known
    const UserRules& rules;
};

// Pure: the same input gives the same plan. Called once per text, environment and catalogue version; the caller keeps it.
Plan make_plan(const PlanInput& input);

}  // namespace larder::rules
