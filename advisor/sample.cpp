#include "advisor/sample.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace larder::advisor {

namespace {

constexpr double kPages = 200;

double number(const Value& value) {
    double parsed = 0;
    if (value) std::from_chars(value->data(), value->data() + value->size(), parsed);
    return parsed;
}

}  // namespace

bool Sampler::is_harmless(const Node& condition) {
    bool is_fine = true;
    visit_nodes(condition, [&](const Node& part) {
        if (type_of(part) == "SubLink" || type_of(part) == "ParamRef") is_fine = false;
        const auto name = function_of(part);
        if (name.empty() || !is_fine) return is_fine;
        const auto rows = connection_.ask("SELECT bool_and(pronamespace = 'pg_catalog'::regnamespace AND provolatile <> 'v') FROM pg_proc WHERE proname = $1", {name});
        is_fine = rows[0][0] == "t";
        return is_fine;
    });
    return is_fine;
}

std::optional<Sampler::Share> Sampler::share(const Relation& relation, const std::string& condition) {
    if ((relation.kind != 'r' && relation.kind != 'm') || relation.pages <= 0) return std::nullopt;
    const auto tree = parse_expression(condition);
    if (!tree || !is_harmless(*tree)) return std::nullopt;
    const auto rows = connection_.attempt_as_client("SELECT pg_catalog.count(*) FILTER (WHERE " + condition + "), pg_catalog.count(*) FROM " + sample_of(relation));
    if (!rows || rows->empty()) return std::nullopt;
    const Share share{number((*rows)[0][0]), number((*rows)[0][1])};
    return share.seen > 0 ? std::optional(share) : std::nullopt;
}

std::string Sampler::sample_of(const Relation& relation) const {
    char percent[32];
    std::snprintf(percent, sizeof percent, "%.4f", std::min(100.0, 100 * kPages / relation.pages));
    return relation.quoted + " TABLESAMPLE SYSTEM (" + percent + ") REPEATABLE (1)";
}

std::optional<double> Sampler::distinct(const Relation& relation, const std::string& columns) {
    if ((relation.kind != 'r' && relation.kind != 'm') || relation.pages <= 0) return std::nullopt;
    // Equal values on one page are neighbours, and say nothing of the other pages: they count once.
    const auto rows = connection_.attempt_as_client("SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE n OPERATOR(pg_catalog.=) 1), pg_catalog.sum(n), pg_catalog.sum(m) "
                                          "FROM (SELECT pg_catalog.count(DISTINCT (ctid::pg_catalog.text::pg_catalog.point)[0]) AS n, pg_catalog.count(*) AS m FROM " +
                                          sample_of(relation) + " GROUP BY " + columns + ") AS s");
    if (!rows || rows->empty() || !(*rows)[0][2]) return std::nullopt;
    const double different = number((*rows)[0][0]), once = number((*rows)[0][1]), seen = number((*rows)[0][2]);
    const double all = std::max(relation.rows * seen / std::max(number((*rows)[0][3]), 1.0), seen);
    return std::clamp(seen * different / (seen - once + once * seen / all), different, all);
}

}  // namespace larder::advisor
