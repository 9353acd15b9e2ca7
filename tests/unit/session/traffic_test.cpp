#include "proxy/session/traffic.h"

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::session;
using rules::Reason;

namespace {

RecordKey key(std::uint64_t fingerprint, std::string role = "r") { return {fingerprint, "d", std::move(role), "public"}; }

StatementRow row_of(const StatementRecord& record, bool with_samples = false) {
    StatementRow row;
    record.add_to(row, with_samples);
    return row;
}

}  // namespace

TEST_CASE("times fall into buckets that are at most a quarter wide, and percentiles are read from them") {
    std::size_t last = 0;
    for (std::uint64_t us = 0; us < 100'000; ++us) {
        const auto bucket = latency_bucket(us);
        REQUIRE((bucket == last || bucket == last + 1));
        last = bucket;
        if (us >= 4) REQUIRE(std::abs(latency_of_bucket(bucket) - static_cast<double>(us)) <= static_cast<double>(us) / 8 + 1);
    }
    CHECK(latency_bucket(UINT64_MAX) == kLatencyBuckets - 1);
    LatencyCounts counts;
    LatencySums sums;
    CHECK(sums.percentile(0.5) == 0);
    for (int i = 0; i < 90; ++i) counts.add(100);
    for (int i = 0; i < 10; ++i) counts.add(10'000);
    counts.add_to(sums);
    CHECK(sums.percentile(0.5) == Approx(100).epsilon(0.13));
    CHECK(sums.percentile(0.9) == Approx(100).epsilon(0.13));
    CHECK(sums.percentile(0.95) == Approx(10'000).epsilon(0.13));
    CHECK(sums.percentile(1) == Approx(10'000).epsilon(0.13));
}

TEST_CASE("a shape is one record, and role, database and search_path belong to it") {
    TrafficRecords records(100);
    const auto first = records.find(key(1), Instant{1});
    CHECK(records.find(key(1), Instant{2}) == first);
    CHECK(records.find(key(2), Instant{2}) != first);
    CHECK(records.find(key(1, "other"), Instant{2}) != first);
    CHECK(records.all().size() == 3);
    CHECK(first->id().size() == 16);
    CHECK(key(1).hash() == key(1).hash());
}

TEST_CASE("shapes are bounded, and those asked least of what is old go first") {
    TrafficRecords records(1000);
    const auto often = records.find(key(0), Instant{0});
    often->hits.add(1000);
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
        const auto record = records.find(key(i), Instant{static_cast<std::int64_t>(i)});
        record->misses.add();
        if (i % 1000 == 0) REQUIRE(records.all().size() <= 1000);
    }
    CHECK(records.evicted.value() + records.all().size() == 100'001);
    CHECK(records.find(key(0), Instant{0}) == often);  // used longest ago, but a thousand times
    CHECK(records.find(key(100'000), Instant{0})->calls() == 1);  // asked once, but lately
}

TEST_CASE("a record that was dropped says so, and its shape gets another one") {
    TrafficRecords records(10);
    const auto dropped = records.find(key(1), Instant{1});
    CHECK_FALSE(dropped->is_dropped());
    for (std::uint64_t i = 2; i < 20; ++i) records.find(key(i), Instant{static_cast<std::int64_t>(i)});
    CHECK(dropped->is_dropped());
    CHECK(records.find(key(1), Instant{30}) != dropped);
}

TEST_CASE("how many different values came is told within a quarter") {
    DistinctRanks none;
    CHECK(none.estimate() == 0);
    std::uint64_t random = 88172645463325252;
    for (const std::size_t wanted : {1u, 10u, 100u, 1'000u, 30'000u}) {
        DistinctRanks ranks;
        for (std::size_t i = 0; i < wanted; ++i) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            for (int again = 0; again < 3; ++again) ranks.add(random);
        }
        CHECK(ranks.estimate() == Approx(static_cast<double>(wanted)).epsilon(0.25));
    }
    StatementRecord record(key(1), 1, Instant{5});
    record.sent_with(0x123456789abcdef1), record.sent_with(0x123456789abcdef1), record.sent_with(0x23456789abcdef12);
    CHECK(row_of(record).distinct.estimate() == Approx(2).epsilon(0.05));
}

TEST_CASE("how long a statement has been asked counts from its first to its last execution") {
    StatementRecord record(key(1), 1, Instant{1'000'000});
    CHECK(row_of(record).seconds == 0);
    record.used(Instant{3'500'000});
    CHECK(row_of(record).seconds == 2.5);
}

TEST_CASE("the usual reason is told, not the last one") {
    StatementRecord record(key(1), 1, Instant{5});
    CHECK(row_of(record).bypass_reason.empty());
    for (int i = 0; i < 10; ++i) record.bypassed(Reason::no_catalogue, 1);
    for (int i = 0; i < 100; ++i) record.bypassed(Reason::not_a_select, 1);
    record.bypassed(Reason::no_catalogue, 1);
    CHECK(row_of(record).bypass_reason == rules::name(Reason::not_a_select));
    CHECK(row_of(record).bypasses == 111);
}

TEST_CASE("the slowest examples are kept, few of them, and only shown when asked for") {
    StatementRecord record(key(1), 1, Instant{5});
    for (std::uint64_t us : {5u, 900u, 3u, 700u, 1u}) {
        StatementSample sample;
        sample.text = "select " + std::to_string(us);
        sample.server_us = us;
        record.keep_sample(std::move(sample));
    }
    CHECK(row_of(record).samples.empty());
    const auto samples = row_of(record, true).samples;
    REQUIRE(samples.size() == StatementRecord::kSamplesMax);
    CHECK(samples[0].server_us == 900);
    CHECK(samples[1].server_us == 700);
}

TEST_CASE("examples are taken at the first calls, then rarely, and of what takes long always") {
    StatementRecord fast(key(1), 1, Instant{5}), slow(key(2), 2, Instant{5});
    int fast_samples = 0, slow_samples = 0;
    for (int i = 0; i < 1000; ++i) {
        fast_samples += fast.wants_sample();
        slow_samples += slow.wants_sample();
        fast.server_calls.add(), fast.server_us.add(100);
        slow.server_calls.add(), slow.server_us.add(50'000);
    }
    CHECK(fast_samples == 10);
    CHECK(slow_samples == 1000);
}
