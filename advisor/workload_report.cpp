#include <cmath>
#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "advisor/workload.h"

// The workload's advice as JSON and for people.

namespace larder::advisor {

namespace json = boost::json;

namespace {

double rounded(double number) { return std::round(number * 100) / 100; }

json::object to_json(const WorkloadIndex& index) {
    json::object object = to_json(index.advice);
    object.erase("rewrite");
    object["bytes"] = std::llround(index.bytes);
    object["serves"] = json::array(index.serves.begin(), index.serves.end());
    return object;
}

json::array to_json(const std::vector<Advice>& all) {
    json::array array;
    for (const auto& advice : all) {
        json::object object = to_json(advice);
        object.erase("rewrite"), object.erase("gain");
        array.push_back(std::move(object));
    }
    return array;
}

std::string size_text(double bytes) {
    char text[32];
    if (bytes >= 1 << 30) std::snprintf(text, sizeof text, "%.1f GB", bytes / (1 << 30));
    else if (bytes >= 1 << 20) std::snprintf(text, sizeof text, "%.1f MB", bytes / (1 << 20));
    else std::snprintf(text, sizeof text, "%.0f kB", bytes / 1024);
    return text;
}

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
    return text;
}

void put(std::string& out, const std::vector<Advice>& all, const char* title) {
    if (!all.empty()) out += std::string("\n") + title + "\n";
    for (const auto& advice : all) {
        out += "  " + advice.why + "\n";
        for (const auto& line : advice.deploy) out += "    " + line + ";\n";
    }
}

}  // namespace

json::object to_json(const WorkloadAdvice& advice) {
    json::object object;
    object["kind"] = "workload";
    object["before"] = rounded(advice.before);
    object["after"] = rounded(advice.after);
    object["gain"] = advice.before > 0 ? std::round((1 - advice.after / advice.before) * 1e4) / 1e4 : 0;
    object["upkeep"] = rounded(advice.upkeep);
    object["bytes"] = std::llround(advice.bytes);
    object["budget"] = advice.budget > 0 ? json::value(std::llround(advice.budget)) : json::value(nullptr);
    object["is_estimate"] = advice.is_estimate;
    object["plans"] = advice.plans;
    json::array indexes, statements;
    for (const auto& index : advice.indexes) indexes.push_back(to_json(index));
    object["indexes"] = std::move(indexes);
    object["drop"] = to_json(advice.spare);
    object["foreign_keys"] = to_json(advice.unserved_keys);
    for (const auto& statement : advice.statements) {
        json::object one;
        one["id"] = statement.id;
        one["calls_per_min"] = statement.calls_per_minute;
        one["before"] = rounded(statement.before);
        one["after"] = rounded(statement.after);
        if (!statement.problem.empty()) one["why"] = "Not looked at: " + statement.problem + ".";
        statements.push_back(std::move(one));
    }
    object["statements"] = std::move(statements);
    return object;
}

std::string to_text(const WorkloadAdvice& advice) {
    std::string out;
    if (advice.indexes.empty()) out += "No index that was tried makes these statements cheaper by enough.\n";
    else {
        out += std::to_string(advice.indexes.size()) + " indexes of about " + size_text(advice.bytes) + " save " + percent(advice.before > 0 ? 1 - advice.after / advice.before : 0) +
               " of the statements' cost, writes included" + (advice.is_estimate ? " (in part estimated)" : "") + ". What saves most by the byte comes first:\n";
    }
    for (const auto& index : advice.indexes) {
        out += "  " + percent(index.advice.gain.value_or(0)) + ", " + size_text(index.bytes) + ", for " + std::to_string(index.serves.size()) + " statements\n";
        for (const auto& line : index.advice.deploy) out += "    " + line + ";\n";
    }
    put(out, advice.spare, "Indexes that can go:");
    put(out, advice.unserved_keys, "Foreign keys without an index:");
    out += "\nCost of each statement now and then:\n";
    for (const auto& statement : advice.statements) {
        out += "  " + json::serialize(statement.id) + "  ";
        out += statement.problem.empty() ? std::to_string(std::llround(statement.before)) + " -> " + std::to_string(std::llround(statement.after)) : "not looked at: " + statement.problem;
        out += "\n";
    }
    return out;
}

}  // namespace larder::advisor
