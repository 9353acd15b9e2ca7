// One cached answer: immutable, client-ready bytes in one allocation, shared by reference count.
//
// Layout: header (64 bytes), note, key, row description, rows, CommandComplete. The note comes first because the hit check
// reads it on every lookup: header and note of a one-table answer are two cache lines. The last three lie one after the
// other, so that each answer a client can ask for is one run of bytes and one send.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "cache/counter.h"

namespace larder::cache {

// The parts of an answer. A part is whole backend messages, ready to be sent.
struct ResultParts {
    Bytes row_description;        // 'T' as Describe of the portal or a simple Query gives it; empty if it was not asked for
    Bytes rows;                   // every DataRow
    Bytes command_complete;       // 'C' (or 'I', EmptyQueryResponse)
};

// What it cost to make, for admission and for the metric of saved time.
struct ResultCost {
    std::int64_t server_us = 0;   // from the send of the request to ReadyForQuery
    std::int64_t rows = 0;
};

class ResultRef;

// Threads: immutable after make(); the count is atomic.
class CachedResult {
public:
    // One allocation for header, key, note and bytes. `stored` is the answer's age zero: the time at which its note was
    // taken, not the time of the store, or max_age would allow too much. `expires` is the TTL's end (kNever: none). Until
    // `stale_until` it is kept although a write made it old, for readers that allow that.
    static ResultRef make(Bytes key, const Note& note, const ResultParts& parts, ResultCost cost, Instant stored, Instant expires, Instant stale_until = kLongAgo);

    CachedResult(const CachedResult&) = delete;
    CachedResult& operator=(const CachedResult&) = delete;

    // Borrowed from this result: valid as long as a ResultRef to it is held.
    Bytes key() const { return {key_begin(), key_bytes_}; }
    Bytes row_description() const { return {parts_begin(), row_description_bytes_}; }  // empty: was not captured
    Bytes rows_and_complete() const { return {parts_begin() + row_description_bytes_, rows_and_complete_bytes_}; }
    Bytes all() const { return {parts_begin(), row_description_bytes_ + rows_and_complete_bytes_}; }  // what a simple Query gets
    bool has_row_description() const { return row_description_bytes_ != 0; }

    const NotedCounter* note() const { return reinterpret_cast<const NotedCounter*>(this + 1); }
    std::size_t note_count() const { return note_count_; }
    bool is_fresh() const { return is_current(note(), note_count()); }  // the hit check of the protocol
    // What an answer that a write made old must still be: of this server, schema and privileges.
    bool is_firm() const { return note_count_ >= kFirmCounters && is_current(note(), kFirmCounters); }

    Instant stored() const { return stored_; }
    Instant expires() const { return expires_; }
    Instant stale_until() const { return stale_until_; }
    // Nobody can be given it any more. Loads the counters.
    bool is_dead(Instant now) const { return now >= expires_ || (!is_fresh() && (now >= stale_until_ || !is_firm())); }
    ResultCost cost() const { return cost_; }

    // All memory that this result takes: header included, and what malloc adds and rounds up to.
    std::size_t bytes() const;

private:
    friend class ResultRef;

    CachedResult(std::uint32_t key_bytes, std::uint32_t note_count, std::uint32_t row_description_bytes, std::size_t rows_and_complete_bytes,
                 ResultCost cost, Instant stored, Instant expires, Instant stale_until);
    static void destroy(CachedResult* result);

    std::size_t allocated_bytes() const;
    const char* key_begin() const { return reinterpret_cast<const char*>(note() + note_count_); }
    const char* parts_begin() const { return key_begin() + key_bytes_; }

    std::atomic<std::uint32_t> references_{1};
    std::uint32_t note_count_;
    std::uint32_t key_bytes_;
    std::uint32_t row_description_bytes_;
    std::size_t rows_and_complete_bytes_;
    Instant stored_;
    Instant expires_;
    Instant stale_until_;
    ResultCost cost_;
};

// A counted reference. Copying is one relaxed increment. Threads: one at a time for the same ResultRef; different ones to
// the same result may be used and dropped anywhere.
class ResultRef {
public:
    ResultRef() = default;
    ResultRef(const ResultRef& other) : result_(other.result_) {
        if (result_) result_->references_.fetch_add(1, std::memory_order_relaxed);
    }
    ResultRef(ResultRef&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
    ResultRef& operator=(ResultRef other) noexcept { std::swap(result_, other.result_); return *this; }
    ~ResultRef() {
        // The last owner must see all that the others did with it before it frees the memory: release, and acquire.
        if (result_ && result_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) CachedResult::destroy(result_);
    }

    const CachedResult* operator->() const { return result_; }
    const CachedResult& operator*() const { return *result_; }
    explicit operator bool() const { return result_ != nullptr; }
    friend bool operator==(const ResultRef& a, const ResultRef& b) { return a.result_ == b.result_; }  // the same one, not equal bytes

private:
    friend class CachedResult;
    explicit ResultRef(CachedResult* result) : result_(result) {}
    CachedResult* result_ = nullptr;
};

}  // namespace larder::cache
