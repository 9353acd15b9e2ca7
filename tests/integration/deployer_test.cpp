// Deployments on a real PostgreSQL: what is built, what is left when it cannot be, and what is taken back.
#include "advisor/deployer.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include <libpq-fe.h>
#include <unistd.h>

using namespace larder;
using namespace larder::advisor;
using namespace std::chrono_literals;

namespace {

struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};

const char* server_uri() {
    const char* uri = std::getenv("LARDER_TEST_PGURI");
    if (uri == nullptr || *uri == '\0') {
        std::cout << "LARDER_TEST_PGURI names no server\n";
        std::exit(77);
    }
    return uri;
}

class Session {
public:
    Session() : connection_(PQconnectdb(server_uri())) { REQUIRE(PQstatus(connection_.get()) == CONNECTION_OK); }
    // The first value of the first row, or "".
    std::string run(const std::string& text) {
        PGresult* result = PQexec(connection_.get(), text.c_str());
        const auto status = PQresultStatus(result);
        const std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
        PQclear(result);
        INFO(text << ": " << PQerrorMessage(connection_.get()));
        REQUIRE((status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK));
        return value;
    }
    // Scans the index, and has that counted.
    void use_index() {
        run("SET enable_seqscan = off");
        run("SELECT count(*) FROM deployed WHERE k = 5");
        run("SELECT pg_stat_force_next_flush()");
        run("SELECT 1");
    }
    // What becomes of a statement that is not to succeed.
    void try_run(const std::string& text) { PQclear(PQexec(connection_.get(), text.c_str())); }
    // "": no such index.
    std::string is_valid(const std::string& index) { return run("SELECT i.indisvalid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE relname = '" + index + "'"); }

private:
    std::unique_ptr<PGconn, Finish> connection_;
};

// What was before the watch, and, once that was asked for, what came since.
class Traffic final : public TrafficSource {
public:
    Work statement(const std::string&) const override {
        if (++asked_ == 1) return {100, 900'000};
        if (asked_ == 2 && since_) since_();
        return {100 + statement_since.calls, 900'000 + statement_since.microseconds};
    }
    Work statement_with_hits(const std::string& subject) const override { return statement(subject); }
    Work writers(const std::string&, unsigned table) const override {
        if (table == 0) return {};
        return asked_ == 1 ? Work{1000, 50'000} : Work{1000 + writers_since.calls, 50'000 + writers_since.microseconds};
    }
    Work statement_since{100, 100 * 50}, writers_since;
    std::function<void()> since_;

private:
    mutable std::atomic<int> asked_ = 0;
};

class Rules final : public config::RuleBook {
public:
    std::vector<config::RuleRow> rules() const override { return {}; }
    void run(const config::RuleCommand& command) override {
        const std::lock_guard lock(mutex_);
        if (is_refusing) throw config::RuleError(config::RuleError::Kind::duplicate, "it exists");
        ran_.push_back((command.kind == config::RuleCommand::Kind::create ? "create " : "drop ") + command.name);
    }
    config::RuleMatches matches(const config::RuleOptions&) const override { return {}; }
    std::string file() const override { return {}; }
    std::vector<std::string> ran() const {
        const std::lock_guard lock(mutex_);
        return ran_;
    }
    std::atomic<bool> is_refusing = false;

private:
    mutable std::mutex mutex_;
    std::vector<std::string> ran_;
};

// A table of its own for each test, and a history in a folder that goes with it.
struct World {
    World() : folder(std::filesystem::temp_directory_path() / ("larder-deployer-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder);
        session.run("DROP TABLE IF EXISTS deployed; CREATE TABLE deployed AS SELECT i AS id, i % 1000 AS k FROM generate_series(1, 20000) i");
        options.uri = [](const std::string&) { return std::string(server_uri()); };
        options.history_file = folder / "history.jsonl";
        options.lock_timeout = 100ms;
        options.retry_wait = 50ms;
        options.poll = 20ms;
        options.watch.time = 0s;
    }
    ~World() {
        session.try_run("DROP TABLE IF EXISTS deployed");
        std::filesystem::remove_all(folder);
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    static Order order(const std::string& create = "CREATE INDEX CONCURRENTLY deployed_k ON deployed (k)") {
        Order order;
        order.title = "Make an index", order.kind = "btree_single", order.subject = "key", order.statement = "SELECT * FROM deployed WHERE k = $1";
        order.deploy = {create}, order.undo = {"DROP INDEX CONCURRENTLY deployed_k"}, order.asked_by = "postgres";
        return order;
    }

    // A hang is ctest's to end.
    static Deployment wait_for(const Deployer& deployer, int id, std::initializer_list<DeploymentState> states) {
        for (;;) {
            const auto found = deployer.find(id);
            REQUIRE(found);
            for (const auto state : states) {
                if (found->state == state) return *found;
            }
            std::this_thread::sleep_for(5ms);
        }
    }

    Session session;
    Traffic traffic;
    DeployerOptions options;
    std::filesystem::path folder;
};

std::string last_text(const Deployment& deployment) { return deployment.events.back().text; }

}  // namespace

TEST_CASE("an index that helps is built, watched and kept; and dropped when somebody wants it so") {
    World world;
    Session reader;
    world.traffic.since_ = [&] { reader.use_index(); };
    Deployer deployer(world.options, world.traffic);
    const auto id = deployer.deploy(World::order()).id;
    REQUIRE(id == 1);
    CHECK(deployer.deploy(World::order()).why_not == "Deployment 1 is the same.");
    const auto kept = World::wait_for(deployer, id, {DeploymentState::kept, DeploymentState::reverted});
    CHECK(kept.state == DeploymentState::kept);
    CHECK(last_text(kept).find("It helps") == 0);
    CHECK(world.session.is_valid("deployed_k") == "t");
    CHECK(kept.since.statement == Work{100, 5000});
    CHECK(deployer.revert(id, "somebody").id == id);
    CHECK(World::wait_for(deployer, id, {DeploymentState::reverted}).steps_done == 0);
    CHECK(world.session.is_valid("deployed_k").empty());
    CHECK(deployer.revert(id, "somebody").id == 0);
    CHECK(deployer.revert(77, "somebody").why_not == "There is no deployment 77.");
}

TEST_CASE("an index that costs its writers more than it saves is dropped again unasked") {
    World world;
    Session reader;
    world.traffic.since_ = [&] { reader.use_index(); };
    world.traffic.writers_since = {10'000, 10'000 * 500};
    Deployer deployer(world.options, world.traffic);
    const auto id = deployer.deploy(World::order()).id;
    const auto over = World::wait_for(deployer, id, {DeploymentState::kept, DeploymentState::reverted});
    CHECK(over.state == DeploymentState::reverted);
    CHECK(to_markdown({over}).find("costs the writers more than it saves") != std::string::npos);
    CHECK(world.session.is_valid("deployed_k").empty());
}

TEST_CASE("an index that the planner never uses is dropped again") {
    World world;
    Deployer deployer(world.options, world.traffic);
    const auto id = deployer.deploy(World::order()).id;
    CHECK(World::wait_for(deployer, id, {DeploymentState::kept, DeploymentState::reverted}).state == DeploymentState::reverted);
}

TEST_CASE("where nothing is to be reverted unasked it is said and left") {
    World world;
    world.options.auto_revert = false;
    world.traffic.statement_since = {100, 100 * 9'000};
    Deployer deployer(world.options, world.traffic);
    const auto id = deployer.deploy(World::order()).id;
    const auto left = World::wait_for(deployer, id, {DeploymentState::unproven});
    CHECK(last_text(left).find("should be reverted") != std::string::npos);
    CHECK(world.session.is_valid("deployed_k") == "t");
}

TEST_CASE("a writer that holds the table delays a build, which is tried again until he is gone") {
    World world;
    world.options.watch.time = 1h;
    world.options.attempts = 1000;
    Deployer deployer(world.options, world.traffic);
    Session writer;
    writer.run("BEGIN");
    writer.run("INSERT INTO deployed VALUES (0, 0)");
    const auto id = deployer.deploy(World::order()).id;
    while (deployer.progress().find("attempt") == std::string::npos) std::this_thread::sleep_for(5ms);
    CHECK(deployer.find(id)->state == DeploymentState::building);
    writer.run("COMMIT");
    World::wait_for(deployer, id, {DeploymentState::watching});
    CHECK(world.session.is_valid("deployed_k") == "t");
}

TEST_CASE("a lock that is never had leaves no index behind") {
    World world;
    world.options.attempts = 2;
    Deployer deployer(world.options, world.traffic);
    Session writer;
    writer.run("BEGIN");
    writer.run("INSERT INTO deployed VALUES (0, 0)");
    const auto id = deployer.deploy(World::order()).id;
    World::wait_for(deployer, id, {DeploymentState::reverting, DeploymentState::failed});
    writer.run("COMMIT");
    const auto over = World::wait_for(deployer, id, {DeploymentState::failed});
    CHECK(to_markdown({over}).find("lock timeout") != std::string::npos);
    CHECK(world.session.is_valid("deployed_k").empty());
}

TEST_CASE("what PostgreSQL refuses is not tried again, and nothing of it is left") {
    World world;
    world.options.attempts = 1000;
    world.options.retry_wait = 1h;
    Deployer deployer(world.options, world.traffic);
    const auto twice = deployer.deploy(World::order("CREATE UNIQUE INDEX deployed_k ON deployed (k)")).id;
    CHECK(to_markdown({World::wait_for(deployer, twice, {DeploymentState::failed})}).find("could not create unique index") != std::string::npos);
    CHECK(world.session.is_valid("deployed_k").empty());
    const auto nowhere = deployer.deploy(World::order("CREATE INDEX deployed_k ON nowhere (k)")).id;
    CHECK(to_markdown({World::wait_for(deployer, nowhere, {DeploymentState::failed})}).find("no table nowhere") != std::string::npos);
}

TEST_CASE("of several statements all are done or none") {
    World world;
    Deployer deployer(world.options, world.traffic);
    auto order = World::order();
    order.deploy.emplace_back("CREATE INDEX CONCURRENTLY deployed_2 ON deployed (nothing)");
    order.undo.emplace_back("DROP INDEX CONCURRENTLY deployed_2");
    const auto over = World::wait_for(deployer, deployer.deploy(order).id, {DeploymentState::failed});
    CHECK(over.steps_done == 0);
    CHECK(world.session.is_valid("deployed_k").empty());
}

TEST_CASE("a table with partitions is left to people") {
    World world;
    world.session.run("DROP TABLE deployed; CREATE TABLE deployed (id int, k int) PARTITION BY LIST (k)");
    Deployer deployer(world.options, world.traffic);
    const auto over = World::wait_for(deployer, deployer.deploy(World::order()).id, {DeploymentState::failed});
    CHECK(to_markdown({over}).find("partitioned") != std::string::npos);
}

TEST_CASE("an index that is there is neither made nor dropped") {
    World world;
    world.session.run("CREATE INDEX deployed_k ON deployed (id)");
    Deployer deployer(world.options, world.traffic);
    const auto over = World::wait_for(deployer, deployer.deploy(World::order()).id, {DeploymentState::failed});
    CHECK(to_markdown({over}).find("there already") != std::string::npos);
    CHECK(world.session.is_valid("deployed_k") == "t");
}

TEST_CASE("a restart goes on where the process before it was cut off") {
    World world;
    world.options.watch.time = 1h;
    Session writer;
    writer.run("BEGIN");
    writer.run("INSERT INTO deployed VALUES (0, 0)");
    world.options.attempts = 1000;
    int id = 0;
    {
        Deployer deployer(world.options, world.traffic);
        id = deployer.deploy(World::order()).id;
        while (deployer.progress().empty()) std::this_thread::sleep_for(5ms);
    }
    writer.run("COMMIT");
    Deployer again(world.options, world.traffic);
    CHECK(World::wait_for(again, id, {DeploymentState::reverted, DeploymentState::failed}).state == DeploymentState::reverted);
    CHECK(world.session.is_valid("deployed_k").empty());
    const auto next = again.deploy(World::order()).id;
    CHECK(next == id + 1);
    World::wait_for(again, next, {DeploymentState::watching});
}

TEST_CASE("an index that a crash left invalid is dropped by the next process") {
    World world;
    {
        History history(world.options.history_file);
        Deployment cut_off;
        cut_off.id = 4, cut_off.order = World::order(), cut_off.state = DeploymentState::building;
        history.append(cut_off);
    }
    world.session.try_run("CREATE UNIQUE INDEX CONCURRENTLY deployed_k ON deployed (k)");
    REQUIRE(world.session.is_valid("deployed_k") == "f");
    Deployer deployer(world.options, world.traffic);
    World::wait_for(deployer, 4, {DeploymentState::reverted});
    CHECK(world.session.is_valid("deployed_k").empty());
}

TEST_CASE("a dropped index is made again when that is reverted") {
    World world;
    world.session.run("CREATE INDEX deployed_k ON deployed (k)");
    Deployer deployer(world.options, world.traffic);
    Order order;
    order.kind = "drop_index", order.asked_by = "postgres";
    order.deploy = {"DROP INDEX CONCURRENTLY deployed_k"}, order.undo = {"CREATE INDEX deployed_k ON public.deployed USING btree (k)"};
    const auto id = deployer.deploy(order).id;
    REQUIRE(id == 1);
    World::wait_for(deployer, id, {DeploymentState::unproven});
    CHECK(world.session.is_valid("deployed_k").empty());
    deployer.revert(id, "postgres");
    World::wait_for(deployer, id, {DeploymentState::reverted});
    CHECK(world.session.is_valid("deployed_k") == "t");
}

namespace {

Order rule_order() {
    Order order;
    order.title = "Cache the answer", order.kind = "cache", order.subject = "key", order.statement = "SELECT 1", order.asked_by = "postgres";
    order.deploy = {"CREATE RULE \"advice-1\" WITH (max_stale = '5s')"}, order.undo = {"DROP RULE IF EXISTS \"advice-1\""};
    return order;
}

}  // namespace

TEST_CASE("a rule is made, watched by all executions, and kept or taken away") {
    World world;
    Rules rules;
    world.options.rules = &rules;
    world.options.uri = [](const std::string&) -> std::string { throw std::runtime_error("PostgreSQL has no part in it"); };
    const bool helps = GENERATE(true, false);
    world.traffic.statement_since = helps ? Work{1000, 1000.0 * 9} : Work{100, 900'000};
    Deployer deployer(world.options, world.traffic);
    const auto answer = deployer.deploy(rule_order());
    REQUIRE(answer.id > 0);
    const auto ended = World::wait_for(deployer, answer.id, {DeploymentState::kept, DeploymentState::reverted});
    CHECK(ended.state == (helps ? DeploymentState::kept : DeploymentState::reverted));
    CHECK(rules.ran().size() == (helps ? 1u : 2u));
    CHECK(rules.ran().front() == "create advice-1");
    if (!helps) {
        CHECK(rules.ran().back() == "drop advice-1");
        return;
    }
    REQUIRE(deployer.revert(answer.id, "postgres").id == answer.id);
    CHECK(World::wait_for(deployer, answer.id, {DeploymentState::reverted}).steps_done == 0);
    CHECK(rules.ran().back() == "drop advice-1");
}

TEST_CASE("a rule that cannot be made is a deployment that failed") {
    World world;
    Rules rules;
    CHECK_FALSE(Deployer(world.options, world.traffic).deploy(rule_order()).why_not.empty());
    world.options.rules = &rules;
    rules.is_refusing = true;
    Deployer deployer(world.options, world.traffic);
    const auto answer = deployer.deploy(rule_order());
    REQUIRE(answer.id > 0);
    CHECK(last_text(World::wait_for(deployer, answer.id, {DeploymentState::failed})).find("it exists") != std::string::npos);
    CHECK(rules.ran().empty());
}
