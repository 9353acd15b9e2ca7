#include "rules/planning_code.h"

#include "rules/statement_code.h"

namespace larder::rules {

namespace {

bool is_refused(const Catalogue::FunctionVerdict& code) { return code.may_write || code.may_change_session || code.is_own_code; }

std::string shown(const sql::Name& name) { return name.schema.empty() ? name.name : name.schema + "." + name.name; }

// Whose it may be: anybody with a schema can make an operator by any name.
std::string where_else(const sql::Name& name, const Catalogue& catalogue) {
    if (!name.schema.empty()) return {};
    std::string schemas;
    for (const auto& schema : catalogue.operator_schemas(name.name)) schemas += (schemas.empty() ? " (there is one in schema " : ", ") + schema;
    return schemas.empty() ? schemas : schemas + ")";
}

// The first name that is to blame; empty if none is.
std::string why_not_called(const sql::Facts& facts, const Catalogue& catalogue) {
    static const std::vector<std::string> kNoPath;
    const auto of_own = [](const std::string& what) { return what + ", which is code of the database's own or may change something"; };
    for (const auto& name : facts.functions) {
        if (is_refused(catalogue.function_verdict(name, kNoPath))) return of_own("it calls " + shown(name));
    }
    for (const auto& name : facts.row_fields) {
        if (is_refused(catalogue.field_verdict(name, true))) return of_own("it names " + name);
    }
    for (const auto& name : facts.value_fields) {
        if (is_refused(catalogue.field_verdict(name, false)) || is_refused(catalogue.type_code({{}, name}))) return of_own("it names " + name);
    }
    for (const auto& name : facts.operators) {
        if (is_refused(catalogue.operator_code(name))) return of_own("it uses the operator " + shown(name) + where_else(name, catalogue));
    }
    for (const auto& name : facts.types) {
        if (is_refused(catalogue.type_code(name))) return of_own("it names the type " + shown(name));
    }
    return {};
}

std::string why_not_on(const sql::Name& name, const Catalogue& catalogue) {
    const auto all = catalogue.find_named(name);
    if (all.empty()) return "the relation " + shown(name) + " is not known, or is a temporary one";
    for (const auto* relation : all) {
        if (!relation->planning_is_opaque) continue;
        const std::string full = relation->schema + "." + relation->name;
        if (relation->kind == RelationKind::foreign_table) return "it names the foreign table " + full + ", whose server would be asked";
        return "it names " + full + ", on which code of the database's own hangs (a default, check, index, policy or rule), or another server";
    }
    return {};
}

}  // namespace

std::string why_not_planned(const sql::Facts& facts, const Catalogue& catalogue) {
    static const std::vector<std::string> kNoPath;
    if (!facts.understood) return "it is not understood";
    if (catalogue.has_user_casts() || catalogue.has_own_implicit_code()) return "a cast, an operator class or a range of the database's own may run code in any expression";
    if (auto why = why_not_called(facts, catalogue); !why.empty()) return why;
    // The rule itself, of which the names above are the explanation.
    const auto code = judge_code(facts, catalogue, kNoPath, NameScope::session);
    if (code.may_write || code.may_change_session || code.is_own_code) return "it may run code of the database's own";
    for (const auto& use : facts.reads) {
        if (auto why = why_not_on(use.name, catalogue); !why.empty()) return why;
    }
    for (const auto& use : facts.writes) {
        if (auto why = why_not_on(use.target.name, catalogue); !why.empty()) return why;
    }
    return {};
}

}  // namespace larder::rules
