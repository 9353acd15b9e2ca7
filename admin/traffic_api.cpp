#include "admin/traffic_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>

#include "admin/documents.h"
#include "admin/http_request.h"

namespace larder::admin {

namespace {

constexpr std::size_t kLimit = 100, kLimitMax = 1000;

json::value id_or_null(int id) { return id > 0 ? json::value(id) : json::value(nullptr); }
json::array texts(const std::vector<std::string>& from) { return json::array(from.begin(), from.end()); }

// -1 for what is no number.
long number_of(std::string_view text) {
    long value = -1;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    return end.ec == std::errc() && end.ptr == text.data() + text.size() ? value : -1;
}

json::object query_object(const StatementRow& row) {
    return {{"id", row.id}, {"fingerprint", row.fingerprint}, {"database", row.database}, {"role", row.role}, {"search_path", row.search_path}, {"query", row.text},
            {"calls", row.calls}, {"hits", row.hits}, {"misses", row.misses}, {"bypasses", row.bypasses}, {"errors", row.errors}, {"hit_rate", row.hit_rate()},
            {"why_not_cached", row.bypasses > 0 ? text_or_null(row.bypass_reason) : json::value(nullptr)}, {"rows", row.rows}, {"bytes", row.bytes}, {"texts", row.texts},
            {"server_calls", row.server_calls}, {"server_seconds", static_cast<double>(row.server_us) / 1e6}, {"saved_server_seconds", row.saved_server_us() / 1e6},
            {"mean_seconds", row.server_mean_us() / 1e6}, {"p50_seconds", row.server_times.percentile(0.5) / 1e6}, {"p95_seconds", row.server_times.percentile(0.95) / 1e6},
            {"p99_seconds", row.server_times.percentile(0.99) / 1e6}};
}

json::object sample_object(const StatementSample& sample) {
    json::array parameters;
    for (const auto& parameter : sample.parameters) parameters.push_back(parameter ? json::value(*parameter) : json::value(nullptr));
    return {{"query", sample.text}, {"parameters", sample.has_all_parameters ? json::value(std::move(parameters)) : json::value(nullptr)},
            {"server_seconds", static_cast<double>(sample.server_us) / 1e6}};
}

// One statement by its id, with what it touches and, for who may see values, the examples that were kept.
HttpReply one_query(const StatementSource& traffic, std::string_view id, bool with_samples) {
    for (const auto& row : traffic.statements(with_samples)) {
        if (row.id != id) continue;
        auto object = query_object(row);
        object["reads"] = json::array(row.reads.begin(), row.reads.end());
        object["writes"] = json::array(row.writes.begin(), row.writes.end());
        object["writes_unknown"] = row.writes_unknown;
        object["distinct_values"] = std::llround(row.distinct.estimate());
        object["sequences"] = row.sequences;
        object["sequence_calls"] = row.sequence_calls;
        object["sequence_after"] = text_or_null(row.sequence_after);
        json::array samples;
        for (const auto& sample : row.samples) samples.push_back(sample_object(sample));
        object["samples"] = with_samples ? json::value(std::move(samples)) : json::value(nullptr);
        return document(std::move(object));
    }
    return problem(404, "Not found", "there is no such statement, or it was dropped for others");
}

using Measure = double (*)(const StatementRow&);
const std::map<std::string_view, Measure>& measures() {
    static const std::map<std::string_view, Measure> kMeasures = {
        {"server_time", [](const StatementRow& row) { return static_cast<double>(row.server_us); }}, {"mean", [](const StatementRow& row) { return row.server_mean_us(); }},
        {"calls", [](const StatementRow& row) { return static_cast<double>(row.calls); }}, {"hit_rate", [](const StatementRow& row) { return row.hit_rate(); }},
        {"saved", [](const StatementRow& row) { return row.saved_server_us(); }}};
    return kMeasures;
}

HttpReply queries(const HttpRequest& request, const StatementSource& traffic) {
    const auto parameters = parameters_of(request.query);
    long limit = static_cast<long>(kLimit), offset = 0;
    Measure measure = measures().at("server_time");
    for (const auto& [name, value] : parameters) {
        if (name == "limit") limit = number_of(value);
        else if (name == "offset") offset = number_of(value);
        else if (name == "sort" && measures().contains(value)) measure = measures().at(value);
        else return problem(400, "Bad parameter", "the parameters are limit, offset and sort (server_time, mean, calls, hit_rate or saved)");
    }
    if (limit < 1 || limit > static_cast<long>(kLimitMax) || offset < 0) return problem(400, "Bad parameter", "limit is from 1 to 1000, and offset from 0");
    auto rows = traffic.statements(false);
    std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return measure(a) != measure(b) ? measure(a) > measure(b) : a.id < b.id; });
    json::array page;
    for (auto i = static_cast<std::size_t>(offset); i < rows.size() && page.size() < static_cast<std::size_t>(limit); ++i) page.push_back(query_object(rows[i]));
    return document({{"queries", std::move(page)}, {"total", rows.size()}, {"offset", offset}, {"limit", limit}});
}

json::object slow_object(const SlowRow& row) {
    return {{"id", row.statement_id}, {"database", row.database}, {"query", row.text}, {"found_by", row.found_by}, {"calls", row.calls}, {"mean_seconds", row.mean_us / 1e6},
            {"p95_seconds", row.p95_us / 1e6}, {"server_seconds", row.total_us / 1e6}, {"share", row.share}, {"state", row.state}, {"advice", id_or_null(row.advice)}};
}

json::object advice_object(const AdviceRow& row) {
    json::array options;
    for (const auto& option : row.options) {
        options.push_back(json::object{{"kind", option.kind}, {"title", option.title}, {"why", option.why}, {"run", texts(option.run)}, {"undo", texts(option.undo)},
                                       {"rewrite", text_or_null(option.rewrite)}, {"gain", option.gain ? json::value(*option.gain) : json::value(nullptr)},
                                       {"risk", text_or_null(option.risk)}, {"why_not_deployed", text_or_null(option.why_not_deployed)}});
    }
    return {{"id", row.id}, {"key", row.key}, {"statement", row.statement_id}, {"database", row.database}, {"query", row.text}, {"found_by", row.found_by},
            {"made", static_cast<double>(row.made_unix_ms) / 1e3}, {"mean_seconds", row.server_mean_us / 1e6}, {"plan", text_or_null(row.plan)},
            {"options", std::move(options)}, {"deployment", id_or_null(row.deployment)}};
}

json::object deployment_object(const DeploymentRow& row) {
    return {{"id", row.id}, {"state", row.state}, {"advice", id_or_null(row.advice)}, {"database", row.database}, {"title", row.title}, {"asked_by", row.asked_by},
            {"run", texts(row.run)}, {"undo", texts(row.undo)}, {"progress", text_or_null(row.progress)}, {"last_event", row.last_event},
            {"changed", static_cast<double>(row.changed_unix_ms) / 1e3}, {"before", json::object{{"calls", row.before_calls}, {"mean_seconds", row.before_mean_us / 1e6}}},
            {"since", json::object{{"calls", row.since_calls}, {"mean_seconds", row.since_mean_us / 1e6}}}};
}

template <class Rows, class Object>
HttpReply list(const char* name, const Rows& rows, Object object) {
    return document(list_object(name, rows, object));
}

// By number or by key.
HttpReply one_advice(const AdviceSource& advice, std::string_view id, bool with_values) {
    const long number = number_of(id);
    for (const auto& row : advice.advice(with_values)) {
        if (row.id == number || row.key == id) return document(advice_object(row));
    }
    return problem(404, "Not found", "there is no such advice");
}

// Nothing if the request may change something.
std::optional<HttpReply> refusal(const HttpRequest& request, const Sources& sources) {
    if (request.method != "POST") return not_allowed("POST");
    return change_refusal(request, sources);
}

HttpReply outcome(const AdviceSource::Answer& answer) {
    if (answer.id == 0) return problem(409, "Not done", answer.why_not);
    return document({{"deployment", answer.id}}, 202);
}

// "/api/v1/advice/7/deploy" of ("/api/v1/advice/", "/deploy"): 7; 0 if it is not that.
long id_between(std::string_view path, std::string_view begin, std::string_view end) {
    if (!path.starts_with(begin) || !path.ends_with(end) || path.size() <= begin.size() + end.size()) return 0;
    const long id = number_of(path.substr(begin.size(), path.size() - begin.size() - end.size()));
    return id > 0 && id <= INT32_MAX ? id : 0;
}

HttpReply deploy(const HttpRequest& request, const Sources& sources, long id) {
    if (auto refused = refusal(request, sources)) return *refused;
    const auto parameters = parameters_of(request.query);
    const auto found = parameters.find("option");
    const long option = found == parameters.end() ? 1 : number_of(found->second);
    if (option < 1 || parameters.size() > (found == parameters.end() ? 0u : 1u)) return problem(400, "Bad parameter", "the only parameter is option, from 1");
    return outcome(sources.advice->deploy(static_cast<int>(id), static_cast<std::size_t>(option) - 1, "http"));
}

HttpReply advise_workload(const HttpRequest& request, const Sources& sources) {
    if (auto refused = refusal(request, sources)) return *refused;
    const auto parameters = parameters_of(request.query);
    const auto found = parameters.find("budget");
    const long budget = found == parameters.end() ? 0 : number_of(found->second);
    if (budget < 0 || parameters.size() > (found == parameters.end() ? 0u : 1u)) return problem(400, "Bad parameter", "the only parameter is budget, in bytes");
    sources.advice->advise_workload(static_cast<std::uint64_t>(budget));
    return document({{"advice", "/api/v1/advice"}}, 202);
}

HttpReply revert(const HttpRequest& request, const Sources& sources, long id) {
    if (auto refused = refusal(request, sources)) return *refused;
    return outcome(sources.advice->revert(static_cast<int>(id), "http"));
}

std::optional<HttpReply> read(std::string_view path, const AdviceSource& advice, bool with_values) {
    if (path == "/api/v1/slow-queries") return list("slow_queries", advice.slow_statements(with_values), slow_object);
    if (path == "/api/v1/advice") return list("advice", advice.advice(with_values), advice_object);
    if (path == "/api/v1/deployments") return list("deployments", advice.deployments(with_values), deployment_object);
    if (path == "/api/v1/deployments.md") return HttpReply{200, "text/markdown; charset=utf-8", advice.deployments_document(with_values), {}};
    constexpr std::string_view kAdvice = "/api/v1/advice/";
    if (path.starts_with(kAdvice) && path.find('/', kAdvice.size()) == std::string_view::npos) return one_advice(advice, path.substr(kAdvice.size()), with_values);
    return std::nullopt;
}

}  // namespace

std::optional<HttpReply> answer_of_traffic(const HttpRequest& request, const Sources& sources) {
    const bool is_read = request.is_read();
    if (request.path == "/api/v1/queries" && sources.traffic != nullptr) return is_read ? queries(request, *sources.traffic) : not_allowed("GET, HEAD");
    constexpr std::string_view kQueries = "/api/v1/queries/";
    if (request.path.starts_with(kQueries) && sources.traffic != nullptr) {
        return is_read ? one_query(*sources.traffic, request.path.substr(kQueries.size()), request.access == Access::change) : not_allowed("GET, HEAD");
    }
    if (sources.advice == nullptr) return std::nullopt;
    if (request.path == "/api/v1/advice/workload") return advise_workload(request, sources);
    if (const long id = id_between(request.path, "/api/v1/advice/", "/deploy"); id > 0) return deploy(request, sources, id);
    if (const long id = id_between(request.path, "/api/v1/deployments/", "/revert"); id > 0) return revert(request, sources, id);
    auto reply = read(request.path, *sources.advice, request.access == Access::change);
    return reply && !is_read ? not_allowed("GET, HEAD") : reply;
}

}  // namespace larder::admin
