#include "advisor/index_search.h"

#include <algorithm>

namespace larder::advisor {

namespace {

// How much dearer a plan may be and still count as good as the best: with one index fewer, or a lighter one.
constexpr double kAsGood = 1.05;
constexpr double kAsGoodAndLighter = 1.1;
// Two indexes with the same first keys have to be so much better than one of them.
constexpr double kWorthSecond = 1.2;
// An index that holds columns only to be read, or only the rows of one value, has to save more than this over one without.
constexpr double kWorthCovering = 1.15;
constexpr double kCoveringUnits = 40;
constexpr std::size_t kReplacementsMax = 20;
constexpr std::size_t kOthersMax = 3;
constexpr double kAsOrdered = 1.02;
constexpr std::size_t kFewTables = 12, kTrialsMax = 150;

class Search {
public:
    Search(Laboratory& laboratory, const Statement& statement, const PlanNode& now, std::vector<IndexSpec>& candidates)
        : laboratory_(laboratory), statement_(statement), now_(now), candidates_(candidates) {
        visit_plan(now, [&](const PlanNode& node) { tables_ += node.is_scan(); });
    }

    Found run() {
        Found found;
        found.now = now_;
        found.before = found.after = now_.total_cost;
        std::vector<std::size_t> all(candidates_.size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
        if (all.empty()) return found;
        best_ = trial(all);
        chosen_ = best_.used.empty() ? std::vector<std::size_t>() : picked(all, best_.used);
        if (chosen_.empty() || !is_worth(best_.cost)) return found;
        settle();
        drop_spare();
        lighten();
        put_in_order();
        if (!is_worth(best_.cost)) return found;
        found.after = best_.cost;
        found.then = best_.plan;
        found.is_estimate = best_.is_estimate;
        for (const std::size_t i : chosen_) found.indexes.push_back(candidates_[i]);
        others(found);
        return found;
    }

private:
    bool is_worth(double cost) const {
        const double saved = now_.total_cost - cost;
        return saved >= kUnitsMin && saved >= kGainMin * now_.total_cost;
    }

    static std::vector<std::size_t> picked(const std::vector<std::size_t>& from, const std::vector<std::size_t>& at) {
        std::vector<std::size_t> out;
        for (const std::size_t i : at) out.push_back(from[i]);
        return out;
    }

    // Statements over many tables take long to plan: for those the choice is less fine.
    bool may_try() const { return trials_ < kTrialsMax; }

    Trial trial(const std::vector<std::size_t>& which) {
        trials_ += tables_ <= kFewTables ? 1 : tables_;
        std::vector<const IndexSpec*> specs;
        for (const std::size_t i : which) specs.push_back(&candidates_[i]);
        return laboratory_.with_indexes(statement_, now_, specs);
    }

    // Alone, those that were used among all may serve a little otherwise.
    void settle() { best_ = trial(chosen_); }

    bool accept(std::vector<std::size_t> which, double factor, double units = 0) {
        Trial other = trial(which);
        if (other.cost > std::max(factor * best_.cost, best_.cost + units)) return false;
        chosen_ = std::move(which);
        best_ = std::move(other);
        return true;
    }

    void drop_spare() {
        auto heaviest_first = chosen_;
        std::stable_sort(heaviest_first.begin(), heaviest_first.end(),
                         [&](std::size_t one, std::size_t other) { return candidates_[one].weight() > candidates_[other].weight(); });
        for (const std::size_t spare : heaviest_first) {
            if (chosen_.size() == 1 || !may_try()) break;
            auto without = chosen_;
            std::erase(without, spare);
            const bool is_double = std::any_of(without.begin(), without.end(), [&](std::size_t i) { return are_alike(candidates_[i], candidates_[spare]); });
            accept(std::move(without), is_double ? kWorthSecond : kAsGood);
        }
    }

    // Of the same table, with the same first keys and predicate.
    static bool are_alike(const IndexSpec& one, const IndexSpec& other) {
        if (one.relation != other.relation || one.where != other.where || one.method != other.method) return false;
        return std::equal(one.keys.begin(), one.keys.begin() + static_cast<std::ptrdiff_t>(std::min(one.keys.size(), other.keys.size())), other.keys.begin());
    }

    void lighten() {
        for (std::size_t at = 0; at < chosen_.size(); ++at) {
            std::vector<std::size_t> lighter;
            for (std::size_t i = 0; i < candidates_.size(); ++i) {
                const bool is_other = std::find(chosen_.begin(), chosen_.end(), i) == chosen_.end();
                const auto& now = candidates_[chosen_[at]];
                if (is_other && candidates_[i].relation == now.relation && candidates_[i].weight() <= now.weight()) lighter.push_back(i);
            }
            std::stable_sort(lighter.begin(), lighter.end(),
                             [&](std::size_t one, std::size_t other) { return candidates_[one].weight() < candidates_[other].weight(); });
            if (lighter.size() > kReplacementsMax) lighter.resize(kReplacementsMax);
            for (const std::size_t i : lighter) {
                if (!may_try()) return;
                auto replaced = chosen_;
                replaced[at] = i;
                // One of the same weight has to be cheaper.
                const bool is_lighter = candidates_[i].weight() < candidates_[chosen_[at]].weight();
                const auto& now = candidates_[chosen_[at]];
                const bool is_plainer = candidates_[i].include.empty() && !now.include.empty() && candidates_[i].keys == now.keys && candidates_[i].where == now.where;
                const bool is_for_all = now.names_a_value && !candidates_[i].names_a_value;
                const double factor = is_plainer || is_for_all ? kWorthCovering : is_lighter ? kAsGoodAndLighter : 0.99;
                const double units = is_plainer ? kCoveringUnits : 0;
                if (accept(std::move(replaced), factor, units) && is_lighter) break;
            }
        }
    }

    // How many rows an equality finds differs by value: where few were expected, an index that also gives the order costs no more, and
    // holds the limit where there are many.
    void put_in_order() {
        for (std::size_t at = 0; at < chosen_.size(); ++at) {
            const auto& now = candidates_[chosen_[at]];
            if (now.gives_order || now.method != "btree" || !now.include.empty()) continue;
            for (std::size_t i = 0; i < candidates_.size() && may_try(); ++i) {
                const auto& wider = candidates_[i];
                const bool is_wider = wider.gives_order && wider.relation == now.relation && wider.where == now.where && wider.include.empty() && wider.keys.size() > now.keys.size() &&
                                      std::equal(now.keys.begin(), now.keys.end(), wider.keys.begin());
                if (!is_wider) continue;
                auto replaced = chosen_;
                replaced[at] = i;
                if (accept(std::move(replaced), kAsOrdered)) break;
            }
        }
    }

    void others(Found& found) {
        if (chosen_.size() > 2) return;
        const auto* relation = candidates_[chosen_[0]].relation;
        for (std::size_t i = 0; i < candidates_.size() && may_try() && found.others.size() < 2 * kOthersMax; ++i) {
            if (candidates_[i].relation != relation || std::find(chosen_.begin(), chosen_.end(), i) != chosen_.end()) continue;
            const Trial alone = trial({i});
            if (alone.used.empty() || !is_worth(alone.cost)) continue;
            found.others.push_back({candidates_[i], alone.cost});
        }
        std::stable_sort(found.others.begin(), found.others.end(), [](const auto& one, const auto& other) { return one.after < other.after; });
        if (found.others.size() > kOthersMax) found.others.resize(kOthersMax);
    }

    Laboratory& laboratory_;
    const Statement& statement_;
    const PlanNode& now_;
    std::vector<IndexSpec>& candidates_;
    std::vector<std::size_t> chosen_;
    Trial best_;
    std::size_t tables_ = 0, trials_ = 0;
};

}  // namespace

Found find_indexes(Laboratory& laboratory, const Statement& statement, const PlanNode& now, std::vector<IndexSpec> candidates) {
    return Search(laboratory, statement, now, candidates).run();
}

}  // namespace larder::advisor
