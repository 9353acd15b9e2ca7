#include "advisor/deployment.h"

#include <array>
#include <cmath>
#include <ctime>

#include <boost/json/array.hpp>
#include <boost/json/value_to.hpp>

namespace larder::advisor {

namespace json = boost::json;

namespace {

using enum DeploymentState;
constexpr std::array<std::string_view, 8> kNames = {"waiting", "building", "watching", "kept", "unproven", "reverting", "reverted", "failed"};

json::array texts(const std::vector<std::string>& from) { return json::array(from.begin(), from.end()); }

json::object work(const Work& from) { return {{"calls", from.calls}, {"microseconds", from.microseconds}}; }
json::object window(const Window& from) { return {{"statement", work(from.statement)}, {"writers", work(from.writers)}}; }

// The readers throw what Boost.JSON throws for a member that is missing or of another type; read_deployment() catches it.
std::string text_at(const json::object& from, const char* member) { return std::string(from.at(member).as_string()); }
std::vector<std::string> texts_at(const json::object& from, const char* member) { return json::value_to<std::vector<std::string>>(from.at(member)); }

Work work_at(const json::object& from, const char* member) {
    const auto& object = from.at(member).as_object();
    return {object.at("calls").to_number<std::uint64_t>(), object.at("microseconds").to_number<double>()};
}

Window window_at(const json::object& from, const char* member) {
    const auto& object = from.at(member).as_object();
    return {work_at(object, "statement"), work_at(object, "writers")};
}

DeploymentState state_at(const json::object& from, const char* member) {
    const auto state = deployment_state(from.at(member).as_string());
    if (!state) throw std::invalid_argument("no state of a deployment");
    return *state;
}

Order order_of(const json::object& from) {
    Order order;
    order.database = text_at(from, "database"), order.title = text_at(from, "title"), order.kind = text_at(from, "kind");
    order.subject = text_at(from, "subject"), order.statement = text_at(from, "statement"), order.asked_by = text_at(from, "asked_by");
    order.deploy = texts_at(from, "deploy"), order.undo = texts_at(from, "undo");
    if (const auto& gain = from.at("gain"); !gain.is_null()) order.gain = gain.to_number<double>();
    return order;
}

// Its fence is longer than any in the statements, so that none of them ends it.
std::string code_block(const std::vector<std::string>& statements) {
    std::string text;
    for (const auto& statement : statements) text += statement + ";\n";
    std::string fence = "```";
    while (text.find(fence) != std::string::npos) fence += '`';
    return fence + "sql\n" + text + fence + "\n";
}

// A name or a message, which may hold anything, as text that is no markup.
std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '<') out += "&lt;";
        else if (c == '&') out += "&amp;";
        else if (c == '\n' || c == '\r') out += ' ';
        else if (c == '`' || c == '\\' || c == '[' || c == ']' || c == '*') (out += '\\') += c;
        else out += c;
    }
    return out;
}

std::string table_row(const char* what, const Work& before, const Work& since) {
    return std::string("| ") + what + " | " + std::to_string(before.calls) + " | " + print_time(before.mean()) + " | " + std::to_string(since.calls) + " | " + print_time(since.mean()) + " |\n";
}

void put_markdown(std::string& out, const Deployment& deployment) {
    const auto& order = deployment.order;
    out += "## " + std::to_string(deployment.id) + ". " + plain(order.title) + ": " + std::string(name(deployment.state)) + "\n\n";
    out += "Database " + plain(order.database) + ", asked for by " + plain(order.asked_by) + ".";
    if (order.gain) out += " Expected to save " + std::to_string(std::lround(*order.gain * 100)) + " % of the plan's cost.";
    out += "\n\n";
    if (!order.statement.empty()) out += "For the statement\n\n" + code_block({order.statement}) + "\n";
    out += "Run:\n\n" + code_block(order.deploy) + "\nTo undo:\n\n" + code_block(order.undo) + "\n";
    if (deployment.watching_since_ms != 0) {
        out += "| | calls before | mean | calls since | mean |\n|---|---|---|---|---|\n";
        out += table_row("statement", deployment.before.statement, deployment.since.statement);
        out += table_row("writers of the table", deployment.before.writers, deployment.since.writers) + "\n";
    }
    for (const auto& event : deployment.events) out += "- " + print_utc(event.unix_ms) + " " + std::string(name(event.state)) + ": " + plain(event.text) + "\n";
    out += "\n";
}

}  // namespace

std::string_view name(DeploymentState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<DeploymentState> deployment_state(std::string_view text) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == text) return static_cast<DeploymentState>(i);
    }
    return std::nullopt;
}

json::object to_json(const Deployment& deployment) {
    const auto& order = deployment.order;
    json::array events;
    for (const auto& event : deployment.events) {
        events.push_back(json::object{{"unix_ms", event.unix_ms}, {"state", name(event.state)}, {"text", event.text}});
    }
    return {{"id", deployment.id}, {"state", name(deployment.state)}, {"database", order.database}, {"title", order.title}, {"kind", order.kind},
            {"subject", order.subject}, {"statement", order.statement}, {"deploy", texts(order.deploy)}, {"undo", texts(order.undo)},
            {"gain", order.gain ? json::value(*order.gain) : json::value(nullptr)}, {"asked_by", order.asked_by}, {"steps_done", deployment.steps_done}, {"was_cut_off", deployment.was_cut_off},
            {"begun_by", deployment.begun_by}, {"made", texts(deployment.made)},
            {"statement_at_start", work(deployment.statement_at_start)}, {"writers_at_start", work(deployment.writers_at_start)},
            {"before", window(deployment.before)}, {"since", window(deployment.since)}, {"watching_since_ms", deployment.watching_since_ms}, {"table_oid", deployment.table_oid}, {"events", events}};
}

std::optional<Deployment> read_deployment(const json::value& value) {
    try {
        const auto& from = value.as_object();
        Deployment deployment;
        deployment.id = from.at("id").to_number<int>();
        deployment.order = order_of(from);
        deployment.state = state_at(from, "state");
        deployment.steps_done = from.at("steps_done").to_number<std::size_t>();
        deployment.was_cut_off = from.at("was_cut_off").as_bool();
        // Lines of before these were written do not tell.
        const bool may_have_begun = deployment.was_cut_off || deployment.state == building;
        deployment.begun_by = from.contains("begun_by") ? text_at(from, "begun_by") : may_have_begun ? "unknown" : "";
        if (from.contains("made")) deployment.made = texts_at(from, "made");
        deployment.made.resize(deployment.order.deploy.size());
        deployment.statement_at_start = work_at(from, "statement_at_start"), deployment.writers_at_start = work_at(from, "writers_at_start");
        deployment.before = window_at(from, "before"), deployment.since = window_at(from, "since");
        deployment.watching_since_ms = from.at("watching_since_ms").to_number<std::int64_t>();
        deployment.table_oid = from.at("table_oid").to_number<unsigned>();
        for (const auto& event : from.at("events").as_array()) {
            const auto& one = event.as_object();
            deployment.events.push_back({one.at("unix_ms").to_number<std::int64_t>(), state_at(one, "state"), text_at(one, "text")});
        }
        if (deployment.id < 1 || deployment.steps_done > deployment.order.deploy.size()) return std::nullopt;
        return deployment;
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

std::string to_markdown(const std::vector<Deployment>& deployments) {
    std::string out = "# What was deployed\n\n";
    if (deployments.empty()) out += "Nothing yet.\n";
    for (const auto& deployment : deployments) put_markdown(out, deployment);
    return out;
}

std::string print_utc(std::int64_t unix_ms) {
    const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%SZ", &parts);
    return {text.data(), length};
}

}  // namespace larder::advisor
