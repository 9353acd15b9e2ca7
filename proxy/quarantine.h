// Shapes of statements that are kept out of the cache since an answer of theirs was found to be wrong, until an operator lifts that.
//
// The list is written to a file of its own with each change, so that it outlives the process; where that cannot be done it holds all the same,
// and the log says that it will be forgotten. A file that cannot be read stops the start, since a line of it may be what keeps wrong
// answers away. What cannot be told apart by a fingerprint, and what comes when the list is full, puts its whole database into quarantine.
//
// File: one line each, "fingerprint seconds database", the fingerprint in hexadecimal, the time in seconds since 1970.
// Threads: any; one change at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_annotations.h"
#include "base/verification.h"
#include "rules/user_rules.h"

namespace larder::proxy {

class Quarantine {
public:
    static constexpr std::size_t kShapesMax = 1'000;
    // `put_in_force`: called with the whole list after each change, and at once if it is not empty. `file` empty: the list is forgotten at the end.
    // Throws config::ConfigError.
    // `tell`: called with what comes in or is lifted, by whoever does that.
    Quarantine(std::string file, std::function<void(std::vector<rules::QuarantinedShape>)> put_in_force,
               std::function<void(const rules::QuarantinedShape&, bool is_in)> tell = [](const auto&, bool) {});

    // `shape`: its text with $n in the place of constants, for people. False: it was in it already.
    bool add(const std::string& database, std::uint64_t fingerprint, const std::string& shape, std::int64_t at_us);
    // `fingerprint` 0: that of the whole database. `database` empty: any. How many there were.
    std::size_t lift(const std::string& database, std::uint64_t fingerprint);

    bool holds(const std::string& database, std::uint64_t fingerprint) const;
    std::vector<QuarantinedRow> rows() const;

private:
    struct Entry {
        rules::QuarantinedShape what;
        std::string shape;
        std::int64_t since_us = 0;
    };
    void read();
    void changed() LARDER_REQUIRES(mutex_);

    const std::string file_;
    const std::function<void(std::vector<rules::QuarantinedShape>)> put_in_force_;
    const std::function<void(const rules::QuarantinedShape&, bool)> tell_;
    mutable Mutex mutex_;
    std::vector<Entry> entries_ LARDER_GUARDED_BY(mutex_);
};

// 16 hexadecimal digits; of 0 "all".
std::string fingerprint_text(std::uint64_t fingerprint);
// What up to 16 hexadecimal digits in either case say; nothing for all else, and for 0.
std::optional<std::uint64_t> read_fingerprint(std::string_view text);

}  // namespace larder::proxy
