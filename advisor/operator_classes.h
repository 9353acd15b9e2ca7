// Which index can serve which operator, as pg_amop says: so extensions' types and operators work without being named here.
#pragma once

#include <string>
#include <vector>

#include "advisor/connection.h"

namespace larder::advisor {

struct OperatorClass {
    std::string method, name;
    unsigned type = 0;           // what it indexes
    bool is_default = false;
    std::string op;
    bool orders = false;         // ORDER BY subject op constant; else it searches
};

class OperatorClasses {
public:
    // Asks once; every access method but btree, hash and brin, whose operators are known.
    explicit OperatorClasses(Connection& connection);
    explicit OperatorClasses(std::vector<OperatorClass> all) : all_(std::move(all)) {}

    // Those that serve the operator over a column of this type (for arrays: with this element type), best first: GIN before the
    // others for a search, GiST for an order; the one with fewest abilities (the smallest) before the others of its method.
    std::vector<OperatorClass> serving(const std::string& op, unsigned type, bool is_array, bool is_range, bool for_order) const;

private:
    std::vector<OperatorClass> all_;
};

}  // namespace larder::advisor
