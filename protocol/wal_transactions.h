// WalTransactions: from records of the write-ahead log to what each commit may have changed.
//
// The log names files (relfilenodes), not tables, and writes them under the (sub)transaction's own number; a commit names
// its subtransactions. So the files are kept per number until the commit or abort comes. What only moves or mends pages
// (indexes, hint bits, full-page images, vacuum) changes no answer and is passed over: TRUNCATE and rewrites show by the relations whose
// relcache entry the commit invalidates and by the files it drops. What is not known is *anything*, never nothing.
//
// A transaction that was under way when the stream began may have written before it: every commit of a number that is not known to be
// new is of anything. Which numbers are new says whoever asked the server for one (pg_current_xact_id) after the stream's start was
// known; else the first RUNNING_XACTS record. (No number is given out while that record is written, so those that are newer have all
// their records in the stream.)
//
// Not seen: rows of unlogged and temporary tables (their commits come without files), sequences, settings in files.
// A commit in the log is not visible yet: reads that begin after it was received may still see the rows as they were, until its
// number is completed in a snapshot that was asked for afterwards.
// Formats: PostgreSQL 15. Threads: a value, for one thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/wal_reader.h"

namespace larder::protocol {

struct WalFile {
    Oid database;        // 0: shared by all
    std::uint32_t file;  // relfilenode
    friend bool operator==(const WalFile&, const WalFile&) = default;
};

// A file that was written, and what can be told of its rows if it is that of a catalogue.
struct WalWritten : WalFile {
    bool has_update = false;            // some were changed, not only made or deleted
    bool has_lasting_relation = false;  // if it is pg_class: one is not of a temporary relation, or cannot be read
    bool has_lasting_type =
        false;  // if it is pg_type: one is neither a row's type nor an array's, which temporary tables have, or cannot be read
};

struct WalRelation {
    Oid database;   // 0: shared
    Oid relation;   // 0: all of the database
    friend auto operator<=>(const WalRelation&, const WalRelation&) = default;
};

struct WalCommit {
    Lsn lsn = 0;                           // where its record begins
    std::uint32_t transaction = 0;         // top level; of a prepared transaction its own
    bool is_anything = false;              // then the lists may lack what it changed, in any database
    bool was_prepared = false;             // COMMIT PREPARED, by whomever
    bool moves_catalogue_files = false;    // a mapped catalogue has another file now
    std::vector<WalWritten> written;       // files without repeats
    std::vector<WalFile> dropped;          // their numbers may come again
    std::vector<WalRelation> invalidated;  // sorted, without repeats: relations whose definition or file changed
};

// More files or transactions than this are not told apart any more: then the transaction, or any
// until the next stream, is of anything. The files of one are few, and searched one by one.
inline constexpr std::size_t kWalFilesMax = 256;
inline constexpr std::size_t kWalTransactionsMax = 100'000;

class WalTransactions {
public:
    // Until a RUNNING_XACTS record comes all numbers count as old.
    WalTransactions() = default;
    // `first_new`: a transaction of this number, or a later one, has written nothing before the stream's start.
    explicit WalTransactions(std::uint32_t first_new) : has_running_(true), first_new_(first_new) {}

    // A commit if the record is one. An error means the stream is not understood: as an error of the reader.
    Decoded<std::optional<WalCommit>> add(const WalRecord& record);

    // There were too many to be noted, and from then on each commit is of anything: time for another stream.
    bool has_overflowed() const { return has_overflowed_; }
    std::size_t open_count() const { return open_.size(); }  // numbers that have written and not ended

private:
    struct Open {
        std::vector<WalWritten> files;
        bool is_anything = false;
    };
    Decoded<std::optional<WalCommit>> add_outcome(const WalRecord& record);
    Decoded<std::optional<WalCommit>> add_rows(const WalRecord& record);
    Decoded<std::optional<WalCommit>> add_running(const WalRecord& record);
    Open* open(std::uint32_t transaction);
    void close_into(std::uint32_t transaction, WalCommit& commit);
    bool may_have_begun_before(std::uint32_t transaction) const;

    std::unordered_map<std::uint32_t, Open> open_;
    bool has_overflowed_ = false;               // a transaction was not noted: until the next stream all are of anything
    bool has_running_ = false;                  // it is known which numbers are new
    std::optional<std::uint32_t> first_new_;    // numbers before this one may have begun before the stream; nullopt: none is left
};

}  // namespace larder::protocol
