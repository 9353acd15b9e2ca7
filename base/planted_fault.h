// Rules of the freshness protocol that can be taken out, one at a time, to see that the simulation notices.
//
// Without LARDER_PLANTED_FAULTS is_planted() is a constant false and the compiler removes what depends on it. With it (the
// library that tests/simulation builds for itself) one fault can be planted at run time. A fault takes out a rule together
// with its spares: those that would keep the promise in its stead. docs/simulation.md has the list with what was found.
#pragma once

#include <cstdint>

namespace larder {

enum class PlantedFault : std::uint8_t {
    none,
    mark_after_outcome,         // mark before sending
    mark_without_move,          // the version moves at the mark; spare: in flight refused on a hit
    end_at_sending,             // end after visibility
    end_at_command_complete,    // end after visibility: a pipeline commits only at its Sync
    note_after_snapshot,        // note before the snapshot: when the answer has come
    note_at_execute,            // note before the snapshot: a portal's is taken at Bind
    note_in_flight_accepted,    // refuse a note in flight; spares: the move at the end, in flight refused on a hit
    versions_not_compared,      // compare versions on a hit
    unknown_outcome_ended,      // hold what is unknown
    join_unchecked,             // join check
    lookup_while_owed,          // lookup in order
    read_facts_unchecked,       // catalogue rule 1, when reading
    write_facts_unchecked,      // catalogue rule 1, when writing
    catalogue_ended_early,      // catalogue rule 2
    opaque_leaves_catalogue,    // catalogue rule 3
    opaque_leaves_all,          // catalogue rule 3 with `any`, which would do for what it writes
    unjudged_not_judged,        // facts are published only if what ran without them was harmless by them
    written_block_served,       // a block that has written is neither served nor stored from
    scan_spared,                // rows: a write moves `scan`, too
    other_keys_spared,          // rows: a write by one key moves `all` of the others: "`all` per relation instead of per key"
    named_row_spared,           // rows: an update or delete moves the rows that it names
    new_key_spared,             // rows: setting a key moves the new value, too
    unknown_new_key_spared,     // rows: and `absent` if the new value is not known
    inserted_row_spared,        // rows: an insert moves the row that it names
    unknown_insert_spared,      // rows: and `absent` where it names none
    upsert_as_insert,           // rows: ON CONFLICT DO UPDATE moves `all` of every key but the arbiter
    upsert_of_other_arbiter,    // rows: an arbiter is the key that ON CONFLICT names
    absent_ignored,             // rows: what was not found depends on `absent`
    proved_by_nothing,          // rows: only found rows do without `absent`
    proved_by_one,              // rows: … all of them
    all_ignored,                // rows: reads by key depend on `all`
    row_ignored,                // rows: and on the row
    remote_unchecked,           // compare versions on a hit: of what the second level kept
    remote_key_unchecked,       // a key is compared in full: with the one that the second level gave back
    count_
};

#if LARDER_PLANTED_FAULTS
inline PlantedFault planted_fault = PlantedFault::none;
inline bool is_planted(PlantedFault fault) { return planted_fault == fault; }
#else
constexpr bool is_planted(PlantedFault) { return false; }
#endif

}  // namespace larder
