#include "advisor/workload.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "advisor/case.h"
#include "advisor/full_names.h"
#include "advisor/gate.h"
#include "advisor/index_size.h"
#include "advisor/link.h"
#include "advisor/redundancy.h"
#include "advisor/selection.h"
#include "advisor/writes.h"
#include "sql/tree.h"

namespace larder::advisor {

namespace {

constexpr std::size_t kPossibleMax = 60;    // tried alone per statement, the shortest first
constexpr std::size_t kIndexesMax = 400;
constexpr std::size_t kIncludedMax = 5;
constexpr double kAloneMin = 0.01;          // share of its statement that an index has to save alone
constexpr double kLarger = 1.15;            // than told by formula an index may turn out to be
constexpr int kTrialsMax = 20'000;          // plans asked for, in all

// A statement that was planned: what it brings, and which versions of an index it knows. (What stands in for a GIN index is this
// statement's condition, and no other's.)
struct Member {
    std::size_t number = 0;
    double weight = 1;
    Case::Part part;
    Writes writes;
    std::map<std::string, IndexSpec> versions;   // by signature
    std::set<std::string> subjects;              // table and column that a condition or an order names
    std::set<const Relation*> tables;
};

std::string subject_of(const Relation* relation, const std::string& subject) { return std::to_string(relation->oid) + " " + subject; }

class Workload {
public:
    Workload(Connection& connection, Relations& relations) : connection_(connection), relations_(relations) {}

    WorkloadAdvice run(const std::vector<WorkloadStatement>& statements, double budget) {
        for (std::size_t i = 0; i < statements.size(); ++i) add(i, statements[i]);
        connection_.begin();
        laboratory_ = std::make_unique<Laboratory>(connection_, relations_);
        gather();
        merge();
        WorkloadAdvice advice = chosen(budget);
        advice.budget = budget;
        advice.plans = trials_;
        advice.statements = std::move(costs_);
        catalogue(advice);
        connection_.end();
        return advice;
    }

private:
    void add(std::size_t number, const WorkloadStatement& statement) {
        WorkloadCost& cost = costs_.emplace_back();
        cost.id = statement.id;
        cost.calls_per_minute = statement.question.calls_per_minute > 0 ? statement.question.calls_per_minute : 1;
        cost.problem = statement.problem;
        if (!cost.problem.empty()) return;
        const auto tree = sql::parse_tree(statement.question.sql);
        cost.problem = why_not_looked_at(tree);
        if (!cost.problem.empty()) return;
        try {
            connection_.admit(statement.question.sql);
            connection_.begin();
            Member member;
            member.number = number;
            member.weight = cost.calls_per_minute;
            member.part = Case(connection_, relations_, statement.question, tree.root).part();
            member.writes = writes_of(tree.root, member.part.now, relations_);
            cost.before = cost.after = member.part.now.total_cost;
            describe(member);
            members_.push_back(std::move(member));
        } catch (const Refused& e) {
            cost.problem = why_refused(e.what());
        } catch (const QueryError& e) {
            cost.problem = std::string("the server refuses to plan it: ") + e.what();
        } catch (const ConnectionLost& e) {
            cost.problem = std::string("the connection was lost: ") + e.what();  // the next statement gets a new one
        }
    }

    static void describe(Member& member) {
        for (const TableUse& use : member.part.uses) {
            member.tables.insert(use.relation);
            for (const Atom& atom : use.atoms) member.subjects.insert(subject_of(use.relation, atom.subject));
            for (const auto& either : use.alternatives) {
                for (const auto& arm : either) {
                    for (const Atom& atom : arm) member.subjects.insert(subject_of(use.relation, atom.subject));
                }
            }
            for (const auto& sort : use.sorts) {
                for (const auto& column : sort.columns) member.subjects.insert(subject_of(use.relation, column.subject));
            }
        }
        for (const auto& spec : member.part.possible) member.versions.emplace(spec.signature(), spec);
    }

    std::size_t index_of(const IndexSpec& spec) {
        const auto [at, is_new] = numbers_.emplace(spec.signature(), indexes_.size());
        if (is_new) indexes_.push_back(spec);
        return at->second;
    }

    // The indexes found for each statement as one group, and each index that helps it alone.
    void gather() {
        for (Member& member : members_) {
            std::vector<std::size_t> group;
            for (const auto& spec : member.part.found.indexes) group.push_back(index_of(spec));
            if (group.size() > 1) groups_.push_back(group);
            for (const auto& other : member.part.found.others) index_of(other.index);
        }
        for (Member& member : members_) {
            auto& possible = member.part.possible;
            std::stable_sort(possible.begin(), possible.end(), [](const IndexSpec& one, const IndexSpec& other) { return one.weight() < other.weight(); });
            for (std::size_t i = 0; i < possible.size() && i < kPossibleMax; ++i) {
                if (indexes_.size() >= kIndexesMax || numbers_.contains(possible[i].signature())) continue;
                if (alone(member, possible[i]) <= (1 - kAloneMin) * member.part.now.total_cost) index_of(possible[i]);
            }
        }
    }

    double alone(const Member& member, const IndexSpec& spec) { return asked(member, {&spec}).cost; }

    // What the server refuses to plan with an index is not helped by it.
    Trial asked(const Member& member, const std::vector<const IndexSpec*>& specs) {
        ++trials_;
        try {
            return laboratory_->with_indexes(member.part.statement, member.part.now, specs);
        } catch (const QueryError&) {
            connection_.begin();
            Trial as_it_is;
            as_it_is.plan = member.part.now;
            as_it_is.cost = member.part.now.total_cost;
            return as_it_is;
        }
    }

    // Of two B-trees of which one begins like the other, one that does for both.
    void merge() {
        const std::size_t count = indexes_.size();
        for (std::size_t one = 0; one < count; ++one) {
            for (std::size_t other = 0; other < count && indexes_.size() < kIndexesMax; ++other) {
                if (one == other) continue;
                const auto merged = merged_with(indexes_[one], indexes_[other]);
                if (merged) index_of(*merged);
            }
        }
    }

    static std::optional<IndexSpec> merged_with(const IndexSpec& longer, const IndexSpec& shorter) {
        const bool are_alike = longer.relation == shorter.relation && longer.method == "btree" && shorter.method == "btree" && longer.where == shorter.where &&
                               longer.keys.size() >= shorter.keys.size() && std::equal(shorter.keys.begin(), shorter.keys.end(), longer.keys.begin());
        if (!are_alike || shorter.include.empty()) return std::nullopt;
        IndexSpec merged = longer;
        for (const auto& name : shorter.include) {
            const bool is_key = std::any_of(merged.keys.begin(), merged.keys.end(), [&](const IndexKey& key) { return key.subject == name; });
            if (!is_key && std::find(merged.include.begin(), merged.include.end(), name) == merged.include.end()) merged.include.push_back(name);
        }
        std::sort(merged.include.begin(), merged.include.end());
        if (merged.include.size() > kIncludedMax) return std::nullopt;
        return merged;
    }

    // The index as this statement sees it; null if it cannot be of use, or nobody can tell.
    const IndexSpec* version(const Member& member, std::size_t index) const {
        const IndexSpec& spec = indexes_[index];
        if (!member.tables.contains(spec.relation)) return nullptr;
        const auto known = member.versions.find(spec.signature());
        if (known != member.versions.end()) return &known->second;
        const bool is_planned = spec.stand_in.empty() && laboratory_->can_plan_with(spec);
        return is_planned && member.subjects.contains(subject_of(spec.relation, spec.keys[0].subject)) ? &spec : nullptr;
    }

    Trial trial(const Member& member, const std::vector<std::size_t>& set) {
        std::vector<const IndexSpec*> specs;
        for (const std::size_t index : set) specs.push_back(version(member, index));
        return asked(member, specs);
    }

    // Past the limit the best set so far is what there is.
    double cost(const Member& member, const std::vector<std::size_t>& set) {
        if (set.empty() || trials_ > kTrialsMax) return member.part.now.total_cost;
        return std::min(trial(member, set).cost, member.part.now.total_cost);
    }

    SelectionProblem problem(double budget) {
        SelectionProblem problem;
        problem.statements = members_.size();
        problem.groups = groups_;
        problem.budget = budget / kLarger;
        for (const Member& member : members_) problem.weights.push_back(member.weight);
        for (std::size_t index = 0; index < indexes_.size(); ++index) {
            const IndexSpec& spec = indexes_[index];
            const double rows = spec.where.empty() || spec.relation->rows <= 0 ? 1 : laboratory_->rows_meeting(*spec.relation, spec.where) / spec.relation->rows;
            problem.bytes.push_back(index_bytes(spec, rows, distinct_keys(spec)));
            double upkeep = 0;
            for (const Member& member : members_) upkeep += member.weight * member.writes.upkeep(spec) * std::min(rows, 1.0);
            problem.upkeep.push_back(upkeep);
            auto& serves = problem.statements_of.emplace_back();
            for (std::size_t i = 0; i < members_.size(); ++i) {
                if (version(members_[i], index)) serves.push_back(i);
            }
        }
        problem.cost = [this](std::size_t statement, const std::vector<std::size_t>& set) { return cost(members_[statement], set); };
        return problem;
    }

    double distinct_keys(const IndexSpec& spec) {
        if (!wants_count(spec)) return 0;
        std::string columns;
        for (const auto& key : spec.keys) columns += (columns.empty() ? "" : ", ") + key.subject;
        auto& known = distinct_[std::to_string(spec.relation->oid) + " " + columns];
        if (!known) known = Sampler(connection_).distinct(*spec.relation, columns).value_or(0);
        return *known;
    }

    WorkloadAdvice chosen(double budget) {
        const SelectionProblem asked = problem(budget);
        const Selection selection = select_indexes(asked);
        WorkloadAdvice advice;
        advice.before = selection.before;
        advice.after = selection.after;
        advice.bytes = selection.bytes;
        for (const std::size_t index : selection.indexes) {
            advice.upkeep += asked.upkeep[index];
            advice.indexes.push_back({advice_on(indexes_[index]), asked.bytes[index], {}});
            chosen_.push_back(&indexes_[index]);
        }
        serve(selection.indexes, advice);
        gains(asked, selection, advice);
        return advice;
    }

    static Advice advice_on(const IndexSpec& spec) {
        Advice advice;
        advice.kind = spec.kind();
        if (!spec.extension.empty()) advice.ddl.push_back(create_extension(spec.extension));
        advice.deploy = advice.ddl;
        advice.ddl.push_back(spec.ddl());
        advice.deploy.push_back(spec.concurrent_ddl());
        advice.undo = {spec.undo()};
        return advice;
    }

    // Each statement once more under the whole set: what it costs then, and which indexes it uses.
    void serve(const std::vector<std::size_t>& set, WorkloadAdvice& advice) {
        for (const Member& member : members_) {
            std::vector<std::size_t> relevant, places;
            for (std::size_t place = 0; place < set.size(); ++place) {
                if (version(member, set[place])) relevant.push_back(set[place]), places.push_back(place);
            }
            if (relevant.empty()) {
                note_used(member.part.now);
                continue;
            }
            const Trial last = trial(member, relevant);
            costs_[member.number].after = std::min(last.cost, member.part.now.total_cost);
            note_used(last.plan);
            advice.is_estimate = advice.is_estimate || last.is_estimate;
            for (const std::size_t used : last.used) advice.indexes[places[used]].serves.push_back(costs_[member.number].id);
        }
    }

    void note_used(const PlanNode& plan) {
        visit_plan(plan, [&](const PlanNode& node) { if (!node.index.empty()) used_.insert(node.index); });
    }

    void gains(const SelectionProblem& asked, const Selection& selection, WorkloadAdvice& advice) {
        std::vector<std::size_t> set;
        double before = selection.before;
        for (std::size_t i = 0; i < selection.indexes.size(); ++i) {
            set.insert(std::lower_bound(set.begin(), set.end(), selection.indexes[i]), selection.indexes[i]);
            double after = 0;
            for (const std::size_t index : set) after += asked.upkeep[index];
            for (const Member& member : members_) {
                std::vector<std::size_t> relevant;
                std::copy_if(set.begin(), set.end(), std::back_inserter(relevant), [&](std::size_t index) { return version(member, index) != nullptr; });
                after += member.weight * cost(member, relevant);
            }
            Advice& one = advice.indexes[i].advice;
            one.gain = selection.before > 0 ? std::max(0.0, (before - after) / selection.before) : 0;
            one.why = "It serves " + std::to_string(advice.indexes[i].serves.size()) + " of the statements and is about " +
                      std::to_string(std::llround(advice.indexes[i].bytes / 1024)) + " kB large.";
            before = after;
        }
    }

    void catalogue(WorkloadAdvice& advice) {
        std::set<const Relation*> tables;
        for (const Member& member : members_) tables.insert(member.tables.begin(), member.tables.end());
        std::vector<const Relation*> by_name(tables.begin(), tables.end());
        std::sort(by_name.begin(), by_name.end(), [](const Relation* one, const Relation* other) { return one->quoted < other->quoted; });
        for (const Relation* relation : by_name) {
            if (relation->is_system || relation->is_temporary) continue;
            for (const auto& spare : redundant_indexes(*relation)) advice.spare.push_back(drop_of(spare));
            for (const auto& spare : unused_indexes(*relation)) {
                if (!used_.contains(spare.name)) advice.spare.push_back(drop_of(spare));
            }
            for (const auto& key : own_keys_without_index(*relation, relations_)) {
                const bool is_served = std::any_of(chosen_.begin(), chosen_.end(), [&](const IndexSpec* spec) { return serves_key(*spec, key.index); });
                if (is_served) continue;
                Advice one = advice_on(key.index);
                one.why = "The foreign key " + key.name + " has no index on its own columns: each DELETE of a referenced row, and each change of its key, reads the whole table " +
                          relation->name + " (P37). Worth it if such rows are deleted.";
                advice.unserved_keys.push_back(std::move(one));
            }
        }
    }

    static bool serves_key(const IndexSpec& spec, const IndexSpec& key) {
        if (spec.relation != key.relation || spec.method != "btree" || !spec.where.empty() || spec.keys.size() < key.keys.size()) return false;
        return std::is_permutation(key.keys.begin(), key.keys.end(), spec.keys.begin(), [](const IndexKey& one, const IndexKey& other) { return one.column == other.column; });
    }

    static Advice drop_of(const SpareIndex& spare) {
        Advice advice;
        advice.kind = "drop_index";
        advice.ddl = {"DROP INDEX " + spare.quoted};
        advice.deploy = {"DROP INDEX CONCURRENTLY " + spare.quoted};
        advice.undo = {spare.definition};
        advice.why = spare.why;
        return advice;
    }

    Connection& connection_;
    Relations& relations_;
    std::unique_ptr<Laboratory> laboratory_;
    std::vector<Member> members_;
    std::vector<WorkloadCost> costs_;
    std::vector<IndexSpec> indexes_;
    std::map<std::string, std::size_t> numbers_;   // by signature
    std::vector<std::vector<std::size_t>> groups_;
    std::vector<const IndexSpec*> chosen_;
    std::map<std::string, std::optional<double>> distinct_;  // counted, by table and columns
    std::set<std::string> used_;                   // names of indexes in the plans under the chosen set
    int trials_ = 0;
};

}  // namespace

WorkloadAdvice advise_workload(Connection& connection, Relations& relations, const std::vector<WorkloadStatement>& statements, double budget_bytes) {
    return Workload(connection, relations).run(statements, budget_bytes);
}

}  // namespace larder::advisor
