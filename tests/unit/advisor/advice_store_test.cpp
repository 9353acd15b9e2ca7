#include "advisor/advice_store.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::advisor;

namespace {

AdviceRow row(std::string statement, std::string found_by = "slow", std::string run = "CREATE INDEX i ON t (a)") {
    AdviceRow row;
    row.statement_id = std::move(statement), row.found_by = std::move(found_by), row.database = "d";
    row.options.push_back({.kind = "btree_single", .title = {}, .why = {}, .run = {std::move(run)}, .undo = {}, .rewrite = {}, .gain = {}, .risk = {}, .why_not_deployed = {}});
    return row;
}

}  // namespace

TEST_CASE("the same found again keeps its number, its key and its deployment") {
    AdviceStore store;
    const auto first = store.put(row("aa"));
    CHECK(first.is_new);
    store.deployed(first.id, 7);
    const auto again = store.put(row("aa", "slow", "CREATE INDEX j ON t (b)"));
    CHECK(again.id == first.id);
    CHECK_FALSE(again.is_new);
    CHECK(store.put(row("aa", "flood")).id != first.id);
    CHECK(store.list().size() == 2);
    const auto found = store.find("slow-aa");
    REQUIRE(found);
    CHECK(found->id == first.id);
    CHECK(found->deployment == 7);
    CHECK(found->options.front().run.front() == "CREATE INDEX j ON t (b)");
    CHECK(store.find(first.id)->key == "slow-aa");
    CHECK_FALSE(store.find(99));
    CHECK_FALSE(store.find("slow-bb"));
}

TEST_CASE("advice is bounded: the oldest that nothing was deployed of goes first") {
    AdviceStore store(3);
    for (const char* id : {"a", "b", "c"}) store.put(row(id));
    store.deployed(1, 5);
    CHECK(store.put(row("d")).dropped == 2);
    CHECK(store.find("slow-a"));
    CHECK_FALSE(store.find("slow-b"));
    for (const auto& one : store.list()) store.deployed(one.id, 6);
    CHECK(store.put(row("e")).dropped == 1);
    CHECK(store.list().size() == 3);
}

TEST_CASE("what the whole workload wants is known by what it runs") {
    AdviceStore store;
    const auto one = store.put(row("aa", "workload", "CREATE INDEX i ON t (a)")), two = store.put(row("aa", "workload", "CREATE INDEX j ON t (b)"));
    CHECK(one.id != two.id);
    CHECK(store.put(row("bb", "workload", "CREATE INDEX i ON t (a)")).id == one.id);
    const auto slow = store.put(row("aa"));
    store.forget_others("workload", {one.id});
    CHECK(store.find(one.id));
    CHECK_FALSE(store.find(two.id));
    CHECK(store.find(slow.id));
    store.deployed(one.id, 3);
    store.forget_others("workload", {});
    CHECK(store.find(one.id));
}
