#include "advisor/operator_classes.h"

#include <algorithm>
#include <set>

namespace larder::advisor {

namespace {

constexpr unsigned kText = 25, kVarchar = 1043, kAnyArray = 2277, kAnyRange = 3831, kAnyMultirange = 4537;

constexpr const char* kQuery =
    "SELECT am.amname, oc.opcname, oc.opcintype, oc.opcdefault, o.oprname, ao.amoppurpose = 'o', oc.oid "
    "FROM pg_amop ao JOIN pg_opclass oc ON oc.opcfamily = ao.amopfamily AND oc.opcmethod = ao.amopmethod AND ao.amoplefttype = oc.opcintype "
    "JOIN pg_am am ON am.oid = oc.opcmethod JOIN pg_operator o ON o.oid = ao.amopopr "
    "WHERE am.amname NOT IN ('btree', 'hash', 'brin') "
    "GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2";

// Asked under the client's search_path, so that it holds no name without its schema and no operator.
constexpr const char* kVisible = "SELECT c.oid FROM pg_catalog.pg_opclass c WHERE pg_catalog.pg_opclass_is_visible(c.oid)";

int rank(const OperatorClass& one, bool for_order) {
    const char* const first = for_order ? "gist" : "gin";
    if (one.method == first) return 0;
    return one.method == "gist" ? 1 : one.method == "spgist" ? 2 : 3;
}

}  // namespace

OperatorClasses::OperatorClasses(Connection& connection) {
    std::set<Value> visible;
    for (Row& row : connection.ask_in_path(kVisible)) visible.insert(std::move(row[0]));
    for (const Row& row : connection.ask(kQuery)) {
        if (!visible.contains(row[6])) continue;
        OperatorClass& one = all_.emplace_back();
        one.method = row[0].value_or(""), one.name = row[1].value_or("");
        one.type = static_cast<unsigned>(std::stoul(row[2].value_or("0")));
        one.is_default = row[3] == "t";
        one.op = row[4].value_or("");
        one.orders = row[5] == "t";
    }
}

std::vector<OperatorClass> OperatorClasses::serving(const std::string& op, unsigned type, bool is_array, bool is_range, bool for_order) const {
    std::vector<OperatorClass> found;
    for (const auto& one : all_) {
        const bool fits = one.type == type || (one.type == kText && type == kVarchar) || (one.type == kAnyArray && is_array) ||
                          ((one.type == kAnyRange || one.type == kAnyMultirange) && is_range);
        if (fits && one.op == op && one.orders == for_order) found.push_back(one);
    }
    const auto abilities = [&](const OperatorClass& one) {
        return std::count_if(all_.begin(), all_.end(), [&](const OperatorClass& other) { return other.method == one.method && other.name == one.name; });
    };
    std::stable_sort(found.begin(), found.end(), [&](const OperatorClass& one, const OperatorClass& other) {
        const int ranks[] = {rank(one, for_order), rank(other, for_order)};
        return ranks[0] != ranks[1] ? ranks[0] < ranks[1] : abilities(one) < abilities(other);
    });
    return found;
}

}  // namespace larder::advisor
