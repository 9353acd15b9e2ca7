// Statistics by shape of statement, as one worker counts them.
//
// A hit adds to a record that its plan already points to: no lookup, no lock, no clock. What goes to the server reads the clock twice;
// of a shape that is known to be fast, one of four executions does, and counts for all of them. One that takes long is seen by the
// worker's tick all the same, so none of those is missed.
// A text that comes for the first time has no record yet, since a fingerprint costs more than to pass the text through: it gets one
// when it comes again, when it was slow, and one of 64 in any case, which then counts for all of them.
//
// Threads: the worker's own, but for what is said to be for readers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/distinct.h"
#include "base/latency_counts.h"
#include "base/metrics.h"
#include "base/thread_annotations.h"
#include "base/traffic.h"
#include "rules/plan.h"

namespace larder::session {

class Statement;

// A statement's text with $n in the place of constants, for people: printable, and cut.
std::string shape_of(Bytes text);

struct RecordKey {
    std::uint64_t fingerprint = 0;
    std::string database, role, search_path;

    // The same in every process: samples and advice are known by it.
    std::uint64_t hash() const;
};

class StatementRecord {
public:
    StatementRecord(RecordKey key, std::uint64_t hash, Instant first) : key_(std::move(key)), hash_(hash), first_(first), last_used_us_(first.us) {}

    static constexpr std::size_t kSamplesMax = 2;
    static constexpr std::size_t kSampleBytesMax = 8 * 1024;   // of text and parameters; longer ones are not kept

    Count hits, misses, bypasses, errors, rows, bytes, server_calls, server_us, texts, sequences, sequence_calls;
    LatencyCounts server_times;

    // Keeps the reason that is the usual one. (Boyer and Moore's majority vote.)
    void bypassed(rules::Reason reason, std::uint32_t weight);
    rules::Reason usual_reason() const { return static_cast<rules::Reason>(reason_.load(std::memory_order_relaxed)); }

    // Of so many executions the one that is about to be sent stands for, by the clock; 0: its time is not taken.
    std::uint32_t time_weight();
    // So long is long by the tick: it is counted for itself alone, whether its time was taken or not.
    static constexpr std::uint64_t kLongUs = 10'000;

    // Whether the execution that is about to be sent is worth keeping as an example.
    bool wants_sample() const;
    void keep_sample(StatementSample sample);
    void follows(const std::string& id);     // what was asked before a row of this
    // What it reads and writes by the newest plan. `has_facts`: that plan knows the catalogue.
    void touches(const rules::Plan& plan, bool is_select, bool has_facts);
    void looks_like(std::string text);       // with $n for constants
    void used(Instant now) { last_used_us_.store(now.us, std::memory_order_relaxed); }
    std::int64_t last_used_us() const { return last_used_us_.load(std::memory_order_relaxed); }

    // It was taken out of the records: who still holds it asks for another one. Threads: the worker's own.
    bool is_dropped() const { return is_dropped_; }
    void drop() { is_dropped_ = true; }

    // How many different values and texts it was sent with, by a hash of each. (HyperLogLog with 64 registers: 13 % off.)
    void sent_with(std::uint64_t values_hash);

    // The number of the advice that there is for it, 0 if there is none. Threads: any.
    int advice() const { return advice_.load(std::memory_order_relaxed); }
    void set_advice(int id) const { advice_.store(id, std::memory_order_relaxed); }

    std::uint64_t calls() const { return hits.value() + misses.value() + bypasses.value(); }
    const RecordKey& key() const { return key_; }
    std::uint64_t hash() const { return hash_; }
    std::string id() const;
    // For readers: adds this worker's numbers to `row`, whose id and the like are set if they were not.
    void add_to(StatementRow& row, bool with_samples) const;

private:
    const RecordKey key_;
    const std::uint64_t hash_;
    const Instant first_;
    std::atomic<std::uint8_t> reason_{0};
    mutable std::atomic<int> advice_{0};
    std::uint32_t votes_ = 0;
    std::uint32_t untimed_ = 0;
    bool is_dropped_ = false;
    std::array<std::atomic<std::uint8_t>, kDistinctRegisters> distinct_{};
    std::atomic<std::int64_t> last_used_us_;
    mutable Mutex mutex_;               // for what is written seldom
    std::vector<StatementSample> samples_;   // the slowest first
    std::vector<Oid> reads_, writes_;
    bool writes_unknown_ = false, is_read_ = false, is_by_row_ = false, has_facts_ = false;
    std::string after_;
    std::string text_;
};

// One execution that is under way on the server.
struct Execution {
    std::shared_ptr<StatementRecord> record;  // null: its text came for the first time, and is …
    std::shared_ptr<Statement> first_text;    // … this
    std::shared_ptr<Statement> statement;     // only where slow ones are logged
    std::int64_t sent_us = 0;                 // by the clock, or else by the tick
    std::uint32_t time_weight = 1;            // StatementRecord::time_weight()
    std::uint64_t rows = 0, bytes = 0;
    std::uint64_t values_hash = 0;            // of text and parameters; 0: not at hand
    bool has_failed = false, is_miss = false;
    rules::Reason reason = rules::Reason::none;
    std::unique_ptr<StatementSample> sample;
};

class TrafficRecords {
public:
    explicit TrafficRecords(std::size_t records_max, bool keeps_samples = true) : records_max_(records_max), keeps_samples_(keeps_samples) {}

    static constexpr std::uint32_t kOneOf = 64;      // first texts that are counted, for as many each
    // Made if it is new; where there are too many, those asked least go: a tenth of all, out of the half that was used longest ago.
    std::shared_ptr<StatementRecord> find(RecordKey key, Instant now);
    bool takes_first_text() { return ++first_texts_ % kOneOf == 0; }

    // Used again and again: one is needed for each statement that goes to the server.
    std::unique_ptr<Execution> take_execution();
    void give_back(std::unique_ptr<Execution> execution);

    // For readers.
    std::vector<std::shared_ptr<const StatementRecord>> all() const;
    std::size_t records_max() const { return records_max_; }
    // Whether values may be kept at all.
    bool keeps_samples() const { return keeps_samples_; }
    Count evicted;

private:
    void evict_least_used();

    const std::size_t records_max_;
    const bool keeps_samples_;
    std::uint32_t first_texts_ = 0;
    std::vector<std::unique_ptr<Execution>> spare_;
    mutable Mutex mutex_;               // the worker takes it to add and to evict
    boost::unordered_flat_map<std::uint64_t, std::shared_ptr<StatementRecord>> records_;
};

std::string hex_id(std::uint64_t hash);

}  // namespace larder::session
