#include "advisor/history.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "base/durable_file.h"

namespace larder::advisor {

namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path) { throw std::runtime_error(what + " " + path + ": " + std::strerror(errno)); }

std::string line_of(const Deployment& deployment) { return boost::json::serialize(to_json(deployment)) + "\n"; }

}  // namespace

History::History(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    lock();
    read();
    rewrite();
    file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file_ < 0) fail("cannot open", path_);
}

History::~History() {
    if (file_ >= 0) ::close(file_);
    if (lock_ >= 0) ::close(lock_);
}

void History::lock() {
    make_folders_of(path_);
    const std::string name = path_ + ".lock";
    lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) fail("cannot open", name);
    struct flock whole{};
    whole.l_type = F_WRLCK, whole.l_whence = SEEK_SET;
    if (::fcntl(lock_, F_OFD_SETLK, &whole) == 0) return;
    ::close(lock_);
    lock_ = -1;
    throw std::runtime_error("another process uses " + path_);
}

void History::read() {
    std::ifstream in(path_, std::ios::binary);
    if (!in && std::filesystem::exists(path_)) fail("cannot read", path_);
    std::map<int, Deployment> newest;
    for (std::string line; std::getline(in, line);) {
        boost::system::error_code failed;
        const auto value = boost::json::parse(line, failed);
        auto deployment = failed ? std::nullopt : read_deployment(value);
        if (deployment) newest.insert_or_assign(deployment->id, std::move(*deployment));
        else ++left_out_;
    }
    std::size_t to_drop = newest.size() > kDeploymentsMax ? newest.size() - kDeploymentsMax : 0;
    for (auto& [id, deployment] : newest) {
        if (to_drop > 0 && deployment.is_over()) --to_drop;
        else read_.push_back(std::move(deployment));
    }
}

void History::rewrite() {
    std::string text;
    for (const auto& deployment : read_) text += line_of(deployment);
    try {
        replace_file(path_, text);
    } catch (const NotDurable&) {
        // Whichever of the two files is there after a loss of power: they say the same.
    }
}

void History::append(const Deployment& deployment) {
    if (file_ < 0) return;
    const auto size = ::lseek(file_, 0, SEEK_END);
    try {
        write_durably(file_, line_of(deployment), path_);
    } catch (...) {
        // Half a line would spoil the next one as well. If even this fails, the next start leaves both out.
        if (size < 0 || ::ftruncate(file_, size) != 0) ++left_out_;
        throw;
    }
}

}  // namespace larder::advisor
