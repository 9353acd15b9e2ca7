#include "advisor/laboratory.h"

#include <algorithm>
#include <map>
#include <set>

#include "advisor/cost_model.h"
#include "advisor/gate.h"
#include "sql/tree.h"

namespace larder::advisor {

namespace {

constexpr const char* kBareSettings =
    "SELECT set_config(name, value, true) FROM (VALUES ('enable_indexscan', 'off'), ('enable_indexonlyscan', 'off'), ('enable_bitmapscan', 'off'), "
    "('enable_nestloop', 'off'), ('enable_mergejoin', 'off'), ('enable_memoize', 'off'), ('max_parallel_workers_per_gather', '0')) AS s (name, value)";

// What may be run to learn its value: it reads nothing but the clock and the settings.
const std::set<std::string> kFoldable = {"now",         "to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery", "statement_timestamp",
                                         "transaction_timestamp", "date_trunc", "make_interval", "point", "box", "circle", "tstzrange", "tsrange",
                                         "daterange",   "int4range",  "int8range",       "numrange",         "to_tsvector", "lower", "upper"};

const std::set<std::string> kTimely = {"to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery", "now"};

const std::string& first_text(const Rows& rows) {
    if (rows.empty() || rows[0].empty() || !rows[0][0]) throw std::runtime_error("the server gave no plan");
    return *rows[0][0];
}

// A call of PostgreSQL's own function among those above, or at least one that says nothing of its schema.
bool is_foldable(const Node& call) {
    const auto* fields = fields_of(call, "FuncCall");
    const auto& names = list(*fields, "funcname");
    const bool is_elsewhere = names.size() > 1 && !(names.size() == 2 && fields_of(names[0], "String") && word(*fields_of(names[0], "String"), "sval") == "pg_catalog");
    return !is_elsewhere && kFoldable.contains(function_of(call));
}

// The same with pg_catalog before each call's name, so that a function of this name in another schema is never meant.
Node with_schemas(Node expression) {
    change_nodes(expression, [](Node& part) {
        auto* fields = fields_of(part, "FuncCall");
        if (fields == nullptr) return false;
        auto& names = (*fields)["funcname"].as_array();
        if (names.size() == 1) names.insert(names.begin(), make_string("pg_catalog"));
        return false;
    });
    return expression;
}

// Of an expression `v`: a constant of its value and type, as SQL.
std::string value_of(const Node& expression) {
    return "SELECT pg_catalog.quote_literal(v::pg_catalog.text) OPERATOR(pg_catalog.||) '::' OPERATOR(pg_catalog.||) pg_catalog.format_type(pg_catalog.pg_typeof(v), NULL) FROM (SELECT " +
           to_sql(with_schemas(expression)) + " AS v) AS s";
}

std::string explain(bool in_detail) { return in_detail ? "EXPLAIN (FORMAT JSON, VERBOSE) " : "EXPLAIN (FORMAT JSON) "; }

}  // namespace

Laboratory::Laboratory(Connection& connection, Relations& relations) : connection_(connection), relations_(relations) {
    const auto rows = connection_.ask("SELECT quote_ident(n.nspname) || '.' FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
                                      "WHERE e.extname = 'hypopg'");
    if (rows.empty() || !rows[0][0]) return;
    // Known, yet perhaps not to this role.
    if (connection_.attempt("SELECT " + *rows[0][0] + "hypopg_reset()")) hypopg_ = *rows[0][0];
}

bool Laboratory::can_create(const std::string& extension) const {
    return !connection_.ask("SELECT 1 FROM pg_available_extensions WHERE name = $1", {extension}).empty();
}

// The server of a version that has EXPLAIN (GENERIC_PLAN) does the same in one step; this way is known to all.
PlanNode Laboratory::generic_plan(const Statement& statement, bool in_detail) {
    connection_.ask("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)");
    connection_.attempt("DEALLOCATE larder_asked");
    connection_.ask_as_client("PREPARE larder_asked AS " + statement.sql);
    std::string nulls;
    for (std::size_t i = 0; i < statement.unknown_parameters; ++i) nulls += i ? ", NULL" : "NULL";
    PlanNode plan = read_plan(first_text(connection_.ask_in_path(explain(in_detail) + "EXECUTE larder_asked (" + nulls + ")")));
    connection_.ask("DEALLOCATE larder_asked");
    return plan;
}

PlanNode Laboratory::plan(const Statement& statement, bool in_detail) {
    ++trials_;
    if (statement.unknown_parameters > 0) return generic_plan(statement, in_detail);
    return read_plan(first_text(connection_.ask_as_client(explain(in_detail) + statement.sql, statement.parameters)));
}

std::optional<Run> Laboratory::run(const Statement& statement, std::string& why) {
    if (statement.unknown_parameters > 0) return why = "its parameters have no values", std::nullopt;
    connection_.ask("SELECT set_config('statement_timeout', $1, true)", {std::to_string(std::chrono::milliseconds(kRunMax).count())});
    connection_.allow(kRunMax + Connection::kAnswerMax);
    const auto rows = connection_.attempt_as_client("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.sql, statement.parameters, &why);
    return rows ? std::optional(read_run(first_text(*rows))) : std::nullopt;
}

PlanNode Laboratory::bare_plan(const Statement& statement) {
    const auto plan_bare = [&] {
        connection_.ask(kBareSettings);
        return plan(statement);
    };
    // The settings end with the savepoint.
    connection_.savepoint("bare");
    try {
        PlanNode bare = plan_bare();
        connection_.rollback_to("bare");
        return bare;
    } catch (const QueryError&) {
        connection_.rollback_to("bare");
        throw;
    }
}

double Laboratory::rows_meeting(const Relation& relation, const std::string& condition) {
    const auto rows = connection_.attempt_as_client("EXPLAIN (FORMAT JSON) SELECT 1 FROM " + relation.quoted + " WHERE " + condition);
    return rows ? read_plan(first_text(*rows)).rows : relation.rows;
}

CandidateQuestions::Type Laboratory::expression_type(const Relation& relation, const std::string& expression) {
    CandidateQuestions::Type type;
    type.oid = connection_.type_of("SELECT " + expression + " FROM " + relation.quoted);
    if (!type.oid) return type;
    const auto rows = connection_.ask("SELECT typcategory = 'A', typtype IN ('r', 'm') FROM pg_type WHERE oid = $1", {std::to_string(type.oid)});
    if (!rows.empty()) type.is_array = rows[0][0] == "t", type.is_range = rows[0][1] == "t";
    return type;
}

std::string Laboratory::folded(const Atom& atom) {
    bool has_call = false, is_known = true;
    visit_nodes(atom.other, [&](const Node& part) {
        if (type_of(part) == "SQLValueFunction") has_call = true;
        if (type_of(part) != "FuncCall") return true;
        has_call = true;
        is_known = is_known && is_foldable(part);
        return true;
    });
    if (!has_call) return atom.text;
    if (!is_known || !is_free_of_columns(atom.other)) return {};
    const auto rows = connection_.attempt_as_client(value_of(atom.other));
    if (!rows || rows->empty() || !(*rows)[0][0]) return {};
    const std::string subject = atom.column ? atom.subject : "(" + atom.subject + ")";
    return subject + " " + atom.op + " " + *(*rows)[0][0];
}

bool Laboratory::put_values(Node& node) {
    bool changed = false;
    if (node.is_array()) {
        for (auto& item : node.get_array()) changed = put_values(item) || changed;
        return changed;
    }
    if (!node.is_object() || type_of(node) == "RangeFunction") return false;
    if (kTimely.contains(function_of(node)) && is_foldable(node) && is_free_of_columns(node) && !contains(node, "ParamRef")) {
        const auto rows = connection_.attempt_as_client(value_of(node));
        auto value = rows && !rows->empty() && (*rows)[0][0] ? parse_expression(*(*rows)[0][0]) : std::nullopt;
        if (!value) return false;
        if (const auto text = string_of(*value)) values_put_.push_back(*text);
        node = std::move(*value);
        return true;
    }
    for (auto& [name, value] : node.get_object()) changed = put_values(value) || changed;
    return changed;
}

// Making an index, also a hypothetical one, folds its expressions and predicate.
void Laboratory::admit(const IndexSpec& spec) {
    const auto tree = sql::parse_tree(spec.hypothetical(spec.relation->quoted)).root;
    std::string judged;
    const auto add = [&](const Node& expression) {
        if (expression.is_null()) return;
        const auto text = to_sql(expression);
        if (text.empty()) throw Refused("an expression of an index is not understood");
        judged += (judged.empty() ? "" : ", ") + text;
    };
    if (tree.is_null()) throw Refused("an index is not understood");
    visit_nodes(tree, [&](const Node& part) {
        if (const auto* index = fields_of(part, "IndexStmt")) add(member(*index, "whereClause"));
        const auto* element = fields_of(part, "IndexElem");
        if (element) add(member(*element, "expr"));
        return element == nullptr;
    });
    if (!judged.empty()) connection_.admit("SELECT " + judged + " FROM " + spec.relation->quoted);
}

std::vector<std::string> Laboratory::definitions(const IndexSpec& spec) {
    admit(spec);
    std::vector<std::string> texts;
    if (spec.relation->kind != 'p') texts.push_back(spec.hypothetical(spec.relation->quoted));
    for (const unsigned leaf : spec.relation->leaves) {
        if (const Relation* relation = relations_.find(leaf)) texts.push_back(spec.hypothetical(relation->quoted));
    }
    return texts;
}

std::optional<std::vector<std::string>> Laboratory::create(const std::vector<std::string>& definitions) {
    if (definitions.empty()) return std::vector<std::string>();
    std::string array;
    for (const auto& text : definitions) array += (array.empty() ? "" : ", ") + quoted_literal(text);
    const auto rows = connection_.attempt_in_path("SELECT h.indexname FROM pg_catalog.unnest(ARRAY[" + array + "]) WITH ORDINALITY AS d (text, n), LATERAL " + hypopg_ +
                                          "hypopg_create_index(d.text) AS h ORDER BY d.n");
    if (!rows || rows->size() != definitions.size()) return std::nullopt;
    std::vector<std::string> names;
    for (const Row& row : *rows) names.push_back(row[0].value_or(""));
    return names;
}

void Laboratory::keep_possible(std::vector<IndexSpec>& specs) {
    std::erase_if(specs, [&](const IndexSpec& spec) {
        try {
            admit(spec);
            return false;
        } catch (const Refused&) {
            return true;
        }
    });
    if (!has_hypopg()) {
        std::erase_if(specs, [&](const IndexSpec& spec) { return !is_immutable(spec); });
        return;
    }
    std::vector<std::string> all;
    for (const auto& spec : specs) {
        for (auto& text : definitions(spec)) all.push_back(std::move(text));
    }
    if (!create(all)) std::erase_if(specs, [&](const IndexSpec& spec) { return !create(definitions(spec)); });
    connection_.ask_in_path("SELECT " + hypopg_ + "hypopg_reset()");
}

// Without HypoPG nobody tells what CREATE INDEX would refuse, so the functions' labels are looked up. Unsure means no.
bool Laboratory::is_immutable(const IndexSpec& spec) {
    std::string expressions = spec.where;
    for (const auto& key : spec.keys) {
        if (key.column == 0) expressions += (expressions.empty() ? "" : ", ") + key.subject;
    }
    if (expressions.empty()) return true;
    const auto tree = parse_expression("ROW(" + expressions + ")");
    if (!tree) return false;
    bool is_fine = true;
    visit_nodes(*tree, [&](const Node& part) {
        if (type_of(part) == "SQLValueFunction") is_fine = false;
        const auto cast = cast_type(part);
        if (cast == "date" || cast == "timestamptz" || cast == "timestamp" || cast == "time") is_fine = is_fine && is_free_of_columns(part);
        const auto name = function_of(part);
        if (name.empty() || !is_fine) return is_fine;
        const auto count = list(*fields_of(part, "FuncCall"), "args").size();
        const auto rows = connection_.ask("SELECT count(*) > 0 AND bool_and(provolatile = 'i') FROM pg_proc WHERE proname = $1 AND pronargs = $2",
                                          {name, std::to_string(count)});
        is_fine = rows[0][0] == "t";
        return is_fine;
    });
    return is_fine;
}

// HypoPG's predicates and expressions are not moved over to the partitions when the partitioned table is asked.
bool Laboratory::can_plan_with(const IndexSpec& spec) const {
    const bool has_expression = std::any_of(spec.keys.begin(), spec.keys.end(), [](const IndexKey& key) { return key.column == 0; });
    if (!has_hypopg()) return false;
    return spec.relation->leaves.empty() || (spec.where.empty() && spec.stand_in.empty() && !has_expression);
}

PlanNode Laboratory::serial_plan(const Statement& statement) {
    connection_.savepoint("serial");
    connection_.ask("SELECT set_config('max_parallel_workers_per_gather', '0', true)");
    PlanNode found = plan(statement);
    connection_.rollback_to("serial");
    return found;
}

Trial Laboratory::planned(const Statement& statement, const std::vector<const IndexSpec*>& specs, const std::vector<std::size_t>& numbers, bool is_serial) {
    std::vector<std::string> all;
    std::vector<std::size_t> owners;
    for (const std::size_t i : numbers) {
        for (auto& text : definitions(*specs[i])) all.push_back(std::move(text)), owners.push_back(i);
    }
    connection_.ask_in_path("SELECT " + hypopg_ + "hypopg_reset()");
    const auto names = create(all);
    Trial trial;
    trial.plan = is_serial ? serial_plan(statement) : plan(statement, false);
    connection_.ask_in_path("SELECT " + hypopg_ + "hypopg_reset()");
    trial.cost = trial.plan.total_cost;
    std::map<std::string, std::size_t> owner_of;
    for (std::size_t i = 0; names && i < names->size(); ++i) owner_of[(*names)[i]] = owners[i];
    std::set<std::size_t> used;
    visit_plan(trial.plan, [&](const PlanNode& node) {
        const auto found = owner_of.find(node.index);
        if (node.index.empty() || found == owner_of.end()) return;
        used.insert(found->second);
        const IndexSpec& spec = *specs[found->second];
        trial.cost += spec.extra_cost;
        trial.is_estimate = trial.is_estimate || !spec.stand_in.empty();
    });
    trial.used.assign(used.begin(), used.end());
    return trial;
}

Trial Laboratory::with_indexes(const Statement& statement, const PlanNode& now, const std::vector<const IndexSpec*>& specs) {
    if (!has_hypopg()) {
        ++trials_;
        return estimate(now, specs);
    }
    std::vector<std::size_t> seen, unseen;
    for (std::size_t i = 0; i < specs.size(); ++i) (can_plan_with(*specs[i]) ? seen : unseen).push_back(i);
    Trial trial = planned(statement, specs, seen, false);
    if (unseen.empty()) return trial;
    // By formula on top of what the planner does with the others; without workers, whose share of the work the formulas do not know.
    Trial serial = planned(statement, specs, seen, true);
    std::vector<const IndexSpec*> rest;
    for (const std::size_t i : unseen) rest.push_back(specs[i]);
    Trial estimated = estimate(serial.plan, rest);
    if (estimated.used.empty() || estimated.cost >= trial.cost) return trial;
    for (auto& number : estimated.used) number = unseen[number];
    estimated.used.insert(estimated.used.end(), serial.used.begin(), serial.used.end());
    std::sort(estimated.used.begin(), estimated.used.end());
    return estimated;
}

}  // namespace larder::advisor
