// The records of a physical replication stream, compared with what pg_waldump says of the same bytes.
#include <catch2/catch.hpp>

#include <algorithm>

#include "protocol/crc32c.h"
#include "protocol/wal_reader.h"
#include "unit/protocol/wal_fixture.h"

using namespace larder;
using namespace larder::protocol;
using larder::test::lsn_text;
using larder::test::wal_fixture;
using larder::test::WalFixture;

namespace {

struct Read {
    std::vector<std::string> records;
    bool has_failed = false;
};

// Reads `bytes` in messages that end at `cut` and then every `step` bytes.
Read read(const WalFixture& fixture, Bytes bytes, Lsn start, std::size_t cut, std::size_t step) {
    WalReader reader(kWalMagic15, start, fixture.segment_bytes);
    Read found;
    while (!bytes.empty() && !reader.has_failed()) {
        Bytes message = bytes.substr(0, cut);
        bytes.remove_prefix(message.size());
        cut = step;
        while (const auto record = reader.next(message)) {
            found.records.push_back(lsn_text(record->lsn) + " " + std::to_string(record->transaction) + " " +
                                    std::to_string(record->resource_manager) + " " + std::to_string(record->total_bytes()));
        }
    }
    found.has_failed = reader.has_failed();
    return found;
}

}  // namespace

TEST_CASE("the checksum is CRC-32C") {
    Crc32c crc;
    crc.add("1234");
    crc.add("56789");
    CHECK(crc.value() == 0xE3069283);
}

TEST_CASE("a recorded log has the records that pg_waldump finds") {
    const std::string name = GENERATE("plain", "images");
    const WalFixture fixture = wal_fixture(name);
    REQUIRE(fixture.records.size() > 300);
    const Read whole = read(fixture, fixture.bytes, fixture.start, fixture.bytes.size(), 1);
    CHECK_FALSE(whole.has_failed);
    CHECK(whole.records == fixture.records);
    for (const std::size_t step : {1U, 7U, 24U, 4096U, 8192U, 10007U}) {
        CAPTURE(name, step);
        CHECK(read(fixture, fixture.bytes, fixture.start, step, step).records == fixture.records);
    }
}

TEST_CASE("a log that is split in two at any byte has the same records") {
    const WalFixture fixture = wal_fixture("plain");
    const Bytes bytes = Bytes(fixture.bytes).substr(0, 2 * kWalPageBytes);
    const Read whole = read(fixture, bytes, fixture.start, bytes.size(), 1);
    REQUIRE(whole.records.size() > 20);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        const Read split = read(fixture, bytes, fixture.start, cut, bytes.size());
        if (split.has_failed || split.records != whole.records) FAIL("split at " << cut);
    }
}

TEST_CASE("a reader that starts at any page finds the records that begin on it or later") {
    const WalFixture fixture = wal_fixture(GENERATE("plain", "images"));
    const std::size_t filled = test::wal_file("plain.before.wal").size();
    for (std::size_t page = 0; page + kWalPageBytes < filled; page += kWalPageBytes) {
        const Read found = read(fixture, Bytes(fixture.bytes).substr(page), fixture.start + page, fixture.bytes.size(), 1);
        CAPTURE(page);
        CHECK_FALSE(found.has_failed);
        REQUIRE(found.records.size() <= fixture.records.size());
        REQUIRE(!found.records.empty());
        CHECK(std::equal(found.records.rbegin(), found.records.rend(), fixture.records.rbegin()));
        // None is left out: the one before begins on an earlier page.
        const std::size_t left_out = fixture.records.size() - found.records.size();
        if (left_out == 0) continue;
        const std::string& last = fixture.records[left_out - 1];
        const Lsn begin = std::stoull(last.substr(last.find('/') + 1), nullptr, 16);
        CHECK(begin < fixture.start + page);
    }
}

TEST_CASE("a log with one byte changed is refused, or its records are the same") {
    const WalFixture fixture = wal_fixture("plain");
    const Bytes original = Bytes(fixture.bytes).substr(0, 2 * kWalPageBytes);
    const Read whole = read(fixture, original, fixture.start, original.size(), 1);
    std::size_t refused = 0;
    for (std::size_t at = 0; at < original.size(); ++at) {
        std::string changed(original);
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        const Read found = read(fixture, changed, fixture.start, changed.size(), 1);
        // What came before the damage came rightly; nothing that is wrong is ever given out.
        if (found.records.size() > whole.records.size() || !std::equal(found.records.begin(), found.records.end(), whole.records.begin())) FAIL("changed at " << at);
        refused += found.has_failed ? 1 : 0;
    }
    CHECK(refused > original.size() * 3 / 4);  // the rest: timeline, padding, a length that waits for more, the record that is cut off
}

TEST_CASE("what is not the log of this format is refused") {
    const WalFixture fixture = wal_fixture("plain");
    Bytes data = fixture.bytes;
    const auto first = [&](WalReader reader) {
        Bytes bytes = data;
        CHECK_FALSE(reader.next(bytes));
        return reader.error();
    };
    CHECK(first(WalReader(0xD113, fixture.start, fixture.segment_bytes)) == DecodeError::bad_value);       // another version
    CHECK(first(WalReader(kWalMagic15, fixture.start + fixture.segment_bytes, fixture.segment_bytes)) == DecodeError::bad_value);  // another place
    CHECK(first(WalReader(kWalMagic15, fixture.start, 16 << 20)) == DecodeError::bad_value);                // another segment size
    CHECK(first(WalReader(kWalMagic15, fixture.start + 8, fixture.segment_bytes)) == DecodeError::bad_value);
    CHECK(first(WalReader(kWalMagic15, fixture.start, 0)) == DecodeError::bad_value);
    data = Bytes(fixture.bytes).substr(kWalPageBytes);
    CHECK(first(WalReader(kWalMagic15, fixture.start, fixture.segment_bytes)) == DecodeError::bad_value);   // a page is missing
}
