// The advisor beside a proxy, as far as it needs no PostgreSQL.
#include "advisor/service.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include <catch2/catch.hpp>

using namespace larder;
using namespace larder::advisor;

namespace {

// One statement into which constants are written.
struct Traffic final : StatementSource {
    std::vector<StatementRow> statements(bool) const override {
        StatementRow row;
        row.id = "00000000000000aa", row.fingerprint = "00000000000000bb", row.database = "d", row.text = "select $1";
        row.calls = row.misses = row.server_calls = row.texts = 1000;
        row.is_read = true;
        row.server_us = server_us;
        row.lacks_advice = lacks_advice;
        ++looks;
        return {row};
    }
    StatementTotals statement_totals() const override { return {}; }
    void set_advice(const std::string& id, int advice) const override {
        if (id == "00000000000000aa" && advice == 1) ++told;
    }

    std::uint64_t server_us = 1000;
    std::atomic<bool> lacks_advice{false};
    mutable std::atomic<int> looks{0}, told{0};
};

ServiceOptions options() {
    ServiceOptions options;
    options.uri = [](const std::string&, const std::string&) { return std::string("host=/nowhere"); };
    options.catalogue = [](const std::string&) { return rules::Catalogue::build({}); };
    options.poll = std::chrono::milliseconds(1);
    return options;
}

void wait_until(const std::function<bool()>& is_so) {
    while (!is_so()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("what is found is kept once, with a key, and workers that do not know of it are told again") {
    Traffic traffic;
    const Service service(options(), traffic);
    wait_until([&] { return traffic.looks >= 10; });
    CHECK(traffic.told == 1);
    const auto advice = service.advice(true);
    REQUIRE(advice.size() == 1);
    CHECK(advice.front().key == "flood-00000000000000aa");
    CHECK(advice.front().statement_id == "00000000000000aa");
    traffic.lacks_advice = true;
    wait_until([&] { return traffic.told >= 3; });
    CHECK(service.advice(true).size() == 1);
}

TEST_CASE("a slow statement that cannot be looked at says why, and is not tried again at once") {
    Traffic traffic;
    traffic.server_us = 500'000'000;
    const Service service(options(), traffic);
    wait_until([&] { return !service.slow_statements(true).empty() && service.slow_statements(true).front().state != "waits"; });
    const auto slow = service.slow_statements(true).front();
    CHECK(slow.found_by == "slow");
    CHECK(slow.state.starts_with("it could not be looked at: "));
    CHECK(slow.advice == 0);
    const int looks = traffic.looks;
    wait_until([&] { return traffic.looks >= looks + 5; });
    CHECK(service.slow_statements(true).front().state == slow.state);
}
