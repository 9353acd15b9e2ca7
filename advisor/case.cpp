#include "advisor/case.h"

#include <algorithm>
#include <cmath>

#include "advisor/cost_model.h"
#include "advisor/full_names.h"
#include "advisor/notes.h"
#include "advisor/without_values.h"
#include "sql/tree.h"

namespace larder::advisor {

namespace {

// A change of the application has to save so much more than one of the database.
constexpr double kFormFactor = 1.25;
constexpr std::size_t kAdviceMax = 6;
constexpr double kPagesMin = 5;   // a smaller table is read whole in no time

std::string percent(double share) { return std::to_string(static_cast<int>(std::lround(share * 100))) + " %"; }

}  // namespace

Case::Case(Connection& connection, Relations& relations, const Question& question, const Node& tree)
    : connection_(connection), relations_(relations), question_(question), tree_(tree), laboratory_(connection, relations), classes_(connection),
      sampler_(connection) {}

// Queries for full text are often made by functions that depend on a setting, now() on the clock: with their values in their place
// the planner can be asked what an index would do. Without values for its parameters the statement is planned for any.
Statement Case::asked_statement() {
    Statement statement{question_.sql, question_.parameters, 0};
    std::size_t highest = 0;
    visit_nodes(tree_, [&](const Node& part) {
        const auto* parameter = fields_of(part, "ParamRef");
        const Node& number = parameter ? member(*parameter, "number") : part;
        if (parameter && number.is_int64()) highest = std::max(highest, static_cast<std::size_t>(number.get_int64()));
        return true;
    });
    if (highest > question_.parameters.size()) {
        statement.parameters.clear();
        statement.unknown_parameters = highest;
    }
    return statement;
}

std::string Case::with_values(const std::string& sql) {
    auto tree = sql::parse_tree(sql).root;
    if (tree.is_null() || !laboratory_.put_values(tree)) return sql;
    const auto text = tree_sql(tree);
    return text.empty() ? sql : text;
}

CandidateQuestions Case::questions(const Statement& statement) {
    CandidateQuestions questions;
    questions.rows = [&](const Relation& relation, const std::string& condition) { return laboratory_.rows_meeting(relation, condition); };
    questions.type = [&](const Relation& relation, const std::string& expression) { return laboratory_.expression_type(relation, expression); };
    questions.folded = [&](const Atom& atom) { return laboratory_.folded(atom); };
    questions.trigrams_are_available = laboratory_.can_create("pg_trgm");
    questions.sampled = [&](const Relation& relation, const std::string& condition) -> std::optional<double> {
        const auto share = sampler_.share(relation, condition);
        return share ? std::optional(share->of_all() * std::max(relation.rows, 0.0)) : std::nullopt;
    };
    questions.moments = questions.parameters = laboratory_.values_put();
    for (const auto& value : statement.parameters) {
        if (value) questions.parameters.push_back(*value);
    }
    return questions;
}

Statement Case::with_known_values(const Statement& as_written) {
    Statement statement = as_written;
    statement.sql = with_values(as_written.sql);
    std::string why;
    if (statement.sql != as_written.sql && !connection_.attempt_as_client("EXPLAIN " + statement.sql, statement.parameters, &why)) return as_written;
    return statement;
}

std::vector<IndexSpec> Case::possible_indexes(const Statement& statement, const PlanNode& bare, std::vector<TableUse>& uses) {
    uses = table_uses(bare, relations_);
    const CandidateQuestions asked = questions(statement);
    std::vector<IndexSpec> all;
    for (TableUse& use : uses) {
        const Relation& relation = *use.relation;
        if (relation.is_temporary || relation.is_system || (relation.kind != 'r' && relation.kind != 'p' && relation.kind != 'm')) continue;
        if (relation.pages < kPagesMin) continue;
        auto offered = candidates(use, classes_, asked);
        for (auto& wider : covering_variants(offered, use)) offered.push_back(std::move(wider));
        std::erase_if(offered, [](const IndexSpec& spec) { return spec.is_there; });
        for (auto& spec : offered) {
            const auto signature = spec.signature();
            if (std::any_of(all.begin(), all.end(), [&](const IndexSpec& other) { return other.signature() == signature; })) continue;
            if (!laboratory_.can_plan_with(spec)) describe_use(spec, use, asked);
            all.push_back(std::move(spec));
        }
    }
    laboratory_.keep_possible(all);
    return all;
}

Found Case::indexes_for(const Statement& as_written, const PlanNode& now, std::vector<TableUse>& uses) {
    const Statement statement = with_known_values(as_written);
    const PlanNode bare = laboratory_.bare_plan(statement);
    Found found = find_indexes(laboratory_, statement, now, possible_indexes(statement, bare, uses));
    return found.indexes.empty() ? sampled_index(statement, now, bare, uses) : found;
}

// The planner guesses a third of the rows for a range over an expression, and so sees no use in an index on it; with the index
// there are statistics on the expression. So the rows are counted on a sample, and the index's cost is taken from the formula.
Found Case::sampled_index(const Statement&, const PlanNode& now, const PlanNode& bare, std::vector<TableUse>& uses) {
    Found best;
    best.now = now;
    best.before = best.after = now.total_cost;
    for (TableUse& use : uses) {
        const PlanNode* scan = nullptr;
        visit_plan(bare, [&](const PlanNode& node) { if (node.is_scan() && use.aliases.contains(node.alias) && !scan) scan = &node; });
        if (!scan || use.relation->kind == 'p' || use.relation->pages < kPagesMin) continue;
        for (const Atom& atom : use.atoms) {
            const bool is_guessed = atom.column == 0 && (atom.kind == AtomKind::range || atom.kind == AtomKind::equality);
            const auto& moments = laboratory_.values_put();
            const bool names_moment = std::any_of(moments.begin(), moments.end(), [&](const std::string& value) { return atom.subject.find(value) != std::string::npos; });
            if (!is_guessed || atom.is_join || atom.text.empty() || names_moment) continue;
            IndexSpec spec;
            spec.relation = use.relation;
            spec.keys = {{atom.subject, 0, {}, false, false}};
            std::vector<IndexSpec> possible = {spec};
            laboratory_.keep_possible(possible);
            const auto share = possible.empty() ? std::nullopt : sampler_.share(*use.relation, atom.text);
            if (!share) continue;
            const double after = bare.total_cost - scan->total_cost + fetch_cost(share->of_all() * use.relation->rows, use.relation->pages);
            if (after >= best.after || now.total_cost - after < kUnitsMin || now.total_cost - after < kGainMin * now.total_cost) continue;
            best.after = after;
            best.indexes = {spec};
            best.is_estimate = true;
        }
    }
    return best;
}

// The statement first: another form is only worth it where it saves clearly more.
std::vector<Case::Solution> Case::solutions(const Statement& statement, const PlanNode& now) {
    std::vector<Solution> all;
    Solution& as_it_is = all.emplace_back();
    as_it_is.found = indexes_for(statement, now, uses_);
    as_it_is.after = as_it_is.found.after;
    for (auto& form : rewrites(tree_, relations_, connection_)) {
        const Statement other{form.sql, statement.parameters, statement.unknown_parameters};
        PlanNode plan;
        try {
            connection_.savepoint("form");
            plan = laboratory_.plan(other);
        } catch (const QueryError&) {
            connection_.rollback_to("form");  // a parameter that is no longer there, …
            continue;
        }
        Solution& solution = all.emplace_back();
        std::vector<TableUse> uses;
        solution.found = indexes_for(other, plan, uses);
        solution.after = solution.found.after;
        solution.form = std::move(form);
    }
    std::erase_if(all, [&](const Solution& s) {
        const double saved = now.total_cost - s.after;
        return (s.found.indexes.empty() && !s.form) || saved < kUnitsMin || saved < kGainMin * now.total_cost;
    });
    const auto weighed = [](const Solution& s) { return s.after * (s.form ? kFormFactor : 1) * (1 + 0.02 * static_cast<double>(s.found.indexes.size())); };
    std::stable_sort(all.begin(), all.end(), [&](const Solution& one, const Solution& other) { return weighed(one) < weighed(other); });
    return all;
}

Advice Case::advice_for(const Solution& solution, double before) const {
    Advice advice;
    advice.kind = solution.form ? "rewrite" : solution.found.indexes[0].kind();
    advice.gain = before > 0 ? 1 - solution.after / before : 0;
    if (solution.form) {
        advice.rewrite = solution.form->sql;
        advice.why = solution.form->why + " ";
    }
    for (const auto& spec : solution.found.indexes) {
        if (!spec.extension.empty()) {
            advice.ddl.push_back(create_extension(spec.extension));
            advice.deploy.push_back(advice.ddl.back());
            advice.why += "It needs the extension " + spec.extension + ", which is not there yet. ";
        }
        advice.ddl.push_back(spec.ddl());
        advice.deploy.push_back(spec.concurrent_ddl());
        advice.undo.push_back(spec.undo());
    }
    advice.why += "The plan's cost falls from " + whole(before) + " to " + whole(solution.after) + " (" + percent(*advice.gain) + ")";
    if (solution.found.indexes.empty()) advice.why += ", as planned.";
    else if (!laboratory_.has_hypopg()) advice.why += ", estimated by formula: the database has no HypoPG, with which it could be planned.";
    else if (solution.found.is_estimate) advice.why += ", estimated: such an index cannot be planned with before it is there.";
    else advice.why += ", as planned with hypothetical indexes.";
    return advice;
}

void Case::add_solutions(const std::vector<Solution>& solutions, double before) {
    for (const auto& solution : solutions) {
        if (advice_.size() >= kAdviceMax) break;
        advice_.push_back(advice_for(solution, before));
        if (solution.form) continue;
        for (const auto& other : solution.found.others) {
            Solution alone{solution.found, std::nullopt, other.after};
            alone.found.indexes = {other.index};
            advice_.push_back(advice_for(alone, before));
        }
    }
}

// Pages by key need the index as well, so that it is a part of that advice.
void Case::put_first(std::vector<Advice>& more) {
    const auto first = std::find_if(more.begin(), more.end(), [](const Advice& advice) { return advice.comes_first; });
    if (first == more.end() || (!advice_.empty() && (advice_[0].kind == "analyze" || advice_[0].rewrite))) return;
    Advice chosen = std::move(*first);
    more.erase(first);
    if (chosen.kind == "paginate" && !advice_.empty()) {
        chosen.ddl = advice_[0].ddl, chosen.deploy = advice_[0].deploy, chosen.undo = advice_[0].undo;
        chosen.gain = advice_[0].gain;
        chosen.why += " With the index alone: " + advice_[0].why;
    }
    advice_.insert(advice_.begin(), std::move(chosen));
}

Case::Part Case::part() {
    Part part;
    const Statement as_written = asked_statement();
    part.now = laboratory_.plan(as_written);
    part.statement = with_known_values(as_written);
    part.possible = possible_indexes(part.statement, laboratory_.bare_plan(part.statement), part.uses);
    part.found = find_indexes(laboratory_, part.statement, part.now, part.possible);
    return part;
}

std::vector<Advice> Case::work() {
    const Statement statement = asked_statement();
    const PlanNode now = laboratory_.plan(statement);
    const auto solved = solutions(statement, now);
    const Node& node = member(list(tree_.as_object(), "stmts")[0].as_object(), "stmt");
    const SmellContext context{connection_, relations_, question_, node, now, uses_,
                               [&](const Relation& relation, const std::string& condition) { return laboratory_.rows_meeting(relation, condition); }};
    advice_ = missing_statistics(context);
    add_solutions(solved, now.total_cost);
    for (auto& advice : write_smells(context)) advice_.push_back(std::move(advice));
    auto more = smells(context);
    put_first(more);
    for (auto& advice : more) advice_.push_back(std::move(advice));
    const bool is_select = type_of(node) == "SelectStmt";
    if (advice_.empty()) {
        Advice none;
        none.why = "The plan costs " + whole(now.total_cost) + "; no index or other form of the statement that was tried is worth it.";
        advice_.push_back(std::move(none));
    }
    advice_[0].plan = plan_picture(now);
    advice_[0].plan_without_values = plan_picture(now, condition_without_values);
    for (const auto& notes : {statement_notes(context), plan_notes(context), schema_notes(context)}) advice_.insert(advice_.end(), notes.begin(), notes.end());
    if (question_.may_run) add_run(statement, is_select);
    return std::move(advice_);
}

// Last, since its own settings hold until the transaction ends.
void Case::add_run(const Statement& statement, bool is_select) {
    std::string why = "only a SELECT is run";
    const auto run = is_select ? laboratory_.run(statement, why) : std::nullopt;
    if (!run) {
        advice_[0].why += " It was not run: " + why + ".";
        return;
    }
    advice_[0].why += " Run once, it took " + whole(run->execution_ms) + " ms, and " + whole(run->planning_ms) + " ms to plan.";
    for (auto& note : run_notes(*run)) advice_.push_back(std::move(note));
}

}  // namespace larder::advisor
