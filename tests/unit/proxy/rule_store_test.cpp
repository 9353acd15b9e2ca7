#include "proxy/rule_store.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>

using namespace larder;
using namespace larder::proxy;
using config::RuleError;
using Kind = config::RuleError::Kind;

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
                               }}};
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
    CHECK_THROWS_AS(store.read_again(world.config), config::ConfigError);
    CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
}

TEST_CASE("a reload takes the other configuration and the file as it is") {
    World world;
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    std::ofstream(world.file, std::ios::app) << "[[rule]]\nname = \"by hand\"\nttl = \"1s\"\n";
    config::Config other;
    store.take_over(store.read_again(other), other);
    CHECK(names(store) == std::vector<std::string>{"mine", "by hand"});
    World::run(store, "drop rule \"by hand\"");
    CHECK(world.text().find("\"by hand\"") == std::string::npos);
}

TEST_CASE("without a file rules last as long as the process") {
    World world;
    world.file.clear();
    auto store = world.open();
    World::run(store, "create rule mine with (regex = 'x')");
    store.take_over(store.read_again(world.config), world.config);
    CHECK(names(store) == std::vector<std::string>{"mine", "fixed"});
    CHECK(world.rule_for("select x") == "mine");
}

TEST_CASE("what a rule would match is counted in the statements so far") {
    World world;
    auto store = world.open();
    const auto row = [](const char* text, std::uint64_t calls, std::uint32_t table, const char* role, const char* fingerprint) {
        StatementRow out;
        out.text = text, out.calls = calls, out.hits = 1, out.reads = {table}, out.role = role, out.fingerprint = fingerprint, out.database = "shop", out.is_read = true;
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
