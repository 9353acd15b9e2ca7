// What commits change, compared with what pg_waldump says of the same log; and what is not known is anything.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "protocol/wal_transactions.h"
#include "unit/protocol/wal_fixture.h"

using namespace larder;
using namespace larder::protocol;
using larder::test::lsn_text;
using larder::test::wal_fixture;
using larder::test::WalFixture;

namespace {

// As the fixture writes them: sorted as text, with commas.
template <class List, class Text>
std::string joined(const List& list, Text text) {
    std::set<std::string> sorted;
    for (const auto& item : list) sorted.insert(text(item));
    std::string all;
    for (const std::string& item : sorted) all += (all.empty() ? "" : ",") + item;
    return all;
}

std::string text_of(const WalCommit& commit) {
    const auto file = [](const WalFile& f) { return std::to_string(f.database) + "/" + std::to_string(f.file); };
    const auto oid = [](const WalRelation& r) { return std::to_string(r.relation); };
    return lsn_text(commit.lsn) + " " + std::to_string(commit.transaction) + " files=" + joined(commit.written, file) +
           " dropped=" + joined(commit.dropped, file) + " relcache=" + joined(commit.invalidated, oid);
}

std::vector<WalCommit> commits_of(const WalFixture& fixture, WalTransactions& transactions) {
    WalReader reader(kWalMagic15, fixture.start, fixture.segment_bytes);
    std::vector<WalCommit> commits;
    Bytes data = fixture.bytes;
    while (const auto record = reader.next(data)) {
        auto commit = transactions.add(*record);
        REQUIRE(commit.has_value());
        if (*commit) commits.push_back(std::move(**commit));
    }
    REQUIRE_FALSE(reader.has_failed());
    return commits;
}

// A record without blocks, and with so much main data.
std::string body_of(const std::string& main) { return std::string("\xFF") + static_cast<char>(main.size()) + main; }
WalRecord record(std::uint8_t manager, std::uint8_t info, std::uint32_t transaction, Bytes body) { return {0x1000, transaction, manager, info, body}; }

std::string word(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), 4}; }
std::string running(std::uint32_t next, std::uint32_t oldest) { return body_of(std::string(12, '\0') + word(next) + word(oldest) + word(oldest)); }
std::string heap_insert(std::uint32_t file) {
    const std::string block = std::string("\0\0\0\0", 4) + word(1663) + word(5) + word(file) + word(0);
    return block + std::string("\xFF\0", 2);
}
// With the row, of which the columns begin behind so many bytes of bitmap.
std::string heap_insert(const std::string& row, std::size_t bitmap = 1) {
    const std::string tuple = std::string(4, '\0') + static_cast<char>(23 + bitmap) + std::string(bitmap, '\0') + row;
    const std::string block = std::string("\0\x20", 2) + static_cast<char>(tuple.size() & 0xFF) + static_cast<char>(tuple.size() >> 8) +
                              word(1663) + word(5) + word(1259) + word(0);
    return block + std::string("\xFF\x03", 2) + tuple + "abc";
}
// The same as the second row of a page, of which there is an image without the hole.
std::string heap_insert_by_image(const std::string& row, std::uint8_t image_info = 0x03) {
    const std::size_t begin = 4'000, hole_begin = 32;
    std::string page(kWalPageBytes, '\0');
    const auto tuple = std::string(22, '\0') + static_cast<char>(24) + '\0' + row;
    page.replace(begin, tuple.size(), tuple);
    page.replace(28, 4, word(static_cast<std::uint32_t>(begin | 1u << 15 | tuple.size() << 17)));
    const std::string image = page.substr(0, hole_begin) + page.substr(begin);
    const auto half = [](std::size_t value) { return std::string{static_cast<char>(value & 0xFF), static_cast<char>(value >> 8)}; };
    std::string block = std::string("\0\x10\0\0", 4) + half(image.size()) + half(hole_begin) + static_cast<char>(image_info);
    if ((image_info & 0x1C) != 0) block += half(begin - hole_begin);
    return block + word(1663) + word(5) + word(1259) + word(0) + std::string("\xFF\x03", 2) + image + std::string("\2\0\0", 3);
}
const std::string kEmptyCommit = body_of(std::string(8, '\0'));

WalCommit commit(WalTransactions& transactions, std::uint32_t transaction) {
    const auto found = transactions.add(record(1, 0, transaction, kEmptyCommit));
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    return **found;
}

}  // namespace

TEST_CASE("commits of a recorded log change what pg_waldump says") {
    const WalFixture fixture = wal_fixture(GENERATE("plain", "images"));
    REQUIRE(fixture.commits.size() > 20);
    WalTransactions transactions;
    std::vector<std::string> found;
    const std::vector<WalCommit> commits = commits_of(fixture, transactions);
    for (const WalCommit& one : commits) found.push_back(text_of(one));
    CHECK(found == fixture.commits);
    CHECK(transactions.open_count() == 0);  // aborts and prepared transactions have left nothing
    // Nothing was under way when the log says for the first time what runs: from there on all is known.
    CHECK_FALSE(commits.back().is_anything);
    CHECK_FALSE(commits[commits.size() / 2].is_anything);
}

TEST_CASE("of rows that come it is told whether they would be temporary tables' in the catalogue") {
    WalTransactions transactions(700);
    const auto commit_of = [&](const std::string& body, std::uint8_t manager = 10, std::uint8_t info = 0) {
        REQUIRE(transactions.add(record(manager, info, 701, body)).has_value());
        const auto found = commit(transactions, 701);
        REQUIRE(found.written.size() == 1);
        return found.written[0];
    };
    std::string row(200, '\0');
    const std::size_t persistence = 114, type = 79, bitmap = GENERATE(1, 5, 9);
    row[persistence] = 't', row[type] = 'c';
    CHECK_FALSE(commit_of(heap_insert(row, bitmap)).has_lasting_relation);
    CHECK_FALSE(commit_of(heap_insert(row, bitmap)).has_lasting_type);
    row[type] = 'b';
    CHECK_FALSE(commit_of(heap_insert(row, bitmap)).has_lasting_type);
    row[persistence] = 'p', row[type] = 'd';
    CHECK(commit_of(heap_insert(row, bitmap)).has_lasting_relation);
    CHECK(commit_of(heap_insert(row, bitmap)).has_lasting_type);
    CHECK_FALSE(commit_of(heap_insert(row, bitmap)).has_update);
    CHECK(commit_of(heap_insert_by_image(row)).has_lasting_relation);
    CHECK(commit_of(heap_insert_by_image(row)).has_lasting_type);
    row[persistence] = 't', row[type] = 'b';
    CHECK_FALSE(commit_of(heap_insert_by_image(row)).has_lasting_relation);
    CHECK_FALSE(commit_of(heap_insert_by_image(row)).has_lasting_type);
    // What cannot be read lasts: a compressed image of the page instead of the row, neither of both, many rows, a row that is too short.
    CHECK(commit_of(heap_insert_by_image(row, 0x07)).has_lasting_relation);
    CHECK(commit_of(heap_insert(1259)).has_lasting_relation);
    CHECK(commit_of(heap_insert(1259)).has_lasting_type);
    row[persistence] = 't', row[type] = 'c';
    CHECK(commit_of(heap_insert(row, bitmap), 9, 0x50).has_lasting_relation);
    CHECK(commit_of(heap_insert(row.substr(0, persistence), bitmap)).has_lasting_relation);
    CHECK_FALSE(commit_of(heap_insert(row.substr(0, persistence), bitmap)).has_lasting_type);
    // Changes and deletions of rows say nothing of the kind.
    const auto update = static_cast<std::uint8_t>(GENERATE(0x20, 0x40));
    row[persistence] = 'p';
    CHECK_FALSE(commit_of(heap_insert(row, bitmap), 10, update).has_lasting_relation);
    CHECK(commit_of(heap_insert(row, bitmap), 10, update).has_update);
    CHECK_FALSE(commit_of(heap_insert(row, bitmap), 10, 0x10).has_update);
    // Of several rows one is enough.
    row[persistence] = 't';
    REQUIRE(transactions.add(record(10, 0, 701, heap_insert(row))).has_value());
    row[persistence] = 'p';
    REQUIRE(transactions.add(record(10, 0, 702, heap_insert(row))).has_value());
    const std::string with_subtransaction = body_of(std::string(8, '\0') + word(2) + word(1) + word(702));
    const auto both = transactions.add(record(1, 0x80, 701, with_subtransaction));
    REQUIRE(both.has_value());
    REQUIRE((*both)->written.size() == 1);
    CHECK((*both)->written[0].has_lasting_relation);
}

TEST_CASE("a transaction that may have begun before the stream is of anything") {
    WalTransactions transactions;
    CHECK(commit(transactions, 700).is_anything);  // nothing is known yet
    const std::string first = running(710, 705);
    REQUIRE(transactions.add(record(8, 0x10, 0, first)).has_value());
    CHECK(commit(transactions, 709).is_anything);
    CHECK_FALSE(commit(transactions, 710).is_anything);
    // A later one does not make the old ones known, until they have all ended.
    const std::string second = running(720, 706), third = running(730, 710);
    REQUIRE(transactions.add(record(8, 0x10, 0, second)).has_value());
    CHECK(commit(transactions, 706).is_anything);
    CHECK_FALSE(commit(transactions, 715).is_anything);
    REQUIRE(transactions.add(record(8, 0x10, 0, third)).has_value());
    CHECK_FALSE(commit(transactions, 711).is_anything);
}

TEST_CASE("numbers of transactions go round") {
    WalTransactions transactions;
    const std::string now = running(5, 0xFFFFFFF0);
    REQUIRE(transactions.add(record(8, 0x10, 0, now)).has_value());
    CHECK(commit(transactions, 0xFFFFFFF5).is_anything);
    CHECK_FALSE(commit(transactions, 6).is_anything);
}

TEST_CASE("past a limit a transaction is of anything") {
    WalTransactions transactions;
    const std::string now = running(700, 700);
    REQUIRE(transactions.add(record(8, 0x10, 0, now)).has_value());
    for (std::uint32_t file = 1; file <= kWalFilesMax; ++file) {
        const std::string body = heap_insert(file);
        REQUIRE(transactions.add(record(10, 0, 701, body)).has_value());
        REQUIRE(transactions.add(record(10, 0, 702, body)).has_value());
    }
    const std::string more = heap_insert(kWalFilesMax + 1);
    REQUIRE(transactions.add(record(10, 0, 702, more)).has_value());
    const WalCommit known = commit(transactions, 701);
    CHECK_FALSE(known.is_anything);
    CHECK(known.written.size() == kWalFilesMax);
    CHECK(commit(transactions, 702).is_anything);

    for (std::uint32_t at = 0; at < kWalTransactionsMax; ++at) REQUIRE(transactions.add(record(10, 0, 1000 + at, more)).has_value());
    CHECK_FALSE(commit(transactions, 1000).is_anything);
    REQUIRE(transactions.add(record(10, 0, 1000, more)).has_value());
    REQUIRE(transactions.add(record(10, 0, 999, more)).has_value());
    CHECK(commit(transactions, 999).is_anything);
}

TEST_CASE("what extensions log is of anything, and managers that are not known are refused") {
    WalTransactions transactions;
    const std::string now = running(700, 700);
    REQUIRE(transactions.add(record(8, 0x10, 0, now)).has_value());
    const std::uint8_t manager = GENERATE(std::uint8_t{20}, std::uint8_t{128}, std::uint8_t{255});
    REQUIRE(transactions.add(record(manager, 0, 701, "")).has_value());
    CHECK(commit(transactions, 701).is_anything);
    CHECK(transactions.add(record(22, 0, 702, "")).has_error());
    CHECK(transactions.add(record(1, 0x70, 702, kEmptyCommit)).has_error());
}

TEST_CASE("a record that is cut short is refused") {
    const WalFixture fixture = wal_fixture("plain");
    WalReader reader(kWalMagic15, fixture.start, fixture.segment_bytes);
    Bytes data = fixture.bytes;
    std::size_t refused = 0;
    while (const auto whole = reader.next(data)) {
        if (whole->resource_manager != 1 || (whole->info & 0x70) == 0x10 || (whole->info & 0x70) > 0x40) continue;
        for (std::size_t bytes = 0; bytes < whole->body.size(); ++bytes) {
            WalRecord cut = *whole;
            cut.body = whole->body.substr(0, bytes);
            WalTransactions transactions;
            if (!transactions.add(cut).has_error()) FAIL("a commit of " << bytes << " bytes of " << whole->body.size());
            ++refused;
        }
    }
    CHECK(refused > 1000);
}
