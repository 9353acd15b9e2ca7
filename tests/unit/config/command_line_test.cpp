#include "config/command_line.h"

#include <catch2/catch.hpp>

using namespace larder::config;

namespace {

std::string error_of(const std::vector<std::string>& arguments) {
    try {
        parse_command_line(arguments);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("options, with their values after a space or an equals sign") {
    const auto line = parse_command_line({"--config", "a.toml", "--listen=127.0.0.1:7", "--set", "cache.ttl=5s", "--upstream", "postgres://h?a=b", "--admin", "h:1", "--check"});
    CHECK(line.config_file == "a.toml");
    CHECK(line.sets == std::vector<std::string>{"listen.address=127.0.0.1:7", "cache.ttl=5s", "upstream.uri=postgres://h?a=b", "admin.address=h:1"});
    CHECK(line.check);
    CHECK_FALSE(line.print_config);
    CHECK(parse_command_line({"--version"}).version);
    CHECK(parse_command_line({"--print-config"}).print_config);
    CHECK(parse_command_line({"-h"}).help);
    CHECK(parse_command_line({}).sets.empty());
}

TEST_CASE("what is not understood is refused") {
    CHECK(error_of({"--lisen", "x"}) == "command line: unknown option '--lisen'; did you mean '--listen'?");
    CHECK(error_of({"--config"}) == "command line: --config needs a value");
    CHECK(error_of({"--set="}) == "command line: --set needs a value");
    CHECK(error_of({"--check=1"}).find("unknown option '--check'") != std::string::npos);
    CHECK(error_of({"postgres://u:secret@h"}).find("secret") == std::string::npos);
    CHECK(error_of({"postgres://u:secret@h"}) != "no error");
}

TEST_CASE("the usage names every option") {
    for (const auto* option : {"--config", "--listen", "--upstream", "--admin", "--set", "--check", "--print-config", "--version", "--help"}) {
        CHECK(usage().find(option) != std::string_view::npos);
    }
}
