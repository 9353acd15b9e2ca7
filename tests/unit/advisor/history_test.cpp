#include "advisor/history.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <unistd.h>

using namespace larder::advisor;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("larder-history-" + std::to_string(::getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file() const { return path / "sub" / "history.jsonl"; }
};

Deployment deployment(int id, DeploymentState state) {
    Deployment one;
    one.id = id;
    one.state = state;
    one.order = {"shop", "Make an index", "btree_single", "key", "SELECT \"x\"\n", {"CREATE INDEX i ON t (a)"}, {"DROP INDEX i"}, 0.75, "postgres"};
    one.steps_done = 1;
    one.begun_by = "4711 1790000000.5", one.made = {"CREATE INDEX i ON public.t USING btree (a)"};
    one.before.statement = {100, 12345.5};
    one.since.writers = {7, 1};
    one.statement_at_start = {100, 12345.5};
    one.watching_since_ms = 1'790'000'000'123;
    one.table_oid = 4'000'000'000;
    one.events = {{1'790'000'000'000, DeploymentState::waiting, "Asked for."}, {1'790'000'000'100, state, "Began."}};
    return one;
}

std::string json_of(const Deployment& one) { return boost::json::serialize(to_json(one)); }

}  // namespace

TEST_CASE("a deployment is the same after a restart") {
    const Folder folder;
    {
        History history(folder.file());
        CHECK(history.take_read().empty());
        history.append(deployment(1, DeploymentState::building));
        history.append(deployment(2, DeploymentState::waiting));
        history.append(deployment(1, DeploymentState::watching));
    }
    History again(folder.file());
    const auto read = again.take_read();
    REQUIRE(read.size() == 2);
    CHECK(json_of(read[0]) == json_of(deployment(1, DeploymentState::watching)));
    CHECK(json_of(read[1]) == json_of(deployment(2, DeploymentState::waiting)));
    CHECK(again.lines_left_out() == 0);
}

TEST_CASE("a line of an earlier version does not tell whether a step that was cut off had begun") {
    auto line = to_json(deployment(1, DeploymentState::building));
    line.erase("begun_by"), line.erase("made");
    const auto cut_off = read_deployment(line);
    REQUIRE(cut_off);
    CHECK(cut_off->begun_by == "unknown");
    CHECK(cut_off->made == std::vector<std::string>{""});
    line["state"] = "kept";
    CHECK(read_deployment(line)->begun_by.empty());
}

TEST_CASE("a line that a crash cut off is left out, and what follows is not lost") {
    const Folder folder;
    {
        History history(folder.file());
        history.append(deployment(1, DeploymentState::kept));
    }
    std::ofstream(folder.file(), std::ios::app) << "{\"id\": 2, \"sta";
    {
        History history(folder.file());
        CHECK(history.lines_left_out() == 1);
        CHECK(history.take_read().size() == 1);
        history.append(deployment(3, DeploymentState::kept));
    }
    History again(folder.file());
    CHECK(again.lines_left_out() == 0);
    CHECK(again.take_read().size() == 2);
}

TEST_CASE("a file that cannot be written is an error at the start") {
    CHECK_THROWS_AS(History("/proc/nowhere/history.jsonl"), std::runtime_error);
}

TEST_CASE("a second process is kept away from the history") {
    const Folder folder;
    const History first(folder.file());
    CHECK_THROWS_WITH(History(folder.file()), Catch::Contains("another process"));
}

TEST_CASE("without a file nothing is kept and nothing fails") {
    History history("");
    history.append(deployment(1, DeploymentState::kept));
    CHECK(history.take_read().empty());
}

TEST_CASE("what is no deployment is not read") {
    auto good = to_json(deployment(1, DeploymentState::kept));
    CHECK(read_deployment(good));
    for (const auto& [member, value] : to_json(deployment(1, DeploymentState::kept))) {
        if (member == "begun_by" || member == "made") continue;  // which earlier versions did not write
        auto bad = good;
        bad.erase(member);
        INFO(member);
        CHECK(!read_deployment(bad));
    }
    good["steps_done"] = 2;  // of one
    CHECK(!read_deployment(good));
    CHECK(!read_deployment(boost::json::parse("[1]")));
}

TEST_CASE("the history is exported as a document") {
    const auto text = to_markdown({deployment(1, DeploymentState::kept)});
    CHECK(text.find("## 1. Make an index: kept") != std::string::npos);
    CHECK(text.find("CREATE INDEX i ON t (a);") != std::string::npos);
    CHECK(text.find("| statement | 100 | 123 µs |") != std::string::npos);
    CHECK(text.find("2026-09-21 14:13:20Z waiting: Asked for.") != std::string::npos);
    CHECK(to_markdown({}).find("Nothing yet.") != std::string::npos);
}

TEST_CASE("nothing in a name, a statement or a message becomes markup of the document") {
    auto one = deployment(1, DeploymentState::failed);
    one.order.database = "a`b<script>";
    one.order.statement = "SELECT '\n```\n<script>alert(1)</script>\n````'";
    one.events.front().text = "no such table: <img src=x>\n# [x](y)";
    const auto text = to_markdown({one});
    CHECK(text.find("Database a\\`b&lt;script>, asked") != std::string::npos);
    CHECK(text.find("`````sql\nSELECT '\n```\n<script>alert(1)</script>\n````';\n`````\n") != std::string::npos);
    CHECK(text.find("no such table: &lt;img src=x> # \\[x\\](y)\n") != std::string::npos);
}
