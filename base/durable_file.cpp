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

// A rename is on the disk once its directory is. Opened before anything is written, since that may fail.
class Folder {
public:
    explicit Folder(const std::string& path) {
        const auto parent = std::filesystem::path(path).parent_path();
        descriptor_ = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor_ < 0) fail("cannot open the directory of", path);
    }
    ~Folder() { ::close(descriptor_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    // Some file systems do not do this for directories, and say so.
    bool sync() const { return ::fsync(descriptor_) == 0 || errno == EINVAL || errno == ENOTSUP; }

private:
    int descriptor_;
};

// Where a chain of symbolic links ends, whether or not there is something.
std::string behind_links(std::string path) {
    constexpr int kLinksMax = 40;  // as Linux follows
    std::error_code error;
    for (int i = 0; i < kLinksMax && std::filesystem::is_symlink(std::filesystem::symlink_status(path, error)); ++i) {
        const auto target = std::filesystem::read_symlink(path, error);
        if (error) break;
        path = (std::filesystem::path(path).parent_path() / target).string();  // an absolute target stands alone
    }
    return path;
}

}  // namespace

void make_folders_of(const std::string& path) {
    std::error_code ignored;
    if (const auto parent = std::filesystem::path(path).parent_path(); !parent.empty()) std::filesystem::create_directories(parent, ignored);
}

void replace_file(const std::string& name, std::string_view text) {
    constexpr mode_t kOwnerOnly = 0600;
    const std::string path = behind_links(name);
    // A device or a pipe (/dev/null) would be taken away from everybody else.
    std::error_code unknown;
    const auto there = std::filesystem::status(path, unknown);
    if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there)) throw std::runtime_error("cannot write " + path + ": it is not a regular file");
    const Folder folder(path);
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
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        const int error = errno;
        ::unlink(fresh.c_str());
        errno = error;
        fail("cannot write", path);
    }
    if (!folder.sync()) throw NotDurable("the directory of " + path + " could not be synchronised: " + std::strerror(errno));
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
