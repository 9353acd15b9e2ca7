#include "protocol/wal_transactions.h"

#include <algorithm>

#include "protocol/byte_reader.h"

namespace larder::protocol {
namespace {

enum Manager : std::uint8_t { kXact = 1, kRelmap = 7, kStandby = 8, kHeap2 = 9, kHeap = 10, kGeneric = 20, kLastOwn = 21, kFirstCustom = 128 };
constexpr std::uint8_t kOperation = 0x70;  // of info; 0x80 says something else
constexpr std::uint8_t kRunningXacts = 0x10;
constexpr std::uint8_t kInsert = 0x00, kUpdate = 0x20, kHotUpdate = 0x40;  // of heap
enum Outcome : std::uint8_t { kCommit = 0x00, kPrepare = 0x10, kAbort = 0x20, kCommitPrepared = 0x30, kAbortPrepared = 0x40, kAssignment = 0x50, kInvalidations = 0x60 };
// Which parts an outcome has, in the order of the record.
enum Part : std::uint32_t { kDatabase = 1, kSubxacts = 2, kDroppedFiles = 4, kMessages = 8, kTwoPhase = 16, kDroppedStatistics = 256 };

std::uint16_t little16(ByteReader& in) { return __builtin_bswap16(in.u16()); }
std::uint32_t little32(ByteReader& in) { return __builtin_bswap32(in.u32()); }

// Numbers go round: PostgreSQL's TransactionIdPrecedes.
bool precedes(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }

// Once each, with all that is said of it.
void add_written(std::vector<WalWritten>& list, const WalWritten& file) {
    const auto known = std::find(list.begin(), list.end(), file);
    if (known == list.end()) return list.push_back(file);
    known->has_update |= file.has_update;
    known->has_lasting_relation |= file.has_lasting_relation;
    known->has_lasting_type |= file.has_lasting_type;
}

// Of block 0.
struct BlockParts {
    std::size_t image_bytes = 0, data_bytes = 0, hole_begin = 0;
    bool is_compressed = false;
    Bytes image, data;  // one of them stands for what the record does
};
struct RecordParts {
    std::optional<WalFile> block0;
    BlockParts block;
    Bytes main;
};

// Skips one block header; the file of block 0 is kept. False if it has none of its own (it must then follow one that has).
bool read_block(ByteReader& in, std::uint8_t id, RecordParts& parts, std::size_t& data_bytes) {
    const auto flags = static_cast<std::uint8_t>(in.byte());
    BlockParts block;
    block.data_bytes = little16(in);
    if ((flags & 0x10) != 0) {
        block.image_bytes = little16(in);
        block.hole_begin = little16(in);
        const auto image = static_cast<std::uint8_t>(in.byte());
        block.is_compressed = (image & 0x1C) != 0;
        if ((image & 0x01) != 0 && block.is_compressed) little16(in);  // the length of the hole
    }
    data_bytes += block.data_bytes + block.image_bytes;
    if (id == 0) parts.block = block;
    if ((flags & 0x80) == 0) {
        little32(in);  // tablespace
        const Oid database = little32(in);
        const WalFile file{database, little32(in)};
        if (id == 0) parts.block0 = file;
    } else if (id == 0) {
        return false;
    }
    little32(in);  // block
    return true;
}

Decoded<RecordParts> read_parts(Bytes body) {
    ByteReader in(body);
    RecordParts parts;
    std::size_t data_bytes = 0, main_bytes = 0;
    while (!in.failed() && in.left() > data_bytes) {
        const auto id = static_cast<std::uint8_t>(in.byte());
        if (id <= 32) {
            if (!read_block(in, id, parts, data_bytes)) in.fail(DecodeError::bad_value);
        } else if (id == 253) {
            in.bytes(2);
        } else if (id == 252) {
            in.bytes(4);
        } else if (id == 255 || id == 254) {
            main_bytes = id == 255 ? static_cast<std::uint8_t>(in.byte()) : little32(in);
            data_bytes += main_bytes;
            break;  // always the last
        } else {
            in.fail(DecodeError::bad_value);
        }
    }
    if (!in.failed() && in.left() != data_bytes) in.fail(DecodeError::truncated);
    const Bytes data = in.rest();
    if (!in.failed()) {
        parts.main = data.substr(data.size() - main_bytes);
        parts.block.image = data.substr(0, parts.block.image_bytes);
        parts.block.data = data.substr(parts.block.image_bytes, parts.block.data_bytes);
    }
    return in.finish(parts);
}

constexpr std::size_t kRowHeader = 23;  // without the bitmap of NULLs that follows; its last byte says where the columns begin

Bytes columns_of(Bytes after_header, std::uint8_t begin) {
    return begin < kRowHeader || after_header.size() < begin - kRowHeader ? Bytes() : after_header.substr(begin - kRowHeader);
}

// From the image of the page, without its hole: the main data name the row's pointer, of which 15 bits say where it is and two that it is one.
Bytes row_in_image(const RecordParts& parts) {
    constexpr std::size_t kPointers = 24, kPointerBytes = 4;
    constexpr std::uint32_t kPlace = 0x7FFF, kIsRow = 1;
    const Bytes image = parts.block.image;
    if (parts.block.is_compressed || image.size() > kWalPageBytes || parts.main.size() < 2) return {};
    const std::size_t number = static_cast<std::uint8_t>(parts.main[0]) | static_cast<std::size_t>(static_cast<std::uint8_t>(parts.main[1])) << 8;
    const std::size_t at = kPointers + (number - 1) * kPointerBytes, hole_bytes = kWalPageBytes - image.size();
    if (number == 0 || at + kPointerBytes > image.size() || (hole_bytes > 0 && at + kPointerBytes > parts.block.hole_begin)) return {};
    ByteReader in(image.substr(at, kPointerBytes));
    const std::uint32_t pointer = little32(in);
    std::size_t place = pointer & kPlace;
    if (hole_bytes > 0 && place >= parts.block.hole_begin) place -= std::min(place, hole_bytes);
    if ((pointer >> 15 & 3) != kIsRow || place > image.size()) return {};
    const Bytes row = image.substr(place, pointer >> 17);
    return row.size() < kRowHeader ? Bytes() : columns_of(row.substr(kRowHeader), static_cast<std::uint8_t>(row[kRowHeader - 1]));
}

// The columns of the row that an insert brings; of its header only the last five bytes are in the log. Empty: it cannot be read.
Bytes inserted_row(const RecordParts& parts) {
    constexpr std::size_t kLogged = 5;
    const Bytes data = parts.block.data;
    if (data.empty()) return row_in_image(parts);
    return data.size() < kLogged ? Bytes() : columns_of(data.substr(kLogged), static_cast<std::uint8_t>(data[kLogged - 1]));
}

// The columns that both catalogues begin with have one length each, so that these two stand where they stand. Many rows in one record are
// not read; PostgreSQL writes none to these catalogues.
WalWritten written_by(const RecordParts& parts, bool are_many, std::uint8_t operation) {
    constexpr std::size_t kRelpersistence = 114, kTyptype = 79;
    WalWritten written{*parts.block0};
    written.has_update = !are_many && (operation == kUpdate || operation == kHotUpdate);
    if (!are_many && operation != kInsert) return written;
    const Bytes row = are_many ? Bytes() : inserted_row(parts);
    written.has_lasting_relation = row.size() <= kRelpersistence || row[kRelpersistence] != 't';
    written.has_lasting_type = row.size() <= kTyptype || (row[kTyptype] != 'c' && row[kTyptype] != 'b');
    return written;
}

// A count in front of items of `item_bytes` each; a count that the record cannot hold is an error.
std::uint32_t read_count(ByteReader& in, std::size_t item_bytes) {
    const std::uint32_t count = little32(in);
    if (count <= in.left() / item_bytes) return count;
    in.fail(DecodeError::truncated);
    return 0;
}

void read_messages(ByteReader& in, WalCommit& commit) {
    for (std::uint32_t left = read_count(in, 16); left > 0; --left) {
        const auto kind = static_cast<std::int8_t>(in.byte());
        in.bytes(3);
        const std::uint32_t first = little32(in), second = little32(in);
        in.bytes(4);
        if (kind == -2) commit.invalidated.push_back(WalRelation{first, second});
        if (kind == -1) commit.invalidated.push_back(WalRelation{first, 0});  // a whole catalogue was rewritten
        if (kind == -4) commit.moves_catalogue_files = true;
    }
    // A commit of a million messages must not be searched for each of them.
    std::sort(commit.invalidated.begin(), commit.invalidated.end());
    commit.invalidated.erase(std::unique(commit.invalidated.begin(), commit.invalidated.end()), commit.invalidated.end());
}

struct OutcomeParts {
    WalCommit commit;
    std::vector<std::uint32_t> subxacts;
};

Decoded<OutcomeParts> read_outcome(Bytes main, bool has_parts, std::uint32_t transaction) {
    ByteReader in(main);
    OutcomeParts found;
    found.commit.transaction = transaction;
    in.bytes(8);  // time
    const std::uint32_t parts = has_parts ? little32(in) : 0;
    if ((parts & kDatabase) != 0) in.bytes(8);
    if ((parts & kSubxacts) != 0) {
        for (std::uint32_t left = read_count(in, 4); left > 0; --left) found.subxacts.push_back(little32(in));
    }
    if ((parts & kDroppedFiles) != 0) {
        for (std::uint32_t left = read_count(in, 12); left > 0; --left) {
            in.bytes(4);  // tablespace
            const Oid database = little32(in);
            found.commit.dropped.push_back(WalFile{database, little32(in)});
        }
    }
    if ((parts & kDroppedStatistics) != 0) in.bytes(std::size_t{12} * read_count(in, 12));
    if ((parts & kMessages) != 0) read_messages(in, found.commit);
    if ((parts & kTwoPhase) != 0) found.commit.transaction = little32(in);
    in.rest();  // a prepared transaction's name, an origin
    return in.finish(found);
}

}  // namespace

Decoded<std::optional<WalCommit>> WalTransactions::add(const WalRecord& record) {
    const std::uint8_t manager = record.resource_manager;
    if (manager == kXact) return add_outcome(record);
    if (manager == kHeap || manager == kHeap2) return add_rows(record);
    if (manager == kStandby && (record.info & 0xF0) == kRunningXacts) return add_running(record);
    if (manager > kLastOwn && manager < kFirstCustom) return DecodeError::bad_value;
    // Extensions may keep rows by these.
    if ((manager == kGeneric || manager >= kFirstCustom) && record.transaction != 0) {
        if (Open* const mine = open(record.transaction)) mine->is_anything = true;
    }
    return std::optional<WalCommit>{};
}

WalTransactions::Open* WalTransactions::open(std::uint32_t transaction) {
    if (open_.size() >= kWalTransactionsMax && !open_.contains(transaction)) {
        has_overflowed_ = true;
        return nullptr;
    }
    return &open_[transaction];
}

Decoded<std::optional<WalCommit>> WalTransactions::add_rows(const WalRecord& record) {
    const std::uint8_t operation = record.info & kOperation;
    // heap: insert, delete, update, truncate, hot update; heap2: multi insert
    const bool is_write = record.resource_manager == kHeap ? operation <= 0x40 : operation == 0x50;
    if (!is_write) return std::optional<WalCommit>{};
    const auto parts = read_parts(record.body);
    if (!parts) return parts.error();
    Open* const mine = open(record.transaction);
    if (mine == nullptr) return std::optional<WalCommit>{};
    // Truncate is logged by this record for logical decoding only; its relations are in the commit as well.
    if (record.resource_manager == kHeap && operation == 0x30) return std::optional<WalCommit>{};
    if (!parts->block0) return DecodeError::bad_value;
    if (mine->files.size() >= kWalFilesMax) mine->is_anything = true;
    else add_written(mine->files, written_by(*parts, record.resource_manager == kHeap2, operation));
    return std::optional<WalCommit>{};
}

Decoded<std::optional<WalCommit>> WalTransactions::add_running(const WalRecord& record) {
    const auto parts = read_parts(record.body);
    if (!parts) return parts.error();
    ByteReader in(parts->main);
    in.bytes(12);  // how many, how many subtransactions, whether those are complete
    const std::uint32_t next = little32(in), oldest = little32(in);
    if (in.failed()) return DecodeError::truncated;
    if (!has_running_) first_new_ = next;
    has_running_ = true;
    if (first_new_ && !precedes(oldest, *first_new_)) first_new_.reset();  // whatever was under way has ended
    // Who died without a word is not running either.
    std::erase_if(open_, [oldest](const auto& entry) { return precedes(entry.first, oldest); });
    return std::optional<WalCommit>{};
}

bool WalTransactions::may_have_begun_before(std::uint32_t transaction) const {
    return !has_running_ || (first_new_ && precedes(transaction, *first_new_));
}

void WalTransactions::close_into(std::uint32_t transaction, WalCommit& commit) {
    const auto found = open_.find(transaction);
    if (found == open_.end()) return;
    commit.is_anything |= found->second.is_anything;
    for (const WalWritten& file : found->second.files) add_written(commit.written, file);
    open_.erase(found);
}

Decoded<std::optional<WalCommit>> WalTransactions::add_outcome(const WalRecord& record) {
    const std::uint8_t operation = record.info & kOperation;
    if (operation == kPrepare || operation == kAssignment || operation == kInvalidations) return std::optional<WalCommit>{};
    if (operation > kInvalidations) return DecodeError::bad_value;
    const auto parts = read_parts(record.body);
    if (!parts) return parts.error();
    auto outcome = read_outcome(parts->main, (record.info & 0x80) != 0, record.transaction);
    if (!outcome) return outcome.error();
    WalCommit& commit = outcome->commit;
    commit.lsn = record.lsn;
    commit.was_prepared = operation == kCommitPrepared;
    commit.is_anything = has_overflowed_ || may_have_begun_before(commit.transaction);
    close_into(commit.transaction, commit);
    for (const std::uint32_t subxact : outcome->subxacts) close_into(subxact, commit);
    if (operation == kAbort || operation == kAbortPrepared) return std::optional<WalCommit>{};
    return std::optional<WalCommit>{std::move(commit)};
}

}  // namespace larder::protocol
