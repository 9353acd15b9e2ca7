#include <algorithm>
#include <cmath>
#include <set>

#include "advisor/notes.h"

namespace larder::advisor {

namespace {

using boost::json::object;

constexpr double kCostly = 500;
constexpr int kWide = 200;
constexpr std::size_t kLongList = 100, kHugeList = 1000;
constexpr double kManyLocked = 100, kRareShare = 0.2;

void visit_selects(const Node& statement, const std::function<void(const object&)>& visit) {
    visit_nodes(statement, [&](const Node& part) {
        if (const auto* select = fields_of(part, "SelectStmt")) visit(*select);
        return true;
    });
}

bool is_costly(const SmellContext& context) { return context.plan.total_cost >= kCostly; }

// R16
void star_of_wide_rows(const SmellContext& context, std::vector<Advice>& to) {
    const auto* select = fields_of(context.statement, "SelectStmt");
    if (select == nullptr || !is_costly(context)) return;
    const auto& targets = list(*select, "targetList");
    const bool has_star = std::any_of(targets.begin(), targets.end(), [](const Node& target) {
        const auto* result = fields_of(target, "ResTarget");
        const auto path = result != nullptr ? column_path(member(*result, "val")) : std::vector<std::string>();
        return !path.empty() && path.back() == "*";
    });
    std::string wide;
    for (const auto& use : context.uses) {
        for (const auto& column : use.relation->columns) {
            if (column.average_width > kWide) wide += (wide.empty() ? "" : ", ") + use.relation->name + "." + column.name;
        }
    }
    if (has_star && !wide.empty()) to.push_back(make_advice("rewrite", "The statement asks for every column (*), among them wide ones: " + wide + ". Name the columns that are needed (R16): less is read, sent and kept, and an index may hold all of them."));
}

// R19
void long_lists(const SmellContext& context, std::vector<Advice>& to) {
    visit_nodes(context.statement, [&](const Node& part) {
        const auto* in = fields_of(part, "A_Expr");
        if (in == nullptr || word(*in, "kind") != "AEXPR_IN") return true;
        const auto* items = fields_of(member(*in, "rexpr"), "List");
        const auto count = items != nullptr ? list(*items, "items").size() : 0;
        if (count <= kLongList) return true;
        to.push_back(make_advice("rewrite", "A list of " + std::to_string(count) + " values is written into the statement. " + (count > kHugeList ? "Join it as unnest($1) or VALUES" : "Ask for = ANY ($1) with one array parameter") +
                                " (R19): the text stays the same for any list, so that it is parsed once and counted as one statement."));
        return true;
    });
}

std::string alias_of(const object& range) {
    const auto* alias = member(range, "alias").if_object();
    const auto name = alias != nullptr ? word(*alias, "aliasname") : std::string_view();
    return std::string(name.empty() ? word(range, "relname") : name);
}

void visit_joins(const Node& from, const std::function<void(const object&)>& visit) {
    const auto* join = fields_of(from, "JoinExpr");
    if (join == nullptr) return;
    visit(*join);
    visit_joins(member(*join, "larg"), visit);
    visit_joins(member(*join, "rarg"), visit);
}

// Of all the columns that a select names outside of one join's own condition: whether one is of that alias, or may be.
bool may_use(const object& select, const object& join, const std::string& alias) {
    bool found = false;
    const Node& own = member(join, "quals");
    for (const auto& [name, value] : select) {
        visit_nodes(value, [&](const Node& part) {
            if (&part == &own) return false;
            const auto path = column_path(part);
            found = found || (!path.empty() && (path.size() == 1 || path[path.size() - 2] == alias));
            return true;
        });
    }
    return found;
}

bool rejects_nulls(const Node& condition, const std::string& alias) {
    static const std::set<std::string> kStrict = {"=", "<", ">", "<=", ">=", "<>", "~~", "~~*"};
    const auto* compared = fields_of(condition, "A_Expr");
    if (compared == nullptr || word(*compared, "kind") == "AEXPR_NOT_DISTINCT" || !kStrict.contains(operator_of(condition))) return false;
    const auto is_of = [&](const char* side) {
        const auto path = column_path(without_casts(member(*compared, side)));
        return path.size() >= 2 && path[path.size() - 2] == alias;
    };
    return is_of("lexpr") || is_of("rexpr");
}

// R21, R22
void outer_joins(const SmellContext& context, std::vector<Advice>& to) {
    visit_selects(context.statement, [&](const object& select) {
        for (const Node& from : list(select, "fromClause")) {
            visit_joins(from, [&](const object& join) {
                const auto* range = fields_of(member(join, "rarg"), "RangeVar");
                if (range == nullptr || word(join, "jointype") != "JOIN_LEFT") return;
                const auto alias = alias_of(*range);
                bool is_planned = false;
                visit_plan(context.plan, [&](const PlanNode& node) { is_planned = is_planned || node.alias == alias; });
                if (is_planned && !may_use(select, join, alias)) {
                    to.push_back(make_advice("review_schema", "No column of " + alias + " is used, yet it is joined (LEFT JOIN). If the joined columns are unique there, a UNIQUE constraint lets the planner drop the join (R21); else leave it out, if doubled rows were not wanted."));
                }
                const auto conditions = conjuncts(member(select, "whereClause"));
                if (std::any_of(conditions.begin(), conditions.end(), [&](const Node& one) { return rejects_nulls(one, alias); })) {
                    to.push_back(make_advice("rewrite", "The LEFT JOIN of " + alias + " is an INNER JOIN in truth: a condition in WHERE drops the rows that it would have added (R22). Write JOIN, or move the condition into ON if those rows are wanted."));
                }
            });
        }
    });
}

// R24, R25
void spare_clauses(const SmellContext& context, std::vector<Advice>& to) {
    static const std::set<std::string> kOrdered = {"array_agg", "string_agg", "json_agg", "jsonb_agg", "xmlagg", "json_object_agg", "jsonb_object_agg"};
    bool uses_order = false;
    visit_nodes(context.statement, [&](const Node& part) {
        uses_order = uses_order || kOrdered.contains(function_of(part)) || type_of(part) == "WindowDef";
        if (const auto* select = fields_of(part, "SelectStmt"); select != nullptr && select->contains("havingClause") && !contains(member(*select, "havingClause"), "FuncCall")) {
            to.push_back(make_advice("rewrite", "HAVING names groups by their keys alone, without an aggregate: in WHERE the same condition says what it means (R24). The plan stays the same."));
        }
        return true;
    });
    visit_nodes(context.statement, [&](const Node& part) {
        const auto* from = fields_of(part, "RangeSubselect");
        const auto* cte = fields_of(part, "CommonTableExpr");
        const Node& query = from != nullptr ? member(*from, "subquery") : cte != nullptr ? member(*cte, "ctequery") : part;
        const auto* select = from != nullptr || cte != nullptr ? fields_of(query, "SelectStmt") : nullptr;
        const bool sorts_for_nothing = select != nullptr && select->contains("sortClause") && !select->contains("limitCount") && !select->contains("distinctClause");
        if (sorts_for_nothing && !uses_order) to.push_back(make_advice("rewrite", "A sub-select is sorted, and nobody sees that order: the outer statement may put its rows in any (R25). Leave ORDER BY out there, or move it out."));
        return true;
    });
}

// R28
void json_texts(const SmellContext& context, std::vector<Advice>& to) {
    visit_nodes(context.statement, [&](const Node& part) {
        const auto* equal = fields_of(part, "A_Expr");
        if (equal == nullptr || operator_of(part) != "=" || !is_costly(context)) return true;
        const auto* taken = fields_of(without_casts(member(*equal, "lexpr")), "A_Expr");
        const auto value = string_of(member(*equal, "rexpr"));
        const auto key = taken != nullptr && operator_of(without_casts(member(*equal, "lexpr"))) == "->>" ? string_of(member(*taken, "rexpr")) : std::nullopt;
        if (!key || !value || column_path(member(*taken, "lexpr")).empty()) return true;
        to.push_back(make_advice("rewrite", "If \"" + *key + "\" always holds a text, " + to_sql(member(*taken, "lexpr")) + " @> '{\"" + *key + "\": \"" + *value +
                                "\"}' finds the same rows and can use one GIN index for all keys (R28); ->> also finds a number that reads the same, so it is not written here."));
        return true;
    });
}

// R31
void unequal(const SmellContext& context, std::vector<Advice>& to) {
    const auto* select = fields_of(context.statement, "SelectStmt");
    if (select == nullptr || context.uses.size() != 1 || !is_costly(context)) return;
    const auto& relation = *context.uses.front().relation;
    for (const Node& condition : conjuncts(member(*select, "whereClause"))) {
        const auto* compared = fields_of(condition, "A_Expr");
        if (compared == nullptr || operator_of(condition) != "<>" || column_path(member(*compared, "lexpr")).empty() || !is_free_of_columns(member(*compared, "rexpr")) || contains(condition, "ParamRef")) continue;
        const auto text = to_sql(unqualified(condition));
        if (text.empty() || relation.rows <= 0 || context.rows(relation, text) > kRareShare * relation.rows) continue;
        to.push_back(make_advice("btree_partial", "No index serves <> by itself. Few rows meet " + text + ": an index with WHERE " + text + " holds just those (R31)."));
    }
}

// R32
void ends_of_days(const SmellContext& context, std::vector<Advice>& to) {
    visit_nodes(context.statement, [&](const Node& part) {
        const auto* between = fields_of(part, "A_Expr");
        if (between == nullptr || word(*between, "kind") != "AEXPR_BETWEEN") return true;
        const auto* bounds = fields_of(member(*between, "rexpr"), "List");
        const auto end = bounds != nullptr && list(*bounds, "items").size() == 2 ? string_of(list(*bounds, "items")[1]) : std::nullopt;
        if (end && end->find("23:59:59") != std::string::npos) to.push_back(make_advice("rewrite", "BETWEEN ends at " + *end + ": what happens in the last second of the day is lost. Write " + to_sql(member(*between, "lexpr")) + " >= the first day AND < the day after the last (R32)."));
        return true;
    });
}

// R33
void whole_counts(const SmellContext& context, std::vector<Advice>& to) {
    const auto* select = fields_of(context.statement, "SelectStmt");
    if (select == nullptr || !is_costly(context) || context.uses.size() != 1) return;
    const auto& targets = list(*select, "targetList");
    const auto* target = targets.size() == 1 ? fields_of(targets[0], "ResTarget") : nullptr;
    const Node& value = target != nullptr ? member(*target, "val") : context.statement;
    const bool is_count = function_of(value) == "count" && flag(*fields_of(value, "FuncCall"), "agg_star");
    if (!is_count || select->contains("whereClause") || select->contains("groupClause")) return;
    to.push_back(make_advice("rewrite", "Counting all rows reads the whole table. If people look at the number, an estimate does: SELECT reltuples::bigint FROM pg_class WHERE oid = '" + context.uses.front().relation->quoted +
                            "'::regclass (R33). That is another statement."));
}

// R35
void whole_table_writes(const SmellContext& context, std::vector<Advice>& to) {
    for (const char* type : {"UpdateStmt", "DeleteStmt"}) {
        const auto* write = fields_of(context.statement, type);
        if (write == nullptr || write->contains("whereClause") || write->contains("usingClause") || write->contains("fromClause")) continue;
        to.push_back(make_advice("review_schema", std::string(type == std::string_view("UpdateStmt") ? "UPDATE" : "DELETE") + " without WHERE touches every row of the table (R35). If that is meant, " +
                                      (type == std::string_view("UpdateStmt") ? "do it in portions, so that locks are short and dead rows can be cleared away." : "TRUNCATE does it at once.")));
    }
}

// R36
void queues(const SmellContext& context, std::vector<Advice>& to) {
    const auto* select = fields_of(context.statement, "SelectStmt");
    if (select == nullptr) return;
    for (const Node& item : list(*select, "lockingClause")) {
        const auto* locking = fields_of(item, "LockingClause");
        if (locking == nullptr || (word(*locking, "strength") != "LCS_FORUPDATE" && word(*locking, "strength") != "LCS_FORNOKEYUPDATE") || word(*locking, "waitPolicy") == "LockWaitSkip") continue;
        if (select->contains("limitCount") && select->contains("sortClause")) {
            to.push_back(make_advice("rewrite", "Several workers that take the first rows FOR UPDATE wait for each other. If it is a queue, add SKIP LOCKED: each takes rows that no other has (R36). That changes which rows come, so it is not written here."));
        } else if (!select->contains("limitCount") && context.plan.rows > kManyLocked) {
            to.push_back(make_advice("rewrite", "It locks about " + std::to_string(std::llround(context.plan.rows)) + " rows until the transaction ends. Lock fewer at a time: LIMIT, with SKIP LOCKED where several work side by side (R36)."));
        }
    }
}

}  // namespace

std::vector<Advice> statement_notes(const SmellContext& context) {
    std::vector<Advice> found;
    for (const auto look : {star_of_wide_rows, long_lists, outer_joins, spare_clauses, json_texts, unequal, ends_of_days, whole_counts, whole_table_writes, queues}) look(context, found);
    return found;
}

}  // namespace larder::advisor
