#include "proxy/session/traffic.h"

#include <algorithm>
#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/log.h"
#include "sql/analyse.h"

namespace larder::session {

std::string hex_id(std::uint64_t hash) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string id;
    for (int i = 0; i < 16; ++i, hash <<= 4) id.push_back(kHex[hash >> 60]);
    return id;
}

std::string shape_of(Bytes text) {
    constexpr std::size_t kShapeBytesMax = 2'000;
    auto shape = printable(sql::normalised(text));
    if (shape.size() > kShapeBytesMax) shape = printable(shape.substr(0, kShapeBytesMax)) + " …";
    return shape.empty() ? "(a statement that is not looked into)" : shape;
}

std::uint64_t RecordKey::hash() const {
    std::uint64_t value = XXH3_64bits(&fingerprint, sizeof fingerprint);
    for (const auto* part : {&database, &role, &search_path}) value = XXH3_64bits_withSeed(part->data(), part->size(), value);
    return value;
}

void StatementRecord::bypassed(rules::Reason reason, std::uint32_t weight) {
    bypasses.add(weight);
    const auto code = static_cast<std::uint8_t>(reason);
    if (votes_ == 0) reason_.store(code, std::memory_order_relaxed);
    votes_ = reason_.load(std::memory_order_relaxed) == code ? std::min(votes_ + 1, 1000u) : votes_ - 1;
}

std::uint32_t StatementRecord::time_weight() {
    constexpr std::uint64_t kKnownCalls = 64, kFastUs = 1'000;
    constexpr std::uint32_t kOneOfTimes = 4;
    const auto calls = server_calls.value();
    if (calls < kKnownCalls || server_us.value() > calls * kFastUs) return 1;
    return ++untimed_ % kOneOfTimes == 0 ? kOneOfTimes : 0;
}

// The first few, then rarely; of what takes long, always: a copy does not matter there.
bool StatementRecord::wants_sample() const {
    const auto calls = server_calls.value();
    return std::has_single_bit(calls + 1) || server_us.value() > calls * kLongUs;
}

void StatementRecord::keep_sample(StatementSample sample) {
    const Lock lock(mutex_);
    const auto is_slower = [](const StatementSample& a, const StatementSample& b) { return a.server_us > b.server_us; };
    samples_.insert(std::upper_bound(samples_.begin(), samples_.end(), sample, is_slower), std::move(sample));
    if (samples_.size() > kSamplesMax) samples_.pop_back();
}

void StatementRecord::follows(const std::string& id) {
    const Lock lock(mutex_);
    after_ = id;
}

void StatementRecord::touches(const rules::Plan& plan, bool is_select, bool has_facts) {
    const Lock lock(mutex_);
    if (!has_facts) {
        if (!has_facts_) is_read_ = is_select;  // a guess
        return;
    }
    has_facts_ = true;
    reads_ = plan.reads;
    for (const auto& read : plan.row_reads) reads_.push_back(read.key.root);
    std::sort(reads_.begin(), reads_.end());
    reads_.erase(std::unique(reads_.begin(), reads_.end()), reads_.end());
    writes_ = plan.writes.scans;
    writes_unknown_ = plan.writes.any || plan.writes.catalogue;
    is_read_ = is_select && plan.writes.empty();
    is_by_row_ = plan.reads.empty() && !plan.row_reads.empty();
}

void StatementRecord::sent_with(std::uint64_t values_hash) {
    auto& kept = distinct_[distinct_register(values_hash)];
    const auto rank = distinct_rank(values_hash);
    if (rank > kept.load(std::memory_order_relaxed)) kept.store(rank, std::memory_order_relaxed);
}

void StatementRecord::looks_like(std::string text) {
    const Lock lock(mutex_);
    text_ = std::move(text);
}

std::string StatementRecord::id() const { return hex_id(hash_); }

void StatementRecord::add_to(StatementRow& row, bool with_samples) const {
    row.id = id();
    row.fingerprint = hex_id(key_.fingerprint);
    row.database = key_.database, row.role = key_.role, row.search_path = key_.search_path;
    row.hits += hits.value(), row.misses += misses.value(), row.bypasses += bypasses.value(), row.errors += errors.value();
    row.calls = row.hits + row.misses + row.bypasses;
    row.rows += rows.value(), row.bytes += bytes.value();
    row.server_calls += server_calls.value(), row.server_us += server_us.value();
    row.texts += texts.value();
    row.seconds = std::max(row.seconds, static_cast<double>(last_used_us() - first_.us) / 1e6);
    row.sequences += sequences.value(), row.sequence_calls += sequence_calls.value();
    if (const auto reason = usual_reason(); reason != rules::Reason::none) row.bypass_reason = rules::name(reason);
    server_times.add_to(row.server_times);
    for (std::size_t i = 0; i < kDistinctRegisters; ++i) row.distinct.ranks[i] = std::max(row.distinct.ranks[i], distinct_[i].load(std::memory_order_relaxed));
    row.lacks_advice |= advice() == 0;
    const Lock lock(mutex_);
    if (row.text.empty()) row.text = text_;
    if (!after_.empty()) row.sequence_after = after_;
    if (!reads_.empty()) row.reads = reads_;
    if (!writes_.empty()) row.writes = writes_;
    row.writes_unknown |= writes_unknown_;
    row.is_read |= is_read_;
    row.is_by_row |= is_by_row_;
    if (with_samples) row.samples.insert(row.samples.end(), samples_.begin(), samples_.end());
}

std::shared_ptr<StatementRecord> TrafficRecords::find(RecordKey key, Instant now) {
    const auto hash = key.hash();
    if (const auto found = records_.find(hash); found != records_.end()) return found->second;
    auto record = std::make_shared<StatementRecord>(std::move(key), hash, now);
    const Lock lock(mutex_);
    if (records_.size() >= records_max_) evict_least_used();
    records_.emplace(hash, record);
    return record;
}

std::unique_ptr<Execution> TrafficRecords::take_execution() {
    if (spare_.empty()) return std::make_unique<Execution>();
    auto execution = std::move(spare_.back());
    spare_.pop_back();
    return execution;
}

void TrafficRecords::give_back(std::unique_ptr<Execution> execution) {
    constexpr std::size_t kSpareMax = 64;
    if (spare_.size() >= kSpareMax) return;
    *execution = {};
    spare_.push_back(std::move(execution));
}

// A tenth at once, so that a flood of shapes does not search the table for each. What came lately may be asked often from now on, so it
// is not compared by how often it was.
void TrafficRecords::evict_least_used() {
    std::vector<StatementRecord*> records;
    for (const auto& [hash, record] : records_) records.push_back(record.get());
    const auto at = [&](std::size_t index) { return records.begin() + static_cast<std::ptrdiff_t>(index); };
    const auto old = (records.size() + 1) / 2, count = (records.size() + 9) / 10;
    std::nth_element(records.begin(), at(old) - 1, records.end(), [](const auto* a, const auto* b) { return a->last_used_us() < b->last_used_us(); });
    std::nth_element(records.begin(), at(count) - 1, at(old), [](const auto* a, const auto* b) {
        return std::pair(a->calls(), a->last_used_us()) < std::pair(b->calls(), b->last_used_us());
    });
    for (std::size_t i = 0; i < count; ++i) {
        records[i]->drop();
        records_.erase(records[i]->hash());
    }
    evicted.add(count);
}

std::vector<std::shared_ptr<const StatementRecord>> TrafficRecords::all() const {
    const Lock lock(mutex_);
    std::vector<std::shared_ptr<const StatementRecord>> found;
    found.reserve(records_.size());
    for (const auto& [hash, record] : records_) found.push_back(record);
    return found;
}

}  // namespace larder::session
