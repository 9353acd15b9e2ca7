#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "advisor/notes.h"

namespace larder::advisor {

namespace {

constexpr double kCostly = 500;
constexpr std::size_t kManyPartitions = 10, kManyIndexes = 10;
constexpr double kDeadShare = 0.2, kPagesMin = 100, kBloat = 3, kBlockBytes = 8192, kRowHeaderBytes = 28;
constexpr double kBigTableRows = 1'000'000;

bool is_table(const Relation& relation) { return !relation.is_system && !relation.is_temporary && (relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'm'); }

// P30
void too_many_joins(const SmellContext& context, std::vector<Advice>& to) {
    std::set<std::string> aliases;
    visit_plan(context.plan, [&](const PlanNode& node) {
        if (node.is_scan()) aliases.insert(node.alias);
    });
    const auto rows = context.connection.attempt("SELECT current_setting('join_collapse_limit')");
    std::size_t limit = 8;
    if (rows && !rows->empty() && (*rows)[0][0]) std::from_chars((*rows)[0][0]->data(), (*rows)[0][0]->data() + (*rows)[0][0]->size(), limit);
    if (aliases.size() <= limit) return;
    to.push_back(make_advice("review_schema", "It joins " + std::to_string(aliases.size()) + " tables; beyond join_collapse_limit = " + std::to_string(limit) +
                                  " the planner keeps the order in which they are written (P30). Write the ones that leave fewest rows first, or raise join_collapse_limit and from_collapse_limit for this role."));
}

// P32
void unpruned_partitions(const SmellContext& context, std::vector<Advice>& to) {
    visit_plan(context.plan, [&](const PlanNode& node) {
        if ((node.type != "Append" && node.type != "Merge Append") || node.children.size() <= kManyPartitions) return;
        const PlanNode* leaf = &node.children.front();
        while (leaf->relation.empty() && !leaf->children.empty()) leaf = &leaf->children.front();
        const Relation* partition = leaf->relation.empty() ? nullptr : context.relations.find(leaf->schema, leaf->relation);
        const Relation* root = partition != nullptr && partition->root != 0 ? context.relations.find(partition->root) : nullptr;
        if (root == nullptr) return;
        const auto key = context.connection.attempt("SELECT pg_get_partkeydef($1::oid)", {std::to_string(root->oid)});
        to.push_back(make_advice("rewrite", std::to_string(node.children.size()) + " partitions of " + root->name + " are read. It is divided by " + (key && !key->empty() ? (*key)[0][0].value_or("a key") : std::string("a key")) +
                                ": with a condition on that key the others are left out (P32)."));
    });
}

// P36
void guessed_functions(const SmellContext& context, std::vector<Advice>& to) {
    std::set<std::string> seen;
    visit_plan(context.plan, [&](const PlanNode& node) {
        const bool is_guess = node.type == "Function Scan" && (node.rows == 1000 || node.rows == 100) && !node.function.empty();
        if (!is_guess || context.plan.total_cost < kCostly || !seen.insert(node.function).second) return;
        to.push_back(make_advice("review_schema", "The planner takes " + node.function + "() to give " + whole(node.rows) + " rows, which is what it takes for any function. If it gives clearly more or fewer, say so: ALTER FUNCTION … ROWS n (P36)."));
    });
}

// P38
void bloated_tables(const SmellContext& context, std::vector<Advice>& to) {
    for (const auto& use : context.uses) {
        const Relation& relation = *use.relation;
        if (!is_table(relation) || relation.kind == 'p' || relation.pages < kPagesMin || relation.rows < 0) continue;
        double width = kRowHeaderBytes;
        bool is_known = true;
        for (const auto& column : relation.columns) width += column.average_width * (1 - column.null_share), is_known = is_known && column.has_statistics;
        const double needed = relation.rows * width / kBlockBytes;
        const bool is_dead = relation.dead_rows > kDeadShare * std::max(1.0, relation.live_rows) && relation.dead_rows > 1000;
        const bool is_loose = is_known && relation.pages > kBloat * needed + kPagesMin;
        if (!is_dead && !is_loose) continue;
        const auto off = context.connection.attempt("SELECT 1 FROM pg_class WHERE oid = $1 AND 'autovacuum_enabled=off' = ANY (reloptions) OR oid = $1 AND 'autovacuum_enabled=false' = ANY (reloptions)",
                                                    {std::to_string(relation.oid)});
        to.push_back(make_advice("review_schema", relation.name + (is_dead ? " holds " + whole(relation.dead_rows) + " dead rows beside " + whole(relation.live_rows) + " live ones: VACUUM it, and let autovacuum come sooner (autovacuum_vacuum_scale_factor)"
                                                            : " takes " + whole(relation.pages) + " pages where its rows need about " + whole(needed) + ": VACUUM FULL or pg_repack gives the rest back, in a quiet hour") +
                                      " (P38)." + (off && !off->empty() ? " Autovacuum is turned off for it." : "")));
    }
}

// --- the schema

bool has_word(const std::string& name, std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(), [&](const char* word) { return name.find(word) != std::string::npos; });
}

// Columns of texts whose known values all read as numbers or dates.
std::vector<std::string> disguised_columns(const SmellContext& context, const Relation& relation) {
    std::vector<std::string> found;
    const auto rows = context.connection.attempt(
        "SELECT s.attname FROM pg_stats s JOIN pg_attribute a ON a.attrelid = $1::oid AND a.attname = s.attname JOIN pg_type t ON t.oid = a.atttypid, "
        "LATERAL (SELECT count(*) AS n, bool_and(v ~ '^-?[0-9]+([.][0-9]+)?$') OR bool_and(v ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}') AS is_other "
        "FROM unnest((coalesce(s.most_common_vals, s.histogram_bounds))::text::text[]) AS v) AS seen "
        "WHERE s.schemaname = $2 AND s.tablename = $3 AND t.typcategory = 'S' AND seen.n >= 3 AND seen.is_other",
        {std::to_string(relation.oid), relation.schema, relation.name});
    if (!rows) return found;
    for (const auto& row : *rows) found.push_back(row[0].value_or(""));
    return found;
}

bool has_random_key(const SmellContext& context, const Relation& relation) {
    const auto rows = context.connection.attempt(
        "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
        "WHERE i.indrelid = $1::oid AND i.indisprimary AND a.atttypid = 'uuid'::regtype AND pg_get_expr(d.adbin, d.adrelid) ~ 'gen_random_uuid|uuid_generate_v4'",
        {std::to_string(relation.oid)});
    return rows && !rows->empty();
}

bool is_entity_attribute_value(const Relation& relation) {
    const auto has = [&](std::initializer_list<const char*> names) {
        return std::any_of(relation.columns.begin(), relation.columns.end(), [&](const Column& column) { return std::find(names.begin(), names.end(), column.name) != names.end(); });
    };
    return relation.columns.size() <= 5 && has({"value", "val"}) && has({"attribute", "attr", "attribute_id", "property", "key", "field"});
}

std::string flaws_of(const SmellContext& context, const Relation& relation) {
    std::string flaws;
    const auto add = [&](const std::string& text) { flaws += (flaws.empty() ? "" : "; ") + text; };
    const bool has_key = std::any_of(relation.indexes.begin(), relation.indexes.end(), [](const Index& index) { return index.is_unique && index.is_valid; });
    if (!has_key && relation.kind != 'm') add("no primary key, so that a row cannot be named and replication cannot follow it");
    if (relation.indexes.size() > kManyIndexes && relation.inserts + relation.updates > 0) add(std::to_string(relation.indexes.size()) + " indexes, all of which each write keeps up to date");
    for (const auto& column : relation.columns) {
        if (column.type_name.starts_with("character(")) add(column.name + " is " + column.type_name + ", which is filled up with blanks: text");
        if ((column.type_name == "real" || column.type_name == "double precision") && has_word(column.name, {"price", "amount", "total", "cost", "balance"})) add(column.name + " holds money as " + column.type_name + ", which rounds: numeric");
        if (column.type_name.starts_with("timestamp") && column.type_name.ends_with("without time zone") && has_word(column.name, {"created", "updated", "_at"})) add(column.name + " is a moment without its time zone: timestamptz");
        if (column.category == 'S' && column.name.ends_with("_ids")) add(column.name + " seems to hold several values in one text: a table of its own, or an array");
    }
    for (const auto& name : disguised_columns(context, relation)) add(name + " is a text, and all its known values are numbers or dates: give it their type");
    if (relation.rows > kBigTableRows && has_random_key(context, relation)) add("a random UUID as primary key of many rows, so that each insert meets another page: a key that grows (UUID version 7, bigint)");
    if (is_entity_attribute_value(relation)) add("one row for each attribute (entity, attribute, value): columns, or one jsonb column");
    return flaws;
}

}  // namespace

std::vector<Advice> plan_notes(const SmellContext& context) {
    std::vector<Advice> found;
    for (const auto look : {too_many_joins, unpruned_partitions, guessed_functions, bloated_tables}) look(context, found);
    return found;
}

std::vector<Advice> schema_notes(const SmellContext& context) {
    std::vector<Advice> found;
    if (context.plan.total_cost < kCostly) return found;
    std::set<unsigned> seen;
    for (const auto& use : context.uses) {
        if (!is_table(*use.relation) || !seen.insert(use.relation->oid).second) continue;
        if (const auto flaws = flaws_of(context, *use.relation); !flaws.empty()) found.push_back(make_advice("review_schema", use.relation->name + ": " + flaws + "."));
    }
    return found;
}

}  // namespace larder::advisor
