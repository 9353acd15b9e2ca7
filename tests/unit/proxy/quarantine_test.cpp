#include "proxy/quarantine.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "config/config.h"

using namespace larder;
using namespace larder::proxy;

namespace {

struct Fixture {
    std::filesystem::path folder = std::filesystem::temp_directory_path() / ("larder-quarantine-" + std::to_string(::getpid()));
    std::string file = folder / "list";
    std::vector<rules::QuarantinedShape> in_force;
    Fixture() { std::filesystem::create_directories(folder); }
    ~Fixture() { std::filesystem::remove_all(folder); }
    Quarantine make(const std::string& where) {
        return Quarantine(where, [this](auto shapes) { in_force = std::move(shapes); });
    }
    void write(const std::string& text) const { std::ofstream(file) << text; }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what is added is in force at once, and lifted by fingerprint and database") {
    auto list = make("");
    CHECK(list.add("shop", 0xAB, "SELECT $1", 5'000'000));
    CHECK_FALSE(list.add("shop", 0xAB, "SELECT $1", 6'000'000));
    CHECK(list.add("other", 0xAB, "SELECT $1", 7'000'000));
    CHECK(in_force.size() == 2);
    CHECK(list.holds("shop", 0xAB));
    CHECK_FALSE(list.holds("shop", 0xAC));
    CHECK(list.rows()[0].fingerprint == "00000000000000ab");
    CHECK(list.rows()[0].since_us == 5'000'000);
    CHECK(list.lift("shop", 0xAC) == 0);
    CHECK(list.lift("shop", 0xAB) == 1);
    CHECK(in_force == std::vector<rules::QuarantinedShape>{{"other", 0xAB}});
    CHECK(list.add("shop", 0xAB, "SELECT $1", 1));
    CHECK(list.lift("", 0xAB) == 2);
    CHECK(in_force.empty());
}

TEST_CASE_METHOD(Fixture, "the list outlives the process") {
    {
        auto list = make(file);
        list.add("a shop", 0xFFFF'FFFF'FFFF'FFFF, "SELECT $1", 5'999'999);
        list.add("b", 0, "", 1'000'000);
    }
    in_force.clear();
    auto list = make(file);
    CHECK(in_force == std::vector<rules::QuarantinedShape>{{"a shop", 0xFFFF'FFFF'FFFF'FFFF}, {"b", 0}});
    CHECK(list.rows()[0].since_us == 5'000'000);
    CHECK(list.rows()[1].fingerprint == "all");
    CHECK(list.holds("b", 123));
    CHECK(list.lift("b", 0) == 1);
    CHECK(make(file).rows().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a list that cannot be read stops the start, and says where") {
    for (const auto* text : {"nonsense\n", "12\n", "12 x db\n", "xyz 1 db\n", "12 1 \n"}) {
        INFO(text);
        write(std::string("12 1 db\n") + text);
        CHECK_THROWS_WITH(make(file), Catch::Contains(":2: "));
    }
}

TEST_CASE_METHOD(Fixture, "what cannot be kept is in force all the same") {
    auto list = make("/dev/null/nowhere");
    CHECK(list.add("shop", 1, "", 1));
    CHECK(in_force.size() == 1);
}

TEST_CASE_METHOD(Fixture, "one more than there is room for puts its whole database into quarantine") {
    auto list = make("");
    for (std::size_t i = 1; i <= Quarantine::kShapesMax; ++i) list.add("shop", i, "", 1);
    CHECK_FALSE(list.holds("shop", 5'000));
    CHECK(list.add("shop", 5'000, "", 1));
    CHECK(list.holds("shop", 6'000));
    CHECK_FALSE(list.holds("other", 5'000));
    CHECK_FALSE(list.add("shop", 5'001, "", 1));
    CHECK(in_force.size() == Quarantine::kShapesMax + 1);
}
