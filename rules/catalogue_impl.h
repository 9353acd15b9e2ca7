// The inside of a Catalogue, shared by its builder and its lookups.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/catalogue.h"
#include "rules/function_code.h"

namespace larder::rules {

// A verdict per schema of a name, and the worst over all schemas for names that come without one.
struct NamedVerdicts {
    Catalogue::FunctionVerdict anywhere;
    std::vector<std::pair<std::string, Catalogue::FunctionVerdict>> by_schema;

    void add(const std::string& schema, const Catalogue::FunctionVerdict& verdict);
    const Catalogue::FunctionVerdict* in_schema(std::string_view schema) const;
};

using VerdictsByName = std::unordered_map<std::string, NamedVerdicts>;

struct Catalogue::Impl {
    std::vector<Relation> relations;
    std::unordered_map<Oid, std::size_t> by_oid;
    std::unordered_map<std::string, std::vector<std::size_t>> by_name;
    std::unordered_set<Oid> unlogged_roots;
    VerdictsByName functions, row_functions, operators, types;  // row_functions: those that take a row and are not builtin
    std::unordered_map<Oid, FunctionVerdict> functions_by_oid;
    bool has_user_casts = false, has_own_implicit_code = false, has_event_code = false, has_maintenance_code = false;
    std::string encoding;
    std::uint64_t digest = 0;
    std::size_t bytes = 0;
};

// A hash over every field of every row; the rows must be in the order of their OIDs.
std::uint64_t digest_of(const CatalogueRows& rows);

}  // namespace larder::rules
