#include "advisor/selection.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace larder::advisor;

namespace {

// Statements that cost 100 each; what an index saves of each is told by a table, and the best of the indexes chosen counts.
struct World {
    SelectionProblem problem;
    std::map<std::pair<std::size_t, std::size_t>, double> saves;   // statement, index
    std::map<std::size_t, std::vector<std::size_t>> both;          // statement: the two that save 90 only together
    int asked = 0;

    explicit World(std::size_t statements) {
        problem.statements = statements;
        problem.weights.assign(statements, 1);
        problem.cost = [this](std::size_t statement, const std::vector<std::size_t>& set) {
            ++asked;
            double saved = 0;
            for (const std::size_t index : set) {
                const auto found = saves.find({statement, index});
                if (found != saves.end()) saved = std::max(saved, found->second);
            }
            const auto pair = both.find(statement);
            if (pair != both.end() && std::includes(set.begin(), set.end(), pair->second.begin(), pair->second.end())) saved = std::max(saved, 90.0);
            return 100 - saved;
        };
    }

    std::size_t index(double bytes, std::map<std::size_t, double> saved, double upkeep = 0) {
        const std::size_t number = problem.bytes.size();
        problem.bytes.push_back(bytes);
        problem.upkeep.push_back(upkeep);
        auto& serves = problem.statements_of.emplace_back();
        for (const auto& [statement, units] : saved) {
            serves.push_back(statement);
            if (units > 0) saves[{statement, number}] = units;
        }
        return number;
    }

    std::vector<std::size_t> chosen() {
        auto found = select_indexes(problem).indexes;
        std::sort(found.begin(), found.end());
        return found;
    }
};

using Numbers = std::vector<std::size_t>;

}  // namespace

TEST_CASE("what saves most by the byte is chosen first, as far as the budget reaches") {
    World world(3);
    world.index(10, {{0, 50}});
    world.index(10, {{1, 80}});
    world.index(40, {{2, 90}});
    world.problem.budget = 20;
    CHECK(world.chosen() == Numbers{0, 1});
    CHECK(select_indexes(world.problem).indexes == Numbers{1, 0});
    world.problem.budget = 0;
    CHECK(world.chosen() == Numbers{0, 1, 2});
    world.problem.budget = 5;
    CHECK(world.chosen().empty());
}

TEST_CASE("one large index is chosen where many small ones would leave no room for it") {
    World world(2);
    world.index(10, {{0, 20}});
    world.index(95, {{0, 60}, {1, 95}});
    world.problem.budget = 100;
    CHECK(world.chosen() == Numbers{1});
}

TEST_CASE("indexes that help only together are chosen together") {
    World world(1);
    const auto one = world.index(10, {{0, 0}}), other = world.index(10, {{0, 0}});
    world.both[0] = {one, other};
    CHECK(world.chosen().empty());
    world.problem.groups = {{one, other}};
    CHECK(world.chosen() == Numbers{one, other});
    world.problem.budget = 15;
    CHECK(world.chosen().empty());
}

TEST_CASE("an index that costs the writers more than it saves is not chosen") {
    World world(2);
    world.index(10, {{0, 50}}, 60);
    world.index(10, {{1, 50}}, 20);
    CHECK(world.chosen() == Numbers{1});
    world.problem.weights = {2, 1};
    CHECK(world.chosen() == Numbers{0, 1});
    const auto found = select_indexes(world.problem);
    CHECK(found.before == 300);
    CHECK(found.after == 300 - 100 - 50 + 80);
    CHECK(found.bytes == 20);
}

TEST_CASE("an index that a later one makes needless is left out again") {
    World world(2);
    world.index(10, {{0, 60}});
    world.index(15, {{0, 70}, {1, 70}});
    CHECK(world.chosen() == Numbers{1});
}

TEST_CASE("one statement that costs most of all does not hide the others") {
    World world(3);
    world.index(10, {{0, 99}});
    world.index(10, {{1, 50}});
    world.index(10, {{2, 50}});
    world.problem.weights = {1e9, 1, 1};
    world.saves[{0, 0}] = 100;
    CHECK(world.chosen() == Numbers{0, 1, 2});
}

TEST_CASE("no question is asked twice") {
    World world(4);
    for (std::size_t i = 0; i < 8; ++i) world.index(10 + static_cast<double>(i), {{i % 4, 20 + 5.0 * static_cast<double>(i)}, {(i + 1) % 4, 10}});
    world.chosen();
    // Each statement knows four indexes: it can be asked with at most 16 sets.
    CHECK(world.asked <= 4 * 16);
}
