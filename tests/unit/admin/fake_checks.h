// A Verification whose findings a test sets, and that remembers what it was asked for.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/verification.h"

namespace larder::admin {

struct FakeChecks final : Verification {
    VerifyStatus status;
    std::vector<std::uint64_t> asked;
    std::vector<std::pair<std::string, std::string>> lifted;
    ExplainRequest explained;
    bool may_ask = false, is_busy = false;

    FakeChecks() {
        status.is_available = true;
        status.findings.push_back({1'700'000'000'000'000, "shop", "00000000000000ab", "SELECT $1", "different", "", "1 differs", "(0)", "(5)"});
        status.quarantined.push_back({"shop", "00000000000000ab", "SELECT $1", 1'700'000'000'000'000});
        status.counts = {10, 5, 1, 2, 1, 1, 3};
    }
    VerifyStatus verify_status() const override { return status; }
    std::optional<std::uint64_t> verify_hottest(std::uint64_t entries) override {
        if (is_busy) return std::nullopt;
        asked.push_back(entries);
        status.run = {1, true, entries, {}, {}};
        return 1;
    }
    std::size_t lift_quarantine(const std::string& database, const std::string& fingerprint) override {
        lifted.emplace_back(database, fingerprint);
        return fingerprint == "12" ? 0 : 1;
    }
    Explanation explain(const ExplainRequest& request, bool asks, std::string& error) override {
        explained = request, may_ask = asks;
        if (request.database == "nowhere") error = "no such database";
        Explanation out;
        out.verdict = "Cached";
        out.is_cacheable = true;
        out.reads = {{"public.t", "id", 1}, {"public.u", "", 0}};
        out.counters = {{"any of shop", 7, 1}};
        out.promise = "strict";
        return out;
    }
};

}  // namespace larder::admin
