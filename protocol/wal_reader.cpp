#include "protocol/wal_reader.h"

#include <algorithm>

#include "protocol/crc32c.h"

namespace larder::protocol {
namespace {

constexpr std::size_t kShortHeaderBytes = 24;
constexpr std::size_t kLongHeaderBytes = 40;
constexpr std::size_t kRecordHeaderBytes = 24;
constexpr std::size_t kCrcAt = 20;
constexpr std::uint16_t kIsContinuation = 1;  // XLP_FIRST_IS_CONTRECORD
constexpr std::uint16_t kIsLong = 2;          // XLP_LONG_HEADER
constexpr std::uint8_t kXlogManager = 0, kSwitch = 0x40;

template <class T>
T little(Bytes bytes, std::size_t at) {
    static_assert(std::endian::native == std::endian::little);
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

}  // namespace

WalReader::WalReader(std::uint16_t magic, Lsn start, std::size_t segment_bytes)
    : magic_(magic), segment_bytes_(segment_bytes), position_(start) {
    if (start % kWalPageBytes != 0 || segment_bytes < kWalPageBytes || segment_bytes % kWalPageBytes != 0) fail(DecodeError::bad_value);
}

void WalReader::fail(DecodeError error) {
    if (!error_) error_ = error;
}

Bytes WalReader::take(Bytes& data, std::size_t count) {
    const Bytes taken = data.substr(0, count);
    data.remove_prefix(taken.size());
    position_ += taken.size();
    return taken;
}

std::optional<WalRecord> WalReader::next(Bytes& data) {
    if (is_lent_) {
        record_.clear();
        record_bytes_ = 0;
        is_lent_ = false;
    }
    while (!data.empty() && !error_) {
        if (position_ < skip_until_) {
            take(data, skip_until_ - position_);
            continue;
        }
        if (position_ % kWalPageBytes == 0 && header_.empty()) wants_page_header_ = true;
        if (wants_page_header_) {
            if (!read_page_header(data)) break;
            continue;
        }
        if (skip_bytes_ > 0) {
            skip_bytes_ -= take(data, std::min(skip_bytes_, left_on_page())).size();
            continue;
        }
        if (record_.empty() && position_ % 8 != 0) {
            take(data, 8 - position_ % 8);
            continue;
        }
        if (record_bytes_ == 0 && !read_length(data)) continue;
        record_.append(take(data, std::min(record_bytes_ - record_.size(), left_on_page())));
        if (record_.size() == record_bytes_) return finish_record();
    }
    return std::nullopt;
}

// Lengths stand at multiples of 8, so they never cross a page; they may cross a message.
bool WalReader::read_length(Bytes& data) {
    if (record_.empty()) record_start_ = position_;
    record_.append(take(data, 4 - record_.size()));
    if (record_.size() < 4) return false;
    const std::size_t bytes = little<std::uint32_t>(record_, 0);
    if (bytes < kRecordHeaderBytes || bytes > kWalRecordBytesMax) {
        fail(DecodeError::bad_value);
        return false;
    }
    record_bytes_ = bytes;
    // With data used up, the loop's append takes nothing and asks for more.
    return true;
}

std::optional<WalRecord> WalReader::finish_record() {
    Crc32c crc;
    crc.add(Bytes(record_).substr(kRecordHeaderBytes));
    crc.add(Bytes(record_).substr(0, kCrcAt));
    if (crc.value() != little<std::uint32_t>(record_, kCrcAt)) {
        fail(DecodeError::bad_value);
        return std::nullopt;
    }
    is_lent_ = true;
    const WalRecord record{record_start_, little<std::uint32_t>(record_, 4), static_cast<std::uint8_t>(record_[17]),
                           static_cast<std::uint8_t>(record_[16]), Bytes(record_).substr(kRecordHeaderBytes)};
    if (record.resource_manager == kXlogManager && (record.info & 0xF0) == kSwitch) {
        skip_until_ = (position_ + segment_bytes_ - 1) / segment_bytes_ * segment_bytes_;
    }
    return record;
}

bool WalReader::read_page_header(Bytes& data) {
    const auto want = [this] { return header_.size() < 4 || (little<std::uint16_t>(header_, 2) & kIsLong) == 0 ? kShortHeaderBytes : kLongHeaderBytes; };
    while (header_.size() < want() && !data.empty()) header_.append(take(data, (header_.size() < 4 ? 4 : want()) - header_.size()));
    if (header_.size() < want()) return false;
    if (!check_page_header()) {
        fail(DecodeError::bad_value);
        return false;
    }
    header_.clear();
    wants_page_header_ = is_first_page_ = false;
    return true;
}

bool WalReader::check_page_header() {
    const Lsn page = position_ - header_.size();
    const auto info = little<std::uint16_t>(header_, 2);
    if (little<std::uint16_t>(header_, 0) != magic_ || little<std::uint64_t>(header_, 8) != page) return false;
    if (((info & kIsLong) != 0) != (page % segment_bytes_ == 0)) return false;
    if ((info & kIsLong) != 0 && (little<std::uint32_t>(header_, 32) != segment_bytes_ || little<std::uint32_t>(header_, 36) != kWalPageBytes)) return false;
    const bool goes_on = (info & kIsContinuation) != 0;
    const std::size_t rest = little<std::uint32_t>(header_, 16);
    if (is_first_page_) {
        skip_bytes_ = goes_on ? rest : 0;
        return true;
    }
    const std::size_t expected = record_.empty() ? skip_bytes_ : record_bytes_ - record_.size();
    return goes_on == (expected > 0) && (!goes_on || rest == expected);
}

}  // namespace larder::protocol
