#include "base/durable_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace larder {

namespace {

[[noreturn]] void fail(const char* what, const std::string& path) { throw std::runtime_error(std::string(what) + " " + path + ": " + std::strerror(errno)); }

// A rename is on the disk once its directory is.
void sync_folder_of(const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path();
    const int folder = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) fail("cannot open the directory of", path);
    ::fsync(folder);
    ::close(folder);
}

}  // namespace

void make_folders_of(const std::string& path) {
    std::error_code ignored;
    if (const auto parent = std::filesystem::path(path).parent_path(); !parent.empty()) std::filesystem::create_directories(parent, ignored);
}

void replace_file(const std::string& path, std::string_view text) {
    constexpr mode_t kOwnerOnly = 0600;
    const std::string fresh = path + ".new";
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly);
    if (file < 0) fail("cannot write", fresh);
    try {
        write_durably(file, text, fresh);
    } catch (...) {
        ::close(file);
        ::unlink(fresh.c_str());
        throw;
    }
    ::close(file);
    if (::rename(fresh.c_str(), path.c_str()) != 0) fail("cannot write", path);
    sync_folder_of(path);
}

void write_durably(int file, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const auto wrote = ::write(file, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) fail("cannot write", path);
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fsync(file) != 0) fail("cannot write", path);
}

}  // namespace larder
