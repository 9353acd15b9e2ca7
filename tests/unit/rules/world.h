// A small catalogue and environment, built from hand-written rows, to plan statements in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rules/catalogue.h"
#include "rules/plan.h"
#include "rules/session_env.h"
#include "rules/user_rules.h"

namespace larder::rules::test {

// Rows of an empty database with the few builtin functions that tests call.
class Rows {
public:
    Rows();

    RelationRow& relation(Oid oid, const std::string& name, RelationKind kind = RelationKind::table, const std::string& schema = "public");
    RelationRow& view(Oid oid, const std::string& name, const std::string& definition);
    FunctionRow& function(Oid oid, const std::string& name, char volatility = 'v', const std::string& schema = "public");
    FunctionRow& builtin(const std::string& name, char volatility);
    FunctionRow& member(Oid oid, const std::string& extension, const std::string& name, char volatility);
    std::shared_ptr<const Catalogue> build() const { return Catalogue::build(rows); }

    CatalogueRows rows;

private:
    Oid next_builtin_ = 1000;
};

// public, pg_catalog; all settings at PostgreSQL's defaults.
SessionEnv default_env();
std::vector<std::string> default_columns();  // as environment_query() would answer

// What plans are made with; change any of it before asking.
struct World {
    explicit World(const Rows& rows) : catalogue(rows.build()) {}

    Plan plan(const std::string& text) const;
    Reason reason(const std::string& text) const { return plan(text).reason; }
    WritePlan writes(const std::string& text) const { return plan(text).writes; }

    std::shared_ptr<const Catalogue> catalogue;
    SessionEnv env = default_env();
    bool knows_catalogue = true, knows_env = true;
    UserRules user_rules;
};

// Short forms of a write plan for comparing: "1 2 any catalogue server exclusive", or "" for none.
std::string show(const WritePlan& writes);
std::string show(const std::vector<Oid>& oids);

}  // namespace larder::rules::test
