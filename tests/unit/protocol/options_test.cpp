#include "protocol/options.h"

#include <catch2/catch.hpp>

namespace larder::protocol {
namespace {

using Words = std::vector<std::string>;

// "name=value;name=value", and "?" where the text was not understood.
std::string parsed(Bytes text) {
    const StartupOptions options = parse_options(text);
    std::string out;
    for (const auto& [name, value] : options.settings) out += name + "=" + value + ";";
    return out + (options.is_complete ? "" : "?");
}

TEST_CASE("white space separates words and a backslash joins them") {
    CHECK(split_options("").empty());
    CHECK(split_options(" \t\n\v\f\r ").empty());
    CHECK(split_options("a  b\tc") == Words{"a", "b", "c"});
    CHECK(split_options(R"(a\ b \\c)") == Words{"a b", "\\c"});
    CHECK(split_options(R"(\x)") == Words{"x"});
    CHECK(split_options("a\\") == Words{"a"});
    CHECK(split_options(R"(\ )") == Words{" "});
    CHECK(split_options("a+b") == Words{"a+b"});
}

TEST_CASE("settings are read in all three forms") {
    CHECK(parsed("-c search_path=x --statement-timeout=5s") == "search_path=x;statement_timeout=5s;");
    CHECK(parsed("-cgeqo=off") == "geqo=off;");
    CHECK(parsed("-c larder.cache=off") == "larder.cache=off;");
    CHECK(parsed("-c a=") == "a=;");
    CHECK(parsed("--a=b=c") == "a=b=c;");
    CHECK(parsed(R"(-c search_path=a,\ b)") == "search_path=a, b;");
    CHECK(parsed("") == "");
    CHECK(parsed("   ") == "");
}

TEST_CASE("old switches stand for settings") {
    CHECK(parsed("-F -S 1024") == "fsync=false;work_mem=1024;");
    CHECK(parsed("-Fc a=b") == "fsync=false;a=b;");
    CHECK(parsed("-B100") == "shared_buffers=100;");
    CHECK(parsed("-e") == "datestyle=euro;");
}

TEST_CASE("what is not understood is said to be so") {
    CHECK(parsed("-c") == "?");
    CHECK(parsed("-c a") == "?");
    CHECK(parsed("-c =b") == "?");
    CHECK(parsed("--a") == "?");
    CHECK(parsed("--") == "?");
    CHECK(parsed("-") == "?");
    CHECK(parsed("word") == "?");
    CHECK(parsed("-Z 1") == "?");
    CHECK(parsed("-f s") == "?");
    CHECK(parsed("-c a=b word") == "a=b;?");
}

TEST_CASE("a packet full of options is read in one go") {
    std::string text;
    while (text.size() < 9900) text += "-c a=b ";
    CHECK(parse_options(text).settings.size() == text.size() / 7);
    CHECK(split_options(std::string(10000, '\\')).size() == 1);
}

}  // namespace
}  // namespace larder::protocol
