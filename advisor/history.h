// The history of deployments: a file of JSON lines that survives a restart and a crash.
//
// Each line is a deployment as it stood after a step; the last line of an id counts. A line is on the disk before the step is reported,
// and, for a step that changes the database, before it is taken: without that it is not taken. A line that a crash cut off is left out; when the file is opened it is
// written anew, atomically, without what later lines have replaced.
//
// A lock on FILE.lock keeps a second process away from it.
//
// Threads: one at a time. Errors: std::runtime_error if the file cannot be read or written, or is another process's.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "advisor/deployment.h"

namespace larder::advisor {

class History {
public:
    static constexpr std::size_t kDeploymentsMax = 1000;  // the oldest that are over are dropped beyond it

    // An empty path keeps nothing.
    explicit History(std::string path);
    ~History();
    History(const History&) = delete;
    History& operator=(const History&) = delete;

    // What the file held when it was opened, by id.
    std::vector<Deployment> take_read() { return std::move(read_); }
    void append(const Deployment& deployment);
    const std::string& path() const { return path_; }
    std::size_t lines_left_out() const { return left_out_; }

private:
    void lock();
    void read();
    void rewrite();

    std::string path_;
    std::vector<Deployment> read_;
    std::size_t left_out_ = 0;
    int file_ = -1, lock_ = -1;
};

}  // namespace larder::advisor
