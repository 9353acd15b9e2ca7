// Statements and advice that a test sets.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/advice.h"
#include "base/traffic.h"

namespace larder::admin {

struct FakeTraffic final : StatementSource {
    std::vector<StatementRow> rows;
    std::vector<StatementRow> statements(bool with_samples) const override {
        auto shown = rows;
        for (auto& row : shown) {
            if (!with_samples) row.samples.clear();
        }
        return shown;
    }
    StatementTotals statement_totals() const override { return {rows.size(), 100, 0}; }
    void set_advice(const std::string&, int) const override {}

    static StatementRow row(std::string id, std::uint64_t hits, std::uint64_t misses, std::uint64_t mean_us) {
        StatementRow row;
        row.id = std::move(id), row.database = "shop", row.role = "amy", row.text = "select $1";
        row.hits = hits, row.misses = row.server_calls = misses, row.calls = hits + misses;
        row.server_us = misses * mean_us;
        row.server_times.counts[latency_bucket(mean_us)] = misses;
        return row;
    }
};

struct FakeAdvice final : AdviceSource {
    std::vector<SlowRow> slow_rows;
    std::vector<AdviceRow> advice_rows;
    std::vector<DeploymentRow> deployment_rows;
    std::vector<std::pair<int, std::size_t>> deployed;
    std::vector<int> reverted;
    std::string why_not;

    FakeAdvice() {
        slow_rows.push_back({"00aa", "shop", "select $1", "slow", 10, 9, 150'000, 200'000, 1'350'000, 0.5, "looked at", 1});
        AdviceRow row;
        row.id = 1, row.key = "slow-00aa", row.statement_id = "00aa", row.database = "shop", row.text = "select $1", row.found_by = "slow", row.plan = "Seq Scan on t\n  (a = 1)", row.plan_without_values = "Seq Scan on t\n  (a = $1)", row.server_mean_us = 150'000;
        row.options.push_back({"btree_single", "Make an index", "It reads all.", {"CREATE INDEX CONCURRENTLY i ON t (a)"}, {"DROP INDEX CONCURRENTLY i"}, "", 0.9, "It takes disk.", ""});
        row.options.push_back({"rewrite", "Write the statement otherwise", "It is shorter.", {}, {}, "select 2", std::nullopt, "", "There is no statement to run."});
        row.deployment = 3;
        advice_rows.push_back(row);
        deployment_rows.push_back({3, 1, "building", "shop", "Make an index", "http", row.options[0].run, row.options[0].undo, "scanning table, 40 %", "Began.", 1'700'000'000'000, 150'000, 0, 9, 0});
    }
    std::vector<SlowRow> slow_statements(bool with_values) const override {
        auto rows = slow_rows;
        for (auto& row : rows) row.state += with_values ? " secret" : "";
        return rows;
    }
    // What an advisor gives without values, cut short: the plan is the other one, and the rest says so.
    std::vector<AdviceRow> advice(bool with_values) const override {
        auto rows = advice_rows;
        for (auto& row : rows) {
            if (!with_values) row.plan = row.plan_without_values, row.options.back().rewrite = "select $1";
        }
        return rows;
    }
    AdvisorCounts counts() const override { return {7, 2, 1.5, advice_rows.size()}; }
    std::vector<DeploymentRow> deployments(bool with_values) const override {
        auto rows = deployment_rows;
        for (auto& row : rows) row.last_event += with_values ? " secret" : "";
        return rows;
    }
    std::string deployments_document(bool with_values) const override { return with_values ? "# What was deployed: secret\n" : "# What was deployed\n"; }
    std::vector<std::uint64_t> budgets;
    void advise_workload(std::uint64_t budget_bytes) override { budgets.push_back(budget_bytes); }
    Answer deploy(int advice, std::size_t option, const std::string&) override {
        if (!why_not.empty()) return {0, why_not};
        deployed.emplace_back(advice, option);
        return {4, {}};
    }
    Answer revert(int deployment, const std::string&) override {
        if (!why_not.empty()) return {0, why_not};
        reverted.push_back(deployment);
        return {deployment, {}};
    }
};

}  // namespace larder::admin
