// Statements and advice in the console and over HTTP.
#include <catch2/catch.hpp>

#include <boost/json.hpp>

#include "admin/console.h"
#include "admin/routes.h"
#include "fake_source.h"
#include "fake_traffic.h"

using namespace larder;
using namespace larder::admin;
namespace json = boost::json;

namespace {

struct World {
    FakeSource snapshot;
    FakeTraffic traffic;
    FakeAdvice advice;
    Console console{snapshot, &traffic, &advice};
    Sources sources{snapshot, &traffic, &advice, nullptr, "the-token"};

    World() { traffic.rows = {FakeTraffic::row("00aa", 90, 10, 1'000), FakeTraffic::row("00bb", 0, 5, 90'000), FakeTraffic::row("00cc", 0, 0, 0)}; }
    HttpReply get(std::string_view target) { return answer("GET", target, sources); }
    json::object read(std::string_view target) {
        const auto reply = get(target);
        INFO(target << " " << reply.body);
        REQUIRE(reply.status == 200);
        return json::parse(reply.body).as_object();
    }
    std::vector<std::string> ids(std::string_view target) {
        std::vector<std::string> found;
        const auto page = read(target);
        for (const auto& row : page.at("queries").as_array()) found.emplace_back(row.at("id").as_string());
        return found;
    }
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("show queries: what takes most of the server's time first, and no number without a call") {
    World world;
    const auto reply = world.console.run("show queries", false);
    REQUIRE(reply.rows.size() == 3);
    CHECK(reply.rows[0][0] == "00bb");
    CHECK(reply.rows[1][0] == "00aa");
    for (const auto& row : reply.rows) CHECK(row.size() == reply.columns.size());
    const auto cell = [&](std::size_t row, std::string_view name) {
        const auto at = std::find(reply.columns.begin(), reply.columns.end(), name) - reply.columns.begin();
        return reply.rows.at(row).at(static_cast<std::size_t>(at));
    };
    CHECK(cell(1, "hit_rate") == "0.900");
    CHECK(cell(1, "saved_ms") == "90.000");
    CHECK(cell(2, "mean_ms") == "0.000");
    CHECK(cell(0, "why_not_cached") == std::nullopt);
}

TEST_CASE("an advice is told with evidence, what to run, gain, risk and how to undo it") {
    World world;
    const auto reply = world.console.run("EXPLAIN ADVICE 1;", true);
    std::string text;
    for (const auto& row : reply.rows) text += *row.at(0) + "\n";
    for (const auto* part : {"150.0 ms", "Make an index (btree_single)", "It reads all.", "90 %", "CREATE INDEX CONCURRENTLY i ON t (a);", "It takes disk.", "DROP INDEX CONCURRENTLY i;", "DEPLOY ADVICE 1;",
                             "Or, option 2", "select 2;", "Seq Scan on t", "      (a = 1)"}) {
        INFO(part << "\n" << text);
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(text.find("OPTION 2") == std::string::npos);  // there is nothing to deploy
    CHECK(world.console.run("EXPLAIN ADVICE 2", false).sqlstate == "22023");
    CHECK(world.console.run("EXPLAIN ADVICE x", false).sqlstate == "22023");
}

TEST_CASE("an advice shows values only to a superuser, and over HTTP with the token") {
    World world;
    const auto told = [&](bool is_admin) {
        std::string text;
        for (const auto& row : world.console.run("EXPLAIN ADVICE 1", is_admin).rows) text += *row.at(0) + "\n";
        return text;
    };
    CHECK(told(true).find("(a = 1)") != std::string::npos);
    CHECK(told(true).find("select 2") != std::string::npos);
    CHECK(told(false).find("(a = $1)") != std::string::npos);
    CHECK(told(false).find("select 2") == std::string::npos);
    for (const auto* path : {"/api/v1/advice", "/api/v1/advice/1", "/api/v1/deployments", "/api/v1/deployments.md", "/api/v1/slow-queries"}) {
        INFO(path);
        CHECK(world.get(path).body.find("secret") == std::string::npos);
        CHECK(answer("GET", path, world.sources, "Bearer wrong").body.find("secret") == std::string::npos);
    }
    for (const auto* path : {"/api/v1/advice", "/api/v1/advice/1"}) {
        INFO(path);
        CHECK(world.get(path).body.find("(a = 1)") == std::string::npos);
        CHECK(answer("GET", path, world.sources, "Bearer the-token").body.find("(a = 1)") != std::string::npos);
    }
    for (const auto* path : {"/api/v1/deployments", "/api/v1/deployments.md", "/api/v1/slow-queries"}) CHECK(answer("GET", path, world.sources, "Bearer the-token").body.find("secret") != std::string::npos);
    for (const auto* command : {"SHOW DEPLOYMENTS", "SHOW SLOW QUERIES"}) {
        const auto shows = [&](bool is_admin) {
            const auto reply = world.console.run(command, is_admin);
            const auto& row = reply.rows.at(0);
            return std::any_of(row.begin(), row.end(), [](const auto& cell) { return cell && cell->find("secret") != std::string::npos; });
        };
        CHECK(shows(true));
        CHECK_FALSE(shows(false));
    }
}

TEST_CASE("only a superuser deploys and reverts") {
    World world;
    CHECK(world.console.run("DEPLOY ADVICE 1", false).sqlstate == "42501");
    CHECK(world.console.run("REVERT DEPLOYMENT 3", false).sqlstate == "42501");
    CHECK(world.advice.deployed.empty());
    CHECK(world.console.run("DEPLOY ADVICE 1", true).rows.at(0).at(0) == "4");
    CHECK(world.console.run("deploy advice 1 option 2", true).tag == "DEPLOY");
    CHECK(world.advice.deployed == std::vector<std::pair<int, std::size_t>>{{1, 0}, {1, 1}});
    CHECK(world.console.run("DEPLOY ADVICE 1 OPTION 0", true).sqlstate == "22023");
    CHECK(world.console.run("REVERT DEPLOYMENT 3", true).tag == "REVERT");
    CHECK(world.advice.reverted == std::vector<int>{3});
    world.advice.why_not = "No.";
    CHECK(world.console.run("DEPLOY ADVICE 1", true).error == "No.");
    CHECK(world.console.run("REVERT DEPLOYMENT 3", true).sqlstate == "55000");
}

TEST_CASE("the workload is looked at when a superuser asks, under a budget or without") {
    World world;
    CHECK(world.console.run("ADVISE WORKLOAD", false).sqlstate == "42501");
    CHECK(world.console.run("ADVISE WORKLOAD", true).tag == "ADVISE");
    CHECK(world.console.run("advise workload budget 500MB", true).tag == "ADVISE");
    for (const auto* bad : {"0", "MB", "5 MB", "5XB", "99999999999TB", "-1"}) CHECK(!world.console.run(std::string("ADVISE WORKLOAD BUDGET ") + bad, true).sqlstate.empty());
    CHECK(answer("POST", "/api/v1/advice/workload?budget=77", world.sources, "Bearer the-token").status == 202);
    CHECK(answer("POST", "/api/v1/advice/workload?budget=x", world.sources, "Bearer the-token").status == 400);
    CHECK(answer("POST", "/api/v1/advice/workload", world.sources).status == 401);
    CHECK(world.advice.budgets == std::vector<std::uint64_t>{0, 500u << 20, 77});
}

TEST_CASE("without an advisor its commands say how to have one") {
    FakeSource snapshot;
    Console console(snapshot);
    for (const auto* text : {"SHOW QUERIES", "SHOW ADVICE", "SHOW SLOW QUERIES", "SHOW DEPLOYMENTS", "EXPLAIN ADVICE 1", "DEPLOY ADVICE 1", "REVERT DEPLOYMENT 1"}) {
        CHECK(console.run(text, true).hint.find("advisor.enabled") != std::string::npos);
    }
    CHECK(answer("GET", "/api/v1/queries", snapshot).status == 404);
    CHECK(answer("GET", "/api/v1/advice", snapshot).status == 404);
}

TEST_CASE("queries over HTTP are sorted and come in pages") {
    World world;
    CHECK(world.ids("/api/v1/queries") == Ids{"00bb", "00aa", "00cc"});
    CHECK(world.ids("/api/v1/queries?sort=calls&limit=2") == Ids{"00aa", "00bb"});
    CHECK(world.ids("/api/v1/queries?limit=2&offset=2&sort=mean") == Ids{"00cc"});
    CHECK(world.ids("/api/v1/queries?offset=77").empty());
    CHECK(world.read("/api/v1/queries?limit=1").at("total") == 3);
    for (const auto* bad : {"?limit=0", "?limit=1001", "?limit=x", "?offset=-1", "?sort=name", "?what=1", "?limit", "?&"}) {
        INFO(bad);
        CHECK(world.get(std::string("/api/v1/queries") + bad).status == 400);
    }
}

TEST_CASE("one query over HTTP tells what it touches, and values only to who shows the token") {
    World world;
    auto& row = world.traffic.rows.front();
    row.reads = {16'384}, row.sequences = 3, row.sequence_after = "00cc";
    row.samples.push_back({"select 'secret'", {"secret", std::nullopt}, true, 5'000});
    const auto path = "/api/v1/queries/" + row.id;
    CHECK(world.read(path).at("reads").at(0) == 16'384);
    CHECK(world.read(path).at("sequence_after") == "00cc");
    CHECK(world.get(path).body.find("secret") == std::string::npos);
    CHECK(answer("GET", path, world.sources, "Bearer wrong").body.find("secret") == std::string::npos);
    CHECK(answer("GET", path, {world.snapshot, &world.traffic, &world.advice, nullptr, ""}, "Bearer ").body.find("secret") == std::string::npos);
    const auto told = boost::json::parse(answer("GET", path, world.sources, "Bearer the-token").body).at("samples").at(0);
    CHECK(told.at("query") == "select 'secret'");
    CHECK(told.at("parameters") == boost::json::array{"secret", nullptr});
    CHECK(told.at("server_seconds") == 0.005);
    row.samples.front().has_all_parameters = false;
    CHECK(boost::json::parse(answer("GET", path, world.sources, "Bearer the-token").body).at("samples").at(0).at("parameters").is_null());
    CHECK(world.get("/api/v1/queries/nothing").status == 404);
    CHECK(answer("POST", path, world.sources, "Bearer the-token").status == 405);
}

TEST_CASE("advice and deployments over HTTP") {
    World world;
    CHECK(world.read("/api/v1/slow-queries").at("slow_queries").at(0).at("advice") == 1);
    CHECK(world.read("/api/v1/advice").at("advice").as_array().size() == 1);
    CHECK(world.read("/api/v1/advice/1").at("options").at(1).at("rewrite") == "select $1");
    CHECK(world.read("/api/v1/advice/slow-00aa").at("id") == 1);
    CHECK(world.read("/api/v1/advice/1").at("key") == "slow-00aa");
    CHECK(world.get("/api/v1/advice/2").status == 404);
    CHECK(world.get("/api/v1/advice/").status == 404);
    CHECK(world.get("/api/v1/advice/x").status == 404);
    CHECK(world.read("/api/v1/deployments").at("deployments").at(0).at("progress") == "scanning table, 40 %");
    CHECK(world.get("/api/v1/deployments.md").content_type.starts_with("text/markdown"));
    CHECK(answer("POST", "/api/v1/advice", world.sources).status == 405);
}

TEST_CASE("what changes something wants the token, and nothing can be changed where there is none") {
    World world;
    const auto deploy = [&](const Sources& sources, std::string_view authorization, std::string_view target = "/api/v1/advice/1/deploy") { return answer("POST", target, sources, authorization).status; };
    for (const auto* wrong : {"", "Bearer", "Bearer ", "Bearer the-toke", "Bearer the-token2", "bearer the-token", "Basic the-token", "the-token"}) CHECK(deploy(world.sources, wrong) == 401);
    CHECK(deploy({world.snapshot, &world.traffic, &world.advice, nullptr, ""}, "Bearer ") == 403);
    CHECK(answer("GET", "/api/v1/advice/1/deploy", world.sources, "Bearer the-token").status == 405);
    CHECK(world.advice.deployed.empty());
    CHECK(deploy(world.sources, "Bearer the-token") == 202);
    CHECK(deploy(world.sources, "Bearer the-token", "/api/v1/advice/1/deploy?option=2") == 202);
    CHECK(deploy(world.sources, "Bearer the-token", "/api/v1/advice/1/deploy?option=0") == 400);
    CHECK(deploy(world.sources, "Bearer the-token", "/api/v1/advice/1/deploy?opt=1") == 400);
    CHECK(deploy(world.sources, "Bearer the-token", "/api/v1/advice/99999999999/deploy") == 404);
    CHECK(deploy(world.sources, "Bearer the-token", "/api/v1/deployments/3/revert") == 202);
    CHECK(world.advice.deployed.size() == 2);
    CHECK(world.advice.reverted == std::vector<int>{3});
    world.advice.why_not = "No.";
    CHECK(deploy(world.sources, "Bearer the-token") == 409);
}
