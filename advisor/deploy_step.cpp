#include "advisor/deploy_step.h"

#include "advisor/node.h"
#include "config/rule_command.h"
#include "sql/tree.h"

namespace larder::advisor {

namespace json = boost::json;

namespace {

std::string text_of(const json::object& node, const char* member) {
    const auto* value = node.if_contains(member);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool is_set(const json::object& node, const char* member) {
    const auto* value = node.if_contains(member);
    return value && value->is_bool() && value->get_bool();
}

const json::object* object_of(const json::object& node, const char* member) {
    const auto* value = node.if_contains(member);
    return value ? value->if_object() : nullptr;
}

const json::array* list_of(const json::object& node, const char* member) {
    const auto* value = node.if_contains(member);
    return value ? value->if_array() : nullptr;
}

DeployStep refuse(std::string why) {
    DeployStep step;
    step.why_refused = std::move(why);
    return step;
}

// [{"String": {"sval": "schema"}}, {"String": {"sval": "name"}}]; false for a name of more than two parts.
bool read_name(const json::array& parts, DeployStep& step) {
    if (parts.empty() || parts.size() > 2) return false;
    std::string* const names[] = {&step.schema, &step.name};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto* part = parts[i].if_object();
        const auto* string = part ? object_of(*part, "String") : nullptr;
        if (!string) return false;
        *names[2 - parts.size() + i] = text_of(*string, "sval");
    }
    return true;
}

void read_table(const json::object& relation, DeployStep& step) {
    step.schema = text_of(relation, "schemaname");
    step.table = text_of(relation, "relname");
}

// "btree a, b, (), / c where": expressions and predicates are only told to be there, since each server writes them in its own way.
std::string shape_of(const json::object& node) {
    std::string shape = text_of(node, "accessMethod");
    for (const auto* member : {"indexParams", "indexIncludingParams"}) {
        const auto* columns = list_of(node, member);
        for (const auto& column : columns ? *columns : json::array()) {
            const auto* element = column.is_object() ? object_of(column.get_object(), "IndexElem") : nullptr;
            const auto name = element ? text_of(*element, "name") : "";
            shape += name.empty() ? " ()," : " \"" + name + "\",";
        }
        shape += " /";
    }
    return shape + (node.contains("whereClause") ? " where" : "");
}

DeployStep create_index(const json::object& node) {
    DeployStep step;
    const auto* relation = object_of(node, "relation");
    step.name = text_of(node, "idxname");
    if (!relation || step.name.empty()) return refuse("An index without a name could not be taken back.");
    step.kind = StepKind::create_index;
    read_table(*relation, step);
    step.is_in_full = !step.schema.empty();
    step.is_unique = is_set(node, "unique");
    step.shape = shape_of(node);
    return step;
}

DeployStep drop(const json::object& node) {
    DeployStep step;
    const auto type = text_of(node, "removeType");
    const auto* objects = list_of(node, "objects");
    if (type != "OBJECT_INDEX" && type != "OBJECT_STATISTIC_EXT") return refuse("Only indexes and statistics are dropped.");
    if (text_of(node, "behavior") == "DROP_CASCADE") return refuse("Nothing is dropped with CASCADE.");
    if (!objects || objects->size() != 1) return refuse("One thing is dropped at a time.");
    const auto* object = objects->front().if_object();
    const auto* list = object ? object_of(*object, "List") : nullptr;
    const auto* names = list ? list_of(*list, "items") : nullptr;
    if (!names || !read_name(*names, step)) return refuse("The name is not understood.");
    step.kind = type == "OBJECT_INDEX" ? StepKind::drop_index : StepKind::drop_statistics;
    step.is_in_full = !step.schema.empty();
    return step;
}

DeployStep create_statistics(const json::object& node) {
    DeployStep step;
    const auto* names = list_of(node, "defnames");
    const auto* relations = list_of(node, "relations");
    if (!names || !read_name(*names, step)) return refuse("Statistics without a name could not be taken back.");
    const auto* first = relations && relations->size() == 1 ? relations->front().if_object() : nullptr;
    const auto* range = first ? object_of(*first, "RangeVar") : nullptr;
    if (!range) return refuse("The table is not understood.");
    step.kind = StepKind::create_statistics;
    step.table = text_of(*range, "relname");
    step.is_in_full = !step.schema.empty() && !text_of(*range, "schemaname").empty();
    return step;
}

DeployStep analyze(const json::object& node) {
    DeployStep step;
    const auto* relations = list_of(node, "rels");
    if (is_set(node, "is_vacuumcmd")) return refuse("VACUUM is not deployed.");
    const auto* first = relations && relations->size() == 1 ? relations->front().if_object() : nullptr;
    const auto* vacuum = first ? object_of(*first, "VacuumRelation") : nullptr;
    const auto* relation = vacuum ? object_of(*vacuum, "relation") : nullptr;
    if (!relation) return refuse("ANALYZE is deployed for one table at a time.");
    step.kind = StepKind::analyze;
    read_table(*relation, step);
    step.is_in_full = !step.schema.empty();
    return step;
}

DeployStep create_extension(const json::object& node) {
    DeployStep step;
    step.kind = StepKind::create_extension;
    step.name = text_of(node, "extname");
    const auto* options = list_of(node, "options");
    for (const auto& option : options ? *options : json::array()) {
        const auto* definition = option.is_object() ? object_of(option.get_object(), "DefElem") : nullptr;
        if (definition && text_of(*definition, "defname") == "schema") return step;
    }
    step.is_in_full = false;
    return step;
}

DeployStep rule_step(const std::string& text) {
    using Kind = config::RuleCommand::Kind;
    DeployStep step;
    try {
        const auto command = config::parse_rule_command(text);
        if (command.kind == Kind::alter) return refuse("A rule is made or dropped as a whole.");
        step.kind = command.kind == Kind::create ? StepKind::create_rule : StepKind::drop_rule;
        step.name = command.name;
        step.sql = text;
        return step;
    } catch (const config::ConfigError& e) {
        return refuse(std::string("It is not a rule of Larder's: ") + e.what() + ".");
    }
}

// Indexes are built and dropped while writers go on, whatever the statement says, and each is a new one.
void make_concurrent(json::object& node, json::value& root, DeployStep& step) {
    if (is_set(node, "concurrent") && !is_set(node, "if_not_exists")) return;
    node["concurrent"] = true;
    node.erase("if_not_exists");
    step.sql = short_tree_sql(root);
    if (step.sql.empty()) step = refuse("The statement cannot be written as CONCURRENTLY.");
}

}  // namespace

DeployStep read_step(const std::string& sql) {
    if (config::is_rule_command(sql)) return rule_step(sql);
    sql::Tree tree = sql.size() <= sql::kShortTextBytesMax ? sql::parse_short_tree(sql) : sql::parse_tree(sql);
    auto* root = tree.root.if_object();
    auto* statements = root && root->contains("stmts") ? (*root)["stmts"].if_array() : nullptr;
    if (!statements || statements->size() != 1) return refuse(tree.why_not.empty() ? "One statement is run at a time." : "It cannot be parsed: " + tree.why_not);
    auto* statement = (*statements)[0].get_object()["stmt"].if_object();
    if (!statement || statement->empty()) return refuse("The statement is empty.");
    auto& [type, body] = *statement->begin();
    auto* node = body.if_object();
    DeployStep step = refuse("Only indexes, statistics, ANALYZE and extensions are deployed; run it yourself if you want it.");
    if (!node) return step;
    if (type == "IndexStmt") step = create_index(*node);
    else if (type == "DropStmt") step = drop(*node);
    else if (type == "CreateStatsStmt") step = create_statistics(*node);
    else if (type == "VacuumStmt") step = analyze(*node);
    else if (type == "CreateExtensionStmt") step = create_extension(*node);
    if (step.kind == StepKind::refused) return step;
    step.sql = sql;
    if (step.kind == StepKind::create_index || step.kind == StepKind::drop_index) make_concurrent(*node, tree.root, step);
    return step;
}

std::string why_not_in_full(const DeployStep& step) {
    if (step.kind == StepKind::create_extension) return "It does not say in which schema the extension is made. Run it by hand: CREATE EXTENSION " + step.name + " WITH SCHEMA public";
    const auto& name = step.name.empty() ? step.table : step.name;
    return "It does not say in which schema " + name + " is, so that another thing of that name could be meant, and Larder does not run it. Look where it is (in psql: \\d *." + name +
           "), and run it by hand with the schema before each name: " + step.sql;
}

}  // namespace larder::advisor
