// Each rule of the freshness protocol that is needed, taken out with its spares: some seed must notice. A fault that no
// seed notices would mean that the simulation proves nothing about that rule. With LARDER_SIMULATION_TABLE=1 each test also
// prints its row of the table in docs/simulation.md.
#include <cstdlib>
#include <iostream>
#include <string_view>

#include <catch2/catch.hpp>

#include "base/planted_fault.h"
#include "simulation/simulation.h"

namespace larder::simulation {
namespace {

constexpr Step kSteps = 20'000;
constexpr std::uint64_t kSeedsMax = 2000;  // the rarest is noticed by one seed in some forty

void require_noticed(PlantedFault fault, std::string_view what, std::string_view rule) {
    planted_fault = fault;
    Step steps = 0;
    for (std::uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
        const auto outcome = run_seed(seed, kSteps);
        steps += outcome.steps;
        if (outcome.violation.empty()) continue;
        planted_fault = PlantedFault::none;
        WARN("noticed by seed " << seed << " after " << outcome.steps << " of its steps, " << steps << " in all: " << outcome.violation);
        if (std::getenv("LARDER_SIMULATION_TABLE") != nullptr) {
            const auto seen = outcome.violation.substr(outcome.violation.find(": ") + 2);  // without who and when
            std::cout << "| " << what << " | " << rule << " | " << seed << " | " << outcome.steps << " | " << steps << " | " << seen << " |\n";
        }
        CHECK(run_seed(seed, kSteps).violation == "");  // it was the fault, and nothing else
        return;
    }
    planted_fault = PlantedFault::none;
    FAIL("not noticed by " << kSeedsMax << " seeds, " << steps << " steps");
}

}  // namespace

TEST_CASE("fault: marks are set after the outcome") { require_noticed(PlantedFault::mark_after_outcome, "marks are set after the outcome", "mark before sending"); }
TEST_CASE("fault: the mark does not move the version") { require_noticed(PlantedFault::mark_without_move, "the mark does not move the version", "the version moves at the mark"); }
TEST_CASE("fault: marks end when the message is sent") { require_noticed(PlantedFault::end_at_sending, "marks end when the message is sent", "end after visibility"); }
TEST_CASE("fault: marks end at CommandComplete") { require_noticed(PlantedFault::end_at_command_complete, "marks end at CommandComplete", "end after visibility"); }
TEST_CASE("fault: the note is taken when the answer has come") { require_noticed(PlantedFault::note_after_snapshot, "the note is taken when the answer has come", "note before the snapshot"); }
TEST_CASE("fault: the note is taken at Execute") { require_noticed(PlantedFault::note_at_execute, "the note is taken at Execute", "note before the snapshot: at Bind"); }
TEST_CASE("fault: a note in flight is accepted") { require_noticed(PlantedFault::note_in_flight_accepted, "a note in flight is accepted", "refuse a note in flight"); }
TEST_CASE("fault: versions are not compared on a hit") { require_noticed(PlantedFault::versions_not_compared, "versions are not compared on a hit", "compare versions on a hit"); }
TEST_CASE("fault: an unknown outcome is not held") { require_noticed(PlantedFault::unknown_outcome_ended, "an unknown outcome is not held", "hold what is unknown"); }
TEST_CASE("fault: a flight is joined unchecked") { require_noticed(PlantedFault::join_unchecked, "a flight is joined unchecked", "join check"); }
TEST_CASE("fault: the cache is looked into while an answer is owed") { require_noticed(PlantedFault::lookup_while_owed, "the cache is looked into while an answer is owed", "lookup in order"); }
TEST_CASE("fault: a read does not check its facts") { require_noticed(PlantedFault::read_facts_unchecked, "a read does not check its facts", "catalogue, rule 1"); }
TEST_CASE("fault: a write does not check its facts") { require_noticed(PlantedFault::write_facts_unchecked, "a write does not check its facts", "catalogue, rule 1"); }
TEST_CASE("fault: DDL does not wait for outstanding writes") { require_noticed(PlantedFault::catalogue_ended_early, "DDL does not wait for outstanding writes", "catalogue, rule 2"); }
TEST_CASE("fault: code that is not understood leaves the catalogue alone") { require_noticed(PlantedFault::opaque_leaves_catalogue, "code that is not understood leaves the catalogue alone", "catalogue, rule 3"); }
TEST_CASE("fault: code that is not understood marks nothing") { require_noticed(PlantedFault::opaque_leaves_all, "code that is not understood marks nothing", "catalogue, rule 3"); }
TEST_CASE("fault: facts are published whatever ran without them") { require_noticed(PlantedFault::unjudged_not_judged, "facts are published whatever ran without them", "judged afterwards"); }
TEST_CASE("fault: a block that has written is served") { require_noticed(PlantedFault::written_block_served, "a block that has written is served", "blocks that wrote"); }

TEST_CASE("fault: a write by row leaves the table's own counter alone") { require_noticed(PlantedFault::scan_spared, "a write by row leaves `scan` alone", "rows: `scan` moves, too"); }
TEST_CASE("fault: a write by one key leaves the others alone") { require_noticed(PlantedFault::other_keys_spared, "a write by one key leaves the others alone", "rows: `all` per key, not per relation"); }
TEST_CASE("fault: an update or delete leaves the row alone that it names") { require_noticed(PlantedFault::named_row_spared, "an update or delete leaves the row alone that it names", "rows: `row` of the old value"); }
TEST_CASE("fault: a key's new value is left alone") { require_noticed(PlantedFault::new_key_spared, "a key's new value is left alone", "rows: `row` of the new value"); }
TEST_CASE("fault: a key's unknown new value is left alone") { require_noticed(PlantedFault::unknown_new_key_spared, "a key's unknown new value is left alone", "rows: `absent` where the new value is not known"); }
TEST_CASE("fault: an insert leaves the row alone that it names") { require_noticed(PlantedFault::inserted_row_spared, "an insert leaves the row alone that it names", "rows: `row` of an insert"); }
TEST_CASE("fault: an insert that names no key moves nothing") { require_noticed(PlantedFault::unknown_insert_spared, "an insert that names no key moves nothing", "rows: `absent` of an insert"); }
TEST_CASE("fault: an upsert counts as an insert") { require_noticed(PlantedFault::upsert_as_insert, "an upsert counts as an insert", "rows: `all` of an upsert"); }
TEST_CASE("fault: every key of an upsert counts as its arbiter") { require_noticed(PlantedFault::upsert_of_other_arbiter, "every key of an upsert counts as its arbiter", "rows: `all` of an upsert, but for the arbiter"); }
TEST_CASE("fault: what was not found depends on no absence") { require_noticed(PlantedFault::absent_ignored, "what was not found depends on no absence", "rows: reads depend on `absent`"); }
TEST_CASE("fault: an empty answer proves a row") { require_noticed(PlantedFault::proved_by_nothing, "an empty answer proves a row", "rows: `absent` is left out for found rows alone"); }
TEST_CASE("fault: one row proves another") { require_noticed(PlantedFault::proved_by_one, "one row proves another", "rows: each value has to be found"); }
TEST_CASE("fault: reads by key do not depend on the key") { require_noticed(PlantedFault::all_ignored, "reads by key do not depend on the key", "rows: reads depend on `all`"); }
TEST_CASE("fault: reads by key do not depend on the row") { require_noticed(PlantedFault::row_ignored, "reads by key do not depend on the row", "rows: reads depend on `row`"); }

TEST_CASE("fault: versions are not compared with what the second level kept") { require_noticed(PlantedFault::remote_unchecked, "versions are not compared with what the second level kept", "compare versions on a hit"); }
TEST_CASE("fault: the second level's answer is not compared with its key") { require_noticed(PlantedFault::remote_key_unchecked, "the second level's answer is not compared with its key", "a key is compared in full"); }

}  // namespace larder::simulation
