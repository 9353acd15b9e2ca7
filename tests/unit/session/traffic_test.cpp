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

TEST_CASE("shapes are bounded, and those used longest ago go first") {
    TrafficRecords records(100);
    const auto kept = records.find(key(0), Instant{0});
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
        records.find(key(i), Instant{static_cast<std::int64_t>(i)});
        kept->used(Instant{static_cast<std::int64_t>(i)});
        REQUIRE(records.all().size() <= 100);
        if (i > 5'000) i += 997;
    }
    CHECK(records.find(key(0), Instant{0}) == kept);
    CHECK(records.evicted.value() > 4'000);
}

TEST_CASE("the usual reason is told, not the last one") {
    StatementRecord record(key(1), 1);
    CHECK(row_of(record).bypass_reason.empty());
    for (int i = 0; i < 10; ++i) record.bypassed(Reason::no_catalogue, 1);
    for (int i = 0; i < 100; ++i) record.bypassed(Reason::not_a_select, 1);
    record.bypassed(Reason::no_catalogue, 1);
    CHECK(row_of(record).bypass_reason == rules::name(Reason::not_a_select));
    CHECK(row_of(record).bypasses == 111);
}

TEST_CASE("the slowest examples are kept, few of them, and only shown when asked for") {
    StatementRecord record(key(1), 1);
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
    StatementRecord fast(key(1), 1), slow(key(2), 2);
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

TEST_CASE("a session that asks one shape ten times in a row and more is seen, and what came before it") {
    StatementRecord list(key(1), 1), item(key(2), 2);
    SequenceWatch watch;
    for (int round = 0; round < 3; ++round) {
        watch.saw(list);
        for (int i = 0; i < 25; ++i) watch.saw(item);
    }
    watch.saw(list);
    for (int i = 0; i < 9; ++i) watch.saw(item);  // not enough
    watch.saw(list);
    const auto row = row_of(item);
    CHECK(row.sequences == 3);
    CHECK(row.sequence_calls == 75);
    CHECK(row.sequence_after == list.id());
    CHECK(row_of(list).sequences == 0);
}
