#include "cache/remote_value.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/planted_fault.h"

namespace larder::cache {
namespace {

static_assert(std::endian::native == std::endian::little, "the header is written as it lies in memory");

constexpr std::array<char, 4> kMagic{'L', 'R', 'D', 'R'};
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kCompressed = 1;
constexpr int kLevel = 1;                       // of zstd: levels above it take twice the time for a tenth
constexpr std::uint64_t kServerName = 0;
constexpr std::size_t kNotesMax = 65'536;       // of one value; an answer depends on a few

struct Header {
    std::array<char, 4> magic = kMagic;
    std::uint8_t version = kVersion, flags = 0, zero[2] = {0, 0};
    std::array<std::uint64_t, 2> checksum{};
    std::array<std::uint64_t, 2> epoch{};
    std::uint32_t key_bytes = 0, notes = 0, row_description_bytes = 0, parts_bytes = 0;
    std::int64_t stored = 0, expires = 0, server_us = 0, rows = 0;
};
static_assert(sizeof(Header) == 88 && std::is_trivially_copyable_v<Header>);
constexpr std::size_t kChecksumAt = 8, kCheckedFrom = 24;

struct WrittenNote {
    std::uint64_t name, word;
};
static_assert(sizeof(WrittenNote) == 16);

// Of everything but the checksum: the first eight bytes go in with the seed.
std::array<std::uint64_t, 2> checksum_of(Bytes value, std::uint64_t seed) {
    std::uint64_t start;
    std::memcpy(&start, value.data(), sizeof start);
    const auto hash = XXH3_128bits_withSeed(value.data() + kCheckedFrom, value.size() - kCheckedFrom, seed ^ start);
    return {hash.low64, hash.high64};
}

void append_hex(std::string& out, std::uint64_t word) {
    for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[word >> shift & 15];
}

// Appends the parts compressed, if that makes them smaller.
bool compress(Bytes parts, std::string& out) {
    const std::size_t before = out.size();
    out.resize(before + ZSTD_compressBound(parts.size()));
    const std::size_t size = ZSTD_compress(out.data() + before, out.size() - before, parts.data(), parts.size(), kLevel);
    const bool is_smaller = ZSTD_isError(size) == 0 && size < parts.size();
    out.resize(before + (is_smaller ? size : 0));
    return is_smaller;
}

}  // namespace

std::string_view name(RemoteFault fault) {
    switch (fault) {
        case RemoteFault::none: return "none";
        case RemoteFault::not_a_value: return "not_a_value";
        case RemoteFault::other_epoch: return "other_epoch";
        case RemoteFault::damaged: return "damaged";
        case RemoteFault::other_key: return "other_key";
        case RemoteFault::unknown_counter: return "unknown_counter";
        case RemoteFault::count_: break;
    }
    return "unknown";
}

RemoteEpoch RemoteEpoch::draw() {
    std::random_device device;
    const auto word = [&device] { return std::uint64_t{device()} << 32 | device(); };
    return {{word(), word()}, word()};
}

RemoteValues::RemoteValues(const ServerCounters& server, RemoteEpoch epoch, RemoteLimits limits) : server_(server), epoch_(epoch), limits_(limits) {}

std::string RemoteValues::key_name(std::string_view prefix, std::uint64_t hash) const {
    std::string out(prefix);
    append_hex(out, epoch_.id[0]);
    out += ':';
    append_hex(out, hash);
    return out;
}

bool RemoteValues::write_note(const CachedResult& result, std::string& out) const {
    if (result.note_count() < kFirmCounters || result.note_count() > kNotesMax) return false;
    const auto* database = server_.database_of(result.note()[1].counter);
    if (database == nullptr) return false;
    for (const auto* noted = result.note(); noted != result.note() + result.note_count(); ++noted) {
        const auto name = noted->counter == &server_.server ? kServerName : database->name_of(noted->counter);
        if (!name) return false;
        const WrittenNote written{*name, noted->word};
        out.append(reinterpret_cast<const char*>(&written), sizeof written);
    }
    return true;
}

bool RemoteValues::write(const CachedResult& result, std::string& out) const {
    const Bytes parts = result.all();
    if (parts.size() > limits_.parts_bytes_max || sizeof(Header) + result.key().size() > limits_.value_bytes_max) return false;
    Header header;
    header.epoch = epoch_.id;
    header.key_bytes = static_cast<std::uint32_t>(result.key().size());
    header.notes = static_cast<std::uint32_t>(result.note_count());
    header.row_description_bytes = static_cast<std::uint32_t>(result.row_description().size());
    header.parts_bytes = static_cast<std::uint32_t>(parts.size());
    header.stored = result.stored().us, header.expires = result.expires().us;
    header.server_us = result.cost().server_us, header.rows = result.cost().rows;
    out.assign(sizeof header, '\0');
    if (!write_note(result, out)) return false;
    out.append(result.key());
    if (parts.size() > limits_.compress_above && compress(parts, out)) header.flags = kCompressed;
    else out.append(parts);
    if (out.size() > limits_.value_bytes_max) return false;
    std::memcpy(out.data(), &header, sizeof header);
    header.checksum = checksum_of(out, epoch_.seed);
    std::memcpy(out.data() + kChecksumAt, header.checksum.data(), sizeof header.checksum);
    return true;
}

bool RemoteValues::read_note(Bytes written, const DatabaseCounters& database, Note& note) const {
    for (; !written.empty(); written.remove_prefix(sizeof(WrittenNote))) {
        WrittenNote entry;
        std::memcpy(&entry, written.data(), sizeof entry);
        const Counter* counter = entry.name == kServerName ? &server_.server : database.named(entry.name);
        if (counter == nullptr) return false;
        note.push_back({counter, entry.word});
    }
    return note.size() >= kFirmCounters && note[0].counter == &server_.server && note[1].counter == &database.catalogue;
}

ResultRef RemoteValues::read(Bytes value, Bytes key, const DatabaseCounters& database, RemoteFault& fault) const {
    const auto refuse = [&fault](RemoteFault why) {
        fault = why;
        return ResultRef();
    };
    Header header;
    if (value.size() < sizeof header || value.size() > limits_.value_bytes_max) return refuse(RemoteFault::not_a_value);
    std::memcpy(&header, value.data(), sizeof header);
    if (header.magic != kMagic || header.version != kVersion) return refuse(RemoteFault::not_a_value);
    if (header.epoch != epoch_.id) return refuse(RemoteFault::other_epoch);
    if (header.checksum != checksum_of(value, epoch_.seed)) return refuse(RemoteFault::damaged);
    // From here on it is what this process wrote. The lengths are checked all the same: nothing from a socket is believed.
    const std::size_t note_bytes = std::size_t{header.notes} * sizeof(WrittenNote);
    if (header.notes > kNotesMax || header.parts_bytes > limits_.parts_bytes_max || header.row_description_bytes > header.parts_bytes) return refuse(RemoteFault::damaged);
    if (value.size() - sizeof header < note_bytes + header.key_bytes) return refuse(RemoteFault::damaged);
    const Bytes stored_key = value.substr(sizeof header + note_bytes, header.key_bytes);
    if (stored_key != key && !is_planted(PlantedFault::remote_key_unchecked)) return refuse(RemoteFault::other_key);
    Note note;
    note.reserve(header.notes);
    if (!read_note(value.substr(sizeof header, note_bytes), database, note)) return refuse(RemoteFault::unknown_counter);

    Bytes parts = value.substr(sizeof header + note_bytes + header.key_bytes);
    std::string unpacked;
    if ((header.flags & kCompressed) != 0) {
        unpacked.resize(header.parts_bytes);
        const std::size_t size = ZSTD_decompress(unpacked.data(), unpacked.size(), parts.data(), parts.size());
        if (ZSTD_isError(size) != 0 || size != unpacked.size()) return refuse(RemoteFault::damaged);
        parts = unpacked;
    }
    if (parts.size() != header.parts_bytes) return refuse(RemoteFault::damaged);
    fault = RemoteFault::none;
    return CachedResult::make(key, note, {parts.substr(0, header.row_description_bytes), parts.substr(header.row_description_bytes), {}},
                              {header.server_us, header.rows}, Instant{header.stored}, Instant{header.expires});
}

}  // namespace larder::cache
