// Runs the statements of a deployment, or takes them back, so that nobody is locked out and nothing half made is left behind.
//
// An index is built CONCURRENTLY under a lock_timeout. If the lock is not had in time, or the build met a deadlock, what it left is dropped
// and it is tried again, later each time. What fails for good is taken back: an invalid index costs every writer and helps nobody.
// (PostgreSQL manual, CREATE INDEX, "Building Indexes Concurrently".)
//
// Threads: one. Errors: as told of each function.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "advisor/build_connection.h"
#include "advisor/deploy_step.h"

namespace larder::advisor {

// What cannot be done, as a sentence for people.
class BuildError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};
// It was stopped by the caller. What it had made is taken back, or is named in the sentence.
class BuildStopped : public BuildError {
public:
    using BuildError::BuildError;
};
// A lock was not had in all attempts: later it may be. If an index is left half built, the sentence says so and clean_up() is to be called later.
class BuildLocked : public BuildError {
public:
    using BuildError::BuildError;
};

struct BuildOptions {
    std::string uri;                                // empty: libpq's environment
    std::chrono::milliseconds lock_timeout{5'000};
    int attempts = 5;
    std::chrono::milliseconds retry_wait{10'000};   // before the second attempt; each next one waits that much longer, up to ten times
    // Told now and then, in words: "building index: scanning table, 40 %".
    std::function<void(const std::string& text)> on_progress;
    // Waits so long at most, and says whether to go on. Empty: waits, and goes on.
    std::function<bool(std::chrono::milliseconds time)> wait;
};

// A sentence if these statements may not be deployed, "" if they may: each has to be understood, and each index that is made has to be dropped
// by one of `undo`.
std::string why_not_deployed(const std::vector<std::string>& deploy, const std::vector<std::string>& undo);

class Builder {
public:
    explicit Builder(BuildOptions options);  // connects: std::runtime_error
    ~Builder();

    // One statement: does all of it or none. BuildError says why not; BuildStopped if the caller did not want to go on.
    void run(const std::string& sql);
    // Takes back what run(step) did, by those of `undo` that are for it. What somebody else took back already is fine.
    void take_back(const std::string& step, const std::vector<std::string>& undo);
    // Drops the index of that CREATE INDEX if a crash or BuildLocked left it invalid; waits for a build that still goes on. True if a valid
    // one is there.
    bool clean_up(const std::string& create_index);
    // 0 if there is no such table.
    unsigned table_oid(const DeployStep& step);
    // How often an index was scanned; 0 if there is none of that name.
    std::uint64_t scans(const DeployStep& create_index);

private:
    enum class Found : std::uint8_t { nothing, invalid, valid };
    void refuse_partitioned(const DeployStep& step);
    void refuse_taken_name(const DeployStep& step);
    void attempt_often(const DeployStep& step);
    void run_once(const DeployStep& step);
    Found find_index(const DeployStep& step);
    void drop_invalid_once(const DeployStep& step);
    void drop_invalid(const DeployStep& step);
    void tell_progress();
    bool wait(std::chrono::milliseconds time);

    BuildOptions options_;
    BuildConnection connection_;
    std::unique_ptr<BuildConnection> watcher_;  // asks how far the build is; opened when first wanted
};

}  // namespace larder::advisor
