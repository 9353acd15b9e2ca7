// A file with a text, that is gone at the end.
#pragma once

#include <cstdio>
#include <fstream>
#include <string>

#include <unistd.h>

#include <catch2/catch.hpp>

namespace larder::config {

class TempFile {
public:
    explicit TempFile(const std::string& text) {
        const int descriptor = mkstemp(path_);
        REQUIRE(descriptor >= 0);
        close(descriptor);
        std::ofstream(path_) << text;
    }
    TempFile(const TempFile&) = delete;
    TempFile& operator=(const TempFile&) = delete;
    ~TempFile() { std::remove(path_); }
    std::string path() const { return path_; }

private:
    char path_[32] = "/tmp/larder_config_XXXXXX";
};

}  // namespace larder::config
