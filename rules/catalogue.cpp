// Lookups in a finished snapshot. How it is built: catalogue_builder.cpp.
#include "rules/catalogue.h"

#include <algorithm>

#include "rules/catalogue_impl.h"

namespace larder::rules {

void NamedVerdicts::add(const std::string& schema, const Catalogue::FunctionVerdict& verdict) {
    make_worse(anywhere, verdict);
    for (auto& [known, worst] : by_schema) {
        if (known == schema) return make_worse(worst, verdict);
    }
    by_schema.emplace_back(schema, verdict);
}

const Catalogue::FunctionVerdict* NamedVerdicts::in_schema(std::string_view schema) const {
    for (const auto& [known, verdict] : by_schema) {
        if (known == schema) return &verdict;
    }
    return nullptr;
}

Catalogue::Catalogue() : impl_(std::make_unique<Impl>()) {}
Catalogue::~Catalogue() = default;

const Relation* Catalogue::find_relation(const sql::Name& name, const std::vector<std::string>& search_path) const {
    const auto named = impl_->by_name.find(name.name);
    if (named == impl_->by_name.end()) return nullptr;
    const auto in_schema = [&](std::string_view schema) -> const Relation* {
        for (const auto index : named->second) {
            if (impl_->relations[index].schema == schema) return &impl_->relations[index];
        }
        return nullptr;
    };
    if (!name.schema.empty()) return in_schema(name.schema);
    for (const auto& schema : search_path) {
        if (const auto* relation = in_schema(schema)) return relation;
    }
    return nullptr;
}

std::vector<const Relation*> Catalogue::find_candidates(const sql::Name& name, const std::vector<std::string>& schemas) const {
    std::vector<const Relation*> found;
    if (!name.schema.empty()) {
        if (const auto* relation = find_relation(name, schemas)) found.push_back(relation);
        return found;
    }
    for (const auto& schema : schemas) {
        if (const auto* relation = find_relation({schema, name.name}, schemas)) found.push_back(relation);
    }
    return found;
}

std::vector<const Relation*> Catalogue::find_named(const sql::Name& name) const {
    std::vector<const Relation*> found;
    const auto named = impl_->by_name.find(name.name);
    if (named == impl_->by_name.end()) return found;
    for (const auto index : named->second) {
        const auto& relation = impl_->relations[index];
        if (name.schema.empty() || name.schema == relation.schema) found.push_back(&relation);
    }
    return found;
}

const Relation* Catalogue::find_relation(Oid oid) const {
    const auto found = impl_->by_oid.find(oid);
    return found == impl_->by_oid.end() ? nullptr : &impl_->relations[found->second];
}

Catalogue::FunctionVerdict Catalogue::function_verdict(const sql::Name& name, const std::vector<std::string>&) const {
    // Without a schema every function of that name in the database counts, whatever the path: the path that is effective
    // may change by a GRANT, and overloads of several schemas compete anyway.
    const auto named = impl_->functions.find(name.name);
    if (named != impl_->functions.end()) {
        if (name.schema.empty()) return named->second.anywhere;
        if (const auto* verdict = named->second.in_schema(name.schema)) return *verdict;
    }
    // A temporary function, a cast or column in function notation, or an error.
    return {Reason::unknown_function, true, true, true};
}

Catalogue::FunctionVerdict Catalogue::function_verdict(Oid function) const {
    const auto found = impl_->functions_by_oid.find(function);
    return found == impl_->functions_by_oid.end() ? FunctionVerdict{Reason::unknown_function, true, true, true} : found->second;
}

Catalogue::FunctionVerdict Catalogue::field_verdict(const std::string& name, bool is_row) const {
    const auto& functions = is_row ? impl_->row_functions : impl_->functions;
    const auto named = functions.find(name);
    return named == functions.end() ? FunctionVerdict{} : named->second.anywhere;
}

namespace {

bool is_temp_schema(std::string_view schema) { return schema == "pg_temp" || schema.starts_with("pg_temp_"); }

// Operators and types that are not in the table are builtin, or harmless.
Catalogue::FunctionVerdict find_verdict(const VerdictsByName& table, const sql::Name& name, Reason temporary) {
    if (is_temp_schema(name.schema)) return {temporary, true, true, true};
    const auto named = table.find(name.name);
    if (named == table.end()) return {};
    if (name.schema.empty()) return named->second.anywhere;
    const auto* verdict = named->second.in_schema(name.schema);
    return verdict != nullptr ? *verdict : Catalogue::FunctionVerdict{};
}

}  // namespace

Catalogue::FunctionVerdict Catalogue::operator_code(const sql::Name& name) const {
    return find_verdict(impl_->operators, name, Reason::user_operator);
}

std::vector<std::string> Catalogue::operator_schemas(const std::string& name) const {
    std::vector<std::string> schemas;
    const auto found = impl_->operators.find(name);
    if (found == impl_->operators.end()) return schemas;
    for (const auto& [schema, verdict] : found->second.by_schema) schemas.push_back(schema);
    return schemas;
}

Catalogue::FunctionVerdict Catalogue::type_code(const sql::Name& name) const {
    auto verdict = find_verdict(impl_->types, name, Reason::user_type);
    if (verdict.reason != Reason::none) return verdict;
    if (!name.schema.empty() && name.schema != "pg_catalog") return verdict;
    // Their text forms are names of the catalogue, except that text search names its configurations so; and timetz takes
    // today's offset from UTC.
    for (const std::string_view type : {"regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regrole", "regnamespace", "regcollation"}) {
        if (name.name == type) verdict.reason = Reason::system_catalog;
    }
    if (name.name == "timetz") verdict.reason = Reason::time_dependent;
    return verdict;
}

Reason Catalogue::operator_verdict(const sql::Name& name) const { return operator_code(name).reason; }
Reason Catalogue::type_verdict(const sql::Name& name) const { return type_code(name).reason; }
bool Catalogue::has_user_casts() const { return impl_->has_user_casts; }
bool Catalogue::has_own_implicit_code() const { return impl_->has_own_implicit_code; }
bool Catalogue::has_event_code() const { return impl_->has_event_code; }
bool Catalogue::has_maintenance_code() const { return impl_->has_maintenance_code; }

bool Catalogue::is_unlogged(Oid root) const { return impl_->unlogged_roots.contains(root); }

bool Catalogue::has_names_in(std::string_view client_encoding) const {
    // SQL_ASCII on either side means that nothing is converted.
    return client_encoding == impl_->encoding || client_encoding == "SQL_ASCII" || impl_->encoding == "SQL_ASCII";
}

std::string_view Catalogue::encoding() const { return impl_->encoding; }
bool Catalogue::has_function_named(const std::string& name) const { return impl_->functions.contains(name); }

std::optional<std::size_t> Relation::column_named(std::string_view wanted) const {
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].name == wanted) return i;
    }
    return std::nullopt;
}

std::uint64_t Catalogue::digest() const { return impl_->digest; }
std::size_t Catalogue::relation_count() const { return impl_->relations.size(); }
std::size_t Catalogue::bytes() const { return impl_->bytes; }

std::string Catalogue::qualified_name(Oid oid) const {
    const auto* relation = find_relation(oid);
    return relation == nullptr ? std::string{} : relation->schema + '.' + relation->name;
}

}  // namespace larder::rules
