#include <algorithm>

#include "advisor/candidates.h"

// What an index would find, told from the conditions that its keys serve.

namespace larder::advisor {

namespace {

const Atom* atom_on(const TableUse& use, const IndexKey& key) {
    const auto serves = [&](const Atom& atom) { return atom.subject == key.subject && atom.kind != AtomKind::search && atom.kind != AtomKind::opaque; };
    const auto found = std::find_if(use.atoms.begin(), use.atoms.end(), serves);
    return found == use.atoms.end() ? nullptr : &*found;
}

bool gives_order(const IndexSpec& spec, std::size_t from, const TableUse& use) {
    return std::any_of(use.sorts.begin(), use.sorts.end(), [&](const SortUse& sort) {
        if (!sort.is_whole || sort.columns.empty() || from + sort.columns.size() > spec.keys.size()) return false;
        for (std::size_t i = 0; i < sort.columns.size(); ++i) {
            if (spec.keys[from + i].subject != sort.columns[i].subject) return false;
        }
        return true;
    });
}

double rows_per_value(const Relation& relation, int number) {
    const Column* column = number ? relation.column(number) : nullptr;
    const double rows = std::max(relation.rows, 1.0);
    if (!column || column->distinct == 0) return std::max(1.0, rows / 200);
    const double values = column->distinct > 0 ? column->distinct : -column->distinct * rows;
    return std::max(1.0, rows / std::max(values, 1.0));
}

}  // namespace

void describe_use(IndexSpec& spec, const TableUse& use, const CandidateQuestions& questions) {
    IndexSpec::Use& told = spec.use;
    told.is_known = true;
    std::string condition = told.condition.empty() ? spec.where : told.condition;
    std::size_t at = 0;
    for (; at < spec.keys.size() && told.condition.empty(); ++at) {
        const Atom* atom = atom_on(use, spec.keys[at]);
        if (!atom) break;
        const bool is_range = atom->kind == AtomKind::range || atom->kind == AtomKind::prefix;
        if (atom->is_join && !is_range) {
            told.is_join = true;
            told.rows_per_join = std::max(1.0, rows_per_value(*spec.relation, spec.keys[at].column));
            continue;
        }
        if (atom->text.empty()) break;
        if (is_range && gives_order(spec, at, use)) told.is_ordered = true;
        for (const Atom& other : use.atoms) {
            if (other.subject == atom->subject && !other.text.empty() && other.kind == atom->kind) condition += (condition.empty() ? "" : " AND ") + ("(" + other.text + ")");
        }
        if (is_range || atom->kind == AtomKind::any_of) {
            ++at;
            break;
        }
    }
    told.is_ordered = told.is_ordered || (at < spec.keys.size() && spec.method == "btree" && gives_order(spec, at, use));
    told.is_selective = !condition.empty();
    told.rows = condition.empty() ? spec.relation->rows : questions.rows(*spec.relation, condition);
    if (told.is_join && told.is_selective && spec.relation->rows > 0) told.rows_per_join = std::max(1.0, told.rows_per_join * told.rows / spec.relation->rows);
}

}  // namespace larder::advisor
