#include "admin/traffic_console.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "admin/cells.h"

namespace larder::admin {

namespace {

std::optional<std::string> or_null(const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); }

ConsoleReply refusal(std::string_view sqlstate, std::string error, std::string hint = {}) {
    ConsoleReply reply;
    reply.sqlstate = sqlstate, reply.error = std::move(error), reply.hint = std::move(hint);
    return reply;
}

// 0 for what is no number.
int number_of(const std::string& text) {
    int value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    return end.ec == std::errc() && end.ptr == text.data() + text.size() && value > 0 ? value : 0;
}

// "500MB" in upper case, as the console's words are.
std::optional<std::uint64_t> bytes_of(const std::string& text) {
    std::uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || value == 0) return std::nullopt;
    std::uint64_t factor = 1;
    for (const std::string_view unit : {"", "KB", "MB", "GB", "TB"}) {
        if (std::string_view(end.ptr, static_cast<std::size_t>(text.data() + text.size() - end.ptr)) == unit) return value <= UINT64_MAX / factor ? std::optional(value * factor) : std::nullopt;
        factor *= 1024;
    }
    return std::nullopt;
}

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

void put_statements(std::vector<std::string>& lines, const char* title, const std::vector<std::string>& statements) {
    if (statements.empty()) return;
    lines.emplace_back(title);
    for (const auto& statement : statements) lines.push_back("    " + statement + ";");
}

void put_text(std::vector<std::string>& lines, const std::string& indent, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        lines.push_back(indent + text.substr(at, end - at));
        at = end + 1;
    }
}

void put_option(std::vector<std::string>& lines, const AdviceOption& option, int id, std::size_t index) {
    lines.push_back((index == 0 ? "" : "Or, option " + std::to_string(index + 1) + ": ") + option.title + " (" + option.kind + ")");
    lines.push_back("  Why: " + option.why);
    if (option.gain) lines.push_back("  Gain: " + percent(*option.gain) + " of the plan's cost.");
    put_statements(lines, "  Run:", option.run);
    if (!option.rewrite.empty()) put_statements(lines, "  Instead:", {option.rewrite});
    if (!option.risk.empty()) lines.push_back("  Risk: " + option.risk);
    put_statements(lines, "  Undo:", option.undo);
    if (!option.run.empty() && option.why_not_deployed.empty()) {
        lines.push_back("  Or let Larder do it: DEPLOY ADVICE " + std::to_string(id) + (index == 0 ? "" : " OPTION " + std::to_string(index + 1)) + "; it watches what comes of it and takes it back if it does not help.");
    } else if (!option.run.empty()) {
        lines.push_back("  Larder does not do it: " + option.why_not_deployed);
    }
}

}  // namespace

std::vector<std::string> advice_lines(const AdviceRow& row) {
    std::vector<std::string> lines = {"Statement " + row.statement_id + " in database " + row.database + ", " + number(row.server_mean_us / 1000, 1) + " ms on the server on average:"};
    put_text(lines, "    ", row.text);
    for (std::size_t i = 0; i < row.options.size(); ++i) put_option(lines, row.options[i], row.id, i);
    if (!row.plan.empty()) lines.emplace_back("The plan now:"), put_text(lines, "    ", row.plan);
    return lines;
}

ConsoleReply show_queries(const StatementSource& traffic) {
    auto rows = traffic.statements(false);
    const auto first = std::min(rows.size(), kConsoleQueriesMax);
    std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(), [](const auto& a, const auto& b) { return a.server_us > b.server_us; });
    ConsoleReply reply;
    reply.columns = {"id", "fingerprint", "database", "role", "calls", "hit_rate", "saved_ms", "server_ms", "mean_ms", "p50_ms", "p95_ms", "p99_ms", "rows", "bytes", "errors", "why_not_cached", "query"};
    for (std::size_t i = 0; i < first; ++i) {
        const auto& row = rows[i];
        const auto ms = [](double us) { return number(us / 1000, 3); };
        reply.rows.push_back({row.id, row.fingerprint, row.database, row.role, number(row.calls), number(row.hit_rate(), 3), ms(row.saved_server_us()), ms(static_cast<double>(row.server_us)), ms(row.server_mean_us()),
                              ms(row.server_times.percentile(0.5)), ms(row.server_times.percentile(0.95)), ms(row.server_times.percentile(0.99)), number(row.rows), number(row.bytes),
                              number(row.errors), row.bypasses > 0 ? or_null(row.bypass_reason) : std::nullopt, row.text});
    }
    return reply;
}

ConsoleReply show_slow_queries(const AdviceSource& advice, bool with_values) {
    ConsoleReply reply;
    reply.columns = {"id", "database", "found_by", "calls", "mean_ms", "p95_ms", "server_ms", "share", "advice", "state", "query"};
    for (const auto& row : advice.slow_statements(with_values)) {
        reply.rows.push_back({row.statement_id, row.database, row.found_by, number(row.calls), number(row.mean_us / 1000, 3), number(row.p95_us / 1000, 3), number(row.total_us / 1000, 3),
                              number(row.share, 3), row.advice > 0 ? std::optional(std::to_string(row.advice)) : std::nullopt, row.state, row.text});
    }
    return reply;
}

ConsoleReply show_advice(const AdviceSource& advice, bool with_values) {
    ConsoleReply reply;
    reply.columns = {"advice", "kind", "title", "gain", "found_by", "database", "run", "deployment", "query"};
    for (const auto& row : advice.advice(with_values)) {
        const auto& best = row.options.front();
        std::string run;
        for (const auto& statement : best.run) run += (run.empty() ? "" : "; ") + statement;
        reply.rows.push_back({std::to_string(row.id), best.kind, best.title, best.gain ? std::optional(number(*best.gain, 3)) : std::nullopt, row.found_by, row.database,
                              or_null(run.empty() ? best.rewrite : run), row.deployment > 0 ? std::optional(std::to_string(row.deployment)) : std::nullopt, row.text});
    }
    return reply;
}

ConsoleReply show_deployments(const AdviceSource& advice, bool with_values) {
    ConsoleReply reply;
    reply.columns = {"deployment", "state", "advice", "title", "database", "asked_by", "changed", "progress", "before_ms", "since_ms", "calls_since", "last_event"};
    for (const auto& row : advice.deployments(with_values)) {
        reply.rows.push_back({std::to_string(row.id), row.state, row.advice > 0 ? std::optional(std::to_string(row.advice)) : std::nullopt, row.title, or_null(row.database), row.asked_by,
                              timestamp(row.changed_unix_ms * 1000), or_null(row.progress), number(row.before_mean_us / 1000, 3), number(row.since_mean_us / 1000, 3),
                              number(row.since_calls), row.last_event});
    }
    return reply;
}

ConsoleReply explain_advice(const AdviceSource& advice, const std::string& id, bool with_values) {
    const int wanted = number_of(id);
    for (const auto& row : advice.advice(with_values)) {
        if (row.id != wanted) continue;
        ConsoleReply reply;
        reply.columns = {"ADVICE"};
        reply.tag = "EXPLAIN";
        for (auto& line : advice_lines(row)) reply.rows.push_back({std::move(line)});
        return reply;
    }
    return refusal("22023", "there is no advice " + id, "SHOW ADVICE lists them.");
}

ConsoleReply advise_workload(AdviceSource& advice, const std::string& budget) {
    const auto bytes = budget.empty() ? std::optional<std::uint64_t>(0) : bytes_of(budget);
    if (!bytes) return refusal("22023", "the budget is a size such as 500MB or 2GB");
    advice.advise_workload(*bytes);
    ConsoleReply reply;
    reply.tag = "ADVISE";
    return reply;
}

ConsoleReply deploy_advice(AdviceSource& advice, const std::string& id, const std::string& option) {
    const int wanted = number_of(id), index = option.empty() ? 1 : number_of(option);
    if (wanted == 0 || index == 0) return refusal("22023", "there is no such advice or option", "SHOW ADVICE lists them.");
    const auto answer = advice.deploy(wanted, static_cast<std::size_t>(index) - 1, "the console");
    if (answer.id == 0) return refusal("55000", answer.why_not);
    ConsoleReply reply;
    reply.columns = {"deployment"};
    reply.rows.push_back({std::to_string(answer.id)});
    reply.tag = "DEPLOY";
    return reply;
}

ConsoleReply revert_deployment(AdviceSource& advice, const std::string& id) {
    const auto answer = advice.revert(number_of(id), "the console");
    if (answer.id == 0) return refusal("55000", answer.why_not, "SHOW DEPLOYMENTS lists them.");
    ConsoleReply reply;
    reply.tag = "REVERT";
    return reply;
}

}  // namespace larder::admin
