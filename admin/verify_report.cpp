#include "admin/verify_report.h"

#include <algorithm>
#include <cctype>

#include "admin/cells.h"
#include "admin/documents.h"
#include "admin/page.h"

namespace larder::admin {
namespace {

constexpr std::uint64_t kEntriesDefault = 100;

std::optional<std::string> or_null(const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); }

bool is_blank(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// The next word, or name in double quotes, of a text; `rest` is what stands behind it.
std::string take_word(std::string_view& rest) {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    std::string word;
    if (rest.starts_with('"')) {
        for (rest.remove_prefix(1); !rest.empty(); rest.remove_prefix(1)) {
            if (rest.front() == '"' && !rest.starts_with("\"\"")) break;
            if (rest.front() == '"') rest.remove_prefix(1);
            word += rest.front();
        }
        if (!rest.empty()) rest.remove_prefix(1);
        return word;
    }
    for (; !rest.empty() && !is_blank(rest.front()); rest.remove_prefix(1)) word += rest.front();
    return word;
}

// Takes `keyword`, in any case. False: something else stands there.
bool take_keyword(std::string_view& rest, std::string_view keyword) {
    auto after = rest;
    const auto word = take_word(after);
    const bool is_it = std::equal(word.begin(), word.end(), keyword.begin(), keyword.end(),
                                  [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
    if (is_it) rest = after;
    return is_it;
}

json::object counts_object(const VerifyCounts& counts) {
    return {{"checks", counts.checks}, {"equal", counts.equal},   {"different", counts.different}, {"undecided", counts.undecided},
            {"moved", counts.moved},   {"failed", counts.failed}, {"skipped", counts.skipped}};
}

json::object finding_object(const VerifyFinding& finding, bool with_values) {
    return {
        {"time", static_cast<double>(finding.at_us) / 1e6},
        {"database", finding.database},
        {"fingerprint", finding.fingerprint},
        {"shape", finding.shape},
        {"verdict", finding.verdict},
        {"reason", text_or_null(finding.reason)},
        {"summary", finding.summary},
        {"only_in_kept", text_or_null(with_values ? finding.kept : "")},
        {"only_at_server", text_or_null(with_values ? finding.server : "")},
    };
}

json::object quarantined_object(const QuarantinedRow& row) {
    return {{"database", row.database},
            {"fingerprint", row.fingerprint},
            {"shape", text_or_null(row.shape)},
            {"since", static_cast<double>(row.since_us) / 1e6}};
}

json::array texts(const std::vector<std::string>& all) { return json::array(all.begin(), all.end()); }

json::object explanation_object(const Explanation& all) {
    json::array reasons, reads, counters;
    for (const auto& [name, sentence] : all.reasons) reasons.push_back(json::object{{"name", name}, {"explanation", sentence}});
    for (const auto& read : all.reads)
        reads.push_back(json::object{{"relation", read.relation},
                                     {"key", text_or_null(read.key)},
                                     {"rows", read.key.empty() ? json::value(nullptr) : json::value(read.rows)}});
    for (const auto& counter : all.counters)
        counters.push_back(json::object{{"name", counter.name}, {"version", counter.version}, {"in_flight", counter.in_flight}});
    return {
        {"verdict", all.verdict},
        {"cacheable", all.is_cacheable},
        {"reasons", std::move(reasons)},
        {"rule", text_or_null(all.rule)},
        {"tags", texts(all.tags)},
        {"promise", text_or_null(all.promise)},
        {"reads", std::move(reads)},
        {"counters", std::move(counters)},
        {"ttl_seconds", all.ttl_ms > 0 ? json::value(static_cast<double>(all.ttl_ms) / 1e3) : json::value(nullptr)},
        {"max_stale_seconds", static_cast<double>(all.max_stale_ms) / 1e3},
        {"key", texts(all.key)},
        {"has_parameters", all.has_parameters},
        {"kept_now", all.is_kept_now},
        {"writes", texts(all.writes)},
        {"catalogue_loaded", all.is_catalogue_loaded},
        {"text", texts(all.lines())},
    };
}

HttpReply no_checks() { return problem(404, "Not found", "there is nothing here that could be asked"); }

// A member of a request that has to be a text, or may be left out.
bool take_text(const json::object& body, std::string_view name, std::string& text) {
    const auto* member = body.if_contains(name);
    if (member == nullptr || member->is_null()) return true;
    if (!member->is_string()) return false;
    text = member->get_string();
    return text.find('\0') == std::string::npos;
}

bool take_settings(const json::object& body, std::vector<std::pair<std::string, std::string>>& settings) {
    constexpr std::size_t kSettingsMax = 100;
    const auto* member = body.if_contains("settings");
    if (member == nullptr || member->is_null()) return true;
    if (!member->is_object() || member->get_object().size() > kSettingsMax) return false;
    for (const auto& setting : member->get_object()) {
        if (!setting.value().is_string()) return false;
        settings.emplace_back(setting.key(), setting.value().get_string());
    }
    return true;
}

}  // namespace

ConsoleReply show_verify(const Verification& checks) {
    const auto status = checks.verify_status();
    ConsoleReply reply;
    reply.columns = {"of", "wanted", "running", "checks", "equal", "different", "undecided", "moved", "failed", "skipped", "last_failure"};
    const auto add = [&](const char* of, std::optional<std::string> wanted, bool is_running, const VerifyCounts& counts,
                         const std::string& failure) {
        reply.rows.push_back({of, std::move(wanted), is_running ? "yes" : "no", number(counts.checks), number(counts.equal),
                              number(counts.different), number(counts.undecided), number(counts.moved), number(counts.failed),
                              number(counts.skipped), or_null(failure)});
    };
    add("all", std::nullopt, status.is_available && status.share_ppm > 0, status.counts, {});
    if (status.run.number > 0) add("asked", number(status.run.wanted), status.run.is_running, status.run.counts, status.run.last_failure);
    return reply;
}

ConsoleReply show_findings(const Verification& checks, bool with_values) {
    ConsoleReply reply;
    reply.columns = {"time", "verdict", "reason", "database", "fingerprint", "shape", "summary", "only_in_kept", "only_at_server"};
    for (const auto& finding : checks.verify_status().findings) {
        reply.rows.push_back({timestamp(finding.at_us), finding.verdict, or_null(finding.reason), finding.database, finding.fingerprint,
                              finding.shape, finding.summary, or_null(with_values ? finding.kept : ""),
                              or_null(with_values ? finding.server : "")});
    }
    return reply;
}

ConsoleReply show_quarantine(const Verification& checks) {
    ConsoleReply reply;
    reply.columns = {"database", "fingerprint", "since", "shape"};
    for (const auto& row : checks.verify_status().quarantined)
        reply.rows.push_back({row.database, row.fingerprint, timestamp(row.since_us), or_null(row.shape)});
    return reply;
}

ConsoleReply verify_cache(Verification& checks, std::string_view entries) {
    const long wanted = entries.empty() ? static_cast<long>(kEntriesDefault) : whole_number(entries);
    if (wanted < 1 || wanted > static_cast<long>(Verification::kEntriesMax))
        return failure("22023", "VERIFY CACHE takes a number from 1 to " + std::to_string(Verification::kEntriesMax));
    if (!checks.verify_status().is_available) return failure("55000", "Larder has no login of its own, and keeps nothing");
    const auto run = checks.verify_hottest(static_cast<std::uint64_t>(wanted));
    if (!run) return failure("55006", "a check is under way", "SHOW VERIFY says how far it is.");
    auto reply = done("VERIFY");
    reply.is_done = [&checks, run] {
        const auto status = checks.verify_status();
        return status.run.number != *run || !status.run.is_running;
    };
    return reply;
}

ConsoleReply lift_quarantine(Verification& checks, const std::vector<std::string>& names) {
    std::string fingerprint = names[2];
    std::transform(fingerprint.begin(), fingerprint.end(), fingerprint.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (checks.lift_quarantine(names.size() > 3 ? names[3] : "", fingerprint) > 0) return done("LIFT QUARANTINE");
    return failure("42704", "there is no such statement in quarantine", "SHOW QUARANTINE lists them.");
}

bool is_explain_command(std::string_view statement) { return take_keyword(statement, "EXPLAIN") && take_keyword(statement, "LARDER"); }

ConsoleReply run_explain_command(Verification& checks, std::string_view statement) {
    ExplainRequest request;
    take_keyword(statement, "EXPLAIN"), take_keyword(statement, "LARDER");
    if (!take_keyword(statement, "IN"))
        return failure("42601", "EXPLAIN LARDER wants IN database [AS role], and then the statement",
                       "In a session of the database itself, EXPLAIN LARDER takes the statement alone.");
    request.database = take_word(statement);
    if (take_keyword(statement, "AS")) request.role = take_word(statement);
    while (!statement.empty() && is_blank(statement.front())) statement.remove_prefix(1);
    while (!statement.empty() && (is_blank(statement.back()) || statement.back() == ';')) statement.remove_suffix(1);
    if (statement.empty()) return failure("42601", "there is no statement to explain");
    request.statement = statement;
    std::string error;
    const auto explanation = checks.explain(request, false, error);
    if (!error.empty()) return failure("55000", error);
    ConsoleReply reply;
    reply.columns = {"LARDER PLAN"};
    reply.tag = "EXPLAIN";
    for (const auto& line : explanation.lines()) reply.rows.push_back({line});
    return reply;
}

HttpReply answer_verify(const HttpRequest& request, const Sources& sources) {
    if (sources.checks == nullptr) return no_checks();
    const bool with_values = request.access == Access::change;
    const auto status = sources.checks->verify_status();
    auto out = list_object("findings", status.findings, [&](const auto& finding) { return finding_object(finding, with_values); });
    out["quarantined"] = list_object("rows", status.quarantined, quarantined_object)["rows"];
    out["share_ppm"] = status.share_ppm;
    out["rate_max"] = status.rate_max;
    out["counts"] = counts_object(status.counts);
    out["run"] = nullptr;
    if (status.run.number > 0) {
        out["run"] = json::object{{"number", status.run.number},
                                  {"running", status.run.is_running},
                                  {"wanted", status.run.wanted},
                                  {"counts", counts_object(status.run.counts)},
                                  {"last_failure", text_or_null(status.run.last_failure)}};
    }
    return document(out);
}

HttpReply answer_verify_start(const HttpRequest& request, const Sources& sources) {
    if (sources.checks == nullptr) return no_checks();
    long entries = static_cast<long>(kEntriesDefault);
    for (const auto& [name, value] : parameters_of(request.query)) {
        entries = name == "entries" ? whole_number(value) : -1;
        if (entries < 1 || entries > static_cast<long>(Verification::kEntriesMax))
            return problem(400, "Bad parameter", "the parameter is entries, from 1 to " + std::to_string(Verification::kEntriesMax));
    }
    if (!sources.checks->verify_status().is_available)
        return problem(409, "Not possible", "Larder has no login of its own, and keeps nothing");
    const auto run = sources.checks->verify_hottest(static_cast<std::uint64_t>(entries));
    return run ? document({{"run", *run}}, 202) : problem(409, "Not possible", "a check is under way");
}

HttpReply answer_lift(const HttpRequest& request, const Sources& sources) {
    if (sources.checks == nullptr) return no_checks();
    std::string database;
    for (const auto& [name, value] : parameters_of(request.query)) {
        const auto decoded = percent_decoded(value);
        if (!decoded || decoded->empty() || name != "database") return problem(400, "Bad parameter", "the parameter is database");
        database = *decoded;
    }
    const auto lifted = sources.checks->lift_quarantine(database, std::string(request.path.substr(request.path.rfind('/') + 1)));
    return lifted > 0 ? document({{"lifted", lifted}}) : problem(404, "Not found", "there is no such statement in quarantine");
}

HttpReply answer_explain(const HttpRequest& request, const Sources& sources) {
    if (sources.checks == nullptr) return no_checks();
    json::error_code failed;
    const auto value = json::parse(request.body, failed);
    if (failed || !value.is_object()) return problem(400, "Bad body", "the body must be an object in JSON");
    const auto& body = value.get_object();
    ExplainRequest wanted;
    if (!take_text(body, "statement", wanted.statement) || !take_text(body, "database", wanted.database) ||
        !take_text(body, "role", wanted.role) || !take_settings(body, wanted.settings) || wanted.statement.empty() ||
        wanted.database.empty())
        return problem(422, "Not a question", "statement and database must be texts, role may be one, and settings an object of texts");
    std::string error;
    const auto explanation = sources.checks->explain(wanted, true, error);
    return error.empty() ? document(explanation_object(explanation)) : problem(409, "Not possible", error);
}

}  // namespace larder::admin
