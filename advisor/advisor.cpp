#include "advisor/advisor.h"

#include "advisor/case.h"
#include "advisor/full_names.h"
#include "advisor/workload.h"
#include "sql/tree.h"

namespace larder::advisor {

namespace {

Advice nothing(const std::string& why) {
    Advice advice;
    advice.why = why;
    return advice;
}

}  // namespace

std::string why_not_looked_at(const sql::Tree& tree) {
    if (tree.root.is_null()) return tree.why_not;
    const auto& statements = list(tree.root.get_object(), "stmts");
    if (statements.empty()) return "there is no statement in it";
    if (statements.size() > 1) return "it holds more than one statement; ask for one at a time";
    const Node& statement = member(statements[0].get_object(), "stmt");
    const auto type = type_of(statement);
    if (type != "SelectStmt" && type != "InsertStmt" && type != "UpdateStmt" && type != "DeleteStmt" && type != "MergeStmt") {
        return "only SELECT, INSERT, UPDATE, DELETE and MERGE are looked at";
    }
    if (type == "SelectStmt" && contains(statement, "IntoClause")) return "SELECT INTO makes a table and is not looked at";
    if (const auto* select = fields_of(statement, "SelectStmt"); select && select->contains("intoClause")) return "SELECT INTO makes a table and is not looked at";
    return {};
}

std::string why_refused(const std::string& why) { return "it is not planned, since that would run code of the database's own: " + why; }

struct Advisor::Impl {
    Impl(const std::string& uri, CatalogueSource catalogue, const Wakeup* stop) : gate(std::move(catalogue), stop), connection(uri, gate, stop), relations(connection) {}
    Gate gate;
    Connection connection;
    Relations relations;
};

Advisor::Advisor(const std::string& uri, CatalogueSource catalogue, const Wakeup* stop) : impl_(std::make_unique<Impl>(uri, std::move(catalogue), stop)) {}
Advisor::~Advisor() = default;

std::vector<Advice> Advisor::advise(const Question& question) {
    const auto tree = sql::parse_tree(question.sql);
    if (const auto why = why_not_looked_at(tree); !why.empty()) return {nothing("Not looked at: " + why + ".")};
    impl_->relations.forget();
    std::vector<Advice> advice;
    try {
        impl_->gate.begin_statement();
        impl_->connection.admit(question.sql);
        impl_->connection.begin();
        advice = Case(impl_->connection, impl_->relations, question, tree.root).work();
        name_in_full(impl_->connection, advice);
    } catch (const Refused& e) {
        advice = {nothing("Not looked at: " + why_refused(e.what()) + ".")};
    } catch (const QueryError& e) {
        advice = {nothing(std::string("The server refuses to plan it: ") + e.what() + ".")};
    }
    impl_->connection.end();
    return advice;
}

WorkloadAdvice Advisor::advise(const std::vector<WorkloadStatement>& statements, double budget_bytes) {
    impl_->relations.forget();
    impl_->gate.begin_statement();
    auto found = advise_workload(impl_->connection, impl_->relations, statements, budget_bytes);
    std::vector<Advice> indexes;
    for (auto& index : found.indexes) indexes.push_back(std::move(index.advice));
    impl_->connection.begin();
    for (auto* advice : {&indexes, &found.spare, &found.unserved_keys}) name_in_full(impl_->connection, *advice);
    impl_->connection.end();
    for (std::size_t i = 0; i < indexes.size(); ++i) found.indexes[i].advice = std::move(indexes[i]);
    return found;
}

}  // namespace larder::advisor
