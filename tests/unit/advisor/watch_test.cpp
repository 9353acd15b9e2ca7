#include "advisor/watch.h"

#include <catch2/catch.hpp>

using namespace larder::advisor;
using std::chrono::seconds;

namespace {

const WatchLimits kLimits{seconds(600), 20, 0.1};

Work work(std::uint64_t calls, double mean) { return {calls, static_cast<double>(calls) * mean}; }

Verdict verdict(const Window& before, const Window& since, seconds watched = seconds(600), bool is_used = true) {
    const auto judgement = judge(before, since, watched, is_used, kLimits);
    CHECK((judgement.verdict == Verdict::wait) == judgement.why.empty());
    return judgement.verdict;
}

}  // namespace

TEST_CASE("what was deployed is judged when its time is over, not before") {
    const Window before{work(100, 9'000), work(100, 50)}, since{work(100, 100), work(100, 60)};
    CHECK(verdict(before, since, seconds(599)) == Verdict::wait);
    CHECK(verdict(before, since) == Verdict::keep);
}

TEST_CASE("an index that makes the statement no faster goes") {
    CHECK(verdict({work(100, 9'000), {}}, {work(100, 8'500), {}}) == Verdict::revert);
    CHECK(verdict({work(100, 9'000), {}}, {work(100, 9'500), {}}) == Verdict::revert);
}

TEST_CASE("an index that the planner does not use goes, though the statement became faster") {
    CHECK(verdict({work(100, 9'000), {}}, {work(100, 100), {}}, seconds(600), false) == Verdict::revert);
}

TEST_CASE("an index whose writers pay more than its readers save goes") {
    // 30 reads save 1 ms each, 10 000 writes pay 10 µs each: 30 ms against 100 ms.
    CHECK(verdict({work(30, 2'000), work(10'000, 50)}, {work(30, 1'000), work(10'000, 60)}) == Verdict::revert);
    CHECK(verdict({work(30, 2'000), work(10'000, 50)}, {work(30, 1'000), work(2'000, 60)}) == Verdict::keep);
}

TEST_CASE("a few writers tell nothing about the writers") {
    CHECK(verdict({work(30, 2'000), work(5, 50)}, {work(30, 1'000), work(5, 50'000)}) == Verdict::keep);
}

TEST_CASE("with too little traffic it waits ten times as long and then leaves the choice to people") {
    CHECK(verdict({work(19, 9'000), {}}, {work(100, 100), {}}, seconds(5999)) == Verdict::wait);
    CHECK(verdict({work(19, 9'000), {}}, {work(100, 100), {}}, seconds(6000)) == Verdict::unproven);
    CHECK(verdict({work(100, 9'000), {}}, {work(19, 100), {}}, seconds(6000)) == Verdict::unproven);
}

TEST_CASE("times are printed with a unit that fits") {
    CHECK(print_time(350) == "350 µs");
    CHECK(print_time(1'234) == "1.2 ms");
    CHECK(print_time(3'400'000) == "3.4 s");
}
