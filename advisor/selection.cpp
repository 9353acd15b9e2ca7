#include "advisor/selection.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <set>

namespace larder::advisor {

namespace {

using Set = std::vector<std::size_t>;  // in ascending order

// A step has to save this share of what is left: the rest is noise.
constexpr double kStepMin = 0.001;
constexpr int kRoundsMax = 4;

Set with(Set set, const Set& more) {
    for (const std::size_t index : more) {
        const auto at = std::lower_bound(set.begin(), set.end(), index);
        if (at == set.end() || *at != index) set.insert(at, index);
    }
    return set;
}

Set without(Set set, std::size_t index) {
    std::erase(set, index);
    return set;
}

class Selector {
public:
    explicit Selector(const SelectionProblem& problem) : problem_(problem), may_serve_(problem.statements) {
        for (std::size_t index = 0; index < problem.bytes.size(); ++index) {
            groups_.push_back({index});
            for (const std::size_t statement : problem.statements_of[index]) may_serve_[statement].insert(index);
        }
        for (const auto& group : problem.groups) {
            if (group.size() > 1) groups_.push_back(with({}, group));
        }
    }

    Selection run() {
        Selection found;
        found.before = total({});
        for (const auto& group : groups_) first_gains_.push_back(gain({}, group));
        // By the byte is best where the limit is tight, by the whole gain where one large index outdoes many small ones.
        const Set by_byte = improved(greedy(true)), by_gain = improved(greedy(false));
        const Set& best = total(by_byte) <= total(by_gain) ? by_byte : by_gain;
        found.after = total(best);
        found.bytes = size(best);
        found.indexes = in_order(best);
        return found;
    }

private:
    double size(const Set& set) const {
        double bytes = 0;
        for (const std::size_t index : set) bytes += problem_.bytes[index];
        return bytes;
    }

    bool fits(const Set& set) const { return problem_.budget <= 0 || size(set) <= problem_.budget; }

    double cost(std::size_t statement, const Set& set) {
        Set relevant;
        std::set_intersection(set.begin(), set.end(), may_serve_[statement].begin(), may_serve_[statement].end(), std::back_inserter(relevant));
        auto& known = costs_[statement];
        const auto found = known.find(relevant);
        if (found != known.end()) return found->second;
        const double cost = problem_.cost(statement, relevant);
        return known.emplace(std::move(relevant), cost).first->second;
    }

    double total(const Set& set) {
        double sum = 0;
        for (std::size_t statement = 0; statement < problem_.statements; ++statement) sum += problem_.weights[statement] * cost(statement, set);
        for (const std::size_t index : set) sum += problem_.upkeep[index];
        return sum;
    }

    // What the set gains by these indexes: only the statements they may serve are asked for.
    double gain(const Set& set, const Set& more) {
        const Set wider = with(set, more);
        std::set<std::size_t> touched;
        double sum = 0;
        for (const std::size_t index : wider) {
            if (std::binary_search(set.begin(), set.end(), index)) continue;
            touched.insert(problem_.statements_of[index].begin(), problem_.statements_of[index].end());
            sum -= problem_.upkeep[index];
        }
        for (const std::size_t statement : touched) sum += problem_.weights[statement] * (cost(statement, set) - cost(statement, wider));
        return sum;
    }

    double worth(double gain, const Set& set, const Set& more, bool is_by_byte) const {
        return is_by_byte ? gain / std::max(size(with(set, more)) - size(set), 1.0) : gain;
    }

    // Gains mostly shrink as the set grows, so an old gain is an upper bound: only the best one so far is asked for again.
    Set greedy(bool is_by_byte) {
        struct Offer {
            double worth;
            std::size_t group, step;
            bool operator<(const Offer& other) const { return worth != other.worth ? worth < other.worth : group > other.group; }
        };
        std::priority_queue<Offer> offers;
        std::vector<std::size_t> small;   // that may be worth it once there is less to save
        Set set;
        double least = kStepMin * total(set);
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            if (first_gains_[i] > 0) offers.push({worth(first_gains_[i], set, groups_[i], is_by_byte), i, 0});
        }
        for (std::size_t step = 0; !offers.empty();) {
            const Offer best = offers.top();
            offers.pop();
            const Set& group = groups_[best.group];
            if (!fits(with(set, group))) continue;
            const double gained = gain(set, group);
            if (gained <= least) {
                if (gained > 0) small.push_back(best.group);
            } else if (best.step != step) {
                offers.push({worth(gained, set, group, is_by_byte), best.group, step});
            } else {
                set = with(set, group);
                least = kStepMin * total(set);
                ++step;
                for (const std::size_t other : small) offers.push({worth(gain(set, groups_[other]), set, groups_[other], is_by_byte), other, step});
                small.clear();
            }
        }
        return set;
    }

    // Leave out what is not missed; put another in the place of one; add what has room.
    Set improved(Set set) {
        bool changed = true;
        for (int round = 0; changed && round < kRoundsMax; ++round) {
            changed = false;
            double now = total(set);
            const double least = kStepMin * now;
            const auto consider = [&](Set other, double margin) {
                if (!fits(other)) return false;
                const double then = total(other);
                if (then > now + margin) return false;
                set = std::move(other), now = then, changed = true;
                return true;
            };
            for (const std::size_t index : Set(set)) consider(without(set, index), 0.1 * least);
            for (const std::size_t index : Set(set)) {
                const double missed = total(without(set, index)) - now;
                for (std::size_t i = 0; i < groups_.size(); ++i) {
                    if (!std::binary_search(set.begin(), set.end(), index)) break;
                    if (first_gains_[i] > missed && shares_statement(index, groups_[i])) consider(with(without(set, index), groups_[i]), -least);
                }
            }
            for (std::size_t i = 0; i < groups_.size(); ++i) {
                const bool is_there = std::includes(set.begin(), set.end(), groups_[i].begin(), groups_[i].end());
                if (!is_there && first_gains_[i] > least) consider(with(set, groups_[i]), -least);
            }
        }
        return set;
    }

    bool shares_statement(std::size_t index, const Set& group) const {
        const auto& own = problem_.statements_of[index];
        return std::any_of(group.begin(), group.end(), [&](std::size_t other) {
            const auto& its = problem_.statements_of[other];
            return other != index && std::any_of(own.begin(), own.end(), [&](std::size_t statement) { return std::find(its.begin(), its.end(), statement) != its.end(); });
        });
    }

    // What saves most by the byte first, for those who make only the first few.
    Set in_order(Set left) {
        Set ordered, chosen;
        while (!left.empty()) {
            auto best = left.begin();
            double most = -1e300;
            for (auto at = left.begin(); at != left.end(); ++at) {
                const double value = worth(gain(chosen, {*at}), chosen, {*at}, true);
                if (value > most) most = value, best = at;
            }
            ordered.push_back(*best);
            chosen = with(chosen, {*best});
            left.erase(best);
        }
        return ordered;
    }

    const SelectionProblem& problem_;
    std::vector<std::set<std::size_t>> may_serve_;
    std::vector<Set> groups_;
    std::vector<double> first_gains_;   // of each group, if it were the first: mostly the most it can gain
    std::map<std::size_t, std::map<Set, double>> costs_;
};

}  // namespace

Selection select_indexes(const SelectionProblem& problem) { return Selector(problem).run(); }

}  // namespace larder::advisor
