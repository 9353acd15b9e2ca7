// Deployments on a real PostgreSQL: what is built, what is left when it cannot be, and what is taken back.
#include "deployer_world.h"

using namespace larder;
using namespace larder::advisor;
using namespace std::chrono_literals;

namespace {

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
    HeldUp world;
    CHECK(world.deployer->find(world.id)->state == DeploymentState::building);
    world.let_go();
    World::wait_for(*world.deployer, world.id, {DeploymentState::watching});
    CHECK(world.session.is_valid("deployed_k") == "t");
}

TEST_CASE("a lock that is never had leaves no index behind") {
    World world;
    world.options.attempts = 2;
    Deployer deployer(world.options, world.traffic);
    Session writer;
    writer.hold_table();
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
    const auto twice = deployer.deploy(World::order("CREATE UNIQUE INDEX deployed_k ON public.deployed (k)")).id;
    CHECK(to_markdown({World::wait_for(deployer, twice, {DeploymentState::failed})}).find("could not create unique index") != std::string::npos);
    CHECK(world.session.is_valid("deployed_k").empty());
    const auto nowhere = deployer.deploy(World::order("CREATE INDEX deployed_k ON public.nowhere (k)")).id;
    CHECK(to_markdown({World::wait_for(deployer, nowhere, {DeploymentState::failed})}).find("no table nowhere") != std::string::npos);
}

TEST_CASE("of several statements all are done or none") {
    World world;
    Deployer deployer(world.options, world.traffic);
    auto order = World::order();
    order.deploy.emplace_back("CREATE INDEX CONCURRENTLY deployed_2 ON public.deployed (nothing)");
    order.undo.emplace_back("DROP INDEX CONCURRENTLY public.deployed_2");
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
    writer.hold_table();
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
    world.write_history(4, World::order("CREATE UNIQUE INDEX CONCURRENTLY deployed_k ON public.deployed (k)"), DeploymentState::building, "1 1");
    world.session.try_run("CREATE UNIQUE INDEX CONCURRENTLY deployed_k ON deployed (k)");
    REQUIRE(world.session.is_valid("deployed_k") == "f");
    Deployer deployer(world.options, world.traffic);
    World::wait_for(deployer, 4, {DeploymentState::reverted});
    CHECK(world.session.is_valid("deployed_k").empty());
}

TEST_CASE("a dropped index is made again when that is reverted") {
    World world;
    world.session.run("CREATE INDEX deployed_k ON public.deployed (k)");
    Deployer deployer(world.options, world.traffic);
    const auto id = deployer.deploy(World::drop_order()).id;
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
