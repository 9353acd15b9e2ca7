#include "proxy/rule_store.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace larder;
using namespace larder::proxy;
using config::RuleError;
using Kind = config::RuleError::Kind;

namespace {

std::atomic<bool> folders_cannot_be_synchronised{false};

}  // namespace

// In the place of the C library's: a disk whose folders fail.
extern "C" int fsync(int descriptor) {
    struct stat status{};
    if (folders_cannot_be_synchronised && ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("larder-rules-" + std::to_string(::getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
};

struct World {
    Folder folder;
    std::string file = folder.path / "deep" / "rules.toml";
    config::Config config;
    std::shared_ptr<const rules::UserRules> published;
    std::vector<StatementRow> rows;

    World() {
        config.rules.push_back(fixed());
    }

    static config::Rule fixed() {
        config::Rule rule;
        rule.name = "fixed";
        rule.match.table = "public.t";
        rule.ttl = std::chrono::seconds(7);
        return rule;
    }

    RuleStore open() {
        return {config, file, {[this](auto rules) { published = std::move(rules); }, [this] { return rows; }, [](const auto&, const auto& oids) {
                                   std::vector<std::string> names;
                                   for (const auto oid : oids) names.push_back(oid == 1 ? "public.t" : "public.u");
                                   return names;
                               }, [](const auto& schema, const auto& name) { return schema == "public" && (name == "t" || name == "Both" || name == "both"); }}};
    }
    static void run(RuleStore& store, const std::string& text) { store.run(config::parse_rule_command(text)); }

    // The rule that counts for a statement that reads public.t; "" if none.
    std::string rule_for(std::string_view text) const {
        const std::vector<std::string> tables{"public.t"};
        const auto* rule = published->match({text, 0, "shop", "app", tables});
        return rule == nullptr ? "" : rule->name;
    }
    std::string text() const {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
};

std::vector<std::string> names(const RuleStore& store) {
    std::vector<std::string> out;
    for (const auto& rule : store.rules()) out.push_back(rule.name);
    return out;
}

template <class Call>
RuleError::Kind refusal(Call call) {
    try {
        call();
    } catch (const RuleError& e) {
        return e.kind();
    }
    FAIL("it was not refused");
    return {};
}

}  // namespace

TEST_CASE("a rule made at run time goes before those of the configuration, and survives") {
    World world;
    {
        auto store = world.open();
        CHECK(world.rule_for("select 1 from t") == "fixed");
        World::run(store, "create rule mine with (regex = 'select 1', max_stale = '5s')");
        CHECK(world.rule_for("select 1 from t") == "mine");
        CHECK(world.rule_for("select 2 from t") == "fixed");
        World::run(store, "create rule first before mine with (regex = '1', cache = false)");
        CHECK(world.rule_for("select 1 from t") == "first");
        CHECK(names(store) == std::vector<std::string>{"first", "mine", "fixed"});
        CHECK(store.rules()[1].options == config::RuleOptions{{"regex", "select 1"}, {"max_stale", "5s"}});
        CHECK(store.rules()[2].is_fixed);
    }
    auto store = world.open();
    CHECK(names(store) == std::vector<std::string>{"first", "mine", "fixed"});
    CHECK(world.rule_for("select 1 from t") == "first");
    struct stat status{};
    REQUIRE(::stat(world.file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK_FALSE(std::filesystem::exists(world.file + ".new"));
    World::run(store, "drop rule first");
    World::run(store, "drop rule mine");
    CHECK(world.rule_for("select 1 from t") == "fixed");
    auto emptied = world.open();
    CHECK(names(emptied) == std::vector<std::string>{"fixed"});
}

TEST_CASE("ALTER RULE changes what it says and no more") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (table = t, ttl = '9s', max_stale = '5s')");
    World::run(store, "alter rule mine set (ttl = '8s', role = app) reset (max_stale)");
    CHECK(store.rules()[0].options == config::RuleOptions{{"table", "t"}, {"ttl", "8s"}, {"role", "app"}});
    CHECK(refusal([&] { World::run(store, "alter rule mine reset (tags)"); }) == Kind::invalid);
    CHECK(refusal([&] { World::run(store, "alter rule mine set (ttl = never)"); }) == Kind::invalid);
    CHECK(store.rules()[0].options.at("ttl") == "8s");
}

TEST_CASE("what is refused changes nothing") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (ttl = '9s')");
    const auto before = world.text();
    CHECK(refusal([&] { World::run(store, "create rule mine with (ttl = '9s')"); }) == Kind::duplicate);
    CHECK(refusal([&] { World::run(store, "create rule fixed with (ttl = '9s')"); }) == Kind::duplicate);
    CHECK(refusal([&] { World::run(store, "create rule other before none with (ttl = '9s')"); }) == Kind::not_found);
    CHECK(refusal([&] { World::run(store, "create rule other with (regex = '(')"); }) == Kind::invalid);
    CHECK(refusal([&] { World::run(store, "create rule other with (fingerprint = xyz)"); }) == Kind::invalid);
    CHECK(refusal([&] { World::run(store, "create rule \"\xff\" with (ttl = '9s')"); }) == Kind::invalid);
    CHECK(refusal([&] { World::run(store, "drop rule fixed"); }) == Kind::fixed);
    CHECK(refusal([&] { World::run(store, "alter rule fixed set (ttl = '1s')"); }) == Kind::fixed);
    CHECK(refusal([&] { World::run(store, "drop rule none"); }) == Kind::not_found);
    World::run(store, "drop rule if exists none");
    CHECK(world.text() == before);
    CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
}

TEST_CASE("a rule that cannot be kept is not in force") {
    World world;
    auto store = world.open();
    std::ofstream(world.folder.path / "deep") << "a file where a folder should be";
    CHECK(refusal([&] { World::run(store, "create rule mine with (regex = 'x')"); }) == Kind::not_kept);
    CHECK(names(store) == std::vector<std::string>{"fixed"});
    CHECK(world.rule_for("select x from u") == "fixed");
}

TEST_CASE("a file that cannot be read stops the start, and a reload changes nothing") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    std::ofstream(world.file, std::ios::app) << "[[rule]]\nttl = \"1s\"\n";
    CHECK_THROWS_WITH(world.open(), Catch::Contains("rules.toml:") && Catch::Contains("needs a name"));
    CHECK_THROWS_AS(store.reload(world.config), config::ConfigError);
    CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
}

TEST_CASE("a reload takes the other configuration and the file as it is") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    std::ofstream(world.file, std::ios::app) << "[[rule]]\nname = \"by hand\"\nttl = \"1s\"\n";
    config::Config other;
    store.reload(other);
    CHECK(names(store) == std::vector<std::string>{"mine", "by hand"});
    World::run(store, "drop rule \"by hand\"");
    CHECK(world.text().find("\"by hand\"") == std::string::npos);
}

TEST_CASE("without a file rules last as long as the process") {
    World world;
    world.file.clear();
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    store.reload(world.config);
    CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
    CHECK(world.rule_for("select x") == "mine");
}

TEST_CASE("what a rule would match is counted in the statements so far") {
    World world;
    auto store = world.open();
    const auto row = [](const char* text, std::uint64_t calls, std::uint32_t table, const char* role, const char* fingerprint) {
        StatementRow out;
        out.text = text, out.calls = calls, out.hits = 1, out.reads = {table}, out.role = role, out.fingerprint = fingerprint, out.database = "shop", out.is_read = true, out.id = fingerprint;
        return out;
    };
    world.rows = {row("select a from t", 5, 1, "app", "00000000000000aa"), row("select b from t", 7, 1, "boss", "00000000000000bb"), row("select c from u", 100, 2, "app", "00000000000000cc")};
    const auto matched = store.matches({{"table", "t"}});
    CHECK(matched.shapes == 2);
    CHECK(matched.calls == 12);
    CHECK(matched.hits == 2);
    CHECK(matched.examples == std::vector<std::string>{"select b from t", "select a from t"});
    CHECK(store.matches({{"fingerprint", "cc"}}).calls == 100);
    CHECK(store.matches({{"role", "app"}, {"regex", "from t"}}).calls == 5);
    world.rows[0].is_read = false;
    CHECK(store.matches({{"role", "app"}, {"regex", "from t"}}).calls == 0);
    CHECK(refusal([&] { store.matches({{"regex", "("}}); }) == Kind::invalid);
}

TEST_CASE("of what a rule would match the last hour is told") {
    World world;
    auto store = world.open();
    StatementRow row;
    row.text = "select a from t", row.fingerprint = row.id = "00000000000000aa", row.is_read = true, row.reads = {1};
    const auto counted = [&](std::uint64_t calls, std::uint64_t hits) { row.calls = calls, row.hits = hits, world.rows = {row}; };
    counted(5, 1);
    CHECK(store.matches({{"table", "t"}}).calls_last_hour == 5);  // nobody has looked an hour ago
    store.remember_calls(now() + -std::chrono::minutes(61));
    counted(12, 4);
    auto matched = store.matches({{"table", "t"}});
    CHECK(matched.calls == 12);
    CHECK(matched.calls_last_hour == 7);
    CHECK(matched.hits_last_hour == 3);
}

TEST_CASE("a command that comes while a reload is made is not undone by it") {
    World world;
    auto store = world.open();
    World::run(store, "create rule old with (regex = 'x')");
    std::thread other;
    store.reload(world.config, [&] { other = std::thread([&] { World::run(store, "drop rule old"), World::run(store, "create rule mine with (regex = 'x')"); }); });
    other.join();
    CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
    CHECK(names(world.open()) == std::vector<std::string>{"mine", "fixed"});
    CHECK(world.rule_for("x") == "mine");
}

TEST_CASE("commands and reloads at once: each command is in force once it returns, and stays") {
    World world;
    auto store = world.open();
    std::atomic<bool> stop{false};
    std::vector<std::thread> reloads;
    for (int i = 0; i < 2; ++i) reloads.emplace_back([&] { while (!stop) store.reload(world.config); });
    bool is_lost = false;
    for (int i = 0; i < 100 && !is_lost; ++i) {
        World::run(store, "create rule mine with (regex = 'x')");
        is_lost |= !store.find("mine");
        World::run(store, "drop rule mine");
        is_lost |= store.find("mine").has_value();
    }
    stop = true;
    for (auto& thread : reloads) thread.join();
    CHECK_FALSE(is_lost);
    CHECK(names(store) == std::vector<std::string>{"fixed"});
}

TEST_CASE("what fails in the rest of a reload leaves the rules as they are") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    CHECK_THROWS_WITH(store.reload({}, [] { throw std::runtime_error("no certificate"); }), "no certificate");
    CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
    World::run(store, "drop rule mine");
}

TEST_CASE("a file that was changed by hand is not written over") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    SECTION("a rule was added") {
        std::ofstream(world.file, std::ios::app) << "[[rule]]\nname = \"by hand\"\nttl = \"1s\"\n";
        const auto before = world.text();
        CHECK(refusal([&] { World::run(store, "create rule other with (regex = 'y')"); }) == Kind::changed_on_disk);
        CHECK(refusal([&] { World::run(store, "drop rule mine"); }) == Kind::changed_on_disk);
        CHECK(world.text() == before);
        CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
        store.reload(world.config);
        World::run(store, "create rule other with (regex = 'y')");
        CHECK(names(world.open()) == std::vector<std::string>{"mine", "by hand", "other", "fixed"});
    }
    SECTION("it was taken away") {
        std::filesystem::remove(world.file);
        CHECK(refusal([&] { World::run(store, "create rule other with (regex = 'y')"); }) == Kind::changed_on_disk);
        store.reload(world.config);
        CHECK(names(store) == std::vector<std::string>{"fixed"});
        World::run(store, "create rule other with (regex = 'y')");
    }
    SECTION("it was emptied") {
        std::ofstream(world.file, std::ios::trunc);
        CHECK(refusal([&] { World::run(store, "drop rule mine"); }) == Kind::changed_on_disk);
        CHECK_THROWS_WITH(store.reload(world.config), Catch::Contains("rules.toml:1: the file is empty"));
        CHECK_THROWS_AS(world.open(), config::ConfigError);
        CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
    }
}

TEST_CASE("a file of rules behind a symbolic link stays there") {
    World world;
    const auto target = world.folder.path / "elsewhere" / "kept.toml";
    std::filesystem::create_directories(target.parent_path());
    std::filesystem::create_directories(world.folder.path / "deep");
    const bool is_there = GENERATE(true, false);
    if (is_there) std::ofstream(target) << "[[rule]]\nname = \"by hand\"\nttl = \"1s\"\n";
    std::filesystem::create_symlink("../elsewhere/kept.toml", world.file);
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    CHECK(std::filesystem::is_symlink(world.file));
    CHECK(std::filesystem::is_regular_file(target));
    CHECK(names(world.open()) == (is_there ? std::vector<std::string>{"by hand", "mine", "fixed"} : std::vector<std::string>{"mine", "fixed"}));
}

TEST_CASE("a change that is in force is not said to be undone because the folder could not be synchronised") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    folders_cannot_be_synchronised = true;
    std::string said;
    try {
        World::run(store, "drop rule mine");
    } catch (const RuleError& e) {
        CHECK(e.kind() == Kind::not_durable);
        said = e.what();
    }
    folders_cannot_be_synchronised = false;
    CHECK_THAT(said, Catch::StartsWith("the change is in force and in the file, but may not survive a loss of power"));
    CHECK(names(store) == std::vector<std::string>{"fixed"});
    CHECK(names(world.open()) == std::vector<std::string>{"fixed"});
    World::run(store, "create rule mine with (regex = 'x')");
}

TEST_CASE("a table in upper case is refused where only the folded name is one") {
    World world;
    auto store = world.open();
    CHECK(refusal([&] { World::run(store, "create rule mine with (table = 'PUBLIC.T')"); }) == Kind::invalid);
    CHECK(refusal([&] { World::run(store, "create rule mine with (table = 'T')"); }) == Kind::invalid);
    World::run(store, "create rule mine with (table = 't')");
    CHECK(refusal([&] { World::run(store, "alter rule mine set (table = 'public.T')"); }) == Kind::invalid);
    World::run(store, "create rule yours with (table = 'public.Both')");
    World::run(store, "create rule later with (table = 'Yet_To_Come')");
}

TEST_CASE("a rule that was changed since it was read is not changed again") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (ttl = '9s')");
    auto command = config::parse_rule_command("alter rule mine set (ttl = '8s')");
    command.expected = config::RuleOptions{{"ttl", "9s"}};
    store.run(command);
    CHECK(refusal([&] { store.run(command); }) == Kind::changed_meanwhile);
    command.kind = config::RuleCommand::Kind::drop;
    CHECK(refusal([&] { store.run(command); }) == Kind::changed_meanwhile);
    command.expected = config::RuleOptions{{"ttl", "8s"}};
    store.run(command);
    CHECK(names(store) == std::vector<std::string>{"fixed"});
}
