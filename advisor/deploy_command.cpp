#include "advisor/deploy_command.h"

#include <cmath>
#include <ostream>

#include "advisor/advisor.h"
#include "advisor/builder.h"
#include "advisor/plan.h"

namespace larder::advisor {

namespace {

constexpr double kGainMin = 0.1;   // of the plan's cost: less is not worth an index

// What the planner says now, of the statement without values if it has parameters.
double plan_cost(const std::string& uri, const std::string& statement, const CatalogueSource& catalogue) {
    Gate gate(catalogue);
    Connection connection(uri, gate);
    connection.begin();
    const auto rows = connection.ask_as_client("EXPLAIN (FORMAT JSON) " + statement);
    connection.end();
    return read_plan(rows.at(0).at(0).value_or("")).total_cost;
}

// False: something failed, and all that was done before is undone.
bool run_all(Builder& builder, const Advice& advice, std::ostream& out, std::ostream& errors) {
    const auto& steps = advice.deploy.empty() ? advice.ddl : advice.deploy;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        out << "Running: " << steps[i] << '\n' << std::flush;
        try {
            builder.run(steps[i], advice.undo);
        } catch (const BuildError& e) {
            errors << "larder advise: " << e.what() << '\n';
            for (; i > 0; --i) builder.take_back(steps[i - 1], advice.undo, {});
            return false;
        }
    }
    return true;
}

}  // namespace

bool deploy_best(const std::string& uri, const std::string& statement, const CatalogueSource& catalogue, std::ostream& out, std::ostream& errors) {
    Question question;
    question.sql = statement;
    const auto advice = Advisor(uri, catalogue).advise(question).front();
    out << to_text(advice);
    const auto& steps = advice.deploy.empty() ? advice.ddl : advice.deploy;
    if (const auto why_not = why_not_deployed(steps, advice.undo); !why_not.empty()) return errors << "larder advise: this is not for Larder to do. " << why_not << '\n', false;
    const double before = plan_cost(uri, statement, catalogue);
    BuildOptions options;
    options.uri = uri;
    options.on_progress = [&errors](const std::string& text) { errors << "  " << text << '\n' << std::flush; };
    Builder builder(options);
    if (!run_all(builder, advice, out, errors)) return false;
    const double after = plan_cost(uri, statement, catalogue);
    if (after <= (1 - kGainMin) * before) {
        out << "In force: the plan's cost fell from " << std::llround(before) << " to " << std::llround(after) << ".\n";
        return true;
    }
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) builder.take_back(*step, advice.undo, {});
    errors << "larder advise: the plan's cost was " << std::llround(before) << " and is " << std::llround(after) << "; everything is as it was\n";
    return false;
}

}  // namespace larder::advisor
