#include "config/rule_command.h"

#include <catch2/catch.hpp>

#include "config/rule_table.h"
#include "config/rules_file.h"

using namespace larder::config;
using namespace std::chrono_literals;
using Kind = RuleCommand::Kind;

namespace {

std::string error_of(std::string_view text) {
    try {
        parse_rule_command(text);
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST_CASE("rule commands are recognised, whatever the case and comments") {
    for (const char* text : {"CREATE RULE a WITH (ttl = '1s')", "  create\trule", "/* x */ Alter Rule b", "-- x\ndrop rule c;", "create/**/rule a"}) {
        INFO(text);
        CHECK(is_rule_command(text));
    }
    for (const char* text : {"create rules", "createrule", "show rules", "create", "", "create index rule", "drop_rule", "/* create rule"}) {
        INFO(text);
        CHECK_FALSE(is_rule_command(text));
    }
}

TEST_CASE("CREATE RULE") {
    const auto command = parse_rule_command("Create Rule Front_Page BEFORE \"Other \"\"one\"\"\" with (Table = 'public.orders', cache=true, ttl = '1''s' , max_stale = 5s);");
    CHECK(command.kind == Kind::create);
    CHECK(command.name == "front_page");
    CHECK(command.before == "Other \"one\"");
    CHECK(command.set == RuleOptions{{"table", "public.orders"}, {"cache", "true"}, {"ttl", "1's"}, {"max_stale", "5s"}});
}

TEST_CASE("ALTER RULE and DROP RULE") {
    const auto command = parse_rule_command("ALTER RULE \"A b\" SET (ttl = 1min) RESET (max_stale, tags)");
    CHECK(command.kind == Kind::alter);
    CHECK(command.name == "A b");
    CHECK(command.set == RuleOptions{{"ttl", "1min"}});
    CHECK(command.reset == std::vector<std::string>{"max_stale", "tags"});
    CHECK(parse_rule_command("drop rule a").kind == Kind::drop);
    CHECK_FALSE(parse_rule_command("drop rule a").if_exists);
    CHECK(parse_rule_command("drop rule if exists a").if_exists);
}

TEST_CASE("what is wrong is said") {
    CHECK(error_of("create rule a") == "expected with at the end");
    CHECK(error_of("create rule a with ttl") == "expected ( at \"ttl\"");
    CHECK(error_of("create rule a with (ttl 1)") == "expected = at \"1)\"");
    CHECK(error_of("create rule a with (ttl = '1)") == "expected another ' behind at \"'1)\"");
    CHECK(error_of("create rule a with (ttl = 1, ttl = 2)") == "the key 'ttl' is given twice");
    CHECK(error_of("create rule a with (ttl = 1) and") == "nothing more may follow at \"and\"");
    CHECK(error_of("alter rule a") == "expected SET (…) or RESET (…) at the end");
    CHECK(error_of("drop rule a, b") == "nothing more may follow at \", b\"");
    CHECK(error_of("drop rule") == "expected the rule's name at the end");
    CHECK(error_of("drop rule a; drop rule b") == "nothing more may follow at \"drop rule b\"");
}

TEST_CASE("what is printed is read again") {
    const RuleOptions options{{"regex", "it's \"x\""}, {"max_stale", "5s"}};
    const auto command = parse_rule_command(print_create_rule("A \"b\"", options));
    CHECK(command.name == "A \"b\"");
    CHECK(command.set == options);
    const auto drop = parse_rule_command(print_drop_rule("A \"b\""));
    CHECK(drop.kind == Kind::drop);
    CHECK(drop.if_exists);
    CHECK(drop.name == "A \"b\"");
    CHECK(parse_explain_rule("explain rule \"A b\";") == "A b");
    CHECK_THROWS_AS(parse_explain_rule("explain rules a"), ConfigError);
}

TEST_CASE("a rule from texts, checked as those of a file are") {
    const RuleOptions options{{"table", "public.orders"}, {"role", "app"}, {"cache", "true"}, {"ttl", "30s"}, {"max_stale", "5s"}, {"freshness", "barrier"}, {"tags", "home, front"}};
    const auto rule = make_rule("r", options);
    CHECK(rule.name == "r");
    CHECK(rule.match.table == "public.orders");
    CHECK(rule.match.role == "app");
    CHECK(rule.cache == true);
    CHECK(rule.ttl == 30s);
    CHECK(rule.max_stale == 5s);
    CHECK(rule.freshness == larder::FreshnessLevel::barrier);
    CHECK(rule.tags == std::vector<std::string>{"home", "front"});
    CHECK(options_of(rule) == options);
    for (const auto& [wrong, problem] : RuleOptions{{"ttl", "ttl must be a duration"}, {"cache", "cache must be true or false"}, {"tabel", "did you mean 'table'?"},
                                                    {"name", "unknown key 'name'"}, {"match", "unknown key 'match'"}, {"max_stale", "max_stale must be a duration"}, {"freshness", "freshness must be strict, bounded or barrier"}, {"line", "unknown key 'line'"}}) {
        INFO(wrong);
        CHECK_THROWS_WITH(make_rule("r", {{wrong, "?"}}), Catch::Contains(problem));
    }
}

TEST_CASE("a file of rules holds nothing else") {
    CHECK(read_rules_text("# by hand\n", "f").empty());
    CHECK(read_rules_text(print_rule(make_rule("r", {{"ttl", "1s"}})), "f").front().ttl == 1s);
    CHECK_THROWS_WITH(read_rules_text("\n[cache]\n", "f"), "f:2: only [[rule]] may stand in this file");
    CHECK_THROWS_WITH(read_rules_text("[[rule]]\nname = \n", "f"), Catch::StartsWith("f:2: "));
    CHECK(read_rules_file("/nonexistent/rules.toml") == std::nullopt);
    CHECK_THROWS_WITH(read_rules_file("/"), "/: cannot be read");
}

TEST_CASE("a file of rules that was cut anywhere is refused") {
    for (const int count : {0, 1, 12}) {
        std::vector<Rule> rules;
        for (int i = 0; i < count; ++i) rules.push_back(make_rule("r" + std::to_string(i), {{"table", "t"}, {"regex", "a\n# rules above: 1\n"}, {"cache", "false"}}));
        const auto whole = print_rules_file(rules);
        CHECK(read_rules_text(whole, "f").size() == rules.size());
        for (std::size_t bytes = 0; bytes + 1 < whole.size(); ++bytes) {
            INFO(count << " rules, cut after " << bytes);
            CHECK_THROWS_WITH(read_rules_text(whole.substr(0, bytes), "f"), Catch::StartsWith("f:"));
        }
    }
}

TEST_CASE("the last line of a file of rules may be corrected by hand, and rules be added behind it") {
    const auto text = print_rules_file({make_rule("a", {{"ttl", "1s"}}), make_rule("b", {{"ttl", "1s"}})});
    CHECK(read_rules_text(text + "[[rule]]\nname = \"c\"\nttl = \"1s\"\n", "f").size() == 3);
    auto fewer = text;
    fewer.erase(fewer.find("\n[[rule]]\nname = \"b\""), print_rule(make_rule("b", {{"ttl", "1s"}})).size() + 1);
    CHECK_THROWS_WITH(read_rules_text(fewer, "f"), Catch::StartsWith("f:9: there are 1 rules above this line, which says \"2\""));
    fewer.replace(fewer.find("above: 2"), 8, "above: 1");
    CHECK(read_rules_text(fewer, "f").size() == 1);
}

TEST_CASE("an empty match is no match for everything") {
    for (const char* key : {"table", "fingerprint", "regex", "role", "database"}) {
        INFO(key);
        CHECK_THROWS_WITH(make_rule("r", {{key, ""}, {"max_stale", "1h"}}), Catch::Contains(std::string(key) + " is empty: leave the key out"));
        CHECK_THROWS_WITH(read_rules_text("[[rule]]\nname = \"r\"\nmatch = { " + std::string(key) + " = \"\" }\n", "f"), Catch::StartsWith("f:3: rule 'r': " + std::string(key) + " is empty"));
    }
    CHECK(make_rule("r", {{"max_stale", "1h"}}).match.table.empty());
}

TEST_CASE("a table that can be no table's name is refused with the form that is near") {
    CHECK_THROWS_WITH(make_rule("r", {{"table", "\"public\".\"t\""}}), Catch::Contains("without quotes and blanks: 'public.t'"));
    CHECK_THROWS_WITH(make_rule("r", {{"table", " t "}}), Catch::Contains("'t'"));
    CHECK_THROWS_WITH(make_rule("r", {{"table", "shop.public.t"}}), Catch::Contains("table = 'public.t', database = 'shop'"));
    for (const char* wrong : {".t", "t.", ".", "a.b.c.d", " ", "\"\""}) {
        INFO(wrong);
        CHECK_THROWS_WITH(make_rule("r", {{"table", wrong}}), Catch::Contains("table must be a table or schema.table"));
    }
    CHECK(make_rule("r", {{"table", "Sales.Big Orders"}}).match.table == "Sales.Big Orders");
}

TEST_CASE("no text of a rule holds a NUL byte") {
    using namespace std::string_literals;
    CHECK_THROWS_WITH(make_rule("a\0b"s, {{"ttl", "1s"}}), Catch::Contains("name must not hold a NUL byte"));
    CHECK_THROWS_WITH(make_rule("a", {{"regex", "a\0b"s}}), Catch::Contains("regex must not hold a NUL byte"));
}
