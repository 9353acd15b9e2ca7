// Runs the statements of a deployment, or takes them back, so that nobody is locked out and nothing half made is left behind.
//
// An index is built CONCURRENTLY under a lock_timeout. If the lock is not had in time, or the build met a deadlock, what it left is dropped
// and it is tried again, later each time. What fails for good is taken back: an invalid index costs every writer and helps nobody.
// (PostgreSQL manual, CREATE INDEX, "Building Indexes Concurrently".)
//
// Every name comes with its schema, and nothing is found by a search_path. An index is dropped only if it is the one that is meant: as it was
// when it was advised on, or as it was made; and never if it is unique or belongs to a constraint.
//
// Threads: one. Errors: as told of each function.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
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

// Before it began, or in that moment, a thing of that name was there: nothing was made.
class BuildTaken : public BuildError {
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

// A sentence if these statements may not be deployed, "" if they may: each has to be understood and name its things in full; what is made has to
// be dropped by one of `undo`, and an index that is dropped has to be made again.
std::string why_not_deployed(const std::vector<std::string>& deploy, const std::vector<std::string>& undo);

class Builder {
public:
    explicit Builder(BuildOptions options);  // connects: std::runtime_error
    ~Builder();

    // One statement: does all of it or none. BuildError says why not; BuildStopped if the caller did not want to go on. `undo` holds the
    // definition of an index that is dropped. `on_begin` is called when nothing stands against it, right before the server is told.
    void run(const std::string& sql, const std::vector<std::string>& undo, const std::function<void()>& on_begin = {});
    // Takes back what run(step) did, or began to do, by those of `undo` that are for it. What somebody else took back already is fine.
    // `definition`: that of the index which was made; empty if it is not known.
    void take_back(const std::string& step, const std::vector<std::string>& undo, const std::string& definition);
    // Of the index that this CREATE INDEX makes, as the server writes it; "" if there is none or it is another statement.
    std::string definition(const std::string& create_index);
    // The server process that works for this builder: its number and when it began, by which an ended builder's is known.
    std::string backend();
    // Ends what such a process still does though its builder is gone. BuildLocked if it does not end in kBackendEndMax.
    void end_backend(const std::string& backend);
    static constexpr std::chrono::seconds kBackendEndMax{30};
    // 0 if there is no such table.
    unsigned table_oid(const DeployStep& step);
    // How often an index was scanned; 0 if there is none of that name.
    std::uint64_t scans(const DeployStep& create_index);

private:
    struct Found {
        bool is_valid = false, is_unique = false, is_bound = false;  // bound: to a constraint, a replica identity or a partitioned index
        std::string definition;
    };
    void check(const DeployStep& step, const std::vector<std::string>& undo);
    void refuse_partitioned(const DeployStep& step);
    void refuse_taken_name(const DeployStep& step);
    void refuse_other_index(const DeployStep& drop, const std::string& definition);
    void execute(const DeployStep& step);
    void attempt_often(const DeployStep& step);
    void run_once(const DeployStep& step);
    void take_index_back(const DeployStep& done, const DeployStep& drop, const std::string& definition);
    void make_index_again(const DeployStep& dropped, const std::string& definition);
    std::optional<Found> find_index(const DeployStep& step);
    bool has_statistics(const DeployStep& step);
    bool is_left_invalid(const DeployStep& step);
    void drop_invalid_once(const DeployStep& step);
    void drop_invalid(const DeployStep& step);
    void tell_progress();
    bool wait(std::chrono::milliseconds time);

    BuildOptions options_;
    BuildConnection connection_;
    std::unique_ptr<BuildConnection> watcher_;  // asks how far the build is; opened when first wanted
};

}  // namespace larder::advisor
