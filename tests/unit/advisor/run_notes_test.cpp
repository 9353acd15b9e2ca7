#include "advisor/notes.h"

#include <catch2/catch.hpp>

using namespace larder::advisor;

namespace {

// What is said of a run whose plan is this node.
std::string said_of(const std::string& node, const std::string& rest = R"("Planning Time": 1, "Execution Time": 100)") {
    std::string text;
    for (const auto& advice : run_notes(read_run("[{\"Plan\": {" + node + "}, " + rest + "}]"))) text += advice.why + "\n";
    return text;
}

bool says(const std::string& text, const char* rule) { return text.find(std::string("(") + rule) != std::string::npos; }

const std::string kScan = R"("Node Type": "Index Only Scan", "Relation Name": "t", "Index Name": "i", "Plan Rows": 1000, "Actual Rows": 1000, "Actual Loops": 1, "Actual Total Time": 50)";

}  // namespace

TEST_CASE("a run is read with what was measured") {
    const auto run = read_run(R"([{"Plan": {"Node Type": "Sort", "Plan Rows": 5, "Actual Rows": 7, "Actual Loops": 2, "Sort Space Type": "Disk", "Sort Space Used": 900,
        "Plans": [{"Node Type": "Result"}]}, "Planning Time": 1.5, "Execution Time": 20.25, "JIT": {"Timing": {"Total": 3.5}}}])");
    CHECK(run.planning_ms == 1.5);
    CHECK(run.execution_ms == 20.25);
    CHECK(run.jit_ms == 3.5);
    REQUIRE(run.root.measured);
    CHECK(run.root.measured->rows == 7);
    CHECK(run.root.measured->is_sorted_on_disk);
    CHECK_FALSE(run.root.children.at(0).measured);
    CHECK_THROWS(read_run("[{}]"));
}

TEST_CASE("reads that were for nothing are told") {
    CHECK(says(said_of(kScan + R"(, "Heap Fetches": 500)"), "P21"));
    CHECK_FALSE(says(said_of(kScan + R"(, "Heap Fetches": 50)"), "P21"));
    CHECK(says(said_of(kScan + R"j(, "Rows Removed by Filter": 50000, "Filter": "(a = 5)")j"), "P2"));
    CHECK_FALSE(says(said_of(kScan + R"j(, "Rows Removed by Filter": 500, "Filter": "(a = 5)")j"), "P2"));
    CHECK(says(said_of(kScan + R"(, "Rows Removed by Index Recheck": 5000)"), "P18"));
    CHECK_FALSE(says(said_of(kScan + R"(, "Rows Removed by Index Recheck": 5000, "Lossy Heap Blocks": 5)"), "P18"));
    CHECK(says(said_of(kScan + R"(, "Shared Hit Blocks": 5, "Shared Read Blocks": 5000)"), "P35"));
    CHECK_FALSE(says(said_of(kScan + R"(, "Shared Hit Blocks": 5000, "Shared Read Blocks": 5000)"), "P35"));
}

TEST_CASE("sorting what comes nearly sorted is told where the groups are large") {
    const std::string sort = R"("Node Type": "Incremental Sort", "Plan Rows": 10000, "Actual Rows": 10000, "Actual Loops": 1, "Actual Total Time": 50, "Full-sort Groups": {"Group Count": )";
    CHECK(says(said_of(sort + "5}"), "P5"));
    CHECK_FALSE(says(said_of(sort + "5000}"), "P5"));
}

TEST_CASE("a join misjudged over sides judged right, and an inner side run too often, are told") {
    const auto side = [](int expected, int came, int loops) {
        return R"({"Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": )" + std::to_string(expected) + R"(, "Actual Rows": )" + std::to_string(came) + R"(, "Actual Loops": )" + std::to_string(loops) + "}";
    };
    const auto join = [&](const char* type, const std::string& outer, const std::string& inner) {
        return std::string(R"("Node Type": ")") + type + R"j(", "Join Filter": "(a.x = b.x)", "Plan Rows": 10, "Actual Rows": 50000, "Actual Loops": 1, "Plans": [)j" + outer + ", " + inner + "]";
    };
    CHECK(says(said_of(join("Hash Join", side(1000, 1000, 1), side(500, 500, 1))), "P16"));
    CHECK_FALSE(says(said_of(join("Hash Join", side(10, 1000, 1), side(500, 500, 1))), "P16"));
    CHECK(says(said_of(join("Nested Loop", side(10, 50000, 1), side(1, 1, 50000))), "P10"));
    CHECK_FALSE(says(said_of(join("Nested Loop", side(50000, 50000, 1), side(1, 1, 50000))), "P10"));
}

TEST_CASE("planning and compiling that take longer than the work are told, and nothing of what is fast") {
    CHECK(says(said_of(kScan, R"("Planning Time": 50, "Execution Time": 20)"), "P31"));
    CHECK_FALSE(says(said_of(kScan, R"("Planning Time": 5, "Execution Time": 2)"), "P31"));
    CHECK(says(said_of(kScan, R"("Planning Time": 5, "Execution Time": 200, "JIT": {"Timing": {"Total": 100}})"), "P34"));
    CHECK_FALSE(says(said_of(kScan, R"("Planning Time": 5, "Execution Time": 200, "JIT": {"Timing": {"Total": 10}})"), "P34"));
    CHECK(said_of(kScan + R"(, "Heap Fetches": 500, "Rows Removed by Filter": 50000)", R"("Planning Time": 0.1, "Execution Time": 1)").empty());
}
