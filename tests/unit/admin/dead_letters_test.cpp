#include "admin/dead_letters.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::admin;

namespace {

struct Folder {
    char path[32] = "/tmp/larder_dead_XXXXXX";
    Folder() { REQUIRE(mkdtemp(path) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
};

std::size_t lines(const std::string& file) {
    std::ifstream in(file);
    std::string line;
    std::size_t count = 0;
    while (std::getline(in, line)) ++count;
    return count;
}

const std::vector<EventRef> kEvents{std::make_shared<Event>(Event{.relation = "public.t", .id = 7})};

}  // namespace

TEST_CASE("dead letters are kept up to a bound, the newest") {
    const Folder folder;
    const std::string file = std::string(folder.path) + "/new/dead.jsonl";
    DeadLetters letters(file, 3000);
    for (int i = 0; i < 100; ++i) REQUIRE(letters.add("a", "it answered with status 400", kEvents, i));
    CHECK(std::filesystem::file_size(file) <= 3000);
    CHECK(std::filesystem::file_size(file + ".1") <= 3000);
    CHECK(lines(file) + lines(file + ".1") < 100);
    CHECK(lines(file + ".1") > 5);
    std::ifstream in(file);
    std::string line, last;
    while (std::getline(in, line)) last = line;
    CHECK(last.find(R"("webhook":"a")") != std::string::npos);
    CHECK(last.find(R"("relation":"public.t")") != std::string::npos);
    CHECK(last.find(R"("time":0.000099)") != std::string::npos);
}

TEST_CASE("dead letters that cannot be kept are told so") {
    CHECK_FALSE(DeadLetters("").add("a", "", kEvents, 1));
    CHECK_FALSE(DeadLetters("/dev/null/dead").add("a", "", kEvents, 1));
}
