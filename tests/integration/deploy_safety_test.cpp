// What a deployment must not do: touch another index than the one that is meant, leave what a killed process made, or begin what is not written down.
#include "deployer_world.h"

#include <csignal>

#include <sys/resource.h>

using namespace larder;
using namespace larder::advisor;
using namespace std::chrono_literals;

TEST_CASE("a build that a killed process left to the server is ended, and what it made is dropped, finished or not") {
    World world;
    Session orphan;
    const bool has_finished = GENERATE(true, false);
    const auto who = orphan.run("SELECT pid || ' ' || extract(epoch FROM backend_start) FROM pg_stat_activity WHERE pid = pg_backend_pid()");
    Session writer;
    if (!has_finished) {
        // It waits for the writer, and would go on when he is gone.
        writer.hold_table();
        orphan.send("CREATE INDEX CONCURRENTLY deployed_k ON deployed (k)");
        while (world.session.is_valid("deployed_k").empty()) std::this_thread::sleep_for(5ms);
    } else {
        orphan.run("CREATE INDEX CONCURRENTLY deployed_k ON deployed (k)");
    }
    world.write_history(4, World::order(), DeploymentState::building, who);
    Deployer deployer(world.options, world.traffic);
    // The index is dropped when its lock is free, which a later attempt finds.
    while (!world.session.run("SELECT 1 FROM pg_stat_activity WHERE pid = " + who.substr(0, who.find(' '))).empty()) std::this_thread::sleep_for(5ms);
    if (!has_finished) writer.run("COMMIT");
    const auto over = World::wait_for(deployer, 4, {DeploymentState::reverted, DeploymentState::failed});
    CHECK(over.state == DeploymentState::reverted);
    CHECK(last_text(over) == "Everything is as it was.");
    CHECK(world.session.is_valid("deployed_k").empty());
}

TEST_CASE("what somebody else made is left, and said, when a build that was cut off is taken back") {
    World world;
    SECTION("the build had not begun") {
        world.session.run("CREATE INDEX deployed_k ON deployed (k)");
        world.write_history(4, World::order(), DeploymentState::building, "");
        Deployer deployer(world.options, world.traffic);
        CHECK(last_text(World::wait_for(deployer, 4, {DeploymentState::reverted})).find("nothing had been done") != std::string::npos);
    }
    SECTION("it is another index") {
        world.session.run("CREATE INDEX deployed_k ON deployed (id)");
        world.write_history(4, World::order(), DeploymentState::building, "1 1");
        Deployer deployer(world.options, world.traffic);
        const auto failed = World::wait_for(deployer, 4, {DeploymentState::failed});
        CHECK(last_text(failed).find("it is now CREATE INDEX deployed_k ON public.deployed USING btree (id)") != std::string::npos);
        CHECK(last_text(failed).find("by hand: DROP INDEX CONCURRENTLY public.deployed_k") != std::string::npos);
    }
    CHECK(world.session.is_valid("deployed_k") == "t");
}

TEST_CASE("a drop that was cut off is made good: the index is there again, and valid") {
    World world;
    const bool is_gone = GENERATE(true, false);
    if (!is_gone) {
        world.session.run("CREATE INDEX deployed_k ON deployed (k)");
        world.session.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'deployed_k'::regclass");
    }
    world.write_history(4, World::drop_order(), DeploymentState::building, "1 1");
    Deployer deployer(world.options, world.traffic);
    CHECK(World::wait_for(deployer, 4, {DeploymentState::reverted, DeploymentState::failed}).state == DeploymentState::reverted);
    CHECK(world.session.is_valid("deployed_k") == "t");
}

TEST_CASE("of two schemas with the same names the one that was advised on is meant") {
    World world;
    world.session.run("DROP SCHEMA IF EXISTS tenant CASCADE; CREATE SCHEMA tenant; CREATE TABLE tenant.deployed AS SELECT * FROM deployed; "
                      "CREATE INDEX deployed_k ON tenant.deployed (k); CREATE UNIQUE INDEX deployed_k ON public.deployed (id)");
    const auto indexes = [&] {
        return world.session.run("SELECT coalesce(string_agg(indexrelid::regclass || ' ' || indisunique, ', ' ORDER BY indexrelid::regclass::text), '') FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relname LIKE 'deployed_%'");
    };
    REQUIRE(indexes() == "deployed_k true, tenant.deployed_k false");
    Deployer deployer(world.options, world.traffic);
    Order drop;
    drop.deploy = {"DROP INDEX CONCURRENTLY tenant.deployed_k"}, drop.undo = {"CREATE INDEX deployed_k ON tenant.deployed USING btree (k)"};
    const auto dropped = deployer.deploy(drop).id;
    World::wait_for(deployer, dropped, {DeploymentState::unproven});
    CHECK(indexes() == "deployed_k true");
    deployer.revert(dropped, "postgres");
    CHECK(World::wait_for(deployer, dropped, {DeploymentState::reverted, DeploymentState::failed}).state == DeploymentState::reverted);
    CHECK(indexes() == "deployed_k true, tenant.deployed_k false");
    Order make;
    make.deploy = {"CREATE INDEX CONCURRENTLY IF NOT EXISTS deployed_id ON tenant.deployed (id)"}, make.undo = {"DROP INDEX CONCURRENTLY tenant.deployed_id"};
    const auto made = deployer.deploy(make).id;
    World::wait_for(deployer, made, {DeploymentState::unproven});
    CHECK(indexes() == "deployed_k true, tenant.deployed_id false, tenant.deployed_k false");
    deployer.revert(made, "postgres");
    World::wait_for(deployer, made, {DeploymentState::reverted});
    CHECK(indexes() == "deployed_k true, tenant.deployed_k false");
    world.session.run("DROP SCHEMA tenant CASCADE");
}

TEST_CASE("names that need quotes are built, found and dropped like others") {
    World world;
    const std::string name = GENERATE("Deployed K", "x; DROP TABLE deployed; --");
    Deployer deployer(world.options, world.traffic);
    Order order;
    order.deploy = {"CREATE INDEX CONCURRENTLY IF NOT EXISTS \"" + name + "\" ON public.deployed (k)"}, order.undo = {"DROP INDEX CONCURRENTLY public.\"" + name + "\""};
    const auto id = deployer.deploy(order).id;
    REQUIRE(id == 1);
    World::wait_for(deployer, id, {DeploymentState::unproven});
    CHECK(world.session.is_valid(name) == "t");
    deployer.revert(id, "postgres");
    CHECK(World::wait_for(deployer, id, {DeploymentState::reverted, DeploymentState::failed}).state == DeploymentState::reverted);
    CHECK(world.session.is_valid(name).empty());
}

TEST_CASE("an index is not dropped if it is not the one that was advised on any more") {
    World world;
    const std::pair<const char*, const char*> others[] = {{"CREATE INDEX deployed_k ON deployed (id)", "is not the one that was advised on"},
                                                          {"CREATE UNIQUE INDEX deployed_k ON deployed (id)", "is not the one that was advised on"},
                                                          {"CREATE TABLE other (k int); CREATE INDEX deployed_k ON other (k)", "is not the one that was advised on"},
                                                          {"SELECT 1", "is not there any more"}};
    const auto& [made, why] = others[GENERATE(0, 1, 2, 3)];
    world.session.run(made);
    const auto before = world.session.is_valid("deployed_k");
    Deployer deployer(world.options, world.traffic);
    const auto over = World::wait_for(deployer, deployer.deploy(World::drop_order()).id, {DeploymentState::failed, DeploymentState::unproven});
    CHECK(over.state == DeploymentState::failed);
    CHECK(last_text(over).find(why) != std::string::npos);
    CHECK(world.session.is_valid("deployed_k") == before);
    world.session.run("DROP TABLE IF EXISTS other");
}

TEST_CASE("an index that took the place of the one that was made is not dropped when that is reverted") {
    World world;
    world.options.watch.time = 1h;
    Deployer deployer(world.options, world.traffic);
    const auto id = deployer.deploy(World::order("CREATE INDEX deployed_k ON public.deployed (k) WHERE id > 5")).id;
    CHECK(World::wait_for(deployer, id, {DeploymentState::watching}).made.front() == "CREATE INDEX deployed_k ON public.deployed USING btree (k) WHERE (id > 5)");
    world.session.run("DROP INDEX deployed_k; CREATE INDEX deployed_k ON deployed (k) WHERE id > 6");
    deployer.revert(id, "postgres");
    const auto over = World::wait_for(deployer, id, {DeploymentState::failed, DeploymentState::reverted});
    CHECK(over.state == DeploymentState::failed);
    CHECK(last_text(over).find("is not the one that was made") != std::string::npos);
    CHECK(world.session.is_valid("deployed_k") == "t");
}

TEST_CASE("a history whose statements name no schema is not run; it is said what to do by hand") {
    World world;
    auto order = World::order("CREATE INDEX CONCURRENTLY deployed_k ON deployed (k)");
    order.undo = {"DROP INDEX CONCURRENTLY deployed_k"};
    CHECK(Deployer(world.options, world.traffic).deploy(order).why_not.find("by hand") != std::string::npos);
    SECTION("it waits") {
        world.write_history(4, order, DeploymentState::waiting, "");
        Deployer deployer(world.options, world.traffic);
        CHECK(to_markdown({World::wait_for(deployer, 4, {DeploymentState::failed})}).find("by hand with the schema before each name: CREATE INDEX") != std::string::npos);
        CHECK(world.session.is_valid("deployed_k").empty());
    }
    SECTION("it is in force") {
        world.session.run("CREATE INDEX deployed_k ON deployed (k)");
        world.write_history(4, order, DeploymentState::watching, "", 1);
        Deployer deployer(world.options, world.traffic);
        CHECK(last_text(World::wait_for(deployer, 4, {DeploymentState::unproven})).find("not watched any more") != std::string::npos);
        deployer.revert(4, "postgres");
        CHECK(last_text(World::wait_for(deployer, 4, {DeploymentState::failed})).find("by hand with the schema before each name: DROP INDEX CONCURRENTLY deployed_k") != std::string::npos);
        CHECK(world.session.is_valid("deployed_k") == "t");
    }
}

namespace {

// As a full disk does it: no file grows beyond what it has.
class FullDisk {
public:
    explicit FullDisk(const std::filesystem::path& file) {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit full{std::filesystem::file_size(file), before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &full);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("nothing is begun that cannot be written down, and it is begun when it can") {
    HeldUp world;
    Deployer& deployer = *world.deployer;
    auto next = World::order("CREATE INDEX deployed_2 ON public.deployed (id)");
    next.undo = {"DROP INDEX CONCURRENTLY public.deployed_2"};
    const auto second = deployer.deploy(next).id;
    std::string refused, said;
    bool was_made = false;
    {
        const FullDisk full(world.options.history_file);
        auto third = next;
        third.database = "other";
        refused = deployer.deploy(third).why_not;
        world.let_go();
        World::wait_for(deployer, world.id, {DeploymentState::watching});
        for (Deployment waits; said.find("history") == std::string::npos; said = last_text(waits)) {
            waits = *deployer.find(second);
            if (waits.state != DeploymentState::waiting) break;
            std::this_thread::sleep_for(5ms);
        }
        was_made = !world.session.is_valid("deployed_2").empty();
    }
    CHECK(refused.find("Nothing is deployed without a record") == 0);
    CHECK(said.find("It does not begin, since the history cannot be written") == 0);
    CHECK_FALSE(was_made);
    World::wait_for(deployer, second, {DeploymentState::watching});
    CHECK(world.session.is_valid("deployed_2") == "t");
}

TEST_CASE("a history that is no file is refused at once") {
    World world;
    std::filesystem::create_directories(world.options.history_file);
    CHECK_THROWS_AS(Deployer(world.options, world.traffic), std::runtime_error);
}
