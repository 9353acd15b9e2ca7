#include "advisor/case.h"

#include <algorithm>
#include <cmath>

namespace larder::advisor {

namespace {

std::string percent(double share) { return std::to_string(static_cast<int>(std::lround(share * 100))) + " %"; }
std::string whole(double number) { return std::to_string(std::llround(number)); }

}  // namespace

Case::Case(Connection& connection, Relations& relations, const Question& question, const Node& tree)
    : connection_(connection), relations_(relations), question_(question), tree_(tree), laboratory_(connection, relations), classes_(connection) {}

Found Case::indexes_for(const Statement& statement, const PlanNode& now) {
    auto uses = table_uses(laboratory_.bare_plan(statement), relations_);
    CandidateQuestions questions;
    questions.rows = [&](const Relation& relation, const std::string& condition) { return laboratory_.rows_meeting(relation, condition); };
    questions.type = [&](const Relation& relation, const std::string& expression) { return laboratory_.expression_type(relation, expression); };
    questions.folded = [&](const Atom& atom) { return laboratory_.folded(atom); };
    questions.trigrams_are_available = laboratory_.can_create("pg_trgm");
    for (const auto& value : statement.parameters) {
        if (value) questions.parameters.push_back(*value);
    }
    std::vector<IndexSpec> all;
    for (TableUse& use : uses) {
        const Relation& relation = *use.relation;
        if (relation.is_temporary || relation.is_system || (relation.kind != 'r' && relation.kind != 'p' && relation.kind != 'm')) continue;
        if (relation.pages < 5) continue;
        for (auto& spec : candidates(use, classes_, questions)) {
            const auto signature = spec.signature();
            if (std::none_of(all.begin(), all.end(), [&](const IndexSpec& other) { return other.signature() == signature; })) all.push_back(std::move(spec));
        }
    }
    laboratory_.keep_possible(all);
    return find_indexes(laboratory_, statement, now, uses, std::move(all));
}

Advice Case::index_advice(const Found& found) const {
    Advice advice;
    advice.kind = found.indexes[0].kind();
    advice.gain = found.gain();
    for (const auto& spec : found.indexes) {
        if (!spec.extension.empty()) advice.ddl.push_back("CREATE EXTENSION IF NOT EXISTS " + spec.extension);
        advice.ddl.push_back(spec.ddl());
        advice.deploy.push_back(spec.concurrent_ddl());
        advice.undo.push_back("DROP INDEX CONCURRENTLY " + spec.name());
    }
    advice.why = "The plan's cost falls from " + whole(found.before) + " to " + whole(found.after) + " (" + percent(found.gain()) + ")";
    advice.why += found.is_estimate ? ", estimated by formula, not planned." : ", as planned with a hypothetical index.";
    return advice;
}

void Case::add_indexes(const Found& found) {
    if (found.indexes.empty()) return;
    advice_.push_back(index_advice(found));
    for (const auto& other : found.others) {
        Found alone = found;
        alone.indexes = {other.index};
        alone.after = other.after;
        advice_.push_back(index_advice(alone));
    }
}

std::vector<Advice> Case::work() {
    const Statement statement{question_.sql, question_.parameters};
    const PlanNode now = laboratory_.plan(statement);
    add_indexes(indexes_for(statement, now));
    if (advice_.empty()) {
        Advice none;
        none.why = "The plan costs " + whole(now.total_cost) + "; no index or other form of the statement that was tried is worth it.";
        advice_.push_back(std::move(none));
    }
    advice_[0].plan = plan_picture(now);
    return std::move(advice_);
}

}  // namespace larder::advisor
