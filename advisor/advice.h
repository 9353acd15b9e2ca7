// One advice: what to do, why, what it saves, how to undo it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

namespace larder::advisor {

struct Advice {
    std::string kind = "none";           // btree_single, …, rewrite, paginate, …, none
    std::vector<std::string> ddl;        // in this order
    std::optional<std::string> rewrite;  // a statement with the same rows
    std::optional<double> gain;          // share of the plan's cost saved, 0 to 1
    std::string why;                     // sentences
    std::vector<std::string> deploy;     // the same as ddl, so that writers are not locked out
    std::vector<std::string> undo;
    std::string plan;                    // the plan as it is, as a tree
    std::string plan_without_values;     // the same without the constants of its conditions
    bool comes_first = false;            // though nothing else tells by how much: what is tried helps less, or for a while only
};

Advice make_advice(std::string kind, std::string why);

// A figure for people, without its fraction.
std::string whole(double number);

std::string_view title_of(std::string_view kind);
// What it costs or may break, a sentence; empty where there is nothing to say.
std::string_view risk_of(std::string_view kind);

boost::json::object to_json(const Advice& advice);
// For people: title, evidence, what to run, gain, how to undo.
std::string to_text(const Advice& advice);

}  // namespace larder::advisor
