#include "advisor/search_candidates.h"

#include <algorithm>
#include <cctype>

namespace larder::advisor {

namespace {

// What a GIN or GiST index costs beyond the heap pages that it leads to, per scan; measured, and more per trigram.
constexpr double kSearchCost = 20;
constexpr double kTrigramCost = 7;

constexpr unsigned kTsvector = 3614, kJsonb = 3802;

bool is_pattern(const std::string& op) { return op == "~~" || op == "~~*" || op == "~" || op == "~*"; }

struct Search {
    const Atom* atom;
    OperatorClass best;
    unsigned type = 0;
    int trigrams = 0;
};

class SearchGenerator {
public:
    SearchGenerator(TableUse& use, const OperatorClasses& classes, const CandidateQuestions& questions)
        : use_(use), classes_(classes), questions_(questions) {}

    std::vector<IndexSpec> generate() {
        std::vector<Search> searches;
        for (const Atom& atom : use_.atoms) add(searches, atom);
        for (const Search& search : searches) single(search, searches);
        if (searches.size() > 1) several(searches);
        for (const auto& either : use_.alternatives) {
            for (const auto& arm : either) {
                std::vector<Search> inside;
                for (const Atom& atom : arm) add(inside, atom);
                for (const Search& search : inside) single(search, inside);
            }
        }
        for (const SortUse& sort : use_.sorts) nearest(sort);
        return std::move(found_);
    }

private:
    CandidateQuestions::Type type_of_subject(const std::string& subject, int number) {
        const Column* column = number ? use_.relation->column(number) : nullptr;
        if (column) return {column->type, column->category == 'A', column->is_range};
        return questions_.type(*use_.relation, subject);
    }

    void add(std::vector<Search>& to, const Atom& atom) {
        if (atom.kind != AtomKind::search || atom.is_join || atom.text.empty()) return;
        const auto type = type_of_subject(atom.subject, atom.column);
        Search search{&atom, {}, type.oid, 0};
        if (is_pattern(atom.op)) {
            const auto pattern = string_of(atom.other);
            search.trigrams = pattern ? trigrams_of(atom.op, *pattern) : 0;
            if (search.trigrams == 0) return;
        }
        const auto serving = classes_.serving(atom.op, type.oid, type.is_array, type.is_range, false);
        if (!serving.empty()) search.best = serving[0];
        else if (is_pattern(atom.op) && questions_.trigrams_are_available) search.best = {"gin", "gin_trgm_ops", 25, false, atom.op, false};
        else return;
        to.push_back(std::move(search));
    }

    // Of several operators on one subject, the class that serves all.
    OperatorClass class_for(const Search& search, const std::vector<const Search*>& group) const {
        const Column* column = search.atom->column ? use_.relation->column(search.atom->column) : nullptr;
        const bool is_array = column && column->category == 'A', is_range = column && column->is_range;
        for (const auto& one : classes_.serving(search.atom->op, search.type, is_array, is_range, false)) {
            const bool serves_all = std::all_of(group.begin(), group.end(), [&](const Search* other) {
                const auto serving = classes_.serving(other->atom->op, other->type, is_array, is_range, false);
                return std::any_of(serving.begin(), serving.end(), [&](const OperatorClass& c) { return c.method == one.method && c.name == one.name; });
            });
            if (serves_all) return one;
        }
        return search.best;
    }

    void single(const Search& search, const std::vector<Search>& all) {
        std::vector<const Search*> group;
        for (const Search& other : all) {
            if (other.atom->subject == search.atom->subject) group.push_back(&other);
        }
        if (group[0] != &search) return;  // the subject had its turn
        const OperatorClass chosen = class_for(search, group);
        if (exists(search, chosen)) return;
        make({{search, chosen}}, group);
    }

    bool exists(const Search& search, const OperatorClass& chosen) const {
        return search.atom->column && std::any_of(use_.relation->indexes.begin(), use_.relation->indexes.end(), [&](const Index& index) {
            const bool is_same_class = chosen.is_default || index.definition.find(chosen.name) != std::string::npos;
            return index.is_valid && index.method == chosen.method && index.predicate.empty() && !index.keys.empty() &&
                   index.keys[0] == search.atom->column && is_same_class;
        });
    }

    // GIN and GiST indexes over more than one subject find the rows that meet all.
    void several(const std::vector<Search>& searches) {
        std::vector<std::pair<Search, OperatorClass>> parts;
        std::vector<const Search*> group;
        for (const Search& search : searches) {
            if (search.best.method != searches[0].best.method) return;
            group.push_back(&search);
            const bool is_known = std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return part.first.atom->subject == search.atom->subject; });
            if (!is_known) parts.emplace_back(search, search.best);
        }
        if (parts.size() > 1 && parts.size() <= kKeysMax) make(parts, group);
    }

    void make(const std::vector<std::pair<Search, OperatorClass>>& parts, const std::vector<const Search*>& conditions) {
        IndexSpec spec;
        spec.relation = use_.relation;
        spec.method = parts[0].second.method;
        spec.extra_cost = kSearchCost;
        for (const auto& [search, chosen] : parts) {
            spec.keys.push_back({search.atom->subject, search.atom->column, chosen.is_default ? "" : chosen.name, false, false});
            if (chosen.name.find("trgm") != std::string::npos && classes_.serving("~~", 25, false, false, false).empty()) spec.extension = "pg_trgm";
            spec.kind_hint = kind_of(search, chosen);
        }
        std::string where;
        for (const Search* search : conditions) {
            const std::string condition = questions_.folded(*search->atom);
            if (condition.empty()) return;
            where += (where.empty() ? "" : " AND ") + ("(" + condition + ")");
            spec.extra_cost += kTrigramCost * search->trigrams;
        }
        spec.use.condition = where;
        // A constant key without statistics: rows come in no order, as from GIN.
        spec.stand_in = "CREATE INDEX ON % ((" + parts[0].first.atom->subject + " IS NULL)) WHERE " + where;
        found_.push_back(std::move(spec));
    }

    static std::string kind_of(const Search& search, const OperatorClass& chosen) {
        if (chosen.method != "gin") return "gist";
        if (chosen.name.find("trgm") != std::string::npos) return "gin_trgm";
        if (search.type == kTsvector) return "gin_fts";
        return search.type == kJsonb ? "gin_jsonb" : "gin_array";
    }

    // ORDER BY subject <-> constant LIMIT n: read in that order from an index that knows distances.
    void nearest(const SortUse& sort) {
        if (!sort.is_limited || sort.columns.empty() || sort.columns[0].distance.empty() || sort.columns[0].descending) return;
        const SortColumn& first = sort.columns[0];
        const auto type = type_of_subject(first.subject, first.column);
        const auto serving = classes_.serving(first.distance, type.oid, type.is_array, type.is_range, true);
        if (serving.empty()) return;
        IndexSpec spec;
        spec.relation = use_.relation;
        spec.method = serving[0].method;
        spec.kind_hint = "gist";
        spec.keys = {{first.subject, first.column, serving[0].is_default ? "" : serving[0].name, false, false}};
        spec.extra_cost = kSearchCost;
        spec.use.is_ordered = true;
        spec.stand_in = "CREATE INDEX ON % ((" + first.whole + "))";
        found_.push_back(std::move(spec));
    }

    TableUse& use_;
    const OperatorClasses& classes_;
    const CandidateQuestions& questions_;
    std::vector<IndexSpec> found_;
};

}  // namespace

std::vector<IndexSpec> search_candidates(TableUse& use, const OperatorClasses& classes, const CandidateQuestions& questions) {
    return SearchGenerator(use, classes, questions).generate();
}

int trigrams_of(const std::string& op, const std::string& pattern) {
    const bool is_like = op == "~~" || op == "~~*";
    int trigrams = 0, run = 0;
    const auto end_run = [&] {
        if (run >= 3) trigrams += run - 2;
        run = 0;
    };
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const auto c = static_cast<unsigned char>(pattern[i]);
        const bool is_wild = is_like ? c == '%' || c == '_' : std::string_view(".*+?()[]{}|^$\\").find(pattern[i]) != std::string_view::npos;
        if (is_like && c == '\\') continue;
        if (is_wild || (!std::isalnum(c) && c < 0x80)) end_run();
        else ++run;
    }
    end_run();
    return trigrams;
}

}  // namespace larder::advisor
