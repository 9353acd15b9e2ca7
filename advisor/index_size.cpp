#include "advisor/index_size.h"

#include <algorithm>
#include <cmath>

#include "advisor/node.h"

namespace larder::advisor {

namespace {

constexpr double kPageBytes = 8192, kFill = 0.9;   // a B-tree's leaves are filled so far when it is built
constexpr double kTuple = 12;                      // header and line pointer
constexpr double kPointer = 6;                     // to one more row of the same key: equal keys are kept once
constexpr double kExpressionWidth = 16;
constexpr double kBrinRange = 128;

double aligned(double bytes) { return std::ceil(bytes / 8) * 8; }

double after(double bytes, const Column* column) {
    static const std::set<unsigned> kEights = {20, 701, 1114, 1184}, kFours = {23, 26, 700, 1082};
    if (!column) return bytes + kExpressionWidth;
    const double step = kEights.contains(column->type) ? 8 : kFours.contains(column->type) ? 4 : 1;
    return std::ceil(bytes / step) * step + column->average_width;
}

double key_bytes(const IndexSpec& spec) {
    double bytes = 0;
    for (const auto& key : spec.keys) bytes = after(bytes, key.column ? spec.relation->column(key.column) : nullptr);
    for (const auto& name : spec.include) {
        const auto found = std::find_if(spec.relation->columns.begin(), spec.relation->columns.end(), [&](const Column& column) { return column.quoted == name; });
        bytes = after(bytes, found == spec.relation->columns.end() ? nullptr : &*found);
    }
    return aligned(bytes);
}

// Equal keys are kept once only where equal values are the same bytes: not so for numeric, floating point, char(n), jsonb, arrays, ….
bool is_shared(const IndexSpec& spec) {
    static const std::set<unsigned> kShared = {16, 17, 18, 19, 20, 21, 23, 25, 26, 1043, 1082, 1083, 1114, 1184, 2950};
    return spec.include.empty() && std::all_of(spec.keys.begin(), spec.keys.end(), [&](const IndexKey& key) {
        const Column* column = key.column ? spec.relation->column(key.column) : nullptr;
        return column && (column->category == 'E' || kShared.contains(column->type));
    });
}

// How many different keys there are: no more than the product of the columns' counts.
double distinct_keys(const IndexSpec& spec, double rows) {
    double keys = 1;
    for (const auto& key : spec.keys) {
        const Column* column = key.column ? spec.relation->column(key.column) : nullptr;
        if (!column || column->distinct == 0) return rows;
        keys *= column->distinct > 0 ? column->distinct : -column->distinct * rows;
        if (keys >= rows) return rows;
    }
    return std::max(keys, 1.0);
}

}  // namespace

bool wants_count(const IndexSpec& spec) {
    return spec.method == "btree" && spec.keys.size() > 1 && spec.where.empty() && is_shared(spec) && distinct_keys(spec, spec.relation->rows) >= spec.relation->rows;
}

double index_bytes(const IndexSpec& spec, double share, double distinct) {
    const double rows = std::max(spec.relation->rows, 0.0) * std::clamp(share, 0.0, 1.0);
    if (spec.method == "brin") return 3 * kPageBytes + std::max(spec.relation->pages, 0.0) / kBrinRange * (key_bytes(spec) * 2 + kTuple);
    const double keys = !is_shared(spec) ? rows : distinct > 0 ? std::min(distinct, rows) : distinct_keys(spec, rows);
    double bytes = keys * (kTuple + key_bytes(spec)) + (rows - keys) * kPointer;
    // One entry for each word or part of the value, most of them shared by many rows.
    if (spec.method == "gin") bytes = rows * (kPointer / 2 + 0.5 * key_bytes(spec));
    if (spec.method == "gist" || spec.method == "spgist") bytes = rows * (kTuple + 2 * key_bytes(spec));
    return kPageBytes * (1 + std::ceil(bytes / (kPageBytes * kFill)));
}

double upkeep_per_row(const IndexSpec& spec) {
    if (spec.method == "brin") return 0.05;
    if (spec.method == "gin") return 4;
    return spec.method == "btree" ? 1 + 0.1 * static_cast<double>(spec.keys.size() + spec.include.size()) : 2;
}

std::set<std::string> columns_named(const IndexSpec& spec) {
    std::set<std::string> names;
    const auto add = [&](const std::string& text) {
        const auto expression = parse_expression(text);
        if (!expression) return;
        visit_nodes(*expression, [&](const Node& part) {
            const auto path = column_path(part);
            if (!path.empty()) names.insert(path.back());
            return true;
        });
    };
    for (const auto& key : spec.keys) add(key.subject);
    for (const auto& name : spec.include) add(name);
    if (!spec.where.empty()) add(spec.where);
    return names;
}

}  // namespace larder::advisor
