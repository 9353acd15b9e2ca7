// Facts in short: each function renders one part of them as text, so that a test is a table of statement and expectation.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "sql/analyse.h"

namespace larder::sql::test {

// The facts of a text that must hold exactly one statement that is parsed and understood.
inline Facts facts_of(const std::string& text) {
    INFO(text);
    TextFacts facts = analyse(text);
    INFO(facts.why_not);
    REQUIRE(facts.parsed);
    REQUIRE(facts.statements.size() == 1);
    REQUIRE(facts.statements[0].understood);
    return std::move(facts.statements[0]);
}

inline std::string join(std::vector<std::string> parts, bool sorted = true) {
    if (sorted) std::sort(parts.begin(), parts.end());
    std::string result;
    for (const std::string& part : parts) result += (result.empty() ? "" : " ") + part;
    return result;
}

inline std::string show(const Name& name) { return name.schema.empty() ? name.name : name.schema + "." + name.name; }

inline std::string show(const std::vector<Name>& names) {
    std::vector<std::string> parts;
    for (const Name& name : names) parts.push_back(show(name));
    return join(parts);
}

inline std::string show(const Value& plain) {
    if (!plain.cast.empty()) {
        Value value = plain;
        value.cast.clear();
        return show(value) + "::" + (plain.is_catalog_type ? "" : "?") + plain.cast;
    }
    const Value& value = plain;
    if (value.is_array) return "each of $" + std::to_string(value.integer);
    switch (value.kind) {
    case Value::Kind::integer: return std::to_string(value.integer);
    case Value::Kind::string: return "'" + value.text + "'";
    case Value::Kind::boolean: return value.integer ? "true" : "false";
    case Value::Kind::null: return "null";
    case Value::Kind::parameter: return "$" + std::to_string(value.integer);
    }
    return "?";
}

inline std::string show(const std::optional<Value>& value) { return value ? show(*value) : "?"; }

template <class T>
std::string show_list(const std::vector<T>& items) {
    std::string result;
    for (const T& item : items) result += (result.empty() ? "" : ",") + show(item);
    return "(" + result + ")";
}

// "ONLY s.t:alias[id=(1)]"; a use whose tests are not known has a "?" at its end.
inline std::string show(const RelationUse& use) {
    std::string result = (use.only ? "ONLY " : "") + show(use.name) + (use.alias.empty() ? "" : ":" + use.alias);
    for (const KeyTest& test : use.key_tests) result += "[" + test.column + "=" + show_list(test.values) + "]";
    return result + (use.key_tests_known ? "" : "?");
}

// In the order of the walk, with key tests.
inline std::string uses(const Facts& facts) {
    std::vector<std::string> parts;
    for (const RelationUse& use : facts.reads) parts.push_back(show(use));
    return join(parts, false);
}

// The names of the relations read, sorted, with repeats.
inline std::string reads(const Facts& facts) {
    std::vector<std::string> parts;
    for (const RelationUse& use : facts.reads) parts.push_back(show(use.name));
    return join(parts);
}

inline const char* show(WriteAction action) {
    switch (action) {
    case WriteAction::insert: return "insert";
    case WriteAction::update: return "update";
    case WriteAction::delete_: return "delete";
    case WriteAction::merge: return "merge";
    case WriteAction::truncate: return "truncate";
    case WriteAction::truncate_cascade: return "truncate_cascade";
    case WriteAction::copy_from: return "copy_from";
    case WriteAction::lock: return "lock";
    case WriteAction::refresh: return "refresh";
    }
    return "?";
}

inline std::string writes(const Facts& facts) {
    std::vector<std::string> parts;
    for (const WriteUse& use : facts.writes) parts.push_back(std::string(show(use.action)) + ":" + show(use.target.name));
    return join(parts);
}

inline std::string strings(const std::vector<std::string>& list) { return join(list, false); }

}  // namespace larder::sql::test
