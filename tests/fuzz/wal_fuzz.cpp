// A physical replication stream: any bytes, and any records with a right checksum. Nothing may be read outside of them.
#include "fuzz/round_trip.h"
#include "protocol/wal_transactions.h"

namespace larder::protocol {
namespace {

using larder::fuzz::require;

// As pages: once whole and once byte by byte, which must find the same.
void check_pages(larder::Bytes data) {
    constexpr std::size_t kSegmentBytes = 1 << 20;
    WalReader whole(kWalMagic15, 0, kSegmentBytes), split(kWalMagic15, 0, kSegmentBytes);
    std::size_t found_whole = 0, found_split = 0;
    for (larder::Bytes rest = data; whole.next(rest);) ++found_whole;
    for (const char& byte : data) {
        for (larder::Bytes one(&byte, 1); split.next(one);) ++found_split;
    }
    require(found_whole == found_split);
    require(whole.has_failed() == split.has_failed());
}

// As one record's body: manager, info, and the rest.
void check_record(larder::Bytes data) {
    if (data.size() < 2) return;
    WalTransactions transactions;
    const WalRecord record{0, 7, static_cast<std::uint8_t>(data[0]), static_cast<std::uint8_t>(data[1]), data.substr(2)};
    const auto commit = transactions.add(record);
    require(transactions.open_count() <= 1);
    if (commit.has_value() && *commit) require((*commit)->is_anything);  // no record has said what runs
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const larder::Bytes bytes{reinterpret_cast<const char*>(data), size};
    check_pages(bytes);
    check_record(bytes);
    return 0;
}

}  // namespace larder::protocol
