// Files that are replaced as a whole.
#include "base/durable_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace larder;

namespace {

struct Folder {
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name) const { return path + "/" + name; }

    const std::string path = std::filesystem::temp_directory_path() / ("larder-durable-" + std::to_string(::getpid()));
};

std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a file is replaced, made if there is none, and found behind a link") {
    const Folder folder;
    replace_file(folder.file("a"), "one");
    CHECK(content(folder.file("a")) == "one");
    std::filesystem::create_symlink("a", folder.file("link"));
    replace_file(folder.file("link"), "two");
    CHECK(content(folder.file("a")) == "two");
    CHECK(std::filesystem::is_symlink(folder.file("link")));
    CHECK_THROWS_AS(replace_file(folder.file("missing/a"), "three"), std::runtime_error);
}

TEST_CASE("what is no file is not taken away") {
    const Folder folder;
    REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
    CHECK_THROWS_WITH(replace_file(folder.file("pipe"), "one"), Catch::Contains("not a regular file"));
    CHECK(std::filesystem::is_fifo(folder.file("pipe")));
    CHECK_THROWS_AS(replace_file(folder.path, "one"), std::runtime_error);
}
