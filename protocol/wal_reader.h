// WalReader: from the bytes of a physical replication stream to the records of the write-ahead log.
//
// The log is a sequence of pages of 8192 bytes; the first page of a segment has a long header. Records begin at multiples
// of 8 and go on over page borders, where a header stands in between. A reader starts at any page: it skips the rest of a
// record that began before. After the record that switches segments the log is empty up to the segment's end.
//
// Everything is checked that can be: magic, address of the page, whether the page says that a record goes on and how much
// of it is left, segment size, record length, CRC. The first error sticks: whoever reads must then forget all that depended on the
// stream and begin anew, since a commit may have been missed. Integers are little-endian: a server of the other order shows
// another magic and is refused. Source: PostgreSQL's src/include/access/xlog_internal.h and xlogrecord.h.
//
// Threads: a value, for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "protocol/decode_error.h"

namespace larder::protocol {

using Lsn = std::uint64_t;  // a place in the log, in bytes from its beginning

inline constexpr std::size_t kWalPageBytes = 8192;  // of every stock server; another size shows as a bad page header

// The number that each page begins with. It changes whenever the format does, so a reader is made for one of them.
inline constexpr std::uint16_t kWalMagic15 = 0xD110;

// A record longer than this is an error: the longest of interest is a commit that drops a million relations.
inline constexpr std::size_t kWalRecordBytesMax = std::size_t{64} << 20;

struct WalRecord {
    Lsn lsn;                        // where it begins
    std::uint32_t transaction;      // of the (sub)transaction that wrote it; 0: of none
    std::uint8_t resource_manager;
    std::uint8_t info;
    Bytes body;                     // what follows the header of 24 bytes; dies with the next call of the reader
    std::size_t total_bytes() const { return body.size() + 24; }
};

class WalReader {
public:
    // `start` is a page's begin, `segment_bytes` the server's wal_segment_size; else the reader has failed from the start.
    WalReader(std::uint16_t magic, Lsn start, std::size_t segment_bytes);

    // The next record that is complete, taking bytes off the front of `data`; nullopt once `data` is used up or the reader
    // has failed. Bytes of a record that is not complete are kept.
    std::optional<WalRecord> next(Bytes& data);

    Lsn position() const { return position_; }  // of the next byte that is wanted
    bool has_failed() const { return error_.has_value(); }
    std::optional<DecodeError> error() const { return error_; }

private:
    bool read_page_header(Bytes& data);
    bool check_page_header();
    bool read_length(Bytes& data);
    std::optional<WalRecord> finish_record();
    void fail(DecodeError error);
    Bytes take(Bytes& data, std::size_t count);
    std::size_t left_on_page() const { return kWalPageBytes - position_ % kWalPageBytes; }

    std::uint16_t magic_;
    std::size_t segment_bytes_;
    Lsn position_;
    Lsn skip_until_ = 0;             // after a switch: the next segment. Headers are empty there too
    std::size_t skip_bytes_ = 0;     // of a record that began before the start
    bool is_first_page_ = true;
    bool wants_page_header_ = true;
    std::string header_;             // of a page, while it is not complete
    std::string record_;             // while it is not complete, or lent to the caller
    Lsn record_start_ = 0;
    std::size_t record_bytes_ = 0;   // 0: its length is not known yet
    bool is_lent_ = false;
    std::optional<DecodeError> error_;
};

}  // namespace larder::protocol
