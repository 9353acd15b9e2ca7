#include "advisor/plan.h"

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace larder::advisor;

namespace {

constexpr const char* kPlan = R"json([{"Plan": {"Node Type": "Limit", "Startup Cost": 10.0, "Total Cost": 20.5, "Plan Rows": 5, "Plan Width": 8,
  "Output": ["o.id"], "Plans": [{"Node Type": "Sort", "Parent Relationship": "Outer", "Total Cost": 20, "Plan Rows": 500, "Sort Key": ["o.placed_at DESC"],
  "Plans": [{"Node Type": "Seq Scan", "Relation Name": "orders", "Schema": "public", "Alias": "o", "Total Cost": 15.25, "Plan Rows": 500,
  "Filter": "((o.id > 5) AND (NOT (hashed SubPlan 1)))"}]}]}}])json";

}  // namespace

TEST_CASE("a plan is read with its children, conditions and keys") {
    const PlanNode root = read_plan(kPlan);
    CHECK(root.type == "Limit");
    CHECK(root.total_cost == 20.5);
    CHECK(root.rows == 5);
    REQUIRE(root.children.size() == 1);
    CHECK(root.children[0].sort_keys == std::vector<std::string>{"o.placed_at DESC"});
    const PlanNode& scan = root.children[0].children.at(0);
    CHECK(scan.is_scan());
    CHECK(scan.relation == "orders");
    CHECK(scan.alias == "o");
    CHECK(scan.filters.size() == 1);
}

TEST_CASE("what is no plan is refused") {
    CHECK_THROWS_AS(read_plan(""), std::runtime_error);
    CHECK_THROWS_AS(read_plan("[]"), std::runtime_error);
    CHECK_THROWS_AS(read_plan("[{\"Plan\": 5}]"), std::runtime_error);
    std::string deep = "[{\"Plan\": ";
    for (int i = 0; i < 50'000; ++i) deep += "[";
    CHECK_THROWS_AS(read_plan(deep), std::runtime_error);
}

TEST_CASE("subplans are put so that the parser takes them") {
    CHECK(plan_text("(NOT (hashed SubPlan 2))") == "(NOT (larder_subplan(2)))");
    CHECK(plan_text("((SubPlan 1) > 0)") == "((larder_subplan(1)) > 0)");
    CHECK(plan_text("(alternatives: SubPlan 3 or hashed SubPlan 4)") == "(larder_subplan(3))");
    CHECK(plan_text("(a = 'x')") == "(a = 'x')");
    CHECK(plan_text("(SubPlan 1") == "(SubPlan 1");
}

TEST_CASE("the picture marks the node that costs most by itself") {
    const std::string picture = plan_picture(read_plan(kPlan));
    const auto mark = picture.find("<== costs most");
    REQUIRE(mark != std::string::npos);
    CHECK(picture.rfind("Seq Scan on orders o", mark) > picture.rfind("Sort", mark));
    CHECK(picture.find("<==", mark + 1) == std::string::npos);
}
