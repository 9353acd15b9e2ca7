// Every seed is a history of its own; none may break a promise. LARDER_SIMULATION_SEEDS=n runs n of them, LARDER_SIMULATION_SEED=s
// that one alone.
#include <cstdlib>
#include <string>

#include <catch2/catch.hpp>

#include "simulation/simulation.h"

namespace larder::simulation {
namespace {

constexpr Step kSteps = 20'000;

std::uint64_t number_in_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("every promise is kept under any schedule") {
    const auto only = number_in_environment("LARDER_SIMULATION_SEED", 0);
    const auto first = only != 0 ? only : 1, last = only != 0 ? only : number_in_environment("LARDER_SIMULATION_SEEDS", 300);
    Outcome sum;
    for (auto seed = first; seed <= last; ++seed) {
        const auto outcome = run_seed(seed, kSteps);
        INFO("seed " << seed);
        REQUIRE(outcome.violation == "");
        if (std::getenv("LARDER_SIMULATION_VERBOSE") != nullptr) {
            WARN("seed " << seed << ": " << outcome.steps << " steps, " << outcome.reads << " reads, " << outcome.hits << " hits, " << outcome.loads << " loads; " << outcome.bypasses);
        }
        sum.steps += outcome.steps;
        sum.reads += outcome.reads;
        sum.hits += outcome.hits;
        sum.joined += outcome.joined;
        sum.unknown_outcomes += outcome.unknown_outcomes;
        sum.loads += outcome.loads;
        sum.far_hits += outcome.far_hits;
        sum.far_stale += outcome.far_stale;
        sum.deferred += outcome.deferred;
        sum.made_real += outcome.made_real;
    }
    WARN(sum.steps << " steps, " << sum.reads << " reads, " << sum.hits << " hits, " << sum.joined << " joined flights, " << sum.unknown_outcomes
                   << " unknown outcomes, " << sum.loads << " loads of the catalogue, " << sum.deferred
                   << " blocks deferred, " << sum.made_real << " of them made real, " << sum.far_hits << " hits from the second level, " << sum.far_stale << " of its answers too old");
    if (only != 0) return;
    // A run that never hits, never waits for another's flight or never loses a connection has tested nothing.
    CHECK(sum.hits * 20 > sum.reads);
    CHECK(sum.joined > 0);
    CHECK(sum.far_hits > 0);
    CHECK(sum.far_stale > 0);
    CHECK(sum.unknown_outcomes > 0);
    CHECK(sum.made_real > 0);
    CHECK(sum.deferred > sum.made_real);
}

}  // namespace larder::simulation
