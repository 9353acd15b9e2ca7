// What a pg_snapshot says: which transactions are over, and so visible if they committed, to whoever looks from now on.
//
// Text form: xmin:xmax:xip,xip,… Numbers have 64 bits here, and 32 in the write-ahead log; widen() finds the one that is meant.
// Source: PostgreSQL's documentation, "Transaction ID and Snapshot Information Functions".
// Threads: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace larder::protocol {

class Snapshot {
public:
    // Nothing if it is not one: numbers that are missing, out of order or outside of xmin and xmax.
    static std::optional<Snapshot> parse(std::string_view text);

    // It has committed or rolled back. A number that was not given out yet is not over.
    bool is_over(std::uint64_t transaction) const;
    // Of a transaction in the log: the 64-bit number nearest to this snapshot.
    std::uint64_t widen(std::uint32_t transaction) const;

    std::uint64_t xmax() const { return xmax_; }
    // Those that are not over, of numbers below `end`.
    std::vector<std::uint64_t> running_before(std::uint64_t end) const;

private:
    std::uint64_t xmin_ = 0, xmax_ = 0;
    std::vector<std::uint64_t> running_;  // sorted
};

}  // namespace larder::protocol
