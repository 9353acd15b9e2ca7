// How a session's statements follow each other: one that is asked ten times in a row and more, with other values, is worth telling ("N+1").
//
// In a row means: at once after each other; or, inside one transaction block, with at most three other statements between, as in a loop
// that asks for several things of each row. Outside a block the latter is how requests look that share a connection. A row ends where a
// quarter of a second passes, and with the block.
//
// Texts that differ in constants only count as the same: most loops of this kind come from drivers that write the values into the text.
//
// Threads: the session's own.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/clock.h"

namespace larder::session {

// Of the text without its numbers and strings, in one pass over it. Good enough to tell loops; no fingerprint: other texts may share it.
std::uint64_t skeleton_of(Bytes text);

class SequenceWatch {
public:
    static constexpr std::uint32_t kRowOf = 10;
    static constexpr std::uint32_t kBetweenMax = 3;
    static constexpr std::int64_t kPauseUsMax = 250'000;

    // The length of the row that the statement with this skeleton is in. `record`: the hash of its record, 0 if it has none.
    std::uint32_t saw(std::uint64_t skeleton, std::uint64_t record, Instant now, bool is_in_block) {
        auto& last = rows_.front();
        ++position_;
        if (last.skeleton != skeleton || now.us - last.at_us > kPauseUsMax) return turn_to(skeleton, record, now, is_in_block);
        last.at_us = now.us;
        last.position = position_;
        return ++last.length;
    }
    // The hash of the record of what was asked before the row in hand began; 0: not known.
    std::uint64_t before() const { return rows_.front().before; }
    void block_ended() { rows_ = {}; }

private:
    struct Row {
        std::uint64_t skeleton = 0, record = 0, before = 0;
        std::int64_t at_us = 0;
        std::uint32_t position = 0, length = 0;
    };
    std::uint32_t turn_to(std::uint64_t skeleton, std::uint64_t record, Instant now, bool is_in_block);

    std::array<Row, kBetweenMax + 1> rows_{};  // the newest first
    std::uint32_t position_ = 0;
};

}  // namespace larder::session
