#include "advisor/candidates.h"

#include <algorithm>
#include <cmath>

#include "advisor/search_candidates.h"

namespace larder::advisor {

namespace {

constexpr std::size_t kIncludedMax = 3;
constexpr int kIncludedWidthMax = 64;
constexpr double kCoveredRowsMin = 50;
constexpr std::size_t kCoveringMax = 12;
// A value that more rows than this share have tells nothing: an index on it alone is only a smaller copy of the table.
constexpr double kCommonShare = 0.5;
// An expression's value is guessed to be rare; counted, it is no key if it is more common than that.
constexpr double kCommonExpression = 0.2;
constexpr double kMisjudged = 4;
constexpr double kFewValues = 50;
constexpr double kBrinCorrelationMin = 0.95;
constexpr double kBrinPagesMin = 1024;

IndexKey key_of(const Atom& atom) { return {atom.subject, atom.column, {}, false, false}; }

// LIKE 'abc%' needs a class that compares byte by byte, unless the column's collation does already.
IndexKey prefix_key(const Atom& atom, const Relation& relation) {
    IndexKey key = key_of(atom);
    const Column* column = atom.column ? relation.column(atom.column) : nullptr;
    const bool is_blank_padded = column && column->type == 1042;
    key.operator_class = is_blank_padded ? "bpchar_pattern_ops" : "text_pattern_ops";
    return key;
}

class Generator {
public:
    Generator(TableUse& use, const CandidateQuestions& questions) : use_(use), questions_(questions) {}

    std::vector<IndexSpec> generate() {
        estimate();
        from_atoms(use_.atoms);
        for (const auto& either : use_.alternatives) {
            for (const auto& arm : either) from_arm(arm);
        }
        partial();
        brin();
        return std::move(found_);
    }

private:
    using Keys = std::vector<IndexKey>;

    void estimate() {
        for (Atom& atom : use_.atoms) {
            const bool counts = atom.kind == AtomKind::equality || is_partial_kind(atom);
            if (!counts || atom.is_join || atom.text.empty() || atom.rows >= 0) continue;
            atom.rows = questions_.rows(*use_.relation, atom.text);
            if (atom.kind == AtomKind::equality && atom.column == 0) count(atom);
        }
    }

    // Of an expression the planner keeps no statistics, and takes a two-hundredth.
    void count(Atom& atom) {
        const auto counted = questions_.sampled ? questions_.sampled(*use_.relation, atom.text) : std::nullopt;
        if (!counted) return;
        is_misjudged_ = is_misjudged_ || *counted > kMisjudged * atom.rows;
        atom.rows = *counted;
    }

    bool is_common_expression(const Atom& atom) const {
        return atom.column == 0 && atom.kind == AtomKind::equality && use_.relation->rows > 0 && atom.rows > kCommonExpression * use_.relation->rows;
    }

    // With so many more rows than the planner believes, an index has to give the order of a limited statement as well.
    bool needs_order() const {
        return is_misjudged_ && std::any_of(use_.sorts.begin(), use_.sorts.end(), [](const SortUse& sort) { return sort.is_limited && sort.is_whole && !sort.is_grouping; });
    }

    bool names_moment(const IndexKey& key) const {
        return key.column == 0 && std::any_of(questions_.moments.begin(), questions_.moments.end(), [&](const std::string& value) { return key.subject.find(value) != std::string::npos; });
    }

    void add(Keys keys, std::string where = {}, bool names_a_value = false) {
        Keys once;
        for (auto& key : keys) {
            if (names_moment(key)) return;
            const bool is_there = std::any_of(once.begin(), once.end(), [&](const IndexKey& other) { return other.subject == key.subject; });
            if (!is_there && once.size() < kKeysMax) once.push_back(std::move(key));
        }
        if (once.empty() || found_.size() >= kCandidatesPerTableMax || has_key_before_end(once)) return;
        IndexSpec spec;
        spec.relation = use_.relation;
        spec.keys = std::move(once);
        spec.where = std::move(where);
        spec.names_a_value = names_a_value;
        const auto signature = spec.signature();
        if (std::any_of(found_.begin(), found_.end(), [&](const IndexSpec& other) { return other.signature() == signature; })) return;
        spec.is_there = std::any_of(use_.relation->indexes.begin(), use_.relation->indexes.end(), [&](const Index& index) { return starts_like(index, spec); });
        found_.push_back(std::move(spec));
    }

    // What follows a whole key tells nothing more.
    bool has_key_before_end(const Keys& keys) const {
        std::vector<int> numbers;
        for (std::size_t i = 0; i + 1 < keys.size(); ++i) {
            numbers.push_back(keys[i].column);
            if (use_.relation->is_key(numbers)) return true;
        }
        return false;
    }

    static Keys joined(Keys one, const Keys& other) {
        one.insert(one.end(), other.begin(), other.end());
        return one;
    }

    struct Parts {
        Keys equal, joins, lists, ranges;
        Keys rare;  // of equal, those that tell something
    };

    Parts parts_of(const std::vector<Atom>& atoms, const std::string& without_text = {}) const {
        Parts parts;
        std::vector<const Atom*> equal;
        for (const Atom& atom : atoms) {
            if ((!without_text.empty() && atom.text == without_text) || is_common_expression(atom)) continue;
            switch (atom.kind) {
                case AtomKind::equality:
                case AtomKind::truth:
                case AtomKind::null_test:
                    if (atom.op == "IS NOT NULL") break;
                    if (atom.is_join) parts.joins.push_back(key_of(atom));
                    else equal.push_back(&atom);
                    break;
                case AtomKind::any_of: (atom.is_join ? parts.joins : parts.lists).push_back(key_of(atom)); break;
                case AtomKind::range: parts.ranges.push_back(key_of(atom)); break;
                case AtomKind::prefix: parts.ranges.push_back(prefix_key(atom, *use_.relation)); break;
                case AtomKind::search:
                case AtomKind::opaque: break;
            }
        }
        std::stable_sort(equal.begin(), equal.end(), [](const Atom* one, const Atom* other) { return one->rows < other->rows; });
        for (const Atom* atom : equal) {
            parts.equal.push_back(key_of(*atom));
            if (use_.relation->rows <= 0 || atom->rows <= kCommonShare * use_.relation->rows) parts.rare.push_back(key_of(*atom));
        }
        return parts;
    }

    // All of one direction read an index backwards as well as forwards; a mixed order is copied as it is.
    static Keys sort_keys(const SortUse& sort) {
        const auto is_default = [](const SortColumn& c) { return c.nulls_first == c.descending; };
        const bool is_uniform = std::all_of(sort.columns.begin(), sort.columns.end(), [&](const SortColumn& c) {
            return c.descending == sort.columns[0].descending && is_default(c);
        });
        Keys keys;
        for (const auto& column : sort.columns) {
            if (!column.distance.empty()) return {};
            keys.push_back({column.subject, column.column, {}, !is_uniform && column.descending, !is_uniform && column.nulls_first});
        }
        return keys;
    }

    void from_atoms(const std::vector<Atom>& atoms) {
        const Parts parts = parts_of(atoms);
        if (needs_order()) {
            for (const auto& sort : use_.sorts) with_sort(parts, sort);
            return;
        }
        for (const auto* group : {&parts.rare, &parts.lists, &parts.ranges, &parts.joins}) {
            for (const auto& key : *group) add({key});
        }
        if (!parts.rare.empty()) add(parts.equal);
        with_ranges(parts.equal, parts);
        with_joins(parts);
        for (const auto& sort : use_.sorts) with_sort(parts, sort);
        if (!parts.rare.empty() || !parts.lists.empty() || !parts.ranges.empty()) add(joined(joined(parts.equal, parts.lists), parts.ranges));
    }

    void with_ranges(const Keys& before, const Parts& parts) {
        for (const auto& range : parts.ranges) add(joined(before, {range}));
        for (const auto& list : parts.lists) {
            add(joined(before, {list}));
            add(joined({list}, before));
            for (const auto& range : parts.ranges) add(joined(joined(before, {list}), {range}));
        }
    }

    void with_joins(const Parts& parts) {
        for (const auto& join : parts.joins) {
            const Keys join_first = joined({join}, parts.equal), join_last = joined(parts.equal, {join});
            add(join_first);
            add(join_last);
            with_ranges(join_first, parts);
            for (const auto& sort : use_.sorts) {
                add(joined({join}, sort_keys(sort)));
                add(joined(join_first, sort_keys(sort)));
            }
        }
        if (parts.joins.size() > 1) add(joined(parts.joins, parts.equal));
    }

    void with_sort(const Parts& parts, const SortUse& sort) {
        const Keys order = sort_keys(sort);
        if (order.empty()) return;
        add(order);
        add(joined(parts.equal, order));
        if (sort.is_limited && sort.is_whole && !sort.is_grouping) {
            for (auto& spec : found_) spec.gives_order = spec.gives_order || spec.keys == joined(parts.equal, order);
        }
        add({order[0]});
        const Keys filters = joined(joined(parts.lists, parts.ranges), parts.joins);
        add(joined(joined(parts.equal, order), filters));
        add(joined(order, joined(parts.equal, filters)));
        for (const auto& list : parts.lists) add(joined(joined(parts.equal, {list}), order));
    }

    void from_arm(const std::vector<Atom>& arm) {
        const Parts inside = parts_of(arm), outside = parts_of(use_.atoms);
        for (const auto* group : {&inside.equal, &inside.lists, &inside.ranges, &inside.joins}) {
            for (const auto& key : *group) {
                add({key});
                add(joined(outside.equal, {key}));
            }
        }
        // The arms' scans are put together as bitmaps; each may use what holds for all arms.
        if (!inside.equal.empty()) {
            for (const auto& range : outside.ranges) add(joined(inside.equal, {range}));
        }
        add(inside.equal);
        with_ranges(inside.equal, inside);
        for (const Atom& atom : arm) {
            if (atom.kind == AtomKind::opaque && is_rare_value(atom)) add(fallback_key(), atom.text);
        }
    }

    // Conditions of which a partial index can be made, and for which it is a good one.
    static bool is_partial_kind(const Atom& atom) {
        return !atom.text.empty() && !atom.is_join &&
               (atom.kind == AtomKind::opaque || atom.kind == AtomKind::truth || atom.kind == AtomKind::null_test || atom.kind == AtomKind::any_of ||
                (atom.kind == AtomKind::equality && atom.is_constant));
    }

    bool names_parameter(const Atom& atom) const {
        return std::any_of(questions_.parameters.begin(), questions_.parameters.end(),
                           [&](const std::string& value) { return !value.empty() && atom.text.find(value) != std::string::npos; });
    }

    // A comparison of columns with each other, or a search by a function, is estimated by rule of thumb: then the trial decides.
    bool is_rare(const Atom& atom) {
        if (use_.relation->rows <= 0 || names_parameter(atom)) return false;
        const double rows = atom.rows >= 0 ? atom.rows : questions_.rows(*use_.relation, atom.text);
        return rows <= (atom.kind == AtomKind::opaque ? kThumbShareMax : kPartialShareMax) * use_.relation->rows;
    }

    // A predicate may name constants only of columns that have few values: else it fits this one statement and no other.
    bool has_few_values(const Atom& atom) const {
        const auto expression = parse_expression(atom.text);
        if (!expression) return false;
        bool is_fine = true;
        const bool has_constants = contains(*expression, "A_Const");
        visit_nodes(*expression, [&](const Node& part) {
            const auto path = column_path(part);
            if (path.empty()) return true;
            const Column* column = use_.relation->column(path.back());
            const bool is_scalar = column && column->category != 'A' && column->category != 'U';
            is_fine = is_fine && is_scalar && (!has_constants || (column->distinct > 0 && column->distinct <= kFewValues));
            return true;
        });
        return is_fine;
    }

    bool is_rare_value(const Atom& atom) {
        if (atom.kind == AtomKind::truth || atom.kind == AtomKind::null_test) return is_rare(atom);
        return has_few_values(atom) && is_rare(atom);
    }

    Keys fallback_key() const {
        for (const Index& index : use_.relation->indexes) {
            const Column* column = index.is_primary && !index.keys.empty() ? use_.relation->column(index.keys[0]) : nullptr;
            if (column) return {{column->quoted, column->number, {}, false, false}};
        }
        const int number = use_.needed.empty() ? 1 : *use_.needed.begin();
        const Column* column = use_.relation->column(number);
        return column ? Keys{{column->quoted, column->number, {}, false, false}} : Keys{};
    }

    // Does it ask for a certain value, or one of some? Another statement may ask for others.
    static bool names_value(const Atom& atom) {
        if (atom.kind != AtomKind::opaque) return atom.kind == AtomKind::equality || atom.kind == AtomKind::any_of;
        const auto expression = parse_expression(atom.text);
        bool found = false;
        if (expression) {
            visit_nodes(*expression, [&](const Node& part) {
                const auto* equal = operator_of(part) == "=" ? fields_of(part, "A_Expr") : nullptr;
                found = found || (equal && is_free_of_columns(member(*equal, "rexpr")));
                return type_of(part) != "BoolExpr" || word(*fields_of(part, "BoolExpr"), "boolop") != "NOT_EXPR";
            });
        }
        return found;
    }

    void partial_on(const Atom& atom) {
        const std::string& where = atom.text;
        const Parts rest = parts_of(use_.atoms, where);
        bool has_key = false;
        const auto offer = [&](const Keys& keys) {
            has_key = has_key || !keys.empty();
            add(keys, where, names_value(atom));
        };
        for (const auto& sort : use_.sorts) {
            const Keys order = sort_keys(sort);
            if (!order.empty()) offer(joined(rest.equal, order));
        }
        for (const auto& range : rest.ranges) offer(joined(rest.equal, {range}));
        for (const auto& join : rest.joins) offer(joined(rest.equal, {join}));
        // A lookup of a value is better served by an index of all values.
        if (atom.kind == AtomKind::equality || atom.kind == AtomKind::any_of) return;
        offer(rest.equal);
        if (!has_key) add(fallback_key(), where);
    }

    void partial() {
        for (const Atom& atom : use_.atoms) {
            if (is_partial_kind(atom) && is_rare_value(atom)) partial_on(atom);
        }
    }

    void brin() {
        for (const Atom& atom : use_.atoms) {
            const Column* column = atom.kind == AtomKind::range && atom.column ? use_.relation->column(atom.column) : nullptr;
            if (!column || std::abs(column->correlation) < kBrinCorrelationMin || use_.relation->pages < kBrinPagesMin) continue;
            IndexSpec spec;
            spec.relation = use_.relation;
            spec.method = "brin";
            spec.keys = {key_of(atom)};
            found_.push_back(std::move(spec));
        }
    }

    TableUse& use_;
    const CandidateQuestions& questions_;
    std::vector<IndexSpec> found_;
    bool is_misjudged_ = false;
};

}  // namespace

std::vector<IndexSpec> candidates(TableUse& use, const OperatorClasses& classes, const CandidateQuestions& questions) {
    auto found = Generator(use, questions).generate();
    for (auto& spec : search_candidates(use, classes, questions)) found.push_back(std::move(spec));
    return found;
}

std::vector<IndexSpec> covering_variants(const std::vector<IndexSpec>& specs, const TableUse& use) {
    std::vector<IndexSpec> found;
    if (use.needs_all || use.rows < kCoveredRowsMin) return found;
    for (const auto& spec : specs) {
        if (spec.method != "btree" || spec.relation != use.relation || spec.keys.size() > 3 || found.size() >= kCoveringMax) continue;
        IndexSpec wider = spec;
        wider.is_there = false;
        int width = 0;
        for (const int number : use.needed) {
            const Column* column = use.relation->column(number);
            const bool is_key = std::any_of(spec.keys.begin(), spec.keys.end(), [&](const IndexKey& key) { return key.column == number; });
            if (!column || is_key) continue;
            width += column->average_width;
            wider.include.push_back(column->quoted);
        }
        std::vector<int> numbers;
        for (const auto& key : spec.keys) numbers.push_back(key.column);
        if (spec.is_there && use.relation->is_key(numbers)) continue;  // one row at a time: a second index of a key saves next to nothing
        if (wider.include.empty() || wider.include.size() > kIncludedMax || width > kIncludedWidthMax) continue;
        found.push_back(std::move(wider));
    }
    return found;
}

}  // namespace larder::advisor
