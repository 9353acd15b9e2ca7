#include "advisor/smells.h"

#include <algorithm>
#include <cmath>

#include "advisor/cost_model.h"
#include "advisor/index_spec.h"
#include "advisor/redundancy.h"

namespace larder::advisor {

namespace {

constexpr long long kOffsetMin = 1000;
constexpr double kManyRows = 10'000;
constexpr std::size_t kManyTables = 6;
constexpr double kCostlyAnswer = 500, kCostlyJoin = 1000, kCostlyGrouping = 10'000;
constexpr double kMisjudged = 5, kSampleRowsMin = 20;
constexpr double kStaleShare = 0.2, kStaleRowsMin = 1000;
constexpr double kLookupCost = 8;
constexpr double kUselessShare = 0.5, kRowCost = 0.0125;   // of a scan of the whole table: a page costs 1

const boost::json::object* select_of(const SmellContext& context) { return fields_of(context.statement, "SelectStmt"); }

std::optional<long long> constant_of(const Node& node, const Parameters& parameters) {
    if (const auto number = integer_of(node)) return number;
    const auto* parameter = fields_of(without_casts(node), "ParamRef");
    if (!parameter) return std::nullopt;
    const Node& which = member(*parameter, "number");
    const auto index = which.is_int64() ? static_cast<std::size_t>(which.get_int64()) : 0;
    if (index == 0 || index > parameters.size() || !parameters[index - 1]) return std::nullopt;
    const auto literal = parse_expression("'" + *parameters[index - 1] + "'");
    return literal ? integer_of(*literal) : std::nullopt;
}

bool has_node(const PlanNode& plan, std::string_view type) {
    bool found = false;
    visit_plan(plan, [&](const PlanNode& node) { found = found || node.type == type; });
    return found;
}

void deep_offset(const SmellContext& context, std::vector<Advice>& to) {
    const auto* select = select_of(context);
    const auto offset = select && select->contains("limitOffset") ? constant_of(member(*select, "limitOffset"), context.question.parameters) : std::nullopt;
    if (!offset || *offset < kOffsetMin) return;
    std::string keys;
    for (const Node& item : list(*select, "sortClause")) {
        if (const auto* sort = fields_of(item, "SortBy")) keys += (keys.empty() ? "" : ", ") + to_sql(member(*sort, "node"));
    }
    to.push_back(make_advice("paginate", "The statement reads " + std::to_string(*offset) + " rows to throw them away, and more with each page. Remember the last row shown and ask for "
                           "what comes after it: WHERE (" + (keys.empty() ? "key" : keys) + ") > (its values) ORDER BY the same LIMIT n, with an index on these columns that ends "
                           "in a unique one (R14). That is another statement, so it is not written here."));
    to.back().comes_first = true;
}

// How many groups an expression makes nobody knows beforehand: as many as its column has values, says the planner.
bool groups_by_expression(const PlanNode& plan) {
    bool found = false;
    visit_plan(plan, [&](const PlanNode& node) {
        for (const auto& key : node.group_keys) found = found || key.find('(') != std::string::npos;
    });
    return found;
}

void many_rows(const SmellContext& context, std::vector<Advice>& to) {
    const auto* select = select_of(context);
    if (!select || select->contains("limitCount") || context.plan.rows <= kManyRows || groups_by_expression(context.plan)) return;
    to.push_back(make_advice("paginate", "The answer has about " + whole(context.plan.rows) + " rows and no LIMIT. If people look at it, ask for pages by key (R15); if a program "
                           "reads all of it, use a cursor or COPY."));
}

std::string materialised_view(const SmellContext& context, std::string& name) {
    name = "larder_view";
    for (const auto& use : context.uses) {
        if (name.size() < 40) name += "_" + use.relation->name;
    }
    name = context.uses.front().relation->prefix + quoted_name(name);
    std::string sql = context.question.sql;
    while (!sql.empty() && (sql.back() == ';' || sql.back() == ' ' || sql.back() == '\n')) sql.pop_back();
    return "CREATE MATERIALIZED VIEW " + name + " AS " + sql;
}

bool is_aggregate(const PlanNode& plan) { return has_node(plan, "Aggregate") || has_node(plan, "WindowAgg") || has_node(plan, "Group"); }

void many_joins(const SmellContext& context, std::vector<Advice>& to) {
    std::set<std::string> aliases;
    visit_plan(context.plan, [&](const PlanNode& node) { if (node.is_scan()) aliases.insert(node.alias); });
    const std::size_t tables = context.uses.size();
    const bool groups = is_aggregate(context.plan);
    const bool is_costly = context.plan.total_cost >= kCostlyJoin;
    const bool is_grouping = tables >= 3 && groups && context.plan.total_cost >= kCostlyGrouping;
    if (!select_of(context) || !is_costly || !(tables >= kManyTables || is_grouping)) return;
    if (!groups) {
        to.push_back(make_advice("denormalize", "The statement joins " + std::to_string(tables) + " tables. If they are read far more often than written, keep the columns that are "
                               "always asked for together in one table, or the joined rows as a materialised view."));
        return;
    }
    Advice advice = make_advice("materialize", "The statement joins " + std::to_string(tables) + " tables and condenses them to about " + whole(context.plan.rows) + " rows. ");
    if (context.question.parameters.empty()) {
        std::string name;
        advice.ddl = advice.deploy = {materialised_view(context, name)};
        advice.undo = {"DROP MATERIALIZED VIEW " + name};
        advice.why += "Kept as a materialised view it is read at once; it is as old as its last REFRESH MATERIALIZED VIEW, so this is for answers that may be that old.";
    } else {
        advice.why += "Keep the grouped rows without the parameters' conditions as a materialised view, and ask that; it is as old as its last refresh.";
    }
    to.push_back(std::move(advice));
}

// Columns that go together are misjudged by multiplying their shares.
void dependent_columns(const SmellContext& context, std::vector<Advice>& to) {
    Sampler sampler(context.connection);
    for (const TableUse& use : context.uses) {
        std::string all, columns, names;
        std::set<int> numbers;
        for (const Atom& atom : use.atoms) {
            const bool counts = atom.kind == AtomKind::equality || atom.kind == AtomKind::any_of || atom.kind == AtomKind::truth || atom.kind == AtomKind::range;
            if (!counts || atom.text.empty() || atom.is_join || !atom.column) continue;
            all += (all.empty() ? "" : " AND ") + ("(" + atom.text + ")");
            if (!numbers.insert(atom.column).second) continue;
            columns += (columns.empty() ? "" : ", ") + use.relation->column(atom.column)->quoted;
            names += "_" + use.relation->column(atom.column)->name;
        }
        if (numbers.size() < 2 || numbers.size() > 8 || use.relation->rows <= 0) continue;
        const auto share = sampler.share(*use.relation, all);
        const double estimate = std::max(1.0, context.rows(*use.relation, all));
        if (!share || share->met < kSampleRowsMin || share->of_all() * use.relation->rows < kMisjudged * estimate) continue;
        const std::string name = use.relation->prefix + quoted_name((use.relation->name + names).substr(0, 50) + "_stats");
        Advice advice = make_advice("extended_stats", "The planner expects " + whole(estimate) + " rows of " + use.relation->name + ", a sample shows about " +
                                  whole(share->of_all() * use.relation->rows) + ": the columns " + columns + " depend on each other (P14). With statistics on them together the plan "
                                  "is chosen for what is there.");
        advice.ddl = advice.deploy = {"CREATE STATISTICS " + name + " (dependencies, mcv) ON " + columns + " FROM " + use.relation->full, "ANALYZE " + use.relation->full};
        advice.undo = {"DROP STATISTICS " + name};
        // An index would only look useful until it is known how many rows there are.
        const double real = share->of_all() * use.relation->rows;
        advice.comes_first = fetch_cost(real, use.relation->pages) > kUselessShare * (use.relation->pages + kRowCost * use.relation->rows);
        to.push_back(std::move(advice));
    }
}

// A join or comparison of columns of different types: the index of one of them cannot be used.
void mixed_types(const SmellContext& context, std::vector<Advice>& to) {
    std::string seen;
    visit_plan(context.plan, [&](const PlanNode& node) {
        for (const auto* texts : {&node.join_conditions, &node.filters}) {
            for (const auto& text : *texts) {
                const auto condition = parse_expression(plan_text(text));
                if (!condition) continue;
                visit_nodes(*condition, [&](const Node& part) {
                    const auto* compared = fields_of(part, "A_Expr");
                    if (!compared) return true;
                    const Node* sides[] = {&member(*compared, "lexpr"), &member(*compared, "rexpr")};
                    for (int i = 0; i < 2; ++i) {
                        const bool is_cast = type_of(*sides[i]) == "TypeCast" && type_of(without_casts(*sides[i])) == "ColumnRef";
                        const bool is_join = !is_free_of_columns(*sides[1 - i]);
                        if (is_cast && is_join && seen.empty()) seen = to_sql(part);
                    }
                    return true;
                });
            }
        }
    });
    if (seen.empty()) return;
    to.push_back(make_advice("review_schema", "Columns of different types are compared: " + seen + ". Give both the same type (P24): the cast hides the index of the one side, "
                           "and the planner cannot compare their statistics."));
}

// An answer that is computed from whole tables again and again.
void repeated_answer(const SmellContext& context, std::vector<Advice>& to) {
    if (!select_of(context) || context.plan.total_cost < kCostlyAnswer || (context.plan.rows > kManyRows && !groups_by_expression(context.plan))) return;
    const bool condenses = is_aggregate(context.plan);
    const bool is_called_often = context.question.calls_per_minute >= 1;
    if (!condenses && !is_called_often) return;
    to.push_back(make_advice("cache", std::string("No index or other form makes it much cheaper") + (condenses ? ", since it reads most of its tables to give few rows" : "") +
                           " (P41). Let Larder keep the answer: it is served until one of its tables is written; with a rule that sets max_stale it may be kept longer."));
}

void cartesian(const SmellContext& context, std::vector<Advice>& to) {
    visit_plan(context.plan, [&](const PlanNode& node) {
        if (node.type != "Nested Loop" || !node.join_conditions.empty() || node.children.size() != 2 || !to.empty()) return;
        const PlanNode& inner = node.children[1];
        const bool is_tied = !inner.index_conditions.empty() || inner.type == "Memoize" || inner.type == "Limit" || inner.type == "Aggregate";
        const PlanNode& scan = inner.type == "Materialize" && !inner.children.empty() ? inner.children[0] : inner;
        if (is_tied || scan.type != "Seq Scan" || node.children[0].rows < 100 || inner.rows < 100) return;
        to.push_back(make_advice("rewrite", "Each row of one table is joined with each of " + scan.relation + ": a join condition seems to be missing (R23)."));
    });
}

void random_order(const SmellContext& context, std::vector<Advice>& to) {
    const auto* select = select_of(context);
    for (const Node& item : select && select->contains("limitCount") ? list(*select, "sortClause") : boost::json::array()) {
        const auto* sort = fields_of(item, "SortBy");
        if (!sort || function_of(member(*sort, "node")) != "random" || context.plan.total_cost < kCostlyAnswer) continue;
        to.push_back(make_advice("rewrite", "All rows are read and sorted to take a few at random. TABLESAMPLE, or a look-up from a random key on, reads only some (R20); "
                               "which rows come is distributed otherwise, so it is not written here."));
    }
}

}  // namespace

std::vector<Advice> missing_statistics(const SmellContext& context) {
    std::vector<Advice> found;
    std::set<unsigned> seen;
    for (const TableUse& use : context.uses) {
        const Relation& relation = *use.relation;
        if (relation.is_system || relation.is_temporary || (relation.kind != 'r' && relation.kind != 'p' && relation.kind != 'm') || !seen.insert(relation.oid).second) continue;
        const bool is_known = std::any_of(relation.columns.begin(), relation.columns.end(), [](const Column& c) { return c.has_statistics; });
        const bool is_never = !is_known && (relation.rows < 0 || relation.pages >= 20);
        // What was written just before an ANALYZE may be counted after it, as changes and as live rows; the rows ever entered tell.
        const bool saw_all = std::abs(relation.inserts - relation.deletes - relation.rows) <= kStaleShare * relation.rows;
        const bool is_stale = relation.rows >= 0 && relation.changed_since_analyse > std::max(kStaleRowsMin, kStaleShare * relation.rows) &&
                              std::abs(relation.live_rows - relation.rows) > kStaleShare * relation.rows && !saw_all;
        if (!is_never && !is_stale) continue;
        Advice advice = make_advice("analyze", relation.name + (is_never ? " has no statistics: the planner guesses." : " changed by " + whole(relation.changed_since_analyse) +
                                  " rows since its statistics were collected.") + " Collect them first (P13); all other advice is uncertain until then.");
        advice.ddl = advice.deploy = {"ANALYZE " + relation.full};
        found.push_back(std::move(advice));
    }
    return found;
}

std::vector<Advice> write_smells(const SmellContext& context) {
    std::vector<Advice> found;
    const PlanNode& root = context.plan;
    if (root.type != "ModifyTable") return found;
    Relation* relation = context.relations.find(root.schema, root.relation);
    if (!relation) return found;
    if (root.operation == "Delete") {
        const double rows = std::max(1.0, root.children.empty() ? 1.0 : root.children[0].rows);
        for (auto& key : keys_without_index(*relation, context.relations)) {
            const double scans = rows * (key.index.relation->pages + 0.01 * key.index.relation->rows);
            Advice advice = make_advice(key.index.kind(), "Each deleted row is looked for in " + key.index.relation->name + ", which references it (" + key.name +
                                      ") and has no index on these columns: the whole table is read each time (P37). The gain is estimated: the check's cost is not in the plan.");
            advice.gain = 1 - (root.total_cost + rows * kLookupCost) / (root.total_cost + scans);
            if (scans < 10 * kLookupCost) continue;
            advice.ddl = {key.index.ddl()};
            advice.deploy = {key.index.concurrent_ddl()};
            advice.undo = {key.index.undo()};
            found.push_back(std::move(advice));
        }
    }
    for (const auto& spare : redundant_indexes(*relation)) {
        Advice advice = make_advice("drop_index", spare.why + " Every write keeps it up to date for nothing.");
        advice.ddl = {"DROP INDEX " + spare.quoted};
        advice.deploy = {"DROP INDEX CONCURRENTLY " + spare.quoted};
        advice.undo = {spare.definition};
        found.push_back(std::move(advice));
    }
    return found;
}

std::vector<Advice> smells(const SmellContext& context) {
    std::vector<Advice> found;
    if (const auto* select = select_of(context); !select && context.statement.is_null()) return found;
    cartesian(context, found);
    deep_offset(context, found);
    random_order(context, found);
    many_joins(context, found);
    mixed_types(context, found);
    dependent_columns(context, found);
    many_rows(context, found);
    repeated_answer(context, found);
    return found;
}

}  // namespace larder::advisor
