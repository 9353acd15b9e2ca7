#include "unit/rules/world.h"

#include "sql/analyse.h"

namespace larder::rules::test {

Rows::Rows() {
    rows.database = "shop";
    rows.server_version_num = 150000;
    for (const char* name : {"lower", "count", "sum", "upper", "int4"}) builtin(name, 'i');
    for (const char* name : {"to_char", "now", "current_setting", "pg_get_viewdef", "txid_current", "age", "format", "convert_from", "ts_debug"}) builtin(name, 's');
    for (const char* name : {"random", "nextval", "set_config", "pg_advisory_lock", "query_to_xml", "clock_timestamp", "lo_get"}) builtin(name, 'v');
    builtin("timezone", 's');
    builtin("timezone", 'i');
    builtin("age", 'i');
    builtin("json_populate_record", 's');
}

RelationRow& Rows::relation(Oid oid, const std::string& name, RelationKind kind, const std::string& schema) {
    RelationRow row;
    row.oid = oid;
    row.schema = schema;
    row.name = name;
    row.kind = kind;
    rows.relations.push_back(std::move(row));
    return rows.relations.back();
}

RelationRow& Rows::view(Oid oid, const std::string& name, const std::string& definition) {
    auto& row = relation(oid, name, RelationKind::view);
    row.view_definition = definition;
    return row;
}

FunctionRow& Rows::function(Oid oid, const std::string& name, char volatility, const std::string& schema) {
    FunctionRow row{};
    row.oid = oid;
    row.schema = schema;
    row.name = name;
    row.volatility = volatility;
    rows.functions.push_back(std::move(row));
    return rows.functions.back();
}

FunctionRow& Rows::builtin(const std::string& name, char volatility) {
    auto& row = function(next_builtin_++, name, volatility, "pg_catalog");
    row.is_builtin = row.is_native = true;
    return row;
}

FunctionRow& Rows::member(Oid oid, const std::string& extension, const std::string& name, char volatility) {
    auto& row = function(oid, name, volatility);
    row.is_native = row.is_extension_member = true;
    row.extension = extension;
    return row;
}

std::vector<std::string> default_columns() {
    std::vector<std::string> columns{"app", "app", "{pg_catalog,public}", "none"};
    for (const auto name : kKeyedSettings) {
        std::string value;
        if (name == "standard_conforming_strings") value = "on";
        if (name == "backslash_quote") value = "safe_encoding";
        if (name == "transform_null_equals") value = "off";
        if (name == "client_encoding") value = "UTF8";
        if (name == "default_transaction_isolation") value = "read committed";
        if (name == "client_min_messages") value = "notice";
        if (name == "search_path") value = "\"$user\", public";
        columns.push_back(value);
    }
    return columns;
}

SessionEnv default_env() { return *parse_environment("shop", default_columns()); }

Plan World::plan(const std::string& text) const {
    const auto facts = sql::analyse(text);
    return make_plan({facts, text, user_rules.needs_fingerprint() ? sql::fingerprint(text) : 0, knows_catalogue ? catalogue.get() : nullptr,
                      knows_env ? &env : nullptr, user_rules});
}

std::string show(const std::vector<Oid>& oids) {
    std::string out;
    for (const Oid oid : oids) out += (out.empty() ? "" : " ") + std::to_string(oid);
    return out;
}

std::string show(const WritePlan& writes) {
    auto out = show(writes.scans);
    const auto add = [&out](bool flag, const char* name) {
        if (flag) out += (out.empty() ? "" : " ") + std::string(name);
    };
    add(writes.any, "any");
    add(writes.catalogue, "catalogue");
    add(writes.server, "server");
    add(writes.exclusive, "exclusive");
    return out;
}

}  // namespace larder::rules::test
