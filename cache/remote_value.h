// An answer as bytes that are kept outside of this process: written down with all that is needed to know it again.
//
// Who keeps the bytes is trusted with nothing but their secrecy. It may lose them, cut them, give those of another key, old ones, or
// anything else: read() takes only what this process wrote, whole and unchanged, for this very key; and then the answer is judged as
// one from memory is, by its note and the counters of now (Cache::judge). So nobody is ever asked whether an answer is fresh.
//
// Layout, integers little-endian; docs/adr/0020-redis-holds-bytes.md has the reasons:
//
//   0  magic "LRDR"     4  format version   5  flags (1: the parts are compressed)   6  zero (2)
//   8  checksum (16)    XXH3-128 of all that follows, seeded with a secret of this process
//  24  epoch (16)       drawn at the start: what an earlier process wrote can never match, whatever its counters were
//  40  bytes of key (4), entries of the note (4), bytes of the row description (4), bytes of all parts before compression (4)
//  56  stored, expires (8 each, on this machine's monotonic clock), server time in us (8), rows (8)
//  88  note: name (8) and word (8) of each counter, `server` as name 0; then the key; then the parts to the end
//
// Threads: immutable; any. A call takes about a microsecond and one more per kilobyte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "cache/cache.h"
#include "cache/counter.h"
#include "cache/result.h"

namespace larder::cache {

struct RemoteLimits {
    std::size_t value_bytes_max = 512u << 10;    // as written, with everything
    std::size_t parts_bytes_max = 1u << 20;      // before compression: nothing larger is unpacked
    std::size_t compress_above = 1u << 10;       // smaller parts are written as they are; SIZE_MAX: all are
};

// Why bytes were not taken for an answer, in the order in which it is looked at.
enum class RemoteFault : std::uint8_t { none, not_a_value, other_epoch, damaged, other_key, unknown_counter, count_ };
std::string_view name(RemoteFault fault);

// What tells this process's values from all others'. Draw one at the start and never twice.
struct RemoteEpoch {
    std::array<std::uint64_t, 2> id{};
    std::uint64_t seed = 0;

    static RemoteEpoch draw();
};

class RemoteValues {
public:
    RemoteValues(const ServerCounters& server, RemoteEpoch epoch, RemoteLimits limits);

    // The name under which a key's value is kept: `prefix`, the epoch and the key's hash. Keys whose hashes meet overwrite each
    // other's values, which costs a miss, since each value has its key.
    std::string key_name(std::string_view prefix, std::uint64_t hash) const;

    // Replaces `out`. False: it cannot be written (too large, or it depends on a counter without a name).
    bool write(const CachedResult& result, std::string& out) const;

    // The answer that these bytes are, for a reader of `database`, or none and why. Allocates what the answer takes and no more, and
    // unpacks nothing whose checksum is wrong. It never lives on after a write (stale_until), and must be judged before it is given.
    ResultRef read(Bytes value, Bytes key, const DatabaseCounters& database, RemoteFault& fault) const;

private:
    bool write_note(const CachedResult& result, std::string& out) const;
    bool read_note(Bytes written, const DatabaseCounters& database, Note& note) const;

    const ServerCounters& server_;
    const RemoteEpoch epoch_;
    const RemoteLimits limits_;
};

}  // namespace larder::cache
