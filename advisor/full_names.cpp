#include "advisor/full_names.h"

#include <set>

#include "advisor/node.h"
#include "sql/tree.h"

namespace larder::advisor {

namespace json = boost::json;

namespace {

// For each kind of name: the schemas in which the path finds one. $1 is the name, $2 the access method of an operator class. They are asked under
// the client's path, so that operators have their schemas as well.
constexpr const char* kOf = "SELECT DISTINCT n.nspname FROM pg_catalog.";
const std::string kFunctions = std::string(kOf) + "pg_proc x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.pronamespace WHERE x.proname OPERATOR(pg_catalog.=) $1 AND pg_catalog.pg_function_is_visible(x.oid)";
const std::string kTypes = std::string(kOf) + "pg_type x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.typnamespace WHERE x.typname OPERATOR(pg_catalog.=) $1 AND pg_catalog.pg_type_is_visible(x.oid)";
const std::string kOperators = std::string(kOf) + "pg_operator x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.oprnamespace WHERE x.oprname OPERATOR(pg_catalog.=) $1 AND pg_catalog.pg_operator_is_visible(x.oid)";
const std::string kCollations = std::string(kOf) + "pg_collation x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.collnamespace WHERE x.collname OPERATOR(pg_catalog.=) $1 AND pg_catalog.pg_collation_is_visible(x.oid)";
const std::string kTables = std::string(kOf) + "pg_class x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.relnamespace WHERE x.relname OPERATOR(pg_catalog.=) $1 AND pg_catalog.pg_table_is_visible(x.oid)";
const std::string kClasses = std::string(kOf) + "pg_opclass x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.opcnamespace JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) x.opcmethod "
                             "WHERE x.opcname OPERATOR(pg_catalog.=) $1 AND a.amname OPERATOR(pg_catalog.=) $2 AND pg_catalog.pg_opclass_is_visible(x.oid)";

class Names {
public:
    explicit Names(Connection& connection) : connection_(connection) {}

    std::string in_full(const std::string& sql) {
        auto tree = sql::parse_short_tree(sql);
        if (tree.root.is_null()) return sql;
        is_changed_ = false;
        shared_.clear();
        note_shared(tree.root);
        enter(tree.root);
        const std::string text = is_changed_ ? short_tree_sql(tree.root) : sql;
        return text.empty() ? sql : text;
    }

private:
    // Names that a query gives itself are no tables.
    void note_shared(const Node& node) {
        visit_nodes(node, [&](const Node& part) {
            if (const auto* shared = fields_of(part, "CommonTableExpr")) shared_.emplace(word(*shared, "ctename"));
            return true;
        });
    }

    void enter(Node& value) {
        if (auto* items = value.if_array()) {
            for (auto& item : *items) enter(item);
        }
        auto* fields = value.if_object();
        if (!fields) return;
        if (const auto method = word(*fields, "accessMethod"); !method.empty()) method_ = method;
        for (auto& [key, child] : *fields) {
            if (auto* node = child.if_object()) look_at(key, *node);
            enter(child);
        }
    }

    // A type and a relation stand without their node's name where nothing else can.
    void look_at(std::string_view key, json::object& node) {
        if (key == "FuncCall") complete(node, "funcname", kFunctions);
        else if (key == "TypeName" || key == "typeName") complete(node, "names", kTypes);
        else if (key == "A_Expr") complete(node, "name", kOperators);
        else if (key == "CollateClause") complete(node, "collname", kCollations);
        else if (key == "IndexElem") complete(node, "opclass", kClasses), complete(node, "collation", kCollations);
        else if (key == "RangeVar" && word(node, "schemaname").empty() && !shared_.contains(std::string(word(node, "relname")))) complete_table(node);
    }

    void complete(json::object& node, const char* member_name, const std::string& query) {
        auto* names = node.contains(member_name) ? node[member_name].if_array() : nullptr;
        if (!names || names->size() != 1) return;
        auto schema = schema_of(last_name(*names), query);
        if (schema.empty()) return;
        names->insert(names->begin(), make_string(schema));
        is_changed_ = true;
    }

    void complete_table(json::object& node) {
        const auto schema = schema_of(std::string(word(node, "relname")), kTables);
        if (schema.empty()) return;
        node["schemaname"] = schema;
        is_changed_ = true;
    }

    // "" where the name is to stay as it is.
    std::string schema_of(const std::string& name, const std::string& query) {
        Parameters values = {name};
        if (&query == &kClasses) values.emplace_back(method_.empty() ? "btree" : method_);
        const auto rows = connection_.ask_in_path(query, values);
        if (rows.empty() && &query == &kClasses) return schema_of_hidden_class(values);
        if (rows.size() != 1 || rows[0][0] == "pg_catalog") return {};
        return rows[0][0].value_or("");
    }

    // Of an extension that the advice makes first, unless it is there already where the path does not look.
    std::string schema_of_hidden_class(const Parameters& name_and_method) {
        const auto rows = connection_.ask("SELECT n.nspname FROM pg_catalog.pg_opclass x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.opcnamespace JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) x.opcmethod "
                                          "WHERE x.opcname OPERATOR(pg_catalog.=) $1 AND a.amname OPERATOR(pg_catalog.=) $2 ORDER BY x.oid LIMIT 1", name_and_method);
        return rows.empty() ? kExtensionSchema : rows[0][0].value_or("");
    }

    Connection& connection_;
    std::set<std::string> shared_;
    std::string method_;
    bool is_changed_ = false;
};

constexpr std::string_view kDrop = "DROP INDEX CONCURRENTLY ";

// As the server writes the index for anybody: what is compared before it is dropped (builder.h).
void define_in_full(Connection& connection, Advice& advice) {
    if (advice.deploy.size() != 1 || !advice.deploy[0].starts_with(kDrop) || advice.undo.size() != 1) return;
    const auto rows = connection.ask("SELECT pg_get_indexdef(to_regclass($1))", {advice.deploy[0].substr(kDrop.size())});
    if (!rows.empty() && rows[0][0]) advice.undo = {*rows[0][0]};
}

}  // namespace

std::string create_extension(const std::string& name) { return "CREATE EXTENSION IF NOT EXISTS " + name + " WITH SCHEMA " + kExtensionSchema; }

void name_in_full(Connection& connection, std::vector<Advice>& advice) {
    Names names(connection);
    for (auto& one : advice) {
        if (one.kind == "drop_index") {
            define_in_full(connection, one);
            continue;
        }
        for (auto* statements : {&one.ddl, &one.deploy}) {
            for (auto& sql : *statements) sql = names.in_full(sql);
        }
    }
}

}  // namespace larder::advisor
